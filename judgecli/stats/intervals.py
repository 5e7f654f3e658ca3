"""The textbook intervals of a mean and of a rate when rows come in clusters (conversations, users, prompts).

Which interval a column of scores gets is decided in `deciding.py`; these are what it starts from.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

ClosedScale = tuple[float | None, float | None]  # smallest and largest value, None where that end is open


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean with its standard error and 95 % interval; None where there is too little to say.

    `method` names how the limits were made, `why` says why there are none or why they decide nothing; `decides` is False
    where a verdict must not rest on them.
    """

    mean: float | None
    se: float | None
    low: float | None
    high: float | None
    method: str = "none"
    why: str | None = None
    decides: bool = True


def mean_interval(sums: npt.NDArray[np.float64], counts: npt.NDArray[np.float64], *, level: float = 0.95) -> Estimate:
    """Mean over rows with the cluster-robust t interval.

    Columns: sums and counts of G clusters (counts > 0). SE^2 = G/(G-1) * sum_g (S_g - m n_g)^2 / n^2 (CR1),
    t quantile with G - 1 degrees of freedom. One cluster has a mean and no interval; none has neither.
    Source: Liang & Zeger 1986; Miller 2024, arXiv:2411.00640.

    >>> estimate = mean_interval(np.array([2.0, 0.0, 1.0]), np.array([2.0, 2.0, 2.0]))
    >>> round(estimate.se, 6)
    0.288675
    """
    clusters, rows = len(counts), float(counts.sum())
    if clusters == 0:
        return Estimate(None, None, None, None)
    mean = float(sums.sum() / rows)
    if clusters == 1:
        return Estimate(mean, None, None, None)
    residuals = sums - mean * counts
    se = float(np.sqrt(clusters / (clusters - 1) * (residuals**2).sum()) / rows)
    half = float(special.stdtrit(clusters - 1, 0.5 + level / 2)) * se
    return Estimate(mean, se, mean - half, mean + half)


def wilson(share: npt.NDArray[np.float64], rows: npt.NDArray[np.float64], level: float) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Wilson's limits of shares of so many independent rows each."""
    z = float(special.ndtri(0.5 + level / 2))
    centre = (share + z**2 / (2 * rows)) / (1 + z**2 / rows)
    half = z / (1 + z**2 / rows) * np.sqrt(share * (1 - share) / rows + z**2 / (4 * rows**2))
    low, high = np.maximum(0.0, centre - half), np.minimum(1.0, centre + half)
    return np.where(share <= 0, 0.0, low), np.where(share >= 1, 1.0, high)  # there the difference is 0 but for rounding
