"""A difference of two shares within strata, when rows come in clusters."""

import numpy as np
import numpy.typing as npt
from scipy import special

from judgecli.arrays import Floats, Integers
from judgecli.stats.intervals import Estimate


def stratified_difference(values: Floats, exposed: npt.NDArray[np.bool_], strata: Integers, clusters: Integers, *, level: float = 0.95) -> Estimate:
    """Mean of values where exposed minus where not, compared within strata only: the Mantel-Haenszel risk difference.

    Columns: values in [0, 1], exposed, number of the stratum, number of the cluster, of N rows. Stratum s
    weighs n1 n0 / (n1 + n0); one with a single side says nothing and is left out. The interval is
    normal, from the linearised influence of each cluster (CR1). None where no stratum has both sides;
    no interval with fewer than two clusters.
    Source: Mantel & Haenszel 1959; Greenland & Robins 1985 (the difference); Liang & Zeger 1986 (clusters).

    >>> found = stratified_difference(np.array([1.0, 0, 1, 1]), np.array([True, False, True, False]), np.array([0, 0, 1, 1]), np.arange(4))
    >>> found.mean
    0.5
    """
    size = int(strata.max()) + 1 if len(strata) else 0
    on, off = (np.bincount(strata[side], minlength=size).astype(float) for side in (exposed, ~exposed))
    both = (on > 0) & (off > 0)
    if not both.any():
        return Estimate(None, None, None, None)
    on_mean = np.bincount(strata[exposed], values[exposed], size) / np.maximum(on, 1)
    off_mean = np.bincount(strata[~exposed], values[~exposed], size) / np.maximum(off, 1)
    weight = np.where(both, on * off / np.maximum(on + off, 1), 0.0)
    weight /= weight.sum()
    difference = float(weight @ (on_mean - off_mean))
    side = np.where(exposed, 1 / np.maximum(on, 1)[strata], -1 / np.maximum(off, 1)[strata])
    influence = weight[strata] * side * (values - np.where(exposed, on_mean[strata], off_mean[strata]))
    _, place = np.unique(clusters[both[strata]], return_inverse=True)
    sums = np.bincount(place, influence[both[strata]])
    if len(sums) < 2:
        return Estimate(difference, None, None, None)
    se = float(np.sqrt(len(sums) / (len(sums) - 1) * (sums @ sums)))
    half = float(special.ndtri(0.5 + level / 2)) * se
    return Estimate(difference, se, max(-1.0, difference - half), min(1.0, difference + half))
