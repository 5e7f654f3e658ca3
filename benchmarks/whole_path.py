"""The whole path on 3 kB chat records: start-up, read, default metrics, score files; speed, memory and linear growth.

    python benchmarks/whole_path.py [--records 10000 100000] [--full]     (--full: up to 1,000,000 records)

Each size is scored by the real command in a fresh store, in a process of its own. CPU and the largest
resident memory are those of the command and its workers (resource.getrusage of the children). Beside
it stands what a user would write instead: a loop over json.loads with plain Python for four of the
fifteen metrics, and pandas for the reading.
"""

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
COMMAND = "import sys; from judgecli.cli import main; sys.argv = ['judge', *sys.argv[1:]]; main()"
LOOP = """
import json, re, sys, zlib
n = 0
for line in open(sys.argv[1], encoding="utf-8"):
    answer = json.loads(line)["answer"]
    words = answer.split()
    grams = list(zip(words, words[1:], words[2:]))
    repeated, squeezed = 1 - len(set(grams)) / max(1, len(grams)), len(zlib.compress(answer.encode(), 1)) / max(1, len(answer))
    row = (len(words), len(re.findall(r"[.!?]+(?=\\s|$)", answer)), repeated, squeezed)
    n += 1
print(n)
"""
PANDAS = "import sys, pandas as pd; frame = pd.read_json(sys.argv[1], lines=True); print(len(frame), frame['answer'].str.split().str.len().mean())"
# One process that runs a command, samples the resident memory of its whole tree, and says what it took.
WATCH = """
import json, os, resource, subprocess, sys, time
start = time.perf_counter()
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
largest = {}
def children(pid):
    try:
        found = open(f"/proc/{pid}/task/{pid}/children").read().split()
    except OSError:
        return []
    return [int(child) for child in found] + [grand for child in found for grand in children(int(child))]
while process.poll() is None:
    for pid in [process.pid, *children(process.pid)]:
        try:
            status = open(f"/proc/{pid}/status").read()
        except OSError:
            continue
        peak = next((int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")), 0)
        largest[pid] = max(largest.get(pid, 0), peak)
    time.sleep(0.05)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
workers = [peak for pid, peak in largest.items() if pid != process.pid]
print(json.dumps({"code": process.returncode, "wall": time.perf_counter() - start, "cpu": used.ru_utime + used.ru_stime,
                  "main_mb": largest.get(process.pid, 0) / 1024, "worker_mb": max(workers, default=0) / 1024}))
"""


def watch(*command: str) -> dict[str, float]:
    """Run a command; wall and CPU seconds of its tree, peak resident MB of itself and of its largest child."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    said = subprocess.run([sys.executable, "-c", WATCH, *command], capture_output=True, text=True, check=True, env=environment).stdout
    result = json.loads(said.splitlines()[-1])
    if result["code"] not in (0, 3):
        raise SystemExit(f"{' '.join(command)} ended with {result['code']}")
    return dict(result)


def start_up() -> None:
    """CPU of the shortest commands, the median of five after a warm-up."""
    print(f"{'command':<24}{'CPU s':>8}   target 0.25")
    for words in (["--version"], ["--help"], ["score", "--help"]):
        times = sorted(watch(sys.executable, "-c", COMMAND, *words)["cpu"] for _ in range(6))
        print(f"{'judge ' + ' '.join(words):<24}{times[2]:>8.3f}")


def judge(log: Path, folder: Path, *words: str) -> dict[str, float]:
    """Score a log in a fresh store."""
    store = folder / "store"
    shutil.rmtree(store, ignore_errors=True)
    return watch(sys.executable, "-c", COMMAND, "--store", str(store), "score", str(log), "--map", "auto", "--quiet", *words)


def show(name: str, records: int, took: dict[str, float]) -> None:
    """One line of the table."""
    rate, cpu = records / took["wall"], took["cpu"] / records * 1e6
    print(f"{name:<34}{records:>10,}{took['wall']:>9.1f}{rate:>11,.0f}{cpu:>11.0f}{took['main_mb']:>9.0f}{took['worker_mb']:>10.0f}", flush=True)


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--records", type=int, nargs="+", default=[10_000, 50_000])
    parser.add_argument("--full", action="store_true", help="10,000, 100,000 and 1,000,000 records")
    arguments = parser.parse_args()
    sizes = [10_000, 100_000, 1_000_000] if arguments.full else arguments.records
    start_up()
    print(f"\n{'what':<34}{'records':>10}{'wall s':>9}{'records/s':>11}{'CPU us/rec':>11}{'main MB':>9}{'worker MB':>10}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for records in sizes:
            log = folder / "log.jsonl"
            subprocess.run([sys.executable, str(HERE / "generate.py"), "--records", str(records), "--out", str(log)], check=True)
            show("judge score, 15 default metrics", records, judge(log, folder))
            show(
                "  the same again (nothing new)",
                records,
                watch(sys.executable, "-c", COMMAND, "--store", str(folder / "store"), "score", str(log), "--map", "auto", "--quiet"),
            )
            show("judge score -s characters", records, judge(log, folder, "-s", "characters"))
            if records <= 100_000:
                show("a Python loop, 4 metrics", records, watch(sys.executable, "-c", LOOP, str(log)))
                show("pandas, read and count words", records, watch(sys.executable, "-c", PANDAS, str(log)))
    print(f"\n2 cores assumed; this machine has {os.cpu_count()}. Page size {resource.getpagesize()}; taken {time.strftime('%Y-%m-%d')}.")


if __name__ == "__main__":
    main()
