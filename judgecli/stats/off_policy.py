"""What another split of traffic would have earned, from logs of the one that ran: IPS, SNIPS and DR."""

from dataclasses import dataclass, replace

import numpy as np

from judgecli.arrays import Floats, Integers
from judgecli.stats.intervals import Estimate, mean_interval

LEAST_ESS = 50.0
MOST_GAP = 0.05
FEWEST_HEAVY = 20.0  # rows that the variance of the weights rests on
NO_SPREAD = "all values are the same, so nothing tells how far others may lie"
FLAT = 1e-12  # of the values: a standard error below it is what rounding left
DOUBT, DOUBT_IPS = 2.0, 1.0  # standard errors that the mean weight may lie below 1: for any value, and for that of IPS


@dataclass(frozen=True)
class DecisionLog:
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
    the target's choices that the log hardly ever made.

    `mean_weight` is 1 on average where the log made every choice of the target at times, `mean_weight_se` its standard error; `heavy` is how many
    rows the variance of the weights rests on: (sum w^2)^2 / sum w^4.
    """

    n: int
    ess: float
    max_weight: float
    gap: float
    mean_weight: float = 1.0
    mean_weight_se: float = 0.0
    heavy: float = float("inf")

    @property
    def unsupported(self) -> float:
        """The share of the target's choices that the log does not hold: as counted (`gap`), or as weights that do not add up to all records say."""
        missing = 1 - self.mean_weight
        return max(self.gap, missing if missing > DOUBT * self.mean_weight_se + 1e-9 else 0.0)

    @property
    def refused(self) -> str | None:
        """Why no value may be given, or None."""
        if self.ess < LEAST_ESS:
            return f"effective sample size {self.ess:.3g} is below {LEAST_ESS:g}"
        if self.unsupported > MOST_GAP:
            return f"{100 * self.unsupported:.3g} % of the policy's choices were hardly ever logged (at most {100 * MOST_GAP:g} %)"
        return None

    @property
    def refused_ips(self) -> str | None:
        """Why IPS may give no value, or None: it counts a choice that was never logged as a reward of 0, and needs many of the rows that weigh most."""
        if self.refused:
            return self.refused
        if self.unsupported > 0:
            return f"{100 * self.unsupported:.3g} % of the policy's choices were hardly ever logged, and IPS would count them as 0"
        if 1 - self.mean_weight > DOUBT_IPS * self.mean_weight_se + 1e-9:
            return f"the weights add up to {100 * self.mean_weight:.3g} % of the records: some of the policy's choices may never have been logged"
        if self.heavy < FEWEST_HEAVY:
            return f"its error rests on {self.heavy:.3g} rows of large weight (up to {self.max_weight:.3g}), and {FEWEST_HEAVY:g} are needed"
        return None


def support_of(weights: Floats, gap: float, cluster: Integers | None = None) -> Support:
    """n, (sum w)^2 / sum w^2, max w, the support gap; the mean weight with its error, by cluster where clusters are given; and (sum w^2)^2 / sum w^4.

    >>> support_of(np.array([1.0, 1.0, 2.0, 0.0]), 0.0).ess
    2.6666666666666665
    """
    squares = float(weights @ weights)
    ess = float(weights.sum()) ** 2 / squares if squares > 0 else 0.0
    mean = _mean(weights, np.arange(len(weights)) if cluster is None else cluster)
    heavy = squares**2 / float((weights**4).sum()) if squares > 0 else 0.0
    return Support(len(weights), ess, float(weights.max(initial=0.0)), gap=gap, mean_weight=mean.mean or 0.0, mean_weight_se=mean.se or 0.0, heavy=heavy)


def ips(log: DecisionLog) -> Estimate:
    """mean(w r) with its cluster-robust interval; unbiased where the propensities are right and the log made every choice of the target at times.

    No interval where the weights say that it did not, or where few rows weigh nearly all (`Support.refused_ips`). What is unsupported counts as 0 in
    IPS and as the supported part in SNIPS, and too little of it to be seen in the weights may still be more than the error of either:
    so the interval reaches over that of SNIPS too. Source: Horvitz & Thompson 1952.
    """
    found, scaled = _mean(log.weights * log.rewards, log.cluster), snips(log)
    ends = (found.low, found.high, scaled.low, scaled.high)
    if None in ends or support_of(log.weights, 0.0, log.cluster).refused_ips:
        return Estimate(found.mean, found.se, None, None, why=found.why or scaled.why)
    known = [end for end in ends if end is not None]
    return replace(found, low=min(known), high=max(known))


def snips(log: DecisionLog) -> Estimate:
    """sum(w r) / sum(w): less spread, a little bias; interval by linearisation. Source: Swaminathan & Joachims 2015."""
    total = float(log.weights.sum())
    if total <= 0:
        return Estimate(None, None, None, None)
    value = float(log.weights @ log.rewards) / total
    spread = _mean(log.weights * (log.rewards - value) * len(log.rewards) / total, log.cluster)
    if spread.mean is None or spread.low is None or spread.high is None:
        return Estimate(value, None, None, None, why=spread.why)
    return Estimate(value, spread.se, value + spread.low - spread.mean, value + spread.high - spread.mean)


def doubly_robust(log: DecisionLog) -> Estimate:
    """mean(q(x, pi) + w (r - q(x, a))): right where either the propensities or the model of rewards are. Source: Dudik et al. 2014."""
    return _mean(log.expected_policy + log.weights * (log.rewards - log.expected_taken), log.cluster)


def _mean(values: Floats, cluster: Integers) -> Estimate:
    """The mean by cluster; without an interval where no spread was seen."""
    _, codes = np.unique(cluster, return_inverse=True)
    found = mean_interval(np.bincount(codes, values).astype(float), np.bincount(codes).astype(float))
    flat = found.se is not None and found.se <= FLAT * float(np.abs(values).max(initial=0.0))
    return Estimate(found.mean, found.se, None, None, why=NO_SPREAD) if flat else found
