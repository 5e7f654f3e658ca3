"""P1 and P4 with judges: a run that is killed and resumed ends with the table of an undisturbed run, and pays no answer twice; P5, P7 and P10 too."""

import json
import random
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from promise_runs import Run, check_quiet, check_whole, finish, run_here, start, wait_until

from judgecli.store.folder import Store

SEED = 20_261_004
CONCURRENCY = 16


@dataclass(frozen=True)
class Server:
    """A fake judge in a process of its own."""

    url: str

    def stats(self) -> dict[str, object]:
        """What it was asked."""
        with urllib.request.urlopen(self.url.removesuffix("/v1") + "/stats", timeout=10) as answer:  # noqa: S310 - loopback
            return dict(json.loads(answer.read()))

    def reset(self) -> None:
        """Count from nought."""
        request = urllib.request.Request(self.url.removesuffix("/v1") + "/reset", method="POST")  # noqa: S310
        with urllib.request.urlopen(request, timeout=10):  # noqa: S310
            pass


@contextmanager
def serving(latency_ms: int) -> Iterator[Server]:
    words = [sys.executable, "-m", "judgecli", "dev", "fake-judge", "--port", "0", "--latency-ms", str(latency_ms)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield Server(process.stdout.readline().split()[-1])
        process.terminate()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving(20) as found:
        yield found


def write_log(folder: Path, records: int) -> None:
    rows = [
        {"id": f"r{number}", "input": f"How is dish {number} made?", "output": f"Boil {number} g of rice.", "session": str(number % 50)}
        for number in range(records)
    ]
    (folder / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def words(server: Server, store: str, *more: str) -> list[str]:
    judge = ["--judge-model", "fake", "--base-url", server.url, "--concurrency", str(CONCURRENCY), "--sentinels", "off"]
    return ["score", "log.jsonl", "-s", "rubric:helpfulness", "-s", "words", *judge, "--store", store, *more]


def stored(root: Path) -> int:
    """How many replies the ledger has."""
    try:
        with sqlite3.connect(root / "ledger.db") as connection:
            count = connection.execute("SELECT count(*) FROM replies").fetchone()[0]
        connection.close()
    except sqlite3.OperationalError:
        return 0
    return int(count)


def finished(folder: Path, server: Server, store: str, capsys: pytest.CaptureFixture[str]) -> tuple[Run, bytes]:
    """The command run to its end, and its rows."""
    found = run_here(words(server, store, "-o", f"{store}.csv", "--json"), folder, capsys)
    assert found.code == 0, found.err
    return found, (folder / f"{store}.csv").read_bytes()


def prove(folder: Path, server: Server, capsys: pytest.CaptureFixture[str], *, records: int, kills: int) -> None:
    rng = random.Random(SEED)  # noqa: S311 - not for secrets
    write_log(folder, records)
    _, clean = finished(folder, server, "clean", capsys)
    server.reset()
    before = 0
    for kill in range(kills):
        process = start(words(server, "store"), folder, rows=records // 4)
        wanted = before + rng.randint(1, max(1, (records - before) // (kills - kill + 1)))
        wait_until(lambda wanted=wanted, process=process: stored(folder / "store") >= wanted or process.poll() is not None, timeout_s=120)  # type: ignore[misc]
        time.sleep(rng.uniform(0, 0.05))
        process.send_signal(signal.SIGKILL)
        assert finish(process).code == -signal.SIGKILL, f"the run ended before kill {kill} (seed {SEED})"
        with Store(folder / "store"):  # whoever opens the store next takes over what the dead process had kept
            pass
        assert stored(folder / "store") >= before
        before = stored(folder / "store")
    found, rows = finished(folder, server, "store", capsys)
    assert rows == clean
    assert json.loads(found.out)["judge"]["calls"] == records - before
    again = int(str(server.stats()["requests"])) - records  # asked before the kill, and again: under way
    assert again <= kills * CONCURRENCY
    check_whole(folder / "store")


def test_killed_judge_runs_resume_and_pay_nothing_twice(tmp_path: Path, server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    prove(tmp_path, server, capsys, records=2_000, kills=5)


@pytest.mark.long
def test_twenty_kills_of_ten_thousand_records(tmp_path: Path, server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    prove(tmp_path, server, capsys, records=10_000, kills=20)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_says_how_to_go_on(tmp_path: Path, server: Server, capsys: pytest.CaptureFixture[str], number: signal.Signals) -> None:
    write_log(tmp_path, 1_500)
    process = start(words(server, "store"), tmp_path)
    assert wait_until(lambda: stored(tmp_path / "store") > 100, timeout_s=60)
    began = time.monotonic()
    sent = int(str(server.stats()["requests"]))
    process.send_signal(number)
    found = finish(process)
    assert time.monotonic() - began < 5
    assert int(str(server.stats()["requests"])) - sent <= 3 * CONCURRENCY  # under way, and sent before the signal came: nothing that waited for a slot
    assert found.code == 128 + number
    assert "continue with: judge score" in found.err or "run the same command again" in found.err
    check_quiet(found)
    kept = stored(tmp_path / "store")
    done, _ = finished(tmp_path, server, "store", capsys)
    assert json.loads(done.out)["judge"]["calls"] == 1_500 - kept


def test_sentinels_too_end_with_the_run(tmp_path: Path) -> None:
    write_log(tmp_path, 8)
    with serving(1_000) as slow:
        more = ["--concurrency", "4", "--sentinels", "40"]  # two seconds of records, then ten of sentinels
        process = start(words(slow, "store", *more), tmp_path)
        assert wait_until(lambda: int(str(slow.stats()["requests"])) > 8, timeout_s=60)
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        found = finish(process)
        assert found.code == 128 + signal.SIGINT
        assert time.monotonic() - began < 5
        assert int(str(slow.stats()["requests"])) <= 8 + 4
    check_quiet(found)


def test_two_processes_at_once_ask_each_question_once(tmp_path: Path, server: Server) -> None:
    write_log(tmp_path, 600)
    server.reset()
    processes = [start(words(server, "store", "-o", f"{number}.csv"), tmp_path) for number in range(2)]
    for process in processes:
        found = finish(process)
        assert found.code == 0, found.err
    assert server.stats()["requests"] == 600
    assert (tmp_path / "0.csv").read_bytes() == (tmp_path / "1.csv").read_bytes()


def test_a_broken_parser_costs_no_call(tmp_path: Path, server: Server, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    from judgecli.judge import asker
    from judgecli.scorer import Score

    write_log(tmp_path, 60)
    _, clean = finished(tmp_path, server, "clean", capsys)
    with monkeypatch.context() as broken:
        broken.setattr(asker, "read_verdict", lambda *_: Score(reason="judge_refused", explanation="broken on purpose"))
        assert run_here(words(server, "store"), tmp_path, capsys).code == 3
    server.reset()
    model = ["-s", "words", "-s", "rubric:helpfulness", "--judge-model", "fake", "--store", "store", "--json"]
    found = run_here(["replies", "reparse", "log.jsonl", *model], tmp_path, capsys)
    assert found.code == 0, found.err
    assert json.loads(found.out)["metrics"]["rubric.helpfulness"]["scored"] == 60
    assert finished(tmp_path, server, "store", capsys)[1] == clean
    assert server.stats()["requests"] == 0


def test_exported_replies_replay_without_a_call(tmp_path: Path, server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    write_log(tmp_path, 50)
    _, clean = finished(tmp_path, server, "clean", capsys)
    assert run_here(["replies", "export", "replies.jsonl", "--store", "clean"], tmp_path, capsys).code == 0
    server.reset()
    replay = ["score", "log.jsonl", "-s", "rubric:helpfulness", "-s", "words", "--judge-model", "fake", "--replay"]
    found = run_here([*replay, "replies.jsonl", "--store", "ci", "-o", "ci.csv"], tmp_path, capsys)
    assert found.code == 0, found.err
    assert (tmp_path / "ci.csv").read_bytes() == clean
    lines = (tmp_path / "replies.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    (tmp_path / "fewer.jsonl").write_text("".join(lines[1:]), encoding="utf-8")
    missed = run_here([*replay, "fewer.jsonl", "--store", "ci2", "--json"], tmp_path, capsys)
    assert missed.code == 3
    document = json.loads(missed.out)
    assert document["metrics"]["rubric.helpfulness"]["pending"] == 1
    assert any("has no reply" in text for text in document["shortfalls"])
    assert server.stats()["requests"] == 0
