"""Worker processes: prints, deaths, failures and bugs of what runs in them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from harness import rows_of, score, write_lines

from judgecli.engine import local
from judgecli.engine.local import worker_count
from judgecli.errors import EnvironmentFailure, StoreBusy, StoreCorrupt

ROOT = Path(__file__).resolve().parents[2]
SCORERS = """
import os, signal, sys
print("imported")
def noisy(output):
    print("noise"); os.write(1, b"raw noise\\n")
    return [float(len(text)) for text in output]
def asks(output):
    return [float(bool(input())) for _ in output]
def leaves(output):
    os._exit(3)
def killed(output):
    os.kill(os.getpid(), signal.SIGKILL)
def leaves_once(output):
    flag = os.path.join(os.path.dirname(__file__), "left")
    if not os.path.exists(flag):
        open(flag, "w").close()
        os._exit(3)
    return [1.0 for _ in output]
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "mine.py").write_text(SCORERS)
    write_lines(tmp_path / "a.jsonl", [{"input": "q", "output": "x" * n} for n in range(1, 4)])
    return tmp_path


def run(folder, name, *, workers, store="s"):
    return score(folder / store, [folder / "a.jsonl"], [f"{folder}/mine.py:{name}"], workers=workers)


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_prints_of_a_scorer_leave_results_alone(folder, capsys, workers):
    assert [row["noisy"] for row in rows_of(run(folder, "noisy", workers=workers))] == [1.0, 2.0, 3.0]
    assert "imported" not in capsys.readouterr().out


def test_a_scorer_that_reads_gets_nothing_and_harms_nobody(folder):
    found = rows_of(run(folder, "asks", workers=1))
    assert [row["asks.reason"] for row in found] == ["metric_error"] * 3


@pytest.mark.parametrize(("name", "cause"), [("leaves", "exit status 3"), ("killed", "signal 9")])
def test_a_worker_that_dies_twice_is_a_failure_of_the_environment(folder, name, cause):
    with pytest.raises(EnvironmentFailure, match=cause) as caught:
        run(folder, name, workers=1)
    assert caught.value.exit_code == 4
    assert [row["noisy"] for row in rows_of(run(folder, "noisy", workers=1))] == [1.0, 2.0, 3.0]


def test_a_worker_that_dies_once_is_replaced(folder):
    assert [row["leaves_once"] for row in rows_of(run(folder, "leaves_once", workers=1))] == [1.0] * 3


def test_a_bug_in_a_worker_is_told_with_its_traceback(folder, monkeypatch):
    monkeypatch.setattr(local, "START", local.START.replace("import main;", "import main; import judgecli.engine.worker as worker; worker.score_shard = 7;"))
    with pytest.raises(RuntimeError, match=r"(?s)in a worker: TypeError.*Traceback"):
        run(folder, "noisy", workers=1)


def test_a_failure_in_a_worker_keeps_message_hint_and_exit_code():
    with pytest.raises(Exception, match="gone wrong") as caught:
        local._raise_fault({"error": "gone wrong", "hint": "mend it", "exit_code": 4})
    assert (caught.value.hint, caught.value.exit_code) == ("mend it", 4)
    with pytest.raises(StoreBusy):
        local._raise_fault({"gone": "records/x.parquet"})


@pytest.mark.parametrize("workers", [0, 1])
def test_a_damaged_shard_is_named(folder, workers):
    run(folder, "noisy", workers=0)
    (shard,) = (folder / "s" / "records").iterdir()
    shard.write_bytes(b"PAR1 damaged")
    with pytest.raises(Exception, match="damaged") as caught:
        score(folder / "s", [folder / "a.jsonl"], ["words"], workers=workers)
    assert getattr(caught.value, "exit_code", None) == StoreCorrupt.exit_code == 4


def test_workers_and_this_process_give_the_same_table(folder):
    assert rows_of(run(folder, "noisy", workers=2)) == rows_of(run(folder, "noisy", workers=0, store="other"))


def test_small_logs_need_no_workers():
    assert worker_count(None, bytes_to_read=1000, scorers=[]) == 0
    assert worker_count(None, bytes_to_read=1 << 30, scorers=[]) >= 1
    assert worker_count(3, bytes_to_read=1000, scorers=[]) == 3


DRIVER = """
import json, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
seen = []
watched = ("open", "socket.__new__", "socket.connect", "socket.getaddrinfo")
sys.addaudithook(lambda name, args: seen.append((name, str(args[0]) if args else "")) if name in watched else None)
from harness import rows_of, score
folder, names = Path(sys.argv[2]), json.loads(sys.argv[3])
result = score(folder / "s", [folder / "a.jsonl"], names, map={name: name for name in ("output", "input", "reference")})
rows = rows_of(result)
print(json.dumps({"rows": len(rows), "seen": seen}))
"""
LURES = [
    "file:///x/JUDGE_MARK",
    "http://127.0.0.1:9/JUDGE_MARK",
    "\\\\\\\\host\\\\share",
    "../../../../x/JUDGE_MARK",
    "CON",
    "${HOME}/x",
    "/x/JUDGE_MARK",
]


def test_a_run_of_heuristics_opens_no_socket_and_nothing_that_a_row_names(tmp_path):
    lines = [{"id": lure, "input": lure, "output": f"see {lure} {lure}", "reference": lure, "session": lure, "contexts": [lure], "url": lure} for lure in LURES]
    write_lines(tmp_path / "a.jsonl", lines)
    names = ["words", "repetition", "refusal", "pii_count", "json_valid", "exact_match", "rouge_l", "url_count"]
    done = subprocess.run(
        [sys.executable, "-c", DRIVER, str(ROOT / "tests"), str(tmp_path), json.dumps(names)],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    said = json.loads(done.stdout)
    assert said["rows"] == len(LURES)
    assert [event for event in said["seen"] if event[0].startswith("socket")] == []
    opened = {what for event, what in said["seen"] if event == "open"}
    assert any(str(tmp_path) in what for what in opened)
    assert [what for what in opened if any(lure in what for lure in LURES)] == []
