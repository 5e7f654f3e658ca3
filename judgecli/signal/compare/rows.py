"""Comparisons: two policies on the same prompts, one row a metric and segment, and the ranking of more than two.

A row answers better, worse, same (the whole interval lies within the margin), or inconclusive. What is
missing is put to both ends of the scale: an answer that would be another one there is none. Each row says
what it could have seen.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from judgecli.signal.anchors import FEW
from judgecli.signal.compare.paired import Difference, Pairs, PairScale, bound_difference, join_clusters, measure_difference, measured_sides, noise
from judgecli.signal.gate.verdict import plural
from judgecli.signal.linked import Link, link_text
from judgecli.stats.column import RATE
from judgecli.stats.deciding import LEAST_CLUSTERS, estimate_mean
from judgecli.stats.families import benjamini_hochberg
from judgecli.stats.power import detectable, required_prompts, savings
from judgecli.stats.tails import unseen_share
from judgecli.stats.wilcoxon import wilcoxon

Outlook = Literal["better", "worse", "higher", "lower", "same", "inconclusive", "not comparable"]
DEFAULT_MARGIN = 0.02  # of the range of the scale
TIE = 1e-12
OUTCOMES = ("wins", "ties", "losses", "win_rate", "win_low", "win_high")
ALPHA = 0.05  # of the p-value, which has to agree with the interval


@dataclass(frozen=True)
class ComparedMetric:
    """What is compared: a metric under one identity, in one segment, with a margin in units of the metric (None: none is known)."""

    metric: str
    identity: str
    kind: str
    scale: PairScale
    higher_is_better: bool | None
    margin: float | None
    segment: Mapping[str, str | None] = field(default_factory=dict)
    policies: tuple[str, str] = ("A", "B")

    @property
    def sign(self) -> float:
        """1 where more is better (or nothing says so), -1 where less is."""
        return -1.0 if self.higher_is_better is False else 1.0


@dataclass(frozen=True)
class CompareRow:
    """DESIGN's row of `compare`: b minus a over the prompts that both answered. `missing` counts prompts that lack a value on a side,
    whatever the reason; `by_design` those that no side measures. `measured`: how many of all records of each side have a score, by class.

    `worst` and `best` are the difference with what is missing put to the ends of the scale, worst for b. `detectable` is the
    smallest true difference that would have been found with 80 % power; `needed_pairs` how many pairs would see the margin.
    """

    metric: str
    segment: Mapping[str, str | None]
    policy_a: str
    policy_b: str
    n_pairs: int
    missing: int
    a: float | None
    b: float | None
    difference: float | None
    low: float | None
    high: float | None
    p: float | None
    margin: float | None
    verdict: Outlook
    detectable: float | None
    message: str
    q: float | None = None
    clusters: int = 0
    se: float | None = None
    method: str = "none"
    design_effect: float = 1.0
    wins: int | None = 0
    ties: int | None = 0
    losses: int | None = 0
    win_rate: float | None = None
    win_low: float | None = None
    win_high: float | None = None
    worst: float | None = None
    best: float | None = None
    only_a: int = 0
    only_b: int = 0
    by_design: int = 0
    coverage: float | None = None
    needed_pairs: int | None = None
    repeats: Mapping[str, float | None] = field(default_factory=dict)
    wilcoxon_p: float | None = None
    identity: str | None = None
    kind: str = "number"
    higher_is_better: bool | None = None
    reasons: Mapping[str, str] = field(default_factory=dict)
    measured: Mapping[str, object] = field(default_factory=dict)
    linked: Mapping[str, object] | None = None  # how b was put into units of a, where two judges scored them, and the raw numbers

    def to_json(self) -> dict[str, object]:
        """The row as strict JSON."""
        document = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {name: dict(value) if isinstance(value, Mapping) else value for name, value in document.items()}


def compare_pairs(subject: ComparedMetric, pairs: Pairs, *, ranks: bool = False, link: Link | None = None) -> CompareRow:
    """Answer one comparison. `ranks`: with Wilcoxon's p-value on the units' mean differences, which decides nothing.

    `link`: two judges scored the sides, and b is put into units of a; then nobody wins or ties, for a link is right for means only.
    """
    rate, (line, b_scale) = subject.kind == "rate", (None, None) if link is None else (link.line, link.scale)
    found = measure_difference(pairs, rate=rate, scale=subject.scale, link=line, b_scale=b_scale)
    ends = (bound_difference(pairs, rate=rate, scale=subject.scale, b_at_top=top, link=line, b_scale=b_scale) for top in (False, True))
    bounds = list(ends) if pairs.lost_values else [found, found]
    if subject.sign < 0:
        bounds.reverse()
    verdict, message = _answer(subject, pairs, found, bounds) if link is None or not link.few else ("inconclusive", few_anchors(link))
    wins, ties, losses = _outcomes(pairs, subject.sign) if link is None else (None, None, None)
    rate_of_wins = _win_rate(pairs, subject.sign) if link is None else (None, None, None)
    told = None if link is None else told_link(link, pairs, rate=rate, scale=subject.scale)
    asked, shares = len(pairs.a.prompts), pairs.shares.text(*subject.policies)
    return CompareRow(
        metric=subject.metric,
        segment=subject.segment,
        policy_a=subject.policies[0],
        policy_b=subject.policies[1],
        n_pairs=found.pairs,
        missing=pairs.missing,
        a=found.a,
        b=found.b,
        difference=found.difference,
        low=found.low,
        high=found.high,
        p=found.p,
        margin=subject.margin,
        verdict=verdict,
        detectable=found.seen,
        message=f"{message}{'' if told is None else f', {link_text(told)}'}{f'; {shares}' if shares else ''}",
        clusters=found.clusters,
        se=found.se,
        method=found.method,
        design_effect=found.design_effect,
        wins=wins,
        ties=ties,
        losses=losses,
        win_rate=rate_of_wins[0],
        win_low=rate_of_wins[1],
        win_high=rate_of_wins[2],
        worst=None if bounds[0] is None else bounds[0].difference,
        best=None if bounds[1] is None else bounds[1].difference,
        only_a=pairs.only_a,
        only_b=pairs.only_b,
        by_design=pairs.by_design,
        coverage=covered(pairs) if asked else None,
        needed_pairs=needed_pairs(found, subject.margin),
        repeats=repeat_advice(pairs, found),
        wilcoxon_p=_rank_test(pairs) if ranks and link is None else None,
        identity=subject.identity or None,
        kind=subject.kind,
        higher_is_better=subject.higher_is_better,
        reasons=_reasons(found, bounds) | ({} if link is None else dict.fromkeys(OUTCOMES, "a link is right for means, not for single answers")),
        measured=pairs.shares.to_json(),
        linked=told,
    )


def told_link(link: Link, pairs: Pairs, *, rate: bool, scale: PairScale) -> dict[str, object] | None:
    """A link as data, with the difference as it would be without it; None where nothing is measured on both sides."""
    low, high = scale
    both = scale if low is None or high is None else (min(low, link.scale[0]), max(high, link.scale[1]))
    raw = measure_difference(pairs, rate=rate, scale=both)
    if raw.b is None:
        return None
    return {**link.to_json(raw.b), "raw": {name: getattr(raw, name) for name in ("b", "difference", "low", "high")}}


def few_anchors(link: Link) -> str:
    """Why a link of so few anchors decides nothing."""
    return f"not enough data: {plural(link.line.items, 'anchor')} link the two judges, and a verdict needs {FEW}"


def covered(pairs: Pairs) -> float | None:
    """The share of values that were measured, of all that should have been; None where there is nothing to measure."""
    values = float(pairs.a.counts.sum() + pairs.b.counts.sum())
    return values / (values + pairs.lost_values) if values + pairs.lost_values else None


def refused_row(subject: ComparedMetric, message: str) -> CompareRow:
    """The row of a metric whose two sides must not be held against each other."""
    empty = dict.fromkeys(("a", "b", "difference", "low", "high", "p", "detectable"), message)
    return CompareRow(
        metric=subject.metric,
        segment=subject.segment,
        policy_a=subject.policies[0],
        policy_b=subject.policies[1],
        n_pairs=0,
        missing=0,
        a=None,
        b=None,
        difference=None,
        low=None,
        high=None,
        p=None,
        margin=subject.margin,
        verdict="not comparable",
        detectable=None,
        message=message,
        kind=subject.kind,
        higher_is_better=subject.higher_is_better,
        reasons=empty,
    )


def adjust_family(rows: Sequence[CompareRow]) -> list[CompareRow]:
    """The rows with q: p adjusted for all of them together (Benjamini and Hochberg)."""
    asked = [place for place, row in enumerate(rows) if row.p is not None]
    adjusted = dict(zip(asked, benjamini_hochberg([rows[place].p or 0.0 for place in asked]), strict=True)) if asked else {}
    return [replace(row, q=adjusted.get(place)) for place, row in enumerate(rows)]


def _answer(subject: ComparedMetric, pairs: Pairs, found: Difference, bounds: Sequence[Difference | None]) -> tuple[Outlook, str]:
    if found.difference is None:
        return "inconclusive", f"not enough data: {found.reasons.get('difference', 'nothing to compare')}"
    if found.clusters < LEAST_CLUSTERS:
        return "inconclusive", f"not enough data: {found.pairs:,} pairs in {found.clusters:,} clusters, and a verdict needs {LEAST_CLUSTERS} clusters"
    if found.undecided is not None:
        return "inconclusive", f"not enough data: {found.undecided}"
    side = _side(subject, found)
    if side == "inconclusive":
        return side, _undecided(subject, found)
    if pairs.lost_values:
        for bound in bounds:
            if bound is None:
                return "inconclusive", f"{_lost(pairs)} could change the answer: the scale has no end to hold them against"
            if _side(subject, bound) != side:
                return "inconclusive", f"{_lost(pairs)} could change the answer: at an end of the scale the difference is {bound.difference:.4g}"
    return side, f"{_words(side, subject)}{rare_loss(found, subject.scale, subject.margin) if side == 'same' else ''}"


def rare_loss(found: Difference, scale: PairScale, margin: float | None) -> str:
    """What so few pairs cannot exclude where no end of the scale bounds it: a rare loss, and how large it would have to be to pass the margin."""
    if not margin or found.method == "Bonett-Price" or (scale[0] is not None and scale[1] is not None):
        return ""
    share = float(unseen_share(np.array([float(found.clusters)]), 0.95)[0])
    return f"; a loss of {margin / share:.3g} or more in fewer than {100 * share:.2g} % of prompts may not be among these {found.clusters:,}"


def _side(subject: ComparedMetric, found: Difference) -> Outlook:
    if found.low is None or found.high is None:
        return "inconclusive"
    if subject.margin is not None and found.low > -subject.margin and found.high < subject.margin:
        return "same"
    if (found.low > 0 or found.high < 0) and found.p is not None and found.p < ALPHA:
        up = found.low > 0
        if subject.higher_is_better is None:
            return "higher" if up else "lower"
        return "better" if up == subject.higher_is_better else "worse"
    return "inconclusive"


def _words(side: Outlook, subject: ComparedMetric) -> str:
    if side == "same":
        return f"no difference beyond the margin of {subject.margin:g}"
    return f"{subject.policies[1]} is {side} than {subject.policies[0]}"


def _undecided(subject: ComparedMetric, found: Difference) -> str:
    if found.low is None or found.high is None:
        return next(iter(found.reasons.values()), "there is no interval to decide by")
    if found.low > 0 or found.high < 0:
        return f"these pairs cannot tell: the interval leaves out 0, but p = {found.p:.2g}: few pairs differ"
    return "these pairs cannot tell: the interval holds 0" + ("" if subject.margin is None else " and reaches beyond the margin")


def _lost(pairs: Pairs) -> str:
    return f"{pairs.lost_values:,} missing value{'' if pairs.lost_values == 1 else 's'}"


def moved_by_prompt(pairs: Pairs, sign: float) -> npt.NDArray[np.float64]:
    """b minus a of each measured prompt, positive where b is better."""
    kept = pairs.measured
    with np.errstate(over="ignore", invalid="ignore"):
        found: npt.NDArray[np.float64] = sign * (pairs.b.sums[kept] / pairs.b.counts[kept] - pairs.a.sums[kept] / pairs.a.counts[kept])
    return found


def _rank_test(pairs: Pairs) -> float | None:
    moved = moved_by_prompt(pairs, 1.0)
    if not len(moved):
        return None
    units, _ = join_clusters(*measured_sides(pairs))
    return wilcoxon(np.bincount(units, moved) / np.bincount(units)).p


def _outcomes(pairs: Pairs, sign: float) -> tuple[int, int, int]:
    moved = moved_by_prompt(pairs, sign)
    return int((moved > TIE).sum()), int((np.abs(moved) <= TIE).sum()), int((moved < -TIE).sum())


def _win_rate(pairs: Pairs, sign: float) -> tuple[float | None, float | None, float | None]:
    """The share of prompts on which b wins, a tie as half a win, with its Wilson interval on clusters."""
    moved = moved_by_prompt(pairs, sign)
    if not len(moved):
        return None, None, None
    units, _ = join_clusters(*measured_sides(pairs))
    points = np.where(np.abs(moved) <= TIE, 0.5, (moved > 0).astype(float))
    found = estimate_mean(np.bincount(units, points).astype(float), np.bincount(units).astype(float), RATE)
    return found.mean, found.low, found.high


def needed_pairs(found: Difference, margin: float | None) -> int | None:
    """How many pairs like these would see a true difference as large as the margin, with 80 % power."""
    if found.se is None or not margin:
        return None
    own, seen = found.se, margin
    if found.pairs_se is not None:
        left = margin**2 - detectable(found.link_se) ** 2  # what the link leaves for pairs to see
        if left <= 0:
            return None
        own, seen = found.pairs_se, math.sqrt(left)
    count = required_prompts(seen, own**2 * found.pairs)
    return math.ceil(count) if math.isfinite(count) else None


def repeat_advice(pairs: Pairs, found: Difference) -> dict[str, float | None]:
    """Repeats a side, and by which share the standard error would shrink with twice the repeats (null without repeats) or twice the prompts."""
    kept = pairs.measured
    if not kept.any() or found.se is None or found.link_se:
        return {}
    mean_a, mean_b = float(pairs.a.counts[kept].mean()), float(pairs.b.counts[kept].mean())
    parts = noise(pairs)
    saved: float | None = None
    if any(part is not None for part in parts):
        within = sum(part.within * float((1 / side.counts[kept]).mean()) for part, side in zip(parts, (pairs.a, pairs.b), strict=True) if part is not None)
        spread = found.se**2 * found.pairs
        saved = savings(max(spread - within, 0.0), within).repeats
    return {"a": mean_a, "b": mean_b, "twice_the_repeats": saved, "twice_the_prompts": savings(1.0, 0.0).prompts}


def _reasons(found: Difference, bounds: Sequence[Difference | None]) -> dict[str, str]:
    why = dict(found.reasons)
    if found.se is None:
        why["detectable"] = why.get("se", why.get("difference", "there is no standard error"))
    for name, bound in zip(("worst", "best"), bounds, strict=True):
        if bound is None:
            why[name] = "the scale has no end there"
        elif bound.difference is None:
            why[name] = bound.reasons.get("difference", "nothing to compare")
    return why
