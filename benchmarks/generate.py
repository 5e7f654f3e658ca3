#!/usr/bin/env python3
"""A deterministic log of a chat application as JSONL: `python benchmarks/generate.py --records N --out FILE [--seed S]`.

About 3 kB a record: id, timestamp, model, prompt_version, question, answer, contexts, reference (every
second record), latency_ms, tokens_in, tokens_out, session. Sentences come from a fixed pool over a
vocabulary after Zipf's law; lengths are log-normal; a tenth of the answers is JSON (a few cut short),
3 % refuse, a few hold an e-mail address, a list or characters beyond ASCII. The last third of the log
runs prompt version v2, whose answers are longer and whose references agree less: there is drift to find.
The same seed and count give the same bytes. A million records take about a minute.
"""

import argparse
import math
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from pathlib import Path
from typing import Any

import orjson

COMMON = """
the of and to in a is that for it as was with be by on not this are or from at which but have an had they you were their one all we can has there
been if more when will would who so no out up into do any your what some could them than other time then these two may first now people made over did
down only way find use water long little very after words called just where most know get through back much before go good new write our used day same
""".split()  # noqa: SIM905 - a list of a hundred words reads worse
ONSETS = ["b", "br", "c", "ch", "d", "f", "gr", "h", "k", "l", "m", "n", "p", "pl", "r", "s", "st", "t", "tr", "v", "w"]
SYLLABLES = [onset + nucleus for onset in ONSETS for nucleus in ("a", "e", "i", "o", "u", "ea", "ou")]
ENDINGS = ["", "", "", "n", "r", "st", "ing", "ed", "tion", "er", "ly", "al", "ity", "s"]
MODELS = ["gpt-4o", "gpt-4o", "gpt-4o-mini", "claude-sonnet", "llama-3-70b"]
REFUSAL = "I'm sorry, but I can't help with that request. "
START = datetime(2026, 1, 1, tzinfo=UTC)
DAYS = 90


def vocabulary(rng: random.Random, size: int = 20_000) -> list[str]:
    words = dict.fromkeys(COMMON)
    while len(words) < size:
        words["".join(rng.choices(SYLLABLES, k=rng.choice((1, 2, 2, 3)))) + rng.choice(ENDINGS)] = None
    return list(words)


def sentence_pool(rng: random.Random, size: int = 20_000) -> list[tuple[str, int]]:
    """Sentences with their number of words."""
    words = vocabulary(rng)
    weights = list(accumulate(1 / (rank + 2.7) for rank in range(len(words))))
    pool = []
    for _ in range(size):
        count = min(45, max(4, int(rng.lognormvariate(math.log(14), 0.45))))
        picked = rng.choices(words, cum_weights=weights, k=count)
        if count > 12:
            picked[count // 2] += ","
        pool.append((" ".join(picked).capitalize() + rng.choice("....?!"), count))
    return pool


def passage(rng: random.Random, pool: list[tuple[str, int]], words: int) -> tuple[str, int]:
    """Sentences of the pool until they hold at least so many words, in paragraphs."""
    parts, found, size = [], 0, len(pool)
    while found < words:
        text, count = pool[int(rng.random() * size)]
        parts.append(text)
        found += count
        parts.append("\n\n" if rng.random() < 0.12 else " ")
    return "".join(parts[:-1]), found


def answer_of(rng: random.Random, pool: list[tuple[str, int]], index: int, words: int) -> tuple[str, int]:
    kind = rng.random()
    if kind < 0.10:
        body, found = passage(rng, pool, words // 2)
        text = orjson.dumps({"answer": body, "confidence": round(rng.random(), 3), "sources": [index % 7, index % 11]}).decode()
        return (text[:-2] if kind < 0.01 else text), found
    if kind < 0.13:
        body, found = passage(rng, pool, 20)
        return REFUSAL + body, found + 9
    body, found = passage(rng, pool, words)
    if kind < 0.16:
        return f"{body}\n\nWrite to user{index % 997}@example.org.", found + 3
    if kind < 0.24:
        return "- " + body.replace(". ", ".\n- "), found
    return (body.replace("the ", "thé ").replace(", ", " \u2013 ") if kind < 0.32 else body), found


def records(count: int, seed: int = 7) -> Iterator[dict[str, Any]]:
    """`count` records of the log, in order of time."""
    rng = random.Random(seed)  # noqa: S311
    pool = sentence_pool(rng)
    for index in range(count):
        late = index >= count * 2 // 3
        words = min(2000, max(40, int(rng.lognormvariate(math.log(160 if late else 130), 0.75))))
        question, asked = passage(rng, pool, rng.randint(6, 24))
        contexts = [passage(rng, pool, rng.randint(30, 90))[0] for _ in range(rng.randint(1, 3))]
        answer, found = answer_of(rng, pool, index, words)
        record: dict[str, Any] = {
            "id": f"rec-{index:08d}",
            "timestamp": (START + timedelta(seconds=DAYS * 86400 * index / count)).isoformat(),
            "model": MODELS[int(rng.random() * len(MODELS))],
            "prompt_version": "v2" if late else "v1",
            "session": f"s-{index // 3:07d}",
            "question": question,
            "answer": answer,
            "contexts": contexts,
            "latency_ms": round(rng.lognormvariate(math.log(900 + 3 * found), 0.4), 1),
            "tokens_in": asked + sum(len(context) // 5 for context in contexts),
            "tokens_out": int(found * 1.33),
        }
        if index % 2 == 0:
            kept = 0.75 if late else 0.85
            record["reference"] = " ".join(part for part in answer.split(". ") if rng.random() < kept)
        yield record


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    with options.out.open("wb") as log:
        for record in records(options.records, options.seed):
            log.write(orjson.dumps(record) + b"\n")


if __name__ == "__main__":
    main()
