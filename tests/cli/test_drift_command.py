"""judge drift from the command line: exit codes, files, what is refused."""

import json
import os
from pathlib import Path

import pytest

from judgecli.cli import main


@pytest.fixture(autouse=True)
def _scored(tmp_path, monkeypatch, capsys):
    """A store with three versions of 100 answers: 90, 88 and 50 of them right; version d has 10."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith(("JUDGE_", "GITHUB_")) or name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "CI")]:
        monkeypatch.delenv(name)
    for version, right, rows in (("a", 90, 100), ("b", 90, 100), ("c", 50, 100), ("d", 9, 10)):
        answers = ["yes" if at < right else "no" for at in range(rows)]
        made = [
            {"id": f"{version}{at}", "session": f"{version}{at}", "prompt_version": version, "input": "q", "output": text} for at, text in enumerate(answers)
        ]
        Path(f"{version}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in made), encoding="utf-8")
        assert main(["score", f"{version}.jsonl", "-s", "ok=regex:pattern=yes", "--quiet"]) == 0
    capsys.readouterr()


def ask(before, after, *more):
    return main(["drift", "--reference", f"prompt_version={before}", "--current", f"prompt_version={after}", "--margin", "0.12", *more])


@pytest.mark.parametrize(("after", "verdict", "code"), [("b", "no drift", 0), ("c", "drift", 1), ("d", "inconclusive", 5)])
def test_every_verdict_has_its_exit_code(capsys, after, verdict, code):
    assert ask("a", after, "--json") == 0
    assert json.loads(capsys.readouterr().out)["verdict"] == verdict
    assert ask("a", after, "--fail-on-drift") == code
    assert f"drift     {verdict}" in capsys.readouterr().out


def test_files_by_suffix(capsys):
    assert ask("a", "c", "-o", "d.html", "-o", "d.md", "-o", "d.json") == 0
    out, err = capsys.readouterr()
    assert (out, err) == ("", "wrote d.html\nwrote d.md\nwrote d.json\n")
    assert "ok fell by" in Path("d.html").read_text(encoding="utf-8")
    assert Path("d.md").read_text(encoding="utf-8").startswith("# Drift\n")
    assert json.loads(Path("d.json").read_text(encoding="utf-8"))["family"] >= 1


def test_runs_are_sides(capsys):
    assert main(["drift", "--reference", "run:1", "--current", "run:3", "--margin", "0.12", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["verdict"], found["reference"]["records"], found["current"]["records"]) == ("drift", 100, 100)
    assert main(["drift", "--reference", "run:1", "--current", "run:last", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["current"]["records"] == 10


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--margin", "much"], "--margin much is no margin"),
        (["--margin", "3"], "--margin 3 is no margin"),
        (["--margin", "nothing=3"], "no metric that is compared is called 'nothing'"),
        (["-o", "d.pdf"], "cannot tell the format"),
        (["--metric", "okay"], "did you mean ok?"),
        (["--by", "nothing"], "records have no such column"),
        (["--current", "prompt_version=z"], "no current records"),
        (["--current", "prompt_version=a", "--reference", "id != 'x'"], "are in both"),
        (["--reference", "(select 1)"], "filter"),
        ([], "no reference records: 30d..7d"),
    ],
)
def test_what_is_refused(capsys, options, said):
    assert main(["drift", *options]) == 2
    assert said in capsys.readouterr().err


def test_terminal_text_of_hostile_records_is_harmless(capsys):
    rows = [{"id": f"e{at}", "session": f"e{at}", "prompt_version": "\x1b[31mred\x1b]52;c;eA==\x07", "input": "q", "output": "yes\x1b[2J"} for at in range(30)]
    Path("e.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    assert main(["score", "e.jsonl", "-s", "ok=regex:pattern=yes", "--quiet"]) == 0
    assert main(["drift", "--reference", "prompt_version=a", "--current", "session like 'e%'", "--by", "prompt_version"]) == 0
    assert "\x1b" not in capsys.readouterr().out
