"""The difference of two means when rows come in clusters that may stand on both sides."""

from dataclasses import dataclass

import numpy as np
from scipy import special

from judgecli.arrays import Floats


@dataclass(frozen=True, slots=True)
class Contrast:
    """Mean of a minus mean of b, its standard error, 95 % interval and two-sided p-value.

    `clusters` is the smaller of the two numbers of clusters. `se` and what follows from it are None
    where either side has fewer than two clusters.
    """

    mean_a: float
    mean_b: float
    difference: float
    se: float | None
    low: float | None
    high: float | None
    p: float | None
    clusters: int

    @property
    def off_zero(self) -> bool:
        """Whether the interval leaves 0 out, on the side of the difference."""
        return self.low is not None and self.high is not None and (self.low > 0 if self.difference > 0 else self.high < 0)


def clustered_contrast(sums_a: Floats, counts_a: Floats, sums_b: Floats, counts_b: Floats, *, rate: bool = False, level: float = 0.95) -> Contrast | None:
    """The contrast of two groups of rows over the same G clusters; None where either group is empty.

    Columns: sums and counts by cluster (count 0 = not in this group). A cluster's influence on the
    difference is its share on side a minus its share on side b, so conversations that lie on both sides
    are not counted twice; each side carries the CR1 factor. Degrees of freedom after Welch and
    Satterthwaite. With one row a cluster this is Welch's t test.
    `rate`: the variance of a side is at least that of a share with one more success and one more failure
    among its clusters: a share of 0 or 1 is not known without error.
    Source: Liang & Zeger 1986; Welch 1947; Agresti & Caffo 2000 (the added successes and failures).

    >>> ones = np.ones(3)
    >>> found = clustered_contrast(np.array([1.0, 2, 3, 0, 0, 0]), np.r_[ones, 0 * ones], np.array([0, 0, 0, 2.0, 4, 6]), np.r_[0 * ones, ones])
    >>> found.difference, round(found.se, 6), round(found.p, 6)
    (-2.0, 1.290994, 0.220881)
    """
    n_a, n_b = counts_a.sum(), counts_b.sum()
    if n_a == 0 or n_b == 0:
        return None
    mean_a, mean_b = float(sums_a.sum() / n_a), float(sums_b.sum() / n_b)
    g_a, g_b = int((counts_a > 0).sum()), int((counts_b > 0).sum())
    fewest, difference = min(g_a, g_b), mean_a - mean_b
    if fewest < 2:
        return Contrast(mean_a, mean_b, difference, se=None, low=None, high=None, p=None, clusters=fewest)
    share_a = np.sqrt(g_a / (g_a - 1)) * (sums_a - mean_a * counts_a) / n_a
    share_b = np.sqrt(g_b / (g_b - 1)) * (sums_b - mean_b * counts_b) / n_b
    v_a, v_b, covariance = float(share_a @ share_a), float(share_b @ share_b), float(share_a @ share_b)
    if rate:
        v_a, v_b = max(v_a, _least_variance(mean_a, g_a)), max(v_b, _least_variance(mean_b, g_b))
    variance = max(v_a + v_b - 2 * covariance, 0.0)
    if variance <= 0:
        return Contrast(mean_a, mean_b, difference, se=0.0, low=difference, high=difference, p=1.0 if difference == 0 else 0.0, clusters=fewest)
    freedom = (v_a + v_b) ** 2 / (v_a**2 / (g_a - 1) + v_b**2 / (g_b - 1))
    se = float(np.sqrt(variance))
    half = float(special.stdtrit(freedom, 0.5 + level / 2)) * se
    p = float(2 * special.stdtr(freedom, -abs(difference) / se))
    low, high = difference - half, difference + half
    return Contrast(mean_a, mean_b, difference, se=se, low=max(low, -1.0) if rate else low, high=min(high, 1.0) if rate else high, p=p, clusters=fewest)


def _least_variance(share: float, clusters: int) -> float:
    adjusted = (share * clusters + 1) / (clusters + 2)
    return adjusted * (1 - adjusted) / (clusters + 2)
