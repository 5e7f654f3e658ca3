"""Which records a run is about: all records of its log files, also those stored before, each once."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from judgecli.errors import StoreCorrupt
from judgecli.store import tables
from judgecli.store.folder import Shard, Store
from judgecli.store.keys import KeyIndex, first_occurrences


@dataclass(frozen=True)
class LineCounts:
    """Every line of the logs in exactly one state: lines = accepted + quarantined + duplicate + forgotten.

    A line that holds several outputs counts once an output.
    """

    lines: int
    accepted: int
    quarantined: int
    duplicate: int
    forgotten: int


@dataclass(frozen=True)
class Scope:
    """The records of some readings of log files (`file_ids`, in their order).

    `adopted` (key, file_id, line) lists the records that other files gave first; `shards` hold at
    least one record of the scope; `whole` tells whether they hold nothing else.
    """

    file_ids: tuple[int, ...]
    shards: tuple[Shard, ...]
    adopted: pa.Table
    whole: bool
    counts: LineCounts


def open_scope(store: Store, file_ids: Sequence[int], *, entries: int, bad: int) -> Scope:
    """The records of these readings. `entries` and `bad` are what intake counted in them.

    Raises: StoreCorrupt where a line of the logs has no state or two.
    """
    wanted = set(file_ids)
    shards = store.shards()
    own_rows = sum(rows for shard in shards for file_id, rows in shard.members.items() if file_id in wanted)
    seen = store.sightings(wanted)
    forgotten_keys = KeyIndex(store.tombstone_files())
    forgotten = forgotten_keys.contains(tables.key_array(seen.column("key")))
    adopted = _adopt(store, shards, wanted, seen.filter(pa.array(~forgotten)))
    gone = int(forgotten.sum())
    counts = LineCounts(entries, own_rows + adopted.num_rows, bad, seen.num_rows - gone - adopted.num_rows, gone)
    if counts.lines != counts.accepted + counts.quarantined + counts.duplicate + counts.forgotten:
        raise StoreCorrupt(
            f"the counts of the store do not add up: {counts.lines} lines, {counts.accepted} accepted, {counts.quarantined} quarantined, "
            f"{counts.duplicate} duplicate, {counts.forgotten} forgotten",
            hint=f"judge store verify looks for the damage in {store.root}",
        )
    used = tuple(shard for shard in shards if adopted.num_rows or wanted & set(shard.members))
    whole = not adopted.num_rows and all(wanted >= set(shard.members) for shard in used)
    return Scope(tuple(file_ids), used, adopted, whole, counts)


def _adopt(store: Store, shards: Sequence[Shard], wanted: set[int], seen: pa.Table) -> pa.Table:
    """The first sighting of each key whose record belongs to a file outside the scope."""
    if seen.num_rows == 0:
        return seen
    own = KeyIndex([store.root / "keys" / f"{shard.name}.keys" for shard in shards if wanted >= set(shard.members)])
    for shard in shards:
        if wanted & set(shard.members) and not wanted >= set(shard.members):
            mixed = tables.read_parquet(store.records_path(shard.name), ["key", "file_id"])
            own.add(tables.key_array(mixed.filter(pa.array(np.isin(mixed.column("file_id").to_numpy(), list(wanted)))).column("key")).copy())
    rank = {file_id: place for place, file_id in enumerate(sorted(wanted))}
    ranks = np.array([rank[file_id] for file_id in seen.column("file_id").to_pylist()])
    seen = seen.take(pa.array(np.lexsort((seen.column("line").to_numpy(), ranks))))
    keys = tables.key_array(seen.column("key"))
    live = KeyIndex(store.key_files())
    firsts = first_occurrences(keys) & ~own.contains(keys) & live.contains(keys)
    return seen.filter(pa.array(firsts))
