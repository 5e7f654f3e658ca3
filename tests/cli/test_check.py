"""judge check from the command line: every exit code, its files, and what GitHub Actions gets."""

import json
import os
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from judgecli.cli import main

GATES = {
    0: "  - {metric: ok, at_least: 0.82}",
    1: "  - {metric: ok, at_least: 0.95}",
    3: "  - {metric: ok, at_least: 0.82}\n  - {metric: later, at_least: 0.5}",
    5: "  - {metric: ok, at_least: 0.9}",
}


@pytest.fixture(autouse=True)
def _scored(tmp_path, monkeypatch, capsys):
    """A store with 100 answers, 90 of them right."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith(("JUDGE_", "GITHUB_")) or name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "CI")]:
        monkeypatch.delenv(name)
    rows = [{"id": f"r{at}", "session": f"s{at}", "input": "q", "output": "yes" if at < 90 else "no"} for at in range(100)]
    Path("log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    assert main(["score", "log.jsonl", "-s", "ok=regex:pattern=yes", "--quiet"]) == 0
    capsys.readouterr()


def configure(gates):
    scorers = "scorers:\n  - ok: {regex: {pattern: yes}}\n  - later: {regex: {pattern: no}}\n"
    Path("judge.yaml").write_text(f"{scorers}gates:\n{gates}\n", encoding="utf-8")


@pytest.mark.parametrize(("code", "verdict"), [(0, "pass"), (1, "fail"), (3, "incomplete"), (5, "inconclusive")])
def test_every_verdict_has_its_exit_code(capsys, code, verdict):
    configure(GATES[code])
    assert main(["check"]) == code
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert lines[code == 3].startswith(f"{verdict} ")
    assert lines[0].startswith("PARTIAL") == (code == 3)
    assert f"(exit {code})" in out
    assert err == ""
    assert main(["check", "--json"]) == code
    document = json.loads(capsys.readouterr().out)
    assert (document["verdict"], document["exit_code"], document["complete"]) == (verdict, code, code != 3)
    assert {"gate", "verdict", "value", "low", "high", "threshold", "n", "message"} <= document["gates"][0].keys()


@pytest.mark.parametrize(("gates", "choice", "code"), [(5, "pass", 0), (5, "fail", 1), (1, "pass", 1), (3, "pass", 3), (3, "fail", 3), (0, "fail", 0)])
def test_inconclusive_counts_as_the_user_says(capsys, gates, choice, code):
    configure(GATES[gates])
    assert main(["check", "--inconclusive", choice]) == code
    assert ("inconclusive counts as" in capsys.readouterr().out) == (gates == 5)


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["check", "--on", "nope = 1"], 2, "no column of a record"),
        (["check", "--on", "run:99"], 2, "no finished run"),
        (["check", "--inconclusive", "maybe"], 2, "maybe"),
        (["check", "-o", "junit.txt"], 2, "cannot tell the format"),
        (["check", "-o", "nowhere/junit.xml"], 4, "there is no folder"),
        (["check", "--store", "nowhere"], 4, "there is no store"),
    ],
)
def test_what_cannot_be_done(capsys, words, code, message):
    configure(GATES[0])
    assert main(words) == code
    assert message in capsys.readouterr().err


def test_no_gates_and_no_baseline_are_configuration_errors(capsys):
    Path("judge.yaml").write_text("measured: 0.9\n", encoding="utf-8")
    assert main(["check"]) == 2
    assert "write one into judge.yaml" in capsys.readouterr().err
    configure("  - {metric: ok, not_worse_than: main}")
    assert main(["check"]) == 2
    assert "judge.yaml:5:5: gates[0]: there is no baseline 'main'" in capsys.readouterr().err


def test_the_answers_as_files(capsys):
    configure(GATES[1])
    assert main(["check", "-o", "junit.xml", "-o", "check.md", "-o", "check.json", "--json"]) == 1
    out, err = capsys.readouterr()
    assert err.splitlines() == ["wrote junit.xml", "wrote check.md", "wrote check.json"]
    assert Path("check.json").read_text(encoding="utf-8") == out
    assert ET.parse("junit.xml").getroot().get("failures") == "1"  # noqa: S314 - our own file
    assert "**fail**" in Path("check.md").read_text(encoding="utf-8")


def test_an_empty_selection_never_passes(capsys):
    configure("  - {metric: ok, at_most: 1.0}\n  - {measured: 0.0}")
    assert main(["check", "--on", "id = 'none'"]) == 3
    assert "nothing was scored" in capsys.readouterr().out


def test_github_gets_annotations_and_a_summary(capsys, monkeypatch):
    configure(GATES[1])
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", "summary.md")
    Path("summary.md").write_text("before\n", encoding="utf-8")
    assert main(["check", "--json"]) == 1
    out, err = capsys.readouterr()
    assert json.loads(out)["verdict"] == "fail"
    assert err.startswith("::error title=judge%3A ok at least 0.95::fail: 0.9 ")
    assert Path("summary.md").read_text(encoding="utf-8").startswith("before\n### judge check: fail\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", "nowhere/summary.md")
    assert main(["check"]) == 1
    assert "could not be written" in capsys.readouterr().err
    monkeypatch.setenv("GITHUB_ACTIONS", "false")
    assert main(["check"]) == 1
    assert "::" not in capsys.readouterr().err
