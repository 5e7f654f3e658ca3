"""P6: no space for the store, the export or the temporary files: exit 4 and one line that names the place; the run goes on later."""

import os
import random
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from promise_runs import Bench, check_quiet, check_whole, command, run, run_here, score_words

SEED = 20_260_906
ROWS = 500


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(tmp_path_factory.mktemp("full"), files=4, records=6_000, seed=SEED, rows=ROWS)


@contextmanager
def _small_disk(folder: Path, kilobytes: int) -> Iterator[Path]:
    """A disk of its own of this size. Skips where it cannot be mounted."""
    folder.mkdir()
    mount = shutil.which("mount")
    options = f"size={kilobytes}k,mode=0700"
    if (
        os.geteuid() != 0
        or mount is None
        or subprocess.run([mount, "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], capture_output=True, check=False).returncode
    ):
        pytest.skip("mounting a tmpfs needs root")
    try:
        yield folder
    finally:
        subprocess.run([str(shutil.which("umount")), "-l", str(folder)], check=True)


def _check_refused(found: object, place: Path | str) -> None:
    check_quiet(found)  # type: ignore[arg-type]
    assert found.code == 4, found  # type: ignore[attr-defined]
    first = found.err.splitlines()[-2]  # type: ignore[attr-defined]
    assert first.startswith("error: "), found
    assert str(place) in first, found


def _fill_store(bench: Bench, store: str, kilobytes: int, capsys: pytest.CaptureFixture[str]) -> None:
    """The store's disk is full during the run; with space again the run goes on."""
    with _small_disk(bench.folder / store, kilobytes) as disk:
        found = run(score_words(bench.logs, store), bench.folder, rows=ROWS)
        if found.code != 0:
            _check_refused(found, store)
        if (disk / "ledger.db").exists():
            check_whole(disk)
        subprocess.run([str(shutil.which("mount")), "-o", "remount,size=64m", str(disk)], check=True)
        bench.check_resumed(store, capsys)


def _limit_files(bench: Bench, store: str, kilobytes: int, capsys: pytest.CaptureFixture[str], *more: str) -> None:
    """No file may grow beyond a size (`ulimit -f`); without the limit the run goes on."""

    def limit() -> None:
        import resource

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (kilobytes << 10, kilobytes << 10))

    found = run(score_words(bench.logs, store, *more), bench.folder, rows=ROWS, preexec_fn=limit)
    if found.code != 0:
        _check_refused(found, store)
    if (bench.folder / store / "ledger.db").exists():
        check_whole(bench.folder / store)
    assert not (bench.folder / f"{store}.csv").exists() or found.code == 0
    assert not list(bench.folder.glob(f".{store}*"))
    bench.check_resumed(store, capsys)
    bench.drop(store)


def test_a_full_disk_under_the_store(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    _fill_store(bench, "disk", 600, capsys)


def test_a_full_disk_under_the_export(bench: Bench, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with _small_disk(tmp_path / "disk", 256) as disk:
        found = run(score_words(bench.logs, "beside", "-o", str(disk / "out.csv")), bench.folder, rows=ROWS)
        _check_refused(found, disk / "out.csv")
        assert list(disk.iterdir()) == []
    bench.check_resumed("beside", capsys)


@pytest.mark.parametrize("kilobytes", [16, 64])
def test_files_that_may_not_grow(bench: Bench, kilobytes: int, capsys: pytest.CaptureFixture[str]) -> None:
    _limit_files(bench, f"limited{kilobytes}", kilobytes, capsys, "-o", f"limited{kilobytes}.csv")


def test_a_full_device_behind_stdout(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("/dev/full is missing")
    with full.open("wb") as stream:
        found = subprocess.run(
            command(score_words(bench.logs, "piped", "--json"), rows=ROWS), cwd=bench.folder, stdout=stream, stderr=subprocess.PIPE, text=True, check=False
        )
    assert found.returncode == 4, found.stderr
    assert "Traceback" not in found.stderr
    bench.check_resumed("piped", capsys)


@pytest.mark.long
def test_forty_placements(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    rng = random.Random(SEED)  # noqa: S311 - not for secrets
    for turn in range(20):
        _fill_store(bench, f"disk{turn}", rng.randint(100, 4_096), capsys)
        _limit_files(bench, f"limited{turn}x", rng.randint(4, 1_024), capsys, "-o", f"limited{turn}x.csv")


def test_a_file_in_the_place_of_the_store(bench: Bench, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A store that stands where a file is."""
    (tmp_path / "store").write_text("a file\n")
    found = run_here(score_words(bench.logs, str(tmp_path / "store")), bench.folder, capsys)
    _check_refused(found, tmp_path / "store")
    assert (tmp_path / "store").read_text() == "a file\n"
