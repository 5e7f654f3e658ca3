"""What `judge store` does: info, verify, compact, forget; and `keep:`."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa

from judgecli.errors import StoreBusy, StoreCorrupt
from judgecli.signal.cells import duration
from judgecli.store import tables
from judgecli.store.comparisons import compared_metrics, read_comparisons
from judgecli.store.filters import compile_filter, mask_of
from judgecli.store.folder import Store
from judgecli.store.journal import damaged_journals
from judgecli.store.keys import first_occurrences
from judgecli.store.ledger import Lease
from judgecli.store.rewrite import drop_rows, merge_small, remove_shard
from judgecli.store.selection import newest_time

HALF_WRITTEN_S = 3600.0  # a temporary file older than this has nobody left who writes it


@contextmanager
def maintenance(store: Store) -> Iterator[Lease]:
    """Hold the lease for an upkeep verb. Raises: StoreBusy where another judge is at work."""
    lease = Lease(store.ledger)
    holder = lease.try_acquire()
    if holder is not None:
        raise StoreBusy(f"another judge (process {holder}) is writing to {store.root}", hint="run again when it is done")
    try:
        yield lease
    finally:
        lease.release()


def info(store: Store) -> dict[str, object]:
    """What the store holds, in numbers."""
    shards = store.shards()
    count = {table: store.ledger.rows(f"SELECT count(*) AS n FROM {table}")[0]["n"] for table in ("labels", "runs", "comparisons")}
    files = store.ledger.rows("SELECT path, entries, bad, truncated FROM files WHERE current = 1 ORDER BY path")
    metrics: dict[tuple[str, str], int] = {}
    for shard in shards:
        for found in tables.score_files(store.root, shard.name).values():
            for metric in found:
                metrics[metric.name, metric.identity] = metrics.get((metric.name, metric.identity), 0) + shard.rows
    return {
        "store": str(store.root),
        "records": sum(shard.rows for shard in shards),
        "shards": len(shards),
        "forgotten": sum(row["keys"] for row in store.ledger.rows("SELECT keys FROM tombstones")),
        "quarantined": sum(row["bad"] for row in files),
        "labels": count["labels"],
        "runs": count["runs"],
        "comparisons": count["comparisons"],
        "bytes": sum(path.stat().st_size for path in store.root.rglob("*") if path.is_file()),
        "files": [{"path": row["path"], "lines": row["entries"], "quarantined": row["bad"], "truncated": bool(row["truncated"])} for row in files],
        "metrics": [{"name": name, "identity": identity, "records": rows} for (name, identity), rows in sorted(metrics.items())],
    }


def verify(store: Store) -> dict[str, object]:
    """Check every file of the store against the ledger: counts, keys, alignment, states; returns the problems found."""
    problems: list[str] = [f"ledger: {row[0]}" for row in store.ledger.rows("PRAGMA integrity_check") if row[0] != "ok"]
    shards = store.shards()
    keys: list[np.ndarray] = []
    for shard in shards:
        problems += _attempt(lambda shard=shard: keys.append(_verify_shard(store, shard.name, shard.rows, shard.members)))  # type: ignore[misc]
        for path in sorted((store.root / "scores" / shard.name).glob("*.parquet")):
            if not path.name.startswith("."):
                problems += _attempt(lambda path=path, rows=shard.rows: _verify_scores(path, rows))  # type: ignore[misc]
        problems += tables.contested_groups(store.root, shard.name)
    everything = np.concatenate([np.empty((0, 2), dtype="<u8"), *keys])
    repeated = len(everything) - int(first_occurrences(everything).sum())
    if repeated:
        problems.append(f"{repeated} records stand in the store twice")
    problems += _verify_lines(store)
    for _, identity, _ in compared_metrics(store.ledger):
        problems += _attempt(lambda identity=identity: _verify_comparisons(store, identity, everything))  # type: ignore[misc]
    problems += [
        f"{path} holds replies that cannot be read; the rest of it was taken over, and these are asked again: remove it once you have looked at it"
        for path in damaged_journals(store.root)
    ]
    orphans = _orphans(store)
    found = {"store": str(store.root), "ok": not problems, "problems": problems, "shards": len(shards), "records": len(everything), "orphans": len(orphans)}
    return {**found, "hint": tables.SALVAGE} if problems else found


def _attempt(check: Callable[[], object]) -> list[str]:
    try:
        check()
    except (StoreCorrupt, FileNotFoundError, ValueError) as error:
        return [str(error)]
    return []


def _verify_shard(store: Store, name: str, rows: int, members: dict[int, int]) -> np.ndarray:
    path = store.records_path(name)
    if not path.exists():
        raise StoreCorrupt(f"{path} is missing", hint="")
    records = tables.read_parquet(path)
    records.validate(full=True)
    ids, counts = np.unique(records.column("file_id").to_numpy(), return_counts=True)
    if records.num_rows != rows or dict(zip(ids.tolist(), counts.tolist(), strict=True)) != members:
        raise StoreCorrupt(f"{path} holds other rows than the ledger says ({records.num_rows} instead of {rows})", hint="")
    if tables.shard_name(records) != name:
        raise StoreCorrupt(f"{path} does not hold what its name says", hint="")
    keys = tables.key_array(records.column("key"))
    stored = tables.read_keys(store.root / "keys" / f"{name}.keys")
    if len(stored) != len(keys) or (keys[np.lexsort((keys[:, 1], keys[:, 0]))] != stored).any():
        raise StoreCorrupt(f"{store.root / 'keys' / name}.keys does not hold the keys of its shard", hint="")
    return keys


def _verify_scores(path: Path, rows: int) -> None:
    metrics = tables.metrics_of(path)
    if tables.group_name({metric.name: metric.identity for metric in metrics}) != tables.group_of(path):
        raise StoreCorrupt(f"{path} does not hold what its name says", hint="")
    scores = tables.read_parquet(path)
    scores.validate(full=True)
    if scores.num_rows != rows:
        raise StoreCorrupt(f"{path} has {scores.num_rows} rows for {rows} records", hint="")
    for metric in metrics:
        values, reasons = scores.column(metric.name), scores.column(f"{metric.name}.reason")
        both = values.is_valid().to_numpy() == reasons.is_valid().to_numpy()
        if both.any():
            raise StoreCorrupt(f"{path}: {int(both.sum())} cells of {metric.name} have no state, or two", hint="")


def _verify_comparisons(store: Store, identity: str, keys: np.ndarray) -> None:
    """Every comparison has a state, and all its records are there."""
    members = [member for one in read_comparisons(store.ledger, identity) for member in one.members]
    held = {key.tobytes() for key in keys}
    lost = sum(member not in held for member in members)
    if lost:
        raise StoreCorrupt(f"{lost} answers that were compared are not in the store", hint="")


def _verify_lines(store: Store) -> list[str]:
    """Every line of every current reading has one state."""
    own = {row["file_id"]: row["n"] for row in store.ledger.rows("SELECT file_id, sum(rows) AS n FROM members GROUP BY 1")}
    seen = {row["file_id"]: row["n"] for row in store.ledger.rows("SELECT file_id, sum(rows) AS n FROM sightings GROUP BY 1")}
    bad = {row["file_id"]: row["n"] for row in store.ledger.rows("SELECT file_id, count(*) AS n FROM quarantine GROUP BY 1")}
    problems = []
    for row in store.ledger.rows("SELECT file_id, path, entries, bad FROM files WHERE current = 1"):
        file_id = row["file_id"]
        if row["entries"] != own.get(file_id, 0) + seen.get(file_id, 0) + row["bad"] or bad.get(file_id, 0) != row["bad"]:
            problems.append(
                f"{row['path']}: {row['entries']} lines, but {own.get(file_id, 0)} records, {seen.get(file_id, 0)} sightings, {row['bad']} quarantined"
            )
    return problems


def _orphans(store: Store) -> list[Path]:
    """Files that no live shard owns: left by a crash, and harmless."""
    live = {shard.name for shard in store.shards()}
    tombs = {path.stem for path in store.tombstone_files()}
    sighted = {row["name"] for row in store.ledger.rows("SELECT DISTINCT name FROM sightings")}
    return [
        *(path for path in (store.root / "records").iterdir() if path.stem not in live),
        *(path for path in (store.root / "keys").iterdir() if path.stem not in live | tombs),
        *(path for path in (store.root / "scores").iterdir() if path.name not in live),
        *(path for path in (store.root / "scores").glob("*/.*.tmp") if path.stat().st_mtime < time.time() - HALF_WRITTEN_S),
        *(path for path in (store.root / "sightings").iterdir() if path.stem not in sighted),
        *(path for name in live for path in tables.superseded_files(store.root, name)),
    ]


def compact(store: Store) -> dict[str, object]:
    """Merge small shards, make damaged keys again, and delete what no shard owns and damaged scores (the next run computes them)."""
    with maintenance(store) as lease:
        mended = _mend(store)
        before, after = merge_small(store, confirm=lease.confirm)
        orphans = _orphans(store)
        for path in orphans:
            if path.is_dir():
                remove_shard(store.root, path.name)
            else:
                path.unlink(missing_ok=True)
    return {"store": str(store.root), "shards_before": before, "shards_after": after, "orphans_deleted": len(orphans), "mended": mended}


def _mend(store: Store) -> int:
    """Replace damaged key files, and delete damaged score files; returns how many. Raises: StoreCorrupt where what they come from is damaged too."""
    sources = {shard.name: store.records_path(shard.name) for shard in store.shards()}
    sources |= {path.stem: store.root / "sightings" / f"{path.stem}.parquet" for path in store.tombstone_files()}
    mended = 0
    for name, source in sources.items():
        path = store.root / "keys" / f"{name}.keys"
        if _attempt(lambda path=path: tables.read_keys(path)):  # type: ignore[misc]
            tables.write_keys(path, tables.key_array(tables.read_parquet(source, ["key"]).column("key")))
            mended += 1
        for scores in (store.root / "scores" / name).glob("*.parquet"):
            if _attempt(lambda scores=scores: tables.metrics_of(scores)):  # type: ignore[misc]
                scores.unlink(missing_ok=True)
                mended += 1
    return mended


def forget(store: Store, where: str) -> dict[str, object]:
    """Delete the records that a filter selects, with their scores and labels; their keys stay as tombstones. Raises: UsageError."""
    with maintenance(store) as lease:  # first: beside another upkeep the shards that the filter is asked of may be gone
        condition = compile_filter(where, newest=newest_time(store, store.shards()))
        count = drop_rows(store, store.shards(), lambda table: mask_of(table, condition), confirm=lease.confirm, forget=True)
    return {"store": str(store.root), "forgotten": count, "where": where}


def expire(store: Store, keep: str, *, now: datetime) -> list[str]:
    """Forget records older than `keep` (180d, 26w, 12h); returns what to tell. Raises: UsageError."""
    try:
        limit = np.datetime64((now - duration(keep)).replace(tzinfo=None), "us")
    except OverflowError:
        return []  # an age beyond the calendar: nothing is that old

    def too_old(table: pa.Table) -> np.ndarray:
        times = table.column("time").to_numpy()
        return np.asarray(~np.isnat(times) & (times < limit))

    with maintenance(store) as lease:
        count = drop_rows(store, store.shards(), too_old, confirm=lease.confirm, forget=True)
    return [f"{count} records older than {keep} were forgotten"] if count else []
