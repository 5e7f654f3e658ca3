"""Gates with a baseline where the two sides were asked other prompts: two means by cluster, held against a margin.

Which comparison is made follows from the number of prompts in common alone, before any score is looked at. A difference of
two means also moves with the mix of what was asked, so every answer says that it is one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from judgecli.arrays import Floats, Integers
from judgecli.signal.compare.paired import Difference
from judgecli.signal.compare.parts import Clustered, Parts, by_cluster, compare_parts
from judgecli.signal.gate.not_worse import Bar, answer_of, relation_to, shown_change
from judgecli.signal.gate.verdict import GateResult, GateVerdict, plural
from judgecli.signal.missing import Shares
from judgecli.stats.column import ColumnFacts, two_values_of
from judgecli.stats.deciding import LEAST_CLUSTERS, estimate_change, estimate_mean
from judgecli.stats.mover import Limited, clustered_correlation, difference_limits
from judgecli.stats.permutation import permuted_contrast

LEAST_COMMON = 0.2  # of the prompts of the side that has fewer


def prompts_in_common(baseline: Parts, candidate: Parts) -> tuple[int, bool]:
    """How many prompts both sides were asked, and whether that is enough to pair them: a fifth of those of the smaller side."""
    own, other = (np.unique(parts.prompts[parts.keyed]) for parts in (baseline, candidate))
    common = len(np.intersect1d(own, other, assume_unique=True))
    return common, bool(common) and common >= LEAST_COMMON * min(len(own), len(other))


@dataclass(frozen=True)
class Apart:
    """Both sides of an unpaired comparison; `common` prompts are on both, `forced` where judge.yaml asked for it."""

    baseline: Parts
    candidate: Parts
    common: int
    forced: bool = False

    @property
    def lost(self) -> int:
        """Values that failed or wait, on either side."""
        return int(self.baseline.missing.sum() + self.candidate.missing.sum())

    @property
    def coverage(self) -> float | None:
        """The smaller of the two shares that are scored; None where a side has no record."""
        sides = (self.baseline, self.candidate)
        return min(float(side.counts.sum()) / side.records for side in sides) if all(side.records for side in sides) else None


def measure_apart(old: Clustered, new: Clustered, column: ColumnFacts) -> Difference:
    """Mean of new minus mean of old over records, with the interval that such a column gets. `pairs` counts the values of new.

    The limits of both sides joined are a floor: where sides of unequal size are skewed, the skew of the difference alone let a candidate at the
    margin pass in 5 % of runs (lognormal, s = 1, 200 clusters against 50), and with the floor in at most 4 % (docs/truth.md).
    """
    clusters = np.union1d(old.clusters, new.clusters)
    (new_sums, new_counts), (old_sums, old_counts) = (_spread_out(side, clusters) for side in (new, old))
    found = estimate_change(new_sums, new_counts, old_sums, old_counts, column)
    contrast = permuted_contrast(new_sums, new_counts, old_sums, old_counts, rate=column.is_rate)
    if contrast is None or not np.isfinite(contrast.difference):
        why = "nothing is scored on one of the sides" if contrast is None else "the values are too large for a mean"
        return Difference(0, 0, None, b=None, difference=None, se=None, low=None, high=None, p=None, method="none", reasons={"difference": why})
    known = (int(new_counts.sum()), contrast.clusters, contrast.mean_b, contrast.mean_a, contrast.difference)
    if found.low is None or found.high is None or not np.isfinite([found.low, found.high]).all():
        reasons = dict.fromkeys(("se", "low", "high", "p"), found.why or "the values are too large for an interval")
        return Difference(*known, None, None, None, None, "none", reasons=reasons)
    reasons = {} if found.why is None else {"verdict": found.why}
    sides = (_limited(new_sums, new_counts, column), _limited(old_sums, old_counts, column))
    joined = difference_limits(*sides, correlation=clustered_correlation(new_sums, new_counts, old_sums, old_counts))
    low, high = min(found.low, joined[0]), max(found.high, joined[1])
    return Difference(*known, found.se, low, high, contrast.p, "Newcombe" if found.method == "Newcombe" else "Welch", reasons=reasons)


def _limited(sums: Floats, counts: Floats, column: ColumnFacts) -> Limited:
    """A side's mean with its own limits, which are there where those of the difference are."""
    found = estimate_mean(sums, counts, column)
    mean = found.mean or 0.0
    return Limited(mean, mean if found.low is None else found.low, mean if found.high is None else found.high)


def _spread_out(side: Clustered, clusters: Integers) -> tuple[Floats, Floats]:
    """Sums and counts of a side at the places of all clusters."""
    sums, counts = np.zeros(len(clusters)), np.zeros(len(clusters))
    place = np.searchsorted(clusters, side.clusters)
    sums[place], counts[place] = side.sums, side.counts
    return sums, counts


def _column(bar: Bar, sides: Apart) -> ColumnFacts:
    """What is known of the values of both sides."""
    binary = sides.baseline.zeros_and_ones and sides.candidate.zeros_and_ones
    sums, counts = (sum(float(getattr(side, name).sum()) for side in (sides.baseline, sides.candidate)) for name in ("sums", "counts"))
    seen = (float(sums == counts > 0), float(sums > 0))  # the smallest and the largest, where all are 0 or 1
    return ColumnFacts(bar.subject.kind, bar.subject.scale, seen if binary else None)


def judge_apart(bar: Bar, sides: Apart, *, unscored: Mapping[str, int], pending: int, left_out: int, dead_endpoint: bool = False) -> GateResult:
    """Answer one gate without pairs. `unscored` and `pending` count cells of the candidate, `left_out` its records that stand in the baseline.

    Where the shares without a score differ, what has none by design is missing as well: nobody may pass by what cannot be measured.
    """
    shares = compare_parts(sides.baseline, sides.candidate)
    if shares.differ:
        sides = replace(sides, baseline=sides.baseline.owed, candidate=sides.candidate.owed)
    old, new = by_cluster(sides.baseline), by_cluster(sides.candidate)
    column = _column(bar, sides)
    found = measure_apart(old, new, column)
    worst, best = (_at_end(old, new, column, up=up) if sides.lost else found for up in (not bar.wanted_up, bar.wanted_up))
    verdict, why = _verdict(bar, sides, found, worst, best, left_out)
    return GateResult(
        gate=bar.gate,
        verdict=verdict,
        value=found.difference,
        low=found.low,
        high=found.high,
        threshold=bar.threshold,
        n=int(sides.candidate.counts.sum()),
        message=f"{why}; {_apart_text(sides)}; {_counted(bar, shares, found)}",
        kind="baseline",
        metric=bar.subject.metric,
        where=bar.where,
        direction="at_least" if bar.wanted_up else "at_most",
        cells=sides.candidate.records,
        of=shares.b.of,
        clusters=found.clusters,
        worst=None if worst is None else worst.difference,
        best=None if best is None else best.difference,
        unscored=dict(unscored),
        pending=pending,
        coverage=sides.coverage,
        identity=bar.subject.identity,
        dead_endpoint=dead_endpoint,
        reasons=dict(found.reasons),
        baseline=bar.baseline,
        margin=bar.margin,
        detectable=found.seen,
        p=found.p,
        method=found.method,
        means={"baseline": found.a, "candidate": found.b},
        measured=shares.to_json(),
        paired=False,
        common=sides.common,
    )


def _at_end(old: Clustered, new: Clustered, column: ColumnFacts, *, up: bool) -> Difference | None:
    """The difference with every missing value at the end of the scale that makes it largest (`up`) or least; None where the scale has no such end."""
    least, most = column.closed or column.scale
    filled, column = [], _with_ends(column, old if up else new, new if up else old)
    for side, end in ((old, least if up else most), (new, most if up else least)):
        if side.missing.any() and end is None:
            return None
        filled.append(Clustered(side.clusters, side.counts + side.missing, side.sums + side.missing * (end or 0.0), np.zeros(len(side.clusters))))
    return measure_apart(filled[0], filled[1], column)


def _with_ends(column: ColumnFacts, at_least: Clustered, at_most: Clustered) -> ColumnFacts:
    """The column once what is missing of one side stands at the least value of the scale and of the other at the largest."""
    if column.two_values is None:
        return column
    ends = [end for side, end in zip((at_least, at_most), column.closed or column.scale, strict=True) if side.missing.any() and end is not None]
    return replace(column, two_values=two_values_of(np.array([*column.two_values, *ends])))


def _verdict(bar: Bar, sides: Apart, found: Difference, worst: Difference | None, best: Difference | None, left_out: int) -> tuple[GateVerdict, str]:
    if found.difference is None:
        return "incomplete", found.reasons.get("difference", "nothing to compare")
    shown = shown_change(bar, found)
    if (sides.coverage or 0.0) < bar.measured:
        return "incomplete", f"{shown}, but one side has less than {100 * bar.measured:g} % of its scores"
    if found.clusters < LEAST_CLUSTERS or "verdict" in found.reasons:
        needs = f"from {plural(found.clusters, 'cluster')} on one side, and a verdict needs {LEAST_CLUSTERS}"
        few = f"not enough data: {shown}{f': {why}' if (why := found.reasons.get('verdict')) else f' {needs}'}"
        return ("incomplete" if left_out and found.clusters < LEAST_CLUSTERS else "inconclusive"), few
    answer = answer_of(bar, found)
    if answer == "inconclusive":
        undecided = found.reasons.get("low", f"the interval holds {bar.threshold:g}, so these records cannot tell")
        return answer, f"{shown}: {undecided}"
    said = f"{shown} is {relation_to(bar, found, answer)}"
    if not sides.lost:
        return answer, said
    end, lost = worst if answer == "pass" else best, plural(sides.lost, "missing score")
    if end is None:
        return "inconclusive", f"{said}, but {lost} could change that: the scale has no end to hold them against"
    if answer_of(bar, end) != answer:
        return "inconclusive", f"{said}, but {lost} could change that: at the end of the scale they make it {shown_change(bar, end)}"
    return answer, said


def _apart_text(sides: Apart) -> str:
    why = "judge.yaml asks for it" if sides.forced else f"{plural(sides.common, 'prompt')} in common {'is' if sides.common == 1 else 'are'} too few to pair"
    return f"unpaired ({why}): two means by cluster, and another mix of prompts can move this"


def _counted(bar: Bar, shares: Shares, found: Difference) -> str:
    seen = "" if found.seen is None else f", the smallest change these could have seen is {found.seen:.3g}"
    apart = shares.text(f"baseline {bar.baseline}", "the candidate")
    return f"{shares.b.n:,} of {shares.b.of:,} scored, in the baseline {shares.a.n:,} of {shares.a.of:,} scored{seen}{f'; {apart}' if apart else ''}"
