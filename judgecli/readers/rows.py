"""Files of data rows (no logs: nothing is mapped or stored) to rows, each with its line, and to what a reader makes of them."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from judgecli.errors import LogError
from judgecli.readers.adapter import Object, RefusedLine
from judgecli.readers.container import container_of
from judgecli.readers.delimited import header_of
from judgecli.readers.log import Detected, Position, Shaping
from judgecli.readers.preference_shape import Dropped
from judgecli.readers.read import items_of, parquet_rows
from judgecli.readers.source import expand, local_path, open_plain

RowItem = TypeVar("RowItem")


@dataclass(frozen=True)
class GatheredRows(Generic[RowItem]):
    """What files held: `read` = items + dropped; a row that holds several items counts so often. `hashes`: file -> SHA-256 of its bytes."""

    items: Sequence[RowItem] = ()
    dropped: Counter[str] = field(default_factory=Counter)
    hashes: Mapping[str, str] = field(default_factory=dict)

    @property
    def read(self) -> int:
        """All that was there."""
        return len(self.items) + self.dropped.total()


def gather(paths: Sequence[str], make: Callable[[Object, str], list[RowItem]]) -> GatheredRows[RowItem]:
    """What `make` gives for every row and its FILE:LINE; a row that it cannot read (Dropped, Refused, a key or type that is not there) is counted.

    Raises: LogError.
    """
    found: list[RowItem] = []
    dropped: Counter[str] = Counter()
    hashes: dict[str, str] = {}
    for path in expand(paths):
        hashes[path] = file_hash(path)
        for line, row in rows_of(path):
            try:
                if isinstance(row, RefusedLine):
                    raise row
                found += make(row, f"{path}:{line}")
            except (RefusedLine, Dropped) as why:
                dropped[why.reason] += 1
            except (KeyError, TypeError, ValueError, AttributeError, IndexError):
                dropped["unknown_shape"] += 1
    return GatheredRows(found, dropped, hashes)


def first_row(path: str) -> Object | None:
    """The first object of a file, by which its kind is told. Raises: LogError."""
    return next((row for _, row in rows_of(path) if isinstance(row, dict)), None)


def rows_of(path: str) -> Iterator[tuple[int, Object | RefusedLine]]:
    """(line, row or why it is none) of one file of rows. Raises: LogError."""
    shaping = Shaping()
    container, compression, delimiter = container_of(path, shaping)
    if container == "parquet":
        for entry, value, _ in parquet_rows(path, Position()):
            yield entry.line, value
        return
    columns: tuple[str, ...] = ()
    if container == "csv":
        with open_plain(path) as stream:
            columns = header_of(stream, delimiter, shaping.max_line_bytes)
    detected = Detected(format="plain", container=container, compression=compression, delimiter=delimiter or None, columns=columns)
    last = 0
    with open_plain(path) as stream:
        for entry, value, _ in items_of(stream, detected, Position(), shaping):
            last = entry.line
            yield entry.line, value
        if stream.broken:
            yield last + 1, RefusedLine("partial_line", stream.broken)


def file_hash(path: str) -> str:
    """The SHA-256 of a file's bytes as they are stored, 64 hex digits. Raises: LogError."""
    try:
        with open(local_path(path), "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise LogError(f"{path} cannot be read: {error.strerror or error}", hint="check the path and its permissions") from None
