"""The slope of one column on another when rows come in clusters."""

import numpy as np
import numpy.typing as npt
from scipy import special

from judgecli.stats.intervals import Estimate


def clustered_slope(x: npt.NDArray[np.float64], y: npt.NDArray[np.float64], clusters: npt.NDArray[np.int64], *, level: float = 0.95) -> Estimate:
    """The least-squares slope of y on x (with intercept) and its cluster-robust t interval, G - 1 degrees of freedom.

    Variance: sandwich over cluster sums of x-residual times residual, times G / (G - 1) * (n - 1) / (n - 2) (CR1).
    All None with fewer than three rows or where x is constant; no interval with fewer than two clusters.
    Source: Liang & Zeger 1986; Cameron & Miller 2015.
    """
    n = len(x)
    if n < 3 or np.ptp(x) == 0:
        return Estimate(None, None, None, None)
    centred = x - x.mean()
    squares = float(centred @ centred)
    slope = float(centred @ (y - y.mean())) / squares
    residuals = (y - y.mean()) - slope * centred
    _, codes = np.unique(clusters, return_inverse=True)
    count = int(codes.max()) + 1
    if count < 2:
        return Estimate(slope, None, None, None)
    sums = np.bincount(codes, centred * residuals, count)
    se = float(np.sqrt(count / (count - 1) * (n - 1) / (n - 2) * (sums @ sums))) / squares
    half = float(special.stdtrit(count - 1, 0.5 + level / 2)) * se
    return Estimate(slope, se, slope - half, slope + half)
