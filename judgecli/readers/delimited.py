"""CSV and TSV rows: cells over several lines, quotes, any of four delimiters, the line and byte each row starts at.

id,question,answer
1,"Where is
Rome?",In Italy.
"""

import csv
import io
from collections.abc import Iterator, Sequence

import orjson

from judgecli.readers.adapter import Object, RefusedLine
from judgecli.readers.entries import Entry, lines_of
from judgecli.readers.log import Position
from judgecli.readers.source import PlainStream

DELIMITERS = (",", ";", "\t", "|")


def header_of(stream: PlainStream, delimiter: str, limit: int) -> tuple[str, ...]:
    """The names of the columns: a nameless one is called column_N, a repeated one gets .2, .3 …"""
    cells = next((row for _, row in _rows(stream, Position(), delimiter, limit)), None)
    return _distinct(cells) if isinstance(cells, list) else ()


def rows_of(stream: PlainStream, start: Position, delimiter: str, columns: Sequence[str], limit: int) -> Iterator[tuple[Entry, Object | RefusedLine, bytes]]:
    """(entry, row or why not, the row as sorted JSON, which is its identity) of every row below the header.

    An empty cell is null: CSV cannot tell it from an empty text.
    """
    rows = _rows(stream, start, delimiter, limit)
    if start.offset == 0:
        next(rows, None)
    for entry, cells in rows:
        if isinstance(cells, list) and len(cells) != len(columns):
            wrong = f"{len(cells)} cells, where the header names {len(columns)}"
            cells = RefusedLine("unknown_shape", wrong) if entry.whole else RefusedLine("partial_line", f"the file ends inside this row: {wrong}")
        if isinstance(cells, RefusedLine):
            yield entry, cells, entry.raw
            continue
        row = dict(zip(columns, cells, strict=True))
        identity = orjson.dumps(row, option=orjson.OPT_SORT_KEYS)
        yield entry, {name: cell or None for name, cell in row.items()}, identity


def sniff(text: str) -> tuple[str, float]:
    """(delimiter, share of the rows that are as wide as the header), the last row left out; ("", 0) if no delimiter divides it.

    >>> sniff("a;b\\n1,5;2\\n3;4\\n")
    (';', 1.0)
    """
    best = ("", 0.0, 0)
    for delimiter in DELIMITERS:
        try:
            rows = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if row]
        except csv.Error:
            continue
        rows = rows[:-1] if len(rows) > 2 and not text.endswith("\n") else rows
        width = len(rows[0]) if rows else 0
        share = sum(len(row) == width for row in rows) / len(rows) if rows else 0.0
        if width > 1 and (round(share, 2), width) > (round(best[1], 2), best[2]):
            best = (delimiter, share, width)
    return best[0], best[1]


class _Lines:
    """The physical lines that csv.reader takes for one row, with their places."""

    def __init__(self, stream: PlainStream, start: Position, limit: int) -> None:
        self.lines = lines_of(stream, start, limit, as_is=True)
        self.taken: list[Entry] = []
        self.ended = False  # a row asked for more lines than there are: the file ends inside a quoted cell

    def __iter__(self) -> Iterator[str]:
        for entry in self.lines:
            self.taken.append(entry)
            yield entry.raw.decode("utf-8", "surrogateescape") + "\n"
        self.ended = True

    def take(self) -> list[Entry]:
        """The lines since the last call."""
        taken, self.taken = self.taken, []
        return taken


def _rows(stream: PlainStream, start: Position, delimiter: str, limit: int) -> Iterator[tuple[Entry, list[str] | RefusedLine]]:
    csv.field_size_limit(max(csv.field_size_limit(), limit))
    lines = _Lines(stream, start, limit)
    reader = csv.reader(iter(lines), delimiter=delimiter)
    while True:
        try:
            cells: list[str] | RefusedLine | None = next(reader, None)
        except csv.Error as error:
            cells = RefusedLine("unknown_shape", f"no CSV row: {error}")
        taken = lines.take()
        if cells is None or not taken:
            return
        if isinstance(cells, list) and not any(cell.strip() for cell in cells) and len(taken) == 1 and not taken[0].raw.strip():
            continue  # a blank line
        entry = _joined(taken)
        if lines.ended:
            entry = entry._replace(whole=False)
            cells = RefusedLine("partial_line", "the file ends inside a quoted cell")
        yield entry, _refusal(entry) or cells


def _joined(taken: list[Entry]) -> Entry:
    first, last = taken[0], taken[-1]
    digest = next((line.digest for line in taken if line.digest), "")
    return Entry(
        b"\n".join(line.raw for line in taken).removesuffix(b"\r"),
        first.line,
        first.offset,
        end=last.end,
        last_line=last.last_line,
        whole=last.whole,
        digest=digest,
    )


def _refusal(entry: Entry) -> RefusedLine | None:
    if entry.digest:
        return RefusedLine("too_long", "a line of this row is over the limit")
    try:
        entry.raw.decode("utf-8")
    except UnicodeDecodeError as error:
        return RefusedLine("bad_encoding", f"byte {error.start} of the row is not UTF-8 (0x{entry.raw[error.start]:02x})")
    return None


def _distinct(cells: Sequence[str]) -> tuple[str, ...]:
    names: list[str] = []
    for number, cell in enumerate(cells, 1):
        name = cell.strip().encode("utf-8", "replace").decode() or f"column_{number}"
        again = 2
        while name in names:
            name, again = f"{cell.strip() or f'column_{number}'}.{again}", again + 1
        names.append(name)
    return tuple(names)
