#!/usr/bin/env python3
"""A daily run of the monitor on a large store: `python benchmarks/monitor.py [--records N] [--metrics M] [--store DIR]`.

Makes a store of N records over 365 days (benchmarks/signals.py makes its shards), lets the monitor see all
but the last day, adds that day, and times what the daily run costs beside the first one. For comparison it does
the same with a tenth of the store at the same traffic a day: the daily cost must be that of the day, not of the store.
"""

import argparse
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
from signals import shard_table

from judgecli.schema import STORED
from judgecli.store.folder import Store
from judgecli.store.tables import MetricInfo, write_records, write_scores

SHARD = 50_000
DAY_US = 86_400_000_000
START_US = 1_767_225_600_000_000  # 2026-01-01
CONFIG = "alarms: {false_alarm_every: 90d, lateness: 1d, reference: 30d..7d}\n"


def add_records(root: Path, first: int, rows: int, a_day: int, metrics: int) -> None:
    """Records `first` to `first + rows` of a stream of `a_day` records a day."""
    infos = [MetricInfo(f"metric_{number}", f"{number:016x}", "number", (0.0, 1.0), True, 1) for number in range(metrics)]
    with Store(root) as store:
        for begin in range(first, first + rows, SHARD):
            count = min(SHARD, first + rows - begin)
            name, chance = f"{begin:024x}", np.random.default_rng(begin)
            numbers = np.arange(begin, begin + count)
            table = shard_table(begin, count, max(first + rows, 1), begin)
            times = pa.array(START_US + numbers * DAY_US // a_day, pa.timestamp("us", tz="UTC"))
            table = table.set_column(table.schema.get_field_index("time"), STORED.field("time"), times)
            write_records(root, name, table)
            columns: dict[str, pa.Array] = {}
            for info in infos:
                columns[info.name] = pa.array(chance.beta(4, 2, count).round(4))
                columns[f"{info.name}.reason"] = pa.nulls(count, pa.dictionary(pa.int32(), pa.string()))
            write_scores(root, name, pa.table(columns), infos)
            with store.ledger.transaction() as connection:
                connection.execute("INSERT OR IGNORE INTO shards VALUES (?, ?, ?, ?)", (name, count, json.dumps(["key"]), begin // SHARD + 1))
                connection.execute("INSERT OR IGNORE INTO members VALUES (?, 1, ?)", (name, count))
        with store.ledger.transaction() as connection:
            said = json.dumps({info.name: info.identity for info in infos})
            connection.execute(
                "INSERT OR IGNORE INTO runs (run_id, started, finished, command, logs, file_ids, metrics) VALUES (1, '', '', '', '[]', '[]', ?)", (said,)
            )


def measure(root: Path) -> dict[str, float]:
    from judgecli.config.settings import Flags, load_settings
    from judgecli.evidence.work import open_work
    from judgecli.pipeline.alarms import watch

    (root.parent / "judge.yaml").write_text(CONFIG)
    settings = load_settings(str(root.parent / "judge.yaml"), Flags(store=str(root)))
    before, cpu = time.perf_counter(), time.process_time()
    with open_work(settings) as work:
        found = watch(work)
    assert found is not None
    spent, cpu = time.perf_counter() - before, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"s": spent, "cpu_s": cpu, "peak_mb": peak, "days": found.days, "charts": len(found.charts), "alarms": len(found.alarms)}


def run_apart(root: Path) -> dict[str, float]:
    """`measure` in a process of its own."""
    done = subprocess.run([sys.executable, __file__, "--measure", str(root)], check=True, capture_output=True, text=True)
    return dict(json.loads(done.stdout))


def story(root: Path, records: int, a_day: int, metrics: int) -> list[tuple[str, dict[str, float]]]:
    """The first run over all but the last day, a run with nothing new, and the run of that day."""
    add_records(root, 0, records - a_day, a_day, metrics)
    first, idle = run_apart(root), run_apart(root)
    add_records(root, records - a_day, a_day, a_day, metrics)
    return [("all of it, once", first), ("nothing new", idle), ("one day more", run_apart(root))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=10_000_000)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--metrics", type=int, default=10)
    parser.add_argument("--folder", type=Path, help="where the stores are made; default a temporary one")
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure:
        print(json.dumps(measure(given.measure)))
        return
    a_day = given.records // given.days
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        print(f"{'records':>12}  {'run':<16} {'days':>5} {'s':>8} {'s CPU':>8} {'MB peak':>8} {'charts':>7} {'alarms':>7}")
        for records in (given.records // 10, given.records):
            root = Path(folder) / str(records) / "store"
            for name, found in story(root, records, a_day, given.metrics):
                numbers = f"{found['s']:>8.2f} {found['cpu_s']:>8.2f} {found['peak_mb']:>8.0f} {found['charts']:>7.0f} {found['alarms']:>7.0f}"
                print(f"{records:>12,}  {name:<16} {found['days']:>5.0f} {numbers}", flush=True)
            shutil.rmtree(root.parent)


if __name__ == "__main__":
    main()
