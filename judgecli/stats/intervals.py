"""Intervals of a mean and of a rate when rows come in clusters (conversations, users, prompts)."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

Scale = tuple[float | None, float | None]  # smallest and largest value, None where that end is open


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean with its standard error and 95 % interval; None where there is too little to say.

    `method` names how the limits were made, `why` says why there are none or why they decide nothing; `decides` is False
    where a verdict must not rest on them.
    """

    mean: float | None
    se: float | None
    low: float | None
    high: float | None
    method: str = "none"
    why: str | None = None
    decides: bool = True


def mean_interval(sums: npt.NDArray[np.float64], counts: npt.NDArray[np.float64], *, level: float = 0.95) -> Estimate:
    """Mean over rows with the cluster-robust t interval.

    Columns: sums and counts of G clusters (counts > 0). SE^2 = G/(G-1) * sum_g (S_g - m n_g)^2 / n^2 (CR1),
    t quantile with G - 1 degrees of freedom. One cluster has a mean and no interval; none has neither.
    Source: Liang & Zeger 1986; Miller 2024, arXiv:2411.00640.

    >>> estimate = mean_interval(np.array([2.0, 0.0, 1.0]), np.array([2.0, 2.0, 2.0]))
    >>> round(estimate.se, 6)
    0.288675
    """
    clusters, rows = len(counts), float(counts.sum())
    if clusters == 0:
        return Estimate(None, None, None, None)
    mean = float(sums.sum() / rows)
    if clusters == 1:
        return Estimate(mean, None, None, None)
    residuals = sums - mean * counts
    se = float(np.sqrt(clusters / (clusters - 1) * (residuals**2).sum()) / rows)
    half = float(special.stdtrit(clusters - 1, 0.5 + level / 2)) * se
    return Estimate(mean, se, mean - half, mean + half)


def rate_interval(sums: npt.NDArray[np.float64], counts: npt.NDArray[np.float64], *, level: float = 0.95) -> Estimate:
    """A share of rows with the Wilson interval on the effective number of rows.

    The number of rows is divided by the design effect (cluster-robust over binomial variance, at
    least 1); at a share of 0 or 1, where that is unknown, the clusters are counted instead.
    Source: Wilson 1927; Dean & Pagano 2015 (Wilson with the effective sample size).

    >>> estimate = rate_interval(np.ones(10) * [1, 0, 1, 1, 1, 0, 1, 1, 1, 1], np.ones(10))
    >>> round(estimate.low, 4), round(estimate.high, 4)
    (0.4902, 0.9433)
    """
    robust = mean_interval(sums, counts, level=level)
    if robust.mean is None:
        return robust
    share, rows = robust.mean, float(counts.sum())
    binomial = share * (1 - share) / rows
    if binomial <= 0:
        effective = float(len(counts))
    elif robust.se is None:
        return robust
    else:
        correction = (len(counts) - 1) / len(counts)  # the binomial variance has no small-sample factor
        effective = rows / max(1.0, robust.se**2 * correction / binomial)
    low, high = _wilson(np.array([share]), np.array([effective]), level)
    return Estimate(share, robust.se, float(low[0]), float(high[0]))


def interval(sums: npt.NDArray[np.float64], counts: npt.NDArray[np.float64], *, rate: bool, scale: Scale = (None, None), level: float = 0.95) -> Estimate:
    """The interval of a rate, or of a mean on a scale.

    Where every value stands at one end of a closed scale, no spread was seen, and a t interval would
    claim that there is none. A value on a scale varies at most as a rate between its ends (Bhatia &
    Davis 2000), so the Wilson interval of a rate never seen in G clusters is given, stretched to the scale.

    >>> interval(np.zeros(50), np.ones(50), rate=False, scale=(0, 1)).high == rate_interval(np.zeros(50), np.ones(50)).high
    True
    """
    if rate:
        return rate_interval(sums, counts, level=level)
    found = mean_interval(sums, counts, level=level)
    if found.mean is None or found.se is None:
        return found
    means, errors, clusters = np.array([found.mean]), np.array([found.se]), np.array([float(len(counts))])
    stuck, low, high = _at_an_end(means, errors, clusters, scale, level)
    return Estimate(found.mean, found.se, float(low[0]), float(high[0])) if stuck[0] else found


def _at_an_end(
    means: npt.NDArray[np.float64], errors: npt.NDArray[np.float64], clusters: npt.NDArray[np.float64], scale: Scale, level: float
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Which means have all their values at one end of a closed scale, and the interval of those."""
    least, most = scale
    if least is None or most is None or not least < most:
        return np.zeros(len(means), dtype=bool), means, means
    stuck = (errors == 0) & (clusters > 1) & ((means == least) | (means == most))
    low, high = _wilson(np.where(means == most, 1.0, 0.0), np.maximum(clusters, 1.0), level)
    return stuck, least + (most - least) * low, least + (most - least) * high


def _wilson(share: npt.NDArray[np.float64], rows: npt.NDArray[np.float64], level: float) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    z = float(special.ndtri(0.5 + level / 2))
    centre = (share + z**2 / (2 * rows)) / (1 + z**2 / rows)
    half = z / (1 + z**2 / rows) * np.sqrt(share * (1 - share) / rows + z**2 / (4 * rows**2))
    low, high = np.maximum(0.0, centre - half), np.minimum(1.0, centre + half)
    return np.where(share <= 0, 0.0, low), np.where(share >= 1, 1.0, high)  # there the difference is 0 but for rounding


def segment_intervals(
    sums: npt.NDArray[np.float64],
    counts: npt.NDArray[np.int64],
    segments: npt.NDArray[np.int64],
    totals: npt.NDArray[np.float64],
    *,
    rate: bool,
    scale: Scale = (None, None),
    level: float = 0.95,
) -> list[Estimate]:
    """`interval` of many segments at once.

    Columns: of each cluster its sum, count and segment number (0 to S - 1, ascending); of each
    segment its total, which may be more exact than the sum of sums. Clusters without rows are left
    out. Returns S estimates.

    >>> sums, counts, segments = np.array([2.0, 0.0, 3.0]), np.array([2, 2, 3]), np.array([0, 0, 1])
    >>> [round(estimate.mean, 3) for estimate in segment_intervals(sums, counts, segments, np.array([2.0, 3.0]), rate=False)]
    [0.5, 1.0]
    """
    kept = counts > 0
    sums, counts, segments = sums[kept], counts[kept].astype(float), segments[kept]
    rows, clusters = np.bincount(segments, counts, len(totals)), np.bincount(segments, minlength=len(totals)).astype(float)
    with np.errstate(all="ignore"):
        means = totals / rows
        squares = np.bincount(segments, (sums - means[segments] * counts) ** 2, len(totals))
        errors = np.sqrt(clusters / (clusters - 1) * squares) / rows
        if rate:
            binomial = means * (1 - means) / rows
            effective = np.where(binomial > 0, rows / np.maximum(1.0, errors**2 * (clusters - 1) / clusters / binomial), clusters)
            low, high = _wilson(means, effective, level)
            known = (clusters > 1) | (binomial <= 0)
        else:
            half = special.stdtrit(np.maximum(clusters - 1, 1), 0.5 + level / 2) * errors
            stuck, least, most = _at_an_end(means, errors, clusters, scale, level)
            low, high, known = np.where(stuck, least, means - half), np.where(stuck, most, means + half), clusters > 1
    return [
        Estimate(
            float(means[place]) if clusters[place] else None,
            float(errors[place]) if clusters[place] > 1 else None,
            float(low[place]) if clusters[place] and known[place] else None,
            float(high[place]) if clusters[place] and known[place] else None,
        )
        for place in range(len(totals))
    ]
