"""Gates: questions about a mean or about how much was measured, answered pass, fail, inconclusive or incomplete.

The limit of the 95 % interval decides, never the point. What was not measured is put to both ends of
the scale: a verdict that would be another one there is none. Missing data never passes.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from judgecli.arrays import Floats
from judgecli.signal.summary import MetricRange, MetricSummary
from judgecli.stats.column import RATE, ColumnFacts, two_values_of
from judgecli.stats.deciding import LEAST_CLUSTERS, estimate_mean, smallest_seen
from judgecli.stats.intervals import Estimate

GateVerdict = Literal["pass", "fail", "inconclusive", "incomplete"]
CountAs = Literal["pass", "fail"]

PRECEDENCE: tuple[GateVerdict, ...] = ("fail", "incomplete", "inconclusive", "pass")
EXIT_CODES: dict[GateVerdict, int] = {"pass": 0, "fail": 1, "incomplete": 3, "inconclusive": 5}
DEAD_ENDPOINT = 4


@dataclass(frozen=True)
class GateEvidence:
    """What is known of one metric on the records that a gate asks about.

    `at_bottom` and `at_top` are the estimate if every failed and waiting cell stood at the bottom or
    the top of the scale; None where the scale has no end there. `share` is that of these cells, by
    cluster. `dead_endpoint`: cells are missing because no call to a judge could work.
    """

    summary: MetricSummary
    clusters: int
    at_bottom: Estimate | None
    at_top: Estimate | None
    dead_endpoint: bool = False
    share: Estimate | None = None

    @property
    def missing(self) -> int:
        """Failed and waiting cells."""
        return self.summary.failed + self.summary.pending


@dataclass(frozen=True)
class GateQuestion:
    """A gate with a threshold: is the mean of `metric` (of the records of `where`) at least, or at most, this much?"""

    gate: str
    metric: str
    at_least: float | None = None
    at_most: float | None = None
    where: str | None = None

    @property
    def threshold(self) -> float:
        """The number that the mean is held against."""
        found = self.at_least if self.at_least is not None else self.at_most
        if found is None:
            raise ValueError(f"gate '{self.gate}' has no threshold")
        return found


@dataclass(frozen=True)
class GateResult:
    """The answer to one gate. `n` of `cells` are scored; `cells` leaves out what has no value by design.

    A gate about the measured share has it as `value`, and no interval; one with a baseline the difference. Numbers that could not be
    computed are None, with the cause in `reasons`.
    """

    gate: str
    verdict: GateVerdict
    value: float | None
    low: float | None
    high: float | None
    threshold: float
    n: int
    message: str
    kind: Literal["threshold", "measured", "baseline"] = "threshold"
    metric: str | None = None
    where: str | None = None
    direction: Literal["at_least", "at_most"] = "at_least"
    cells: int = 0
    of: int = 0  # cells, with those that have no value by design
    clusters: int | None = None
    worst: float | None = None
    best: float | None = None
    unscored: Mapping[str, int] = field(default_factory=dict)
    pending: int = 0
    coverage: float | None = None
    identity: str | None = None
    implicit: bool = False
    dead_endpoint: bool = False
    reasons: Mapping[str, str] = field(default_factory=dict)
    detectable: float | None = None  # the smallest true difference that would have been found with 80 % power
    corrected: bool = False  # whether value, low and high are those of the mean as people's labels correct it
    corrected_by_errors: Mapping[str, object] | None = None  # the same of a rate by Rogan and Gladen's estimate, which decides nothing
    baseline: str | None = None  # from here on of gates with a baseline only (not_worse.py)
    margin: float | None = None
    needed: int | None = None
    method: str | None = None
    p: float | None = None
    p_holm: float | None = None
    regressed: bool | None = None
    means: Mapping[str, float | None] = field(default_factory=dict)
    tries: int | None = None
    lucky_pass: float | None = None
    measured: Mapping[str, object] | None = None  # how many of all records of baseline (a) and candidate (b) have a score, by class
    paired: bool | None = None  # whether prompts were held against themselves, or two means against each other
    common: int | None = None  # prompts that both sides were asked
    left_out: int | None = None  # records that stand in the baseline themselves
    linked: Mapping[str, object] | None = None  # how the candidate was put into units of the baseline's judge, where another one scored it

    def to_json(self) -> dict[str, object]:
        """DESIGN's row of `check`, with what else is known."""
        document = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {name: dict(value) if isinstance(value, Mapping) else value for name, value in document.items()}


@dataclass(frozen=True)
class Check:
    """The answers to all gates, and what they add up to.

    `inconclusive` is what the user lets an inconclusive gate count as; None: as what it is. `unread`: files and lines of the
    run that could not be read, in words; the gates saw only the rest, so they pass nothing.
    """

    gates: Sequence[GateResult]
    on: str = "run:last"
    records: int = 0
    inconclusive: CountAs | None = None
    notes: Sequence[str] = ()
    unread: Sequence[str] = ()

    @property
    def dead_endpoint(self) -> bool:
        """Whether a gate lacks cells because no call to a judge could work."""
        return any(gate.dead_endpoint for gate in self.gates)

    @property
    def verdict(self) -> GateVerdict:
        """The gravest answer: fail, incomplete, inconclusive, pass. No gate, or a dead endpoint: incomplete."""
        counted = {self.inconclusive or "inconclusive" if gate.verdict == "inconclusive" else gate.verdict for gate in self.gates}
        if self.dead_endpoint or not counted:
            return "incomplete"
        if self.unread:
            counted.add("incomplete")
        return next(verdict for verdict in PRECEDENCE if verdict in counted)

    @property
    def exit_code(self) -> int:
        """4 dead endpoint, 1 any fail, 3 any incomplete, 5 any inconclusive, else 0."""
        return DEAD_ENDPOINT if self.dead_endpoint else EXIT_CODES[self.verdict]

    @property
    def complete(self) -> bool:
        """Whether every cell that the gates ask about was measured."""
        return bool(self.gates) and not self.unread and all(gate.coverage == 1.0 for gate in self.gates)

    def to_json(self) -> dict[str, object]:
        """DESIGN's `check` shape."""
        return {
            "verdict": self.verdict,
            "gates": [gate.to_json() for gate in self.gates],
            "exit_code": self.exit_code,
            "on": self.on,
            "records": self.records,
            "complete": self.complete,
            "inconclusive": self.inconclusive,
            "dead_endpoint": self.dead_endpoint,
            "notes": list(self.notes),
            "unread": list(self.unread),
        }


def weigh(summary: MetricSummary, scale: MetricRange, *, sums: Floats, counts: Floats, missing: Floats, dead_endpoint: bool = False) -> GateEvidence:
    """The evidence from clusters: sum and number of the scored cells of each, and its number of failed and waiting ones.

    A cluster may have only missing cells. The estimates at the ends are made anew from the filled
    clusters, so they are as wide as such data would be (Manski 1989 bounds, with their sampling error).
    """
    clusters = int(np.count_nonzero(counts))
    if not missing.sum():
        return GateEvidence(summary, clusters, summary.estimate, summary.estimate, dead_endpoint)
    bottom, top = (None if end is None else _filled(summary, scale, end, sums + missing * end, counts + missing) for end in scale)
    return GateEvidence(summary, clusters, bottom, top, dead_endpoint, estimate_mean(missing, counts + missing, RATE))


def _filled(summary: MetricSummary, scale: MetricRange, end: float, sums: Floats, counts: Floats) -> Estimate | None:
    """The estimate of clusters that were filled with this end, cut at the ends of the scale; None where floats end."""
    two_values = None if summary.two_values is None else two_values_of(np.array([*summary.two_values, end]))
    with np.errstate(over="ignore", invalid="ignore"):
        found = estimate_mean(sums, counts, ColumnFacts(summary.kind, scale, two_values))
    if found.mean is None or not all(number is None or math.isfinite(number) for number in (found.mean, found.low, found.high)):
        return None
    least, most = (math.inf * sign if end is None else end for sign, end in zip((-1, 1), scale, strict=True))
    low, high = (None if limit is None else min(max(limit, least), most) for limit in (found.low, found.high))
    return replace(found, low=low, high=high)


def judge_threshold(question: GateQuestion, evidence: GateEvidence) -> GateResult:
    """Answer a gate with a threshold.

    pass: the whole interval is on the right side of the threshold (or touches it); fail: the whole
    interval is on the wrong side; else inconclusive. Inconclusive too: fewer than 20 clusters, no
    interval, or missing cells that could change the verdict. Nothing scored: incomplete.
    """
    verdict, why = _verdict(question, evidence)
    summary = evidence.summary
    estimate = summary.estimate
    direction: Literal["at_least", "at_most"] = "at_least" if question.at_least is not None else "at_most"
    return GateResult(
        gate=question.gate,
        verdict=verdict,
        value=estimate.mean,
        low=estimate.low,
        high=estimate.high,
        threshold=question.threshold,
        n=summary.scored,
        message=f"{why}; {counted_text(evidence)}{_seen(estimate)}",
        metric=question.metric,
        where=question.where,
        direction=direction,
        cells=summary.scored + evidence.missing,
        of=summary.cells,
        clusters=evidence.clusters,
        worst=summary.worst,
        best=summary.best,
        unscored=summary.unscored,
        pending=summary.pending,
        coverage=summary.coverage,
        identity=summary.identity or None,
        dead_endpoint=evidence.dead_endpoint,
        reasons={name: cause for name, cause in summary.why_null.items() if name in ("mean", "low", "high", "worst", "best")},
        detectable=smallest_seen(estimate.se, estimate.mean, estimate.low, estimate.high),
        method=estimate.method,
    )


def _verdict(question: GateQuestion, evidence: GateEvidence) -> tuple[GateVerdict, str]:
    """The verdict and what it rests on, in words."""
    summary, estimate = evidence.summary, evidence.summary.estimate
    if not summary.scored or estimate.mean is None:
        return "incomplete", "nothing was scored" if not summary.scored else "the values are too large for a mean"
    shown = shown_text(estimate, question.threshold)
    if evidence.clusters < LEAST_CLUSTERS:
        return "inconclusive", f"not enough data: {shown} from {plural(evidence.clusters, 'cluster')}, and a verdict needs {LEAST_CLUSTERS}"
    if estimate.low is not None and not estimate.decides:
        return "inconclusive", f"not enough data: {shown}, {estimate.why}"
    answer = _side(question, estimate)
    if answer == "inconclusive":
        return answer, f"{shown}: {_undecided(question, summary)}"
    said = f"{shown} is {_relation(question, answer)}"
    if not evidence.missing:
        return answer, said
    end, name = (evidence.at_bottom, "bottom") if (answer == "pass") == (question.at_least is not None) else (evidence.at_top, "top")
    unscored = f"{plural(evidence.missing, 'unscored cell')}"
    if end is None:
        return "inconclusive", f"{said}, but {unscored} could change that: the scale has no {name} to hold them against"
    if _side(question, end) != answer:
        return "inconclusive", f"{said}, but {unscored} could change that: at the {name} of the scale they make it {shown_text(end, question.threshold)}"
    return answer, said


def _side(question: GateQuestion, estimate: Estimate) -> GateVerdict:
    """On which side of the threshold the whole interval is; inconclusive where on neither."""
    if estimate.low is None or estimate.high is None:
        return "inconclusive"
    low, high = (order_of(limit, question.threshold) for limit in (estimate.low, estimate.high))
    if question.at_least is not None:
        return "pass" if low >= 0 else "fail" if high < 0 else "inconclusive"
    return "pass" if high <= 0 else "fail" if low > 0 else "inconclusive"


def order_of(value: float, threshold: float) -> int:
    """1 above, -1 below, 0 on the threshold: a difference that is only rounding (10^-12 of it) is none."""
    return 0 if math.isclose(value, threshold, rel_tol=1e-12, abs_tol=1e-12) else 1 if value > threshold else -1


def _relation(question: GateQuestion, answer: GateVerdict) -> str:
    words = ("at least", "below") if question.at_least is not None else ("at most", "above")
    return f"{words[answer == 'fail']} {question.threshold:g}"


def _undecided(question: GateQuestion, summary: MetricSummary) -> str:
    if summary.estimate.low is None or summary.estimate.high is None:
        return summary.estimate.why or "there is no interval to decide by"
    if summary.kind == "rate" and question.threshold == (1 if question.at_least is not None else 0):
        return f"no number of answers can show a rate of exactly {question.threshold:g}; leave it some room"
    return f"the interval holds {question.threshold:g}, so these records cannot tell"


def judge_measured(gate: str, bar: float, asked: Sequence[tuple[str, GateEvidence]], *, where: str | None = None, implicit: bool = False) -> GateResult:
    """Answer a gate about the measured share: incomplete where any of the metrics has less of its cells than `bar` (0 to 1).

    `asked`: what to call each, and its evidence. The result shows the one with the least. A metric
    that has no value anywhere by design is left out; where nothing was to be measured at all: incomplete.
    """
    dead = any(evidence.dead_endpoint for _, evidence in asked)
    shares = sorted(
        ((evidence.summary.coverage, name, evidence) for name, evidence in asked if evidence.summary.coverage is not None), key=lambda item: item[0]
    )
    if not shares:
        message = "there is nothing to be measured"
        nothing = GateResult(
            gate, "incomplete", None, low=None, high=None, threshold=bar, n=0, message=message, kind="measured", where=where, implicit=implicit
        )
        return replace(nothing, dead_endpoint=dead, reasons={"value": message})
    share, name, least = shares[0]
    short = sum(found < bar for found, _, _ in shares)
    if share == 1:
        message = f"{name} is fully measured" if len(shares) == 1 else f"all {len(shares)} metrics are fully measured"
    else:
        message = f"{'' if len(shares) == 1 else 'least measured: '}{name}, {near_text(100 * share, 100 * bar)} % of what was to be measured"
    if short:
        message += f", less than {100 * bar:.6g} %" + (f" (and {plural(short - 1, 'other')})" if short > 1 else "")
    message += f"; {counted_text(least)}"
    return GateResult(
        gate=gate,
        verdict="incomplete" if short else "pass",
        value=share,
        low=None,
        high=None,
        threshold=bar,
        n=least.summary.scored,
        message=message,
        kind="measured",
        metric=least.summary.name,
        where=where,
        cells=least.summary.scored + least.missing,
        of=least.summary.cells,
        clusters=least.clusters,
        unscored=least.summary.unscored,
        pending=least.summary.pending,
        coverage=share,
        identity=least.summary.identity or None,
        implicit=implicit,
        dead_endpoint=dead,
        reasons=dict.fromkeys(("low", "high", "worst", "best"), "a share of cells is counted, not estimated"),
    )


def counted_text(evidence: GateEvidence) -> str:
    """n of N records scored, and why not the rest."""
    summary = evidence.summary
    text = f"{summary.scored:,} of {summary.cells:,} scored"
    causes = [f"{reason} {count:,}" for reason, count in summary.unscored.items()] + ([f"pending {summary.pending:,}"] if summary.pending else [])
    return text + (f" ({', '.join(causes)})" if causes else "")


def _seen(estimate: Estimate) -> str:
    """What a gate on these records could have seen: the smallest true distance from the threshold found with 80 % power."""
    seen = smallest_seen(estimate.se, estimate.mean, estimate.low, estimate.high)
    return "" if not seen else f", the smallest change this could have seen is {seen:.3g}"


def shown_text(estimate: Estimate, threshold: float) -> str:
    """A mean with its interval, in digits that keep each on its side of the threshold."""
    mean = near_text(estimate.mean, threshold)
    if estimate.low is None or estimate.high is None:
        return f"{mean} (no interval)"
    return f"{mean} (95 % interval {near_text(estimate.low, threshold)} to {near_text(estimate.high, threshold)})"


def near_text(value: float | None, threshold: float) -> str:
    """A number in four digits, more where four would put it on the other side of the threshold, or on it.

    >>> near_text(0.69999999, 0.7), near_text(0.5, 0.7), near_text(0.7, 0.7)
    ('0.69999999', '0.5', '0.7')
    """
    if value is None:
        return "-"
    if order_of(value, threshold) == 0 or abs(value) < 1e-15:  # what rounding left
        value = 0.0 if abs(value) < 1e-15 else threshold
    for digits in range(4, 18):
        text = f"{value + 0.0:.{digits}g}"
        if order_of(float(text), threshold) == order_of(value, threshold):
            return text
    return repr(value)


def plural(count: int, noun: str) -> str:
    """`1 label`, `2 labels`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
