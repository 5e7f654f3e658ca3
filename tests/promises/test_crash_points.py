"""P2: every call to the kernel that changes the store may fail, or be the last one: the store opens, and the run goes on.

strace kills the process at the k-th call of a kind, or lets that call fail with "no space" or "I/O error".
"""

import random
import re
import shutil
import signal
from collections import defaultdict
from pathlib import Path

import pytest
from promise_runs import Bench, check_quiet, check_whole, run, score_words

SEED = 20_260_902
ROWS = 60
CALLS = ("openat", "write", "pwrite64", "fsync", "fdatasync", "ftruncate", "rename", "unlink")
FAULTS = ("signal=KILL", "error=ENOSPC", "error=EIO")
STRACE = shutil.which("strace")
Point = tuple[str, int, str]


def _strace_works(folder: Path) -> bool:
    return STRACE is not None and run(["--version"], folder, before=[STRACE, "-f", "--seccomp-bpf", "-qq", "-o", "/dev/null", "-e", "trace=none"]).code == 0


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    folder = tmp_path_factory.mktemp("points")
    if not _strace_works(folder):
        pytest.skip("strace is missing or may not trace here")
    return Bench(folder, files=3, records=180, seed=SEED, rows=ROWS)


@pytest.fixture(scope="module")
def points(bench: Bench) -> list[Point]:
    """Every call of the main thread on a file of the store or on the export, by kind and number, with every fault."""
    trace = bench.folder / "trace"
    before = [str(STRACE), "-f", "--seccomp-bpf", "-y", "-qq", "-s", "0", "-o", str(trace), "-e", f"trace={','.join(CALLS)}"]
    assert run(score_words(bench.logs, "traced", "-o", "traced.csv"), bench.folder, rows=ROWS, before=before).code == 0
    lines = trace.read_text(encoding="utf-8", errors="replace").splitlines()
    main = lines[0].split()[0]
    numbers: dict[str, int] = defaultdict(int)
    found = []
    for line in lines:
        call = re.match(rf"{main} +(\w+)\(", line)
        if call:
            numbers[call[1]] += 1
            if str(bench.folder) in line or re.search(r'"(traced|\.?traced\.csv)', line):
                found.append((call[1], numbers[call[1]]))
    bench.drop("traced")
    return [(name, number, fault) for fault in FAULTS for name, number in found]


def _strike(bench: Bench, point: Point, capsys: pytest.CaptureFixture[str]) -> None:
    call, number, fault = point
    store = "struck"
    before = [str(STRACE), "-f", "--seccomp-bpf", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e", f"inject={call}:{fault}:when={number}"]
    found = run(score_words(bench.logs, store, "-o", f"{store}.csv"), bench.folder, rows=ROWS, before=before)
    if call == "openat" and not (bench.folder / store).exists():
        return  # a module of Python could not be read: numbers move where a file was compiled anew
    check_quiet(found)
    assert found.code in (0, 4, -signal.SIGKILL, 128 + signal.SIGKILL), (point, found)
    assert found.code != 4 or found.err.startswith("error: "), (point, found)
    export = bench.folder / f"{store}.csv"
    assert not export.exists() or export.read_bytes() == bench.clean, point
    if (bench.folder / store / "ledger.db").exists() and found.code != 0:
        check_whole(bench.folder / store)
    bench.check_resumed(store, capsys)
    bench.drop(store)


def _strike_all(bench: Bench, points: list[Point], capsys: pytest.CaptureFixture[str]) -> None:
    failed = []
    for point in points:
        try:
            _strike(bench, point, capsys)
        except AssertionError as error:
            failed.append(f"{point}: {str(error)[:600]}")
            bench.drop("struck")
    assert not failed, f"{len(failed)} of {len(points)} points:\n" + "\n".join(failed)


def test_there_are_many_crash_points(points: list[Point]) -> None:
    assert len(points) >= 300
    assert {call for call, _, _ in points} >= {"openat", "write", "pwrite64", "fsync", "rename"}


def test_twenty_crash_points_are_safe(bench: Bench, points: list[Point], capsys: pytest.CaptureFixture[str]) -> None:
    rng = random.Random(SEED)  # noqa: S311 - not for secrets
    by_call: dict[tuple[str, str], list[Point]] = defaultdict(list)
    for point in points:
        by_call[point[0], point[2]].append(point)
    chosen = [rng.choice(found) for found in by_call.values()]
    _strike_all(bench, rng.sample(chosen, 20), capsys)


@pytest.mark.long
def test_all_crash_points_are_safe(bench: Bench, points: list[Point], capsys: pytest.CaptureFixture[str]) -> None:
    _strike_all(bench, points, capsys)
