"""judge export: what is typed, shown, and the exit code."""

import json
from pathlib import Path

import pytest
from harness import score, write_lines

from judgecli.cli import main

MAP = {"label.thumb": "thumb", "input": "input", "output": "output"}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with a store of two thumbs and a judge.yaml."""
    monkeypatch.chdir(tmp_path)
    lines = [{"input": "Hi?", "output": "good", "thumb": True}, {"input": "Hi?", "output": "bad", "thumb": False}]
    score(tmp_path / ".judge", [write_lines(tmp_path / "log.jsonl", lines)], map=MAP)
    return tmp_path


def run(capsys, *words):
    code = main(["export", *words])
    said = capsys.readouterr()
    return code, said.out, said.err


def test_files_and_document(folder, capsys):
    code, out, _ = run(capsys, "trl-preference", "-o", "pairs.jsonl", "--validation", "0", "--json")
    document = json.loads(out)
    assert code == 0
    assert {name: document[name] for name in ("format", "path", "records", "dropped", "manifest")} == {
        "format": "trl-preference",
        "path": "pairs.jsonl",
        "records": 1,
        "dropped": {},
        "manifest": "pairs.manifest.json",
    }
    assert json.loads((folder / "pairs.jsonl").read_text())["chosen"][0]["content"] == "good"


def test_judge_yaml_says_the_rest(folder, capsys):
    (folder / "judge.yaml").write_text("feedback:\n  - {format: trl-kto, path: deep/kto.jsonl, validation: 0.0, sources: [user]}\n")
    assert run(capsys, "trl-kto")[0] == 0
    assert (folder / "deep" / "kto.jsonl").read_text().count("\n") == 2
    assert run(capsys, "trl-kto", "--sources", "human")[0] == 3  # what is typed wins
    assert run(capsys, "trl-preference", "--validation", "0")[0] == 0
    assert (folder / "feedback" / "trl-preference.jsonl").exists()


@pytest.mark.usefixtures("folder")
def test_not_a_line_is_incomplete(capsys):
    code, out, err = run(capsys, "trl-preference", "--sources", "human", "-o", "none.jsonl")
    assert code == 3
    assert "records        0" in out
    assert "not a single line could be made; none.manifest.json says why" in err
    assert not Path("none.jsonl").exists()
    assert json.loads(Path("none.manifest.json").read_text())["records"] == 0


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "no training format is named"),
        (["trl-dpo"], "no training format is called 'trl-dpo'"),
        (["trl-kto", "-o", "x.csv"], "training files are JSON lines"),
        (["trl-kto", "--sources", "reward"], "which rewards are good"),
        (["trl-kto", "--sources", ","], "no source of feedback is named"),
        (["trl-kto", "--on", "nothing"], "nothing"),
    ],
)
def test_usage(capsys, words, said):
    code, out, err = run(capsys, *words)
    assert (code, out) == (2, "")
    assert said in err


def test_list(capsys):
    code, out, _ = run(capsys, "--list", "--json")
    assert code == 0
    assert {"trl-preference", "trl-kto"} <= json.loads(out)["formats"].keys()
    assert "TRL DPOTrainer" in run(capsys, "--list")[1]
