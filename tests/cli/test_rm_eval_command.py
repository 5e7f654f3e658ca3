"""judge rm eval and judge rm audit from the command line: documents, files, exit codes, usage errors."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from harness import write_lines

from judgecli.cli import main
from judgecli.pipeline import rm_eval as evaluating
from judgecli.reward_model.model import Rewards


class Longer:
    """A model of length."""

    name = "longer"
    identity = "0123456789abcdef"

    def rewards(self, inputs, outputs):  # noqa: ARG002 - the protocol
        mean = np.log1p([float(len(output)) for output in outputs])
        return Rewards(mean, 0 * mean, mean > 99)


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith(("JUDGE_", "GITHUB_")) or name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "CI")]:
        monkeypatch.delenv(name)
    monkeypatch.setattr(evaluating, "open_model", lambda *_, **__: Longer())
    monkeypatch.setattr(evaluating, "learnt_from", lambda _: set())
    rows = [{"prompt": f"p{at}", "chosen": "long answer " * (1 + at % 3), "rejected": "short", "topic": "xy"[at % 2]} for at in range(40)]
    write_lines(tmp_path / "pairs.jsonl", rows)
    write_lines(tmp_path / "samples.jsonl", [{"prompt": "p", "outputs": ["a", "b"], "gold": [0, 1], "scores": [1, 2]}] * 3)


def test_eval_prints_the_document(capsys):
    assert main(["rm", "eval", "m", "pairs.jsonl", "--by", "topic", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["model"], found["n"], found["accuracy"], found["length_verdict"]) == ("longer", 40, 1.0, "undecided")
    assert [one["value"] for one in found["segments"]] == ["x", "y"]


def test_eval_writes_files_and_says_so(capsys):
    assert main(["rm", "eval", "m", "pairs.jsonl", "-o", "e.html", "-o", "e.md", "-o", "e.json"]) == 0
    out, err = capsys.readouterr()
    assert (out, err.count("wrote")) == ("", 3)
    assert Path("e.html").read_text().startswith("<!doctype html>")
    assert json.loads(Path("e.json").read_text())["n"] == 40


def test_eval_by_stored_scores_needs_no_model(capsys):
    assert main(["rm", "eval", "stored", "samples.jsonl"]) == 0
    assert "best of 2: 100.0 %" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["pairs.jsonl", "-o", "e.pdf"], "cannot tell the format"),
        (["pairs.jsonl", "--by", "theme"], "no tag of these pairs is called 'theme'"),
        (["pairs.jsonl", "--shape", "trl"], "no shape of preferences is called 'trl'"),
        (["pairs.jsonl", "--rating-scale", "5..1"], "--rating-scale 5..1 is no LOW..HIGH"),
        (["none.jsonl"], "none.jsonl"),
    ],
)
def test_usage_errors(capsys, arguments, said):
    assert main(["rm", "eval", "m", *arguments]) == 2
    assert said in capsys.readouterr().err


def test_ratings_with_a_scale(tmp_path, capsys):
    write_lines(tmp_path / "r.jsonl", [{"prompt": "p", "output": "a" * size, "rating": size} for size in (1, 3, 5)])
    assert main(["rm", "eval", "m", "r.jsonl", "--rating-scale", "1..5", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["verdicts"]
    assert (found["n"], found["good"], found["auroc"]) == (2, 1, 1.0)


def test_audit_fails_only_where_asked(capsys):
    assert main(["rm", "audit", "m", "pairs.jsonl"]) == 0
    assert "DEFECT trick padded_2" in " ".join(capsys.readouterr().out.split())
    assert main(["rm", "audit", "m", "pairs.jsonl", "--fail-on-defect", "--json"]) == 1
    assert "trick padded_2" in json.loads(capsys.readouterr().out)["defects"]


def test_audit_of_a_log(tmp_path, capsys):
    write_lines(tmp_path / "app.jsonl", [{"q": f"question {at}", "a": f"answer {at}"} for at in range(6)])
    assert main(["rm", "audit", "m", "app.jsonl", "--map", "input=q", "--map", "output=a", "-n", "4", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["answers"] == 4
