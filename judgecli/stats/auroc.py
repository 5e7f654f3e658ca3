"""The area under the ROC curve: how often a score puts a good one above a bad one."""

import numpy as np
import numpy.typing as npt
from scipy import special, stats

from judgecli.stats.intervals import Estimate

Floats = npt.NDArray[np.float64]


def auroc(scores: Floats, positive: npt.NDArray[np.bool_], *, level: float = 0.95) -> Estimate:
    """P(score of a positive > score of a negative), ties counting half, with DeLong's standard error and logit interval.

    Columns: a score and whether the row is positive. Rows must be independent; for clusters resample them instead.
    The interval is made on the logit, so it stays within [0, 1]; at an area of 0 or 1, where DeLong's variance is 0,
    there is none. All None where either class is empty.
    Source: DeLong, DeLong & Clarke-Pearson 1988, by mid-ranks (Sun & Xu 2014).

    >>> auroc(np.array([0.1, 0.4, 0.35, 0.8]), np.array([False, False, True, True])).mean
    0.75
    """
    up, down = scores[positive], scores[~positive]
    m, n = len(up), len(down)
    if m == 0 or n == 0:
        return Estimate(None, None, None, None)
    together = stats.rankdata(np.r_[up, down])
    area = float((together[:m].sum() - m * (m + 1) / 2) / (m * n))
    if m < 2 or n < 2:
        return Estimate(area, None, None, None)
    above = (together[:m] - stats.rankdata(up)) / n  # of each positive, the share of negatives below it
    below = 1 - (together[m:] - stats.rankdata(down)) / m
    se = float(np.sqrt(above.var(ddof=1) / m + below.var(ddof=1) / n))
    if not 0 < area < 1 or se <= 0:
        return Estimate(area, se, None, None)
    half = float(special.ndtri(0.5 + level / 2)) * se / (area * (1 - area))
    centre = special.logit(area)
    return Estimate(area, se, float(special.expit(centre - half)), float(special.expit(centre + half)))
