"""What kind of file it is, told from its first bytes and never from its name: jsonl, array, object, csv or parquet."""

from itertools import islice

import orjson

from judgecli.errors import LogError
from judgecli.readers.adapter import RefusedLine
from judgecli.readers.delimited import DELIMITERS, sniff
from judgecli.readers.entries import BOM, lines_of, whole_of
from judgecli.readers.jsontext import parse_object
from judgecli.readers.log import Position, Shaping
from judgecli.readers.source import open_plain
from judgecli.readers.synonyms import NAMES, normalised

_HEAD = 256 * 1024
_FOREIGN = {
    b"PK\x03\x04": "a zip archive",
    b"SQLite format 3\x00": "a SQLite database",
    b"\xff\xfe": "UTF-16 text",
    b"\xfe\xff": "UTF-16 text",
    b"%PDF": "a PDF",
}
_FORCED = {"jsonl": "jsonl", "csv": "csv", "parquet": "parquet"}


def container_of(path: str, shaping: Shaping) -> tuple[str, str | None, str]:
    """(container, compression, delimiter of a csv). Raises: LogError."""
    with open_plain(path, shaping.encoding) as stream:
        head = stream.read(_HEAD)
        while len(head) < _HEAD and (more := stream.read(_HEAD - len(head))):
            head += more
        compression, broken = stream.compression, stream.broken
    text = head.removeprefix(BOM).lstrip()
    if not text:
        if broken:
            way_out = "name the encoding that it is in; UTF-8 needs no --encoding" if shaping.encoding else "nothing can be told of it; get a whole copy of it"
            raise LogError(f"{path} cannot be read: {broken}", hint=way_out)
        raise LogError(f"{path} is empty", hint="nothing can be told of it; name a log with at least one line")
    if head.startswith(b"PAR1"):
        return _parquet(path, compression)
    for magic, what in _FOREIGN.items():
        if head.startswith(magic):
            way = "; say what it is in: --encoding utf-16" if "UTF-16" in what else ""
            raise LogError(f"{path} is {what}", hint=f"logs are read as UTF-8 JSONL, JSON, CSV or Parquet, plain or as gz, bz2, xz, zst{way}")
    forced = _FORCED.get(shaping.format or "")
    container = forced or _json_container(path, text, shaping)
    if container == "parquet":
        raise LogError(f"{path} is no Parquet file", hint="leave out --format to have the format detected")
    if container is not None and container != "csv":
        return container, compression, ""
    delimiter = _delimiter(head.removeprefix(BOM), whole=len(head) < _HEAD)
    if not delimiter and forced == "csv":
        delimiter = ","
    if not delimiter:
        raise LogError(
            f"{path} has no known format: neither JSON nor rows of CSV", hint="known: JSONL, JSON, CSV or TSV with a header, Parquet; force one with --format"
        )
    return "csv", compression, delimiter


def _parquet(path: str, compression: str | None) -> tuple[str, str | None, str]:
    if compression:
        raise LogError(f"{path} is Parquet inside {compression}", hint="unpack it; Parquet compresses by itself")
    return "parquet", None, ""


def _json_container(path: str, text: bytes, shaping: Shaping) -> str | None:
    """jsonl, array or object; None where it is no JSON."""
    first, newline, rest = text.partition(b"\n")
    if text[:1] == b"[":
        return "jsonl" if newline and rest.strip() and _is_json(first) else "array"
    if text[:1] == b"{":
        return "jsonl" if _object_lines(path, shaping, 1) == 1 or not _is_one_object(path, shaping) else "object"
    # A banner above the JSON lines, or values that are no objects, do not make a log CSV.
    return "jsonl" if _object_lines(path, shaping, 50) >= 0.5 else None


def _object_lines(path: str, shaping: Shaping, count: int) -> float:
    """Share of the first lines that are JSON objects."""
    with open_plain(path, shaping.encoding) as stream:
        entries = list(islice(lines_of(stream, Position(), shaping.max_line_bytes), count))
    return sum(not entry.digest and _parses(entry.raw, shaping) for entry in entries) / max(1, len(entries))


def _is_one_object(path: str, shaping: Shaping) -> bool:
    with open_plain(path, shaping.encoding) as stream:
        entry = next(whole_of(stream, shaping.max_line_bytes))
    return not entry.digest and _parses(entry.raw, shaping)


def _parses(raw: bytes, shaping: Shaping) -> bool:
    try:
        return bool(parse_object(raw, shaping.max_depth)) or True
    except RefusedLine:
        return False


def _is_json(raw: bytes) -> bool:
    try:
        orjson.loads(raw)
    except orjson.JSONDecodeError:
        return False
    return True


def _delimiter(head: bytes, *, whole: bool) -> str:
    """The delimiter of a CSV, told by a header of known names or by rows as wide as the header; "" for no CSV."""
    text = head.decode("utf-8", "surrogateescape")
    if not whole:
        text = text[: text.rfind("\n") + 1] or text
    header = next((line for line in text.split("\n") if line.strip()), "")
    known = {delimiter: _known_names(header, delimiter) for delimiter in DELIMITERS}
    best = max(known, key=lambda delimiter: known[delimiter])
    if known[best] >= 2:
        return best
    delimiter, share = sniff(text)
    if delimiter and share >= 0.8:
        return delimiter
    return "," if known[","] else ""


def _known_names(header: str, delimiter: str) -> int:
    names = {name for names in NAMES.values() for name in names}
    return sum(normalised(cell.strip().strip('"')) in names for cell in header.strip().split(delimiter))
