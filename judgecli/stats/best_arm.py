"""Which of several arms is best: posteriors of their means, P(best), expected regret."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import special

from judgecli.arrays import Floats

POINTS = 4000  # of each posterior
LEVELS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999, 0.9995, 0.9999)


@dataclass(frozen=True, slots=True)
class ArmPosterior:
    """What is believed of one arm's mean: Beta(a, b) stretched to [low, high]; Student's t with `freedom` at `centre`, `scale` wide; or by `limits`.

    `limits` are values that ascend, and the share of the belief below each: those of a mean's intervals at many levels.
    """

    kind: Literal["beta", "t", "limits"]
    a: float = 0.0
    b: float = 0.0
    low: float = 0.0
    high: float = 1.0
    centre: float = 0.0
    scale: float = 1.0
    freedom: float = 1.0
    limits: tuple[Floats, Floats] | None = None

    @classmethod
    def of_rate(cls, mean: float, trials: float, scale: tuple[float, float] = (0.0, 1.0)) -> "ArmPosterior":
        """From a share of independent trials (a uniform prior): Beta(1 + successes, 1 + failures)."""
        low, high = scale
        share = (mean - low) / (high - low)
        return cls("beta", 1 + share * trials, 1 + (1 - share) * trials, low, high)

    @classmethod
    def of_mean(cls, mean: float, se: float, clusters: int) -> "ArmPosterior":
        """From a mean and its standard error over clusters (a flat prior)."""
        return cls("t", centre=mean, scale=se, freedom=clusters - 1)

    @classmethod
    def of_limits(cls, mean: float, limits: Callable[[float], tuple[float, float]]) -> "ArmPosterior":
        """From the interval of a mean at any level: the belief that has those intervals (a confidence distribution).

        Heavy tails and few clusters widen an interval on one side; a t around the mean would not know. Source: Xie & Singh 2013.
        """
        found = [limits(level) for level in LEVELS]
        shares = np.array([(1 - level) / 2 for level in LEVELS[::-1]] + [0.5] + [(1 + level) / 2 for level in LEVELS])
        values = np.array([low for low, _ in found[::-1]] + [mean] + [high for _, high in found])
        return cls("limits", centre=mean, limits=(np.maximum.accumulate(values), shares))

    @property
    def mean(self) -> float:
        """The expected mean (of t with one degree of freedom its centre)."""
        return self.low + (self.high - self.low) * self.a / (self.a + self.b) if self.kind == "beta" else self.centre

    def quantiles(self, shares: Floats) -> Floats:
        """The values below which these shares of the belief lie."""
        if self.limits is not None:
            return np.asarray(np.interp(shares, self.limits[1], self.limits[0]))
        if self.kind == "beta":
            return np.asarray(self.low + (self.high - self.low) * special.betaincinv(self.a, self.b, shares))
        return np.asarray(self.centre + self.scale * special.stdtrit(self.freedom, shares))

    def below(self, values: Floats) -> Floats:
        """How likely the mean is below each of these values."""
        if self.limits is not None:
            return np.asarray(np.interp(values, *self.limits, left=0.0, right=1.0))
        if self.kind == "beta":
            return np.asarray(special.betainc(self.a, self.b, np.clip((values - self.low) / (self.high - self.low), 0.0, 1.0)))
        return np.asarray(special.stdtr(self.freedom, (values - self.centre) / self.scale))


@dataclass(frozen=True)
class ArmStanding:
    """P(best) of each arm (they sum to 1), and what each is expected to lose against the best, whichever that is."""

    p_best: list[float]
    regret: list[float]


def rank_arms(posteriors: Sequence[ArmPosterior], *, higher_is_better: bool = True) -> ArmStanding:
    """P(best) and expected regret of independent arms, by integrating over each posterior at 4,000 of its quantiles.

    P(k best) = E_k[prod_{j != k} P(arm j is worse than x)]; regret of k = sum_j E[x_j; j best] - E[x_k] (its sign turned where lower is better).
    No chance is involved. Thompson sampling sends each arm the share P(best).
    Source: Thompson 1933; Scott 2010 (value remaining).
    """
    shares = (np.arange(POINTS) + 0.5) / POINTS
    chances, reached = [], 0.0
    for number, own in enumerate(posteriors):
        values = own.quantiles(shares)
        beaten = np.ones(POINTS)
        for other, rival in enumerate(posteriors):
            if other != number:
                below = rival.below(values)
                beaten = beaten * (below if higher_is_better else 1 - below)
        chances.append(float(beaten.mean()))
        reached += float((beaten * values).mean())
    total = sum(chances)
    p_best = [chance / total for chance in chances]
    sign = 1.0 if higher_is_better else -1.0
    best = reached / total
    return ArmStanding(p_best, [max(0.0, sign * (best - own.mean)) for own in posteriors])


def split_regret(standing: ArmStanding, traffic: Sequence[float]) -> float:
    """What a split of traffic (shares that sum to 1) is expected to lose a record against the best arm."""
    return float(sum(share * lost for share, lost in zip(traffic, standing.regret, strict=True)))
