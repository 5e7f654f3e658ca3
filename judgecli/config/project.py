"""The shape of judge.yaml: one model a section, no key beyond the declared ones.

Strict: a string is no number, `yes` is no boolean. Every field is data; nothing here is looked up,
imported or run.
"""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Discriminator, Field, StringConstraints, Tag, model_validator
from pydantic_core import PydanticCustomError

from judgecli.config.document import near_hint
from judgecli.schema import MAPPABLE

Text = Annotated[str, StringConstraints(min_length=1)]
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_.-]*$")]
Duration = Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]*(s|m|h|d|w)$")]
Share = Annotated[float, Field(ge=0, le=1)]
REFERENCE = r"^([1-9][0-9]*[hdw](\.\.[0-9]+[hdw])?|[0-9]{4}-[0-9]{2}-[0-9]{2}\.\.[0-9]{4}-[0-9]{2}-[0-9]{2})$"
Positive = Annotated[float, Field(gt=0)]

MAPPED_PREFIXES = ("tags.", "score.", "label.")


class Section(BaseModel):
    """A mapping of judge.yaml. A key that it does not know is an error that names the nearest."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _know_keys(cls, data: Any) -> Any:
        if isinstance(data, dict):
            for key in data:
                if key not in cls.model_fields:
                    raise PydanticCustomError("unknown_key", "there is no key '{key}' here", {"key": key, "hint": near_hint(key, list(cls.model_fields))})
        return data


def check_mapping(mapping: dict[str, str]) -> dict[str, str]:
    """`mapping` itself. Raises: an unknown_key error for a field that no record has."""
    for name in mapping:
        prefix = name.partition(".")[0] + "."
        if name not in MAPPABLE and not (prefix in MAPPED_PREFIXES and len(name) > len(prefix)):
            hint = near_hint(name, [*MAPPABLE, "tags.NAME", "score.NAME", "label.NAME"])
            raise PydanticCustomError("unknown_key", "there is no record field '{key}'", {"key": name, "hint": hint})
    return mapping


class Log(Section):
    path: Text
    format: Text | None = None
    zone: Text | None = None
    encoding: Text | None = None
    map: Annotated[dict[str, Text], AfterValidator(check_mapping)] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _know_zone(self) -> "Log":
        from zoneinfo import ZoneInfo

        try:
            ZoneInfo(self.zone or "UTC")
        except (KeyError, ValueError, OSError) as error:
            raise PydanticCustomError(
                "bad_zone", "there is no time zone '{zone}'", {"zone": str(self.zone), "key": "zone", "hint": "for example UTC or Europe/Berlin"}
            ) from error
        return self


class Judge(Section):
    """How an LLM judge is asked. base_url may hold ${NAME}, replaced when the endpoint is opened.

    Several models are a jury, whose scores `jury` combines; with `cascade` a chain, cheapest first,
    where the next is asked only if the one before was less sure than that. `replay` names a file of
    replies (judge replies export): nobody is asked, unless a model or an address is typed.
    """

    model: Text | Annotated[list[Text], Field(min_length=1)] | None = None
    base_url: Text | None = None
    api_key_env: Name | None = None
    concurrency: Annotated[int, Field(ge=1, le=4096)] | None = None
    timeout_s: Positive | None = None
    temperature: Annotated[float, Field(ge=0)] | None = None
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    max_cost: Positive | None = None
    max_calls: Annotated[int, Field(ge=1)] | None = None
    samples: Annotated[int, Field(ge=1)] | None = None
    logprobs: bool | None = None
    jury: Literal["mean", "median", "majority", "all", "any"] | None = None
    cascade: Annotated[float, Field(gt=0, le=1)] | None = None
    requests_per_minute: Positive | None = None
    tokens_per_minute: Positive | None = None
    parameters: dict[Text, Any] = Field(default_factory=dict)
    sentinels: Annotated[int, Field(ge=0)] | Literal["off"] | None = None
    replay: Text | None = None


class Heuristics(Section):
    heuristics: Annotated[list[Text], Field(min_length=1)]


class Rubric(Section):
    rubric: Text
    name: Name | None = None
    judge: Judge | None = None
    sample: Annotated[float, Field(gt=0, le=1)] = 1.0
    against: Literal["answers", "reference"] = "answers"  # of a pairwise rubric: other answers to the prompt, or the reference of each record


class Remote(Section):
    """How a served reward model is asked. `protocol`: by the path of the address, else found out; `template`: the text that is sent,
    with {input} and {output}, where the server does not make it of messages or pairs; `batch`: outputs a call.
    """

    protocol: Literal["vllm-classify", "vllm-pooling", "tei-predict", "openrlhf"] | None = None
    model: Text | None = None
    template: Text | None = None
    api_key_env: Name | None = None
    concurrency: Annotated[int, Field(ge=1, le=4096)] = 8
    batch: Annotated[int, Field(ge=1, le=1024)] = 32
    timeout_s: Positive | None = None
    requests_per_minute: Positive | None = None
    max_calls: Annotated[int, Field(ge=1)] | None = None

    @model_validator(mode="after")
    def _has_an_output(self) -> "Remote":
        if self.template is not None and self.template.count("{output}") != 1:
            raise PydanticCustomError("template", "a template holds {place} once", {"place": "{output}", "key": "template", "hint": "'Q: {input} A: {output}'"})
        return self


class RewardModel(Section):
    """A folder of a reward model, or the address of one that is served (http://..., with a `name`)."""

    reward_model: Text
    name: Name | None = None
    remote: Remote | None = None
    sample: Annotated[float, Field(gt=0, le=1)] = 1.0

    @model_validator(mode="after")
    def _is_one_of_two(self) -> "RewardModel":
        served = "://" in self.reward_model
        if served and self.name is None:
            raise PydanticCustomError("name", "a served reward model needs a name", {"key": "reward_model", "hint": "name: helpfulness_rm"})
        if not served and (self.remote is not None or self.sample < 1):
            raise PydanticCustomError("remote", "remote: and sample: are for a served reward model", {"key": "reward_model", "hint": "write its address"})
        return self


class Named(Section):
    """NAME: {scorer: {parameter: value}}, read into its three parts."""

    name: Name
    scorer: Text
    options: dict[Name, Any] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _unfold(cls, entry: Any) -> Any:
        name, target = next(iter(entry.items()))
        scorer, options = next(iter(target.items()))
        return {"name": name, "scorer": scorer, "options": {} if options is None else options}


def _entry_kind(entry: object) -> str | None:
    """Which of the four shapes of a scorer entry this is; None where it is none of them."""
    if not isinstance(entry, dict):
        return None
    for kind in ("heuristics", "rubric", "reward_model"):
        if kind in entry:
            return f"<{kind}>"
    target = next(iter(entry.values()), None) if len(entry) == 1 else None
    return "<named>" if isinstance(target, dict) and len(target) == 1 else None


Scorers = Annotated[
    Annotated[Heuristics, Tag("<heuristics>")]
    | Annotated[Rubric, Tag("<rubric>")]
    | Annotated[RewardModel, Tag("<reward_model>")]
    | Annotated[Named, Tag("<named>")],
    Discriminator(
        _entry_kind,
        custom_error_type="scorer_entry",
        custom_error_message="a scorer entry is 'heuristics: [NAME, ...]', 'rubric: NAME', 'reward_model: PATH' or 'NAME: {SCORER: {OPTION: value}}'",
    ),
]


class Value(Section):
    half_life: Duration = "7d"
    prior: Annotated[float, Field(ge=0)] = 20
    gamma: Share = 1.0


class Term(Section):
    weight: Positive
    normalise: Text | None = None
    range: Annotated[list[float], Field(min_length=2, max_length=2)] | None = None
    optional: bool = False
    higher_is_better: bool | None = None


class Veto(Section):
    metric: Text
    at_most: float | None = None
    at_least: float | None = None
    optional: bool = False

    @model_validator(mode="after")
    def _has_one_bound(self) -> "Veto":
        if (self.at_most is None) == (self.at_least is None):
            raise PydanticCustomError("bounds", "a veto needs one of at_most and at_least", {"hint": "for example {metric: refusal, at_most: 0}"})
        return self


class Reward(Section):
    name: Name
    terms: Annotated[dict[Text, Term], Field(min_length=1)]
    vetoes: list[Veto] = Field(default_factory=list)


class Gate(Section):
    """One question: of a reward, of a metric, or of how much was measured."""

    name: Name | None = None
    reward: Text | None = None
    metric: Text | None = None
    measured: Annotated[str, StringConstraints(pattern=r"^>=\s*(100|[0-9]{1,2})(\.[0-9]+)?\s*%$")] | Share | None = None
    at_least: float | None = None
    at_most: float | None = None
    not_worse_than: Text | None = None
    margin: Annotated[float, Field(gt=0)] | None = None
    unpaired_margin: Annotated[float, Field(gt=0)] | None = None
    paired: bool | None = None
    strict: bool = False
    corrected: bool = False
    where: Text | None = None

    @model_validator(mode="after")
    def _asks_one_thing(self) -> "Gate":
        subjects = [name for name in ("reward", "metric", "measured") if getattr(self, name) is not None]
        bounds = [name for name in ("at_least", "at_most", "not_worse_than") if getattr(self, name) is not None]
        if len(subjects) != 1:
            raise PydanticCustomError(
                "gate", "a gate asks about exactly one of reward, metric, measured", {"hint": "for example {reward: NAME, at_least: 0.7}"}
            )
        if subjects != ["measured"] and len(bounds) != 1:
            raise PydanticCustomError(
                "gate", "a gate needs exactly one of at_least, at_most, not_worse_than", {"hint": "for example {reward: NAME, at_least: 0.7}"}
            )
        if self.not_worse_than is None and (self.margin is not None or self.unpaired_margin is not None or self.paired is not None or self.strict):
            raise PydanticCustomError(
                "gate",
                "margin, unpaired_margin, paired and strict belong to not_worse_than",
                {"hint": "for example {metric: NAME, not_worse_than: main, margin: 0.02}"},
            )
        if self.paired and self.unpaired_margin is not None:
            raise PydanticCustomError("gate", "a gate that is always paired has no use for unpaired_margin", {"hint": "leave one of the two out"})
        if self.corrected and (subjects == ["measured"] or self.not_worse_than is not None):
            raise PydanticCustomError(
                "gate", "corrected belongs to at_least and at_most", {"hint": "for example {metric: NAME, at_least: 0.7, corrected: true}"}
            )
        return self


class Aligned(Section):
    """Which labels say what a metric should have been, a random sample of the records: its corrected mean stands beside the raw one in signals."""

    label: Text
    raters: list[Literal["human", "user", "model", "code"]] = Field(default=["human"])
    label_scale: Annotated[list[float], Field(min_length=2, max_length=2)] | None = None
    same_units: bool = False


class Alarms(Section):
    """What the monitor may cost in false alarms, and what it compares with: the first days of a chart (14d, 30d..7d) or days (2026-09-07..2026-09-21).

    `webhook_env` is the environment variable that holds the address to which new alarms are sent.
    """

    false_alarm_every: Duration = "90d"
    lateness: Duration = "1d"
    reference: Annotated[str, StringConstraints(pattern=REFERENCE)] = "30d..7d"
    webhook_env: Name | None = None


class Report(Section):
    html: Text | None = None
    markdown: Text | None = None


Source = Literal["human", "user", "code", "model", "reward"]


def _default_sources() -> list[Source]:
    return ["human", "user", "code"]


class Feedback(Section):
    """One training file. `label` names the labels that mean good or bad; `good` and `bad` are rewards: at least, at most."""

    format: Text
    path: Text
    min_margin: Annotated[float, Field(ge=0)] | None = None
    sources: list[Source] = Field(default_factory=_default_sources)
    on: Text | None = None
    validation: Annotated[float, Field(ge=0, lt=1)] | None = None
    all_pairs: bool = False
    good: float | None = None
    bad: float | None = None
    label: list[Text] = Field(default_factory=list)
    rating_scale: Annotated[str, StringConstraints(pattern=r"^-?\d+(\.\d+)?\.\.-?\d+(\.\d+)?$")] | None = None
    standard: bool = False
    despite_alarm: bool = False


class Project(Section):
    """The whole of judge.yaml. `store`, `measured` and `max_bad` may also be set there."""

    store: Text | None = None
    logs: list[Log] = Field(default_factory=list)
    policy: list[Text] = Field(default_factory=lambda: ["model", "prompt_version"])
    cluster: Text | None = None
    scorers: list[Scorers] = Field(default_factory=list)
    value: Value = Field(default_factory=Value)
    group: Text | None = None
    reward: Reward | None = None
    gates: list[Gate] = Field(default_factory=list)
    align: dict[Text, Aligned] = Field(default_factory=dict)
    alarms: Alarms | None = None
    keep: Duration | None = None
    redact: list[Literal["secrets", "pii"]] = Field(default_factory=list)
    report: Report | None = None
    feedback: list[Feedback] = Field(default_factory=list)
    measured: Share | None = None
    max_bad: Share | None = None
    workers: Annotated[int, Field(ge=1)] | None = None
