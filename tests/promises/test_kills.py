"""P1: a process killed at any time loses nothing that counted, counts nothing twice, and leaves no worker behind."""

import os
import random
import signal
import time
from pathlib import Path

import pytest
from promise_runs import ROWS, Bench, check_whole, finish, kill_group, members, score_words, start, wait_until

from judgecli.store.folder import Store

SEED = 20_260_901


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(tmp_path_factory.mktemp("kills"), files=4, records=6_000, seed=SEED, rows=ROWS)


def _live_keys(root: Path) -> set[str]:
    """The shards that count."""
    with Store(root, create=False) as store:
        return {shard.name for shard in store.shards()}


def _kill_once(bench: Bench, store: str, rng: random.Random, *, group: bool, workers: int) -> bool:
    """One run, killed at a random time after its store came to be; whether it was killed before its end."""
    root = bench.folder / store
    process = start(score_words(bench.logs, store, *(["--workers", str(workers)] if workers else [])), bench.folder, rows=bench.rows)
    born = root / "ledger.db"
    before = born.stat().st_mtime_ns if born.exists() else 0
    wait_until(lambda: process.poll() is not None or (born.exists() and (before == 0 or (root / "ledger.db-wal").exists())))
    time.sleep(rng.uniform(0, 0.75 * bench.seconds) * rng.random())
    if group:
        kill_group(process)
    else:
        os.kill(process.pid, signal.SIGKILL)
    found = finish(process)
    assert found.code in (0, -signal.SIGKILL), found.err
    assert wait_until(lambda: not members(process.pid), timeout_s=10), "a worker outlived the command"
    return found.code != 0


def _prove(bench: Bench, kills: int, capsys: pytest.CaptureFixture[str]) -> None:
    rng = random.Random(SEED)
    done = 0
    for store in bench.stores():
        counted: set[str] = set()
        for attempt in range(8):
            killed = _kill_once(bench, store, rng, group=attempt % 2 == 0, workers=(0, 2)[done % 2])
            done += killed
            if (bench.folder / store / "ledger.db").exists():
                check_whole(bench.folder / store)
                live = _live_keys(bench.folder / store)
                assert counted <= live, f"shards that counted are gone (seed {SEED}, kill {done})"
                counted = live
            if not killed or done >= kills:
                break
        bench.check_resumed(store, capsys)
        bench.drop(store)
        if done >= kills:
            return


def test_killed_runs_resume_to_the_same_table(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    _prove(bench, 25, capsys)


@pytest.mark.long
def test_a_thousand_kills_resume_to_the_same_table(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    _prove(bench, 1_000, capsys)
