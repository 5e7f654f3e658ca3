"""A file that is read again since its lines become other records now: those that stand in the store for its lines make way."""

from collections.abc import Collection, Sequence

import numpy as np
import pyarrow as pa

from judgecli.readers.keying import keys_in_file, numbered, pairs_of
from judgecli.readers.log import Detected, LogFile
from judgecli.readers.read import read_log
from judgecli.store import tables
from judgecli.store.folder import Store
from judgecli.store.keys import KeyIndex
from judgecli.store.rewrite import Confirm, drop_rows


def shaped_otherwise(store: Store, log: LogFile, others: Collection[str]) -> set[int]:
    """Readings that shaped their lines in another way than this run asks, except those of this run's other files."""
    rows = store.ledger.rows("SELECT file_id, path, current FROM files WHERE shaping != ?", (log.asked.digest,))
    return {row["file_id"] for row in rows if not (row["current"] and row["path"] in others)}


def make_way(store: Store, log: LogFile, detected: Detected, foreign: set[int], *, confirm: Confirm) -> None:
    """Take out the records that these foreign readings gave for the lines of a file, under either key that a line may have (keying.py)."""
    seen: list[set[bytes] | None] = [set(), set()] if log.keep_duplicates else [None, None]
    by_line, in_file = [], []
    for chunk in read_log(log.path, log.shaping, detected, name=log.name):
        by_line.append(pairs_of(numbered(chunk.records, seen[0])))
        in_file.append(pairs_of(numbered(keys_in_file(chunk.records, log.name), seen[1])))
    held = index_of([*by_line, *in_file])
    touched = [shard for shard in store.shards() if foreign & set(shard.members)]
    drop_rows(store, touched, lambda table: _owned(table, foreign, held), confirm=confirm)
    old, new = (by_line, in_file) if log.by_file else (in_file, by_line)
    _move_labels(store, np.concatenate(old), np.concatenate(new), foreign, confirm)


def holds_any(store: Store, file_ids: set[int], keys: KeyIndex) -> bool:
    """Whether the store has a record of these readings with one of these keys."""
    paths = [store.records_path(shard.name) for shard in store.shards() if file_ids & set(shard.members)]
    return any(_owned(tables.read_parquet(path, ["key", "file_id"]), file_ids, keys).any() for path in paths)


def index_of(keys: Sequence[np.ndarray]) -> KeyIndex:
    """These keys as a set."""
    index = KeyIndex([])
    index.add(np.concatenate([np.empty((0, 2), dtype="<u8"), *keys]))
    return index


def _owned(table: pa.Table, file_ids: set[int], held: KeyIndex) -> np.ndarray:
    """The rows that one of these readings gave, and whose key is held."""
    return np.asarray(np.isin(table.column("file_id").to_numpy(), list(file_ids)) & held.contains(tables.key_array(table.column("key"))))


def _move_labels(store: Store, old: np.ndarray, new: np.ndarray, foreign: set[int], confirm: Confirm) -> None:
    """What people said of the lines goes with them to their new keys; it stays under the old one too where another file still has the line by it."""
    targets = {row["target"] for row in store.ledger.rows("SELECT DISTINCT target FROM labels WHERE unit = 'record'")}
    moved = {before.tobytes(): after.tobytes() for before, after in zip(old, new, strict=True) if before.tobytes() in targets}
    if not moved:
        return
    current = {row["file_id"] for row in store.ledger.rows("SELECT file_id FROM files WHERE current = 1")}
    keys = np.frombuffer(b"".join(moved), dtype="<u8").reshape(-1, 2)
    elsewhere = KeyIndex(store.key_files()).contains(keys) | index_of([pairs_of(store.sightings(current - foreign))]).contains(keys)
    columns = "name, rater, unit, record_id, rater_kind, value, label, comment, time, rubric_version, seconds_taken, shown_order, selection_probability"
    with store.ledger.transaction() as connection:
        confirm(connection)
        connection.executemany(
            f"INSERT OR IGNORE INTO labels (target, {columns}) SELECT ?, {columns} FROM labels WHERE target = ? AND unit = 'record'",
            [(after, before) for before, after in moved.items()],
        )
        gone = [(before,) for before, held in zip(moved, elsewhere.tolist(), strict=True) if not held]
        connection.executemany("DELETE FROM labels WHERE target = ? AND unit = 'record'", gone)
