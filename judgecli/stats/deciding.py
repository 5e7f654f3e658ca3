"""The one place that decides which interval a mean gets, from what is known of its column.

- A rate, and any column of two values alone: Wilson's on the effective number of clusters, widened where the rarer value was seen up to three times.
- Else: t on clusters, its limit on the side of the long tail moved out by the measured skew (`stats/tails.py`).
- On a closed scale no limit is nearer than what so many clusters cannot exclude: a share of values, at the end of the
  scale, none of which was seen. So a constant has an interval there; on an open scale it has none.
"""

from dataclasses import replace

import numpy as np
from scipy import special

from judgecli.arrays import Floats, Integers
from judgecli.stats.bonett_price import bonett_price
from judgecli.stats.column import ColumnFacts
from judgecli.stats.contrast import Contrast, clustered_contrast
from judgecli.stats.intervals import Estimate
from judgecli.stats.mover import Limited, clustered_correlation, difference_limits
from judgecli.stats.power import detectable
from judgecli.stats.tails import TailSpread, rare_wilson, skewed_reach, unseen_share

LEAST_CLUSTERS = 20  # below it no usual interval keeps its promise (Bowyer et al. 2025, arXiv:2503.01747)
LEAST_EFFECTIVE = 8.0  # the same where few clusters hold most rows: (sum n)^2 / sum n^2
NOTHING = "nothing was scored"
ONE_CLUSTER = "all rows are of one cluster"
FEW_DIFFER = "too few pairs differ to tell how much they vary, and the scale has no end to bound it by"
CONSTANT = "all values are the same, and the scale has no ends to tell how far others may lie"
METHODS = {
    "Wilson": "a rate: Wilson's interval on the effective number of clusters",
    "t": "a number: Student's t on clusters, the limit on the side of the long tail moved out by the measured skew",
    "scale": "every cluster has the same mean: what so many clusters cannot exclude on this scale",
    "Bonett-Price": "a difference of paired shares: Bonett and Price's interval",
    "Newcombe": "a difference of two shares: Newcombe's interval from Wilson's of each",
    "Welch": "a difference of two means: Welch's t on clusters, limits moved out by the measured skew",
    "none": "no interval",
}


def estimate_mean(sums: Floats, counts: Floats, column: ColumnFacts, *, level: float = 0.95) -> Estimate:
    """The mean over rows with the interval that its column gets.

    Columns: sums and counts of G clusters (count 0: left out). Without rows there is no mean, with one cluster no interval.

    >>> estimate = estimate_mean(np.full(22, 0.8), np.ones(22), Column("number", (0.0, 1.0)))
    >>> round(estimate.low, 3), round(estimate.high, 3), estimate.method
    (0.681, 0.83, 'scale')
    """
    return estimate_means(sums, counts, np.zeros(len(counts), dtype=np.int64), np.array([float(sums[counts > 0].sum())]), column, level=level)[0]


def estimate_means(sums: Floats, counts: Floats | Integers, segments: Integers, totals: Floats, column: ColumnFacts, *, level: float = 0.95) -> list[Estimate]:
    """`estimate_mean` of many segments at once.

    Columns: of each cluster its sum, count and segment number (0 to S - 1, ascending); of each segment its total, which may
    be more exact than the sum of sums. Returns S estimates.
    """
    kept = counts > 0
    spread = TailSpread.of(sums[kept], counts[kept].astype(float), segments[kept], totals, between=column.between or (0.0, 1.0))
    low, high, method = _limits(spread, column, level)
    return [_estimate(spread, place, low[place], high[place], method[place]) for place in range(len(totals))]


def _limits(spread: TailSpread, column: ColumnFacts, level: float) -> tuple[Floats, Floats, list[str]]:
    with np.errstate(all="ignore"):
        if column.between is not None:
            low, high = _shares(spread, column.between, level, two_values=True)
            method = ["Wilson"] * len(spread.means)
        else:
            down, up = skewed_reach(spread.skews, spread.clusters, spread.effective, spread.freedom, level)
            low, high = spread.means - down * spread.reach, spread.means + up * spread.reach
            method = ["scale" if flat else "t" for flat in spread.flat.tolist()]
        if column.is_rate:
            return low, high, method
        if column.closed is not None:
            low, high = _within(spread, column.closed, low, high, level)
        elif column.between is None:
            low, high = np.where(spread.flat, np.nan, low), np.where(spread.flat, np.nan, high)
    return low, high, method


def _shares(spread: TailSpread, between: tuple[float, float], level: float, *, two_values: bool) -> tuple[Floats, Floats]:
    """Wilson's limits on the effective number of rows, as if rows lay at two values; where no spread was seen, the clusters are counted.

    Rows are divided by the design effect. Clusters of different size: by the larger of the one that leaves each cluster out and, where
    rows do lie at two values, Kish's from the agreement within clusters. Where that effect is an estimate, t takes the place of the normal
    quantile, with as few degrees of freedom as the clusters count for. Source: Dean & Pagano 2015; Kish 1965; Donner 1982; Korn & Graubard 1998.
    """
    least, width = between[0], between[1] - between[0]
    share = np.clip((spread.means - least) / width, 0.0, 1.0)
    inner = (spread.clusters - 1) / spread.clusters  # the binomial variance has no small-sample factor
    seen = np.where(spread.uneven, spread.reach, spread.errors) / width
    effect = np.maximum(1.0, seen**2 * inner * spread.rows / (share * (1 - share)))
    if two_values:
        rare = np.minimum(share, 1 - share) * spread.rows / effect  # a few rare rows tell little of how much the rows of a cluster agree
        agreement = np.minimum(1.0, spread.agreement + (1 - spread.agreement) * (3 * spread.agreement / rare + 1 / (2 * rare**2)))
        effect = np.maximum(effect, np.where((agreement < 1) | spread.uneven, 1 + agreement * (spread.rows / spread.effective - 1), 1.0))
    tail = 0.5 + level / 2
    few, all_of_them = special.stdtrit(spread.freedom, tail), special.stdtrit(np.maximum(spread.clusters - 1, 1.0), tail)
    known = np.where(two_values, (spread.agreement <= 0) | (spread.agreement >= 1), True)  # rows or clusters count: no effect is estimated
    wider = np.where(spread.uneven, few / all_of_them, 1.0) * np.where(known, 1.0, all_of_them / special.ndtri(tail))
    rows = np.where(spread.flat, spread.effective, spread.rows / effect / wider**2)
    low, high = rare_wilson(share, rows, level)
    return least + width * low, least + width * high


def _within(spread: TailSpread, ends: tuple[float, float], low: Floats, high: Floats, level: float) -> tuple[Floats, Floats]:
    """Limits on a closed scale: no farther than if all values stood at its ends, no nearer than what these clusters cannot exclude."""
    least, most = ends
    z = float(special.ndtri(0.5 + level / 2))
    means, share = spread.means, np.where(spread.flat, z**2 / (spread.effective + z**2), unseen_share(spread.effective, level))
    farthest = _shares(spread, ends, level, two_values=False)
    quantile = special.stdtrit(spread.freedom, 0.5 + level / 2)
    low = np.maximum(low, np.minimum(farthest[0], means - quantile * spread.reach))
    high = np.minimum(high, np.maximum(farthest[1], means + quantile * spread.reach))
    low = np.minimum(low, means - share * (means - least))
    high = np.maximum(high, means + share * (most - means))
    return np.maximum(low, least), np.minimum(high, most)


def _estimate(spread: TailSpread, place: int, low: float, high: float, method: str) -> Estimate:
    clusters = int(spread.clusters[place])
    if clusters == 0:
        return Estimate(None, None, None, None, "none", NOTHING, decides=False)
    mean = float(spread.means[place])
    if clusters == 1:
        return Estimate(mean, None, None, None, "none", ONE_CLUSTER, decides=False)
    if spread.flat[place] and (np.isnan(low) or np.isnan(high)):
        return Estimate(mean, None, None, None, "none", CONSTANT, decides=False)
    why = too_few(clusters, float(spread.effective[place]))
    low, high = (-np.inf if np.isnan(low) else low), (np.inf if np.isnan(high) else high)  # squares that left the range of floats
    return Estimate(mean, float(spread.errors[place]), float(low), float(high), method, why, decides=why is None)


def too_few(clusters: int, effective: float) -> str | None:
    """Why so many clusters, or so many that count, give no verdict; None where they do."""
    if clusters < LEAST_CLUSTERS:
        return f"{clusters:,} cluster{'' if clusters == 1 else 's'}, and a verdict needs {LEAST_CLUSTERS}"
    if effective < LEAST_EFFECTIVE:
        return f"a few of the {clusters:,} clusters hold most rows: they count as {effective:.1f}, and a verdict needs {LEAST_EFFECTIVE:g}"
    return None


def estimate_change(new_sums: Floats, new_counts: Floats, old_sums: Floats, old_counts: Floats, column: ColumnFacts, *, level: float = 0.95) -> Estimate:
    """Mean of new minus mean of old with the interval that the column gets. `column` is that of the values of both sides.

    Columns: sums and counts over the same G clusters, which may stand on both sides (count 0: not on this one). Two values alone,
    or a side without spread: the limits of both sides joined (Newcombe); else Welch's t on clusters with its limit on the side of the
    long tail moved out; on an open scale, where one side is small,
    not nearer than the joined limits. Neither is nearer than what either side cannot exclude on a closed scale.
    Source: Newcombe 1998; Zou & Donner 2008; Welch 1947; Liang & Zeger 1986.

    >>> ones, zeros = np.ones(30), np.zeros(30)
    >>> found = estimate_change(np.r_[ones, zeros], np.r_[ones, zeros], np.r_[zeros, 0 * ones], np.r_[zeros, ones], Column("rate"))
    >>> found.mean, round(found.low, 3), found.method
    (1.0, 0.839, 'Newcombe')
    """
    contrast = clustered_contrast(new_sums, new_counts, old_sums, old_counts, rate=column.is_rate, level=level)
    if contrast is None:
        return Estimate(None, None, None, None, "none", NOTHING, decides=False)
    new, old = (estimate_mean(sums, counts, column, level=level) for sums, counts in ((new_sums, new_counts), (old_sums, old_counts)))
    if contrast.se is None:
        return Estimate(contrast.difference, None, None, None, "none", "one side has fewer than two clusters", decides=False)
    missing = [side.why for side in (new, old) if side.low is None or side.high is None]
    why = next((side.why for side in (new, old) if side.why is not None), None)
    if missing:
        return Estimate(contrast.difference, None, None, None, "none", f"on one side {missing[0]}", decides=False)
    joined = _joined(new, old, clustered_correlation(new_sums, new_counts, old_sums, old_counts))
    if column.between is not None or "scale" in (new.method, old.method):
        return Estimate(contrast.difference, contrast.se, *joined, "Newcombe", why, decides=why is None)
    low, high = _welch(contrast, (new_sums, new_counts), (old_sums, old_counts), level)
    if column.closed is None and _is_lopsided(new_counts, old_counts):  # the skew of the difference is then not that of the small side
        low, high = min(low, joined[0]), max(high, joined[1])
    if column.closed is not None:
        width = column.closed[1] - column.closed[0]
        low, high = max(low, min(joined[0], contrast.low or 0.0), -width), min(high, max(joined[1], contrast.high or 0.0), width)
        low, high = (
            min(low, contrast.difference - _unseen(new_counts, contrast.mean_a - column.closed[0], old_counts, column.closed[1] - contrast.mean_b, level)),
            max(high, contrast.difference + _unseen(new_counts, column.closed[1] - contrast.mean_a, old_counts, contrast.mean_b - column.closed[0], level)),
        )
    return Estimate(contrast.difference, contrast.se, low, high, "Welch", why, decides=why is None)


def _is_lopsided(new_counts: Floats, old_counts: Floats) -> bool:
    """Whether one side counts for less than half of the clusters of the other."""
    sizes = effective_clusters(new_counts), effective_clusters(old_counts)
    return 2 * min(sizes) < max(sizes)


def _joined(new: Estimate, old: Estimate, correlation: float) -> tuple[float, float]:
    sides = [Limited(side.mean or 0.0, side.low or 0.0, side.high or 0.0) for side in (new, old)]
    return difference_limits(sides[0], sides[1], correlation=correlation)


def _unseen(counts: Floats, room: float, other_counts: Floats, other_room: float, level: float) -> float:
    """How far the difference may lie beyond what was seen, where one side missed values at an end of the scale that lies so far."""
    shares = [float(unseen_share(np.array([effective_clusters(own)]), level)[0]) for own in (counts, other_counts)]
    return max(shares[0] * room, shares[1] * other_room)


def smallest_seen(se: float | None, middle: float | None, low: float | None, high: float | None) -> float | None:
    """The smallest true change that would have been found with 80 % power: (z + z) SE, and never less than a limit is away. None without an interval."""
    if se is None or middle is None or low is None or high is None:
        return None
    return max(detectable(se), middle - low, high - middle)


def effective_clusters(counts: Floats) -> float:
    """How many clusters of one size would hold as much: (sum n)^2 / sum n^2, at most those that have a row."""
    squares = float((counts.astype(float) ** 2).sum())
    return min(float(counts.sum()) ** 2 / squares, float((counts > 0).sum())) if squares else 0.0


def _welch(contrast: Contrast, new: tuple[Floats, Floats], old: tuple[Floats, Floats], level: float) -> tuple[float, float]:
    """Welch's limits from the influence of each cluster on the difference, each cluster left out in turn, moved out by the skew of the difference."""
    parts = [_influences(*side) for side in (new, old)]
    influences = parts[0] - parts[1]
    variances = [float(part @ part) for part in parts]
    clusters, effective = (np.array([float((side[1] > 0).sum()) for side in (new, old)]), np.array([effective_clusters(side[1]) for side in (new, old)]))
    freedom = sum(variances) ** 2 / sum(variance**2 / max(count - 1, 1e-3) for variance, count in zip(variances, effective, strict=True))
    squares = float(influences @ influences)
    if not squares > 0:
        return contrast.difference, contrast.difference
    skew = float((influences**3).sum()) / squares**1.5
    down, up = skewed_reach(np.array([skew]), np.array([freedom + 1]), np.array([(freedom + 1) * effective.sum() / clusters.sum()]), np.array([freedom]), level)
    return contrast.difference - float(down[0]) * float(np.sqrt(squares)), contrast.difference + float(up[0]) * float(np.sqrt(squares))


def _influences(sums: Floats, counts: Floats) -> Floats:
    rows, clusters = float(counts.sum()), int((counts > 0).sum())
    residuals = sums - counts * (float(sums.sum()) / rows)
    return np.asarray(np.sqrt((clusters - 1) / clusters) * residuals / rows / (1 - counts / rows), dtype=np.float64)


def estimate_difference(sums: Floats, counts: Floats, column: ColumnFacts, *, level: float = 0.95, effect: float = 1.0, singles: bool = False) -> Estimate:
    """The mean of paired differences by cluster with the interval that the column of the scores gets.

    Columns: sums and counts of the differences of G clusters. `effect` (at least 1) blows up the variance where clusters are not
    independent; `singles`: each pair is a cluster and each side was answered once. Answers at two values, once: Bonett-Price. Else t
    on clusters with its limit on the side of the long tail moved out, and on a closed scale never nearer than a loss of the whole scale that
    so many clusters may have missed. No pair differs from another: on a closed scale by Bonett-Price, on an open one there is no interval.

    >>> found = estimate_difference(np.r_[np.zeros(30), -np.ones(5)], np.ones(35), Column("rate"), singles=True)
    >>> round(found.mean, 3), round(found.low, 3), found.method
    (-0.143, -0.268, 'Bonett-Price')
    """
    spread = TailSpread.of(sums, counts, np.zeros(len(counts), dtype=np.int64), np.array([float(sums.sum())]))
    width = None if column.closed is None else column.closed[1] - column.closed[0]
    clusters = len(counts)
    if clusters < 2:
        return Estimate(float(spread.means[0]) if clusters else None, None, None, None, "none", ONE_CLUSTER if clusters else NOTHING, decides=False)
    why = too_few(clusters, float(spread.effective[0]))
    flat = bool(spread.flat[0])
    if width is not None and (flat or (singles and column.between is not None)):
        found = _shifted(sums, counts, width, effect, level)
        return replace(found, mean=float(spread.means[0]), why=why, decides=why is None)
    if flat:
        return Estimate(float(spread.means[0]), None, None, None, "none", FEW_DIFFER, decides=False)
    low, high, _ = _limits(spread, ColumnFacts("number", (None, None) if width is None else (-width, width)), level)
    mean, blown = float(spread.means[0]), float(np.sqrt(effect))
    limits = [mean + (float(limit[0]) - mean) * blown for limit in (low, high)]
    if width is not None:
        limits = [max(limits[0], -width), min(limits[1], width)]
    return Estimate(mean, float(spread.errors[0]) * blown, limits[0], limits[1], "t", why, decides=why is None)


def _shifted(sums: Floats, counts: Floats, width: float, effect: float, level: float) -> Estimate:
    """Bonett and Price's interval of the clusters' mean differences, as shares of the scale.

    Where nothing moved one way, its limit is no nearer than Wilson's of what moved the other way: there Bonett and Price's misses up to
    eight times in a hundred on that side.
    """
    shares = sums / counts / width
    gains, losses = float(shares[shares > 0].sum()), float(-shares[shares < 0].sum())
    found = bonett_price(len(shares), gains, losses, level=level)
    low, high = found.low, found.high
    if gains == 0 or losses == 0:
        most = rare_wilson(np.array([losses, gains]) / len(shares), np.full(2, float(len(shares))), level)[1]
        low, high = (min(low, -float(most[0])) if gains == 0 else low), (max(high, float(most[1])) if losses == 0 else high)
    blown = float(np.sqrt(effect))
    low, high = (found.difference + (limit - found.difference) * blown for limit in (low, high))
    return Estimate(found.difference * width, found.se * blown * width, max(low, -1.0) * width, min(high, 1.0) * width, "Bonett-Price")
