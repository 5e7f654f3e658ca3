"""Result rows to a file (csv, tsv, parquet, jsonl by its suffix) or as JSON lines to a stream.

A file is written under a temporary name, fsynced and renamed: the target is whole, or as it was.
Rows come in batches and are never held together. In text formats keys are hexadecimal, times ISO
8601 in UTC; a null is an empty field in CSV (an empty text is "") and null in JSON.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from judgecli import outputs
from judgecli.errors import EnvironmentFailure, UsageError
from judgecli.renderers.safe import csv_cell, json_line, json_text

if TYPE_CHECKING:
    from typing import TypeAlias

    import pandas as pd
    import pyarrow as pa

    Rows: TypeAlias = pa.Table | pd.DataFrame

SUFFIXES = (".csv", ".tsv", ".parquet", ".jsonl")


def check_target(path: Path) -> None:
    """Nothing, if rows can be written to `path`: known before the work starts, not after it.

    Raises: UsageError (suffix, no plain file), EnvironmentFailure (folder missing or not writable).
    """
    if path.suffix.lower() not in SUFFIXES:
        raise UsageError(
            f"-o {path}: cannot tell the format from '{path.suffix}'", hint=f"end the name with {', '.join(SUFFIXES)}, or write - for JSON lines on stdout"
        )
    folder = outputs.check(path).parent
    if not os.access(folder, os.W_OK):
        raise EnvironmentFailure(f"cannot write {path}: the folder {folder} is not writable", hint="choose another folder, or change its permissions")


def write_rows(tables: "Iterable[Rows]", path: Path) -> int:
    """Write the rows of `tables` to `path`, in order. Returns their number.

    Raises: as check_target; EnvironmentFailure where the disk is full or fails: `path` is then as it was.
    """
    check_target(path)
    write, count = _WRITERS[path.suffix.lower()], 0

    def fill(out: IO[bytes]) -> None:
        nonlocal count
        count = write(_arrow(tables), out)

    outputs.publish(path, fill)
    return count


def stream_rows(tables: "Iterable[Rows]", out: IO[bytes]) -> int:
    """Write the rows as JSON lines. Returns their number."""
    return _write_jsonl(_arrow(tables), out)


def _arrow(tables: "Iterable[Rows]") -> "Iterator[pa.Table]":
    import pyarrow as pa

    for table in tables:
        arrow = table if isinstance(table, pa.Table) else pa.Table.from_pandas(table, preserve_index=False)
        _refuse_not_finite(arrow)
        yield arrow


def _refuse_not_finite(table: "pa.Table") -> None:
    """A NaN in a result is a bug: what could not be made is a null with a reason."""
    import pyarrow as pa
    import pyarrow.compute as pc

    for name, column in zip(table.column_names, table.columns, strict=True):
        if pa.types.is_floating(column.type) and pc.any(pc.invert(pc.is_finite(column))).as_py():
            raise ValueError(f"column {name} holds a number that is not finite")


def _write_parquet(tables: "Iterator[pa.Table]", out: IO[bytes]) -> int:
    import pyarrow as pa
    import pyarrow.parquet as pq

    first = next(tables, None)
    if first is None:
        first = pa.table({})
    count = int(first.num_rows)
    with pq.ParquetWriter(out, first.schema, compression="zstd") as writer:
        writer.write_table(first)
        for table in tables:
            writer.write_table(table.select(first.column_names).cast(first.schema))
            count += int(table.num_rows)
    return count


def _write_csv(tables: "Iterator[pa.Table]", out: IO[bytes], *, comma: str = ",") -> int:
    count, names = 0, None
    for table in tables:
        if names is None:
            names = table.column_names
            out.write(_csv_line(names, comma))
        for row in zip(*(_plain_values(table[name]) for name in names), strict=True):
            out.write(_csv_line(row, comma))
        count += table.num_rows
    return count


def _write_tsv(tables: "Iterator[pa.Table]", out: IO[bytes]) -> int:
    return _write_csv(tables, out, comma="\t")


def _write_jsonl(tables: "Iterator[pa.Table]", out: IO[bytes]) -> int:
    count = 0
    for table in tables:
        for row in zip(*(_plain_values(column) for column in table.columns), strict=True):
            out.write(json_line(dict(zip(table.column_names, row, strict=True))))
        count += table.num_rows
    return count


def _plain_values(column: "pa.ChunkedArray") -> list[object]:
    """A column as values that text formats have: keys in hexadecimal, times in ISO 8601."""
    import pyarrow as pa

    values: list[Any] = column.to_pylist()
    if pa.types.is_timestamp(column.type):
        return [None if value is None else _iso(value) for value in values]
    if pa.types.is_fixed_size_binary(column.type) or pa.types.is_binary(column.type):
        return [None if value is None else value.hex() for value in values]
    return values


def _iso(time: datetime) -> str:
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _csv_line(row: Iterable[object], comma: str) -> bytes:
    return (comma.join(_csv_field(value) for value in row) + "\n").encode("utf-8", "backslashreplace")


def _csv_field(value: object) -> str:
    """One field: texts always quoted, so that no other separator can start a cell in them."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    text = value if isinstance(value, str) else json_text(value, indent=False)
    return '"' + str(csv_cell(text)).replace('"', '""') + '"'


_WRITERS: "dict[str, Callable[[Iterator[pa.Table], IO[bytes]], int]]" = {
    ".csv": _write_csv,
    ".tsv": _write_tsv,
    ".parquet": _write_parquet,
    ".jsonl": _write_jsonl,
}
