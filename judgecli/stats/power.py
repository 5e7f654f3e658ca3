"""What a comparison could see, and how many prompts or repeats it would need."""

from typing import NamedTuple

import numpy as np
from scipy import special

from judgecli.arrays import Floats


class Components(NamedTuple):
    """Variances of repeated measurements: between items (`between`, at least 0) and within an item (`within`)."""

    between: float
    within: float


class Savings(NamedTuple):
    """By which share (0 to 1) the standard error would shrink with twice the repeats, and with twice the prompts."""

    repeats: float
    prompts: float


def required_prompts(
    delta: float,
    between: float,
    *,
    within_a: float = 0.0,
    within_b: float = 0.0,
    repeats_a: float = 1,
    repeats_b: float = 1,
    alpha: float = 0.05,
    power: float = 0.8,
) -> float:
    """How many prompts show a difference of `delta` with this power: round up for a whole number.

    n = (z(1 - alpha/2) + z(power))^2 (w^2 + s_A^2/K_A + s_B^2/K_B) / delta^2: w^2 (`between`) is the variance of
    the true differences of the prompts, s^2 that within a prompt, K the repeats.
    Source: Miller 2024, arXiv:2411.00640, section 5.

    >>> round(required_prompts(0.03, 1 / 9), 3)
    968.997
    """
    if delta == 0:
        return float("inf")
    variance = between + within_a / repeats_a + within_b / repeats_b
    return quantiles(alpha, power) ** 2 * variance / delta**2


def detectable(se: float, *, alpha: float = 0.05, power: float = 0.8) -> float:
    """The smallest true difference that would be found with this power (0.8) at this two-sided level: (z + z) SE."""
    return quantiles(alpha, power) * se


def quantiles(alpha: float, power: float) -> float:
    """z(1 - alpha/2) + z(power)."""
    return float(special.ndtri(1 - alpha / 2) + special.ndtri(power))


def variance_components(sums: Floats, counts: Floats, squares: Floats) -> Components | None:
    """The one-way analysis of variance of items that were measured several times; None without a repeat.

    Columns by item: sum and number of its values, and the sum of squares around its own mean.
    within = MSW; between = (MSB - MSW)/K0, at least 0, K0 = (N - sum K^2/N)/(items - 1).
    Source: Searle, Casella & McCulloch 1992, chapter 3.

    >>> variance_components(np.array([2.0, 6.0]), np.array([2.0, 2.0]), np.array([2.0, 2.0]))
    Components(between=1.0, within=2.0)
    """
    items, rows = len(counts), float(counts.sum())
    if items < 2 or rows <= items:
        return None
    within = float(squares.sum()) / (rows - items)
    mean = float(sums.sum()) / rows
    spread = float((counts * (sums / counts - mean) ** 2).sum()) / (items - 1)
    typical = (rows - float((counts**2).sum()) / rows) / (items - 1)
    return Components(max((spread - within) / typical, 0.0), within)


def savings(between: float, noise: float) -> Savings:
    """What more data would save: `noise` is what repeats average out, s_A^2/K_A + s_B^2/K_B.

    >>> found = savings(1.0, 1.0)
    >>> round(found.repeats, 4), round(found.prompts, 4)
    (0.134, 0.2929)
    """
    total = between + noise
    repeats = 0.0 if total <= 0 else 1 - float(np.sqrt((between + noise / 2) / total))
    return Savings(repeats, 1 - float(np.sqrt(0.5)))
