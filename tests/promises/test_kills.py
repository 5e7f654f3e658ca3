"""P1: a process killed at any time loses nothing that counted, counts nothing twice, and leaves no worker behind."""

import os
import random
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from promise_runs import ROWS, Bench, Forks, check_whole, lives, members, score_words, wait_until

from judgecli.store.folder import Store

SEED = 20_260_901


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(tmp_path_factory.mktemp("kills"), files=4, records=6_000, seed=SEED, rows=ROWS)


@pytest.fixture(scope="module")
def forks(bench: Bench) -> Iterator[Forks]:
    found = Forks(bench.folder, ROWS)
    yield found
    found.close()


def _live_keys(root: Path) -> set[str]:
    """The shards that count."""
    with Store(root, create=False) as store:
        return {shard.name for shard in store.shards()}


def _kill_once(bench: Bench, forks: Forks, store: str, rng: random.Random, *, group: bool, workers: int, latest: float) -> bool:
    """One run, killed at a random time after it opened its store; whether it was killed before its end."""
    born = bench.folder / store / "ledger.db-wal"
    pid = forks.start(score_words(bench.logs, store, *(["--workers", str(workers)] if workers else [])))
    wait_until(lambda: born.exists() or not lives(pid))
    wait_until(lambda: not lives(pid), timeout_s=rng.uniform(0, latest))
    (os.killpg if group else os.kill)(pid, signal.SIGKILL)
    found = forks.finish(pid)
    assert found.code in (0, -signal.SIGKILL), found.err
    assert wait_until(lambda: not members(pid), timeout_s=10), "a worker outlived the command"
    return found.code != 0


def _prove(bench: Bench, forks: Forks, kills: int, capsys: pytest.CaptureFixture[str]) -> None:
    rng = random.Random(SEED)  # noqa: S311 - not for secrets
    latest = bench.seconds_of_a_run(forks)
    done = 0
    for store in bench.stores():
        counted: set[str] = set()
        for attempt in range(8):
            killed = _kill_once(bench, forks, store, rng, group=attempt % 2 == 0, workers=int(attempt % 4 == 3), latest=latest * rng.random())
            done += killed
            if done % 5 == 0:  # the rest is checked when it was resumed
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


def test_killed_runs_resume_to_the_same_table(bench: Bench, forks: Forks, capsys: pytest.CaptureFixture[str]) -> None:
    _prove(bench, forks, 25, capsys)


@pytest.mark.long
def test_a_thousand_kills_resume_to_the_same_table(bench: Bench, forks: Forks, capsys: pytest.CaptureFixture[str]) -> None:
    _prove(bench, forks, 1_000, capsys)
