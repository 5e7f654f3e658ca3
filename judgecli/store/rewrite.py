"""Upkeep that replaces shards: drop rows, merge small shards, forget. Old files go after the ledger no longer lists them."""

import json
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from judgecli.store import tables
from judgecli.store.comparisons import drop_comparisons
from judgecli.store.folder import Shard, Store
from judgecli.store.keys import KeyIndex

Confirm = Callable[[sqlite3.Connection], object]
SMALL_ROWS = 25_000  # shards below this are worth merging
MERGED_ROWS = 50_000


def drop_rows(store: Store, shards: Sequence[Shard], stale: Callable[[pa.Table], np.ndarray], *, confirm: Confirm, forget: bool = False) -> int:
    """Take rows out of shards, with their scores; returns how many.

    `stale` gives a mask for a table of (key, file_id, time, source and all else stored). The lines
    they came from are noted as sightings, so that every line of a log keeps one state. With `forget`
    the keys stay as tombstones. Every mask is made before anything is dropped: a `stale` that raises
    drops nothing.
    """
    masks = [(shard, mask) for shard in shards if (mask := stale(tables.read_parquet(store.records_path(shard.name)))).any()]
    for shard, mask in masks:
        records = tables.read_parquet(store.records_path(shard.name))
        _replace(store, [shard], records.filter(pa.array(~mask)), {shard.name: ~mask}, confirm, dropped=records.filter(pa.array(mask)), forget=forget)
    return sum(int(mask.sum()) for _, mask in masks)


def drop_given(store: Store, file_ids: set[int], keys: KeyIndex, *, confirm: Confirm) -> None:
    """Take out the records with these keys that these readings gave."""
    touched = [shard for shard in store.shards() if file_ids & set(shard.members)]
    drop_rows(store, touched, lambda table: _given(table, file_ids, keys), confirm=confirm)


def holds_any(store: Store, file_ids: set[int], keys: KeyIndex) -> bool:
    """Whether the store has a record of these readings with one of these keys."""
    paths = [store.records_path(shard.name) for shard in store.shards() if file_ids & set(shard.members)]
    return any(_given(tables.read_parquet(path, ["key", "file_id"]), file_ids, keys).any() for path in paths)


def _given(table: pa.Table, file_ids: set[int], keys: KeyIndex) -> np.ndarray:
    """The rows that one of these readings gave, and whose key is held."""
    return np.asarray(np.isin(table.column("file_id").to_numpy(), list(file_ids)) & keys.contains(tables.key_array(table.column("key"))))


def merge_small(store: Store, *, confirm: Confirm) -> tuple[int, int]:
    """Merge neighbouring small shards into larger ones; returns how many became how many."""
    before = len(store.shards())
    batch: list[Shard] = []
    for shard in [*store.shards(), None]:
        if shard is not None and shard.rows < SMALL_ROWS and sum(member.rows for member in batch) + shard.rows <= MERGED_ROWS:
            batch.append(shard)
            continue
        if len(batch) > 1:
            _merge(store, batch, confirm)
        batch = [shard] if shard is not None and shard.rows < SMALL_ROWS else []
    return before, len(store.shards())


def _merge(store: Store, shards: Sequence[Shard], confirm: Confirm) -> None:
    merged = pa.concat_tables([tables.as_stored(tables.read_parquet(store.records_path(shard.name))) for shard in shards]).combine_chunks()
    _replace(store, shards, merged, {shard.name: np.ones(shard.rows, dtype=bool) for shard in shards}, confirm)


def _replace(
    store: Store,
    old: Sequence[Shard],
    records: pa.Table,
    keep: dict[str, np.ndarray],
    confirm: Confirm,
    *,
    dropped: pa.Table | None = None,
    forget: bool = False,
) -> None:
    """Put one shard of `records` in the place of the old ones, in one transaction. `keep` masks the rows of each."""
    name = tables.shard_name(records) if records.num_rows else ""
    if name:
        tables.write_records(store.root, name, records)
        _carry_scores(store.root, [shard.name for shard in old], keep, name)
    sighted = _write_dropped(store.root, dropped, forget=forget) if dropped is not None else ""
    with store.ledger.transaction() as connection:
        confirm(connection)
        sequence = min(row["sequence"] for shard in old for row in connection.execute("SELECT sequence FROM shards WHERE name=?", (shard.name,)))
        for shard in old:
            connection.execute("DELETE FROM shards WHERE name=?", (shard.name,))
            connection.execute("DELETE FROM members WHERE shard=?", (shard.name,))
        if name:
            present = sorted(tables.present_columns(records))
            connection.execute("INSERT INTO shards VALUES (?,?,?,?)", (name, records.num_rows, json.dumps(present), sequence))
            connection.executemany("INSERT INTO members VALUES (?,?,?)", [(name, *item) for item in _count(records).items()])
        if dropped is not None:
            connection.executemany("INSERT OR REPLACE INTO sightings VALUES (?,?,?)", [(sighted, *item) for item in _count(dropped).items()])
            compared = drop_comparisons(connection, set(dropped.column("key").to_pylist()))
        if dropped is not None and forget:
            connection.execute("INSERT OR REPLACE INTO tombstones VALUES (?,?)", (sighted, dropped.num_rows))
            keys = [(key,) for key in (*dropped.column("key").to_pylist(), *compared)]
            connection.executemany("DELETE FROM labels WHERE target=?", keys)
            connection.execute("CREATE TEMP TABLE IF NOT EXISTS gone (key BLOB PRIMARY KEY) WITHOUT ROWID")
            connection.executemany("INSERT OR IGNORE INTO gone VALUES (?)", keys)
            connection.execute("DELETE FROM replies WHERE target IN (SELECT key FROM gone)")  # one pass over the replies, whatever is forgotten
            connection.execute("DELETE FROM gone")
    for shard in old:
        if shard.name != name:
            remove_shard(store.root, shard.name)


def _write_dropped(root: Path, dropped: pa.Table, *, forget: bool) -> str:
    """Note where the dropped rows came from, and with `forget` their keys as tombstones; returns the name of both."""
    lines = pa.table([dropped["key"], dropped["file_id"], pc.struct_field(dropped["source"], "line")], schema=tables.SIGHTINGS)
    name = f"{'forgotten' if forget else 'dropped'}-{tables.digest_rows(lines)}"
    tables.write_parquet(root / "sightings" / f"{name}.parquet", lines)
    if forget:
        tables.write_keys(root / "keys" / f"{name}.keys", tables.key_array(lines.column("key")))
    return name


def _carry_scores(root: Path, old: Sequence[str], keep: dict[str, np.ndarray], new: str) -> None:
    """Carry over the score files that every old shard has; what only some have is computed again by the next run."""
    by_shard = [{tables.group_of(path): (path, metrics) for path, metrics in tables.score_files(root, shard).items()} for shard in old]
    for name in set.intersection(*(set(files) for files in by_shard)):
        parts = [tables.read_parquet(files[name][0]).filter(pa.array(keep[shard])) for shard, files in zip(old, by_shard, strict=True)]
        scores = pa.concat_tables(parts, promote_options="permissive").unify_dictionaries().combine_chunks()
        tables.write_scores(root, new, scores, by_shard[0][name][1])


def remove_shard(root: Path, name: str) -> None:
    """Delete the files of a shard that is no longer live."""
    for path in (root / "records" / f"{name}.parquet", root / "keys" / f"{name}.keys", *(root / "scores" / name).glob("*")):
        with suppress(FileNotFoundError):
            path.unlink()
    with suppress(OSError):
        (root / "scores" / name).rmdir()


def _count(table: pa.Table) -> dict[int, int]:
    ids, counts = np.unique(table.column("file_id").to_numpy(), return_counts=True)
    return dict(zip(ids.tolist(), counts.tolist(), strict=True))
