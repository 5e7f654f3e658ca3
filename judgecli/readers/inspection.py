"""What `judge inspect` says of one file: how it is read, three records, unmapped fields, bad lines. Nothing is stored."""

from collections import Counter
from datetime import datetime

from judgecli.readers.checkpoint import equal_lines_note
from judgecli.readers.detect import detect
from judgecli.readers.log import Shaping
from judgecli.readers.read import read_log

MOST_ENTRIES = 100_000  # a larger file is read up to here, and says so
SAMPLE = 3
BAD_LINES = 5


def inspect_file(path: str, shaping: Shaping) -> dict[str, object]:
    """DESIGN's `inspect` shape for one file. Raises: LogError, UsageError."""
    detected = detect(path, shaping)
    records = entries = 0
    reasons: Counter[str] = Counter()
    sample: list[dict[str, object]] = []
    bad_lines: list[str] = []
    partial, ending = False, ""
    keys: set[bytes] = set()
    for chunk in read_log(path, shaping, detected):
        sample += [_record(row) for row in chunk.records.slice(0, SAMPLE - len(sample)).to_pylist()]
        bad_lines += [f"{bad.file}:{bad.line} {bad.reason}: {bad.message}" for bad in chunk.bad[: BAD_LINES - len(bad_lines)]]
        keys.update(chunk.records.column("key").to_pylist())
        reasons.update(bad.reason for bad in chunk.bad)
        records, entries, ending = records + chunk.records.num_rows, entries + chunk.records.num_rows + len(chunk.bad), chunk.reason
        if entries >= MOST_ENTRIES:
            partial = True
            break
    equal = equal_lines_note(path, detected, records - len(keys), records)
    return {
        "path": path,
        "format": detected.format,
        "container": detected.container,
        "compression": detected.compression,
        "confidence": detected.confidence,
        "mapping": dict(detected.mapping),
        "guessed": detected.guessed,
        "unmapped": list(detected.unmapped),
        "lines": entries,
        "records": records,
        "quarantined": sum(reasons.values()),
        "quarantine_reasons": dict(reasons),
        "bad_lines": bad_lines,
        "partial": partial,
        "truncated": ending,
        "sample": sample,
        "notes": [*detected.notes, *([equal] if equal is not None else []), *([f"only the first {entries:,} lines were read"] if partial else [])],
    }


def _record(row: dict[str, object]) -> dict[str, object]:
    """A record as JSON: no nulls, times as ISO, tags as an object."""
    return {name: _plain(value) for name, value in row.items() if value is not None}


def _plain(value: object) -> object:
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, list) and value and isinstance(value[0], tuple):
        return dict(value)
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items() if inner is not None}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return value
