"""Rows of two sides, gathered batch by batch into what drift needs: sums by cluster and counts on a grid.

Values are scaled to 64-bit integers before they are summed, so the answer is the same to the last digit whatever the
sharding; memory follows the number of clusters, never that of rows.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from judgecli.arrays import Floats, Integers
from judgecli.signal.drift.shape import Grouped
from judgecli.stats.distances import BINS

GROUPS = 256  # of clusters, for the bootstrap of shapes: whole clusters, joined by their hash
CELLS = 4_000_000  # of all grids of one metric: more segments have fewer groups each
CATEGORIES = 50  # the most frequent; the rest are counted together
REST = "(all others)"
MOST_CLUSTERS, MANY_GROUPS = 5_000, 8_192  # of a category: more clusters are joined into this many groups
DIGITS = 12
ROOM = 9.0e18  # a 64-bit sum stays below it
Cut = tuple[Floats, Floats, Floats, Floats, float]  # sums, counts, missing and rows by cluster; the exact sum of all


@dataclass(frozen=True)
class Extent:
    """The grid of a metric from `start` to `end`, its largest absolute value, its span (a margin is a share of it), and whether values lie beyond it."""

    start: float = 0.0
    end: float = 1.0
    largest: float = 1.0
    span: float | None = None
    cut: bool = False

    @property
    def step(self) -> float:
        """The width of a bin."""
        return (self.end - self.start) / (BINS - 1)


@dataclass(frozen=True)
class _Merged:
    """One side of a segment: its clusters and their columns, where they stand among the clusters of both sides, and how many those are."""

    columns: tuple[Integers, ...]
    places: npt.NDArray[np.int32]
    size: int

    @cached_property
    def rows(self) -> Floats:
        """Rows by cluster: what every metric without gaps counts."""
        return _placed(self.columns[1], self)

    @cached_property
    def nothing(self) -> Floats:
        """Zeros by cluster."""
        return np.zeros(self.size)


class DriftGathering:
    """Takes batches (code = 2 x segment + side, cluster, v and x of M metrics) in; gives each metric by segment and side."""

    def __init__(self, segments: int, extents: Sequence[Extent], gaps: Sequence[bool], rows: int) -> None:
        """`gaps` tells which metrics have rows without a value, `rows` how many rows there will be at most."""
        self._extents, self._gaps, self._codes = extents, gaps, 2 * segments
        starts = np.cumsum([1, *(3 if gap else 1 for gap in gaps)])
        self._start, self._width = (starts[:-1] + 1).tolist(), int(starts[-1])  # where the columns of a metric begin
        self._groups = 1 << max(4, min(8, int(math.log2(max(CELLS / BINS / self._codes, 1)))))
        self._digits = [_digits(extent.largest, rows) for extent in extents]
        self._grids = [np.zeros(self._codes * self._groups * BINS, dtype=np.int32) for _ in extents]
        self._parts: list[list[tuple[Integers, ...]]] = [[] for _ in range(self._codes)]
        self._merged: dict[int | None, list[_Merged]] = {}

    def add(self, batch: pa.RecordBatch) -> None:
        """Take one batch in."""
        if not batch.num_rows:
            return
        code, cluster = _array(batch.column("code")), _array(batch.column("cluster"))
        cell = ((code.astype(np.int32) * self._groups + (cluster & (self._groups - 1)).astype(np.int32)) * BINS).astype(np.int32)
        columns: list[Any] = [np.ones(len(code), dtype=np.int64)]
        for m in range(len(self._extents)):
            columns += self._measure(m, batch, cell)
        code, cluster, columns = _runs(code, cluster, columns)
        order = np.argsort(cluster, kind="stable") if code[0] == code[-1] and (code == code[0]).all() else np.lexsort((cluster, code))
        code, cluster, columns = _runs(code[order], cluster[order], [column[order] for column in columns])
        edges = np.searchsorted(code, np.arange(self._codes + 1))
        for which in np.flatnonzero(np.diff(edges)).tolist():
            self._parts[which].append(tuple(column[edges[which] : edges[which + 1]].copy() for column in (cluster, *columns)))

    def _measure(self, m: int, batch: pa.RecordBatch, cell: npt.NDArray[np.int32]) -> list[Integers]:
        """Count one metric on its grid; its scaled values and, where some have none, which are scored and which missing."""
        values, extent = _array(batch.column(f"v{m}")), self._extents[m]
        scored = None
        if self._gaps[m]:
            scored = ~np.isnan(values)
            values = np.where(scored, values, 0.0)
        bins = values - extent.start
        bins *= 1 / extent.step
        np.rint(bins, out=bins)
        places = np.clip(bins, 0, BINS - 1, out=bins).astype(np.int32)
        places += cell
        places = places if scored is None else places[scored]
        np.add.at(self._grids[m], places, np.ones(len(places), dtype=np.int32))  # of equal types: thirty times quicker
        scaled = values * 10.0 ** self._digits[m]
        found = [np.rint(scaled, out=scaled).astype(np.int64)]
        return found if scored is None else [*found, scored.astype(np.int64), _array(batch.column(f"x{m}")).astype(np.int64)]

    def metric(self, m: int) -> "MetricRows":
        """One metric."""
        return MetricRows(self, m)

    def side(self, m: int, seg: int | None, side: int) -> Cut:
        """One metric on one side of a segment (None: all), its clusters at the places that both sides share."""
        if seg not in self._merged:
            self._merged = {seg: self._merge(seg)}
        own = self._merged[seg][side]
        first, scale = self._start[m], 10.0 ** self._digits[m]
        sums = _placed(own.columns[first], own)
        sums /= scale
        total = _exact(own.columns[first]) / scale
        if not self._gaps[m]:
            return sums, own.rows, own.nothing, own.rows, total
        return sums, _placed(own.columns[first + 1], own), _placed(own.columns[first + 2], own), own.rows, total

    def _merge(self, seg: int | None) -> list["_Merged"]:
        """Both sides of a segment."""
        segs = range(self._codes // 2) if seg is None else [seg]
        found = []
        for side in (0, 1):
            own = [part for one in segs for part in self._parts[2 * one + side]]
            if self._codes == 2:
                self._parts[side] = []  # summed once; the batches may go
            merged = _joined(own, 1 + self._width)
            del own
            found.append(merged)
            if self._codes == 2:
                self._parts[side] = [merged]
        clusters = _united(found[0][0], found[1][0])
        return [_Merged(columns, np.searchsorted(clusters, columns[0]).astype(np.int32), len(clusters)) for columns in found]

    def grid(self, m: int, seg: int | None) -> Grouped:
        """The counts of one metric on its grid."""
        cells = self._grids[m].reshape(self._codes // 2, 2, self._groups, BINS)
        both = cells.sum(axis=0) if seg is None else cells[seg]
        extent = self._extents[m]
        return Grouped(both[0].astype(np.float64), both[1].astype(np.float64), extent.step, extent.start, extent.cut)


@dataclass(frozen=True)
class MetricRows:
    """One metric of what was gathered."""

    gathered: DriftGathering
    m: int

    def side(self, seg: int | None, side: int) -> Cut:
        """One side of a segment (None: all)."""
        return self.gathered.side(self.m, seg, side)

    def shape(self, seg: int | None) -> Grouped:
        """Its counts on the grid."""
        return self.gathered.grid(self.m, seg)


class CategoryRows:
    """A category by code, cluster and value (null: no value), with the number of rows."""

    def __init__(self, table: pa.Table) -> None:
        self._code, cluster, self._n = (table.column(name).to_numpy() for name in ("code", "cluster", "n"))
        self._lost = np.asarray(table.column("lost").to_numpy(), dtype=bool)
        values = table.column("value").to_pylist()
        self._scored = np.array([value is not None for value in values], dtype=bool)
        self.names, self._place = categories(values, self._n)
        clusters, self._number = np.unique(cluster, return_inverse=True)
        self._clusters = len(clusters)

    def side(self, seg: int | None, side: int) -> Cut:
        """One side of a segment (None: all); a category has no sum."""
        own = (self._code % 2 == side) & (np.ones(len(self._code), dtype=bool) if seg is None else self._code // 2 == seg)
        counts, lost, rows = (
            np.bincount(self._number[own & which], self._n[own & which], self._clusters).astype(np.float64) for which in (self._scored, self._lost, own)
        )
        return np.zeros(self._clusters), counts, lost, rows, 0.0

    def shape(self, seg: int | None) -> Grouped:
        """Clusters (many: groups of them) x categories."""
        size = self._clusters if self._clusters <= MOST_CLUSTERS else MANY_GROUPS
        found = []
        for side in (0, 1):
            own = self._scored & (self._code % 2 == side) & (np.ones(len(self._code), dtype=bool) if seg is None else self._code // 2 == seg)
            codes = (self._number[own] % size) * len(self.names) + self._place[own]
            found.append(np.bincount(codes, self._n[own], size * len(self.names)).astype(np.float64).reshape(size, len(self.names)))
        return Grouped(found[0], found[1], categories=self.names)


def categories(values: Sequence[str | None], counts: Integers) -> tuple[list[str], Integers]:
    """The most frequent categories in the order of their names, and the place of each value among them."""
    totals: dict[str, int] = {}
    for value, count in zip(values, counts.tolist(), strict=True):
        if value is not None:
            totals[value] = totals.get(value, 0) + count
    kept = sorted(sorted(totals, key=lambda value: (-totals[value], value))[:CATEGORIES])
    names = [*kept, REST] if len(totals) > len(kept) else kept
    place = {value: position for position, value in enumerate(kept)}
    return names, np.array([0 if value is None else place.get(value, len(kept)) for value in values], dtype=np.int64)


def _digits(largest: float, rows: int) -> int:
    """By which power of ten values are scaled: 12, less only where the sum of all rows would not fit 64 bits."""
    return min(DIGITS, math.floor(math.log10(ROOM / max(rows, 1)) - math.log10(max(largest, 1e-300))))


def _array(column: pa.Array) -> Any:
    """A column without nulls, as it lies; to_numpy would import pandas."""
    return np.from_dlpack(column)


def _runs(code: Any, cluster: Integers, columns: Sequence[Any]) -> tuple[Any, ...]:
    """Code, cluster and the sums of the columns, one row for each run of rows that have both the same: turns of a conversation often lie together."""
    starts = np.flatnonzero(np.r_[True, (cluster[1:] != cluster[:-1]) | (code[1:] != code[:-1])])
    if len(starts) == len(code):
        return code, cluster, list(columns)
    return code[starts], cluster[starts], [np.add.reduceat(column, starts) for column in columns]


def _joined(parts: Sequence[tuple[Integers, ...]], width: int) -> tuple[Integers, ...]:
    """Distinct clusters of all parts in order, then the sums of the columns in each; column by column, for memory."""
    if not any(len(part[0]) for part in parts):
        return tuple(np.empty(0, dtype=np.int64) for _ in range(width))
    clusters = np.concatenate([part[0] for part in parts])
    order = np.argsort(clusters, kind="stable")
    clusters = clusters[order]
    starts = np.flatnonzero(np.r_[True, clusters[1:] != clusters[:-1]])
    return (clusters[starts], *(np.add.reduceat(np.concatenate([part[c] for part in parts])[order], starts) for c in range(1, width)))


def _placed(column: Integers, own: _Merged) -> Floats:
    """A column at its places among all clusters, 0 where this side has none."""
    whole = np.zeros(own.size)
    whole[own.places] = column
    return whole


def _united(one: Integers, other: Integers) -> Integers:
    """The distinct numbers of two ordered lists, in order."""
    both = np.sort(np.concatenate([one, other]), kind="stable")  # two runs: one merge
    return both[np.r_[True, both[1:] != both[:-1]]] if len(both) else both


def _exact(sums: Integers) -> int:
    """The sum as a whole number of any size."""
    return (int((sums >> 24).sum()) << 24) + int((sums & 0xFFFFFF).sum())
