"""The t interval of a mean with the first correction for skew: what bootstrap-t finds, without draws, for many clusters."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import special


class Limits(NamedTuple):
    """Both ends of the interval."""

    low: float
    high: float


def skewed_t(sums: npt.NDArray[np.float64], counts: npt.NDArray[np.float64], *, level: float = 0.95) -> Limits:
    """The interval of a mean over rows in G clusters, with the quantiles of the studentised mean to second order.

    Columns: sums and counts by cluster (counts > 0). P(T <= x) = F(x) + g (2 x^2 + 1)/(6 sqrt G) f(x) with g the skewness of the
    clusters' residuals, so the limits are m - (q - c) SE and m + (q + c) SE, c = g (2 q^2 + 1)/(6 sqrt G), q the t
    quantile with G - 1 degrees of freedom, SE cluster-robust (CR1). Without skew it is the t interval.
    Raises: ValueError for fewer than two clusters.
    Source: Hall 1983; Hall 1992, The Bootstrap and Edgeworth Expansion, section 2.6 (rows in place of clusters).

    >>> found = skewed_t(np.array([1.0, 2, 3, 4]), np.ones(4))
    >>> round(found.low, 4), round(found.high, 4)
    (0.4457, 4.5543)
    """
    clusters = len(counts)
    if clusters < 2:
        raise ValueError(f"{clusters} clusters have no spread")
    rows = float(counts.sum())
    mean = float(sums.sum()) / rows
    residuals = sums - mean * counts
    variance = float((residuals**2).mean())
    if variance <= 0:
        return Limits(mean, mean)
    se = float(np.sqrt(clusters / (clusters - 1) * clusters * variance)) / rows
    skewness = float((residuals**3).mean()) / variance**1.5
    quantile = float(special.stdtrit(clusters - 1, 0.5 + level / 2))
    shift = float(skewness * (2 * quantile**2 + 1) / (6 * np.sqrt(clusters)))
    return Limits(mean - (quantile - shift) * se, mean + (quantile + shift) * se)
