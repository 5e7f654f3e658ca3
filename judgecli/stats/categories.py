"""Whether two groups of clusters fall into categories alike: chi-square and G with a correction for clusters, or by permutation."""

from dataclasses import dataclass

import numpy as np
from scipy import special

from judgecli.arrays import Floats

MOST_PERMUTED = 5_000  # clusters; beyond it the permutation is slow and chi-square is right
PERMUTATIONS = 1_999
LEAST_EXPECTED = 5.0


@dataclass(frozen=True, slots=True)
class CategoryTest:
    """Pearson's statistic and G, degrees of freedom, p, and how p was found (`permutation` or `chi2`); `inflation` is the design effect."""

    chi2: float
    g: float
    freedom: int
    p: float
    method: str
    inflation: float


def category_test(reference: Floats, current: Floats, *, permutations: int = PERMUTATIONS, seed: int = 0) -> CategoryTest | None:
    """The test of clusters x categories counts, row g the same cluster on both sides; None where a side or all but one category is empty.

    Up to 5,000 clusters, or where an expected count is below 5: the clusters are permuted between the sides (one that stands on
    both swaps them or not), +1 rule. Else chi-square divided by the mean design effect, at least 1.
    Source: Pearson 1900; Rao & Scott 1981 (first-order correction); Phipson & Smyth 2010 (+1).

    >>> rows = np.eye(2)
    >>> found = category_test(np.repeat(rows, [20, 20], axis=0), np.zeros((40, 2)) + 0)
    >>> found is None
    True
    """
    kept = (reference.sum(axis=0) + current.sum(axis=0)) > 0
    reference, current = reference[:, kept], current[:, kept]
    if not reference.sum() or not current.sum() or kept.sum() < 2:
        return None
    table = np.stack([reference.sum(axis=0), current.sum(axis=0)])
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum()
    chi2 = float(((table - expected) ** 2 / expected).sum())
    with np.errstate(divide="ignore", invalid="ignore"):
        g = float(2 * np.where(table > 0, table * np.log(table / expected), 0.0).sum())
    freedom = table.shape[1] - 1
    inflation = _inflation(reference, current, table)
    if len(reference) <= MOST_PERMUTED or expected.min() < LEAST_EXPECTED:
        return CategoryTest(chi2, g, freedom, _permuted(reference, current, table, permutations, seed), "permutation", inflation)
    return CategoryTest(chi2, g, freedom, float(special.chdtrc(freedom, chi2 / inflation)), "chi2", inflation)


def _inflation(reference: Floats, current: Floats, table: Floats) -> float:
    """The mean design effect of the cells' difference of shares: its variance by cluster over that of independent rows, at least 1."""
    rows = table.sum(axis=1)
    pooled = table.sum(axis=0) / table.sum()
    influence = (reference - reference.sum(axis=1, keepdims=True) * (table[0] / rows[0])) / rows[0]
    influence = influence - (current - current.sum(axis=1, keepdims=True) * (table[1] / rows[1])) / rows[1]
    clusters = len(reference)
    variance = clusters / max(clusters - 1, 1) * (influence**2).sum(axis=0)
    binomial = pooled * (1 - pooled) * (1 / rows[0] + 1 / rows[1])
    return float(max(1.0, ((1 - pooled) * variance / binomial).sum() / (len(pooled) - 1)))


def _permuted(reference: Floats, current: Floats, table: Floats, permutations: int, seed: int) -> float:
    """The share of permutations whose statistic is at least the observed one."""
    chance = np.random.default_rng(seed)
    observed = float(_chi2(table[0][None], table[1][None])[0])
    both = (reference.sum(axis=1) > 0) & (current.sum(axis=1) > 0)
    side = current.sum(axis=1) > 0
    single = np.flatnonzero(~both & (reference.sum(axis=1) + current.sum(axis=1) > 0))
    extreme, step, total = 0, max(1, 2_000_000 // max(len(reference), 1)), reference + current
    for first in range(0, permutations, step):
        size = min(step, permutations - first)
        moved = np.zeros((size, len(reference)), dtype=bool)
        moved[:, single] = chance.permuted(np.broadcast_to(side[single], (size, len(single))), axis=1)
        own = moved.astype(float) @ (total * ~both[:, None])
        swap = (chance.random((size, int(both.sum()))) < 0.5).astype(float)
        own += swap @ reference[both] + (1 - swap) @ current[both]
        extreme += int((_chi2(total.sum(axis=0) - own, own) >= observed * (1 - 1e-12)).sum())
    return (extreme + 1) / (permutations + 1)


def _chi2(one: Floats, other: Floats) -> Floats:
    """Pearson's statistic of B pairs of rows of counts; 0 where a side is empty."""
    rows = [side.sum(axis=1, keepdims=True) for side in (one, other)]
    with np.errstate(invalid="ignore", divide="ignore"):
        found = (rows[0] * rows[1])[:, 0] * ((one / rows[0] - other / rows[1]) ** 2 / (one + other)).sum(axis=1)
    return np.where(np.isnan(found), 0.0, found)
