"""What another split of traffic would have earned, from logs of the one that ran: IPS, SNIPS and DR."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from judgecli.stats.intervals import Estimate, mean_interval

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

LEAST_ESS = 50.0
MOST_GAP = 0.05


@dataclass(frozen=True)
class Log:
    """N logged choices: the reward, the weight pi(a|x) / p(a|x) of the arm that was taken, the cluster of the row;
    and of a model of rewards what it expects of the arm taken, and of the target policy."""

    rewards: Floats
    weights: Floats
    cluster: Integers
    expected_taken: Floats
    expected_policy: Floats


@dataclass(frozen=True, slots=True)
class Support:
    """How far a log can tell of a target policy: rows, effective sample size, largest weight, and the share of
    the target's choices that the log hardly ever made."""

    n: int
    ess: float
    max_weight: float
    gap: float

    @property
    def refused(self) -> str | None:
        """Why no value may be given, or None."""
        if self.ess < LEAST_ESS:
            return f"effective sample size {self.ess:.3g} is below {LEAST_ESS:g}"
        if self.gap > MOST_GAP:
            return f"{100 * self.gap:.3g} % of the policy's choices were hardly ever logged (at most {100 * MOST_GAP:g} %)"
        return None


def support_of(weights: Floats, gap: float) -> Support:
    """n, (sum w)^2 / sum w^2, max w and the support gap.

    >>> support_of(np.array([1.0, 1.0, 2.0, 0.0]), 0.0).ess
    2.6666666666666665
    """
    squares = float(weights @ weights)
    return Support(len(weights), float(weights.sum()) ** 2 / squares if squares > 0 else 0.0, float(weights.max(initial=0.0)), gap)


def ips(log: Log) -> Estimate:
    """mean(w r) with its cluster-robust interval; unbiased where the propensities are right. Source: Horvitz & Thompson 1952."""
    return _mean(log.weights * log.rewards, log.cluster)


def snips(log: Log) -> Estimate:
    """sum(w r) / sum(w): less spread, a little bias; interval by linearisation. Source: Swaminathan & Joachims 2015."""
    total = float(log.weights.sum())
    if total <= 0:
        return Estimate(None, None, None, None)
    value = float(log.weights @ log.rewards) / total
    spread = _mean(log.weights * (log.rewards - value) * len(log.rewards) / total, log.cluster)
    if spread.mean is None or spread.low is None or spread.high is None:
        return Estimate(value, None, None, None)
    return Estimate(value, spread.se, value + spread.low - spread.mean, value + spread.high - spread.mean)


def doubly_robust(log: Log) -> Estimate:
    """mean(q(x, pi) + w (r - q(x, a))): right where either the propensities or the model of rewards are. Source: Dudik et al. 2014."""
    return _mean(log.expected_policy + log.weights * (log.rewards - log.expected_taken), log.cluster)


def _mean(values: Floats, cluster: Integers) -> Estimate:
    _, codes = np.unique(cluster, return_inverse=True)
    return mean_interval(np.bincount(codes, values).astype(float), np.bincount(codes).astype(float))
