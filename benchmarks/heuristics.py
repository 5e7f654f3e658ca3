#!/usr/bin/env python3
"""CPU time a record of every default heuristic: `python benchmarks/heuristics.py [--records N] [--log FILE] [--all]`.

Reads a log of `benchmarks/generate.py` (made on the spot where no --log is given), cuts the answers
into batches of 2,000 as the engine does, and prints one table: metric, us a record. What several
metrics share (block, hashes, sentence counts) is made once a batch and has lines of its own.
Best of three passes.
"""

import argparse
import json
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
from generate import records

from judgecli import derived
from judgecli.catalog import default_names, describe, load_scorer, scorer_names
from judgecli.scorer import Scorer

BATCH = 2000
SHARED = ("output_block", "output_hashes", "output_sentences")


def answers(log: Path | None, count: int) -> list[str]:
    """The answers of a log, or of `count` generated records."""
    if log is None:
        return [record["answer"] for record in records(count)]
    with log.open(encoding="utf-8") as lines:
        return [json.loads(line)["answer"] for line in lines]


def batches(texts: Sequence[str]) -> Iterator[pa.Array]:
    for first in range(0, len(texts), BATCH):
        yield pa.array(texts[first : first + BATCH], pa.string())


def runs_alone(name: str) -> bool:
    """Whether a scorer needs the output only: no other column, option or extra."""
    described = describe(name)
    return described.columns == ("output",) and "required" not in described.options.values() and described.needs is None


def one_pass(scorers: Sequence[Scorer], parts: Sequence[pa.Array]) -> dict[str, float]:
    """CPU seconds of each shared column and each scorer over all batches."""
    spent: dict[str, float] = defaultdict(float)
    for part in parts:
        cache: derived.Cache = {}
        for name in SHARED:
            before = time.process_time()
            derived.derive(name, part, cache)
            spent[f"({name})"] += time.process_time() - before
        for scorer in scorers:
            before = time.process_time()
            scorer.run({"output": part}, {}, cache)
            spent[scorer.name] += time.process_time() - before
    return spent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=10_000)
    parser.add_argument("--log", type=Path)
    parser.add_argument("--all", action="store_true", help="every scorer that needs only the output, not the default set alone")
    options = parser.parse_args()
    scorers = [load_scorer(name) for name in (scorer_names() if options.all else default_names()) if runs_alone(name)]
    texts = answers(options.log, options.records)
    parts = list(batches(texts))
    passes = [one_pass(scorers, parts) for _ in range(3)]
    best = {name: min(spent[name] for spent in passes) for name in passes[0]}
    show(best, texts)


def show(best: dict[str, float], texts: Sequence[str]) -> None:
    print(f"{len(texts):,} answers of {sum(map(len, texts)) / len(texts):,.0f} characters on average, batches of {BATCH:,}")
    print(f"{'metric':24} us/record")
    for name, seconds in best.items():
        print(f"{name:24} {seconds / len(texts) * 1e6:9.2f}")
    print(f"{'all':24} {sum(best.values()) / len(texts) * 1e6:9.2f}")


if __name__ == "__main__":
    main()
