"""A rubric as data: what is judged, on which scale, after which instructions, with worked examples.

    name: helpfulness
    version: 1
    source: after Askell et al. 2021, arXiv:2112.00861
    about: How far the answer gives the user what they need.
    inputs: [input, output]
    optional: [contexts]
    scale:
      kind: number
      anchors: {1: ..., 2: ..., 3: ..., 4: ..., 5: ...}
    instructions: ...
    cannot_judge: {when: "the request is empty"}
    examples:
      - {given: {input: ..., output: ...}, verdict: {score: 4}, why: ...}

The models are strict: an unknown key is an error that names the nearest. Nothing of a rubric is a
template; its texts reach the judge as they stand.
"""

import hashlib
import json
from difflib import get_close_matches
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from judgecli.scorer import MetricKind, Range

Text = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]
Id = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
Input = Annotated[
    str, StringConstraints(pattern=r"^(input|output|reasoning|reference|contexts|messages|output_messages|tools|expected_tools|tags_[A-Za-z0-9_]+)$")
]
Better = Literal["higher", "lower", "neither"]

MAX_POINTS = 101  # of a number scale


class Part(BaseModel):
    """A mapping of a rubric file. A key that it does not know is an error that names the nearest."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _know_keys(cls, data: Any) -> Any:
        for key in data if isinstance(data, dict) else ():
            if key not in cls.model_fields:
                near = get_close_matches(key, cls.model_fields, n=2)
                hint = f"did you mean {' or '.join(near)}?" if near else f"keys here: {', '.join(cls.model_fields)}"
                raise PydanticCustomError("unknown_key", "there is no key '{key}' here", {"key": key, "hint": hint})
        return data


def _refuse(message: str, hint: str, **where: str) -> PydanticCustomError:
    return PydanticCustomError("rubric", message, {"hint": hint, **where})


class NumberScale(Part):
    """Whole numbers from the lowest to the highest anchor. `anchors` says what a number means."""

    kind: Literal["number"]
    anchors: Annotated[dict[str, Text], Field(min_length=2)]
    better: Better = "higher"

    @model_validator(mode="after")
    def _are_numbers(self) -> "NumberScale":
        for key in self.anchors:
            if not (key.isascii() and key.removeprefix("-").isdigit() and str(int(key)) == key):
                raise _refuse("an anchor stands at a whole number, found '{name}'", "write 1: what a 1 means", name=key, key="anchors")
        if len(self.values) > MAX_POINTS:
            raise _refuse("a scale has at most 101 points", "nobody tells more of them apart")
        return self

    @property
    def values(self) -> list[int]:
        """Every number that a verdict may give, lowest first."""
        known = sorted(int(key) for key in self.anchors)
        return list(range(known[0], known[-1] + 1))


class Item(Part):
    """One yes-or-no question of a checklist; yes earns its weight."""

    id: Id
    ask: Text
    weight: Annotated[float, Field(gt=0)] = 1.0
    may_not_apply: bool = False


class ChecklistScale(Part):
    """Yes-or-no questions; the value is the share of the weight answered yes, from 0 to 1."""

    kind: Literal["checklist"]
    items: Annotated[list[Item], Field(min_length=1, max_length=40)]
    better: Better = "higher"

    @model_validator(mode="after")
    def _have_names(self) -> "ChecklistScale":
        names = [item.id for item in self.items]
        if len(set(names)) < len(names):
            raise _refuse("two items have the same id", "give each an id of its own")
        return self


class CategoriesScale(Part):
    """One of several names. With `points` for all of them the metric is a number, the name its label."""

    kind: Literal["categories"]
    categories: Annotated[dict[Id, Text], Field(min_length=2, max_length=40)]
    points: dict[Id, float] | None = None
    better: Better = "higher"

    @model_validator(mode="after")
    def _points_for_all(self) -> "CategoriesScale":
        if self.points is not None and set(self.points) != set(self.categories):
            raise _refuse("points are given to some categories only", "give every category its points, or none")
        return self


class ClaimsScale(Part):
    """Claims are taken out of a text, then each is checked. `measure` is the share of them that is
    supported, the share that is contradicted, or the F1 of both directions."""

    kind: Literal["claims"]
    of: Literal["output", "reference"] = "output"
    against: Annotated[list[Input], Field(min_length=1)]
    measure: Literal["supported", "contradicted", "f1"] = "supported"

    @model_validator(mode="after")
    def _both_ways(self) -> "ClaimsScale":
        if self.measure == "f1" and self.against not in (["reference"], ["output"]):
            raise _refuse("F1 needs one text on each side", "against: [reference]")
        return self


class StepsScale(Part):
    """Every step (or passage) gets one of `verdicts`. `before_first_bad`: the share of steps before the
    first bad one, 1 without any; `share_good`: good of all; `average_precision`: of the good ones by rank."""

    kind: Literal["steps"]
    of: Literal["output", "contexts"] = "output"
    verdicts: Annotated[dict[Id, Text], Field(min_length=2)]
    good: Annotated[list[Id], Field(min_length=1)]
    bad: Annotated[list[Id], Field(min_length=1)]
    measure: Literal["before_first_bad", "share_good", "average_precision"] = "before_first_bad"

    @model_validator(mode="after")
    def _name_verdicts(self) -> "StepsScale":
        unknown = sorted({*self.good, *self.bad} - set(self.verdicts))
        if unknown:
            raise _refuse("'{name}' is none of the verdicts", f"verdicts: {', '.join(self.verdicts)}", name=unknown[0])
        return self


class PairwiseScale(Part):
    """Which of two answers is better: 1 the first, 0 the second, 0.5 a tie. Asked in both orders."""

    kind: Literal["pairwise"]
    ties: bool = True


class ListwiseScale(Part):
    """Which of several answers is best; asked in two orders. The value is its place, from 1."""

    kind: Literal["listwise"]


Scale = Annotated[
    NumberScale | ChecklistScale | CategoriesScale | ClaimsScale | StepsScale | PairwiseScale | ListwiseScale,
    Field(discriminator="kind"),
]


class CannotJudge(Part):
    """When a judge should say that it cannot tell, and what the cell then is.

    `judge_refused` lowers the coverage. `not_applicable` does not, so a text that talks its judge
    into it vanishes without a trace: only for rubrics that truly do not fit every record.
    """

    when: Text
    reason: Literal["judge_refused", "not_applicable"] = "judge_refused"


class Example(Part):
    """A worked case: the inputs, the right verdict without its explanation, and why."""

    given: Annotated[dict[str, Any], Field(min_length=1)]
    verdict: Annotated[dict[str, Any], Field(min_length=1)]
    why: Text


class Rubric(Part):
    """What a judge is asked, whole. `sentinels` is false where an empty or worthless answer may rightly score well: it has no fault to find."""

    name: Id
    version: Annotated[int, Field(ge=1)] = 1
    source: Text
    about: Text
    inputs: Annotated[list[Input], Field(min_length=1)]
    optional: list[Input] = Field(default_factory=list)
    media: bool = False
    scale: Scale
    instructions: Text
    cannot_judge: CannotJudge
    examples: list[Example] = Field(default_factory=list)
    sentinels: bool = True

    @model_validator(mode="after")
    def _inputs_fit(self) -> "Rubric":
        both = sorted(set(self.inputs) & set(self.optional))
        if both:
            raise _refuse("'{name}' is required and optional", "name it once", name=both[0], key="optional")
        needed = self._scale_reads()
        if not needed <= set(self.inputs):
            raise _refuse(
                "the scale reads '{name}', which is not among the inputs", "add it to inputs", name=sorted(needed - set(self.inputs))[0], key="inputs"
            )
        return self

    def _scale_reads(self) -> set[str]:
        """The inputs that the scale cannot do without."""
        if isinstance(self.scale, ClaimsScale):
            return {self.scale.of, *self.scale.against}
        return {self.scale.of} if isinstance(self.scale, StepsScale) else set()

    def __hash__(self) -> int:
        return hash(self.identity)

    @cached_property
    def identity(self) -> str:
        """32 hex digits over everything the rubric says to a judge."""
        said = json.dumps(self.model_dump(mode="json", exclude={"sentinels"}), sort_keys=True, ensure_ascii=False)
        return hashlib.blake2b(said.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def metric_kind(scale: Scale) -> MetricKind:
    """The kind of metric that a scale gives."""
    return "category" if isinstance(scale, CategoriesScale) and scale.points is None else "number"


def metric_range(scale: Scale) -> Range:
    """The lowest and highest value; None where that end is open or the metric is a category."""
    if isinstance(scale, NumberScale):
        return float(scale.values[0]), float(scale.values[-1])
    if isinstance(scale, CategoriesScale):
        return (None, None) if scale.points is None else (min(scale.points.values()), max(scale.points.values()))
    return (1.0, None) if isinstance(scale, ListwiseScale) else (0.0, 1.0)


def higher_is_better(scale: Scale) -> bool | None:
    """The good direction of the metric, None where there is none."""
    if isinstance(scale, ClaimsScale):
        return scale.measure != "contradicted"
    if isinstance(scale, StepsScale | PairwiseScale):
        return True
    if isinstance(scale, ListwiseScale) or (isinstance(scale, CategoriesScale) and scale.points is None):
        return None
    return {"higher": True, "lower": False, "neither": None}[scale.better]
