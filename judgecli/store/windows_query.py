"""Step one of signals (DuckDB): (window, columns, metric, identity, cluster) -> n and an exact sum, several metrics in one pass.

Values are scaled to integers (10^12, less where a sum would not fit) and summed as HUGEINT; only the
finished sum becomes a float, so the answer is the same to the last digit whatever the sharding. What
comes out is ordered by cell and cluster, so the arithmetic of step two (signal/windows.py) is too.

A record belongs to the window of its own time: a cluster that spans windows (a user, a prompt) has
its rows of each window there. A shard that never was asked for a metric gives `not_asked`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from judgecli.errors import UsageError
from judgecli.signal.cells import EPOCH, Cell, Cells, MetricCells, Window
from judgecli.stats.column import two_values_between
from judgecli.store.folder import Shard, Store
from judgecli.store.query import cluster_column, held_metrics, only_ends, path_list, quote, run_checked, scale_digits, sql_column
from judgecli.store.selection import Selection
from judgecli.store.tables import MetricInfo

MOST_SEGMENTS = 200
NO_TIME = -(2**62)  # the window of records without time
ONE_PASS = 5  # metrics that are grouped by cluster together
MEMORY = "300MB"  # of DuckDB; what needs more is spilled to the store's .duckdb folder
BIGINT = 9.2e18  # a scaled value below this fits 64 bits, which are quicker to sum
ENDS = "min(v{m}), max(v{m}), bool_and(v{m} IN (0, 1))"


@dataclass(frozen=True)
class Question:
    """What is asked of the store: by which columns, in which windows, clustered by what, decayed how fast, final when."""

    by: Sequence[str]
    window: Window
    cluster: str | None = None
    half_life: timedelta = timedelta(days=7)
    lateness: timedelta = timedelta(days=1)


@dataclass
class _Layout:
    """Shards that hold the same identities: one positional join. `held` maps a place among the metrics to its files."""

    shards: list[Shard] = field(default_factory=list)
    held: dict[int, list[str]] = field(default_factory=dict)
    not_asked: set[int] = field(default_factory=set)


class WindowReduction:
    """The cells (window x values of the columns) of a selection, and its metrics in them. Use as a context."""

    def __init__(self, store: Store, selection: Selection, names: Sequence[str], question: Question) -> None:
        """Raises: UnknownName (no such metric), UsageError (no such column)."""
        for name in names:
            selection.metric(name)
        self._store, self._selection, self._question = store, selection, question
        self.metrics: list[MetricInfo] = []
        self._names: dict[str, frozenset[str]] = {}
        self._layouts = self._lay_out(names)
        self._by = [sql_column(name) for name in question.by]
        self._cluster = cluster_column(question.cluster)
        self._connection = store.connect(memory=MEMORY)
        self._connection.register("adopted", selection.scope.adopted)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def cells(self) -> Cells:
        """Everything that signal/windows.py needs. Raises: UsageError where --by makes too many segments."""
        newest = self._newest()
        if not self._layouts:
            return Cells(tuple(self._question.by), self._question.window, newest, self._question.lateness, [], [])
        found = self._segments()
        if not found:
            return Cells(tuple(self._question.by), self._question.window, newest, self._question.lateness, [], [])
        late = self._late(found)
        cells = [Cell(None if window == NO_TIME else window, values, rows, late.get((window, values), 0)) for window, values, rows in found]
        place = {(window, values): position for position, (window, values, _) in enumerate(found)}
        self._cell_of = np.full((self._widest(place), len(self._segment_number)), -1, dtype=np.int64)
        for (window, values), position in place.items():
            self._cell_of[window - self._first if window != NO_TIME else -1, self._segment_number[values]] = position
        return Cells(tuple(self._question.by), self._question.window, newest, self._question.lateness, cells, self._metrics(newest))

    def select(self, columns: Sequence[str], metrics: Sequence[int], query: str) -> tuple[np.ndarray, pa.Table]:
        """What `query` gives, and the cell of each of its rows; after `cells()`.

        `query` selects FROM ROWS, which has w, seg, `columns` (SQL AS name) and v0, r0, ... of the metrics
        at these places; it must give w and seg too.
        """
        table = self._arrow(query.replace("ROWS", self._coded(columns, metrics)))
        return self._to_cells(table), table

    def rows(self, columns: Sequence[str], query: str) -> pa.Table:
        """What `query` gives; it selects FROM ROWS, the selected records with w, b0, ... (of `by`), `columns` (SQL AS name) and v0, r0, ... of all metrics."""
        return self._arrow(query.replace("ROWS", self._relation([*self._columns(), *columns], range(len(self.metrics)))))

    def label(self, name: str, table: pa.Table) -> None:
        """Make a table known to `select` under this name."""
        self._connection.register(name, table)

    # Layouts ------------------------------------------------------------------------------------

    def _lay_out(self, names: Sequence[str]) -> list[_Layout]:
        """The shards by which identities they hold: of each metric the newest that a shard has."""
        layouts: dict[tuple[object, ...], _Layout] = {}
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
            layout = layouts.setdefault((*chosen, None, *files), _Layout(not_asked=missing))
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

    # SQL ----------------------------------------------------------------------------------------

    def _relation(self, columns: Sequence[str], metrics: Sequence[int] = ()) -> str:
        """A subquery of the selected rows: `columns` (SQL AS name) and v0, r0, ... of these metrics."""
        return "(" + " UNION ALL ".join(self._rows_of(layout, columns, metrics) for layout in self._layouts) + ")"

    def _rows_of(self, layout: _Layout, columns: Sequence[str], metrics: Sequence[int], served: int | None = None) -> str:
        records = path_list([str(self._store.records_path(shard.name)) for shard in layout.shards])
        joined = f"(SELECT * FROM read_parquet({records}))"
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
        table: pa.Table = run_checked(lambda: self._connection.sql(query).to_arrow_table())
        return table

    def _fetch(self, query: str) -> list[tuple[Any, ...]]:
        rows: list[tuple[Any, ...]] = run_checked(lambda: self._connection.execute(query).fetchall())
        return rows

    # Cells --------------------------------------------------------------------------------------

    def _segments(self) -> list[tuple[int, tuple[str | None, ...], int]]:
        """(window, values, rows) of every cell, ordered. Keeps the segments as a table."""
        names = [f"b{position}" for position in range(len(self._by))]
        rows = self._fetch(f"SELECT w, {''.join(name + ', ' for name in names)} count(*) FROM {self._relation(self._columns())} GROUP BY ALL")
        found = sorted(
            ((row[0], tuple(row[1:-1]), row[-1]) for row in rows), key=lambda item: (item[0], [(value is not None, value or "") for value in item[1]])
        )
        segments = list(dict.fromkeys(sorted({values for _, values, _ in found}, key=lambda values: [(value is not None, value or "") for value in values])))
        if len(segments) > MOST_SEGMENTS:
            raise UsageError(
                f"--by {','.join(self._question.by)} makes {len(segments):,} segments, more than {MOST_SEGMENTS}",
                hint="name columns with fewer values in --by, or select records with --on",
            )
        self._segment_number = {values: number for number, values in enumerate(segments)}
        columns = {name: pa.array([values[position] for values in segments], pa.string()) for position, name in enumerate(names)}
        self._connection.register("segments", pa.table({**columns, "seg": pa.array(range(len(segments)), pa.int32())}))
        return found

    def _newest(self) -> datetime | None:
        """The time of the newest record of the whole store, which decides what is final."""
        self._frontiers: dict[str, tuple[int | None, int | None, int | None]] = {}
        newest: int | None = None
        shards = self._store.shards()
        if not shards:
            return None
        paths = path_list([str(self._store.records_path(shard.name)) for shard in shards])
        query = f"SELECT filename, epoch_us(min(time)), epoch_us(max(time)) FROM read_parquet({paths}, filename = true) GROUP BY 1"
        spans = {path: (first, last) for path, first, last in self._fetch(query)}
        for shard in shards:  # in the order of their arrival
            first, last = spans.get(str(self._store.records_path(shard.name)), (None, None))
            self._frontiers[shard.name] = (first, last, newest)
            newest = last if newest is None else newest if last is None else max(newest, last)
        return None if newest is None else EPOCH + timedelta(microseconds=newest)

    def _late(self, found: Sequence[tuple[int, tuple[str | None, ...], int]]) -> dict[tuple[int, tuple[str | None, ...]], int]:
        """By cell, the rows of shards that arrived when the store already held a record newer than window end + lateness."""
        width, origin = self._question.window.width_us, self._question.window.origin_us
        late: dict[tuple[int, tuple[str | None, ...]], int] = {}
        if width is None or not found:
            return late
        lateness = self._question.lateness // timedelta(microseconds=1)
        for shard in self._selection.scope.shards:
            first, _, frontier = self._frontiers[shard.name]
            if first is None or frontier is None or origin + ((first - origin) // width + 1) * width + lateness > frontier:
                continue
            last_closed = (frontier - lateness - origin) // width - 1
            layout = _Layout([shard])
            rows = self._fetch(
                f"SELECT w, {''.join(f'b{position}, ' for position in range(len(self._by)))} count(*) FROM ({self._rows_of(layout, self._columns(), ())}) "
                f"WHERE w > {NO_TIME} AND w <= {last_closed} GROUP BY ALL"
            )
            for row in rows:
                late[row[0], tuple(row[1:-1])] = late.get((row[0], tuple(row[1:-1])), 0) + row[-1]
        return late

    # Metrics ------------------------------------------------------------------------------------

    def _metrics(self, newest: datetime | None) -> list[MetricCells]:
        every = list(range(len(self.metrics)))
        if not every:
            return []
        asked = ", ".join(f"count(v{m}), max(abs(v{m})), count(r{m}), {ENDS.format(m=m)}" for m in every)
        shape = self._fetch(f"SELECT {asked} FROM {self._relation([], every)}")[0]
        digits = [scale_digits(shape[6 * m + 1], shape[6 * m]) if shape[6 * m] else 12 for m in every]
        largest = [shape[6 * m + 1] or 0.0 for m in every]
        two_values = self._two_values({m: shape[6 * m + 3 : 6 * m + 6] for m in every})
        groups = self._clusters(every, digits, largest)
        totals = self._totals(every, digits, largest, newest)
        reasons = {m: self._reasons(m) if shape[6 * m + 2] else {} for m in every}
        return [
            MetricCells(
                name=info.name,
                identity=info.identity,
                kind=info.kind,
                scale=info.range,
                higher_is_better=info.higher_is_better,
                cells=groups["cell"],
                clusters=groups["cluster"],
                counts=groups[f"n{m}"],
                sums=groups[f"s{m}"],
                totals=totals[f"t{m}"],
                decayed_sums=totals[f"d{m}"],
                decayed_counts=totals[f"e{m}"],
                reasons=reasons[m],
                served=self._served(m),
                two_values=two_values[m],
            )
            for m, info in enumerate(self.metrics)
        ]

    def _two_values(self, seen: Mapping[int, tuple[float | None, float | None, bool | None]]) -> dict[int, tuple[float, float] | None]:
        """Of each metric all its values, where they are two: from the smallest, the largest and whether all are 0 or 1 (ENDS).

        Two other values are looked for on a closed scale alone: elsewhere they decide nothing.
        """
        found: dict[int, tuple[float, float] | None] = {}
        asked = {}
        for m, (least, most, zero_one) in seen.items():
            info, known = self.metrics[m], least is not None and most is not None
            found[m] = two_values_between(least or 0.0, most or 0.0, only_two=bool(zero_one)) if known and info.kind != "category" else None
            if known and found[m] is None and info.kind not in ("rate", "category") and None not in info.range and least != most:
                asked[m] = (float(least or 0.0), float(most or 0.0))
        if asked:
            row = self._fetch(f"SELECT {', '.join(only_ends(f'v{m}', *ends) for m, ends in asked.items())} FROM {self._relation([], list(asked))}")[0]
            found |= {m: two_values_between(*asked[m], only_two=bool(only)) for m, only in zip(asked, row, strict=True)}
        return found

    def _widest(self, place: Mapping[tuple[int, tuple[str | None, ...]], int]) -> int:
        windows = [window for window, _ in place if window != NO_TIME]
        self._first = min(windows, default=0)
        return max(windows, default=0) - self._first + 2  # the last row is for records without time

    def _to_cells(self, table: pa.Table) -> np.ndarray:
        windows = table.column("w").to_numpy()
        rows = np.where(windows == NO_TIME, -1, windows - self._first)
        cells: np.ndarray = self._cell_of[rows, table.column("seg").to_numpy()]
        return cells

    def _clusters(self, every: Sequence[int], digits: Sequence[int], largest: Sequence[float]) -> dict[str, np.ndarray]:
        """Per cell and cluster n and sum of every metric, ordered by cell and cluster; a few metrics in one pass, for memory."""
        found: dict[str, np.ndarray] = {}
        for first in range(0, len(every), ONE_PASS):
            some = every[first : first + ONE_PASS]
            parts = ", ".join(f"CAST(count(v{m}) AS INTEGER) AS n{m}, {_total(f'v{m}', digits[m], largest[m])} AS s{m}" for m in some)
            coded = self._coded([f"{self._cluster} AS cluster"], some)
            table = self._arrow(f"SELECT w, seg, cluster, {parts} FROM {coded} GROUP BY w, seg, cluster")
            cells, clusters = self._to_cells(table), table.column("cluster").to_numpy()
            order = np.lexsort((clusters, cells))
            found |= {"cell": cells[order], "cluster": clusters[order]}
            for name in table.column_names[3:]:
                found[name] = _no_rows_is_zero(table.column(name).to_numpy())[order]
        return found

    def _totals(self, every: Sequence[int], digits: Sequence[int], largest: Sequence[float], newest: datetime | None) -> dict[str, np.ndarray]:
        """Per cell the exact sum of every metric, and its sum and n decayed by half-lives to the end of the window (`all`: the newest record)."""
        width, origin = self._question.window.width_us, self._question.window.origin_us
        half_life = float(self._question.half_life // timedelta(microseconds=1))
        end = f"({origin} + (w + 1) * {width})" if width is not None else str((newest - EPOCH) // timedelta(microseconds=1) if newest is not None else 0)
        weight = f"CASE WHEN moment IS NULL THEN 0.0 ELSE pow(2.0, (moment - {end}) / {half_life!r}) END"
        parts = ", ".join(
            f"{_total(f'v{m}', digits[m], largest[m])} AS t{m}, {_total(f'v{m} * x', digits[m], largest[m])} AS d{m}, "
            f"{_total(f'CASE WHEN v{m} IS NULL THEN 0.0 ELSE x END', 12, 1.0)} AS e{m}"
            for m in every
        )
        coded = self._coded(["epoch_us(time) AS moment"], every)
        table = self._arrow(f"SELECT w, seg, {parts} FROM (SELECT *, {weight} AS x FROM {coded}) GROUP BY w, seg")
        cells = self._to_cells(table)
        found = {}
        for name in table.column_names[2:]:
            found[name] = np.zeros(int(self._cell_of.max()) + 1)
            found[name][cells] = _no_rows_is_zero(table.column(name).to_numpy())
        return found

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


def _total(value: str, digits: int, largest: float) -> str:
    """The SQL of an exact sum: scaled to integers, summed as HUGEINT, then a float."""
    scaled = f"({value}) * 1e{digits}" if digits >= 0 else f"({value}) / 1e{-digits}"
    kind = "BIGINT" if largest * 10.0**digits < BIGINT else "HUGEINT"
    total = f"CAST(sum(CAST(round({scaled}) AS {kind})) AS DOUBLE)"
    return f"{total} / 1e{digits}" if digits >= 0 else f"{total} * 1e{-digits}"


def _no_rows_is_zero(sums: np.ndarray) -> np.ndarray:
    """SQL's sum over no rows is null, which arrives as NaN."""
    return np.where(np.isnan(sums), 0.0, sums) if sums.dtype.kind == "f" else sums
