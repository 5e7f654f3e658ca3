"""The agreed structure of one reply: which JSON object it must be, and what that object says.

A form describes itself to the endpoint (`schema`), to the judge (`shape`), and reads an object that
came back (`read`). All objects hold `explanation` first, so that a judge reasons before it decides.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

from judgecli.judge.rubric import CategoriesScale, ChecklistScale, NumberScale, PairwiseScale, Rubric

EXPLANATION = "two or three sentences that name what decided it"
LEVELS = {"supported": "the evidence says so", "contradicted": "the evidence says otherwise", "not_stated": "the evidence does not tell"}


class NotAgreed(ValueError):
    """The object is not what was agreed: wrong keys, wrong type, or out of scale."""


@dataclass(frozen=True)
class Form:
    """One JSON object with `explanation` and the field `key`."""

    key: str = "score"

    def value_schema(self) -> dict[str, object]:
        """The JSON Schema of the field `key`."""
        raise NotImplementedError

    def shape(self) -> str:
        """The object as shown to a judge."""
        raise NotImplementedError

    def read_value(self, value: object) -> object:
        """What the field says. Raises: NotAgreed."""
        raise NotImplementedError

    @cached_property
    def schema(self) -> Mapping[str, object]:
        """The JSON Schema of the whole object; null in the field means that it cannot be judged."""
        return {
            "type": "object",
            "properties": {"explanation": {"type": "string"}, self.key: {"anyOf": [self.value_schema(), {"type": "null"}]}},
            "required": ["explanation", self.key],
            "additionalProperties": False,
        }

    def read(self, found: Mapping[str, object]) -> tuple[object, str | None]:
        """What an object says, and its explanation. None: it cannot be judged. Raises: NotAgreed."""
        unknown = sorted(set(found) - {"explanation", self.key})
        if unknown or self.key not in found:
            raise NotAgreed(f"expected the keys explanation and {self.key}, found {', '.join(found)[:100] or 'none'}")
        explanation = found.get("explanation")
        if explanation is not None and not isinstance(explanation, str):
            raise NotAgreed("the explanation is no text")
        value = found[self.key]
        return (None if value is None else self.read_value(value)), explanation


@dataclass(frozen=True)
class NumberForm(Form):
    """`score`: one of the whole numbers of a scale; a number written as text counts if it is exactly one of them."""

    values: tuple[int, ...] = ()

    def value_schema(self) -> dict[str, object]:
        return {"type": "integer", "enum": list(self.values)}

    def shape(self) -> str:
        return f'{{"explanation": "{EXPLANATION}", "score": a whole number from {self.values[0]} to {self.values[-1]}}}'

    def read_value(self, value: object) -> float:
        if isinstance(value, str) and value.strip() in {str(known) for known in self.values}:
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int | float) or value not in self.values:
            raise NotAgreed(f"score {value!r} is none of the whole numbers from {self.values[0]} to {self.values[-1]}"[:200])
        return float(value)


@dataclass(frozen=True)
class NameForm(Form):
    """`category` (or `winner`): one of the names."""

    names: tuple[str, ...] = ()

    def value_schema(self) -> dict[str, object]:
        return {"type": "string", "enum": list(self.names)}

    def shape(self) -> str:
        names = ", ".join(f'"{name}"' for name in self.names)
        return f'{{"explanation": "{EXPLANATION}", "{self.key}": one of {names}}}'

    def read_value(self, value: object) -> str:
        if not isinstance(value, str) or value.strip() not in self.names:
            raise NotAgreed(f"{self.key} {value!r} is none of {', '.join(self.names)}"[:200])
        return value.strip()


@dataclass(frozen=True)
class ChecklistForm(Form):
    """`answers`: yes, no (or not_applicable where allowed) for every item. `items` holds (id, may not apply)."""

    key: str = "answers"
    items: tuple[tuple[str, bool], ...] = ()

    def value_schema(self) -> dict[str, object]:
        answers = {name: {"type": "string", "enum": ["yes", "no", *(["not_applicable"] if optional else [])]} for name, optional in self.items}
        return {"type": "object", "properties": answers, "required": list(answers), "additionalProperties": False}

    def shape(self) -> str:
        answers = ", ".join(f'"{name}": "yes" or "no"{" or " + chr(34) + "not_applicable" + chr(34) if optional else ""}' for name, optional in self.items)
        return f'{{"explanation": "{EXPLANATION}", "answers": {{{answers}}}}}'

    def read_value(self, value: object) -> dict[str, str]:
        if not isinstance(value, Mapping) or set(value) != {name for name, _ in self.items}:
            raise NotAgreed("the answers do not name every item once")
        for name, optional in self.items:
            if value[name] not in ("yes", "no") and not (optional and value[name] == "not_applicable"):
                raise NotAgreed(f"the answer to {name} is {value[name]!r}"[:200])
        return {name: str(value[name]) for name, _ in self.items}


@dataclass(frozen=True)
class ClaimsForm(Form):
    """`claims`: the single statements of a text, each understandable alone."""

    key: str = "claims"
    most: int = 40

    def value_schema(self) -> dict[str, object]:
        return {"type": "array", "items": {"type": "string"}}

    def shape(self) -> str:
        return f'{{"explanation": "one sentence", "claims": ["first claim", "second claim", ... at most {self.most}]}}'

    def read_value(self, value: object) -> list[str]:
        if not isinstance(value, list) or not all(isinstance(claim, str) and claim.strip() for claim in value):
            raise NotAgreed("claims is no list of texts")
        if len(value) > self.most:
            raise NotAgreed(f"{len(value)} claims, where at most {self.most} were asked for")
        return [claim.strip() for claim in value]


@dataclass(frozen=True)
class VerdictsForm(Form):
    """`verdicts`: one of the names for each of the numbered things, in order, none left out. `count` 0: not known yet."""

    key: str = "verdicts"
    names: tuple[str, ...] = tuple(LEVELS)
    count: int = 0

    def value_schema(self) -> dict[str, object]:
        one = {"number": {"type": "integer"}, "verdict": {"type": "string", "enum": list(self.names)}}
        return {"type": "array", "items": {"type": "object", "properties": one, "required": list(one), "additionalProperties": False}}

    def shape(self) -> str:
        names = " or ".join(f'"{name}"' for name in self.names)
        return f'{{"explanation": "{EXPLANATION}", "verdicts": [{{"number": 1, "verdict": {names}}}, ... one for every number, in order]}}'

    def read_value(self, value: object) -> list[str]:
        if not isinstance(value, list) or not all(isinstance(one, Mapping) and set(one) == {"number", "verdict"} for one in value):
            raise NotAgreed("verdicts is no list of {number, verdict}")
        numbers = [one["number"] for one in value]
        if any(isinstance(number, bool) for number in numbers) or numbers != list(range(1, self.count + 1)):
            raise NotAgreed(f"verdicts for the numbers {numbers}, where 1 to {self.count} were asked for"[:200])
        wrong = next((one["verdict"] for one in value if one["verdict"] not in self.names), None)
        if wrong is not None:
            raise NotAgreed(f"verdict {wrong!r} is none of {', '.join(self.names)}"[:200])
        return [str(one["verdict"]) for one in value]


@dataclass(frozen=True)
class RankingForm(Form):
    """`ranking`: the numbers of all answers, best first."""

    key: str = "ranking"
    count: int = 0

    def value_schema(self) -> dict[str, object]:
        return {"type": "array", "items": {"type": "integer"}}

    def shape(self) -> str:
        return f'{{"explanation": "{EXPLANATION}", "ranking": [number of the best answer, next, ... all of them]}}'

    def read_value(self, value: object) -> list[int]:
        if not isinstance(value, list) or any(isinstance(place, bool) or not isinstance(place, int) for place in value):
            raise NotAgreed("the ranking is no list of whole numbers")
        if sorted(value) != list(range(1, self.count + 1)):
            raise NotAgreed(f"the ranking {value} does not name 1 to {self.count} once each"[:200])
        return list(value)


@lru_cache(maxsize=256)
def form_of(rubric: Rubric, *, count: int = 0, extract: bool = False) -> Form:
    """The form of a rubric's replies. Claims are extracted first; verdicts and rankings hold `count` places."""
    scale = rubric.scale
    if isinstance(scale, NumberScale):
        return NumberForm(values=tuple(scale.values))
    if isinstance(scale, ChecklistScale):
        return ChecklistForm(items=tuple((item.id, item.may_not_apply) for item in scale.items))
    if isinstance(scale, CategoriesScale):
        return NameForm("category", names=tuple(scale.categories))
    if isinstance(scale, PairwiseScale):
        return NameForm("winner", names=("A", "B", *(["tie"] if scale.ties else [])))
    if scale.kind == "claims":
        return ClaimsForm() if extract else VerdictsForm(count=count)
    return VerdictsForm(names=tuple(scale.verdicts), count=count) if scale.kind == "steps" else RankingForm(count=count)


def example_object(rubric: Rubric, verdict: Mapping[str, object], why: str, *, extract: bool = False) -> dict[str, object]:
    """The verdict of a worked example as the object that a judge should answer with."""
    form = form_of(rubric, extract=extract)
    said = verdict.get(form.key)
    if isinstance(form, VerdictsForm) and isinstance(said, Sequence) and not isinstance(said, str):
        said = [{"number": place, "verdict": one} for place, one in enumerate(said, 1)]
    return {"explanation": why, form.key: said}
