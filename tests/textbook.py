"""Textbook intervals that the tests hold ours against; nothing of the product uses them."""

import numpy as np
import numpy.typing as npt

from judgecli.stats.intervals import Estimate, mean_interval, wilson


def rate_interval(sums: npt.NDArray[np.float64], counts: npt.NDArray[np.float64], *, level: float = 0.95) -> Estimate:
    """A share of rows with the Wilson interval on the effective number of rows.

    The number of rows is divided by the design effect (cluster-robust over binomial variance, at
    least 1); at a share of 0 or 1, where that is unknown, the clusters are counted instead.
    Source: Wilson 1927; Dean & Pagano 2015 (Wilson with the effective sample size).
    """
    robust = mean_interval(sums, counts, level=level)
    if robust.mean is None:
        return robust
    share, rows = robust.mean, float(counts.sum())
    binomial = share * (1 - share) / rows
    if binomial <= 0:
        effective = float(len(counts))
    elif robust.se is None:
        return robust
    else:
        correction = (len(counts) - 1) / len(counts)  # the binomial variance has no small-sample factor
        effective = rows / max(1.0, robust.se**2 * correction / binomial)
    low, high = wilson(np.array([share]), np.array([effective]), level)
    return Estimate(share, robust.se, float(low[0]), float(high[0]))
