#!/usr/bin/env python3
"""Size, time and memory of `judge report` on a large store: `python benchmarks/report.py [--records 1000000] [--metrics 20]`.

The store is that of benchmarks/signals.py (two models by three, 60 days, conversations of four). The HTML may
have at most 500 kB, the Markdown 200 kB, whatever the store holds.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from signals import make_store

LIMITS = {"report.html": 500_000, "report.md": 200_000}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--metrics", type=int, default=20)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        make_store(root / "store", given.records, given.metrics)
        start = time.monotonic()
        options = [part for name in LIMITS for part in ("-o", str(root / name))]
        subprocess.run([sys.executable, "-m", "judgecli", "--store", str(root / "store"), "report", "-q", *options], cwd=root, check=True)
        wall_s, used = time.monotonic() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
        print(f"{given.records:,} records x {given.metrics} metrics: {wall_s:.1f} s, {used.ru_utime + used.ru_stime:.1f} s CPU, {used.ru_maxrss / 1024:.0f} MB")
        for name, most in LIMITS.items():
            size = (root / name).stat().st_size
            print(f"{name:<12} {size:>9,} bytes of at most {most:,}  {'ok' if size <= most else 'TOO LARGE'}")
        return int(any((root / name).stat().st_size > most for name, most in LIMITS.items()))


if __name__ == "__main__":
    sys.exit(main())
