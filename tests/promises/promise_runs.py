"""What the proofs share: logs made from a seed, the real command as a process, and what must hold of a store afterwards."""

import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from judgecli.cli import main
from judgecli.store.folder import Store
from judgecli.store.upkeep import verify

SMALL = Path(__file__).with_name("small_shards.py")
FORKED = Path(__file__).with_name("forked_judge.py")
SCORERS = ("words", "repetition", "empty")
WORDS = ["add", "the", "salt", "water", "rice", "oil", "and", "then", "stir", "until", "done", "3", "eggs", "or", "200", "g", "of", "flour"]
ROWS = 500


@dataclass(frozen=True)
class Run:
    """An ended process: its exit code (negative: the signal that ended it) and what it said."""

    code: int
    out: str
    err: str


def write_logs(folder: Path, *, files: int, records: int, seed: int) -> list[str]:
    """JSONL files of random recipes, with lines that repeat across files and lines that are broken; returns their names."""
    rng = random.Random(seed)  # noqa: S311 - not for secrets
    folder.mkdir(parents=True, exist_ok=True)
    names, lines = [], []
    for file in range(files):
        rows = [
            json.dumps(
                {
                    "id": f"{file}-{row}",
                    "input": " ".join(rng.choices(WORDS, k=5)),
                    "output": " ".join(rng.choices(WORDS, k=rng.randint(0, 24))),
                    "model": rng.choice(["a", "b"]),
                    "session": f"s{rng.randint(0, 40)}",
                    "time": f"2026-01-{rng.randint(1, 28):02d}T03:04:05Z",
                    "thumb": rng.choice([True, False]),
                }
            )
            for row in range(records // files)
        ]
        if lines:
            rows[10:10] = rng.choices(lines, k=20)
            rows[40] = "{broken"
        lines += [row for row in rows if row != "{broken"]
        names.append(f"log{file}.jsonl")
        (folder / names[-1]).write_text("\n".join(rows) + "\n", encoding="utf-8")
    return names


def score_words(logs: Sequence[str], store: str, *more: str) -> list[str]:
    """The words of a scoring command."""
    scorers = [word for name in SCORERS for word in ("-s", name)]
    return ["score", *logs, *scorers, "--map", "label.thumb=thumb", "--store", store, *more]


def command(words: Sequence[str], *, rows: int | None = None) -> list[str]:
    """The real command line; with `rows` its shards are small."""
    if rows is None:
        return [str(Path(sys.executable).with_name("judge")), *words]
    return [sys.executable, str(SMALL), str(rows), *words]


def start(words: Sequence[str], folder: Path, *, rows: int | None = None, before: Sequence[str] = (), **options: object) -> "subprocess.Popen[bytes]":
    """Start the command in a process group of its own; `before` is what runs it (strace, prlimit)."""
    return subprocess.Popen(
        [*before, *command(words, rows=rows)],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        **options,  # type: ignore[call-overload]
    )


def finish(process: "subprocess.Popen[bytes]", *, timeout_s: float = 120.0) -> Run:
    """Wait for the end of a process."""
    out, err = process.communicate(timeout=timeout_s)
    return Run(process.returncode, out.decode(), err.decode())


def run(words: Sequence[str], folder: Path, *, rows: int | None = None, before: Sequence[str] = (), **options: object) -> Run:
    """Run the command to its end."""
    return finish(start(words, folder, rows=rows, before=before, **options))


def run_here(words: Sequence[str], folder: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the command in this process: what it does to files is the same, without the start-up."""
    before = Path.cwd()
    capsys.readouterr()
    os.chdir(folder)
    try:
        code = main(list(words))
    finally:
        os.chdir(before)
    caught = capsys.readouterr()
    return Run(code, caught.out, caught.err)


def check_quiet(found: Run) -> None:
    """No traceback, and no bug of ours."""
    assert "Traceback" not in found.err, found.err
    assert found.code != 70, found.err
    assert "Exception ignored" not in found.err, found.err


def check_whole(root: Path) -> None:
    """The store opens, and every file of it is what the ledger says."""
    with Store(root, create=False) as store:
        found = verify(store)
    assert found["ok"], found["problems"]


def members(group: int) -> list[int]:
    """The processes of a group that still live."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[2]) == group and fields[0] != "Z":
            found.append(int(stat.parent.name))
    return found


def wait_until(condition: object, *, timeout_s: float = 20.0) -> bool:
    """Whether a condition came true in time."""
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        if condition():  # type: ignore[operator]
            return True
        time.sleep(0.005)
    return False


class Forks:
    """Runs of the command as forks of one process that has imported it (forked_judge.py)."""

    def __init__(self, folder: Path, rows: int) -> None:
        self.folder = folder
        self.rows = rows
        alone = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}  # no thread may run where a process forks
        self._server = subprocess.Popen([sys.executable, str(FORKED)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=alone, start_new_session=True)

    def _ask(self, request: dict[str, object]) -> int:
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.write(json.dumps(request).encode() + b"\n")
        self._server.stdin.flush()
        return int(self._server.stdout.readline())

    def start(self, words: Sequence[str]) -> int:
        """Start `judge WORDS`; returns its pid."""
        return self._ask({"words": list(words), "rows": self.rows, "folder": str(self.folder)})

    def finish(self, pid: int) -> Run:
        """Wait for its end."""
        code = os.waitstatus_to_exitcode(self._ask({"wait": pid}))
        return Run(code, (self.folder / "out").read_text(encoding="utf-8"), (self.folder / "err").read_text(encoding="utf-8"))

    def close(self) -> None:
        """End the process."""
        with self._server:
            pass


def lives(pid: int) -> bool:
    """Whether a process still runs."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


class Bench:
    """A folder with logs, the export of an undisturbed run, and stores to disturb."""

    def __init__(self, folder: Path, *, files: int, records: int, seed: int, rows: int) -> None:
        self.folder = folder
        self.rows = rows
        self.logs = write_logs(folder, files=files, records=records, seed=seed)
        found = run(score_words(self.logs, "clean", "-o", "clean.csv", "--json"), folder, rows=rows)
        assert found.code == 0, found.err
        self.clean = (folder / "clean.csv").read_bytes()
        self.counts = {**json.loads(found.out)["records"], "new": None}
        self.metrics = json.loads(found.out)["metrics"]

    def seconds_of_a_run(self, forks: Forks, *more: str) -> float:
        """The shorter of two undisturbed runs, from the store's birth to the end: any moment of it may be the last."""
        seconds = []
        for store in ("timed1", "timed2"):
            born = self.folder / store / "ledger.db-wal"
            pid = forks.start(score_words(self.logs, store, *more))
            wait_until(lambda born=born, pid=pid: born.exists() or not lives(pid))
            began = time.monotonic()
            forks.finish(pid)
            seconds.append(time.monotonic() - began)
            self.drop(store)
        return min(seconds)

    def stores(self) -> Iterator[str]:
        """Names of stores, each fresh."""
        number = 0
        while True:
            number += 1
            yield f"store{number}"

    def check_resumed(self, store: str, capsys: pytest.CaptureFixture[str]) -> None:
        """The same command, run to its end, gives the table of an undisturbed run, and a whole store."""
        found = run_here(score_words(self.logs, store, "-o", f"{store}.csv", "--json"), self.folder, capsys)
        assert found.code == 0, found.err
        document = json.loads(found.out)
        assert {**document["records"], "new": None} == self.counts
        assert document["metrics"] == self.metrics
        assert (self.folder / f"{store}.csv").read_bytes() == self.clean
        check_whole(self.folder / store)

    def drop(self, store: str) -> None:
        """Delete a store and its export."""
        shutil.rmtree(self.folder / store, ignore_errors=True)
        (self.folder / f"{store}.csv").unlink(missing_ok=True)
