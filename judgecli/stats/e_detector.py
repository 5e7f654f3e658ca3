"""When a mean dropped: a mixture of Shiryaev-Roberts e-detectors, many charts at a time.

For items x in [0, 1] whose mean is at least mu0 while all is well, each bet k has the factor
L_k(x) = 1 + lambda_k (mu0 - x), whose expectation is then at most 1. M_k <- (M_k + 1) L_k(x) from 0;
the statistic is the mean of the M_k; a chart alarms when it reaches its threshold A, and starts anew.
M_t - t is a supermartingale, so the expected run length is at least A, and P(alarm within H) <= H / A.
A rise is a drop of 1 - x against 1 - mu0. When the change began: the last restart of an e-CUSUM
C_k <- max(C_k, 1) L_k(x) (see change_point).

The state is plain arrays of shape (bets, charts); every number of a chart follows from its own items
alone, to the last bit, whatever other charts stand beside it and wherever the stream is cut.

Source: Shin, Ramdas & Rinaldo 2023, arXiv:2203.03532 (e-detectors); Ville 1939.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

SHIFTS = np.array([0.01, 0.02, 0.04, 0.08, 0.16])  # what each bet is best at, in units of the scale
MOST = 0.9  # of the largest bet that cannot go bankrupt


@dataclass
class Detectors:
    """The state of some charts. Of each bet: the statistic, the e-CUSUM, and since its last restart the first moment, n and sum.

    `total` sums the items as they are fed, `own` in their own units.
    """

    sr: Floats
    cusum: Floats
    since: Integers
    count: Integers
    total: Floats
    own: Floats

    @classmethod
    def fresh(cls, charts: int) -> "Detectors":
        """Detectors that have seen nothing."""
        shape = (len(SHIFTS), charts)
        return cls(np.zeros(shape), np.zeros(shape), np.zeros(shape, np.int64), np.zeros(shape, np.int64), np.zeros(shape), np.zeros(shape))

    def restart(self, chart: int) -> None:
        """Forget what one chart has seen."""
        for state in (self.sr, self.cusum, self.since, self.count, self.total, self.own):
            state[:, chart] = 0


@dataclass(frozen=True)
class ChangePoint:
    """Since when (the moment of the first item), with how many items and which mean since then, and that in the items' own units."""

    since: int
    count: int
    mean: float
    own_mean: float


def bets(mu0: npt.ArrayLike, variance: npt.ArrayLike, *, binary: npt.ArrayLike = False) -> Floats:
    """The lambda of every bet and chart, shape (bets, charts), from the in-control mean and variance of the charts.

    lambda = shift / (variance + shift^2), for items that are 0 or 1 shift / (mu0 (1 - mu0)), at most 0.9 / (1 - mu0).
    """
    mu0, variance, binary = np.atleast_1d(mu0), np.atleast_1d(variance), np.atleast_1d(binary)
    shift = SHIFTS[:, None]
    spread = np.where(binary, mu0 * (1 - mu0), variance + shift**2)
    found: Floats = np.minimum(shift / np.maximum(spread, 1e-12), MOST / np.maximum(1 - mu0, 1e-12))
    return found


def step(state: Detectors, factors: Floats, mu0: Floats, x: Floats, moment: Integers, charts: int, own: Floats | None = None) -> Floats:
    """Feed one item (in [0, 1], with its moment) to each of the first `charts` charts; returns the statistic of each.

    `own` has the items in their own units, where these are others. `factors` are the lambdas of `bets`, shape (bets, charts).
    What the state holds is changed in place.
    """
    first = slice(0, charts)
    sr, cusum = state.sr[:, first], state.cusum[:, first]
    likelihood = 1 + factors[:, first] * (mu0[first] - x[first])
    anew = cusum <= 1
    for held, value in ((state.since, moment[first]), (state.count, 0), (state.total, 0.0), (state.own, 0.0)):
        np.copyto(held[:, first], value, where=anew)
    state.count[:, first] += 1
    state.total[:, first] += x[first]
    state.own[:, first] += x[first] if own is None else own[first]
    np.maximum(cusum, 1.0, out=cusum)
    cusum *= likelihood
    sr += 1
    sr *= likelihood
    statistic: Floats = sr[0].copy()
    for bet in sr[1:]:  # in this order, whatever the number of charts
        statistic += bet
    return statistic / len(sr)


def change_point(state: Detectors, chart: int, mean: float) -> ChangePoint:
    """When a drop from the in-control `mean` most likely began, and the mean since: of the bets' last restarts the one that most speaks for a change.

    That is, with the largest n (mean - mean since)^2, the likelihood ratio of a normal mean. The bet with the largest C_k
    instead is late by hundreds of items where a change is small.
    """
    depth = np.maximum(mean - state.total[:, chart] / np.maximum(state.count[:, chart], 1), 0.0)
    bet = int(np.argmax(state.count[:, chart] * depth**2))
    count = int(state.count[bet, chart])
    return ChangePoint(int(state.since[bet, chart]), count, float(state.total[bet, chart]) / count, float(state.own[bet, chart]) / count)
