"""Intervals for a running mean that hold at every moment at once, however often one looks.

They speak of a mean that stands still; to notice that it moved is the work of `e_detector`.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from judgecli.arrays import Floats

BOLDEST = 0.5  # the largest bet of the empirical-Bernstein band


@dataclass
class Bands:
    """The state of empirical-Bernstein bands, one item a chart in every array: n, sum, squared errors, and the sums of the formula."""

    count: Floats
    total: Floats
    squares: Floats
    weight: Floats
    weighted: Floats
    penalty: Floats

    @classmethod
    def fresh(cls, charts: int) -> "Bands":
        """Bands that have seen nothing."""
        return cls(*(np.zeros(charts) for _ in range(6)))

    def restart(self, chart: int) -> None:
        """Forget what one chart has seen."""
        for state in (self.count, self.total, self.squares, self.weight, self.weighted, self.penalty):
            state[chart] = 0.0


def step_bands(state: Bands, x: Floats, charts: int, *, alpha: float = 0.05) -> None:
    """Feed one item in [0, 1] to each of the first `charts` charts, in place.

    lambda_t = min(1/2, sqrt(2 log(2/alpha) / (v t log(1+t)))), v and the mean before the item with priors 1/4 and 1/2.
    Source: Waudby-Smith & Ramdas 2024, arXiv:2010.09686, theorem 2.
    """
    first = slice(0, charts)
    item = x[first]
    number = state.count[first] + 1
    mean = (0.5 + state.total[first]) / number
    variance = (0.25 + state.squares[first]) / number
    bet = np.minimum(BOLDEST, np.sqrt(2 * np.log(2 / alpha) / (variance * number * np.log1p(number))))
    state.weight[first] += bet
    state.weighted[first] += bet * item
    state.penalty[first] += (-np.log1p(-bet) - bet) * (item - mean) ** 2
    state.count[first] = number
    state.total[first] += item
    state.squares[first] += (item - (0.5 + state.total[first]) / (number + 1)) ** 2


def band(state: Bands, chart: int, *, alpha: float = 0.05) -> tuple[float, float]:
    """The interval of one chart's mean within [0, 1] that holds at all times with 1 - alpha; (0, 1) where nothing was seen."""
    if not state.count[chart]:
        return 0.0, 1.0
    centre = float(state.weighted[chart] / state.weight[chart])
    width = float((np.log(2 / alpha) + state.penalty[chart]) / state.weight[chart])
    return max(centre - width, 0.0), min(centre + width, 1.0)


def binary_band(ones: float, count: float, *, alpha: float = 0.05) -> tuple[float, float]:
    """The interval of a rate that holds at all times with 1 - alpha, from so many ones among `count` items; (0, 1) for none.

    It holds every p for which the Bayes factor of a uniform mixture against p is below 1 / alpha.
    Source: beta-binomial mixture, Howard et al. 2021, arXiv:1810.08240; Robbins 1970.
    """
    from scipy.special import betaln, xlog1py, xlogy

    if not count:
        return 0.0, 1.0
    level = float(-np.log(alpha) - betaln(1 + ones, 1 + count - ones))
    rate = ones / count

    def doubt(p: float) -> float:
        return level + float(xlogy(ones, p) + xlog1py(count - ones, -p))  # below 0: p is rejected

    low = _edge(doubt, rate, 1e-300) if ones and doubt(1e-300) < 0 else 0.0
    high = _edge(doubt, rate, 1 - 1e-16) if ones < count and doubt(1 - 1e-16) < 0 else 1.0
    return low, high


def _edge(doubt: Callable[[float], float], held: float, rejected: float) -> float:
    """Where `doubt` falls below 0 between a rate that is held and one that is not, by halves: scipy.optimize takes 0.3 s to import."""
    while abs(rejected - held) > 1e-13:
        middle = (held + rejected) / 2
        held, rejected = (held, middle) if doubt(middle) < 0 else (middle, rejected)
    return rejected
