"""The reference of a chart: what is collected for it day by day, and what of it is frozen."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from judgecli.arrays import Floats
from judgecli.stats.day_effects import DayEffects, learn_reference, weekday_means

LEAST = 50  # items without which there is no reference
RISK = 0.05  # that the true mean lies beyond the limit of the reference
MOST_RISK = 0.15  # where the reference is long beside the time of the budget
TAIL = 0.01  # an unbounded metric is scaled between these quantiles of its reference
BINS = 32  # of the items of a day, so that its mean is known on a scale that is not known yet
FLIPS = 5.0  # items of the rarer side that a guess of their spread is worth
RUN = 64  # items of a day that are kept in their order


@dataclass(frozen=True)
class DayPart:
    """A day of a reference: how many items, the means of equal parts of them in ascending order (with their sizes), and the first ones in the order of time."""

    day: int
    count: int
    bins: list[float]
    sizes: list[int]
    run: list[float]

    @classmethod
    def of(cls, day: int, values: Floats) -> "DayPart":
        """The part of a day, from its items in the order of time."""
        ordered = np.sort(values)
        parts = np.array_split(ordered, min(BINS, len(ordered)))
        return cls(day, len(values), [float(part.mean()) for part in parts], [len(part) for part in parts], values[:RUN].tolist())


@dataclass(frozen=True)
class Reference:
    """What a chart is held against, frozen. `mean`, `sd` and the one-sided limits are on the scale [0, 1] between `low` and `high`.

    What lies beyond an end counts as the end there; `own_mean` is the mean of the values as they are. `weekdays` is what each
    weekday (Monday first) differs by from the mean, on the scale: zeros where the reference does not show that they differ.
    """

    n: int
    first_day: int
    end_day: int
    low: float
    high: float
    mean: float
    sd: float
    lower: float
    upper: float
    binary: bool
    own_mean: float
    weight: float  # how many independent items its mean is worth
    weekdays: list[float] = field(default_factory=lambda: [0.0] * 7)

    def scale(self, values: Floats) -> Floats:
        """Values on the scale of the chart; what lies beyond stands at its ends."""
        scaled: Floats = np.clip((values - self.low) / (self.high - self.low), 0.0, 1.0)
        return scaled

    def value(self, scaled: float) -> float:
        """A number of the scale in units of the metric."""
        return self.low + scaled * (self.high - self.low)

    def of_weekday(self, day: int) -> float:
        """What this day's weekday differs by, on the scale; days count from 1970-01-01, a Thursday."""
        return self.weekdays[(day + 3) % 7]

    @property
    def reach(self) -> float:
        """How far an item may stand beyond the scale when its weekday is taken off."""
        return max(abs(offset) for offset in self.weekdays)

    @property
    def dispersion(self) -> float:
        """The variance of an item over that of a coin flip with the same mean: taken as 1 until the rarer side has shown some items."""
        flip = self.mean * (1 - self.mean)
        shown = self.n * min(self.mean, 1 - self.mean)
        return (shown * self.sd**2 / flip + FLIPS) / (shown + FLIPS) if flip > 0 else 1.0


def freeze(
    values: Floats,
    scale: tuple[float | None, float | None],
    first_day: int,
    end_day: int,
    parts: Sequence[DayPart] = (),
    *,
    risk: float = RISK,
) -> tuple[Reference, DayEffects]:
    """The reference of these items and what their days teach of day effects (`parts`; none: nothing is known, the items pass for independent).

    A metric without both ends gets those of its quantiles, a constant one some room on both sides.
    """
    low, high = _ends(values, scale)
    x = np.clip((values - low) / (high - low), 0.0, 1.0)
    mean, sd = float(x.mean()), float(x.std(ddof=1))
    weekdays, effects, share = np.zeros(7), DayEffects(), 1.0
    if parts:
        weekdays, effects = _learn(parts, low, high, x)
        count = sum(part.count for part in parts)
        share = 1 + len(x) * (effects.effect(count / len(parts)) - 1) / count  # of the variance of the mean, beside independent items
    degrees = None if share == 1.0 else effects.df
    limits = (lower_limit(x, risk=risk, share=share, degrees=degrees), 1 - lower_limit(1 - x, risk=risk, share=share, degrees=degrees))
    binary = bool(((x == 0) | (x == 1)).all())
    found = Reference(len(x), first_day, end_day, low, high, mean, sd, *limits, binary, float(values.mean()), len(x) / share, weekdays.tolist())
    return found, effects


def _ends(values: Floats, scale: tuple[float | None, float | None]) -> tuple[float, float]:
    low, high = scale
    if low is None or high is None:
        low, high = (float(end) for end in np.quantile(values, (TAIL, 1 - TAIL)))
        if low == high:
            low, high = float(values.min()), float(values.max())
        if low == high:
            low, high = low - max(1.0, abs(low)), high + max(1.0, abs(high))
    return low, high


def _learn(parts: Sequence[DayPart], low: float, high: float, x: Floats) -> tuple[Floats, DayEffects]:
    """What weekdays differ by, and the day effects beside that."""
    days: npt.NDArray[np.int64] = np.array([part.day for part in parts])
    counts = np.array([part.count for part in parts], float)
    means = np.array([np.average(np.clip((np.array(part.bins) - low) / (high - low), 0, 1), weights=part.sizes) for part in parts])
    weekdays, groups = weekday_means(days, means, counts)
    fitted = float(np.average(means, weights=counts)) + weekdays[(days + 3) % 7]
    runs = [np.clip((np.array(part.run) - low) / (high - low), 0, 1) - weekdays[(part.day + 3) % 7] for part in parts]
    sd = float(x.std(ddof=1))
    kurtosis = float(((x - x.mean()) ** 4).mean()) / sd**4 - 3 if sd > 0 else 0.0
    return weekdays, learn_reference(means, counts, fitted, sd, kurtosis, runs, groups=groups)


def lower_limit(x: Floats, *, risk: float = RISK, share: float = 1.0, degrees: float | None = None) -> float:
    """The one-sided lower limit of the mean of items in [0, 1], by default of 95 %: exact for zeros and ones, else by t.

    Never above mean x risk^(1/n): up to 3/n of all items may stand at 0 without any among n having shown it.
    Where the mean's variance is `share` times that of independent items, n items are worth n / share, with the degrees of freedom of their days.
    """
    from scipy.special import betaincinv, stdtrit

    n, mean = len(x) / share, float(x.mean())
    t = -float(stdtrit(max(len(x) - 1 if degrees is None else degrees, 1.0), risk))
    if ((x == 0) | (x == 1)).all():
        ones = mean * n
        return float(betaincinv(ones, n - ones + 1, risk)) if ones else 0.0
    by_t = mean - t * float(x.std(ddof=1)) / n**0.5
    return float(max(0.0, min(by_t, mean * risk ** (1 / n))))
