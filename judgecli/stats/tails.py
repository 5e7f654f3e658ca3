"""Limits of means that skew, rare values and a few large clusters do not fool; all of it for many segments at once."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
from scipy import special

from judgecli.arrays import Floats, Integers
from judgecli.stats.intervals import wilson

KNEE = 0.15  # of the measured skew of the mean: normal data of 20 clusters stay below it nine times in ten
FLAT = 1e-12  # spread below this share of the values is what rounding left
TAIL = 0.8  # of a two-sided tail doubled: the chance that a share at the edge of `unseen_share` shows nothing is 4 % at 95 %


@dataclass(frozen=True)
class TailSpread:
    """What limits are made of, one item a segment: mean, clusters, how many they count for (sum n)^2 / sum n^2, rows.

    `errors` is the cluster-robust standard error (CR1) that is shown; `reach` the one that limits use, which leaves each cluster
    out in turn (CR3): the same where clusters are equal, larger where a few hold most rows. `skews` is the skew of the mean itself,
    sum f^3 / (sum f^2)^1.5 of the clusters' influences f: -1 to 1, 1 where one cluster makes all the spread. `agreement` is that of
    the rows of a cluster (their correlation, 0 to 1), known where all values are 0 or 1.
    """

    means: Floats
    clusters: Floats
    effective: Floats
    rows: Floats
    errors: Floats
    reach: Floats
    skews: Floats
    agreement: Floats

    @classmethod
    def of(cls, sums: Floats, counts: Floats, segments: Integers, totals: Floats, *, between: tuple[float, float] = (0.0, 1.0)) -> Self:
        """From clusters with at least one row: sum, count and segment of each; `totals` may be more exact than the sum of sums.

        `between`: the two values of the rows, where there are no others; `agreement` means nothing else.
        """
        size = len(totals)

        def gathered(values: Floats) -> Floats:
            return np.bincount(segments, values, size).astype(np.float64)

        rows, clusters = gathered(counts), gathered(np.ones(len(counts)))
        with np.errstate(all="ignore"):
            means = totals / rows
            residuals = sums - means[segments] * counts
            scale = np.maximum(gathered(np.abs(sums)) / clusters, np.finfo(float).tiny)
            residuals[np.abs(residuals) <= FLAT * (scale[segments] + np.abs(sums))] = 0.0
            share = counts / rows[segments]
            effective = np.minimum(clusters, 1 / gathered(share**2))
            errors = np.sqrt(clusters / (clusters - 1) * gathered(residuals**2)) / rows
            influences = residuals / rows[segments] / (1 - share)
            squares = gathered(influences**2)
            reach = np.sqrt((clusters - 1) / clusters * squares)
            skews = gathered((influences / np.sqrt(squares)[segments]) ** 3)
            skews[~np.isfinite(skews)] = 0.0
            ones = (sums - between[0] * counts) / (between[1] - between[0])
            within, share = gathered(ones - ones**2 / counts) / (rows - clusters), (means - between[0]) / (between[1] - between[0])
            agreement = np.where(rows > clusters, np.clip(1 - within / (share * (1 - share)), 0.0, 1.0), 0.0)
            agreement[np.isnan(agreement)] = 0.0
        return cls(means, clusters, effective, rows, errors, reach, skews, agreement)

    @property
    def flat(self) -> npt.NDArray[np.bool_]:
        """Where no spread was seen."""
        return np.asarray((self.errors == 0) & (self.clusters > 1), dtype=np.bool_)

    @property
    def uneven(self) -> npt.NDArray[np.bool_]:
        """Where clusters differ in size."""
        return np.asarray(self.effective < (1 - 1e-9) * self.clusters, dtype=np.bool_)

    @property
    def freedom(self) -> Floats:
        """Degrees of freedom: those of as many equal clusters as they count for."""
        return np.maximum(self.effective - 1, 1e-3)


def skewed_reach(skews: Floats, clusters: Floats, effective: Floats, freedom: Floats, level: float) -> tuple[Floats, Floats]:
    """How many standard errors the limits lie below and above a mean.

    Both at least the t quantile q. On the side of the long tail Hall's second-order term |s| (2 q^2 + 1)/6 is added, and beyond a
    skew of 0.15 another q (8 + 160/G) a unit: there one cluster makes so much of the spread that the tail itself may not have
    been seen. Nothing is taken off on the other side.
    Source: Hall 1983, 1992 (the term); the rest by simulation (tests/truth/interval_cells.py): log-normal, Weibull, Pareto, gamma,
    zero-inflated and discrete data from 20 clusters on, at the price of 10 % for normal data of 20 clusters and 2 % of 50.
    """
    quantile = special.stdtrit(freedom, 0.5 + level / 2)
    steep, many = np.abs(skews), np.maximum(clusters, 20.0)
    knee = KNEE * np.minimum(clusters / effective, 2.0) * many / clusters  # few clusters, or a few large ones, look skewed by chance
    added = steep * (2 * quantile**2 + 1) / 6 + quantile * (8 + 160 / many) * np.maximum(steep - knee, 0.0)
    return quantile + np.where(skews < 0, added, 0.0), quantile + np.where(skews > 0, added, 0.0)


def unseen_share(clusters: Floats, level: float) -> Floats:
    """The largest share of values that so many independent clusters may well have missed: (1 - p)^n = 4 % at a level of 95 %."""
    return 1 - (TAIL * (1 - level)) ** (1 / np.maximum(clusters, 1.0))


def rare_wilson(share: Floats, rows: Floats, level: float) -> tuple[Floats, Floats]:
    """Wilson's limits of a share; where the rarer answer was seen once or twice (of more than 20: up to three times) the limit on
    its side is that of a Poisson count: there Wilson's own misses up to 16 times in a hundred.
    Source: Wilson 1927; Brown, Cai & DasGupta 2001 (the modified Wilson interval; we take 4 % of its tail, and three from 21 on)."""
    low, high = wilson(share, rows, level)
    return np.minimum(low, _rare(share, rows, level)), np.maximum(high, 1 - _rare(1 - share, rows, level))


def _rare(share: Floats, rows: Floats, level: float) -> Floats:
    """The lower limit of a rare share, 4 % to its side at a level of 95 %; 1 where it is not rare."""
    seen = share * rows
    few = (seen > 0) & (seen < np.where(rows > 20, 3.5, 2.5))
    return np.where(few, special.gammaincinv(np.maximum(seen, 1e-9), TAIL * (1 - level)) / rows, 1.0)
