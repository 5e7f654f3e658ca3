"""Rows of a selection as arrays, summed by cell and cluster: one reading of the values for any number of questions.

Values are scaled to whole numbers (10^12, less where a sum of 37 digits would not hold them) before they are summed, so the answer
is the same to the last digit whatever the sharding. Rows that follow one another in one cell and cluster, as the turns of
a conversation often do, are summed before anything is sorted.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from judgecli.arrays import Floats, Integers
from judgecli.store.query import scale_digits

CellSegment = tuple[str | None, ...]
ROOM = 9.0e18  # a 64-bit sum stays below it
SPLIT = 2.0**30  # where a sum could leave it, values are summed in parts of 30 bits


@dataclass(frozen=True)
class CellRows:
    """The selected rows in the order of the store: cluster, time in microseconds (0 where `timeless`), and each column as codes into `names` (-1: none)."""

    clusters: Integers
    moments: Integers
    timeless: npt.NDArray[np.bool_]
    codes: Sequence[npt.NDArray[np.int32]]
    names: Sequence[Sequence[str]]

    @classmethod
    def none(cls, columns: int) -> "CellRows":
        """No rows at all."""
        whole = np.empty(0, dtype=np.int64)
        return cls(whole, whole, np.empty(0, dtype=bool), [np.empty(0, dtype=np.int32)] * columns, [[]] * columns)

    @property
    def count(self) -> int:
        """How many rows."""
        return len(self.clusters)


class Grouping:
    """The rows by cell and cluster. `cells` and `clusters` have one item a group, ordered by both."""

    def __init__(self, cell_of_row: Integers, clusters: Integers, size: int, weights: Floats | None) -> None:
        """`cell_of_row` from 0 to `size` - 1; `weights`: what a row counts in the decayed sums (None: there are none)."""
        self.size, self.weights = size, weights
        self._starts = _first_of_runs(cell_of_row, clusters)
        cells, own = cell_of_row[self._starts], clusters[self._starts]
        self._order = np.argsort(own, kind="stable") if size == 1 else np.lexsort((own, cells))
        cells, own = cells[self._order], own[self._order]
        self._groups = _first_of_runs(cells, own)
        self.cells, self.clusters = cells[self._groups], own[self._groups]
        self._edges = np.flatnonzero(np.r_[True, self.cells[1:] != self.cells[:-1]]) if len(self.cells) else np.empty(0, dtype=np.int64)
        ones = np.ones(len(cell_of_row), dtype=np.int64)
        self.rows = self._by_group(ones)
        self._all_weights = None if weights is None else self._decayed(weights)

    def counts(self, scored: npt.NDArray[np.bool_] | None) -> Integers:
        """By group, the rows that are scored (None: all are)."""
        return self.rows if scored is None else self._by_group(scored.astype(np.int64))

    def sums(self, values: "Scaled") -> tuple[Floats, Floats]:
        """The exact sum of the values (0 where there is none) by group, and by cell."""
        by_group = [self._by_group(part) for part in values.parts]
        return _whole(by_group, values.digits), _whole([self._by_cell(part) for part in by_group], values.digits)

    def decayed(self, values: Floats, scored: npt.NDArray[np.bool_] | None, digits: int) -> tuple[Floats, Floats, float]:
        """By cell, the sum of the weighted distances of values from the least of all, and that of the weights of scored rows; and that least value."""
        if self.weights is None or self._all_weights is None:
            return np.zeros(self.size), np.zeros(self.size), 0.0
        least = float(values.min(initial=np.inf, where=True if scored is None else scored))
        least = least if np.isfinite(least) else 0.0
        weights = self.weights if scored is None else np.where(scored, self.weights, 0.0)
        parts = _whole_parts((values - least) * weights, digits)
        sums = _whole([self._by_cell(self._by_group(part)) for part in parts], digits)
        return sums, self._all_weights if scored is None else self._decayed(weights), least

    def _decayed(self, weights: Floats) -> Floats:
        return _whole([self._by_cell(self._by_group(part)) for part in _whole_parts(weights, 12)], 12)

    def _by_group(self, column: Integers) -> Integers:
        if not len(self._starts):
            return np.empty(0, dtype=np.int64)
        runs = column if len(self._starts) == len(column) else np.add.reduceat(column, self._starts)
        runs = runs[self._order]
        return runs if len(self._groups) == len(runs) else np.add.reduceat(runs, self._groups)

    def _by_cell(self, groups: Integers) -> Integers:
        found = np.zeros(self.size, dtype=np.int64)
        if len(self._edges):
            found[self.cells[self._edges]] = np.add.reduceat(groups, self._edges)
        return found


@dataclass(frozen=True)
class Scaled:
    """Values as whole numbers of 10**-digits, in one part or several."""

    parts: Sequence[Integers]
    digits: int

    @classmethod
    def of(cls, values: Floats) -> "Scaled":
        """The values, none of them NaN."""
        largest = max(float(values.max(initial=0.0)), -float(values.min(initial=0.0)))
        digits = scale_digits(largest, max(len(values), 1))
        return cls(_whole_parts(values, digits), digits)


@dataclass(frozen=True)
class ValueSpread:
    """Order statistics of the scored values of one metric over all rows; None where none is scored."""

    smallest: float | None
    median: float | None
    largest: float | None


def spread(values: Floats) -> ValueSpread:
    """The least, the middle (between the two middle ones where their number is even) and the largest value.

    >>> spread(np.array([3.0, 1.0, 2.0, 10.0]))
    Spread(smallest=1.0, median=2.5, largest=10.0)
    """
    if not len(values):
        return ValueSpread(None, None, None)
    place = len(values) // 2
    parted = np.partition(values, place)
    upper = float(parted[place])
    lower = upper if len(values) % 2 else float(parted[:place].max())
    return ValueSpread(float(values.min()), lower + (upper - lower) * 0.5, float(values.max()))


def windows_of(rows: CellRows, width_us: int | None, origin_us: int, *, without: int) -> Integers:
    """The number of the window that each row's time falls into, floored also before 1970; `without` where it has no time, or there is one window."""
    if width_us is None:
        return np.full(rows.count, without, dtype=np.int64)
    return np.where(rows.timeless, without, (rows.moments - origin_us) // width_us)


def decay_weights(rows: CellRows, ends: Integers, half_life_us: int) -> Floats:
    """What each row counts at the end of its window: half for every half-life that it is older; 0 without a time."""
    ages = np.where(rows.timeless, 0, ends - rows.moments)
    return np.where(rows.timeless, 0.0, np.exp2(-ages / half_life_us))


def segments_of(rows: CellRows, places: Sequence[int]) -> tuple[Integers, list[tuple[str | None, ...]]]:
    """Of each row the number of its combination of these columns, and the combinations that occur."""
    codes: Integers = np.zeros(rows.count, dtype=np.int64)
    combinations: list[tuple[str | None, ...]] = [()]
    for place in places:
        names = [*rows.names[place], None]  # the code of none, -1, is the last
        joined = codes * len(names) + rows.codes[place] % len(names)
        kept, codes, _ = _occurring(joined, len(combinations) * len(names))
        combinations = [(*combinations[number // len(names)], names[number % len(names)]) for number in kept.tolist()]
    return codes, combinations


def numbered(windows: Integers, codes: Integers, size: int) -> tuple[list[tuple[int, int]], Integers, list[int]]:
    """The pairs of window and code (below `size`) that occur, the number of each row's pair among them, and how many rows each has."""
    first, timed = int(windows.min()), windows != windows.min()
    least = int(windows[timed].min()) - 1 if timed.any() else first  # records without time lie far before all others
    offset = np.where(timed, windows - least, 0) * size + codes
    kept, of_row, counts = _occurring(offset, int(offset.max()) + 1)
    pairs = [(first if number < size else number // size + least, number % size) for number in kept.tolist()]
    return pairs, of_row, counts.tolist()


def _occurring(numbers: Integers, below: int) -> tuple[Integers, Integers, Integers]:
    """The distinct numbers in order, the place of each among them, and how often each occurs."""
    if below > 4 * len(numbers) + 1_000_000:
        kept, places, counts = np.unique(numbers, return_inverse=True, return_counts=True)
        return kept, places.ravel(), counts
    counts = np.bincount(numbers, minlength=below)
    kept = np.flatnonzero(counts)
    places = np.zeros(below, dtype=np.int64)
    places[kept] = np.arange(len(kept))
    return kept, places[numbers], counts[kept]


def plain_array(column: Any) -> Any:
    """A column without nulls as it lies; to_numpy would import pandas."""
    whole = column.combine_chunks() if hasattr(column, "combine_chunks") else column
    return np.from_dlpack(whole)


def _first_of_runs(*columns: "npt.NDArray[Any]") -> Integers:
    """Where a row differs from the one before it in any column."""
    if not len(columns[0]):
        return np.empty(0, dtype=np.int64)
    changed = np.zeros(len(columns[0]), dtype=bool)
    changed[0] = True
    for column in columns:
        changed[1:] |= column[1:] != column[:-1]
    return np.flatnonzero(changed)


def _whole_parts(values: Floats, digits: int) -> list[Integers]:
    """Values as whole numbers of 10**-digits, in parts of 30 bits (the lowest first) where the sum of all could leave 64 bits; nothing is lost."""
    scaled = values * 10.0**digits if digits >= 0 else values / 10.0**-digits
    np.rint(scaled, out=scaled)
    most, parts = max(float(scaled.max(initial=0.0)), -float(scaled.min(initial=0.0))) * len(scaled), []
    while most >= ROOM:
        high = np.floor(scaled / SPLIT)
        parts.append((scaled - high * SPLIT).astype(np.int64))
        scaled, most = high, most / SPLIT + len(scaled)
    return [*parts, scaled.astype(np.int64)]


def _whole(parts: Sequence[Integers], digits: int) -> Floats:
    total = parts[-1].astype(np.float64)
    for part in parts[-2::-1]:
        total = total * SPLIT + part
    return total / 10.0**digits if digits >= 0 else total * 10.0**-digits


def place_of(values: CellSegment) -> list[tuple[bool, str]]:
    """Where a segment stands: records without a value first."""
    return [(value is not None, value or "") for value in values]
