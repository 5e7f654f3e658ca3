"""judge rm train from the command line: what is printed, exit codes, usage errors."""

import json
import os
from pathlib import Path

import pytest
from harness import write_lines

from judgecli.cli import main


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith(("JUDGE_", "GITHUB_")) or name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "CI")]:
        monkeypatch.delenv(name)
    rows = [{"prompt": f"p{at}", "chosen": f"Gladly, {at}: " + "so " * (at % 4), "rejected": f"Never, {at}! " + "so " * (at * 3 % 5)} for at in range(40)]
    write_lines(tmp_path / "pairs.jsonl", [*rows, {"prompt": "q", "chosen": "a", "rejected": "a"}])
    write_lines(tmp_path / "few.jsonl", rows[:5])


def test_it_says_how_good_the_model_is_and_what_is_next(capsys):
    assert main(["rm", "train", "pairs.jsonl", "--out", "rm/polite"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("polite: a linear reward model from 40 pairs and 0 answers judged alone, of 40 prompts\n")
    assert "prefers what people preferred in " in out
    assert "longer wins" in out
    assert "calibration error after calibration" in out
    assert "41 read = 40 pairs + 0 verdicts + 1 dropped (equal_texts 1)" in out
    assert "judge score LOGS -s rm:rm/polite" in out
    assert "judge rm audit rm/polite" in out
    assert err == ""


def test_the_document(capsys):
    assert main(["rm", "train", "pairs.jsonl", "--out", "rm/polite", "--members", "2", "--seed", "7", "--no-negatives", "--licence", "MIT", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["model"], found["members"], found["seed"], found["negatives"], found["licence"]) == ("polite", 2, 7, 0, "MIT")
    assert list(found["data"]["hashes"]) == ["pairs.jsonl"]
    assert found["held_out"]["pairs"]["n"] == 40


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ([], 2, "there is nothing to learn from"),
        (["few.jsonl"], 2, "5 pairs and verdicts of 5 prompts are too few"),
        (["none.jsonl"], 2, "none.jsonl"),
        (["pairs.jsonl", "--shape", "trl"], 2, "no shape of preferences is called 'trl'"),
        (["pairs.jsonl", "--base", "minilm", "--members", "3"], 2, "--base goes with neither"),
        (["pairs.jsonl", "--base", "minilm"], 2, "minilm holds no model"),
        (["pairs.jsonl", "--embeddings", "minilm"], 2, "minilm holds no model"),
        (["--steps", "--labels", "x"], 2, "--steps reads files"),
        (["pairs.jsonl", "--members", "0"], 2, "--members"),
    ],
)
def test_errors(capsys, arguments, code, said):
    assert main(["rm", "train", *arguments, "--out", "rm/x"]) == code
    assert said in capsys.readouterr().err
    assert not Path("rm/x").exists()


def test_a_folder_of_somebody_else_is_left_alone(capsys):
    Path("thesis").mkdir()
    Path("thesis/chapter.tex").write_text("years of work")
    assert main(["rm", "train", "pairs.jsonl", "--out", "thesis"]) == 2
    assert "it is no reward model" in capsys.readouterr().err
    assert [path.name for path in Path("thesis").iterdir()] == ["chapter.tex"]


def test_a_missing_extra_is_named(capsys):
    try:
        import trl  # type: ignore[import-not-found]  # noqa: F401
    except ImportError:
        pass
    else:
        pytest.skip("the extra `train` is installed here")
    Path("base").mkdir()
    Path("base/config.json").write_text('{"model_type": "bert"}')
    Path("base/model.safetensors").write_bytes(b"")
    assert main(["rm", "train", "pairs.jsonl", "--base", "base", "--out", "rm/x"]) == 4
    assert "pip install 'judgecli[train]'" in capsys.readouterr().err
