"""Which key the record of a line has: the hash of the line, and where a project asks for it also of the file's name, or of which repeat it is."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import pyarrow as pa

from judgecli.readers import batch
from judgecli.readers.log import digest_of
from judgecli.schema import Label

Forgotten = Callable[[pa.Array], Sequence[bool]]  # of each key, whether it was forgotten


def key_in_file(key: bytes, name: str) -> bytes:
    """The key of a record where equal lines of two files are two records: the hash of its key and of the file's name."""
    return digest_of(key + name.encode("utf-8", "surrogatepass"))


def keyed(records: pa.Table, labels: Sequence[Label], name: str, *, by_file: bool, forgotten: Forgotten | None) -> tuple[pa.Table, Sequence[Label]]:
    """Records of the file `name` and their labels, by line or `by_file`. What was `forgotten` under its other key keeps that, and so stays forgotten."""
    if records.num_rows == 0 or not (by_file or forgotten):
        return records, labels
    lines = records.column("key").to_pylist()
    in_file = [key_in_file(key, name) for key in lines]
    wanted, other = (in_file, lines) if by_file else (lines, in_file)
    gone = forgotten(pa.array(other, pa.binary(16))) if forgotten else [False] * len(other)
    keys = [away if is_gone else key for key, away, is_gone in zip(wanted, other, gone, strict=True)]
    of_line = dict(zip(lines, keys, strict=True))
    return _with_keys(records, keys), [replace(label, key=of_line.get(label.key, label.key)) for label in labels]


def numbered(records: pa.Table, seen: set[bytes] | None) -> pa.Table:
    """The records with repeats numbered, where `seen` says that duplicates are kept."""
    if seen is None or records.num_rows == 0:
        return records
    return _with_keys(records, batch.number_repeats(records.column("key").to_pylist(), seen))


def keys_in_file(records: pa.Table, name: str) -> pa.Table:
    """The records with the keys that they have in this file."""
    return _with_keys(records, [key_in_file(key, name) for key in records.column("key").to_pylist()])


def _with_keys(records: pa.Table, keys: Sequence[bytes]) -> pa.Table:
    return records.set_column(0, records.schema.field("key"), pa.array(keys, pa.binary(16)))
