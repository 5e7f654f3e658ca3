"""Step one of signals: (window, columns, metric, identity, cluster) -> n and an exact sum, for several questions from one reading.

DuckDB reads, joins and filters; the rows are summed beside it (cell_sums.py) as whole numbers, and only the finished sum becomes a float, so the
answer is the same to the last digit whatever the sharding. What comes out is ordered by cell and cluster, for step two (signal/windows.py).
A record belongs to the window of its own time, whatever its cluster. A shard that never was asked for a metric gives `not_asked`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from judgecli.arrays import Floats
from judgecli.errors import StoreBusy, UsageError
from judgecli.signal.cells import EPOCH, MetricCells, Window, WindowCell, WindowCells
from judgecli.stats.column import two_values_of
from judgecli.store.cell_sums import CellRows, CellSegment, Grouping, Scaled, decay_weights, numbered, place_of, plain_array, segments_of, windows_of
from judgecli.store.folder import Shard, Store
from judgecli.store.neighbours import check_files_apart
from judgecli.store.query import cluster_column, held_metrics, path_list, quote, records_in, run_checked, sql_column
from judgecli.store.selection import Selection
from judgecli.store.tables import MetricInfo

Seen = Callable[[int, Floats], None]
MOST_SEGMENTS = 200
NO_TIME = -(2**62)  # the window of records without time
ONE_PASS = 5  # metrics whose values are read together
MEMORY = "300MB"  # of DuckDB; what needs more is spilled to the store's .duckdb folder


@dataclass(frozen=True)
class WindowQuestion:
    """What is asked of the store: by which columns, in which windows, clustered by what, decayed how fast, final when."""

    by: Sequence[str]
    window: Window
    cluster: str | None = None
    half_life: timedelta = timedelta(days=7)
    lateness: timedelta = timedelta(days=1)


@dataclass
class _ShardLayout:
    """Shards that hold the same identities: one positional join. `held` maps a place among the metrics to its files."""

    shards: list[Shard] = field(default_factory=list)
    held: dict[int, list[str]] = field(default_factory=dict)
    not_asked: set[int] = field(default_factory=set)


class WindowReduction:
    """The cells (window x values of the columns) of a selection, and its metrics in them. Use as a context."""

    def __init__(self, store: Store, selection: Selection, names: Sequence[str], question: WindowQuestion) -> None:
        """Raises: UnknownName (no such metric), UsageError (no such column, or files that share records are told apart)."""
        for name in names:
            selection.metric(name)
        check_files_apart(store, [*question.by, question.cluster], selection.where)
        self._store, self._selection, self._question = store, selection, question
        self.metrics: list[MetricInfo] = []
        self._names: dict[str, frozenset[str]] = {}
        self._layouts = self._lay_out(names)
        self._by = [sql_column(name) for name in question.by]
        self._cluster = cluster_column(question.cluster)
        self.decays = True  # False: nobody asks for V
        self._connection = store.connect(memory=MEMORY)
        self._connection.register("adopted", selection.scope.adopted)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def cells(self) -> WindowCells:
        """Everything that signal/windows.py needs. Raises: UsageError where --by makes too many segments."""
        return cells_together([self])[0]

    @property
    def by(self) -> Sequence[str]:
        """The columns of the question."""
        return self._question.by

    def without_metrics(self) -> WindowCells:
        """The answer where no record is selected."""
        return WindowCells(tuple(self.by), self._question.window, self._newest(), self._question.lateness, [], [])

    def select(self, columns: Sequence[str], metrics: Sequence[int], query: str) -> tuple[np.ndarray, pa.Table]:
        """What `query` gives, and the cell of each of its rows; after `cells()`.

        `query` selects FROM ROWS (w, seg, `columns` as SQL AS name, and v0, r0, ... of the metrics at these places) and must give w and seg too.
        """
        table = self._arrow(query.replace("ROWS", self._coded(columns, metrics)))
        return self._to_cells(table), table

    def rows(self, columns: Sequence[str], query: str) -> pa.Table:
        """What `query` gives; it selects FROM ROWS, the selected records with w, b0, ... (of `by`), `columns` (SQL AS name) and v0, r0, ... of all metrics."""
        return self._arrow(query.replace("ROWS", self._relation([*self._columns(), *columns], range(len(self.metrics)))))

    def records(self, columns: Sequence[str], where: str) -> pa.Table:
        """`columns` (SQL AS name) of the selected records for which `where` holds (SQL of those names), in the order of `read_rows`."""
        return self._in_order(", ".join(column.rpartition(" AS ")[2] for column in columns), columns, where=where)

    def label(self, name: str, table: pa.Table) -> None:
        """Make a table known to `select` under this name."""
        self._connection.register(name, table)

    def _lay_out(self, names: Sequence[str]) -> list[_ShardLayout]:
        """The shards by which identities they hold: of each metric the newest that a shard has."""
        layouts: dict[tuple[object, ...], _ShardLayout] = {}
        places: dict[tuple[str, str], int] = {}
        for name in names:  # the newest identity of a metric stands first
            self._place(self._selection.metric(name), places)
        for shard in self._selection.scope.shards:
            held = held_metrics(self._store.root, shard.name)
            chosen: dict[int, str] = {}
            missing: set[int] = set()
            for name in names:
                info = next((info for info in self._selection.metrics[name] if (name, info.identity) in held), None)
                if info is None:
                    missing.add(places[name, self._selection.metric(name).identity])
                else:
                    chosen[self._place(info, places)] = str(held[name, info.identity][0])
            files = [list(chosen.values()).index(path) for path in chosen.values()]  # which metrics share a file
            layout = layouts.setdefault((*chosen, None, *files), _ShardLayout(not_asked=missing))
            layout.shards.append(shard)
            for place, path in chosen.items():
                layout.held.setdefault(place, []).append(path)
        return list(layouts.values())

    def _place(self, info: MetricInfo, places: dict[tuple[str, str], int]) -> int:
        key = (info.name, info.identity)
        if key not in places:
            places[key] = len(self.metrics)
            self.metrics.append(info)
        return places[key]

    def _relation(self, columns: Sequence[str], metrics: Sequence[int] = ()) -> str:
        """A subquery of the selected rows: `columns` (SQL AS name) and v0, r0, ... of these metrics."""
        return "(" + " UNION ALL ".join(self._rows_of(layout, columns, metrics) for layout in self._layouts) + ")"

    def _rows_of(self, layout: _ShardLayout, columns: Sequence[str], metrics: Sequence[int], served: int | None = None) -> str:
        joined = records_in([str(self._store.records_path(shard.name)) for shard in layout.shards])
        groups: dict[tuple[str, ...], list[int]] = {}
        for place in metrics:
            if place in layout.held:
                groups.setdefault(tuple(layout.held[place]), []).append(place)
        for paths, places in groups.items():
            inner = ", ".join(f"{self._value(place)} AS v{place}, {quote(self.metrics[place].name + '.reason')}::VARCHAR AS r{place}" for place in places)
            inner += f", {quote(self.metrics[served].name + '.served_model')}::VARCHAR AS served{served}" if served in places else ""
            joined += f" POSITIONAL JOIN (SELECT {inner} FROM read_parquet({path_list(paths)}, union_by_name = true))"
        absent = {place: "'not_asked'" if place in layout.not_asked else "NULL" for place in metrics if place not in layout.held}
        values = [f"v{place}, r{place}" if place in layout.held else f"NULL::DOUBLE AS v{place}, {absent[place]}::VARCHAR AS r{place}" for place in metrics]
        values += [f"served{served}"] if served is not None else []
        return f"SELECT {', '.join([*columns, *values])} FROM {joined}{self._condition()}"

    def _value(self, place: int) -> str:
        """A metric's value; a category counts as 0, for it has no sum."""
        name = quote(self.metrics[place].name)
        return f"CASE WHEN {name} IS NULL THEN NULL ELSE 0.0 END" if self.metrics[place].kind == "category" else name

    def _condition(self) -> str:
        scope, where = self._selection.scope, self._selection.where
        conditions = [f"({where})"] if where is not None else []
        if not scope.whole:
            conditions.append(f"(file_id IN ({', '.join(map(str, scope.file_ids))}) OR key IN (SELECT key FROM adopted))")
        return f" WHERE {' AND '.join(conditions)}" if conditions else ""

    def _in_order(self, select: str, columns: Sequence[str], metrics: Sequence[int] = (), where: str = "TRUE") -> pa.Table:
        """Rows as the files have them, and filtered ones by key: a join in the filter keeps no order, and two reads must agree."""
        by_key = bool(self._condition())
        relation = self._relation([*columns, "key AS place"] if by_key else columns, metrics)
        return self._arrow(f"SELECT {select} FROM {relation} WHERE {where}{' ORDER BY place' if by_key else ''}")

    def _window(self) -> str:
        """The number of the window that a record's time falls into, floored also before 1970."""
        width, origin = self._question.window.width_us, self._question.window.origin_us
        if width is None:
            return f"CAST({NO_TIME} AS BIGINT)"
        moment = f"(epoch_us(time) - {origin})"
        return f"COALESCE(CAST(({moment} - (({moment} % {width}) + {width}) % {width}) // {width} AS BIGINT), {NO_TIME})"

    def _columns(self) -> list[str]:
        return [f"{self._window()} AS w", *(f"{sql} AS b{position}" for position, sql in enumerate(self._by))]

    def _coded(self, columns: Sequence[str], metrics: Sequence[int]) -> str:
        """Rows with w, seg (the number of their segment) and the columns: integers group quicker than texts."""
        if not self._by:
            return f"(SELECT *, 0 AS seg FROM {self._relation([*self._columns(), *columns], metrics)})"
        same = " AND ".join(f"data.b{position} IS NOT DISTINCT FROM segments.b{position}" for position in range(len(self._by)))
        return f"(SELECT data.*, segments.seg FROM {self._relation([*self._columns(), *columns], metrics)} AS data JOIN segments ON {same})"

    def _arrow(self, query: str) -> pa.Table:
        return run_checked(lambda: self._connection.sql(query).to_arrow_table())

    def _fetch(self, query: str) -> list[tuple[Any, ...]]:
        return list(run_checked(lambda: self._connection.execute(query).fetchall()))

    def _segments(self) -> list[tuple[int, CellSegment, int]]:
        """(window, values, rows) of every cell, ordered. Keeps the segments as a table."""
        names = "".join(f"b{position}, " for position in range(len(self._by)))
        found = self._fetch(f"SELECT w, {names}count(*) FROM {self._relation(self._columns())} GROUP BY ALL")
        return self._keep([(row[0], tuple(row[1:-1]), row[-1]) for row in found])

    def _keep(self, found: Sequence[tuple[int, CellSegment, int]]) -> list[tuple[int, CellSegment, int]]:
        """Cells in order; their segments become a table that queries know. Raises: UsageError (too many)."""
        ordered = sorted(found, key=lambda item: (item[0], place_of(item[1])))
        segments = sorted({values for _, values, _ in ordered}, key=place_of)
        if len(segments) > MOST_SEGMENTS:
            raise UsageError(
                f"--by {','.join(self._question.by)} makes {len(segments):,} segments, more than {MOST_SEGMENTS}",
                hint="name columns with fewer values in --by, or select records with --on",
            )
        self._segment_number = {values: number for number, values in enumerate(segments)}
        columns = {f"b{position}": pa.array([values[position] for values in segments], pa.string()) for position in range(len(self._by))}
        self._connection.register("segments", pa.table({**columns, "seg": pa.array(range(len(segments)), pa.int32())}))
        return ordered

    def _newest(self) -> datetime | None:
        """The time of the newest record of the whole store, which decides what is final."""
        self._frontiers: dict[str, tuple[int | None, int | None, int | None]] = {}
        newest: int | None = None
        shards = self._store.shards()
        if not shards:
            return None
        paths = path_list([str(self._store.records_path(shard.name)) for shard in shards])
        found = self._fetch(f"SELECT filename, epoch_us(min(time)), epoch_us(max(time)) FROM read_parquet({paths}, filename = true) GROUP BY 1")
        spans = {path: (first, last) for path, first, last in found}
        for shard in shards:  # in the order of their arrival
            first, last = spans.get(str(self._store.records_path(shard.name)), (None, None))
            self._frontiers[shard.name] = (first, last, newest)
            newest = last if newest is None else newest if last is None else max(newest, last)
        return None if newest is None else EPOCH + timedelta(microseconds=newest)

    def _late(self, found: Sequence[tuple[int, CellSegment, int]]) -> dict[tuple[int, CellSegment], int]:
        """By cell, the rows of shards that arrived when the store already held a record newer than window end + lateness."""
        width, origin = self._question.window.width_us, self._question.window.origin_us
        late: dict[tuple[int, CellSegment], int] = {}
        if width is None or not found:
            return late
        lateness = self._question.lateness // timedelta(microseconds=1)
        for shard in self._selection.scope.shards:
            first, _, frontier = self._frontiers[shard.name]
            if first is None or frontier is None or origin + ((first - origin) // width + 1) * width + lateness > frontier:
                continue
            last_closed = (frontier - lateness - origin) // width - 1
            layout = _ShardLayout([shard])
            rows = self._fetch(
                f"SELECT w, {''.join(f'b{position}, ' for position in range(len(self._by)))} count(*) FROM ({self._rows_of(layout, self._columns(), ())}) "
                f"WHERE w > {NO_TIME} AND w <= {last_closed} GROUP BY ALL"
            )
            for row in rows:
                late[row[0], tuple(row[1:-1])] = late.get((row[0], tuple(row[1:-1])), 0) + row[-1]
        return late

    def read_rows(self, by: Sequence[str]) -> CellRows:
        """All selected rows, with these columns as codes."""
        if not self._layouts:
            return CellRows.none(len(by))
        names = [f"c{position}" for position in range(len(by))]
        columns = [f"{self._cluster} AS cluster", "COALESCE(epoch_us(time), 0) AS moment", "CAST(time IS NULL AS TINYINT) AS timeless"]
        wanted = [*columns, *(f"{sql_column(name)} AS {given}" for name, given in zip(by, names, strict=True))]
        table = self._in_order(", ".join(["cluster", "moment", "timeless", *names]), wanted)
        coded = [table.column(name).combine_chunks().dictionary_encode() for name in names]
        return CellRows(
            plain_array(table.column("cluster")),
            plain_array(table.column("moment")),
            plain_array(table.column("timeless")) > 0,
            [plain_array(column.indices.fill_null(-1)) for column in coded],
            [column.dictionary.to_pylist() for column in coded],
        )

    def values(self, places: Sequence[int], rows: CellRows) -> list[Floats]:
        """The values of these metrics in the order of `rows`, NaN where a row has none. Raises: StoreBusy where these are other rows."""
        wanted = ", ".join(f"COALESCE(v{m}, 'NaN'::DOUBLE) AS v{m}" for m in places)
        filtered = bool(self._condition())  # what is read whole comes in the order of the files, as everywhere in the store
        columns = [f"{self._cluster} AS cluster"] if filtered else []
        table = self._in_order(f"{wanted}{', cluster' if filtered else ''}", columns, places)
        if table.num_rows != rows.count or (filtered and not np.array_equal(plain_array(table.column("cluster")), rows.clusters)):
            raise StoreBusy("the store changed while it was read", hint="run the same command again")
        return [plain_array(table.column(f"v{m}")) for m in places]

    def group(self, rows: CellRows, by: Sequence[str]) -> tuple[WindowCells, Grouping]:
        """The cells of the question, without metrics, and the rows in them; `by` names the columns that `rows` holds. Raises: UsageError."""
        window, empty = self._question.window, self.without_metrics()
        windows = windows_of(rows, window.width_us, window.origin_us, without=NO_TIME)
        codes, segments = segments_of(rows, [by.index(name) for name in self._question.by])
        numbers, of_row, counts = numbered(windows, codes, len(segments))
        found = self._keep(named := [(number, segments[code], count) for (number, code), count in zip(numbers, counts, strict=True)])
        place = self._place_cells(found)
        of_row = np.array([place[number, values] for number, values, _ in named], dtype=np.int64)[of_row]
        late = self._late(found)
        cells = [WindowCell(None if number == NO_TIME else number, values, count, late.get((number, values), 0)) for number, values, count in found]
        last = (empty.newest - EPOCH) // timedelta(microseconds=1) if empty.newest is not None else 0
        ends = np.full(rows.count, last) if window.width_us is None else window.origin_us + (windows + 1) * window.width_us
        weights = decay_weights(rows, ends, self._question.half_life // timedelta(microseconds=1)) if self.decays else None
        return replace(empty, cells=cells), Grouping(of_row, rows.clusters, len(cells), weights)

    def metric_cells(self, m: int, values: Floats, scaled: Scaled, scored: npt.NDArray[np.bool_] | None, grouping: Grouping) -> MetricCells:
        """One metric in the cells; `values` by row, 0 where none is `scored` (None: all are)."""
        info = self.metrics[m]
        sums, totals = grouping.sums(scaled)
        decayed_sums, decayed_counts, least = grouping.decayed(values, scored, scaled.digits)
        return MetricCells(
            name=info.name,
            identity=info.identity,
            kind=info.kind,
            scale=info.range,
            higher_is_better=info.higher_is_better,
            cells=grouping.cells,
            clusters=grouping.clusters,
            counts=grouping.counts(scored),
            sums=sums,
            totals=totals,
            decayed_sums=decayed_sums,
            decayed_counts=decayed_counts,
            decayed_from=least,
            reasons={} if scored is None else self._reasons(m),
            served=self._served(m),
            two_values=None if info.kind == "category" else two_values_of(values if scored is None else values[scored]),
        )

    def _place_cells(self, found: Sequence[tuple[int, CellSegment, int]]) -> dict[tuple[int, CellSegment], int]:
        """The number of each cell; keeps them as a table of window and segment, whose last row is for records without time."""
        windows = [window for window, _, _ in found if window != NO_TIME]
        self._first = min(windows, default=0)
        self._cell_of = np.full((max(windows, default=0) - self._first + 2, len(self._segment_number)), -1, dtype=np.int64)
        for position, (window, values, _) in enumerate(found):
            self._cell_of[window - self._first if window != NO_TIME else -1, self._segment_number[values]] = position
        return {(window, values): position for position, (window, values, _) in enumerate(found)}

    def _to_cells(self, table: pa.Table) -> np.ndarray:
        windows = table.column("w").to_numpy()
        rows = np.where(windows == NO_TIME, -1, windows - self._first)
        cells: np.ndarray = self._cell_of[rows, table.column("seg").to_numpy()]
        return cells

    def _served(self, m: int) -> dict[int, list[str]]:
        """By cell, the models that an endpoint says it served for the scores of a judge; those of a jury stand in one text."""
        names = ["w", *(f"b{position}" for position in range(len(self._by)))]
        found: dict[int, set[str]] = {}
        for window, *values, served in self._served_by(m, self._columns(), names):
            row = window - self._first if window != NO_TIME else -1
            found.setdefault(int(self._cell_of[row, self._segment_number[tuple(values)]]), set()).add(served)
        return {cell: sorted(models) for cell, models in found.items()}

    def _served_by(self, m: int, columns: Sequence[str], names: Sequence[str]) -> list[tuple[Any, ...]]:
        """Each combination of `names` (of `columns`) and the model that gave a score there; nothing where no endpoint said."""
        column = f"{self.metrics[m].name}.served_model"
        told = [layout for layout in self._layouts if any(column in self._names_in(path) for path in layout.held.get(m, []))]
        parts = " UNION ALL ".join(self._rows_of(layout, columns, (m,), served=m) for layout in told)
        wanted = ", ".join([*names, f"served{m}"])
        return self._fetch(f"SELECT DISTINCT {wanted} FROM ({parts}) WHERE served{m} IS NOT NULL AND v{m} IS NOT NULL") if told else []

    def _names_in(self, path: str) -> frozenset[str]:
        """The columns of a score file."""
        if path not in self._names:
            self._names[path] = frozenset(run_checked(lambda: pq.read_schema(path).names))
        return self._names[path]

    def _reasons(self, m: int) -> dict[int, dict[str, int]]:
        """By cell, how many rows have no value for which reason."""
        table = self._arrow(f"SELECT w, seg, r{m} AS reason, count(*) AS n FROM {self._coded([], [m])} WHERE v{m} IS NULL AND r{m} IS NOT NULL GROUP BY ALL")
        found: dict[int, dict[str, int]] = {}
        for cell, reason, count in zip(self._to_cells(table).tolist(), table.column("reason").to_pylist(), table.column("n").to_pylist(), strict=True):
            found.setdefault(cell, {})[str(reason)] = int(count)
        return {cell: dict(sorted(reasons.items())) for cell, reasons in found.items()}


def cells_together(reductions: Sequence[WindowReduction], *, rows: CellRows | None = None, seen: Seen | None = None) -> list[WindowCells]:
    """The cells of several questions about the same records and metrics, from one reading of the values.

    `rows` are those of `read_rows` by the columns of all questions in their order; `seen` is shown each metric's values in the
    order of the rows (NaN: none).
    """
    first = reductions[0]
    by = list(dict.fromkeys(name for one in reductions for name in one.by))
    rows = rows or first.read_rows(by)
    if not rows.count:
        return [one.without_metrics() for one in reductions]
    grouped = [one.group(rows, by) for one in reductions]
    found: list[list[MetricCells]] = [[] for _ in reductions]
    every = range(len(first.metrics))
    for start in range(0, len(every), ONE_PASS):
        some = every[start : start + ONE_PASS]
        for m, values in zip(some, first.values(some, rows), strict=True):
            if seen is not None:
                seen(m, values)
            scored = ~np.isnan(values)
            whole = None if scored.all() else scored
            values = values if whole is None else np.where(scored, values, 0.0)
            scaled = Scaled.of(values)
            for place, (one, (_, grouping)) in enumerate(zip(reductions, grouped, strict=True)):
                found[place].append(one.metric_cells(m, values, scaled, whole, grouping))
    return [replace(cells, metrics=metrics) for (cells, _), metrics in zip(grouped, found, strict=True)]
