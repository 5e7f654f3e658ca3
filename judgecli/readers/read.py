"""One log file to chunks of records, in order: every entry becomes a record or a bad line with its reason."""

from collections.abc import Iterator, Mapping
from typing import Any

import orjson
import pyarrow as pa

from judgecli.errors import LogError
from judgecli.readers import delimited
from judgecli.readers.adapter import Adapter, Object, ReadRow, RefusedLine, adapters
from judgecli.readers.columns import ColumnLayout, Entries, build
from judgecli.readers.entries import Entry, elements_of, lines_of, whole_of
from judgecli.readers.jsontext import is_finite, parse_object
from judgecli.readers.log import Chunk, Detected, Position, Shaping, digest_of
from judgecli.readers.mapping import Getter, getter
from judgecli.readers.quarantine import bad_line
from judgecli.readers.source import PlainStream, local_path, open_plain
from judgecli.readers.times import zone_named
from judgecli.schema import MAPPABLE, NUMBER_COLUMNS, BadLine, Label

CHUNK_ENTRIES = 2000
CHUNK_BYTES = 8 * 1024 * 1024
_APPENDABLE = frozenset(("jsonl", "csv"))

ReadItem = tuple[Entry, Object | RefusedLine, bytes]  # where it stands, what it says, the bytes that are its identity


def supports_append(detected: Detected) -> bool:
    """Whether more entries may be appended to such a file, so that reading can go on where it stopped."""
    return detected.container in _APPENDABLE


def read_log(path: str, shaping: Shaping, detected: Detected, start: Position | None = None, *, name: str | None = None) -> Iterator[Chunk]:
    """Chunks of at most 2,000 entries or about 8 MB, at least one. Reading starts at `start` where the container can grow.

    `name` is what stands in source.file (default: path). Nothing that a line names is ever opened.
    Raises: LogError (the file itself cannot be read), UsageError (unknown zone).
    """
    begin = start if start is not None and supports_append(detected) else Position()
    reading = _FileReading(shaping, detected, name or path, begin)
    if detected.container == "parquet":
        yield from reading.chunks(parquet_rows(path, begin), None)
        return
    with open_plain(path, detected.encoding) as stream:
        yield from reading.chunks(items_of(stream, detected, begin, shaping), stream)


def items_of(stream: PlainStream, detected: Detected, start: Position, shaping: Shaping) -> Iterator[ReadItem]:
    """The entries of a stream, parsed."""
    limit = shaping.max_line_bytes
    if detected.container == "csv":
        yield from delimited.rows_of(stream, start, detected.delimiter or ",", detected.columns, limit)
        return
    entries = {"array": elements_of, "object": whole_of}.get(detected.container)
    for entry in entries(stream, limit) if entries else lines_of(stream, start, limit):
        yield entry, parse_entry(entry, shaping), entry.raw


def parse_entry(entry: Entry, shaping: Shaping) -> Object | RefusedLine:
    """The JSON object of an entry, or why it has none."""
    if entry.digest:
        return RefusedLine("too_long", f"longer than {shaping.max_line_bytes} bytes")
    try:
        return parse_object(entry.raw, shaping.max_depth)
    except RefusedLine as refused:
        return refused if entry.whole else RefusedLine("partial_line", f"the file ends inside this entry ({refused})")


class _FileReading:
    """One file being read: what is collected for the next chunk, and where that chunk will end."""

    def __init__(self, shaping: Shaping, detected: Detected, name: str, start: Position) -> None:
        self.adapter = adapters().get(detected.format)
        self.overrides = {field: getter(path, detected.columns) for field, path in shaping.map.items()} if _makes_rows(self.adapter) else {}
        self.fills = _beside(self.adapter, shaping, detected)
        self.layout = layout_of(self.adapter, shaping, detected, name)
        self.name = name
        self.position = start
        self.entries = Entries()
        self.bad: list[BadLine] = []
        self.count = 0
        self.bytes = 0

    def chunks(self, items: Iterator[ReadItem], stream: PlainStream | None) -> Iterator[Chunk]:
        given = partial = False
        last: Entry | None = None
        for entry, value, identity in items:
            partial = not entry.whole and isinstance(value, RefusedLine)
            self._add(entry, value, identity)
            last = last if partial else entry
            if self.count >= CHUNK_ENTRIES or self.bytes >= CHUNK_BYTES:
                given = True
                yield self._flush(last)
        reason = stream.broken if stream else ""
        if not given or self.count or partial or reason:
            chunk = self._flush(last)
            chunk.truncated, chunk.reason = bool(partial or reason), reason or ("the last line is not complete" if partial else "")
            yield chunk

    def _add(self, entry: Entry, value: Object | RefusedLine, identity: bytes) -> None:
        self.count += 1
        self.bytes += entry.end - entry.offset
        if isinstance(value, RefusedLine):
            self._refuse(entry, value)
        elif self.adapter is None or self.adapter.rows is None:
            self._record(entry, value, digest_of(identity))
        else:
            self._rows(entry, value, identity)

    def _rows(self, entry: Entry, value: Object, identity: bytes) -> None:
        assert self.adapter is not None and self.adapter.rows is not None  # noqa: PT018
        try:
            rows = self.adapter.rows(value)
        except RefusedLine as refused:
            self._refuse(entry, refused)
            return
        except (KeyError, TypeError, ValueError, AttributeError, IndexError, RecursionError) as error:
            self._refuse(entry, RefusedLine("unknown_shape", f"not the shape of {self.adapter.name}: {type(error).__name__} {error}"))
            return
        given = {field: get([value])[0] for field, get in self.overrides.items()}
        fills = {field: own for field, get in self.fills.items() if (own := get([value])[0]) is not None}
        key = digest_of(identity)
        for number, row in enumerate(rows):
            self._record(
                entry,
                {**row, **{field: own for field, own in fills.items() if row.get(field) is None}, **given},
                key if len(rows) == 1 else choice_key(key, number),
            )

    def _record(self, entry: Entry, value: Object | ReadRow, key: bytes) -> None:
        entries = self.entries
        entries.objects.append(value)
        entries.keys.append(key)
        entries.lines.append(entry.line)
        entries.offsets.append(entry.offset)
        entries.raw.append(entry.raw)

    def _refuse(self, entry: Entry, refused: RefusedLine) -> None:
        self.bad.append(bad_line(refused, entry.raw, file=self.name, line=entry.line, offset=entry.offset, digest=entry.digest or None))

    def _flush(self, last: Entry | None) -> Chunk:
        table, labels, refused, _ = build(self.entries, self.layout)
        for row, why in refused.items():
            held = self.entries
            self.bad.append(bad_line(why, held.raw[row], file=self.name, line=held.lines[row], offset=held.offsets[row] or 0))
        self.bad.sort(key=lambda bad: (bad.line, bad.offset))
        if last is not None:
            self.position = Position(last.end, last.last_line, last.digest or digest_of(last.raw).hex())
        chunk = _chunk(table, labels, self.bad, self.position, self.count)
        self.entries, self.bad, self.count, self.bytes = Entries(), [], 0, 0
        return chunk


def _beside(adapter: Adapter | None, shaping: Shaping, detected: Detected) -> dict[str, Getter]:
    """What was found beside an exchange of a known format: it fills what the format itself does not say."""
    if adapter is None or adapter.rows is None:
        return {}
    return {
        field: getter(path, detected.columns) for field, path in detected.mapping.items() if field not in shaping.map and adapter.mapping.get(field) != path
    }


def choice_key(key: bytes, number: int) -> bytes:
    """The key of one of several outputs of a line: the hash of the line's key and the choice number from 0."""
    return digest_of(key + number.to_bytes(4, "big"))


def layout_of(adapter: Adapter | None, shaping: Shaping, detected: Detected, name: str) -> ColumnLayout:
    """How this file's entries become columns. Raises: UsageError."""
    paths: Mapping[str, str] = detected.mapping
    if _makes_rows(adapter):
        # The rows are canonical already: each field is read under its own name.
        fields = dict.fromkeys((*MAPPABLE, *detected.mapping, *shaping.map))
        getters = {field: getter(field, (field,)) for field in fields}
    else:
        getters = {field: getter(path, detected.columns) for field, path in paths.items()}
    mapped = shaping.map if _makes_rows(adapter) else paths
    numbers = frozenset(field for field in NUMBER_COLUMNS if field in mapped and field not in detected.empty)
    named = frozenset(shaping.map)
    return ColumnLayout(
        name,
        detected.format,
        getters,
        zone=zone_named(shaping.zone),
        day_first=detected.day_first,
        named=named,
        decimals=detected.decimals,
        numbers=numbers,
        ratings=detected.ratings,
        signed=detected.signed,
    )


def _makes_rows(adapter: Adapter | None) -> bool:
    return adapter is not None and adapter.rows is not None


def _chunk(table: pa.Table, labels: list[Label], bad: list[BadLine], position: Position, count: int) -> Chunk:
    return Chunk(records=table, labels=labels, bad=bad, position=position, entries=count)


def parquet_rows(path: str, start: Position) -> Iterator[ReadItem]:
    """Rows of a Parquet file; line is the row number from 1. NaN, pandas' missing number, is null."""
    import pyarrow.parquet as pq

    line = start.line
    try:
        with pq.ParquetFile(local_path(path)) as file:
            for batch in file.iter_batches(batch_size=500):
                for row in batch.to_pylist():
                    line += 1
                    value = {name: None if cell != cell else cell for name, cell in row.items()}
                    identity = orjson.dumps(value, default=_readable, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)
                    yield Entry(identity, line, line - 1, line, line), _checked(value), identity
    except (pa.ArrowException, OSError, ValueError) as error:
        raise LogError(f"{path} cannot be read as Parquet: {str(error)[:200]}", hint="is the file complete?") from None


def _checked(value: dict[str, Any]) -> Object | RefusedLine:
    try:
        return value if is_finite(value, 200) else RefusedLine("non_finite", "a number of this row is not finite")
    except RefusedLine as refused:
        return refused


def _readable(value: object) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)
