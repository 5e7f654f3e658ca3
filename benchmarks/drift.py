#!/usr/bin/env python3
"""Drift of two halves of a large store: `python benchmarks/drift.py [--records 2000000] [--metrics 5] [--store DIR] [--peer SCRIPT [--peer-python PYTHON]]`.

The store is that of benchmarks/signals.py (conversations of four, scores from 0 to 1, the first 30 days against the last 30),
made by a process of its own. Prints one line: scores, seconds without start-up, CPU seconds, peak memory, start-up. With
`--peer SCRIPT` the script of another tool is run on as many numbers as two CSV files (`--reference R --current C --html H`),
by `--peer-python` (the Python of an environment that has the tool; default: this one).
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before numpy is imported, as `judge` does

import numpy as np
from signals import run_steps

MIDDLE = "2026-01-31"


def measure(root: Path) -> None:
    started = time.perf_counter()
    import duckdb
    import scipy.special

    from judgecli.config.settings import Flags, load_settings
    from judgecli.evidence.work import open_work
    from judgecli.pipeline.drift import find_drift

    del duckdb, scipy
    settings = load_settings(flags=Flags(store=str(root)), folder=root)
    start_up = time.perf_counter() - started
    before, cpu = time.perf_counter(), time.process_time()
    with open_work(settings) as work:
        found = find_drift(work, reference=f"time < '{MIDDLE}'", current=f"time >= '{MIDDLE}'", texts=False)
    spent, cpu = time.perf_counter() - before, time.process_time() - cpu
    scores = sum(int(str(side["n"])) for row in found.rows for side in (row.reference, row.current))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"judge   {scores:,} scores  {spent:.2f} s  {cpu:.2f} s CPU  {peak:.0f} MB peak  {start_up:.2f} s start-up  verdict: {found.verdict}")


def run_peer(python: str, script: Path, folder: Path, records: int, metrics: int) -> None:
    chance = np.random.default_rng(0)
    names = ",".join(f"metric_{number}" for number in range(metrics))
    for name in ("reference", "current"):
        np.savetxt(folder / f"{name}.csv", chance.random((records // 2, metrics)), fmt="%.4f", delimiter=",", header=names, comments="")
    tables = ["--reference", str(folder / "reference.csv"), "--current", str(folder / "current.csv"), "--html", str(folder / "peer.html")]
    done = subprocess.run([python, str(script), *tables], capture_output=True, text=True, check=False)
    print(f"peer    {done.stdout.strip() if done.returncode == 0 else 'could not run: ' + done.stderr.strip().splitlines()[-1]}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=2_000_000)
    parser.add_argument("--metrics", type=int, default=5)
    parser.add_argument("--store", type=Path, help="keep the store here; made where it is missing")
    parser.add_argument("--peer", type=Path, help="a script that compares two CSV files with another tool")
    parser.add_argument("--peer-python", default=sys.executable, help="the Python that runs it")
    parser.add_argument("--step", choices=["make", "measure"], help=argparse.SUPPRESS)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        run_steps(given, __file__, given.store or Path(folder) / "store", measure)
        if given.peer is not None and given.step is None:
            run_peer(given.peer_python, given.peer, Path(folder), given.records, given.metrics)


if __name__ == "__main__":
    main()
