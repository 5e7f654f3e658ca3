"""A change that is not everywhere: the one value of a logged column where a metric changed and elsewhere did not, found without being asked.

Every value of every column is set against the rest of its column: did the metric change there by more, or the other way? The
search is paid for: the p-value of what is found counts all that was tried.
"""

from dataclasses import dataclass

import numpy as np
from scipy import special

from judgecli.arrays import Bools, Floats, Integers
from judgecli.signal.drift.logged import Logged, LoggedColumn

MIN_CLUSTERS = 20
LOOK_CLOSER = 0.05  # after the correction for the search
DRAWS, SEEN = 20_000, 5  # draws of the null hypothesis, and how many must reach what was seen before their share is believed
MANY = 300  # clusters of a group whose mean is drawn from the normal law
PAIRED = 0.5  # share of clusters that stand on both sides
SEED = 20_261_201


@dataclass(frozen=True)
class LocalChange:
    """Where a metric changed apart from the rest: the change there and elsewhere, the 95 % interval of the latter, p over the `tried` values.

    `column` is None where nothing could be tried.
    """

    column: str | None
    value: str | None
    inside: float
    elsewhere: float
    elsewhere_low: float
    elsewhere_high: float
    p: float
    tried: int


NOTHING = LocalChange(None, None, 0.0, elsewhere=0.0, elsewhere_low=0.0, elsewhere_high=0.0, p=1.0, tried=0)


def find_local(logged: Logged, metric: str, *, min_clusters: int = MIN_CLUSTERS) -> LocalChange:
    """The value where the change differs most surely from that of the rest; `tried` is 0 where no value has enough clusters.

    A value and its rest need `min_clusters` clusters on both sides. The test is of the difference of the two changes, by cluster;
    what passes it is tested again by draws of the null hypothesis, for a small group of rare or skewed values proves little by t. p is
    the greater of the two times the number of values tried (Bonferroni). Of two values that are each
    other's rest the one with the larger change is named.
    """
    kept = ~np.isnan(logged.values[metric])
    if not kept.any():
        return NOTHING
    values, current = logged.values[metric][kept], logged.current[kept]
    _, clusters = np.unique(logged.clusters[kept], return_inverse=True)
    tried: list[tuple[float, float, LoggedColumn, int, LocalChange]] = []
    for column in logged.columns:
        codes = column.codes[kept]
        cells = _cells(codes, clusters, current, len(column.values))
        for code in np.flatnonzero(cells.min(axis=(0, 1)) >= min_clusters).tolist():
            made = _against_rest(values, current, clusters, codes == code, int(cells[:, :, code].min()))
            tried.append((made.p, -abs(made.inside), column, code, made))
    if not tried:
        return NOTHING
    p, _, column, code, made = min(tried, key=lambda item: item[:2])
    if p * len(tried) < LOOK_CLOSER:
        p = max(p, _drawn(values, current, clusters, column.codes[kept] == code, made))
    found = (made.inside, made.elsewhere, made.elsewhere_low, made.elsewhere_high)
    return LocalChange(column.name, column.values[code], *found, min(1.0, p * len(tried)), len(tried))


def _cells(codes: Integers, clusters: Integers, current: Bools, size: int) -> Integers:
    """Clusters with a row: (in the value, in the rest) x (reference, current) x values."""
    width = int(clusters.max()) + 1
    found = np.zeros((2, 2, size), dtype=np.int64)
    for side, own in enumerate((~current, current)):
        pairs = np.unique(codes[own] * width + clusters[own])
        inside = np.bincount(pairs // width, minlength=size)
        values_of = np.bincount(pairs % width, minlength=width)  # how many values a cluster has on this side
        alone = np.bincount(pairs[values_of[pairs % width] == 1] // width, minlength=size)
        found[0, side], found[1, side] = inside, int(np.count_nonzero(values_of)) - alone
    return found


def _against_rest(values: Floats, current: Bools, clusters: Integers, inside: Bools, fewest: int) -> LocalChange:
    """The change inside against that of the rest; p by t with the clusters of the smallest of the four groups."""
    width = int(clusters.max()) + 1
    parts, changes = [], []
    for own in (inside, ~inside):
        influence = np.zeros(len(values))
        means = []
        for sign, side in ((-1.0, own & ~current), (1.0, own & current)):
            means.append(float(values[side].mean()))
            influence[side] = sign * (values[side] - means[-1]) / int(side.sum())
        parts.append(np.bincount(clusters, influence, width))
        changes.append(means[1] - means[0])
    factor, freedom = fewest / (fewest - 1), fewest - 1
    apart = float(np.sqrt(factor * ((parts[0] - parts[1]) ** 2).sum()))
    error = float(np.sqrt(factor * (parts[1] ** 2).sum()))
    half = float(special.stdtrit(freedom, 0.975)) * error
    difference = abs(changes[0] - changes[1])
    p = float(2 * special.stdtr(freedom, -difference / apart)) if apart > 0 else float(difference <= 1e-12 * max(1.0, abs(changes[0])))
    return LocalChange(None, None, changes[0], elsewhere=changes[1], elsewhere_low=changes[1] - half, elsewhere_high=changes[1] + half, p=p, tried=1)


def _drawn(values: Floats, current: Bools, clusters: Integers, inside: Bools, made: LocalChange) -> float:
    """p by drawing the four groups anew from what their means leave, inside and outside pooled over the sides.

    A small group is held against the spread of both sides, not against its own, which skewed and rare values understate by chance. What
    the draws never reach takes the greater of t's p and that of a normal law with the pooled spread. 0, so that t decides,
    where most clusters stand on both sides: such pairs are as many on each, and drawing would break them.
    Source: Efron & Tibshirani 1993, section 16.2 (the bootstrap of a null hypothesis).
    """
    width, random = int(clusters.max()) + 1, np.random.default_rng(SEED)
    drawn, variance = np.zeros(DRAWS), 0.0
    for sign, own in ((1.0, inside), (-1.0, ~inside)):
        sides = [own & side for side in (current, ~current)]
        left = [np.bincount(clusters[side], values[side] - values[side].mean(), width) for side in sides]
        held = [np.bincount(clusters[side], minlength=width) > 0 for side in sides]
        if int((held[0] & held[1]).sum()) > PAIRED * min(int(one.sum()) for one in held):
            return 0.0
        pool = np.concatenate([part[one] for part, one in zip(left, held, strict=True)])
        for turn, side, one in zip((1.0, -1.0), sides, held, strict=True):
            number, rows = int(one.sum()), int(side.sum())
            error = float(np.sqrt(number) * pool.std()) / rows
            variance += error**2
            sums = random.normal(0.0, error, DRAWS) if number >= MANY else random.choice(pool, (DRAWS, number)).sum(axis=1) / rows
            drawn += sign * turn * sums
    difference = abs(made.inside - made.elsewhere)
    reached = int(np.count_nonzero(np.abs(drawn) >= difference * (1 - 1e-9)))
    if reached >= SEEN or variance <= 0:
        return (reached + 1) / (DRAWS + 1)
    return min((reached + 1) / (DRAWS + 1), max(made.p, float(2 * special.ndtr(-difference / np.sqrt(variance)))))
