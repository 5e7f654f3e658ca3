"""Distances of two distributions given as counts on one grid: area between CDFs, largest gap of CDFs, half the L1 distance.

On the 1001 bins of a closed scale the grid costs KS about 1e-4 and W1 5e-7 against the values themselves.
"""

from dataclasses import dataclass

import numpy as np

from judgecli.arrays import Floats

BINS = 1001


@dataclass(frozen=True, slots=True)
class Distances:
    """W1 in units of the values, KS and TV from 0 to 1."""

    w1: float
    ks: float
    tv: float


def distances(reference: Floats, current: Floats, *, step: float = 1.0) -> Distances | None:
    """W1 = step * sum |F_R - F_C|, KS = max |F_R - F_C|, TV = half of sum |f_R - f_C|; None where a side is empty.

    Columns: counts of bins that stand `step` apart, in order. Values within one bin count as equal.
    Source: Vallender 1974 (W1 as the area between distribution functions); Smirnov 1939.

    >>> found = distances(np.array([1.0, 1, 0, 1, 0, 0, 0, 0, 0]), np.array([0, 0, 0, 0, 0, 1.0, 1, 0, 1]))
    >>> round(found.w1, 6)
    5.0
    """
    found = batch_distances(reference[None], current[None], step=step)
    return None if np.isnan(found).any() else Distances(*(float(value) for value in found[0]))


def batch_distances(reference: Floats, current: Floats, *, step: float = 1.0) -> Floats:
    """`distances` of B pairs of histograms (B x bins each): B x 3 of W1, KS, TV; NaN where a side is empty."""
    with np.errstate(invalid="ignore", divide="ignore"):
        apart = reference / reference.sum(axis=1, keepdims=True) - current / current.sum(axis=1, keepdims=True)
    return measure_gaps(apart, step)


def measure_gaps(apart: Floats, step: float) -> Floats:
    """W1, KS and TV of differences of shares (B x bins), B x 3."""
    gaps = np.abs(np.cumsum(apart, axis=1))
    return np.column_stack([step * gaps.sum(axis=1), gaps.max(axis=1), np.abs(apart).sum(axis=1) / 2])
