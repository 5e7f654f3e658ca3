"""Selecting records of a store: all of them, those of a run, or those that a filter names."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import pyarrow.compute as pc

from judgecli.errors import UnknownName, UsageError
from judgecli.store import tables
from judgecli.store.filters import compile_filter
from judgecli.store.folder import Shard, Store
from judgecli.store.query import held_metrics
from judgecli.store.scope import LineCounts, Scope, open_scope
from judgecli.store.tables import MetricInfo


@dataclass(frozen=True)
class Selection:
    """Some records of a store, and what is known of them.

    `where` is checked SQL over record columns, or None for all records of the scope. `metrics` maps a
    name to its identities, the newest first; `shards_of` says which shards hold each (name, identity).
    """

    on: str
    scope: Scope
    where: str | None
    metrics: Mapping[str, tuple[MetricInfo, ...]]
    shards_of: Mapping[tuple[str, str], tuple[Shard, ...]]

    def metric(self, name: str) -> MetricInfo:
        """The newest identity of a metric. Raises: UnknownName."""
        if name not in self.metrics:
            raise UnknownName("metric of these records", name, known=self.metrics)
        return self.metrics[name][0]


def select_records(store: Store, on: str | None = None) -> Selection:
    """The records of `on`: None (all), run:last, run:ID, or a filter (store/filters.py). Raises: UsageError, UnknownName."""
    text = (on or "").strip()
    where = None
    if text.startswith("run:"):
        scope = _scope_of_run(store, text.removeprefix("run:"))
    else:
        scope = _whole_store(store)
        if text:
            where = compile_filter(text, newest=newest_time(store, scope.shards))
    metrics, shards_of = index_metrics(store, scope.shards)
    return Selection(text or "all records", scope, where, metrics, shards_of)


def index_metrics(store: Store, among: Sequence[Shard]) -> tuple[dict[str, tuple[MetricInfo, ...]], dict[tuple[str, str], tuple[Shard, ...]]]:
    """What these shards have scores of: name -> its identities, the newest run's first; (name, identity) -> the shards that hold it."""
    shards_of: dict[tuple[str, str], list[Shard]] = {}
    infos: dict[tuple[str, str], MetricInfo] = {}
    for shard in among:
        for key, (_, info) in held_metrics(store.root, shard.name).items():
            shards_of.setdefault(key, []).append(shard)
            infos[key] = info
    latest = latest_identities(store)
    metrics: dict[str, list[MetricInfo]] = {}
    for name, identity in infos:
        metrics.setdefault(name, []).append(infos[name, identity])
    ordered = {name: tuple(sorted(found, key=lambda info: (info.identity != latest.get(info.name), info.identity))) for name, found in sorted(metrics.items())}
    return ordered, {key: tuple(shards) for key, shards in shards_of.items()}


def newest_time(store: Store, shards: Sequence[Shard]) -> datetime | None:
    """The time of the newest record, or None."""
    times = [pc.max(tables.read_parquet(store.records_path(shard.name), ["time"])["time"]).as_py() for shard in shards]
    return max((time for time in times if time is not None), default=None)


def _whole_store(store: Store) -> Scope:
    shards = tuple(store.shards())
    files = store.ledger.rows("SELECT file_id FROM files ORDER BY file_id")
    rows = sum(shard.rows for shard in shards)
    return Scope(tuple(row["file_id"] for row in files), shards, tables.NO_SIGHTINGS, True, LineCounts(rows, rows, 0, 0, 0))


def _scope_of_run(store: Store, name: str) -> Scope:
    condition = "ORDER BY run_id DESC LIMIT 1" if name == "last" else "AND run_id = ?"
    if name != "last" and not name.isdigit():
        raise UsageError(f"'run:{name}' names no run", hint="run:last, or run:ID with a number; judge store info lists how many there are")
    rows = store.ledger.rows(f"SELECT file_ids FROM runs WHERE finished IS NOT NULL {condition}", () if name == "last" else (int(name),))
    if not rows:
        raise UsageError(f"there is no finished run '{name}'" if name != "last" else "no run has finished in this store", hint="judge score LOGS makes one")
    file_ids = json.loads(rows[0]["file_ids"])
    marks = ",".join("?" * len(file_ids))
    total = store.ledger.rows(f"SELECT COALESCE(sum(entries), 0) AS entries, COALESCE(sum(bad), 0) AS bad FROM files WHERE file_id IN ({marks})", file_ids)[0]
    return open_scope(store, file_ids, entries=total["entries"], bad=total["bad"])


def unread_of(store: Store, on: str) -> tuple[str, ...]:
    """What the run that `on` names (run:last, run:ID) could not read, in words; nothing for another filter."""
    kind, _, name = on.partition(":")
    if kind != "run":
        return ()
    condition = "ORDER BY run_id DESC LIMIT 1" if name == "last" else "AND run_id = ?"
    rows = store.ledger.rows(f"SELECT result FROM runs WHERE finished IS NOT NULL {condition}", () if name == "last" else (int(name),))
    return tuple(json.loads(rows[0]["result"] or "{}").get("unread", ())) if rows else ()


def latest_identities(store: Store) -> dict[str, str]:
    """For each metric the identity that the newest finished run used."""
    latest: dict[str, str] = {}
    for row in store.ledger.rows("SELECT metrics FROM runs WHERE finished IS NOT NULL ORDER BY run_id"):
        latest.update(json.loads(row["metrics"]))
    return latest
