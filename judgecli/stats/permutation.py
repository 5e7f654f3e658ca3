"""The difference of two means of clustered rows, tested by permutation of whole clusters: it holds where one group is small and values are skewed or rare.

A t test of a small group beside a large one compares the small group's own spread with a t table. Where values are
skewed or rare, a small group that happens to hold none of the large (or rare) ones has a small mean *and* a small
spread, and is called certain far too often. Here the question is how often as many clusters, drawn from all of
them, differ as much: no shape of the values is assumed.
"""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy import special

from judgecli.arrays import Floats
from judgecli.stats.contrast import Contrast, clustered_contrast

SEED = 20_261_201
DRAWS = (400, 4_000, 40_000)  # the first are enough to see that nothing is there
DRAWN = 2_500_000  # clusters drawn at once for one test at most
SEEN = 20  # draws that must reach the difference before their share is taken for the p-value
SURPRISE = 1e-3  # the saddle-point is not believed where the draws contradict it more than this
ASK_BELOW = 0.05  # p-values of t from here up are never claimed, whatever the permutation says
EXACT_POINTS, MIDDLE_POINTS = 512, 1_024  # of the values that the saddle-point sums over: the tails one by one, the middle in bins
LEVELS = 16
LUMP = 1e-3  # of the sum of squares
AT_ONCE = 2_000_000  # shuffled clusters held at once


@dataclass(frozen=True)
class _Null:
    """The test as a sum: W = sum of f e over permutations of f, and of the parts within clusters that lie on both sides, with either sign.

    `scores` e: what a cluster adds to the rows' sum beyond the pooled mean; `shares` f: which part of a cluster's
    rows is in the smaller group; `parts`: by how much its rows there exceed the cluster's own mean, summed.
    """

    scores: Floats
    shares: Floats
    parts: Floats
    seen: float
    step: float  # the lattice that W stands on, 0 where there is none


def permuted_contrast(
    sums_a: Floats, counts_a: Floats, sums_b: Floats, counts_b: Floats, *, rate: bool = False, ask_below: float = ASK_BELOW
) -> Contrast | None:
    """`clustered_contrast` with the greater of its p-value and that of the permutation of clusters.

    Columns as there. Each of the two tests fails where the other holds: t where a small group of skewed or rare values stands
    beside a large one, the permutation where the small group spreads more than the large one. A claim needs both, so
    false claims are as rare as under the better of them. Of a rate whose clusters are single rows the permutation alone is asked, exactly
    (Fisher's): equal shares there are equal distributions. p-values of t from `ask_below` up are returned as they are (they can
    only grow, and nothing is claimed of them).

    >>> one, none = np.ones(20), np.zeros(20)
    >>> found = permuted_contrast(np.r_[none, none], np.r_[one, none], np.r_[none, 3 * one], np.r_[none, one])
    >>> found.p < 1e-9
    True
    """
    found = clustered_contrast(sums_a, counts_a, sums_b, counts_b, rate=rate)
    if rate and found is not None and found.p is not None and _single_shares(sums_a, counts_a, sums_b, counts_b):
        return replace(found, p=fisher_p(int(sums_a.sum()), int(counts_a.sum()), int(sums_b.sum()), int(counts_b.sum())))
    if found is None or found.p is None or found.p >= ask_below:
        return found
    return replace(found, p=max(found.p, permutation_p(sums_a, counts_a, sums_b, counts_b)))


def fisher_p(hits_a: int, rows_a: int, hits_b: int, rows_b: int) -> float:
    """The two-sided p-value (twice that of the side that was seen) of two shares of independent rows, exact over all permutations.

    Source: Fisher 1935.

    >>> round(fisher_p(0, 25, 20, 200), 3)  # none of 25 beside 20 of 200
    0.175
    """
    if hits_a * rows_b == hits_b * rows_a:
        return 1.0
    hits, rows = hits_a + hits_b, rows_a + rows_b
    more = hits_a * rows_b > hits_b * rows_a
    seen = np.arange(hits_a, min(hits, rows_a) + 1) if more else np.arange(max(0, hits - rows_b), hits_a + 1)
    logs = _log_choose(rows_a, seen) + _log_choose(rows_b, hits - seen) - _log_choose(rows, np.array(hits))
    return min(1.0, 2 * float(np.exp(logs).sum()))


def _log_choose(of: int, some: npt.NDArray[np.int64]) -> Floats:
    found: Floats = special.gammaln(of + 1) - special.gammaln(some + 1) - special.gammaln(of - some + 1)
    return found


def _single_shares(sums_a: Floats, counts_a: Floats, sums_b: Floats, counts_b: Floats) -> bool:
    """Whether every cluster is one row of 0 or 1."""
    sums = sums_a + sums_b
    return bool((counts_a + counts_b).max() <= 1 and ((sums == 0) | (sums == 1)).all())


def permutation_p(sums_a: Floats, counts_a: Floats, sums_b: Floats, counts_b: Floats, *, seed: int = SEED) -> float:
    """The two-sided p-value (twice that of the side that was seen) of the difference of means of two groups over the same G clusters.

    Columns: sums and counts by cluster (count 0 = not in this group). The statistic is the sum over group a of what the pooled
    mean leaves, S_a - m n_a. Whole clusters change their places: the share of its rows that a cluster has in group a is permuted
    over the clusters (for clusters on one side only that is a permutation of labels, and exact where clusters are
    exchangeable, their sizes included). What rows of a cluster on both sides differ within it keeps or changes its sign.
    400 draws (with the +1 rule) tell whether anything is there, then 4,000 and 40,000 where that is affordable. Where fewer
    than 20 of the last reach the difference, the tail of the same permutation is taken from its double saddle-point
    approximation, corrected for the step of values on a lattice and never believed against the draws. So p-values go
    as far down as a family of thousands needs, where draws alone would end at 1/40,001. Held against exact tails and
    many draws (tests/stats/test_permutation.py) it is right within a third from 0.02 to 0.0005 for normal, lognormal, ordinal
    and rare values, and within a factor of 2, on the safe side, down to 1e-18.
    The same input gives the same p. 1 where a group is empty or nothing varies.
    Source: Fisher 1935; Phipson & Smyth 2010, arXiv:1603.05766 (+1); Robinson 1982 and Skovgaard 1987 (saddle-points of permutations);
    Daniels 1987 (lattices).

    >>> a = permutation_p(np.array([5.0, 6, 7, 0, 0, 0]), np.array([1.0, 1, 1, 0, 0, 0]), np.array([0, 0, 0, 1.0, 2, 3]), np.array([0, 0, 0, 1.0, 1, 1]))
    >>> round(a, 1)  # 2 of 20 splits are as far apart
    0.1
    """
    null = _null(sums_a, counts_a, sums_b, counts_b)
    if null is None:
        return 1.0
    random, width = np.random.default_rng(seed), int(np.count_nonzero(null.shares)) + len(null.parts)
    draws = reached = 0
    for wanted in DRAWS:
        if wanted * width > DRAWN and (draws or _is_smooth(null)):
            break
        draws, reached = wanted, _reached(null, wanted, random)
        if reached >= SEEN:
            return min(1.0, 2 * (reached + 1) / (draws + 1))
    tail = _saddle_point(null)
    if tail is None or (reached and float(special.bdtrc(reached - 1, draws, tail)) < SURPRISE):
        if not draws:
            draws, reached = DRAWS[0], _reached(null, DRAWS[0], random)
        tail = (reached + 1) / (draws + 1)
    return min(1.0, 2 * tail)


def _is_smooth(null: _Null) -> bool:
    """Whether no cluster weighs so much that it makes a step in the distribution of the sum; then the saddle-point needs no draws beside it."""
    largest, total = (float(reduce(null.scores**2) + (reduce(null.parts**2) if len(null.parts) else 0.0)) for reduce in (np.max, np.sum))
    return largest < LUMP * total


def _null(sums_a: Floats, counts_a: Floats, sums_b: Floats, counts_b: Floats) -> _Null | None:
    """The test of the smaller group, turned so that what was seen is positive; None where nothing can be seen."""
    counts = counts_a + counts_b
    there = counts > 0
    if not counts_a.sum() or not counts_b.sum():
        return None
    if (counts_b > 0).sum() < (counts_a > 0).sum():
        sums_a, counts_a, sums_b, counts_b = sums_b, counts_b, sums_a, counts_a
    sums_a, counts_a, sums, counts = sums_a[there], counts_a[there], (sums_a + sums_b)[there], counts[there]
    mean = float(sums.sum() / counts.sum())
    scores, shares = sums - mean * counts, counts_a / counts
    both = (shares > 0) & (shares < 1)
    parts = sums_a[both] - shares[both] * sums[both]
    parts = parts[np.abs(parts) > 1e-12 * max(float(np.abs(sums_a).max()), 1e-300)]
    seen = float(sums_a.sum() - mean * counts_a.sum())
    scale = float(np.abs(scores).sum() + np.abs(parts).sum())
    if scale == 0 or abs(seen) <= 1e-12 * scale:
        return None
    sign = 1.0 if seen > 0 else -1.0
    return _Null(sign * scores, shares, sign * parts, abs(seen), 0.0 if both.any() else _step(sums))


def _step(sums: Floats) -> float:
    """The least distance between two different sums: what a discrete sum cannot fall between; next to nothing for continuous values."""
    gaps = np.diff(np.unique(sums))
    gaps = gaps[gaps > 1e-9 * max(float(np.abs(sums).max()), 1e-300)]
    return float(gaps.min()) if len(gaps) else 0.0


def _reached(null: _Null, draws: int, random: np.random.Generator) -> int:
    """How many of so many draws are at least as large as what was seen.

    One shuffle of all clusters gives several draws, the pieces that it can be cut into: each is a random choice of clusters.
    """
    inside, size = null.shares[null.shares > 0], len(null.scores)
    seen = null.seen * (1 - 1e-9)  # rounding must not turn a tie into a difference
    pieces = size // len(inside)
    reached = done = 0
    while done < draws:
        rows = max(1, min(AT_ONCE // size, -(-(draws - done) // pieces)))
        shuffled = random.permuted(np.broadcast_to(null.scores, (rows, size)), axis=1)[:, : pieces * len(inside)]
        drawn = (shuffled.reshape(-1, len(inside)) @ inside)[: draws - done]
        if len(null.parts):
            drawn = drawn + (random.integers(0, 2, size=(len(drawn), len(null.parts)), dtype=np.int8) * 2.0 - 1) @ null.parts
        reached += int(np.count_nonzero(drawn >= seen))
        done += len(drawn)
    return reached


def _saddle_point(null: _Null) -> float | None:
    """P(W >= seen) by the saddle-point; None where it cannot be found (what was seen is the most that there can be)."""
    reach = null.seen - null.step / 2
    if reach <= 0:
        return None
    scores, weights = _binned(null.scores)
    if ((null.shares > 0) & (null.shares < 1)).any():
        return _mixed_tail(scores, weights, null.shares, null.parts, reach)
    return _split_tail(scores, weights, float((null.shares > 0).sum()), reach)


def _binned(scores: Floats) -> tuple[Floats, Floats]:
    """Values and how often each occurs: of many, both tails one by one and the middle in bins of equal numbers at their means."""
    ordered = np.sort(scores)
    if len(ordered) <= 2 * EXACT_POINTS + 4 * MIDDLE_POINTS:
        return ordered, np.ones(len(ordered))
    middle = ordered[EXACT_POINTS:-EXACT_POINTS]
    starts = np.linspace(0, len(middle), MIDDLE_POINTS + 1).astype(np.int64)
    numbers = np.diff(starts).astype(np.float64)
    means = np.add.reduceat(middle, starts[:-1]) / numbers
    ends = np.ones(EXACT_POINTS)
    return np.r_[ordered[:EXACT_POINTS], means, ordered[-EXACT_POINTS:]], np.r_[ends, numbers, ends]


def _split_tail(scores: Floats, weights: Floats, chosen: float, reach: float) -> float | None:
    """The double saddle-point: clusters enter one by one with equal chance, given that `chosen` of them do (Skovgaard 1987)."""
    total = float(weights.sum())
    start = float(np.log(chosen / (total - chosen)))
    spread = float(np.sqrt((weights * scores**2).sum() / total))
    scores, reach = scores / spread, reach / spread

    def bound(at: Floats) -> float:
        return float((weights * np.logaddexp(0.0, at[0] + at[1] * scores)).sum() - at[0] * chosen - at[1] * reach)

    at, level = np.array([start, 0.0]), bound(np.array([start, 0.0]))
    for _ in range(100):
        share = special.expit(at[0] + at[1] * scores)
        varying = weights * share * (1 - share)
        slope = np.array([(weights * share).sum() - chosen, (weights * share * scores).sum() - reach])
        curve = np.array([[varying.sum(), (varying * scores).sum()], [0.0, (varying * scores**2).sum()]])
        curve[1, 0] = curve[0, 1]
        area = float(curve[0, 0] * curve[1, 1] - curve[0, 1] ** 2)
        if abs(slope[0]) < 1e-7 * chosen and abs(slope[1]) < 1e-7 * reach:
            base = total * chosen / total * (1 - chosen / total)
            signed = 2 * (total * float(np.logaddexp(0.0, start)) - start * chosen - bound(at))
            return _lugannani_rice(signed, float(at[1]) * float(np.sqrt(area / base)))
        if area <= 1e-12 * curve[0, 0] * curve[1, 1]:
            return None
        way = np.array([curve[1, 1] * slope[0] - curve[0, 1] * slope[1], curve[0, 0] * slope[1] - curve[0, 1] * slope[0]]) / area
        length = 1.0
        while (next_level := bound(at - length * way)) > level + 1e-10 * abs(level) and length > 1e-6:
            length /= 2
        at, level = at - length * way, next_level
    return None


def _mixed_tail(scores: Floats, weights: Floats, shares: Floats, parts: Floats, reach: float) -> float | None:
    """The saddle-point where clusters lie on both sides: each takes any of the shares, and its part either sign, for itself."""
    levels, chances = _levels(shares)
    levels = levels - float(levels @ chances)
    spread = float(np.sqrt((weights * scores**2).sum() * float(chances @ levels**2) + (parts**2).sum()))
    if spread == 0:
        return None
    table, parts, reach = np.outer(scores, levels) / spread, parts / spread, reach / spread
    at, low, high = reach, 0.0, np.inf
    for _ in range(100):
        powers = at * table
        top = powers.max(axis=1)
        odds = chances * np.exp(powers - top[:, None])
        sums = odds.sum(axis=1)
        mean = (odds * table).sum(axis=1) / sums
        tilt = np.tanh(at * parts)
        slope = float(weights @ mean + parts @ tilt)
        curve = float(weights @ ((odds * table**2).sum(axis=1) / sums - mean**2) + (parts**2) @ (1 - tilt**2))
        if abs(slope - reach) < 1e-8 * reach:
            generating = float(weights @ (top + np.log(sums)) + (np.logaddexp(at * parts, -at * parts) - np.log(2.0)).sum())
            return _lugannani_rice(2 * (at * reach - generating), at * float(np.sqrt(curve)))
        low, high = (at, high) if slope < reach else (low, at)
        step = at + (reach - slope) / curve if curve > 0 else np.inf
        at = step if low < step < min(high, 4 * at + 1) else (low + high) / 2 if np.isfinite(high) else 2 * at
        if at > 1e8:
            return None
    return None


def _levels(shares: Floats) -> tuple[Floats, Floats]:
    """The shares that occur and how often; of more than 16, the means of groups of them."""
    values, counts = np.unique(shares, return_counts=True)
    chances = counts / counts.sum()
    if len(values) <= LEVELS:
        return values, chances
    ordered = np.sort(shares[shares > 0])
    groups = np.array_split(ordered, LEVELS - 1)
    none = int((shares == 0).sum())
    return np.array([0.0, *(float(group.mean()) for group in groups)]), np.array([none, *(len(group) for group in groups)]) / len(shares)


def _lugannani_rice(squared: float, scaled: float) -> float | None:
    """The tail from the signed root r (given as its square) and u of a saddle-point above the mean."""
    root = float(np.sqrt(max(squared, 0.0)))
    if not scaled > 0 or root < 1e-4:
        return None
    tail = float(special.ndtr(-root) + np.exp(-root * root / 2) / np.sqrt(2 * np.pi) * (1 / scaled - 1 / root))
    return float(f"{tail:.9g}") if 0 < tail < 1 else None  # the last digits are the processor's
