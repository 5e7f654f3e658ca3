"""What the monitor keeps in the ledger, and the records of closed days that it is fed with.

monitor         the state of all charts (JSON, zlib), and the plan that it was made by
monitor_shards  of each shard its first and last time, and which days had closed when it was first seen:
                rows of those days came too late, also for a recomputation
alarms          each alarm with what people said of it; written again where a recomputation finds it again

So a daily run reads the shards that are new and those that still have open days, and no other.
"""

import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from judgecli.schema import REASONS
from judgecli.signal.alarms.items import DayRows, ItemSegment
from judgecli.signal.alarms.monitor import Watched
from judgecli.signal.cells import Window
from judgecli.store import tables
from judgecli.store.folder import Shard, Store
from judgecli.store.query import cluster_column
from judgecli.store.scope import LineCounts, Scope
from judgecli.store.selection import Selection, index_metrics
from judgecli.store.windows_query import WindowQuestion, WindowReduction

DAY_US = 86_400_000_000
NOT_APPLICABLE = "'not_applicable'"
FAILED = ", ".join(f"'{reason}'" for reason, kind in REASONS.items() if kind == "failed")


@dataclass(frozen=True)
class SeenShard:
    """A live shard, its first and last time in microseconds (None: no record has one), and the first day that was open when it was first seen."""

    shard: Shard
    first: int | None
    last: int | None
    closed: int | None


def read_state(store: Store) -> tuple[str, int | None, Mapping[str, Any]] | None:
    """The plan, the first open day and the state; None where there is none, or it cannot be read: then it is computed anew."""
    rows = store.ledger.rows("SELECT plan, closed, state FROM monitor")
    try:
        return (rows[0]["plan"], rows[0]["closed"], json.loads(zlib.decompress(rows[0]["state"]))) if rows else None
    except (ValueError, zlib.error):
        return None


def seen_shards(store: Store, closed: int | None) -> list[SeenShard]:
    """The live shards in the order of their arrival; those that are new are read and noted with the days that had closed."""
    known = {row["shard"]: row for row in store.ledger.rows("SELECT * FROM monitor_shards")}
    shards = store.shards()
    new: dict[str, tuple[int | None, int | None, int | None]] = {}
    for shard in shards:
        if shard.name not in known:
            times = tables.read_parquet(store.records_path(shard.name), ["time"])["time"].cast(pa.int64())
            new[shard.name] = (pc.min(times).as_py(), pc.max(times).as_py(), closed)
    gone = known.keys() - {shard.name for shard in shards}
    if new or gone:
        with store.ledger.transaction() as connection:
            connection.executemany("DELETE FROM monitor_shards WHERE shard = ?", [(name,) for name in sorted(gone)])
            connection.executemany("INSERT OR IGNORE INTO monitor_shards VALUES (?, ?, ?, ?)", [(name, *facts) for name, facts in new.items()])
    facts = {name: (row["first"], row["last"], row["closed"]) for name, row in known.items()} | new
    return [SeenShard(shard, *facts[shard.name]) for shard in shards]


def write_state(store: Store, before: str | None, plan: str, closed: int, state: Mapping[str, Any], alarms: Sequence[tuple[str, str, int, str]]) -> bool:
    """Keep the state and its alarms (id, chart, since, document), unless another process was quicker than this one: then False.

    `before` names what this one began from (`stamp`). Alarms that a recomputation no longer finds are taken out, unless people spoke of them.
    """
    with store.ledger.transaction() as connection:
        if stamp(store) != before:
            return False
        connection.execute("DELETE FROM monitor")
        connection.execute("INSERT INTO monitor VALUES (?, ?, ?)", (plan, closed, zlib.compress(json.dumps(state).encode(), 1)))
        ids = [alarm[0] for alarm in alarms]
        connection.execute(f"DELETE FROM alarms WHERE closed IS NULL AND id NOT IN ({','.join('?' * len(ids))})", ids)
        connection.executemany(
            "INSERT INTO alarms (id, chart, since, document, accepted) VALUES (?, ?, ?, ?, 0) ON CONFLICT (id) DO UPDATE SET document = excluded.document",
            alarms,
        )
    return True


def stamp(store: Store) -> str | None:
    """What tells one state from the next: its plan and how far it is."""
    rows = store.ledger.rows("SELECT plan, closed FROM monitor")
    return f"{rows[0]['plan']} {rows[0]['closed']}" if rows else None


def forget_lateness(store: Store) -> None:
    """Take every record as in time: the state was ahead of the records, so what it says of late ones means nothing."""
    with store.ledger.transaction() as connection:
        connection.execute("UPDATE monitor_shards SET closed = NULL")


@dataclass(frozen=True)
class KeptAlarm:
    """An alarm of the ledger: the document of the monitor, and when it was closed, why, whether the new level was accepted, when it was sent."""

    id: str
    chart: str
    since: int
    document: Mapping[str, Any]
    closed: str | None
    comment: str | None
    accepted: bool
    sent: str | None


def kept_alarms(store: Store) -> list[KeptAlarm]:
    """All alarms, the newest first."""
    rows = store.ledger.rows("SELECT id, chart, since, document, closed, comment, accepted, sent FROM alarms")
    with store.ledger.readable():
        found = [KeptAlarm(**{**dict(row), "document": json.loads(row["document"]), "accepted": bool(row["accepted"])}) for row in rows]
    return sorted(found, key=lambda alarm: (str(alarm.document["time"]), alarm.id), reverse=True)


def close_alarm(store: Store, name: str, *, now: datetime, comment: str | None, accept: bool) -> None:
    """Note that a person has seen an alarm, and whether the new level is the right one."""
    with store.ledger.transaction() as connection:
        connection.execute(
            "UPDATE alarms SET closed = COALESCE(closed, ?), comment = COALESCE(?, comment), accepted = max(accepted, ?) WHERE id = ?",
            (now.isoformat(timespec="seconds"), comment, int(accept), name),
        )


def note_sent(store: Store, names: Sequence[str], *, now: datetime) -> None:
    """Note that alarms were sent to the webhook."""
    with store.ledger.transaction() as connection:
        connection.executemany("UPDATE alarms SET sent = ? WHERE id = ?", [(now.isoformat(timespec="seconds"), name) for name in names])


def read_days(
    store: Store, shards: Sequence[SeenShard], first: int, end: int, *, by: Sequence[str], cluster: str | None, metrics: Sequence[str]
) -> tuple[list[DayRows], list[ItemSegment], list[Watched]]:
    """The records of the days from `first` to before `end`, without those that came late: of each day that has any its rows, the segments and the metrics.

    Raises: UsageError where `by` or `cluster` is no column.
    """
    parts: list[tuple[pa.Table, list[Watched]]] = []
    for mark in dict.fromkeys(seen.closed for seen in shards):
        begin = first if mark is None else max(first, mark)
        some = [seen.shard for seen in shards if seen.closed == mark and _overlaps(seen, begin, end)]
        if some:
            parts.append(_read(store, some, begin, end=end, by=by, cluster=cluster, names=metrics))
    watched = sorted({(metric.name, metric.identity): metric for _, held in parts for metric in held}.items())
    return *_split(parts, [metric for _, metric in watched], len(by)), [metric for _, metric in watched]


def _overlaps(seen: SeenShard, first: int, end: int) -> bool:
    return seen.first is not None and seen.last is not None and seen.first < end * DAY_US and seen.last >= first * DAY_US


def _read(
    store: Store, shards: Sequence[Shard], first: int, end: int, by: Sequence[str], cluster: str | None, names: Sequence[str]
) -> tuple[pa.Table, list[Watched]]:
    held, shards_of = index_metrics(store, shards)
    wanted = [name for name in names if name in held]
    where = f"epoch_us(time) >= {first * DAY_US} AND epoch_us(time) < {end * DAY_US}"
    scope = Scope((), tuple(shards), tables.NO_SIGHTINGS, True, LineCounts(0, 0, 0, 0, 0))
    with WindowReduction(store, Selection("", scope, where, held, shards_of), wanted, WindowQuestion(by, Window.of("1d"), cluster)) as reduction:
        values = "".join(
            f", v{place}, {_flag(place, FAILED)} AS f{place}, {_flag(place, NOT_APPLICABLE)} AS n{place}" for place in range(len(reduction.metrics))
        )
        columns = [f"COALESCE({cluster_column(cluster)}, CAST(hash(key) >> 1 AS BIGINT)) AS cluster", "epoch_us(time) AS moment", "key"]
        texts = "".join(f", b{place}" for place in range(len(by)))
        table = reduction.rows(columns, f"SELECT w, cluster, moment, key{texts}{values} FROM ROWS AS data")
        return table, [Watched(info.name, info.identity, info.kind, info.range, info.higher_is_better) for info in reduction.metrics]


def _flag(place: int, reasons: str) -> str:
    """SQL: whether a cell has no value for one of these reasons."""
    return f"COALESCE(v{place} IS NULL AND r{place} IN ({reasons}), false)"


def _split(parts: Sequence[tuple[pa.Table, list[Watched]]], watched: Sequence[Watched], by: int) -> tuple[list[DayRows], list[ItemSegment]]:
    """The rows of all parts by day, in the order that items are made in."""
    if not parts:
        return [], []
    joined = pa.concat_tables([table.select(["w", "cluster", "moment", "key", *(f"b{place}" for place in range(by))]) for table, _ in parts])
    day, cluster, moment = (joined.column(name).to_numpy() for name in ("w", "cluster", "moment"))
    keys = tables.key_array(joined.column("key").cast(pa.binary(16)))
    values = np.concatenate([_matrix(table, held, watched, "v") for table, held in parts], axis=1)
    failed, beside = (np.concatenate([_matrix(table, held, watched, letter) for table, held in parts], axis=1) > 0 for letter in "fn")
    codes, segments = _segments(joined, by)
    order = np.lexsort((keys[:, 1], keys[:, 0], moment, cluster, day))
    edges = np.flatnonzero(np.r_[True, np.diff(day[order]) != 0]) if len(order) else np.empty(0, np.int64)
    found = []
    for place in np.split(order, edges[1:]) if len(order) else []:
        found.append(
            DayRows(
                int(day[place[0]]),
                codes[place],
                cluster[place],
                time=moment[place],
                values=values[:, place],
                failed=failed[:, place],
                not_applicable=beside[:, place],
            )
        )
    return found, segments


def _matrix(table: pa.Table, held: Sequence[Watched], watched: Sequence[Watched], letter: str) -> np.ndarray:
    """A row a metric of all parts: its values (v; NaN: none), whether its cells failed (f) or it does not apply (n); NaN where this part does not hold it."""
    place = {(metric.name, metric.identity): number for number, metric in enumerate(held)}
    empty = np.full(table.num_rows, np.nan)
    rows = []
    for metric in watched:
        number = place.get((metric.name, metric.identity))
        rows.append(empty if number is None else table.column(f"{letter}{number}").cast(pa.float64()).to_numpy())
    return np.array(rows).reshape(len(watched), table.num_rows)


def _segments(table: pa.Table, by: int) -> tuple[np.ndarray, list[ItemSegment]]:
    """The segment of every row, as a place in the list of segments."""
    codes = np.zeros(table.num_rows, np.int64)
    segments: list[ItemSegment] = [()]
    for place in range(by):
        column = table.column(f"b{place}").combine_chunks().dictionary_encode(null_encoding="encode")
        column = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
        texts = column.dictionary.to_pylist()
        both = codes * len(texts) + column.indices.to_numpy(zero_copy_only=False)
        used, codes = np.unique(both, return_inverse=True)
        segments = [(*segments[code // len(texts)], texts[code % len(texts)]) for code in used.tolist()]
    return codes, segments
