"""Prediction-powered inference: a mean of people's labels, sharpened by a judge's scores of everything else."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from judgecli.arrays import Floats, Integers
from judgecli.stats.intervals import ClosedScale
from judgecli.stats.tails import FLAT

CROSS_FIT_BELOW = 500
FOLDS = 5
UNSEEN = 1.0  # labels at the other end of the scale, added to the error as if they had not been seen


@dataclass(frozen=True)
class Labelled:
    """Rows that have both: `truth` (people), `judged` (the judge), the `cluster` of each row, and its `weights`
    (one over the chance of being labelled) where those chances were known and unequal."""

    truth: Floats
    judged: Floats
    cluster: Integers
    weights: Floats | None = None


@dataclass(frozen=True)
class Rest:
    """The judge's scores of other rows by cluster: sums and counts (> 0).

    These are the rows without a label; but all rows where labels have weights, for then the rows without a label
    are no random sample.
    """

    sums: Floats
    counts: Floats
    cluster: Integers


@dataclass(frozen=True, slots=True)
class Corrected:
    """A corrected mean, its standard error and interval; None where there is too little, or where no spread was seen.

    `tuning` is how far the judge was used: 0 is the labels alone, 1 the judge's mean minus its mean error.
    """

    mean: float | None
    se: float | None
    low: float | None
    high: float | None
    tuning: float | None


NOTHING = Corrected(None, None, None, None, None)


def ppi_mean(
    labelled: Labelled,
    rest: Rest,
    *,
    scale: ClosedScale = (None, None),
    tuning: float | None = None,
    cross_fit: bool | None = None,
    textbook: bool = False,
    level: float = 0.95,
) -> Corrected:
    """mean(Y) + l (mean(F rest) - mean(F labelled)), with the interval of what clusters contribute to it.

    l = Cov(Y, F) / ((1 + n / N) Var(F)), from cluster sums, clipped to [0, 1], or `tuning`; below 500 labels each fold of
    clusters takes the l of the other four (`cross_fit`), since an l that was fitted to the same few rows makes the
    interval too narrow. With weights both means over labelled rows are weighted (Hajek), and l minimises the variance.
    Standard error: sum over clusters of their squared influence, CR1 factors; t quantile with G - 1 degrees of freedom, G the
    labelled clusters. `textbook`: without small-sample factors, normal quantile, as the papers have it.
    On a closed `scale` the limits are those of Wilson's interval with as many labels as have this error. First one label at the other end,
    unseen, is added to the variance: near an end few errors of the judge are seen, their spread is often underestimated, and a t interval of
    100 labels at a rate of 0.95 covers 81 to 90 %. So labels that are all the same have an interval, too. On an open scale the interval is that of t.
    Where a judge hit every label exactly, nothing tells how rarely it errs, and the labels alone are used (l = 0).
    Two systems are compared by giving their paired differences of Y and of F.
    Valid where labelled rows are a random sample of all rows (or sampled with the chances behind the weights).
    Source: Angelopoulos et al. 2023, arXiv:2301.09633 and arXiv:2311.01453 (power tuning); Zrnic & Candes 2024,
    arXiv:2403.03208 (weights); Wilson 1927.
    """
    return ppi_stratified([(1.0, labelled, rest)], scale=scale, tuning=tuning, cross_fit=cross_fit, textbook=textbook, level=level)


def ppi_stratified(
    strata: Sequence[tuple[float, Labelled, Rest]],
    *,
    scale: ClosedScale = (None, None),
    tuning: float | None = None,
    cross_fit: bool | None = None,
    textbook: bool = False,
    level: float = 0.95,
) -> Corrected:
    """`ppi_mean` within each stratum, added up by the shares of the strata (which sum to 1).

    For segments that were labelled at different rates. A stratum without a label has no estimate, so neither has the whole.
    Source: Fisch et al. 2024, arXiv:2406.04291.
    """
    if not strata or any(len(labelled.truth) == 0 for _, labelled, _ in strata):
        return NOTHING
    parts = [(share, _fit(labelled, rest, tuning, cross_fit, textbook)) for share, labelled, rest in strata]
    mean = sum(share * part.mean for share, part in parts)
    used = sum(share * part.tuning for share, part in parts)
    clusters = min(part.clusters for _, part in parts)
    spread = any(part.spread for _, part in parts)
    low, high = scale
    closed = low is not None and high is not None and low < high and not textbook
    if clusters < 2 or not (spread or closed):
        return Corrected(mean, None, None, None, used)
    _, codes = np.unique(np.concatenate([part.cluster for _, part in parts]), return_inverse=True)
    influence = np.bincount(codes, np.concatenate([share * part.influence for share, part in parts]))
    se = float(np.sqrt(influence @ influence))
    upper = 0.5 + level / 2
    freedom = sum(part.clusters - 1 for _, part in parts)
    quantile = float(special.ndtri(upper) if textbook else special.stdtrit(freedom, upper))
    if closed:
        assert low is not None
        assert high is not None
        least, most = _on_scale(mean, se, parts, low, high - low, quantile)
        return Corrected(mean, se if spread else None, least, most, used)
    return Corrected(mean, se, mean - quantile * se, mean + quantile * se, used)


def _on_scale(mean: float, se: float, parts: "Sequence[tuple[float, _Fit]]", low: float, width: float, quantile: float) -> tuple[float, float]:
    """Wilson's limits of a corrected mean on a closed scale, with as many labels as its error is worth."""
    labels = sum(part.rows for _, part in parts)
    share = (sum(part_share * part.labels for part_share, part in parts) - low) / width
    share = (share * labels + 1) / (labels + 2)
    unseen = UNSEEN * sum((part_share / part.worth(low, width)) ** 2 for part_share, part in parts)
    rows = share * (1 - share) / ((se / width) ** 2 + unseen)
    middle = min(1.0, max(0.0, (mean - low) / width))
    square = quantile**2 / rows
    centre = (middle + square / 2) / (1 + square)
    half = float(np.sqrt(square * (middle * (1 - middle) + square / 4))) / (1 + square)
    return low + width * max(0.0, centre - half), low + width * min(1.0, centre + half)


@dataclass(frozen=True)
class _Fit:
    """One stratum: its mean, and what each cluster contributes to the error (one item a cluster and part)."""

    mean: float
    tuning: float
    cluster: Integers
    influence: Floats
    clusters: int
    spread: bool
    labels: float  # their own mean
    error: float  # the variance of that, by clusters
    rows: float  # how many labels with equal weights these are worth

    def worth(self, low: float, width: float) -> float:
        """How many independent labels they are worth, as those of a rate would be: by clusters, at most all of them."""
        share = min(1.0, max(0.0, (self.labels - low) / width))
        if self.error <= 0 or share * (1 - share) <= 0:
            return float(self.clusters)
        return max(1.0, min(self.rows, share * (1 - share) * width**2 / self.error))


def _fit(labelled: Labelled, rest: Rest, tuning: float | None, cross_fit: bool | None, textbook: bool) -> _Fit:
    weights = np.ones(len(labelled.truth)) if labelled.weights is None else labelled.weights
    weights = weights / weights.sum()
    known, codes = np.unique(labelled.cluster, return_inverse=True)
    groups, total = len(known), float(rest.counts.sum())
    if total <= 0:
        used = np.zeros(len(weights))
    elif tuning is not None:
        used = np.full(len(weights), tuning)
    elif cross_fit or (cross_fit is None and len(weights) < CROSS_FIT_BELOW):
        used = _cross_fitted(labelled, rest, codes, groups)
    else:
        used = np.full(len(weights), _tune(labelled, rest))
    mean_used = float(weights @ used)
    residuals = labelled.truth - used * labelled.judged
    own = float(weights @ residuals)
    by_label: Floats = np.bincount(codes, weights * (residuals - own), groups).astype(float)
    elsewhere = float(rest.sums.sum()) / total if total > 0 else 0.0
    by_rest: Floats = mean_used * (rest.sums - elsewhere * rest.counts) / total if total > 0 else np.zeros(0)
    if not textbook:
        by_label, by_rest = _small_sample(by_label), _small_sample(by_rest)
    spread = bool(np.any(np.abs(by_label) > 1e-15))
    exact = not spread or np.ptp(labelled.truth - labelled.judged) <= 1e-12
    if exact and mean_used > 0 and tuning is None and np.ptp(labelled.truth) > 0:
        return _fit(labelled, rest, 0.0, False, textbook)
    cluster = np.concatenate([known, rest.cluster[: len(by_rest)]])
    labels = float(labelled.truth[0] + weights @ (labelled.truth - labelled.truth[0]))  # equal labels have their own mean, not what rounding left
    alone = _small_sample(np.bincount(codes, weights * (labelled.truth - labels), groups).astype(float))
    influence = np.concatenate([by_label, by_rest])
    apart = labelled.judged - elsewhere
    apart[np.abs(apart) <= FLAT * np.abs(labelled.judged)] = 0.0  # where the judge says the same of all, it corrects nothing
    mean = labels - float(weights @ (used * apart)) if total > 0 else labels
    return _Fit(
        mean,
        mean_used,
        cluster,
        influence=influence,
        clusters=groups,
        spread=spread,
        labels=labels,
        error=float(alone @ alone),
        rows=float(1 / (weights @ weights)),
    )


def _small_sample(influence: Floats) -> Floats:
    return influence * np.sqrt(len(influence) / (len(influence) - 1)) if len(influence) > 1 else influence


def _cross_fitted(labelled: Labelled, rest: Rest, codes: Integers, groups: int) -> Floats:
    """For each labelled row the l of the clusters outside its fold."""
    folds = min(FOLDS, groups)
    fold = codes % folds
    used = np.zeros(len(codes))
    for number in range(folds):
        others = fold != number
        if others.any():
            weights = None if labelled.weights is None else labelled.weights[others]
            part = Labelled(labelled.truth[others], labelled.judged[others], labelled.cluster[others], weights)
            used[~others] = _tune(part, rest, rows=len(codes))
    return used


def _tune(labelled: Labelled, rest: Rest, rows: int | None = None) -> float:
    """The l that these rows ask for, within [0, 1]; `rows` is the number of labels that it will be used with."""
    known, codes = np.unique(labelled.cluster, return_inverse=True)
    n, total = len(codes), float(rest.counts.sum())
    weights = np.ones(n) / n if labelled.weights is None else labelled.weights / labelled.weights.sum()
    truth: Floats = np.bincount(codes, weights * (labelled.truth - weights @ labelled.truth)).astype(float)
    judged: Floats = np.bincount(codes, weights * (labelled.judged - weights @ labelled.judged)).astype(float)
    if labelled.weights is not None:
        return _least_variance(known, truth, judged, rest)
    covariance = n * float(truth @ judged)
    middle = (float(labelled.judged.sum()) + float(rest.sums.sum())) / (n + total)
    _, together = np.unique(np.concatenate([known, rest.cluster]), return_inverse=True)
    sums = np.concatenate([np.bincount(codes, labelled.judged) - middle * np.bincount(codes), rest.sums - middle * rest.counts])
    by_cluster = np.bincount(together, sums)
    groups = len(by_cluster)
    if groups < 2:
        return 0.0
    variance = float(by_cluster @ by_cluster) / (n + total) * groups / (groups - 1)
    return float(np.clip(covariance / ((1 + (rows or n) / total) * variance), 0.0, 1.0)) if variance > 0 else 0.0


def _least_variance(known: Integers, truth: Floats, judged: Floats, rest: Rest) -> float:
    """The l of least variance where labelled rows are also among the rest: that of a regression of clusters' influences."""
    total = float(rest.counts.sum())
    elsewhere = (rest.sums - rest.sums.sum() / total * rest.counts) / total
    every, together = np.unique(np.concatenate([known, rest.cluster]), return_inverse=True)
    left = np.bincount(together, np.concatenate([truth, np.zeros(len(elsewhere))]), len(every))
    right = np.bincount(together, np.concatenate([judged, -elsewhere]), len(every))
    square = float(right @ right)
    return float(np.clip(float(left @ right) / square, 0.0, 1.0)) if square > 0 else 0.0
