"""Reference metrics against the packages they equal: microseconds of CPU a pair, and the ratio.

    python benchmarks/reference.py [pairs.jsonl.gz]    rows with `output` and `reference`, or `chosen` and `rejected`

Without a file the pairs are made from a seed: answers of about 170 words, half of them shared.
The packages (rouge-score, sacrebleu) get every n-th pair only, as they are slow; equality is
checked on those. Take ratios from one run on a quiet machine.
"""

import gzip
import json
import random
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import sacrebleu
from rouge_score.rouge_scorer import RougeScorer

from judgecli.scorers.reference.bleu import bleu
from judgecli.scorers.reference.chrf import chrf
from judgecli.scorers.reference.rouge import rouge_1, rouge_2, rouge_l

Texts = Sequence[str]
Metric = Callable[[Texts, Texts], list[float]]
PEER_PAIRS = 100


def made_pairs(count: int) -> list[tuple[str, str]]:
    """Pairs of texts of about 170 words, half of the words common to both."""
    rng = random.Random(11)  # noqa: S311  a seeded sample, no secret
    words = [f"{rng.choice('bcdfglmnprst')}{rng.choice('aeiou')}{rng.choice('lmnrst')}{rng.choice(['', 'ing', 'ed', 's', 'er'])}" for _ in range(900)]

    def text(stem: list[str]) -> str:
        chosen = [word if rng.random() < 0.5 else rng.choice(words) for word in stem]
        return " ".join(word + rng.choice(["", "", "", "", "", ",", "."]) for word in chosen)

    stems = [[rng.choice(words) for _ in range(rng.randrange(120, 220))] for _ in range(count)]
    return [(text(stem), text(stem)) for stem in stems]


def read_pairs(path: Path) -> list[tuple[str, str]]:
    rows = [json.loads(line) for line in gzip.decompress(path.read_bytes()).decode().split("\n") if line]
    names = ("output", "reference") if "output" in rows[0] else ("chosen", "rejected")
    return [(row[names[0]], row[names[1]]) for row in rows]


def peer(metric: str) -> Metric:
    """The package's own scorer, one pair at a time as it is used."""
    if metric.startswith("rouge"):
        scorer = RougeScorer([metric], use_stemmer=False)
        return lambda outputs, references: [scorer.score(wanted, text)[metric].fmeasure for text, wanted in zip(outputs, references, strict=True)]
    sentence = {"bleu": sacrebleu.sentence_bleu, "chrf": sacrebleu.sentence_chrf}[metric]
    return lambda outputs, references: [sentence(text, [wanted]).score for text, wanted in zip(outputs, references, strict=True)]


def cpu_us(metric: Metric, pairs: list[tuple[str, str]]) -> tuple[float, list[float]]:
    """Microseconds of CPU a pair, and the values."""
    outputs, references = [text for text, _ in pairs], [wanted for _, wanted in pairs]
    start = time.process_time()
    values = metric(outputs, references)
    return (time.process_time() - start) / len(pairs) * 1e6, values


def main() -> None:
    pairs = read_pairs(Path(sys.argv[1])) if len(sys.argv) > 1 else made_pairs(2000)
    words = sum(len(text.split()) for text, _ in pairs) / len(pairs)
    step = max(len(pairs) // PEER_PAIRS, 1)
    print(f"{len(pairs)} pairs, {words:.0f} words an output; peers on {len(pairs[::step])} of them")
    print(f"{'metric':8} {'ours us':>9} {'peer us':>9} {'ratio':>7} {'largest difference':>20}")
    ours: dict[str, Metric] = {"rouge1": rouge_1, "rouge2": rouge_2, "rougeL": rouge_l, "chrf": chrf, "bleu": bleu}  # type: ignore[dict-item]
    for name, metric in ours.items():
        cpu_us(metric, pairs[:PEER_PAIRS])  # the first call loads code and fills caches
        mine, values = cpu_us(metric, pairs)
        theirs, expected = cpu_us(peer(name), pairs[::step])
        apart = max(abs((value or 0.0) - wanted) for value, wanted in zip(values[::step], expected, strict=True))
        print(f"{name:8} {mine:9.0f} {theirs:9.0f} {theirs / mine:7.1f} {apart:20.1e}")


if __name__ == "__main__":
    main()
