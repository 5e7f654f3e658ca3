"""A change that is not everywhere: the one value of a logged column where a metric changed and elsewhere did not, found without being asked.

Every value of every column is set against the rest of its column: did the metric change there by more, or the other way? The
search is paid for: the p-value of what is found counts all that was tried.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

from judgecli.signal.logged import Logged, LoggedColumn
from judgecli.stats.permutation import permutation_p

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
MIN_CLUSTERS = 20
LOOK_CLOSER = 0.05  # after the correction for the search
MOST_PERMUTED = 20_000  # clusters of the smaller side


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


NOTHING = LocalChange(None, None, 0.0, 0.0, 0.0, 0.0, 1.0, 0)


def find_local(logged: Logged, metric: str, *, min_clusters: int = MIN_CLUSTERS) -> LocalChange:
    """The value where the change differs most surely from that of the rest; `tried` is 0 where no value has enough clusters.

    A value and its rest need `min_clusters` clusters on both sides. The test is of the difference of the two changes, by cluster;
    what passes it is tested again by permutation of clusters inside and of those outside, for a small part beside a large one proves
    little by t. p is the greatest of the three times the number of values tried (Bonferroni). Of two values that are each
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
        own = column.codes[kept] == code
        p = max(p, _permuted(values, current, clusters, own, made.elsewhere), _permuted(values, current, clusters, ~own, made.inside))
    found = (made.inside, made.elsewhere, made.elsewhere_low, made.elsewhere_high)
    return LocalChange(column.name, column.values[code], *found, min(1.0, p * len(tried)), len(tried))


def _cells(codes: Rows, clusters: Rows, current: Flags, size: int) -> Rows:
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


def _against_rest(values: Floats, current: Flags, clusters: Rows, inside: Flags, fewest: int) -> LocalChange:
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
    return LocalChange(None, None, changes[0], changes[1], changes[1] - half, changes[1] + half, p, 1)


def _permuted(values: Floats, current: Flags, clusters: Rows, inside: Flags, elsewhere: float) -> float:
    """p by permutation of the clusters inside, once the change of the others is taken off; 0 where both sides are so large that t needs no help."""
    _, own = np.unique(clusters[inside], return_inverse=True)
    left, new = values[inside] - np.where(current[inside], elsewhere, 0.0), current[inside]
    size = int(own.max()) + 1
    sums = [np.bincount(own[side], left[side], size).astype(np.float64) for side in (new, ~new)]
    counts = [np.bincount(own[side], minlength=size).astype(np.float64) for side in (new, ~new)]
    if min(np.count_nonzero(count) for count in counts) > MOST_PERMUTED:
        return 0.0
    return permutation_p(sums[0], counts[0], sums[1], counts[1])
