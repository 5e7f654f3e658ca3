"""A metric that is the same wherever it was measured may still be missing on one side: the headline says so. And its value V is that value."""

import json

import numpy as np
import pytest
from harness import score, write_lines

from judgecli.cli import main
from judgecli.reward.value import decayed_values

REPORT = ["report", "--store", "store", "-o", "page.json"]


def report(tmp_path, monkeypatch, measured_of_new):
    """Version b lacks its score on all but `measured_of_new` of 60 answers; every score that is there is 3."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CI", raising=False)
    lines = []
    for version, measured in (("a", 60), ("b", measured_of_new)):
        for n in range(60):
            quality = {"quality": 3} if n < measured else {"quality": None}
            lines.append({"input": f"question {version} {n}", "output": "two words", "prompt_version": version, "time": f"2026-10-{1 + n // 3:02d}", **quality})
    write_lines(tmp_path / "log.jsonl", lines)
    score(
        tmp_path / "store",
        [tmp_path / "log.jsonl"],
        map={"input": "input", "output": "output", "prompt_version": "prompt_version", "time": "time", "score.quality": "quality"},
        scorers=["score.quality"],
    )
    assert main(REPORT) in (0, 3)
    return json.loads((tmp_path / "page.json").read_text())["headline"]


def test_missing_shares_of_a_constant_are_told(tmp_path, monkeypatch):
    said = report(tmp_path, monkeypatch, 35)
    assert any("Cannot tell how b differs from a" in line and "35 of 60 answers have a score there, 60 of 60 at a" in line for line in said), said


def test_equal_shares_of_a_constant_are_not(tmp_path, monkeypatch):
    assert not any("Cannot tell" in line for line in report(tmp_path, monkeypatch, 59))


def test_the_value_of_a_constant_is_that_constant(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CI", raising=False)
    write_lines(
        tmp_path / "log.jsonl", [{"input": f"q {n}", "output": "x", "time": f"2026-10-{1 + n // 7:02d}T0{n % 10}:00:00Z", "quality": 0.7} for n in range(150)]
    )
    score(
        tmp_path / "store",
        [tmp_path / "log.jsonl"],
        map={"input": "input", "output": "output", "time": "time", "score.quality": "quality"},
        scorers=["score.quality"],
    )
    assert main(["signals", "--store", "store", "--by", "", "--json"]) == 0
    assert {row["value"] for row in json.loads(capsys.readouterr().out)["rows"]} == {0.7}


@pytest.mark.parametrize("moved", [0.0, 5.0])
def test_values_move_with_their_scale(moved):
    """V is as far from any fixed value whatever that is: so distances may be decayed in place of values."""
    counts = np.array([4.0, 3.0, 5.0])
    ends, sums = [7.0, 14.0, 14.0], np.array([2.0, 1.0, 4.0])
    plain = decayed_values(["a", "a", "b"], ends, sums, counts, width=7.0, half_life=7.0, prior=2.0)
    shifted = decayed_values(["a", "a", "b"], ends, sums + moved * counts, counts, width=7.0, half_life=7.0, prior=2.0)
    assert [one.value for one in shifted] == pytest.approx([one.value + moved for one in plain])
