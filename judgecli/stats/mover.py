"""The interval of a difference of two estimates from the interval of each: Newcombe's for rates."""

from dataclasses import dataclass

import numpy as np

from judgecli.arrays import Floats


@dataclass(frozen=True, slots=True)
class Limited:
    """An estimate with its limits."""

    value: float
    low: float
    high: float


def difference_limits(a: Limited, b: Limited, *, correlation: float = 0.0) -> tuple[float, float]:
    """Limits of a - b: each side's distance to its own limits, added as squares.

    With Wilson limits and no correlation this is Newcombe's hybrid interval of a risk difference; `correlation` is that
    of the two estimates, where the same clusters stand on both sides.
    Source: Newcombe 1998, Statistics in Medicine 17:873, methods 10; Zou & Donner 2008 (MOVER).

    >>> low, high = difference_limits(Limited(0.8, 0.691817, 0.876946), Limited(0.6, 0.490442, 0.700424))  # 56 of 70 less 48 of 80
    >>> round(low, 4), round(high, 4)
    (0.0524, 0.3339)
    """
    down, up = (a.value - a.low, b.high - b.value), (a.high - a.value, b.value - b.low)
    reach = [float(np.sqrt(max(0.0, one**2 + other**2 - 2 * correlation * one * other))) for one, other in (down, up)]
    difference = a.value - b.value
    return difference - reach[0], difference + reach[1]


def clustered_correlation(sums_a: Floats, counts_a: Floats, sums_b: Floats, counts_b: Floats) -> float:
    """The correlation of two ratio means over the same clusters (count 0 = not on that side), -1 to 1; 0 where no cluster is on both."""
    parts = [(sums - counts * (sums.sum() / counts.sum())) for sums, counts in ((sums_a, counts_a), (sums_b, counts_b))]
    scale = float(np.sqrt((parts[0] ** 2).sum() * (parts[1] ** 2).sum()))
    return float(np.clip((parts[0] * parts[1]).sum() / scale, -1.0, 1.0)) if scale > 0 else 0.0
