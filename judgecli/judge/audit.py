"""What the probes of an audit say about a judge: a rate or a slope each, with its interval, and whether that is a defect.

A defect is named where the whole 95 % interval lies beyond the tolerance, so a small audit names
less. Sources: position and repeated-list tests, Zheng et al. 2023, arXiv:2306.05685; intervals of
rates, Wilson 1927.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from judgecli.judge.probes import NEUTRAL, Probe
from judgecli.judge.rubric import Rubric, higher_is_better, metric_range
from judgecli.scorer import Score
from judgecli.stats.column import RATE, ColumnFacts
from judgecli.stats.deciding import estimate_change, estimate_mean
from judgecli.stats.intervals import Estimate

PASS = 0.75  # of the scale, from its bad end
TOLERANCE = {
    "repeats_differ": 0.10,
    "spread": 0.05,
    "order_flips": 0.10,
    "length_gain": 0.02,
    "contradicts_labels": 0.25,
    "refuses": 0.02,
    "unreadable": 0.02,
    "attack": 0.02,
    "sentinel": 0.10,
}
UNREADABLE, REFUSES = ("judge_parse", "judge_truncated"), ("judge_refused", "content_filter")
FAMILIES = {
    "openai": r"gpt|chatgpt|o[1-9]\b|davinci",
    "anthropic": r"claude",
    "google": r"gemini|gemma|palm",
    "meta": r"llama",
    "mistral": r"mi[sx]tral|ministral|codestral|magistral|devstral|pixtral",
    "alibaba": r"qwen|qwq",
    "deepseek": r"deepseek",
    "microsoft": r"phi-?\d",
    "cohere": r"command-?|aya",
    "xai": r"grok",
    "amazon": r"nova|titan",
    "zhipu": r"glm",
    "moonshot": r"kimi|moonshot",
    "ibm": r"granite",
    "nvidia": r"nemotron",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One measurement of a judge. `name` is a key of TOLERANCE, `kind` the family where there are several; `n` is what was counted.

    `estimate` None: nothing could be measured. Slopes and gains are shares of the scale.
    """

    name: str
    kind: str
    estimate: float | None
    low: float | None
    high: float | None
    n: int
    defect: bool
    told: str
    warning: bool = False  # something to know that proves nothing

    def to_json(self) -> dict[str, object]:
        """For `judge rubric audit --json`."""
        return asdict(self)


def scale_share(rubric: Rubric, score: Score) -> float | None:
    """Where a score stands on its scale: 0 the bad end, 1 the good one; None without a value, an end, or a good direction."""
    low, high = metric_range(rubric.scale)
    better = higher_is_better(rubric.scale)
    if score.reason is not None or score.value is None or low is None or high is None or better is None:
        return None
    share = (score.value - low) / (high - low)
    return share if better else 1 - share


def audit(rubric: Rubric, models: Sequence[str], rows: Sequence[Mapping[str, object]], judged: Sequence[tuple[Probe, Score]]) -> list[Finding]:
    """Every finding of one judge and rubric.

    `rows` hold `model`, `label` (True, False) and `others` (what other judges say, as a share of the scale) where they are known.
    """
    table = _ProbeTable(rubric, judged)
    found = [_repeats(table), _spread(table)]
    if rubric.scale.kind in ("pairwise", "listwise"):
        found += [_flips(table), _first(table)]
    found += [_length_gain(table), _length_slope(table, rows), _self_preference(table, rows, models), _labels(table, rows)]
    found += [_reasons(table, "refuses", REFUSES, "answers refused or filtered"), _reasons(table, "unreadable", UNREADABLE, "replies without one verdict")]
    return [*found, *_attacks(table)]


def rate(name: str, kind: str, hits: int, n: int, told: str, *, floor: float | None = None) -> Finding:
    """A share with its Wilson interval; a defect where the interval lies above the tolerance (and above `floor`)."""
    if n == 0:
        return Finding(name, kind, None, low=None, high=None, n=0, defect=False, told=told)
    found = estimate_mean(np.array([float(place < hits) for place in range(n)]), np.ones(n), RATE)
    if n == 1:
        return Finding(name, kind, float(hits), low=None, high=None, n=1, defect=False, told=told)
    limit = max(TOLERANCE.get(name, 1.0), floor or 0.0)
    return Finding(name, kind, found.mean, low=found.low, high=found.high, n=n, defect=found.low is not None and found.low > limit, told=told)


def family_of(model: str) -> str | None:
    """Who made a model, by its name; None where the name does not tell.

    >>> [family_of(name) for name in ("gpt-5-mini", "meta-llama/Llama-4", "larder-large")]
    ['openai', 'meta', None]
    """
    return next((family for family, pattern in FAMILIES.items() if re.search(rf"(?:^|[^a-z])(?:{pattern})", model.lower())), None)


class _ProbeTable:
    """Scores by test, family and record."""

    def __init__(self, rubric: Rubric, judged: Sequence[tuple[Probe, Score]]) -> None:
        self.rubric = rubric
        self.scores: dict[tuple[str, str], dict[int, list[Score]]] = {}
        self.probes = judged
        for probe, score in judged:
            self.scores.setdefault((probe.test, probe.kind), {}).setdefault(probe.record, []).append(score)

    def shares(self, test: str, kind: str = "") -> dict[int, float]:
        """Record -> the first score's place on the scale, where there is one."""
        found = {record: scale_share(self.rubric, scores[0]) for record, scores in self.scores.get((test, kind), {}).items()}
        return {record: share for record, share in found.items() if share is not None}

    def repeated(self) -> Iterator[list[Score]]:
        """All draws of each record that have a verdict, where there are at least two."""
        for record, first in self.scores.get(("plain", ""), {}).items():
            draws = [score for score in (*first, *self.scores.get(("repeat", ""), {}).get(record, [])) if score.reason is None]
            if len(draws) > 1:
                yield draws

    def families(self) -> list[str]:
        return [kind for test, kind in self.scores if test == "attack"]


def _repeats(table: _ProbeTable) -> Finding:
    draws = list(table.repeated())
    differ = sum(len({(score.value, score.label) for score in scores}) > 1 for scores in draws)
    return rate("repeats_differ", "", differ, len(draws), "records that got another verdict when asked again")


def _spread(table: _ProbeTable) -> Finding:
    """The standard deviation within records: root of the mean within variance (one-way ANOVA)."""
    draws = [[share for score in scores if (share := scale_share(table.rubric, score)) is not None] for scores in table.repeated()]
    variances = np.array([float(np.var(shares, ddof=1)) for shares in draws if len(shares) > 1])
    found = estimate_mean(variances, np.ones(len(variances)), ColumnFacts("number", (0.0, 0.5)))  # shares of the scale vary by 1/2 at most
    sd, low, high = (None if value is None else float(np.sqrt(max(value, 0.0))) for value in (found.mean, found.low, found.high))
    return Finding(
        "spread",
        "",
        sd,
        low=low,
        high=high,
        n=len(variances),
        defect=low is not None and low > TOLERANCE["spread"],
        told="standard deviation of one record's score",
    )


def _flips(table: _ProbeTable) -> Finding:
    scores = [scores[0] for scores in table.scores.get(("plain", ""), {}).values()]
    flips = sum(score.reason == "position_inconsistent" for score in scores)
    return rate("order_flips", "", flips, sum(score.reason in (None, "position_inconsistent") for score in scores), "pairs whose winner changes with the order")


def _first(table: _ProbeTable) -> Finding:
    """Of the flips between first and second, how many went to whatever stood first."""
    orders = []
    for scores in table.scores.get(("plain", ""), {}).values():
        if scores[0].reason == "position_inconsistent" and scores[0].detail:
            orders.append(json.loads(scores[0].detail).get("orders"))
    first = sum(order == ["A", "A"] for order in orders)
    return rate("prefers_first", "", first, sum(order in (["A", "A"], ["B", "B"]) for order in orders), "flips that went to the answer shown first")


def _mean(name: str, values: Sequence[float], told: str) -> Finding:
    found = estimate_mean(np.array(values, dtype=float), np.ones(len(values)), ColumnFacts("number", (-1.0, 1.0)))
    return _signed(name, found, len(values), told)


def _signed(name: str, found: Estimate, n: int, told: str) -> Finding:
    """An effect that may go both ways; a defect where the interval lies beyond the tolerance on either side."""
    limit = TOLERANCE.get(name, float("inf"))
    beyond = found.low is not None and found.high is not None and (found.low > limit or found.high < -limit)
    return Finding(name, "", found.mean, low=found.low, high=found.high, n=n, defect=beyond, told=told)


def _length_gain(table: _ProbeTable) -> Finding:
    plain, padded = table.shares("plain"), table.shares("padded")
    return _mean("length_gain", [padded[record] - plain[record] for record in plain if record in padded], "gain by sentences that add nothing")


def _length_slope(table: _ProbeTable, rows: Sequence[Mapping[str, object]]) -> Finding:
    """Score on length within records: sum(dx dy) / sum(dx^2) over the padded pairs, with a robust standard error."""
    told = "gain of the scale a 1,000 characters of such sentences"
    plain, padded = table.shares("plain"), table.shares("padded")
    lengths = {probe.record: len(str(probe.row.get("output"))) for probe, _ in table.probes if probe.test == "padded"}
    pairs = [
        ((lengths[record] - len(str(rows[record].get("output")))) / 1000, padded[record] - plain[record])
        for record in plain
        if record in padded and record in lengths
    ]
    if len(pairs) < 2:
        return Finding("length_slope", "", None, low=None, high=None, n=len(pairs), defect=False, told=told)
    x, y = np.array(pairs).T
    slope = float((x * y).sum() / (x * x).sum())
    se = float(np.sqrt(len(x) / (len(x) - 1) * ((x * (y - slope * x)) ** 2).sum()) / (x * x).sum())
    return _signed("length_slope", Estimate(slope, se, slope - 1.96 * se, slope + 1.96 * se), len(x), told)


def _self_preference(table: _ProbeTable, rows: Sequence[Mapping[str, object]], models: Sequence[str]) -> Finding:
    """How much better the judge finds answers by models of its own family than the rest: a warning by names, never a defect.

    Where people or other judges rated the same answers it is a difference in differences (kind `labels` or `judges`): the judge less
    them on its family's answers, minus the same on the rest. Else the gap of the judge's own means, called `raw`: quality differs too.
    """
    own = {family_of(model) for model in models} - {None}
    shares = table.shares("plain")
    kin = sorted({str(row["model"]) for row in rows if row.get("model") and (family_of(str(row["model"])) in own or row["model"] in models)})
    if not kin:
        return Finding(
            "self_preference", "", None, low=None, high=None, n=0, defect=False, told="no answer is by a model of the judge's family, as far as names tell"
        )
    family = f"the judge and {', '.join(kin)} are of one family"
    labels = {record: float(bool(rows[record]["label"])) for record in shares if isinstance(rows[record].get("label"), bool)}
    others = {record: float(str(rows[record]["others"])) for record in shares if rows[record].get("others") is not None}
    yardsticks = (
        ("labels", labels, "how much higher than people's labels the judge rates their answers, less the same for the others"),
        ("judges", others, "how much higher than other judges it rates their answers, less the same for the others"),
        ("raw", dict.fromkeys(shares, 0.0), "mean score of their answers minus that of the others, whose quality may differ"),
    )
    for kind, known, told in yardsticks:
        sides = [[shares[record] - known[record] for record in known if (rows[record].get("model") in kin) is same] for same in (True, False)]
        values, kindred = np.array([*sides[0], *sides[1]]), np.arange(sum(map(len, sides))) < len(sides[0])
        gap = estimate_change(values * kindred, kindred.astype(float), values * ~kindred, (~kindred).astype(float), ColumnFacts("number", (-1.0, 1.0)))
        if gap.mean is not None and gap.low is not None:
            return Finding("self_preference", kind, gap.mean, low=gap.low, high=gap.high, n=len(sides[0]), defect=False, told=f"{family}; {told}", warning=True)
    return Finding(
        "self_preference", "", None, low=None, high=None, n=len(sides[0]), defect=False, told=f"{family}; there are too few answers to tell", warning=True
    )


def _labels(table: _ProbeTable, rows: Sequence[Mapping[str, object]]) -> Finding:
    """Good scores of answers that people put down, and bad ones of those they praised; the middle of the scale contradicts nobody."""
    labelled = {record: share for record, share in table.shares("plain").items() if isinstance(rows[record].get("label"), bool)}
    against = sum((share >= PASS) if not rows[record]["label"] else (share <= 1 - PASS) for record, share in labelled.items())
    return rate("contradicts_labels", "", against, len(labelled), "labelled answers whose score says the opposite")


def _reasons(table: _ProbeTable, name: str, reasons: Sequence[str], told: str) -> Finding:
    scores = [scores[0] for scores in table.scores.get(("plain", ""), {}).values()]
    asked = [score for score in scores if score.reason in (None, "position_inconsistent", *UNREADABLE, *REFUSES)]
    return rate(name, "", sum(score.reason in reasons for score in asked), len(asked), told)


def _attacks(table: _ProbeTable) -> Iterator[Finding]:
    """Share of wrong answers that an attack lifts into the top quarter of the scale, held against a sentence that asks for nothing."""
    base = {record: share for record, share in table.shares("base").items() if share < PASS}

    def lifted(family: str) -> tuple[int, int]:
        shares = table.shares("attack", family)
        both = [shares[record] for record in base if record in shares]
        return sum(share >= PASS - 1e-9 for share in both), len(both)

    neutral = rate(NEUTRAL, "", *lifted(NEUTRAL), "wrong answers lifted by a sentence that asks for nothing")
    yield Finding("attack", NEUTRAL, neutral.estimate, low=neutral.low, high=neutral.high, n=neutral.n, defect=False, told=neutral.told)
    for family in table.families():
        if family != NEUTRAL:
            yield rate("attack", family, *lifted(family), "wrong answers lifted into the top quarter of the scale", floor=neutral.high)
