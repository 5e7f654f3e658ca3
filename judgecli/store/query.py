"""The one reduction (DuckDB), over many shards and out of core, and the rows of a run in the order of its logs.

Records and score files have the same rows in the same order, so they are joined by position. Sums
are of integers scaled by 10^12, so the answer is the same to the last digit whatever the sharding.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from judgecli.errors import EnvironmentFailure, StoreBusy, StoreCorrupt, UsageError
from judgecli.schema import FILE, NUMBER_COLUMNS, TEXT_COLUMNS
from judgecli.signal.summary import Reduced
from judgecli.stats.column import two_values_between
from judgecli.store.filters import COLUMNS, HINT, OF_FILE
from judgecli.store.folder import Shard, Store
from judgecli.store.neighbours import check_files_apart
from judgecli.store.scope import Scope
from judgecli.store.tables import AGAIN, MetricInfo, score_files

SCALE = 12  # sums are of integers in units of 10**-SCALE
SUM_DIGITS = 37  # a scaled sum of more digits could leave 128 bits
FILTERED = (*sorted(COLUMNS), "tags")  # what a filter may read
SCORE_ROWS = ("id", "time", "session", "model", "prompt_version")
ROW_COLUMNS = ("key", *SCORE_ROWS, "file", "line", "source", "file_id", "prompt_hash", "cluster_hash")  # names that no metric may have
LINE = "COALESCE(adopted.line, source.line) AS line"
COMPANIONS = ("reason", "label", "explanation", "detail", "served_model")


def sql_column(name: str, *, option: str = "--by") -> str:
    """The SQL of a record column or tags.NAME as a person types it. Raises: UsageError."""
    if name in TEXT_COLUMNS or name in NUMBER_COLUMNS or name == FILE:
        return f"CAST({quote(name)} AS VARCHAR)"
    if name.startswith("tags.") and len(name) > 5:
        return "tags['{}']".format(name.removeprefix("tags.").replace("'", "''"))
    raise UsageError(f"{option} {name}: records have no such column", hint=f"one of {', '.join(sorted({*TEXT_COLUMNS, *NUMBER_COLUMNS, FILE}))}, tags.NAME")


def cluster_column(name: str | None) -> str:
    """The SQL of the cluster: the stored hash (session, else user, else prompt), or another column where it has a value."""
    if name is None or name == "session":
        return "cluster_hash"
    column = sql_column(name, option="cluster:")
    return f"CASE WHEN {column} IS NULL THEN cluster_hash ELSE CAST((hash({column}) >> 1) AS BIGINT) END"  # the hash of a null is a number


class Reduction:
    """Queries over the records of a scope and the score files of some metrics."""

    def __init__(self, store: Store, scope: Scope, metrics: Sequence[tuple[str, str]], *, where: str | None = None, cluster: str | None = None) -> None:
        """`metrics` are (name, identity) pairs that every shard of the scope holds; `where` is checked SQL (filters.py).

        `cluster` is the column that judge.yaml names as the unit of statistics; `cluster_hash` is the hash of that unit.
        Raises: StoreBusy where a score file is gone, UsageError where `cluster` is no column, or `where` tells files apart that share records.
        """
        check_files_apart(store, [cluster], where)
        self.scope = scope
        self._where = where
        self._cluster = cluster_column(cluster)
        self._connection = store.connect()
        self._connection.register("adopted", scope.adopted.append_column("adopted_place", pa.array(_ranks(scope.adopted, scope.file_ids), pa.int64())))
        self._records = [str(store.records_path(shard.name)) for shard in scope.shards]
        self._files, self.infos = _locate(store, scope.shards, metrics)

    def __enter__(self) -> "Reduction":
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def reduce(self, name: str) -> Reduced:
        """Everything that `signal.summary` needs of one metric."""
        if not self.scope.shards:
            return Reduced(np.empty(0), np.empty(0), 0.0, smallest=None, median=None, largest=None, scored=0, reasons={}, categories={})
        quoted = quote(name)
        joined = self._joined([name], ["cluster_hash"])
        reasons = {
            str(reason): int(count)
            for reason, count in self._rows(f"SELECT {quote(name + '.reason')}, count(*) FROM {joined} WHERE {quoted} IS NULL GROUP BY 1")
        }
        if self.infos[name].kind == "category":
            categories = self.categories(name)
            return Reduced(
                np.empty(0), np.empty(0), 0.0, smallest=None, median=None, largest=None, scored=sum(categories.values()), reasons=reasons, categories=categories
            )
        scored, smallest, median, largest = self._rows(f"SELECT count({quoted}), min({quoted}), quantile_cont({quoted}, 0.5), max({quoted}) FROM {joined}")[0]
        ends = only_ends(quoted, smallest, largest) if scored else "NULL"
        digits = scale_digits(max(abs(smallest), abs(largest)), scored) if scored else SCALE
        scaled = f"{quoted} * 1e{digits}" if digits >= 0 else f"{quoted} / 1e{-digits}"
        clusters = self._arrow(
            f"SELECT cluster_hash, count(*) AS rows, sum(CAST(round({scaled}) AS HUGEINT)) AS total, {ends} AS ends "
            f"FROM {joined} WHERE {quoted} IS NOT NULL GROUP BY 1 ORDER BY 1"
        )
        totals = [int(total) for total in clusters.column("total").to_pylist()]
        sums = np.array([_unscaled(total, digits) for total in totals])
        rows = clusters.column("rows").to_numpy().astype(float)
        two_values = two_values_between(smallest, largest, only_two=all(clusters.column("ends").to_pylist())) if scored else None
        return Reduced(
            sums,
            rows,
            _unscaled(sum(totals), digits),
            smallest=smallest,
            median=median,
            largest=largest,
            scored=int(scored),
            reasons=reasons,
            categories={},
            two_values=two_values,
        )

    def rows(self, names: Sequence[str], *, batch_rows: int = 20_000) -> Iterator[pa.Table]:
        """One row a record in the order of the logs and their lines: key (hex), id, time, ..., file, line, NAME, NAME.reason."""
        if not self.scope.shards:
            return
        wanted = ", ".join(f"{quote(name)}, {quote(name + '.reason')}::VARCHAR AS {quote(name + '.reason')}" for name in names)
        columns = ", ".join(SCORE_ROWS)
        selected = ", ".join([columns, "source.file AS file", LINE, *([wanted] if names else [])])
        query = self._in_order(selected, self._joined(names, ["source", *SCORE_ROWS]))
        reader = run_checked(lambda: self._connection.sql(query).to_arrow_reader(batch_rows))
        for batch in reader:
            yield pa.Table.from_batches([batch])

    def count(self) -> int:
        """How many records there are."""
        return int(self._rows(f"SELECT count(*) FROM {self._joined([], [])}")[0][0]) if self.scope.shards else 0

    def categories(self, name: str) -> dict[str, int]:
        """How often each value of a category occurs, the most frequent first."""
        quoted = quote(name)
        found = self._rows(f"SELECT {quoted}, count(*) FROM {self._joined([name], [])} WHERE {quoted} IS NOT NULL GROUP BY 1 ORDER BY 2 DESC, 1")
        return {str(value): int(count) for value, count in found}

    def told(self, name: str, kind: str, where: str = "true") -> tuple[int, dict[str, Any] | None]:
        """Of how many records something was told, and the first of them in the order of the logs: key (hex), id, file, line, reason, told.

        `kind` is one of COMPANIONS; `where` is SQL over what was told (`told`) and `reason`.
        """
        if not any(f"{name}.{kind}" in columns_of(path) for path in self._files[name]):
            return 0, None
        joined = self._joined([name], ["source", "id"], kinds=[kind])
        named = f"SELECT * REPLACE (CAST({quote(name + '.reason')} AS VARCHAR) AS {quote(name + '.reason')}) FROM {joined}"
        named = f"(SELECT *, {quote(name + '.reason')} AS reason, CAST({quote(f'{name}.{kind}')} AS VARCHAR) AS told FROM ({named}))"
        query = self._in_order(f"id, source.file AS file, {LINE}, reason, told", f"(SELECT * FROM {named} WHERE told IS NOT NULL AND ({where}))")
        found = self._arrow(f"SELECT *, count(*) OVER () AS total FROM ({query}) LIMIT 1").to_pylist()
        return (int(found[0].pop("total")), found[0]) if found else (0, None)

    def records(
        self, columns: Sequence[str], names: Sequence[str] = (), *, order: str | None = None, most: int | None = None, batch_rows: int = 20_000
    ) -> Iterator[pa.Table]:
        """The records of the scope with these record columns and metric columns (NAME, NAME.reason); `order` is SQL over them, `most` of the first."""
        if not self.scope.shards:
            return
        chosen = [*columns, *(part for name in names for part in (quote(name), quote(name + ".reason") + "::VARCHAR AS " + quote(name + ".reason")))]
        query = f"SELECT {', '.join(chosen)} FROM {self._joined(names, columns)}{' ORDER BY ' + order if order else ''}"
        query += f" LIMIT {most}" if most is not None else ""
        for batch in run_checked(lambda: self._connection.sql(query).to_arrow_reader(batch_rows)):
            yield pa.Table.from_batches([batch])

    def _in_order(self, selected: str, joined: str) -> str:
        """A query of joined rows in the order of the logs and their lines: key (hex) and what is `selected`."""
        ranks = ", ".join(f"({file_id}, {rank})" for rank, file_id in enumerate(self.scope.file_ids))
        return (
            f"SELECT lower(hex(joined.key)) AS key, {selected} FROM {joined} AS joined "
            f"LEFT JOIN (VALUES {ranks}) AS ranked(ranked_file, ranked_place) ON joined.file_id = ranked.ranked_file "
            "LEFT JOIN adopted ON adopted.key = joined.key "
            "ORDER BY COALESCE(adopted.adopted_place, ranked.ranked_place), COALESCE(adopted.line, source.line), source.offset, joined.key"
        )

    def _joined(self, names: Sequence[str], columns: Sequence[str], *, kinds: Sequence[str] = ()) -> str:
        """A subquery of the scope's rows: record columns beside metric columns (and `kinds` of what was told of them), joined by position."""
        wanted = FILTERED if self._where is not None else ()
        names_read = {name.strip('"'): name for name in ["key", "file_id", *columns, *wanted]}
        record_columns = ", ".join(f"{self._cluster} AS cluster_hash" if name == "cluster_hash" else sql for name, sql in names_read.items())
        joined = f"(SELECT {record_columns} FROM {records_in(self._records)})"
        for paths, members in self._grouped(names):
            selected = ", ".join(quote(column) for name in members for column in (name, f"{name}.reason", *(f"{name}.{kind}" for kind in kinds)))
            joined += f" POSITIONAL JOIN (SELECT {selected} FROM read_parquet({path_list(paths)}, union_by_name = true))"
        conditions = [f"({self._where})"] if self._where is not None else []
        if not self.scope.whole:
            ids = ", ".join(map(str, self.scope.file_ids))
            conditions.append(f"(file_id IN ({ids}) OR key IN (SELECT key FROM adopted))")
        return f"(SELECT * FROM {joined}{' WHERE ' + ' AND '.join(conditions) if conditions else ''})"

    def _grouped(self, names: Sequence[str]) -> list[tuple[list[str], list[str]]]:
        """The metrics by the list of files that holds them."""
        groups: dict[tuple[str, ...], list[str]] = {}
        for name in names:
            groups.setdefault(tuple(self._files[name]), []).append(name)
        return [(list(paths), members) for paths, members in groups.items()]

    def _rows(self, query: str) -> list[tuple[Any, ...]]:
        return list(run_checked(lambda: self._connection.execute(query).fetchall()))

    def _arrow(self, query: str) -> pa.Table:
        return run_checked(lambda: self._connection.sql(query).to_arrow_table())


def records_in(paths: Sequence[str]) -> str:
    """A subquery of the records of these files, with the column `file`."""
    return f"(SELECT *, {OF_FILE} FROM read_parquet({path_list(paths)}))"


def run_checked(run: Callable[[], Any]) -> Any:
    """What `run` gives. Raises: StoreBusy, StoreCorrupt, EnvironmentFailure where DuckDB cannot read the store, UsageError where it cannot compare."""
    import duckdb

    try:
        return run()
    except duckdb.IOException as error:
        if "No files found" in str(error) or "No such file" in str(error):
            raise StoreBusy("the store changed while this run was reading it", hint=AGAIN) from error
        raise EnvironmentFailure(
            f"reading the store failed: {str(error).splitlines()[0]}", hint="check the disk; judge store verify looks for damage"
        ) from error
    except duckdb.OutOfMemoryException as error:
        raise EnvironmentFailure(f"out of memory: {str(error).splitlines()[0]}", hint="free memory or disk space for spilled data, and run again") from error
    except duckdb.ConversionException as error:  # nothing else in these queries converts text that a person typed
        raise UsageError(f"the filter cannot be evaluated: {str(error).splitlines()[0]}", hint=HINT) from error
    except duckdb.Error as error:
        raise StoreCorrupt(f"a file of the store cannot be read: {str(error).splitlines()[0]}", hint="judge store verify names damaged files") from error


def _locate(store: Store, shards: Sequence[Shard], metrics: Sequence[tuple[str, str]]) -> tuple[dict[str, list[str]], dict[str, MetricInfo]]:
    """For each metric the score file of every shard, and what the file says of it."""
    files: dict[str, list[str]] = {name: [] for name, _ in metrics}
    infos: dict[str, MetricInfo] = {}
    for shard in shards:
        held = held_metrics(store.root, shard.name)
        for name, identity in metrics:
            if (name, identity) not in held:
                raise StoreBusy(f"the scores of '{name}' for shard {shard.name} are gone", hint="run the same command again: they are computed anew")
            path, infos[name] = held[name, identity]
            files[name].append(str(path))
    return files, infos


def held_metrics(root: Path, shard: str) -> dict[tuple[str, str], tuple[Path, MetricInfo]]:
    """The metrics that a shard has scores of, by name and identity."""
    return {(metric.name, metric.identity): (path, metric) for path, metrics in score_files(root, shard).items() for metric in metrics}


def only_ends(value: str, smallest: float, largest: float) -> str:
    """The SQL of whether every value is one of these two."""
    ends = ", ".join(f"CAST('{end!r}' AS DOUBLE)" for end in (float(smallest), float(largest)))
    return f"bool_and({value} IN ({ends}))"


def scale_digits(largest: float, rows: int) -> int:
    """By which power of ten values are scaled before they are summed as integers: fewer than SCALE only where the sum would not fit."""
    magnitude = math.ceil(math.log10(max(largest, 1.0)) + math.log10(rows))
    return min(SCALE, SUM_DIGITS - magnitude)


def _unscaled(total: int, digits: int) -> float:
    """A scaled sum as a float, infinite where floats end."""
    try:
        return total / 10**digits if digits >= 0 else float(total * 10**-digits)
    except OverflowError:
        return math.inf if total > 0 else -math.inf


def _ranks(adopted: pa.Table, file_ids: Sequence[int]) -> list[int]:
    rank = {file_id: place for place, file_id in enumerate(file_ids)}
    return [rank[file_id] for file_id in adopted.column("file_id").to_pylist()]


def columns_of(path: str) -> set[str]:
    """The columns of a score file. Raises: StoreBusy, StoreCorrupt."""
    import pyarrow.parquet as pq

    try:
        return set(pq.read_schema(path).names)
    except FileNotFoundError as error:
        raise StoreBusy("the store changed while this run was reading it", hint=AGAIN) from error
    except (OSError, pa.ArrowException) as error:
        raise StoreCorrupt(f"a file of the store cannot be read: {error}", hint="judge store verify names damaged files") from error


def quote(name: str) -> str:
    """A name as SQL writes it."""
    return '"' + name.replace('"', '""') + '"'


def path_list(paths: Sequence[str]) -> str:
    """Paths as a list of SQL."""
    return "[" + ", ".join("'" + path.replace("'", "''") + "'" for path in paths) + "]"
