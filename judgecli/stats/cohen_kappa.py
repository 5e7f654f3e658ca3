"""Cohen's kappa of two raters, plain or weighted, with its standard error."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy import special

from judgecli.stats.intervals import Estimate

Weighting = Literal["none", "linear", "quadratic"]


def cohen_kappa(table: npt.NDArray[np.float64], *, weights: Weighting = "none", levels: Sequence[float] | None = None, level: float = 0.95) -> Estimate:
    """Agreement beyond chance of two raters, from -1 to 1, with its normal interval.

    `table` is K x K: how often rater one said row and rater two column. kappa = (po - pe) / (1 - pe), where po and pe
    are the observed and the expected sum of weight times share. The weight of (i, j) is 1 on the diagonal and else 0
    (none), 1 - |x_i - x_j| / range (linear) or the square of that distance (quadratic); `levels` holds the x of each
    category (default 0, 1, ...), so that a level nobody used still counts as a step.
    All None where nothing was rated, or both raters always said one and the same (pe = 1): chance alone agrees there.
    The interval is not for tables of rows that come in clusters.
    Source: Cohen 1960, 1968; standard error of Fleiss, Cohen & Everitt 1969.

    >>> found = cohen_kappa(np.array([[20.0, 5], [10, 15]]))
    >>> round(found.mean, 6), round(found.se, 6)
    (0.4, 0.126996)
    """
    n = float(table.sum())
    if n <= 0:
        return Estimate(None, None, None, None)
    shares = table / n
    rows, columns = shares.sum(axis=1), shares.sum(axis=0)
    worth = _weights(len(table), weights, levels)
    observed, expected = float((worth * shares).sum()), float(rows @ worth @ columns)
    if expected >= 1 - 1e-12:
        return Estimate(None, None, None, None)
    kappa = (observed - expected) / (1 - expected)
    by_row, by_column = worth @ columns, rows @ worth
    spread = worth * (1 - expected) - (by_row[:, None] + by_column[None, :]) * (1 - observed)
    variance = (float((shares * spread**2).sum()) - (observed * expected - 2 * expected + observed) ** 2) / (n * (1 - expected) ** 4)
    se = float(np.sqrt(max(variance, 0.0)))
    half = float(special.ndtri(0.5 + level / 2)) * se
    return Estimate(kappa, se, kappa - half, kappa + half)


def confusion_table(first: npt.NDArray[np.int64], second: npt.NDArray[np.int64], size: int) -> npt.NDArray[np.float64]:
    """How often each pair of codes (0 to size - 1) occurs, size x size."""
    return np.bincount(first * size + second, minlength=size * size).reshape(size, size).astype(float)


def _weights(size: int, weights: Weighting, levels: Sequence[float] | None) -> npt.NDArray[np.float64]:
    if weights == "none":
        return np.eye(size)
    places = np.arange(size, dtype=float) if levels is None else np.asarray(levels, dtype=float)
    reach = float(places.max() - places.min()) or 1.0
    distance = np.abs(places[:, None] - places[None, :]) / reach
    return np.asarray(1 - (distance if weights == "linear" else distance**2))
