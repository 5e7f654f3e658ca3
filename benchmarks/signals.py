#!/usr/bin/env python3
"""Signals by day and policy over a synthetic store: `python benchmarks/signals.py [--records N] [--metrics M] [--store DIR]`.

Writes N records (60 days, 3 models x 2 prompt versions, conversations of about 4 turns) with M metrics
each straight into a store, then asks for all of them by day and policy, cluster-robust, and prints one
line: scores, seconds, scores a second, peak memory of the asking process, rows. The store is made by a
process of its own, so its memory is not counted.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa

from judgecli.schema import STORED
from judgecli.store.folder import Store
from judgecli.store.tables import MetricInfo, write_records, write_scores

SHARD = 50_000
DAYS = 60


def shard_table(first: int, rows: int, total: int, seed: int) -> pa.Table:
    """Records `first` to `first + rows` of `total`, in time order."""
    numbers = np.arange(first, first + rows)
    times = np.int64(1_767_225_600_000_000) + (numbers * (DAYS * 86_400_000_000 // total))
    sessions = (numbers // 4).astype(np.int64)
    arms = np.random.default_rng(seed).integers(0, 6, rows // 4 + 1)[np.arange(rows) // 4]  # a conversation stays with its policy
    keys = np.stack([numbers.astype("<u8") * np.uint64(0x9E3779B97F4A7C15), numbers.astype("<u8")], axis=1)
    given = {
        "key": pa.FixedSizeBinaryArray.from_buffers(pa.binary(16), rows, [None, pa.py_buffer(keys.tobytes())]),
        "time": pa.array(times, pa.timestamp("us", tz="UTC")),
        "session": pa.array([f"s{number}" for number in sessions], pa.string()),
        "model": pa.array(np.array(["gpt-a", "gpt-b", "gpt-c"])[arms % 3]),
        "prompt_version": pa.array(np.array(["v1", "v2"])[arms // 3]),
        "source": pa.StructArray.from_arrays(
            [pa.array(["log.jsonl"] * rows), pa.array(numbers + 1), pa.array(numbers * 3000), pa.array(["jsonl"] * rows)],
            fields=list(STORED.field("source").type),
        ),
        "file_id": pa.array(np.ones(rows, dtype=np.int32)),
        "prompt_hash": pa.array(numbers.astype(np.int64) * 7919),
        "cluster_hash": pa.array((sessions * np.int64(0x1E3779B97F4A7C15)).astype(np.int64)),
    }
    return pa.table([given.get(field.name, pa.nulls(rows, field.type)) for field in STORED], schema=STORED)


def make_store(root: Path, records: int, metrics: int) -> None:
    infos = [MetricInfo(f"metric_{number}", f"{number:016x}", "number", (0.0, 1.0), True, 1) for number in range(metrics)]
    with Store(root) as store:
        for place, first in enumerate(range(0, records, SHARD)):
            rows = min(SHARD, records - first)
            name = f"{place:024x}"
            chance = np.random.default_rng(place)
            table = shard_table(first, rows, records, place)
            write_records(root, name, table)
            columns: dict[str, pa.Array] = {}
            for info in infos:
                columns[info.name] = pa.array(chance.random(rows).round(4))
                columns[f"{info.name}.reason"] = pa.nulls(rows, pa.dictionary(pa.int32(), pa.string()))
            write_scores(root, name, pa.table(columns), infos)
            with store.ledger.transaction() as connection:
                present = json.dumps(["key", "time", "session", "model", "prompt_version"])
                connection.execute("INSERT INTO shards VALUES (?, ?, ?, ?)", (name, rows, present, place + 1))
                connection.execute("INSERT INTO members VALUES (?, 1, ?)", (name, rows))


def measure(root: Path) -> None:
    from judgecli.config.settings import Flags, load_settings
    from judgecli.evidence.work import open_work
    from judgecli.pipeline.signals import compute_signals

    settings = load_settings(flags=Flags(store=str(root)), folder=root)
    before, cpu = time.perf_counter(), time.process_time()
    with open_work(settings) as work:
        found = compute_signals(work, window="1d")
    spent, cpu = time.perf_counter() - before, time.process_time() - cpu
    scores = sum(row.n for row in found.rows)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{scores:,} scores  {spent:.2f} s  {cpu:.2f} s CPU  {scores / spent:,.0f} scores/s  {peak:.0f} MB peak  {len(found.rows):,} rows")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--metrics", type=int, default=10)
    parser.add_argument("--store", type=Path, help="keep the store here; made where it is missing")
    parser.add_argument("--step", choices=["make", "measure"], help=argparse.SUPPRESS)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        run_steps(given, __file__, given.store or Path(folder) / "store", measure)


def run_steps(given: argparse.Namespace, script: str, root: Path, measure: Callable[[Path], None]) -> None:
    """Make the store where it is missing, then measure, each in a process of its own (`--step`)."""
    if given.step == "make":
        make_store(given.store, given.records, given.metrics)
    elif given.step == "measure":
        measure(given.store)
    else:
        for step in ["measure"] if (root / "ledger.db").exists() else ["make", "measure"]:
            shape = ["--records", str(given.records), "--metrics", str(given.metrics)]
            subprocess.run([sys.executable, script, "--step", step, "--store", str(root), *shape], check=True)


if __name__ == "__main__":
    main()
