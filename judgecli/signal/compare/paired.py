"""Two sides on the same prompts: records averaged by prompt, prompts paired, one difference a pair with its interval.

The unit is the cluster (conversation, user), never the row. Where every prompt stands in one conversation
a side, conversations that share a prompt are one unit. Where prompts recur in several conversations, the
prompt is the unit, and the interval is widened by the design effect of two-way clustering.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
from scipy import special
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from judgecli.arrays import Floats, Integers
from judgecli.signal.missing import MeasuredShare, Shares, shares_p
from judgecli.stats.column import ColumnFacts, two_values_of
from judgecli.stats.deciding import estimate_difference, smallest_seen
from judgecli.stats.linear_link import LinearLink
from judgecli.stats.mcnemar import mcnemar
from judgecli.stats.power import Components, variance_components
from judgecli.stats.sign_flip import sign_flip

PairScale = tuple[float | None, float | None]
FLIPPED_CLUSTERS = 2000  # up to it the p-value is of sign flips, beyond it of t: they agree there
SEVERAL = -1  # the cluster of a prompt whose records stand in more than one


@dataclass(frozen=True)
class PairSide:
    """One side by prompt, ascending: n and sum of its values, their squares around the prompt's mean, how many are missing
    (failed or waiting), and the cluster, or SEVERAL. `parts`: prompt, cluster, n and sum of each prompt in each cluster.

    `design`: how many records have no value by design; None: one for each prompt that has neither a value nor a missing one.
    `waiting`: how many of all that are missing wait."""

    prompts: Integers
    counts: Floats
    sums: Floats
    squares: Floats
    missing: Floats
    clusters: Integers
    parts: tuple[Integers, Integers, Floats, Floats]
    design: Floats | None = None
    waiting: int = 0

    @property
    def by_design(self) -> Floats:
        """By prompt, how many records have no value by design."""
        return (self.counts + self.missing == 0).astype(np.float64) if self.design is None else self.design

    @property
    def measured(self) -> MeasuredShare:
        """How many of its records have a value, and why not the rest."""
        return MeasuredShare(int(self.counts.sum()), int(self.by_design.sum()), int(self.missing.sum()) - self.waiting, self.waiting)


def gather_side(prompts: Integers, clusters: Integers, values: Floats, missing: npt.NDArray[np.bool_], *, waiting: int = 0) -> PairSide:
    """A side from its records (NaN: no value, and `missing` whether it should have one); the same in any order of the records."""
    order = np.lexsort((values, clusters, prompts))
    prompts, clusters, values, missing = prompts[order], clusters[order], values[order], missing[order]
    scored = np.isfinite(values)
    filled = np.where(scored, values, 0.0)
    distinct, place = np.unique(prompts, return_inverse=True)
    size = len(distinct)
    counts, lost, design = (np.bincount(place, which, size).astype(np.float64) for which in (scored, missing, ~scored & ~missing))
    sums = np.bincount(place, filled, size).astype(np.float64)
    means = np.divide(sums, counts, out=np.zeros(size), where=counts > 0)
    squares = np.bincount(place, np.where(scored, (filled - means[place]) ** 2, 0.0), size).astype(np.float64)
    starts = np.flatnonzero(np.r_[True, np.diff(place) != 0]) if len(place) else np.empty(0, np.int64)
    least, most = (ends.reduceat(clusters, starts) if size else clusters for ends in (np.minimum, np.maximum))
    new = np.flatnonzero(np.r_[True, (np.diff(place) != 0) | (np.diff(clusters) != 0)]) if len(place) else np.empty(0, np.int64)
    part = np.repeat(np.arange(len(new)), np.diff(np.r_[new, len(place)]))
    parts = (distinct[place[new]], clusters[new], np.bincount(part, scored, len(new)).astype(float), np.bincount(part, filled, len(new)).astype(float))
    return PairSide(
        distinct, counts, sums, squares=squares, missing=lost, clusters=np.where(least == most, least, SEVERAL), parts=parts, design=design, waiting=waiting
    )


@dataclass(frozen=True)
class Pairs:
    """The prompts that both sides were asked and that one of them measured or should have; and how many only one side was asked.

    A record of these without a value is missing, whatever the reason: of a pair of which one side does not apply nobody knows
    what the other would have been. `by_design` counts the prompts that neither side measures, by design; `unowed` those that
    side a does not measure by design but side b does. `shares`: all records of both sides, with a score and without.
    """

    a: PairSide
    b: PairSide
    only_a: int
    only_b: int
    by_design: int
    shares: Shares
    unowed: int = 0

    @property
    def measured(self) -> npt.NDArray[np.bool_]:
        """Which prompts have a value on both sides."""
        return (self.a.counts > 0) & (self.b.counts > 0)

    @property
    def missing(self) -> int:
        """Prompts that lack their value on a side."""
        return int(np.count_nonzero(~self.measured))

    @property
    def lost_values(self) -> int:
        """Values that are missing, on either side."""
        return int(self.a.missing.sum() + self.b.missing.sum())


def pair_sides(a: PairSide, b: PairSide, *, absent_is_missing: bool = False) -> Pairs:
    """Pair by prompt. `absent_is_missing`: a prompt of side a that side b was never asked is missing there, not unpaired.

    What one side lacks by design and the other measures is missing too; only what both lack by design is left out.
    """
    if absent_is_missing:
        b = _extended(b, np.setdiff1d(a.prompts, b.prompts))
    _, in_a, in_b = np.intersect1d(a.prompts, b.prompts, assume_unique=True, return_indices=True)
    only = len(a.prompts) - len(in_a), len(b.prompts) - len(in_b)
    owed, held = a.counts[in_a] + a.missing[in_a] > 0, b.counts[in_b] + b.missing[in_b] > 0
    asked = owed | held
    unowed = int(np.count_nonzero(held & ~owed))
    return Pairs(_owed(_taken(a, in_a[asked])), _owed(_taken(b, in_b[asked])), *only, int(np.count_nonzero(~asked)), compare_shares(a, b), unowed)


def compare_shares(a: PairSide, b: PairSide) -> Shares:
    """How much of each side has a score, with the test by cluster of whether the shares differ."""
    prompts, units = join_all((a, b))
    size = int(units.max(initial=-1)) + 1
    parts = []
    for side in (a, b):
        own, without = units[np.searchsorted(prompts, side.prompts)], side.missing + side.by_design
        parts += [np.bincount(own, which, size).astype(np.float64) for which in (without, without + side.counts)]
    return Shares(a.measured, b.measured, shares_p(*parts))


def _owed(side: PairSide) -> PairSide:
    """The side with its values that are not there by design as missing ones."""
    return replace(side, missing=side.missing + side.by_design, design=np.zeros(len(side.counts)))


def _extended(side: PairSide, prompts: Integers) -> PairSide:
    """The side with these prompts too, each with one missing value."""
    order = np.argsort(np.r_[side.prompts, prompts], kind="stable")
    zeros = np.zeros(len(prompts))
    return PairSide(
        prompts=np.r_[side.prompts, prompts][order],
        counts=np.r_[side.counts, zeros][order],
        sums=np.r_[side.sums, zeros][order],
        squares=np.r_[side.squares, zeros][order],
        missing=np.r_[side.missing, zeros + 1][order],
        clusters=np.r_[side.clusters, prompts][order],
        parts=side.parts,
        design=np.r_[side.by_design, zeros][order],
        waiting=side.waiting,
    )


def _taken(side: PairSide, places: Integers) -> PairSide:
    kept = np.isin(side.parts[0], side.prompts[places])
    return PairSide(
        prompts=side.prompts[places],
        counts=side.counts[places],
        sums=side.sums[places],
        squares=side.squares[places],
        missing=side.missing[places],
        clusters=side.clusters[places],
        parts=(side.parts[0][kept], side.parts[1][kept], side.parts[2][kept], side.parts[3][kept]),
        design=side.by_design[places],
    )


@dataclass(frozen=True)
class Difference:
    """Mean of b minus mean of a over prompts, with standard error, 95 % limits and two-sided p. Null numbers have their cause in `reasons`.

    `clusters` counts independent units; `design_effect` (at least 1) is by how much shared conversations blow up the variance.
    """

    pairs: int
    clusters: int
    a: float | None
    b: float | None
    difference: float | None
    se: float | None
    low: float | None
    high: float | None
    p: float | None
    method: str
    design_effect: float = 1.0
    reasons: Mapping[str, str] = field(default_factory=dict)
    link_se: float = 0.0  # what a link between two judges adds to the error: no further pair takes it away
    pairs_se: float | None = None  # the error without it, where there is a link
    undecided: str | None = None  # why a verdict must not rest on the limits

    @property
    def seen(self) -> float | None:
        """The smallest true difference that would have been found with 80 % power."""
        return smallest_seen(self.se, self.difference, self.low, self.high)


def measure_difference(pairs: Pairs, *, rate: bool, scale: PairScale, link: LinearLink | None = None, b_scale: PairScale | None = None) -> Difference:
    """The difference over the prompts that have a value on both sides; with a `link`, b in units of a, and the link's variance in the interval.

    `b_scale`: of b as it was scored, where that is another one than a's.

    The interval is the one that the scores' column gets (stats/deciding.py). p: mid-p McNemar for zeros and ones answered once on
    each side, each prompt a unit; else by sign flips.
    """
    a, b = measured_sides(pairs)
    return _difference(a, b, rate, scale) if link is None else _across(a, b, _reach(scale, b_scale or scale, link), link)


def bound_difference(
    pairs: Pairs, *, rate: bool, scale: PairScale, b_at_top: bool, link: LinearLink | None = None, b_scale: PairScale | None = None
) -> Difference | None:
    """The difference if every missing value of b stood at the top of its scale and every one of a at the bottom, or the other way round.

    None where the scale has no end that this needs.
    """
    own = b_scale or scale
    a_end, b_end = (scale[0], own[1]) if b_at_top else (scale[1], own[0])
    if (pairs.a.missing.any() and a_end is None) or (pairs.b.missing.any() and b_end is None):
        return None
    a, b = _filled(pairs.a, a_end or 0.0), _filled(pairs.b, b_end or 0.0)
    return _difference(a, b, rate, scale) if link is None else _across(a, b, _reach(scale, own, link), link)


def _reach(scale: PairScale, b_scale: PairScale, link: LinearLink) -> PairScale:
    """A scale as wide as a difference can be: b in units of a may lie beyond the ends of a's."""
    (low, high), (b_low, b_high) = scale, b_scale
    if low is None or high is None or b_low is None or b_high is None:
        return None, None
    return 0.0, max(float(link.back(b_high)) - low, high - float(link.back(b_low)))


def _across(a: PairSide, b: PairSide, scale: PairScale, link: LinearLink) -> Difference:
    """The difference where b was scored by another judge than a: limits widened by the link's (MOVER), p by t with both variances."""
    found = _difference(a, linked_side(b, link), False, scale)
    if found.difference is None or not len(b.counts):
        return found
    error = link.error(float((b.sums / b.counts).mean()))
    if found.se is None or found.low is None or found.high is None:
        return replace(found, link_se=error)
    half = link.quantile() * error
    low = found.difference - float(np.hypot(found.difference - found.low, half))
    high = found.difference + float(np.hypot(found.high - found.difference, half))
    se = float(np.hypot(found.se, error))
    return replace(found, se=se, low=low, high=high, p=_t_p(found.difference, se, _degrees(found, error, link) + 1), link_se=error, pairs_se=found.se)


def _degrees(found: Difference, error: float, link: LinearLink) -> int:
    """Welch and Satterthwaite's degrees of freedom of two variances, rounded down."""
    own, other = (found.se or 0.0) ** 2, error**2
    below = own**2 / max(found.clusters - 1, 1) + other**2 / max(link.items - 2, 1)
    return max(1, int((own + other) ** 2 / below)) if below > 0 else max(1, found.clusters - 1)


def linked_side(side: PairSide, link: LinearLink) -> PairSide:
    """A side in units of the judge that the link leads back to."""
    origin = float(link.back(0.0))
    prompts, clusters, counts, sums = side.parts
    parts = (prompts, clusters, counts, sums / link.slope + origin * counts)
    return replace(side, sums=side.sums / link.slope + origin * side.counts, squares=side.squares / link.slope**2, parts=parts)


def _filled(side: PairSide, end: float) -> PairSide:
    counts, sums = side.counts + side.missing, side.sums + side.missing * end
    return PairSide(
        side.prompts, counts, sums, squares=side.squares, missing=np.zeros(len(counts)), clusters=side.clusters, parts=side.parts, design=np.zeros(len(counts))
    )


def _difference(a: PairSide, b: PairSide, rate: bool, scale: PairScale) -> Difference:
    n = len(a.prompts)
    if n == 0:
        return _unknown(0, "no prompt is measured on both sides")
    with np.errstate(over="ignore", invalid="ignore"):
        means_a, means_b = a.sums / a.counts, b.sums / b.counts
        moved = means_b - means_a
        level_a, level_b, difference = float(means_a.mean()), float(means_b.mean()), float(moved.mean())
    if not np.isfinite([level_a, level_b, difference]).all():
        return _unknown(n, "the values are too large for a mean")
    units, nested = join_clusters(a, b)
    groups = len(np.unique(units))
    effect, fewest = (1.0, groups) if nested else _design_effect(a, b, level_a, level_b)
    singles = bool((a.counts == 1).all() and (b.counts == 1).all()) and groups == n
    column = ColumnFacts("rate" if rate else "number", scale, two_values_of(np.r_[a.sums, b.sums]) if singles else None)
    known = (n, min(groups, fewest), level_a, level_b, difference)
    if known[1] < 2:
        return Difference(*known, None, None, None, None, "none", reasons=dict.fromkeys(("se", "low", "high", "p"), "all pairs are of one cluster"))
    sums, counts = np.bincount(units, moved).astype(np.float64), np.bincount(units).astype(np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        found = estimate_difference(sums, counts, column, effect=effect, singles=singles and column.two_values is not None)
    p = _p_of(column, moved, sums, known=known, effect=effect, singles=singles, se=found.se)
    if found.low is None or found.high is None:
        reasons = dict.fromkeys(("se", "low", "high"), found.why or "there is no interval")
        return Difference(*known, None, None, None, p, "none", effect, reasons)
    if not np.isfinite([found.low, found.high]).all():
        return _unknown(n, "the values are too large for a mean")
    return Difference(*known, found.se, found.low, found.high, p, found.method, effect, undecided=None if found.decides else found.why)


def _unknown(pairs: int, why: str) -> Difference:
    return Difference(
        pairs, 0, None, b=None, difference=None, se=None, low=None, high=None, p=None, method="none", reasons=dict.fromkeys(("a", "b", "difference"), why)
    )


def _p_of(
    column: ColumnFacts, moved: Floats, sums: Floats, known: tuple[int, int, float, float, float], effect: float, singles: bool, se: float | None
) -> float:
    """Of zeros and ones answered once mid-p McNemar's; else by sign flips of few clusters, and by t of many or of ones that are not independent."""
    if column.is_rate and singles and column.two_values is not None and effect == 1:
        return mcnemar(int((moved > 0).sum()), int((moved < 0).sum()))
    if len(sums) <= FLIPPED_CLUSTERS and effect == 1:
        return sign_flip(sums)
    return _t_p(known[4], se or 0.0, known[1])


def _t_p(difference: float, se: float, clusters: int) -> float:
    if se == 0:
        return 1.0 if difference == 0 else 0.0
    return float(2 * special.stdtr(clusters - 1, -abs(difference) / se))


def join_clusters(a: PairSide, b: PairSide) -> tuple[Integers, bool]:
    """The unit of each pair (codes from 0), and whether every prompt stands in one cluster a side.

    Then pairs that share a cluster on either side are one unit (connected components); else each prompt is one.
    """
    return join_all((a, b))[1], not ((a.clusters == SEVERAL).any() or (b.clusters == SEVERAL).any())


def join_all(sides: Sequence[PairSide]) -> tuple[Integers, Integers]:
    """All prompts of some sides, ascending, and the unit of each, after the rule of `join_clusters`."""
    prompts = np.unique(np.concatenate([side.prompts for side in sides]))
    if any((side.clusters == SEVERAL).any() for side in sides):
        return prompts, np.arange(len(prompts))
    rows = np.concatenate([np.searchsorted(prompts, side.prompts) for side in sides])
    _, columns = np.unique(np.concatenate([side.clusters for side in sides]), return_inverse=True)
    size = len(prompts) + int(columns.max(initial=-1)) + 1
    links = coo_array((np.ones(len(rows), np.int8), (rows, columns + len(prompts))), shape=(size, size))
    _, component = connected_components(links, directed=False)
    return prompts, np.unique(component[: len(prompts)], return_inverse=True)[1].astype(np.int64)


def _design_effect(a: PairSide, b: PairSide, level_a: float, level_b: float) -> tuple[float, int]:
    """Two-way (prompt and cluster) variance over that of prompts alone, at least 1; and the number of clusters.

    V = V(prompts) + V(clusters) - V(prompts within clusters). Source: Cameron, Gelbach & Miller 2011.
    """
    prompts, clusters, influence = [], [], []
    for side, level, sign in ((a, level_a, -1.0), (b, level_b, 1.0)):
        own, cluster, counts, sums = side.parts
        place = np.searchsorted(side.prompts, own)
        prompts.append(own)
        clusters.append(cluster)
        influence.append(sign * (sums - level * counts) / side.counts[place])
    prompt, cluster, moved = np.concatenate(prompts), np.concatenate(clusters), np.concatenate(influence)
    _, by_prompt = np.unique(prompt, return_inverse=True)
    codes, by_cluster = np.unique(cluster, return_inverse=True)
    _, by_both = np.unique(by_prompt.astype(np.int64) * len(codes) + by_cluster, return_inverse=True)
    one, two, both = (float((np.bincount(place, moved) ** 2).sum()) for place in (by_prompt, by_cluster, by_both))
    return (max(1.0, (one + two - both) / one) if one > 0 else 1.0), len(codes)


def noise(pairs: Pairs) -> tuple[Components | None, Components | None]:
    """Variance components of each side's repeats over the measured pairs; None for a side without repeats."""
    kept = pairs.measured
    a, b = (variance_components(side.sums[kept], side.counts[kept], side.squares[kept]) for side in (pairs.a, pairs.b))
    return a, b


def measured_sides(pairs: Pairs) -> tuple[PairSide, PairSide]:
    """Both sides on the prompts that have a value on each."""
    kept = np.flatnonzero(pairs.measured)
    return _taken(pairs.a, kept), _taken(pairs.b, kept)
