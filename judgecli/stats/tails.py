"""Limits of means that skew, rare values and a few large clusters do not fool; all of it for many segments at once."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
from scipy import special

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

KNEE = 0.15  # of the measured skew of the mean: normal data of 20 clusters stay below it nine times in ten
FLAT = 1e-12  # spread below this share of the values is what rounding left
TAIL = 0.8  # of a two-sided tail doubled: the chance that a share at the edge of `unseen_share` shows nothing is 4 % at 95 %


@dataclass(frozen=True)
class Spread:
    """What limits are made of, one item a segment: mean, clusters, how many they count for (sum n)^2 / sum n^2, rows.

    `errors` is the cluster-robust standard error (CR1) that is shown; `reach` the one that limits use, which leaves each cluster
    out in turn (CR3): the same where clusters are equal, larger where a few hold most rows. `skews` is the skew of the mean itself,
    sum f^3 / (sum f^2)^1.5 of the clusters' influences f: -1 to 1, 1 where one cluster makes all the spread.
    """

    means: Floats
    clusters: Floats
    effective: Floats
    rows: Floats
    errors: Floats
    reach: Floats
    skews: Floats

    @classmethod
    def of(cls, sums: Floats, counts: Floats, segments: Integers, totals: Floats) -> Self:
        """From clusters with at least one row: sum, count and segment of each; `totals` may be more exact than the sum of sums."""
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
            skews = np.where(squares > 0, gathered(influences**3) / squares**1.5, 0.0)
        return cls(means, clusters, effective, rows, errors, reach, skews)

    @property
    def flat(self) -> npt.NDArray[np.bool_]:
        """Where no spread was seen."""
        return np.asarray((self.errors == 0) & (self.clusters > 1), dtype=np.bool_)

    @property
    def freedom(self) -> Floats:
        """Degrees of freedom: those of as many equal clusters as they count for."""
        return np.maximum(self.effective - 1, 1e-3)


def skewed_reach(skews: Floats, clusters: Floats, effective: Floats, freedom: Floats, level: float) -> tuple[Floats, Floats]:
    """How many standard errors the limits lie below and above a mean.

    Both at least the t quantile q. On the side of the long tail Hall's second-order term h = |s| (2 q^2 + 1)/6 is added, made larger
    by 10/G since a sample understates its skew, and beyond a skew of 0.15 another q (8 + 80/G) a unit: there one cluster
    makes so much of the spread that the tail itself may not have been seen. Nothing is taken off on the other side.
    Source: Hall 1983, 1992 (the term); the rest by simulation (tests/truth/interval_cells.py): log-normal, Weibull, Pareto, gamma,
    zero-inflated and discrete data from 20 clusters on, at the price of 10 % for normal data of 20 clusters and 2 % of 50.
    """
    quantile = special.stdtrit(freedom, 0.5 + level / 2)
    steep = np.abs(skews)
    knee = KNEE * np.minimum(clusters / effective, 2.0)  # a few large clusters look skewed by chance
    added = steep * (2 * quantile**2 + 1) / 6 * (1 + 10 / clusters) + quantile * (8 + 80 / clusters) * np.maximum(steep - knee, 0.0)
    return quantile + np.where(skews < 0, added, 0.0), quantile + np.where(skews > 0, added, 0.0)


def unseen_share(clusters: Floats, level: float) -> Floats:
    """The largest share of values that so many independent clusters may well have missed: (1 - p)^n = 4 % at a level of 95 %."""
    return 1 - (TAIL * (1 - level)) ** (1 / np.maximum(clusters, 1.0))


def wilson(share: Floats, rows: Floats, level: float) -> tuple[Floats, Floats]:
    """Wilson's limits of a share; where the rarer answer was seen once or twice (of more than 50: up to three times) the limit on
    its side is that of a Poisson count. Source: Wilson 1927; Brown, Cai & DasGupta 2001 (the modified Wilson interval)."""
    z = float(special.ndtri(0.5 + level / 2))
    centre = (share + z**2 / (2 * rows)) / (1 + z**2 / rows)
    half = z / (1 + z**2 / rows) * np.sqrt(share * (1 - share) / rows + z**2 / (4 * rows**2))
    low = np.minimum(np.maximum(0.0, centre - half), _rare(share, rows, level))
    high = np.maximum(np.minimum(1.0, centre + half), 1 - _rare(1 - share, rows, level))
    return np.where(share <= 0, 0.0, low), np.where(share >= 1, 1.0, high)  # there the difference is 0 but for rounding


def _rare(share: Floats, rows: Floats, level: float) -> Floats:
    """The lower limit of a rare share, one-sided at `level`; 1 where it is not rare."""
    seen = share * rows
    few = (seen > 0) & (seen < np.where(rows > 50, 3.5, 2.5))
    return np.where(few, special.gammaincinv(np.maximum(seen, 1e-9), 1 - level) / rows, 1.0)
