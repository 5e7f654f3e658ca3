"""When a mean dropped: a mixture of Shiryaev-Roberts e-detectors, many charts at a time.

For items x in [0, 1] whose mean is at least mu0 while all is well, each bet k has the factor
L_k(x) = 1 + lambda_k (mu0 - x), whose expectation is then at most 1. M_k <- (M_k + 1) L_k(x) from 0;
the statistic is the mean of the M_k; a chart alarms when it reaches its threshold A, and starts anew.
M_t - t is a supermartingale, so the expected run length is at least A, and P(alarm within H) <= H / A.
A rise is a drop of 1 - x against 1 - mu0.

Where items depend on each other, so that a sum of them spreads D times as far as that of independent ones,
the factor is L_k(x)^(1/D): then the expectation of a product over such a stretch is about 1 again, and the
evidence of n items is that of n / D (Gaussian sums: exactly; powers of 1/D <= 1 are safe for independent items).

The state is a plain array of shape (bets, charts); every number of a chart follows from its own items
alone, to the last bit, whatever other charts stand beside it and wherever the stream is cut.

Source: Shin, Ramdas & Rinaldo 2023, arXiv:2203.03532 (e-detectors); Ville 1939. The power is ours: tempering, as a
likelihood is tempered by its effective number of items.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from judgecli.arrays import Floats

SHIFTS = np.array([0.01, 0.02, 0.04, 0.08, 0.16])  # what each bet is best at, in units of the scale
MOST = 0.9  # of the largest bet that cannot go bankrupt


@dataclass
class Detectors:
    """The statistic of each bet of some charts."""

    sr: Floats

    @classmethod
    def fresh(cls, charts: int) -> "Detectors":
        """Detectors that have seen nothing."""
        return cls(np.zeros((len(SHIFTS), charts)))

    def restart(self, chart: int) -> None:
        """Forget what one chart has seen."""
        self.sr[:, chart] = 0


def bets(mu0: npt.ArrayLike, variance: npt.ArrayLike, *, binary: npt.ArrayLike = False, reach: npt.ArrayLike = 0.0) -> Floats:
    """The lambda of every bet and chart, shape (bets, charts), from the in-control mean and variance of the charts.

    lambda = shift / (variance + shift^2), for items that are 0 or 1 shift / (mu0 (1 - mu0)), at most 0.9 / (1 - mu0).
    `reach` is how far above 1 an item may stand.
    """
    mu0, variance, binary, reach = (np.atleast_1d(part) for part in (mu0, variance, binary, reach))
    shift = SHIFTS[:, None]
    spread = np.where(binary, mu0 * (1 - mu0), variance + shift**2)
    found: Floats = np.minimum(shift / np.maximum(spread, 1e-12), MOST / np.maximum(1 + reach - mu0, 1e-12))
    return found


def step(state: Detectors, factors: Floats, mu0: Floats, x: Floats, charts: int, power: Floats | None = None) -> Floats:
    """Feed one item (in [0, 1]) to each of the first `charts` charts; returns the statistic of each.

    `factors` are the lambdas of `bets`, shape (bets, charts), `power` is 1 / D of each chart (None: 1). The state is changed in place.
    """
    first = slice(0, charts)
    sr = state.sr[:, first]
    likelihood = 1 + factors[:, first] * (mu0[first] - x[first])
    if power is not None:
        likelihood = likelihood ** power[first]
    sr += 1
    sr *= likelihood
    statistic: Floats = sr[0].copy()
    for bet in sr[1:]:  # in this order, whatever the number of charts
        statistic += bet
    return statistic / len(sr)
