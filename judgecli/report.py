"""One Report: everything that a report says, as data. The renderers add nothing but form.

Verdict and headline first; then what was read, each metric with n of N, the policies over time and
side by side, distributions, slices, examples, and what was measured how.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime

from judgecli.signal.report.slices import ALPHA, Slice
from judgecli.signal.summary import MetricSummary


@dataclass(frozen=True)
class SeriesPoint:
    """One window of a series. A window without a mean says why in `why`."""

    start: datetime | None
    end: datetime | None
    n: int
    mean: float | None
    low: float | None
    high: float | None
    why: str | None = None
    final: bool = True


@dataclass(frozen=True)
class Series:
    """One metric of one policy over time, by one judge: series never mix identities, nor models served under one name.

    `linked`: the scores of a later judge in units of the first, beside the raw ones.
    """

    metric: str
    policy: str
    identity: str
    points: Sequence[SeriesPoint]
    served: Sequence[str] = ()
    linked: bool = False


@dataclass(frozen=True)
class PolicyStanding:
    """One metric of one policy over all time: n scored of N records."""

    metric: str
    policy: str
    n: int
    of: int
    clusters: int
    mean: float | None
    low: float | None
    high: float | None
    why: str | None = None


@dataclass(frozen=True)
class ReportChange:
    """One metric of one policy value against the value before it. `worse` is None where no direction is better, or where the shares
    without a score differ: `missing_p` is that of their test by cluster."""

    metric: str
    column: str
    after: str
    before: str
    n_after: int
    of_after: int
    n_before: int
    of_before: int
    mean_after: float
    mean_before: float
    difference: float
    low: float
    high: float
    p: float
    p_holm: float
    effect: float
    worse: bool | None
    missing_p: float = 1.0

    @property
    def certain(self) -> bool:
        """Whether it may be claimed: by its p-value among all changes of the report, and by its own interval."""
        return self.p_holm < ALPHA and (self.low > 0 if self.difference > 0 else self.high < 0)


@dataclass(frozen=True)
class Distribution:
    """How the values of a metric are spread: `counts` between neighbouring `edges`, those beyond at either end, or counts of categories."""

    metric: str
    n: int
    edges: Sequence[float] = ()
    counts: Sequence[int] = ()
    below: int = 0
    above: int = 0
    categories: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class ReportExample:
    """One record with its value of the subject, cut to what a reader needs; `cut` says how much of each text is left out."""

    key: str
    id: str | None
    time: datetime | None
    policy: str
    value: float
    input: str | None
    output: str | None
    input_length: int
    output_length: int
    file: str | None
    line: int | None


@dataclass(frozen=True)
class ContrastText:
    """Two answers to one prompt, before and after a change: those of the prompt that lie furthest apart in `metric`."""

    metric: str
    column: str
    before: ReportExample
    after: ReportExample


@dataclass(frozen=True)
class MethodText:
    """How something was decided, in plain words with the numbers that were used."""

    name: str
    text: str


@dataclass(frozen=True)
class MeasureText:
    """What a metric is: identity, definition, version, range and direction."""

    name: str
    identity: str
    version: int
    kind: str
    range: tuple[float | None, float | None]
    higher_is_better: bool | None
    definition: str
    setting: str


@dataclass(frozen=True)
class ConversationSummary:
    """The conversations of one policy under one reward: returns over all time, and value and TD errors in the newest window that has any.

    `turns` maps the number of a turn to its mean TD error; `window` is when that window starts. Null numbers have their cause in `why`.
    """

    metric: str
    policy: str
    n: int
    of: int
    mean: float | None
    low: float | None
    high: float | None
    value: float | None
    window: datetime | None
    turns_n: int
    td_error: float | None
    td_low: float | None
    td_high: float | None
    turns: Mapping[int, float]
    why: str | None = None


@dataclass(frozen=True)
class Report:
    """The whole report. `complete` is False where any cell that should have a value has none: PARTIAL."""

    verdict: str
    headline: Sequence[str]
    complete: bool
    partial: Sequence[str]
    selection: str
    counts: Mapping[str, int]
    first_time: datetime | None
    last_time: datetime | None
    by: Sequence[str]
    window: str
    subject: str | None
    metrics: Sequence[MetricSummary]
    policies: Sequence[str]
    standings: Sequence[PolicyStanding]
    series: Sequence[Series]
    changes: Sequence[ReportChange]
    distributions: Sequence[Distribution]
    slices: Sequence[Slice]
    worst: Sequence[ReportExample]
    best: Sequence[ReportExample]
    measures: Sequence[MeasureText]
    gates: Sequence[Mapping[str, object]]
    notes: Sequence[str]
    alarms: Sequence[Mapping[str, object]] = ()
    sentence: str = ""
    tone: str = "open"  # of the sentence: good, bad or open
    contrasts: Sequence[ContrastText] = ()
    quarantine: Mapping[str, int] = field(default_factory=dict)  # lines by reason
    methods: Sequence[MethodText] = ()
    conversations: Sequence[ConversationSummary] = ()
    judge_changes: Sequence[Mapping[str, object]] = ()  # where the judge of a metric changed (signal/linked.py), oldest first

    def metric(self, name: str) -> MetricSummary:
        """The summary of one metric."""
        return next(summary for summary in self.metrics if summary.name == name)

    def to_json(self) -> dict[str, object]:
        """The report as a JSON document; times in ISO 8601."""
        document = {name: _plain(getattr(self, name)) for name in self.__dataclass_fields__ if name != "metrics"}
        document["metrics"] = {summary.name: summary.to_json() for summary in self.metrics}
        return document


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    if hasattr(value, "__dataclass_fields__"):
        return _plain(asdict(value))  # type: ignore[call-overload]
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
