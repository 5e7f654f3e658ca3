"""judge run: the steps, what is skipped, what a failing step leaves, and the exit code."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from harness import Quiet, write_lines
from opened import run_loop

from judgecli import outputs
from judgecli.cli import main
from judgecli.config import load_settings
from judgecli.errors import EnvironmentFailure, UsageError
from judgecli.pipeline.run import STEPS, RunResult, RunStep

LOG = [
    {
        "id": f"r{number}",
        "created_at": f"2026-09-{1 + number % 20:02d}T10:00:00Z",
        "session": f"s{number // 2}",
        "model": "m",
        "prompt_version": "v1" if number < 40 else "v2",
        "input": f"question {number % 10}",
        "output": "Sorry, I cannot help with that." if number >= 40 and number % 4 == 0 else f"answer number {number} in a few words",
        "thumbs": number % 3 == 0,
    }
    for number in range(80)
]
CONFIG = """
logs: [{path: app.jsonl, map: {id: id, input: input, output: output, session: session, time: created_at, model: model, label.thumbs: thumbs}}]
policy: [prompt_version]
cluster: session
scorers: [{heuristics: [words, refusal, empty]}]
reward: {name: help, terms: {refusal: {weight: 1, higher_is_better: false}}, vetoes: [{metric: empty, at_most: 0}]}
"""
GATES = "gates: [{reward: help, at_least: 0.5}]\n"
REPORT = "report: {html: out.html, markdown: out.md}\n"
FEEDBACK = "feedback: [{format: trl-kto, path: feedback/thumbs.jsonl, sources: [user]}]\n"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("CI", "JUDGE_STORE", "JUDGE_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    write_lines(tmp_path / "app.jsonl", LOG)
    return tmp_path


def run(text: str, logs: tuple[str, ...] = ()) -> RunResult:
    Path("judge.yaml").write_text(CONFIG + text)
    return run_loop(logs, settings=replace(load_settings(), workers=0), progress=Quiet())


def states(result: RunResult) -> dict[str, str]:
    return {step.name: step.state for step in result.steps}


def test_does_all_that_judge_yaml_asks_for(folder):
    result = run(GATES + REPORT + FEEDBACK)
    assert states(result) == {
        **dict.fromkeys(("score", "reward", "signals", "report", "gates", "feedback"), "done"),
        "alarms": "not asked for",
    }
    assert [step.name for step in result.steps] == ["score", *STEPS]
    assert result.exit_code == 0
    document = result.to_json()
    assert {"score", "signals", "check", "report", "exports"} <= set(document)
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    assert document["report"] == ["out.html", "out.md"]
    assert all((folder / path).stat().st_size for path in document["report"])
    assert document["exports"][0]["records"] > 0
    assert document["score"]["metrics"]["reward.help"]["scored"] == 80
    assert document["headline"]


@pytest.mark.usefixtures("folder")
def test_leaves_out_what_is_not_asked_for():
    result = run("")
    assert states(result) == {
        "score": "done",
        "reward": "done",
        "signals": "done",
        "alarms": "not asked for",
        "report": "not asked for",
        "gates": "not asked for",
        "feedback": "not asked for",
    }
    assert result.exit_code == 0


def test_a_second_run_has_nothing_new_and_writes_the_same(folder):
    first = run(GATES + REPORT + FEEDBACK)
    files = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and ".judge" not in path.parts}
    times = {path: path.stat().st_mtime_ns for path in files}
    second = run(GATES + REPORT + FEEDBACK)
    assert states(second) == {**states(first), "score": "nothing new", "report": "nothing new", "feedback": "nothing new"}
    assert {path: path.stat().st_mtime_ns for path in files if path.name != "judge.yaml"} == {
        path: at for path, at in times.items() if path.name != "judge.yaml"
    }
    for name in ("signals", "report", "exports", "headline", "exit_code"):
        assert second.to_json()[name] == first.to_json()[name]
    assert second.check is not None
    assert first.check is not None
    assert second.check["gates"] == first.check["gates"]


@pytest.mark.parametrize("name", ["out.html", "out.md", "feedback/thumbs.jsonl", "feedback/thumbs.manifest.json"])
def test_a_file_that_is_gone_is_written_again_and_one_that_is_not_ours_is_kept(folder, name):
    run(REPORT + FEEDBACK)
    before = (folder / name).read_bytes()
    (folder / name).write_bytes(b"changed")
    step = "report" if name.startswith("out") else "feedback"
    assert states(run(REPORT + FEEDBACK))[step] == "failed"
    assert (folder / name).read_bytes() == b"changed"
    outputs.begin(replace=True)
    assert states(run(REPORT + FEEDBACK))[step] == "done"
    outputs.begin()
    assert (folder / name).read_bytes() == before
    (folder / name).unlink()
    assert states(run(REPORT + FEEDBACK))[step] == "done"
    assert (folder / name).read_bytes() == before


@pytest.mark.parametrize("change", ["record", "label", "setting"])
def test_what_is_new_is_reported(folder, change):
    run(REPORT + FEEDBACK)
    text = REPORT + FEEDBACK
    if change == "record":
        write_lines(folder / "app.jsonl", [*LOG, {**LOG[0], "id": "new"}])
    elif change == "label":
        write_lines(folder / "app.jsonl", [{**LOG[0], "thumbs": False}, *LOG[1:]])
    else:
        text += "value: {half_life: 3d}\n"
    found = states(run(text))
    assert (found["report"], found["feedback"]) == ("done", "done")


def test_a_failing_step_leaves_the_results_of_the_others(folder):
    (folder / "out.html").mkdir()
    result = run(GATES + REPORT + FEEDBACK)
    assert states(result) == {
        "score": "done",
        "reward": "done",
        "signals": "done",
        "alarms": "not asked for",
        "report": "failed",
        "gates": "done",
        "feedback": "done",
    }
    assert result.check is not None
    assert result.exports
    failed = next(step for step in result.steps if step.state == "failed")
    assert "out.html" in failed.message
    assert failed.hint
    assert result.exit_code == failed.exit_code != 0
    (folder / "out.html").rmdir()
    assert run(GATES + REPORT + FEEDBACK).exit_code == 0


def test_nothing_else_is_done_where_scoring_fails(folder):
    run(GATES)
    (folder / "app.jsonl").unlink()
    result = run(GATES + REPORT)
    assert states(result) == {"score": "failed", **dict.fromkeys(STEPS, "not run")}
    assert result.check is None
    assert result.exit_code == 2
    assert not (folder / "out.html").exists()


@pytest.mark.usefixtures("folder")
def test_a_gate_that_fails_gives_the_exit_code():
    assert run("gates: [{metric: refusal, at_most: 0.2, where: prompt_version = 'v2'}, {reward: help, at_least: 0.95}]\n").exit_code == 1


def test_speaks_only_of_the_records_of_its_logs(folder):
    run("")
    write_lines(folder / "other.jsonl", [{**LOG[0], "id": "x", "input": "other", "output": f"word {number}"} for number in range(30)])
    result = run(GATES + REPORT, logs=("other.jsonl",))
    assert result.check is not None
    assert result.check["records"] == 30


@pytest.mark.parametrize(
    ("steps", "check", "code"),
    [
        ([("score", "done", 0)], None, 0),
        ([("score", "done", 3)], None, 3),
        ([("score", "done", 3), ("gates", "done", 0)], {}, 0),  # the gates say what is enough
        ([("score", "done", 3), ("gates", "done", 1)], {}, 1),
        ([("report", "failed", 4), ("gates", "done", 0)], {}, 4),
        ([("report", "failed", 4), ("gates", "done", 1)], {}, 1),
        ([("report", "failed", 4), ("gates", "done", 5)], {}, 5),
        ([("score", "done", 3), ("report", "failed", 4)], None, 4),
        ([("score", "done", 3), ("gates", "failed", 2)], None, 2),
        ([("feedback", "failed", 2), ("report", "failed", 4)], None, 2),
        ([], None, 0),
    ],
)
def test_exit_code(steps, check, code):
    assert RunResult([RunStep(name, state, "", exit_code=exit_code) for name, state, exit_code in steps], check=check).exit_code == code


@pytest.mark.usefixtures("folder")
def test_a_bug_is_no_failed_step(monkeypatch):
    """What the user cannot act on is not hidden in a table: it ends the run as exit code 70."""
    monkeypatch.setattr("judgecli.pipeline.check.check_gates", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run(GATES)


@pytest.mark.parametrize("error", [EnvironmentFailure("no disk", hint="free space"), UsageError("no such", hint="name it"), OSError(28, "No space left", "x")])
@pytest.mark.usefixtures("folder")
def test_failures_of_any_kind_become_a_step(monkeypatch, error):
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("judgecli.pipeline.check.check_gates", fail)
    step = next(step for step in run(GATES).steps if step.name == "gates")
    assert (step.name, step.state) == ("gates", "failed")
    assert step.exit_code == getattr(error, "exit_code", 4)
    assert step.hint


def test_command(folder, capsys):
    (folder / "judge.yaml").write_text(CONFIG + GATES + REPORT)
    assert main(["run"]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown[0].startswith("PASS")
    assert any(line.startswith("report") and line.endswith("out.html") for line in shown)
    assert main(["run", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["check"]["verdict"] == "pass"
    assert main(["run", "missing.jsonl"]) == 2
    shown = capsys.readouterr().out
    assert shown.startswith("NO VERDICT")
    assert "missing.jsonl" in shown
