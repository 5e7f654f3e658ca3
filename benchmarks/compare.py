#!/usr/bin/env python3
"""Comparisons: `python benchmarks/compare.py [--pairs N] [--records N]`.

Prints two tables: how long one answer takes on N prompts (records averaged, paired, interval, p-value, bounds) by kind of
data, and how long `judge compare` takes over a store of synthetic records (two policies, five metrics), with its peak memory.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
from signals import make_store

from judgecli.signal.compare.paired import gather_side, pair_sides
from judgecli.signal.compare.rows import ComparedMetric, compare_pairs


def one_answer(pairs: int, kind: str) -> float:
    """Seconds of CPU for one comparison of two sides with `pairs` prompts."""
    random = np.random.default_rng(1)
    prompts = np.arange(pairs)
    rate = kind == "rate"
    a, b = (random.integers(0, 2, pairs).astype(float) if rate else random.random(pairs) for _ in range(2))
    nothing = np.zeros(pairs, dtype=bool)
    started = time.process_time()
    sides = [gather_side(prompts, prompts // (3 if kind == "clusters of 3" else 1) + first, values, nothing) for first, values in ((0, a), (10**9, b))]
    compare_pairs(ComparedMetric("m", "i", "rate" if rate else "number", (0.0, 1.0), True, 0.02), pair_sides(*sides))
    return time.process_time() - started


def whole(store: Path) -> None:
    """Compare the two prompt versions of a store; prints seconds and peak memory as JSON."""
    from judgecli.config.project import Project
    from judgecli.config.settings import Settings
    from judgecli.evidence.work import open_work
    from judgecli.pipeline.compare import compare_parts

    started = time.perf_counter()
    with open_work(Settings(project=Project(), store=store, policy=("prompt_version",))) as work:
        found = compare_parts(work, ["v1", "v2"], pair="model")  # a column that both versions share, so that every record is paired
    print(json.dumps({"seconds": time.perf_counter() - started, "mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, "rows": len(found.rows)}))


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--pairs", type=int, default=500)
    arguments.add_argument("--records", type=int, default=200_000)
    arguments.add_argument("--store", type=Path)
    given = arguments.parse_args()
    if given.store is not None:
        whole(given.store)
        return
    print(f"{'one answer':<16}{'prompts':>10}{'CPU s':>10}")
    for kind in ("rate", "number", "clusters of 3"):
        for pairs in (given.pairs, 100 * given.pairs):
            print(f"{kind:<16}{pairs:>10,}{one_answer(pairs, kind):>10.3f}")
    with tempfile.TemporaryDirectory() as folder:
        make_store(Path(folder) / "s", given.records, 5)
        done = subprocess.run([sys.executable, __file__, "--store", f"{folder}/s"], capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    print(f"\njudge compare: {given.records:,} records x {found['rows']} metrics: {found['seconds']:.1f} s, {found['mb']:.0f} MB")


if __name__ == "__main__":
    main()
