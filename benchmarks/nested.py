#!/usr/bin/env python3
"""CPU time of `judge score` on nested logs beside flat ones: `python benchmarks/nested.py [--records 200000] [--passes 2]`.

The same records are written three times: flat (`question`, `answer`, ... at the top), nested (the same in objects of an app's own making) and as
exchanges of chat completions (messages in `request`, choices in `response`). Each is scored by the real command with the default metrics in a fresh
store. Prints the CPU seconds (command and workers, best pass) of each and of reading alone; exit code 1 where the nested log takes more than 10 % longer.
"""

import argparse
import gc
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import orjson

from judgecli.cli import LOOK_FOR_CIRCLES
from judgecli.readers.detect import detect
from judgecli.readers.log import Shaping
from judgecli.readers.read import read_log

MOST = 1.10
WORDS = [
    "the",
    "quick",
    "brown",
    "fox",
    "jumps",
    "over",
    "a",
    "lazy",
    "dog",
    "and",
    "goes",
    "on",
    "to",
    "say",
    "how",
    "this",
    "is",
    "done",
    "step",
    "by",
    "step",
    "until",
    "it",
    "works",
]


def records(count: int) -> list[dict[str, Any]]:
    """What one call of an app knows."""
    draw = random.Random(1)  # noqa: S311 - words for a benchmark
    found = []
    for number in range(count):
        question, answer = (" ".join(draw.choices(WORDS, k=draw.randint(*size))) for size in ((8, 40), (20, 200)))
        facts = {"id": f"r{number}", "timestamp": f"2026-10-{1 + number % 28:02d}T10:00:{number % 60:02d}Z", "model": "larder-mini"}
        found.append({**facts, "question": question, "answer": answer, "user": f"u{number % 997}", "version": f"v{number % 3}"})
    return found


def flat(record: dict[str, Any]) -> dict[str, Any]:
    return record


def nested(record: dict[str, Any]) -> dict[str, Any]:
    return {
        "event": {"id": record["id"], "timestamp": record["timestamp"]},
        "request": {"question": record["question"], "user": {"id": record["user"]}, "settings": {"temperature": 0.2, "region": "eu"}},
        "response": {"answer": {"text": record["answer"]}, "model": {"name": record["model"]}},
        "meta": {"version": record["version"], "labels": ["a", "b"]},
    }


def exchange(record: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": record["id"],
        "timestamp": record["timestamp"],
        "request": {"model": record["model"], "messages": [{"role": "user", "content": record["question"]}]},
        "response": {"choices": [{"index": 0, "message": {"role": "assistant", "content": record["answer"]}, "finish_reason": "stop"}]},
        "user": {"id": record["user"]},
        "meta": {"version": record["version"]},
    }


def read_s(path: Path, expected: int) -> float:
    """CPU seconds of reading the whole file into records, nothing stored."""
    start = time.process_time()
    shaping = Shaping()
    rows = sum(chunk.records.num_rows for chunk in read_log(str(path), shaping, detect(str(path), shaping)))
    if rows != expected:
        raise SystemExit(f"{path.name}: {rows:,} of {expected:,} lines became records")
    return time.process_time() - start


def score_s(path: Path) -> float:
    """CPU seconds of `judge score` with its workers."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with tempfile.TemporaryDirectory() as store:
        command = [sys.executable, "-m", "judgecli", "score", str(path), "-q", "--map", "auto", "--store", store, "--json"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=200_000)
    parser.add_argument("--passes", type=int, default=2)
    given = parser.parse_args()
    shapes = (flat, nested, exchange)
    gc.set_threshold(*LOOK_FOR_CIRCLES)  # as the command does
    with tempfile.TemporaryDirectory() as folder:
        made = records(given.records)
        paths = {shape.__name__: Path(folder) / f"{shape.__name__}.jsonl" for shape in shapes}
        for shape in shapes:
            paths[shape.__name__].write_bytes(b"".join(orjson.dumps(shape(record)) + b"\n" for record in made))
        reading = {name: min(read_s(path, given.records) for _ in range(given.passes)) for name, path in paths.items()}
        scoring = {name: min(score_s(path) for _ in range(given.passes)) for name, path in paths.items()}
    print(f"{given.records:,} records   reading   judge score   beside flat")
    for name, seconds in scoring.items():
        print(f"{name:<14} {reading[name]:9.2f} s {seconds:11.2f} s {100 * (seconds / scoring['flat'] - 1):+11.0f} %")
    return int(scoring["nested"] > MOST * scoring["flat"])


if __name__ == "__main__":
    sys.exit(main())
