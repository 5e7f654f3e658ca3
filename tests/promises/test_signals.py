"""P5: Ctrl-C and SIGTERM end a run in seconds, say how to go on, and lose nothing; a second signal ends it at once."""

import os
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from promise_runs import Bench, Forks, check_quiet, check_whole, lives, members, score_words, wait_until

SEED = 20_260_905
ROWS = 500
PLANS = [(signal.SIGINT,), (signal.SIGINT, signal.SIGINT), (signal.SIGTERM,)]


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(tmp_path_factory.mktemp("signals"), files=4, records=6_000, seed=SEED, rows=ROWS)


@pytest.fixture(scope="module")
def forks(bench: Bench) -> Iterator[Forks]:
    found = Forks(bench.folder, ROWS)
    yield found
    found.close()


def _catches(pid: int, number: int) -> bool:
    """Whether the process has a handler for this signal."""
    try:
        caught = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("SigCgt"))
    except (OSError, StopIteration):
        return False
    return bool(int(caught.split()[1], 16) >> (number - 1) & 1)


def _stop(
    bench: Bench, forks: Forks, store: str, plan: tuple[signal.Signals, ...], delay_s: float, *, workers: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    words = score_words(bench.logs, store, "-o", f"{store}.csv", *(["--workers", "1"] if workers else []))
    pid = forks.start(words)
    wait_until(lambda: not lives(pid) or (_catches(pid, signal.SIGTERM) and (bench.folder / store / "ledger.db").exists()))
    wait_until(lambda: not lives(pid), timeout_s=delay_s)
    for number in plan:
        os.killpg(pid, number)  # a terminal sends Ctrl-C to the whole group
        time.sleep(0.01)
    began = time.monotonic()
    assert wait_until(lambda: not lives(pid), timeout_s=1 if len(plan) > 1 else 5), "still running"
    seconds = time.monotonic() - began
    found = forks.finish(pid)
    said = f"{plan} after {delay_s:.3f} s, ended in {seconds:.2f} s: {found} (seed {SEED})"
    check_quiet(found)
    export = bench.folder / f"{store}.csv"
    assert not export.exists() or export.read_bytes() == bench.clean, said
    assert not list(bench.folder.glob(f".{store}.csv*")) or len(plan) > 1, said
    assert found.code in {0, 128 + plan[0], *([-plan[1]] if len(plan) > 1 else [])}, said
    if found.code == 128 + plan[0]:
        assert " ".join(words) in found.err, said
    check_whole(bench.folder / store)
    assert wait_until(lambda: not members(pid)), said
    bench.check_resumed(store, capsys)
    bench.drop(store)


def _stop_often(bench: Bench, forks: Forks, times: int, capsys: pytest.CaptureFixture[str]) -> None:
    rng = random.Random(SEED)  # noqa: S311 - not for secrets
    latest = bench.seconds_of_a_run(forks, "-o", "timed.csv")
    for turn, store in zip(range(times), bench.stores(), strict=False):
        _stop(bench, forks, store, PLANS[turn % 3], rng.uniform(0, latest), workers=turn % 2 == 1, capsys=capsys)


def test_a_stopped_run_says_how_to_go_on(bench: Bench, forks: Forks, capsys: pytest.CaptureFixture[str]) -> None:
    _stop_often(bench, forks, 6, capsys)


@pytest.mark.long
def test_a_hundred_stopped_runs_go_on(bench: Bench, forks: Forks, capsys: pytest.CaptureFixture[str]) -> None:
    _stop_often(bench, forks, 100, capsys)
