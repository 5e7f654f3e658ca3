"""Normalisers: from the scale of a metric to u in [0, 1], the same for every record, shard and year.

Each is fixed data (an anchor of the spec, or statistics frozen in judge.lock), never taken from the
records at hand: a rolling normalisation erases the drift that one looks for.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np

from judgecli.arrays import Floats
from judgecli.errors import Incomplete

NormaliseMethod = Literal["range", "frozen_z", "frozen_quantile"]
METHODS: tuple[NormaliseMethod, ...] = ("range", "frozen_z", "frozen_quantile")
STEPS = 1000  # a frozen distribution is its quantiles at 0, 1/1000, ..., 1
LEAST_VALUES = 100


@dataclass(frozen=True)
class Linear:
    """u = (s - low) / (high - low), cut at 0 and 1."""

    low: float
    high: float

    def __call__(self, scores: Floats) -> Floats:
        """u of each score."""
        return _fraction(scores, np.float64(self.low), np.float64(self.high))

    @property
    def parameters(self) -> list[float]:
        """What the identity of a reward covers."""
        return [self.low, self.high]


@dataclass(frozen=True)
class FrozenZ:
    """u = 1 / (1 + exp(-(s - mean) / sd)) with the mean and sd of a frozen sample."""

    mean: float
    sd: float

    def __call__(self, scores: Floats) -> Floats:
        """u of each score."""
        from scipy.special import expit

        with np.errstate(over="ignore", under="ignore"):
            u: Floats = expit((scores - self.mean) / self.sd)
        return u

    @property
    def parameters(self) -> list[float]:
        """What the identity of a reward covers."""
        return [self.mean, self.sd]


@dataclass(frozen=True)
class FrozenQuantile:
    """u = F(s), F the distribution function of a frozen sample given by its 1001 quantiles.

    Linear between two quantiles; where several quantiles equal s (a value that many records
    share), the middle of their positions; 0 below the smallest and 1 above the largest.
    """

    quantiles: tuple[float, ...]

    def __call__(self, scores: Floats) -> Floats:
        """u of each score."""
        grid = np.asarray(self.quantiles)
        left, right = np.searchsorted(grid, scores, "left"), np.searchsorted(grid, scores, "right")
        below, above = np.clip(left - 1, 0, STEPS), np.clip(left, 0, STEPS)
        between = below + _fraction(scores, grid[below], grid[above])
        place = np.where(right > left, (left + right - 1) / 2, np.where(left == 0, 0.0, np.where(left > STEPS, float(STEPS), between)))
        u: Floats = place / STEPS
        return u

    @property
    def parameters(self) -> list[float]:
        """What the identity of a reward covers."""
        return list(self.quantiles)


Normaliser = Linear | FrozenZ | FrozenQuantile


@dataclass(frozen=True)
class Frozen:
    """The distribution of a metric's scores at one time: what a frozen normaliser goes by, and where it came from.

    `identity` is the metric's; `first` and `last` are the times of the oldest and newest of the
    `n` scored records (None where none has a time), `frozen` when it was taken: ISO 8601, UTC.
    `on` is the filter that chose the records.
    """

    identity: str
    n: int
    mean: float
    sd: float
    quantiles: tuple[float, ...]
    first: str | None = None
    last: str | None = None
    on: str | None = None
    frozen: str | None = None

    def normaliser(self, method: NormaliseMethod) -> Normaliser:
        """The normaliser of a method that goes by frozen statistics."""
        return FrozenZ(self.mean, self.sd) if method == "frozen_z" else FrozenQuantile(self.quantiles)


def measure(name: str, scores: Floats) -> tuple[float, float, tuple[float, ...]]:
    """Mean, standard deviation (n - 1) and the 1001 quantiles (Hyndman and Fan's type 7) of finite scores.

    Sums are exact before they are rounded once, so the order of the scores does not matter.
    Raises: Incomplete for fewer than 100 scores, for scores that are all equal, and where floats end.
    """
    if len(scores) < LEAST_VALUES:
        raise Incomplete(
            f"'{name}' has {len(scores)} scored values, too few to freeze", hint=f"score at least {LEAST_VALUES} records, or choose more with --on"
        )
    ordered = np.sort(scores)
    if ordered[0] == ordered[-1]:
        raise Incomplete(f"all {len(scores):,} values of '{name}' are {ordered[0]:g}: there is no scale to freeze", hint="choose other records with --on")
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        try:
            mean = math.fsum(ordered) / len(ordered)
            sd = math.sqrt(math.fsum((ordered - mean) ** 2) / (len(ordered) - 1))
        except OverflowError:
            mean = sd = math.inf
        quantiles = np.quantile(ordered, np.arange(STEPS + 1) / STEPS)
    if not (math.isfinite(mean) and math.isfinite(sd) and sd > 0 and np.isfinite(quantiles).all()):
        raise Incomplete(f"the values of '{name}' ({ordered[0]:g} to {ordered[-1]:g}) leave the range of floats", hint="scale the metric, or give it a range")
    return mean, sd, tuple(np.maximum.accumulate(quantiles).tolist())


def find_fault(mean: float, sd: float, quantiles: Sequence[float]) -> str | None:
    """What is wrong with frozen statistics that a file gives, or None."""
    if not all(math.isfinite(number) for number in (mean, sd, *quantiles)):
        return "a number is not finite"
    if sd <= 0:
        return f"sd is {sd:g}, which is not above 0"
    if len(quantiles) != STEPS + 1:
        return f"{len(quantiles)} quantiles, where {STEPS + 1} are needed"
    return None if all(low <= high for low, high in pairwise(quantiles)) else "the quantiles do not ascend"


def _fraction(scores: Floats, low: Floats | np.float64, high: Floats | np.float64) -> Floats:
    """Where each score lies between low and high, from 0 to 1. Halves are taken first, so that no difference overflows."""
    width = high / 2 - low / 2
    with np.errstate(over="ignore", under="ignore", divide="ignore", invalid="ignore"):
        place = np.where(width > 0, (scores / 2 - low / 2) / np.where(width > 0, width, 1.0), 0.0)
    return np.clip(place, 0.0, 1.0)
