"""What `judge init` proposes to measure, decided from facts about the logs. Pure: the facts are gathered by pipeline/proposing.py.

One table says what each kind of log calls for (`CANDIDATES`); a metric stays in where the log really
holds something for it to score.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

LEAST_SHARE = 0.01  # of the sample that a metric must score
LEAST_SCORED = 5  # answers that a metric must score
LEAST_CLUSTERS = 20  # below it a gate cannot be answered
WEAK = 0.25  # share of bad answers from which on a gate that lets them pass is called weak
LEAST_SLACK = 0.02  # of a scale from 0 to 1
WATCHED_DAYS = 28  # of a log, from which on alarms are proposed: two weeks to learn from, and as many to watch


@dataclass(frozen=True)
class FieldCandidate:
    """A metric that may be proposed: what it needs, why, and its part in the first reward and gates.

    `weight` makes it a term of the reward (bounded metrics only); `higher_is_better` is written where
    the metric itself says none; `gate` is the bound of its gate.
    """

    name: str
    topic: str
    needs: tuple[str, ...] = ()
    weight: float = 0
    higher_is_better: bool | None = None
    gate: str = ""
    veto_at_most: float | None = None


# Topics in the order of the file, with the reason that is given for them.
TOPICS = {
    "text": "every answer: how long it is, whether it repeats itself, is cut off or empty",
    "safety": "every answer: refusals, personal data, keys and passwords",
    "format": "some answers are JSON: whether it parses",
    "language": "answers in the language of the question",
    "context": "the log holds retrieved passages: whether the answer rests on them",
    "reference": "the log holds expected answers: how near the output comes",
    "tools": "the log holds tool calls: errors, circles, and whether the right ones were made",
    "operations": "as logged: time, cost, tokens",
}
CANDIDATES = (
    FieldCandidate("words", "text"),
    FieldCandidate("repetition", "text", weight=1),
    FieldCandidate("truncated", "text", ("finish_reason",), weight=1),
    FieldCandidate("empty", "text", veto_at_most=0),
    FieldCandidate("refusal", "safety", weight=2, higher_is_better=False, gate="at_most"),
    FieldCandidate("pii_count", "safety"),
    FieldCandidate("secrets", "safety"),
    FieldCandidate("json_valid", "format", weight=2, gate="at_least"),
    FieldCandidate("same_language_as_input", "language", ("input",), weight=1),
    FieldCandidate("context_overlap", "context", ("contexts",), weight=2, gate="at_least"),
    FieldCandidate("unsupported_numbers", "context", ("contexts",)),
    FieldCandidate("unsupported_entities", "context", ("contexts",)),
    FieldCandidate("citations_valid", "context", ("contexts",), weight=1),
    FieldCandidate("exact_match", "reference", ("reference", "short reference"), weight=4, gate="at_least"),
    FieldCandidate("token_f1", "reference", ("reference", "short reference"), weight=2),
    FieldCandidate("number_match", "reference", ("reference",), weight=1),
    FieldCandidate("rouge_l", "reference", ("reference", "long reference"), weight=4, gate="at_least"),
    FieldCandidate("tool_call_count", "tools", ("tool calls",)),
    FieldCandidate("steps", "tools", ("tool calls",)),
    FieldCandidate("loop", "tools", ("tool calls",)),
    FieldCandidate("tool_error_share", "tools", ("tool calls",), weight=1),
    FieldCandidate("tool_arguments_valid", "tools", ("tool calls", "tools"), weight=2),
    FieldCandidate("tools_called", "tools", ("expected_tools",), weight=4, gate="at_least"),
    FieldCandidate("latency_ms", "operations", ("latency_ms",)),
    FieldCandidate("cost_usd", "operations", ("cost_usd",)),
    FieldCandidate("tokens_out", "operations", ("tokens_out",)),
    FieldCandidate("error", "operations", ("error",)),
)


@dataclass(frozen=True)
class LogFacts:
    """One entry of `logs`: the path as typed, the adapter it needs (None: plain), the mapping, a zone and an encoding that were typed."""

    path: str
    format: str | None
    zone: str | None
    mapping: Mapping[str, str]
    encoding: str | None = None


@dataclass(frozen=True)
class ScoredSample:
    """What a metric gave on the sample: scored of rows, mean and interval over clusters."""

    rows: int
    scored: int
    failed: int
    mean: float | None
    low: float | None
    high: float | None

    @property
    def is_worth_it(self) -> bool:
        """Whether the log holds enough for this metric."""
        return self.scored >= max(LEAST_SCORED, LEAST_SHARE * self.rows) or (self.rows > 0 and self.scored == self.rows)


@dataclass(frozen=True)
class Facts:
    """What a sample of the logs holds.

    `has` are the columns and traits that a candidate may need; `distinct` counts values of columns
    that may tell variants apart; `labels` counts thumbs and ratings; `repeated` is the share of
    records whose prompt has other answers too; `whole` tells that the sample is all there is; `days` from the first
    record to the last; `ratings` what users rated and its scale, by the metric's name.
    """

    logs: Sequence[LogFacts]
    records: int
    whole: bool
    has: frozenset[str]
    distinct: Mapping[str, int]
    sessions: int
    users: int
    clusters: int
    labels: Mapping[str, int] = field(default_factory=dict)
    repeated: float = 0.0
    notes: Sequence[str] = ()
    days: int = 0
    ratings: Mapping[str, tuple["ScoredSample", tuple[float, float] | None]] = field(default_factory=dict)


@dataclass(frozen=True)
class ProposedGate:
    """A first gate, with what the data showed."""

    subject: str  # reward or metric
    name: str
    bound: str  # at_least or at_most
    threshold: float
    why: str


def candidates(facts: Facts) -> list[FieldCandidate]:
    """The candidates whose needs the logs meet."""
    return [candidate for candidate in CANDIDATES if facts.has.issuperset(candidate.needs)]


def kept(found: Sequence[FieldCandidate], scored: Mapping[str, ScoredSample]) -> list[FieldCandidate]:
    """The candidates that the sample holds something for."""
    return [candidate for candidate in found if scored[candidate.name].is_worth_it]


def terms(chosen: Sequence[FieldCandidate], scored: Mapping[str, ScoredSample]) -> dict[str, dict[str, object]]:
    """The terms of the first reward as judge.yaml writes them; optional where the metric does not apply to every answer."""
    found: dict[str, dict[str, object]] = {}
    for candidate in chosen:
        if candidate.weight:
            term: dict[str, object] = {"weight": candidate.weight}
            if candidate.higher_is_better is not None:
                term["higher_is_better"] = candidate.higher_is_better
            cells = scored[candidate.name]
            if cells.scored + cells.failed < cells.rows:
                term["optional"] = True
            found[candidate.name] = term
    return found


def vetoes(chosen: Sequence[FieldCandidate]) -> list[dict[str, object]]:
    """The vetoes of the first reward as judge.yaml writes them."""
    return [{"metric": candidate.name, "at_most": candidate.veto_at_most} for candidate in chosen if candidate.veto_at_most is not None]


def gates(chosen: Sequence[FieldCandidate], scored: Mapping[str, ScoredSample], *, reward: str, rewarded: ScoredSample, clusters: int) -> list[ProposedGate]:
    """First gates that the logs pass as they are, with slack of as much again as the interval is wide to one side.

    None where there are too few clusters for any verdict.
    """
    if clusters < LEAST_CLUSTERS:
        return []
    asked = [("reward", reward, "at_least", rewarded), *(("metric", item.name, item.gate, scored[item.name]) for item in chosen if item.gate)]
    return [gate for gate in (_gate(*question) for question in asked) if gate is not None]


def rating_gates(ratings: Mapping[str, tuple[ScoredSample, tuple[float, float] | None]]) -> list[ProposedGate]:
    """A first gate for each rating whose usual scale is known, with the same slack; none where fewer than 20 were given, or it would ask nothing."""
    found = []
    for name, (cells, scale) in ratings.items():
        if scale is None or cells.mean is None or cells.low is None or cells.scored < LEAST_CLUSTERS:
            continue
        slack = max(cells.mean - cells.low, LEAST_SLACK * (scale[1] - scale[0]))
        threshold = math.floor((cells.low - slack) * 100 + 1e-9) / 100
        if threshold > scale[0]:
            interval = f"mean {cells.mean:.3g} on {scale[0]:g} to {scale[1]:g}, 95 % interval from {cells.low:.3g} on"
            why = f"{interval} ({cells.scored:,} of {cells.rows:,} answers rated)"
            found.append(ProposedGate("metric", name, "at_least", threshold, why))
    return found


def _gate(subject: str, name: str, bound: str, cells: ScoredSample) -> ProposedGate | None:
    """None where the sample gives no interval, or so wide a one that the gate would ask nothing."""
    if cells.mean is None or cells.low is None or cells.high is None:
        return None
    down = bound == "at_least"
    slack = max(cells.mean - cells.low if down else cells.high - cells.mean, LEAST_SLACK)
    threshold = math.floor((cells.low - slack) * 100 + 1e-9) / 100 if down else math.ceil((cells.high + slack) * 100 - 1e-9) / 100
    if not 0 < threshold < 1:
        return None
    weak = f"; weak: it lets up to {threshold:.0%} of the answers be such" if not down and subject == "metric" and threshold >= WEAK else ""
    why = f"mean {cells.mean:.3g}, 95 % interval {cells.low:.3g} to {cells.high:.3g} ({cells.scored:,} of {cells.rows:,} answers scored){weak}"
    return ProposedGate(subject, name, bound, threshold, why)


def policy(facts: Facts) -> list[str]:
    """The columns that tell one variant of the app from another: those with few values, though more than none; else the file, where each is one."""
    return [name for name, count in facts.distinct.items() if count and (name in ("model", "prompt_version") or count > 1)]
