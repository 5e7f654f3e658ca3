"""How well a score tells two groups apart: AUC with DeLong's interval, by cluster, and its permutation test."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Auc:
    """The chance that a positive scores above a negative (ties half), 0 to 1, with its standard error and limits; None below two clusters a side."""

    auc: float
    se: float | None
    low: float | None
    high: float | None


def auc(scores: Floats, positive: Flags, clusters: Rows, *, level: float = 0.95) -> Auc | None:
    """AUC and its interval; None where a side is empty.

    Columns: N scores, which are positive, and their clusters. The placements of DeLong are summed by cluster; with one
    row a cluster this is DeLong's variance. Limits are cut at 0 and 1.
    Source: DeLong et al. 1988; Obuchowski 1997 (clusters, also such with rows on both sides).

    >>> auc(np.array([1.0, 2, 3, 4]), np.array([False, True, False, True]), np.arange(4)).auc
    0.75
    """
    up, down = int(positive.sum()), int((~positive).sum())
    if not up or not down:
        return None
    ranks = _ranks(scores)
    own = np.empty(len(scores))
    own[positive], own[~positive] = _ranks(scores[positive]), _ranks(scores[~positive])
    placement = (ranks - own) / np.where(positive, down, up)  # the share of the other side below a row
    placement[~positive] = 1 - placement[~positive]
    area = float(placement[positive].mean())
    size = int(clusters.max()) + 1
    spread = placement - area
    sides = [np.bincount(clusters[side], spread[side], size) / count for side, count in ((positive, up), (~positive, down))]
    held = [len(np.unique(clusters[side])) for side in (positive, ~positive)]
    if min(held) < 2:
        return Auc(area, None, None, None)
    one, other = (side * np.sqrt(count / (count - 1)) for side, count in zip(sides, held, strict=True))
    se = float(np.sqrt(max(0.0, ((one + other) ** 2).sum())))
    half = float(special.ndtri(0.5 + level / 2)) * se
    return Auc(area, se, max(0.0, area - half), min(1.0, area + half))


def auc_permutation(scores: Floats, positive: Flags, clusters: Rows, *, permutations: int = 1_999, seed: int = 0) -> float | None:
    """The chance of an AUC at least as large where the sides mean nothing, one-sided, +1 rule; None where a side is empty.

    Whole clusters change sides; one that has rows on both swaps them or not. The scores stay as they are, so they must not
    have been fitted to these rows. Source: Fisher 1935; Phipson & Smyth 2010 (+1).
    """
    if positive.all() or not positive.any():
        return None
    ranks = _ranks(scores)
    size = int(clusters.max()) + 1
    sums = [np.bincount(clusters[side], ranks[side], size) for side in (positive, ~positive)]
    counts = [np.bincount(clusters[side], minlength=size).astype(float) for side in (positive, ~positive)]
    both, chance = (counts[0] > 0) & (counts[1] > 0), np.random.default_rng(seed)
    single, side = np.flatnonzero(~both & (counts[0] + counts[1] > 0)), counts[0] > 0
    number = len(scores)
    observed = _area(sums[0].sum(), counts[0].sum(), number)
    extreme, step = 0, max(1, 2_000_000 // size)
    for first in range(0, permutations, step):
        rows = min(step, permutations - first)
        moved = chance.permuted(np.broadcast_to(side[single], (rows, len(single))), axis=1).astype(float)
        swap = (chance.random((rows, int(both.sum()))) < 0.5).astype(float)
        drawn = [moved @ (parts[0] + parts[1])[single] + swap @ parts[0][both] + (1 - swap) @ parts[1][both] for parts in (sums, counts)]
        extreme += int((_area(drawn[0], drawn[1], number) >= observed - 1e-12).sum())
    return (extreme + 1) / (permutations + 1)


def _area(sums: Floats | float, counts: Floats | float, number: int) -> Floats:
    """AUC from the rank sum of the positives and their number; a half where a side is empty."""
    sums, counts = np.asarray(sums, dtype=float), np.asarray(counts, dtype=float)
    pairs = counts * (number - counts)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(pairs > 0, (sums - counts * (counts + 1) / 2) / pairs, 0.5)


def _ranks(values: Floats) -> Floats:
    """Ranks from 1, equal values sharing the mean of theirs."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    found: Floats = (np.cumsum(counts) - (counts - 1) / 2)[place]
    return found
