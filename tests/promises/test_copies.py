"""A store is its content, not its times: interrupted, finished, copied in any order with any times, it gives the numbers of an uninterrupted run."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from harness import score, write_lines

from judgecli.store import tables, upkeep
from judgecli.store.folder import Store

CONFIG = """
logs: [{path: '*.jsonl', map: {input: input, output: output, id: id, time: time, model: model}}]
scorers: [{heuristics: [words, refusal, repetition, distinct_1]}]
policy: [model]
reward:
  name: good
  terms: {words: {weight: 1, range: [0, 40], higher_is_better: true}, repetition: {weight: 1}}
"""


def judge(folder: Path, *words: str) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "CI": "", "JUDGE_WORKERS": "1"}
    return subprocess.Popen(
        [sys.executable, "-m", "judgecli", *words], cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    )


def code_of(folder: Path, *words: str) -> int:
    process = judge(folder, *words)
    process.communicate()
    return process.returncode


def asked(folder: Path) -> str:
    """Every number of the store; how many records came late tells of the order in which the logs were read, and is left out."""
    found = json.loads(judge(folder, "signals", "--by", "model", "--window", "1d", "--json").communicate()[0])
    return json.dumps([{name: value for name, value in row.items() if name != "late"} for row in found["rows"]], sort_keys=True)


def project(folder: Path, rows: int) -> Path:
    folder.mkdir(parents=True)
    (folder / "judge.yaml").write_text(CONFIG, encoding="utf-8")
    for part in range(3):
        lines = [
            {
                "id": f"{part}-{n}",
                "time": f"2026-10-0{1 + n % 7}T0{part}:00:00Z",
                "input": f"q {n % 50}",
                "output": "so it is " * (1 + n % 9),
                "model": "ab"[n % 2],
            }
            for n in range(rows)
        ]
        write_lines(folder / f"log{part}.jsonl", lines)
    return folder


def interrupted(folder: Path, draw: random.Random) -> None:
    """Score with another set first, so that score files get successors; then stop one run at a random moment, and finish."""
    for way in ("first", "killed", "last"):
        words = ("score", "log0.jsonl", "-s", "words", "--quiet") if way == "first" else ("score", "--quiet")
        process = judge(folder, *words)
        if way == "killed":
            time.sleep(draw.uniform(0.2, 2.0))
            if process.poll() is None:
                os.killpg(process.pid, draw.choice([signal.SIGKILL, signal.SIGTERM, signal.SIGINT]))
        process.communicate()


def copied(folder: Path, target: Path, draw: random.Random) -> Path:
    """The same files, made in another order, each with a random time."""
    paths = [path for path in folder.rglob("*") if path.is_file() and not path.name.endswith(("-wal", "-shm"))]
    draw.shuffle(paths)
    for path in paths:
        made = target / path.relative_to(folder)
        made.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, made)
        moment = draw.randrange(1_000_000_000, 1_800_000_000)
        os.utime(made, (moment, moment))
    for empty in ("records", "scores", "keys", "sightings", "quarantine"):
        (target / ".judge" / empty).mkdir(parents=True, exist_ok=True)
    return target


def play(tmp_path: Path, seeds: range) -> None:
    whole = project(tmp_path / "whole", 400)
    judge(whole, "score", "--quiet").communicate()
    wanted = asked(whole)
    for seed in seeds:
        draw = random.Random(seed)  # noqa: S311 - moments, not secrets
        folder = project(tmp_path / str(seed), 400)
        interrupted(folder, draw)
        same = asked(folder) == wanted  # not the texts: a failed comparison of them takes minutes to print
        assert same, seed
        moved = copied(folder, tmp_path / f"{seed}-copy", draw)
        same = asked(moved) == wanted
        assert same, seed
        shards = sorted(path.name for path in (moved / ".judge" / "records").iterdir())
        assert code_of(moved, "score", "--quiet") == 0, seed
        assert sorted(path.name for path in (moved / ".judge" / "records").iterdir()) == shards, seed  # nothing is taken in again
        same = asked(moved) == wanted
        assert same, seed
        assert code_of(moved, "store", "verify") == 0, seed
        shutil.rmtree(folder)
        shutil.rmtree(moved)


def test_copies_of_interrupted_stores(tmp_path: Path) -> None:
    play(tmp_path, range(2))


@pytest.mark.long
def test_copies_of_two_hundred_interrupted_stores(tmp_path: Path) -> None:
    play(tmp_path, range(100, 300))


def test_of_two_files_of_a_group_the_later_counts_whatever_its_time(tmp_path: Path) -> None:
    found = score(tmp_path / "s", [write_lines(tmp_path / "a.jsonl", [{"output": "one two"}, {"output": "three"}])])
    (folder,) = (tmp_path / "s" / "scores").iterdir()
    (first,) = folder.glob("*.parquet")
    table = tables.read_parquet(first)
    names = table.column_names
    other = table.set_column(names.index("words"), "words", [[7.0, 7.0]])
    tables.write_scores(tmp_path / "s", folder.name, other, tables.metrics_of(first))
    new = next(path for path in folder.glob("*.parquet") if path != first)
    os.utime(new, (1, 1))
    held = list(tables.score_files(tmp_path / "s", folder.name))
    assert held == [first, new]
    assert tables.superseded_files(tmp_path / "s", folder.name) == [first]
    assert found.summaries[0].estimate.mean == 1.5


def test_verify_says_where_two_files_claim_one_group(tmp_path: Path) -> None:
    score(tmp_path / "s", [write_lines(tmp_path / "a.jsonl", [{"output": "one two"}])])
    (folder,) = (tmp_path / "s" / "scores").iterdir()
    (first,) = folder.glob("*.parquet")
    table = tables.read_parquet(first)
    other = table.set_column(table.column_names.index("words"), "words", [[7.0]])
    tables.write_scores(tmp_path / "s", folder.name, other, tables.metrics_of(first))
    new = next(path for path in folder.glob("*.parquet") if path != first)
    new.rename(new.with_name(f"{tables.group_of(new)}-{tables.generation_of(first)}-{new.stem.rpartition('-')[2]}.parquet"))
    with Store(tmp_path / "s") as store:
        document = upkeep.verify(store)
    assert not document["ok"]
    assert any("claim the same scores" in problem for problem in document["problems"])  # type: ignore[union-attr]
