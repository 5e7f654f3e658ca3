"""An output never harms an input: every writer, every kind of wrong target, and not one byte changed of what was there."""

import hashlib
import json
import os
import socket
from pathlib import Path

import pytest

from judgecli.cli import main

LOG = [{"id": str(n), "input": f"q {n % 9}", "output": f"answer {n} " * (1 + n % 3), "model": "ab"[n % 2], "thumb": n % 3 == 0} for n in range(60)]
CONFIG = """
logs: [{path: log.jsonl, map: {input: input, output: output, id: id, model: model, label.thumb: thumb}}]
scorers: [{heuristics: [words, empty]}]
policy: [model]
gates: [{metric: empty, at_most: 0.5}]
"""
WRITERS = {
    "score": ["score", "-o", "TARGET.csv"],
    "signals": ["signals", "-o", "TARGET.csv"],
    "compare": ["compare", "a", "b", "-o", "TARGET.json"],
    "drift": ["drift", "--reference", "model=a", "--current", "model=b", "-o", "TARGET.md"],
    "report": ["report", "-o", "TARGET.html"],
    "check": ["check", "-o", "TARGET.xml"],
    "export": ["export", "trl-kto", "--sources", "user", "-o", "TARGET.jsonl"],
    "replies": ["replies", "export", "TARGET.jsonl"],
    "reward-function": ["export", "reward-function", "-s", "empty", "-o", "TARGET.py"],
}
KINDS = (
    "another file",
    "an input by a link",
    "an input by a hard link",
    "the configuration by a link",
    "inside the store",
    "the ledger by a link",
    "a folder",
    "a pipe",
    "a socket",
    "judge.lock by a link",
)


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in LOG), encoding="utf-8")
    Path("judge.yaml").write_text(CONFIG, encoding="utf-8")
    Path("judge.lock").write_text("{}\n", encoding="utf-8")
    Path("notes.txt").write_text("written by a person\n", encoding="utf-8")
    assert main(["score", "--quiet"]) == 0
    return tmp_path


def contents(folder: Path) -> dict[str, str]:
    """The hash of every file that must stay: all that are there, but for what SQLite writes beside its database, and spool files of ours."""
    kept = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink() and not path.name.endswith(("-wal", "-shm")) and path.name != "ledger.db":
            kept[str(path.relative_to(folder))] = hashlib.sha256(path.read_bytes()).hexdigest()
    return kept


def aim(kind: str, name: str) -> None:
    """Make the wrong target."""
    target = Path(name)
    links = {
        "an input by a link": "log.jsonl",
        "the configuration by a link": "judge.yaml",
        "the ledger by a link": ".judge/ledger.db",
        "judge.lock by a link": "judge.lock",
    }
    if kind in links:
        target.symlink_to(Path(links[kind]).resolve())
    elif kind == "an input by a hard link":
        os.link("log.jsonl", target)
    elif kind == "a folder":
        target.mkdir()
    elif kind == "a pipe":
        os.mkfifo(target)
    elif kind == "a socket":
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(str(target))
    elif kind == "another file":
        target.write_text("a letter to my mother, which nothing else holds\n", encoding="utf-8")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("writer", WRITERS)
def test_a_wrong_target_is_refused_and_nothing_changes(writer: str, kind: str, project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [word.replace("TARGET", ".judge/records/x" if kind == "inside the store" else "target") for word in WRITERS[writer]]
    name = next(word for word in words if "target" in word or ".judge/" in word)
    aim(kind, name)
    mode = os.lstat(name).st_mode if kind != "inside the store" else 0
    before = contents(project)
    code = main([*words, "--quiet"])
    said = capsys.readouterr()
    after = contents(project)
    assert code in (2, 3, 4), said.err
    assert {path: after.get(path) for path in before} == before
    assert kind == "inside the store" or os.lstat(name).st_mode == mode
    assert kind != "inside the store" or not Path(name).exists()
    assert main(["store", "verify", "--quiet"]) == 0


@pytest.mark.parametrize("writer", WRITERS)
def test_what_was_written_is_written_again(writer: str) -> None:
    """The same command every day, without --force; --force over what is not ours, and never over an input."""
    words = [word.replace("TARGET", "out") for word in WRITERS[writer]]
    name = next(word for word in words if word.startswith("out."))
    if writer == "replies":
        pytest.skip("this store holds no replies")
    for _ in range(2):
        assert main([*words, "--quiet"]) in (0, 5), writer
    assert Path(name).stat().st_size
    if writer != "reward-function":  # it is of one command with export
        Path(name).write_text("a letter\n", encoding="utf-8")
        Path(name).with_suffix(".manifest.json").unlink(missing_ok=True)
        assert main([*words, "--quiet"]) == 2
        assert Path(name).read_text(encoding="utf-8") == "a letter\n"
        assert main([*words, "--quiet", "--force"]) in (0, 5)
        assert Path(name).read_bytes() != b"a letter\n"
        Path(name).unlink()
        os.link("judge.yaml", name)
        assert main([*words, "--quiet", "--force"]) == 2
        assert Path("judge.yaml").read_text(encoding="utf-8") == CONFIG


def test_a_full_file_is_not_replaced_by_an_empty_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", "trl-kto", "--sources", "user", "-o", "kto.jsonl", "--quiet"]) == 0
    before = Path("kto.jsonl").read_bytes()
    assert main(["export", "trl-kto", "--sources", "human", "-o", "kto.jsonl", "--quiet"]) == 3
    assert "is empty" in capsys.readouterr().err
    assert Path("kto.jsonl").read_bytes() == before
