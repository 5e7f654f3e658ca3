"""What a file held before its beginning became another one: it was rotated (it goes on where it ended), or written anew (it says the same things again)."""

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from judgecli.errors import StoreCorrupt
from judgecli.store import tables
from judgecli.store.folder import Shard, Store
from judgecli.store.keys import KeyIndex
from judgecli.store.rewrite import Confirm, drop_rows

TRACES = pa.schema([("id", pa.string()), ("time", pa.timestamp("us", tz="UTC")), ("prompt_hash", pa.int64())])
SAME = 0.5  # share of the earlier records whose id and prompt come again, from which on a file says the same things again


def retire(store: Store, path: str, file_id: int, *, confirm: Confirm) -> tuple[Literal["rotated", "rewritten"], int] | None:
    """Take out the records of earlier readings of a file that its reading `file_id` does not hold, unless the file was rotated.

    Returns which it was, and how many records that is; None where there is none. What another file holds too stays.
    """
    rows = store.ledger.rows("SELECT file_id FROM files WHERE path = ? AND file_id != ?", (path, file_id))
    earlier = [row["file_id"] for row in rows]
    shards = [shard for shard in store.shards() if set(earlier) & set(shard.members)]
    if not shards:
        return None
    current = [row["file_id"] for row in store.ledger.rows("SELECT file_id FROM files WHERE current = 1")]
    sighted = KeyIndex([])
    sighted.add(tables.key_array(store.sightings(current).column("key")).copy())

    def stale(table: pa.Table) -> np.ndarray:
        return np.asarray(np.isin(table.column("file_id").to_numpy(), earlier) & ~sighted.contains(tables.key_array(table.column("key"))))

    before = _traces(store, shards, stale)
    if not before.num_rows:
        return None
    lines = KeyIndex([])
    lines.add(tables.key_array(store.sightings([file_id]).column("key")).copy())

    def holds(table: pa.Table) -> np.ndarray:
        return np.asarray((table.column("file_id").to_numpy() == file_id) | lines.contains(tables.key_array(table.column("key"))))

    now = _traces(store, store.shards(), holds)
    if is_rotated(before, now):
        return "rotated", before.num_rows
    drop_rows(store, shards, stale, confirm=confirm)
    return "rewritten", before.num_rows


def _traces(store: Store, shards: Sequence[Shard], mask: Callable[[pa.Table], np.ndarray]) -> pa.Table:
    """id, time and prompt of the rows of a mask."""
    found = [TRACES.empty_table()]
    for shard in shards:
        try:
            table = tables.read_parquet(store.records_path(shard.name), ["key", "file_id", *TRACES.names])
        except FileNotFoundError as error:  # whoever reads logs holds the lease, so nobody replaced it
            raise StoreCorrupt(f"{store.records_path(shard.name)} is not there", hint=tables.SALVAGE) from error
        found.append(table.filter(pa.array(mask(table))).select(TRACES.names).cast(TRACES))
    return pa.concat_tables(found)


def is_rotated(before: pa.Table, now: pa.Table) -> bool:
    """Whether the records of a file now follow those that it held before.

    Tables: TRACES. True where most records have a time, every record now is newer than all before, and less than half of the
    records before come again with their id and prompt (an evaluation that is run each night is written anew, though its times are later).
    Without times nothing shows that a file goes on: False. An empty file goes on.
    """
    if not now.num_rows:
        return True
    if _come_again(before, now) >= SAME * before.num_rows:
        return False
    times = [table.column("time") for table in (before, now)]
    if any(column.null_count > 0.5 * len(column) for column in times):
        return False
    newest, oldest = pc.max(times[0]).as_py(), pc.min(times[1]).as_py()
    return newest is not None and oldest is not None and oldest > newest


def _come_again(before: pa.Table, now: pa.Table) -> int:
    held = {(identity, prompt) for identity, prompt in zip(now.column("id").to_pylist(), now.column("prompt_hash").to_pylist(), strict=True) if identity}
    return sum((identity, prompt) in held for identity, prompt in zip(before.column("id").to_pylist(), before.column("prompt_hash").to_pylist(), strict=True))
