"""Stores written straight from rows, cut into shards as a test likes."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa

from judgecli.config.project import Project
from judgecli.config.settings import Settings
from judgecli.schema import STORED
from judgecli.store.folder import Store
from judgecli.store.tables import MetricInfo, present_columns, write_records, write_scores

NUMBER = MetricInfo("quality", "aaaa", "number", (0.0, 1.0), True, 1)
RATE = MetricInfo("right", "bbbb", "rate", (0.0, 1.0), True, 1)
OPEN = MetricInfo("cost", "cccc", "number", (0.0, None), False, 1)


def settings_of(root: Path, **given: Any) -> Settings:
    """Settings for a store, by the model only unless said otherwise."""
    return Settings(project=Project.model_validate(given.pop("project", {})), store=root, **{"policy": ("model",), **given})


def make_store(root: Path, rows: Sequence[Mapping[str, Any]], metrics: Sequence[MetricInfo], *, cuts: Sequence[int] = ()) -> Path:
    """A store of `rows` (record columns, cluster, and NAME: a value or a reason), a new shard from each position in `cuts`."""
    edges = [0, *sorted({cut for cut in cuts if 0 < cut < len(rows)}), len(rows)]
    with Store(root) as store:
        for number, (first, last) in enumerate(pairwise(edges)):
            add_shard(store, f"{number:024x}", rows[first:last], first, metrics, number + 1)
    return root


def add_shard(store: Store, name: str, rows: Sequence[Mapping[str, Any]], first: int, metrics: Sequence[MetricInfo], sequence: int) -> None:
    records = pa.Table.from_pylist([_record(row, first + place) for place, row in enumerate(rows)], schema=STORED)
    write_records(store.root, name, records)
    columns: dict[str, pa.Array] = {}
    for info in metrics:
        cells = [row[info.name] for row in rows]
        columns[info.name] = pa.array([None if isinstance(cell, str) else float(cell) for cell in cells], pa.float64())
        columns[f"{info.name}.reason"] = pa.array([cell if isinstance(cell, str) else None for cell in cells], pa.string()).dictionary_encode()
    if metrics:
        write_scores(store.root, name, pa.table(columns), metrics)
    with store.ledger.transaction() as connection:
        connection.execute("INSERT INTO shards VALUES (?, ?, ?, ?)", (name, len(rows), json.dumps(present_columns(records)), sequence))
        connection.execute("INSERT INTO members VALUES (?, 1, ?)", (name, len(rows)))


def _record(row: Mapping[str, Any], number: int) -> dict[str, Any]:
    key = hashlib.blake2b(str(row.get("key", number)).encode(), digest_size=16).digest()
    columns = {name: row[name] for name in STORED.names if name in row and name != "key"}
    return {
        **columns,
        "key": key,
        "source": {"file": "a.jsonl", "line": number + 1, "offset": number, "format": "jsonl"},
        "file_id": 1,
        "cluster_hash": row["cluster"],
    }


def at(text: str) -> datetime:
    """A time of UTC from `2026-09-07 12:00`."""
    return datetime.fromisoformat(f"{text}+00:00")
