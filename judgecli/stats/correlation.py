"""Pearson's, Spearman's and Kendall's correlation of two columns with ties."""

from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy import stats

CorrelationKind = Literal["pearson", "spearman", "kendall"]


def correlation(first: npt.NDArray[np.float64], second: npt.NDArray[np.float64], kind: CorrelationKind) -> float | None:
    """The correlation, from -1 to 1; None with fewer than three rows, or where a column is constant.

    Spearman's is Pearson's of mid-ranks; Kendall's is tau-b.

    >>> round(correlation(np.array([1.0, 2, 3, 4, 5]), np.array([5.0, 6, 7, 8, 7]), "spearman"), 6)
    0.820783
    """
    if len(first) < 3 or np.ptp(first) == 0 or np.ptp(second) == 0:
        return None
    if kind == "kendall":
        return float(stats.kendalltau(first, second).statistic)
    if kind == "spearman":
        first, second = stats.rankdata(first), stats.rankdata(second)
    a, b = first - first.mean(), second - second.mean()
    scale = float(np.sqrt((a @ a) * (b @ b)))
    return float(np.clip((a @ b) / scale, -1.0, 1.0)) if scale > 0 else None
