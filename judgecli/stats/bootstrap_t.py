"""The studentised bootstrap by cluster: limits of a mean that skew does not fool at small n."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

DRAWS = 2000
SEED = 20_260_101  # stated with every result, so that the limits can be computed again

Floats = npt.NDArray[np.float64]


class Limits(NamedTuple):
    """Both ends of the interval; infinite where the resamples cannot bound that side."""

    low: float
    high: float


def bootstrap_t(sums: Floats, counts: Floats, *, level: float = 0.95, draws: int = DRAWS, seed: int = SEED) -> Limits:
    """The bootstrap-t interval of a mean over rows that come in G clusters.

    Columns: sums and counts by cluster (counts > 0). Clusters are drawn with replacement; each draw has
    t* = (m* - m)/SE*, SE* cluster-robust (CR1) within the draw; limits m - q(1 - a/2) SE and m - q(a/2) SE.
    A draw without spread has an infinite t*, unless its mean is the sample's: such draws widen, never narrow.
    The same input in the same order gives the same limits.
    Raises: ValueError for fewer than two clusters.
    Source: Efron 1981; Hall 1988; Cameron, Gelbach & Miller 2008 (pairs cluster bootstrap-t).

    >>> limits = bootstrap_t(np.arange(30.0), np.ones(30))
    >>> bool(10 < limits.low < 14.5 < limits.high < 19)
    True
    """
    clusters = len(counts)
    if clusters < 2:
        raise ValueError(f"{clusters} clusters have no spread to draw from")
    mean = float(sums.sum() / counts.sum())
    residuals = sums - mean * counts  # centred, so that squares lose no digits
    drawn = np.random.default_rng(seed).integers(0, clusters, size=(draws, clusters)) + np.arange(draws)[:, None] * clusters
    weights = np.bincount(drawn.ravel(), minlength=draws * clusters).reshape(draws, clusters).astype(np.float64)
    moments = np.column_stack([residuals, counts, residuals**2, residuals * counts, counts**2])
    total, rows, square, cross, size = np.moveaxis(weights @ moments, -1, 0)
    shift = total / rows
    spread = np.maximum(square - 2 * shift * cross + shift**2 * size, 0.0)
    spread[spread <= 1e-12 * (square + shift**2 * size)] = 0.0  # what rounding left
    factor = clusters / (clusters - 1)
    errors = np.sqrt(factor * spread) / rows
    shift[np.abs(shift) <= 1e-12 * max(float(np.abs(residuals).max()), 1e-300)] = 0.0
    with np.errstate(divide="ignore", invalid="ignore"):
        studentised = np.where(shift == 0, 0.0, shift / errors)
    ordered = np.sort(studentised)
    tail = (1 - level) / 2
    least, most = int(np.floor(tail * (draws + 1))) - 1, int(np.ceil((1 - tail) * (draws + 1))) - 1
    se = float(np.sqrt(factor * (residuals**2).sum()) / counts.sum())
    if se == 0:
        return Limits(mean, mean)
    return Limits(mean - float(ordered[min(most, draws - 1)]) * se, mean - float(ordered[max(least, 0)]) * se)
