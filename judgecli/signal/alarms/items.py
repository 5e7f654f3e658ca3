"""What a monitor is fed with: of each cluster and day one item a metric, in an order that no score decides."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from judgecli.arrays import Bools, Floats, Integers

ItemSegment = tuple[str | None, ...]


@dataclass(frozen=True)
class DayRows:
    """The records of one UTC day, ordered by (cluster, time, key). `values`, `failed` and `not_applicable` have a row a metric.

    `segment` is a place in a list of segments, `time` microseconds since 1970; a value is NaN where the
    cell has none; `failed` marks cells that should have one, `not_applicable` those that the metric has nothing to say of.
    None of them: not sampled, not asked yet.
    """

    day: int
    segment: Integers
    cluster: Integers
    time: Integers
    values: Floats
    failed: Bools
    not_applicable: Bools


@dataclass(frozen=True)
class Items:
    """One item a cluster, ordered by the time of its first record, then its hash.

    Of each kind of chart a row a metric: `value` the mean of its values, `missing` the share of its cells that failed, among
    those that should have a score, `not_applicable` the share of cells it does not apply to, among all; NaN where there is none.
    """

    time: Integers
    draw: npt.NDArray[np.uint64]
    value: Floats
    missing: Floats
    not_applicable: Floats


def items_of(rows: DayRows, chosen: Integers | None = None) -> Items:
    """The items of a day, of all rows or of these places (ascending)."""
    cluster, time, values, failed, beside = rows.cluster, rows.time, rows.values, rows.failed, rows.not_applicable
    if chosen is not None:
        cluster, time, values, failed, beside = cluster[chosen], time[chosen], values[:, chosen], failed[:, chosen], beside[:, chosen]
    starts = np.flatnonzero(np.r_[True, cluster[1:] != cluster[:-1]])
    scored = ~np.isnan(values)
    counts = np.add.reduceat(scored, starts, axis=1, dtype=np.int64)
    sums = np.add.reduceat(np.where(scored, values, 0.0), starts, axis=1)
    lost, left = (np.add.reduceat(flags, starts, axis=1, dtype=np.int64) for flags in (failed, beside))
    with np.errstate(invalid="ignore", divide="ignore"):
        means, missing, apart = sums / counts, lost / (counts + lost), left / (counts + lost + left)
    order = np.lexsort((cluster[starts], time[starts]))
    return Items(time[starts][order], _draws(cluster[starts][order], rows.day), means[:, order], missing[:, order], apart[:, order])


def segments_of(rows: DayRows) -> Sequence[tuple[int, Integers]]:
    """Each segment that has a record on this day, with the places of its rows, ascending."""
    return [(int(segment), np.flatnonzero(rows.segment == segment)) for segment in np.unique(rows.segment)]


def _draws(cluster: Integers, day: int) -> npt.NDArray[np.uint64]:
    """A number as good as random for each cluster and day (splitmix64): who is lowest is a fair sample, wherever the stream is cut."""
    mixed = cluster.astype(np.uint64) + np.uint64((day * 0x9E3779B97F4A7C15) % 2**64)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    found: npt.NDArray[np.uint64] = mixed ^ (mixed >> np.uint64(31))
    return found
