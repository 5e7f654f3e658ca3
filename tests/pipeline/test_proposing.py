"""judge init: what each kind of log calls for, a file that runs at once, and nothing overwritten."""

import json
from dataclasses import replace
from pathlib import Path

import jsonschema_rs
import numpy as np
import pytest
import yaml
from harness import DATA, Quiet, write_lines
from opened import run_loop

from judgecli.catalog import scorer_names
from judgecli.cli import main
from judgecli.config import Settings, load_settings
from judgecli.config.draft import _text
from judgecli.config.editor import editor_schema
from judgecli.config.project import Project
from judgecli.config.proposal import CANDIDATES, TOPICS, ScoredSample, gates
from judgecli.errors import LogError, NoRecords, UsageError
from judgecli.pipeline.init import propose

WORDS = ("flour", "water", "salt", "yeast", "butter", "sugar", "milk", "eggs", "oil", "rice", "beans", "corn")


def answers(count: int, **columns: object) -> list[dict[str, object]]:
    """Records with an output of their own; a column given as a function gets the number of the record."""
    rows = []
    for number in range(count):
        output = f"Take {WORDS[number % 12]}, then {WORDS[(number + 5) % 12]} and {WORDS[(number + 7) % 12]} number {number}."
        row = {"input": f"How do I make dish {number}?", "output": output}
        rows.append({**row, **{name: value(number) if callable(value) else value for name, value in columns.items()}})
    return rows


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("CI", "JUDGE_STORE", "JUDGE_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def init(rows: list, name: str = "app.jsonl", **settings: object) -> Settings:
    """The settings that the proposal for a log of these rows gives."""
    write_lines(Path(name), rows)
    propose([name], settings=Settings(Project(), **settings), output=Path("judge.yaml"), force=True)
    return load_settings()


def metrics(settings: Settings) -> set[str]:
    return {entry.name for entry in settings.scorers}


def test_candidates_exist_and_have_a_topic():
    assert {candidate.name for candidate in CANDIDATES} <= set(scorer_names())
    assert {candidate.topic for candidate in CANDIDATES} == set(TOPICS)


@pytest.mark.usefixtures("folder")
def test_one_reference_for_all_questions_is_no_term():
    same = init(answers(60, reference="42"))
    own = init(answers(60, reference=lambda number: str(number)))
    assert {"exact_match", "token_f1", "number_match"} & set(own.project.reward.terms)
    assert not {"exact_match", "token_f1", "number_match"} & set(same.project.reward.terms)
    assert not {gate.metric for gate in same.project.gates} & {"exact_match", "token_f1"}


@pytest.mark.usefixtures("folder")
def test_the_sample_is_spread_over_the_file_and_what_was_not_found_is_said(monkeypatch):
    from judgecli.pipeline import init as proposing

    monkeypatch.setattr(proposing, "MOST_RECORDS", 50)
    rows = answers(2000, version=lambda number: "1" if number < 1000 else "2")
    write_lines(Path("app.jsonl"), rows)
    found = propose(["app.jsonl"], settings=Settings(Project()), output=Path("judge.yaml"))
    plan = dict(found.plan)
    assert plan["policy"] == "prompt_version - what is compared"
    assert "prompt_version has 2" in found.text
    assert plan["not found"] == "a time, a conversation, a user, an expected answer"


@pytest.mark.usefixtures("folder")
def test_a_weak_gate_is_called_weak():
    refusals = answers(60, output=lambda number: "I'm sorry, but I can't help with that." if number % 2 else "Take flour and eat.")
    found = propose_text(refusals)
    assert "weak: it lets up to" in found


def propose_text(rows: list) -> str:
    write_lines(Path("app.jsonl"), rows)
    return propose(["app.jsonl"], settings=Settings(Project()), output=Path("judge.yaml"), force=True).text


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("columns", "wanted", "unwanted"),
    [
        ({}, {"words", "refusal", "repetition", "empty"}, {"json_valid", "context_overlap", "exact_match", "rouge_l", "latency_ms", "loop"}),
        ({"contexts": ["Take flour and water. It is number 7."]}, {"context_overlap", "unsupported_numbers"}, {"rouge_l"}),
        ({"output": lambda number: json.dumps({"a": number})}, {"json_valid"}, {"context_overlap"}),
        ({"reference": "42"}, {"exact_match", "number_match"}, {"rouge_l"}),
        ({"reference": "Take flour, then sugar, and eat it with pleasure."}, {"rouge_l"}, {"exact_match"}),
        ({"latency_ms": 120, "cost_usd": 0.01}, {"latency_ms", "cost_usd"}, {"tokens_out"}),
        ({"error": lambda number: "boom" if number % 5 == 0 else None}, {"error"}, set()),
    ],
    ids=["plain", "contexts", "json", "short-reference", "long-reference", "operations", "errors"],
)
def test_what_the_log_holds_is_measured(columns, wanted, unwanted):
    settings = init(answers(60, **columns))
    assert wanted <= metrics(settings)
    assert not unwanted & metrics(settings)
    assert run_loop((), settings=replace(settings, workers=0), progress=Quiet()).exit_code == 0


@pytest.mark.usefixtures("folder")
def test_tool_calls_call_for_trajectories():
    def messages(number: int) -> list[dict[str, object]]:
        call = {"id": f"c{number}", "type": "function", "function": {"name": "search", "arguments": json.dumps({"q": number})}}
        return [
            {"role": "user", "content": f"look up {number}"},
            {"role": "assistant", "content": None, "tool_calls": [call]},
        ]

    settings = init([{"messages": messages(number)} for number in range(40)])
    assert settings.logs[0].format == "chat"
    assert {"steps", "loop"} <= metrics(settings)
    assert run_loop((), settings=replace(settings, workers=0), progress=Quiet()).exit_code == 0


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("columns", "policy", "cluster"),
    [
        ({}, ("model", "prompt_version"), None),  # nothing to tell variants apart: the default stays, commented
        ({"model": "m", "session_id": lambda number: f"s{number // 2}"}, ("model",), "session"),
        ({"model": "m", "version": lambda number: f"v{number % 3}", "user_id": lambda number: f"u{number % 30}"}, ("model", "prompt_version"), "user"),
        ({"app_release": lambda number: f"r{number % 2}"}, ("tags.app_release",), None),
        ({"app_release": lambda number: f"build {number}"}, ("model", "prompt_version"), None),  # too many values to be a variant
        ({"app_release": "r1"}, ("model", "prompt_version"), None),  # one value compares nothing
    ],
)
def test_policy_and_cluster_follow_from_the_fields(columns, policy, cluster):
    settings = init(answers(60, **columns))
    assert settings.policy == policy
    assert settings.cluster == cluster


@pytest.mark.usefixtures("folder")
def test_thumbs_become_feedback():
    settings = init(answers(40, thumbs=lambda number: number % 3 == 0))
    assert [entry.format for entry in settings.project.feedback] == ["trl-kto"]
    assert settings.logs[0].map["label.thumbs"] == "thumbs"
    repeated = [{**row, "input": "the same question"} for row in answers(40, thumbs=lambda number: number % 3 == 0)]
    assert [entry.format for entry in init(repeated).project.feedback] == ["trl-kto", "trl-preference"]
    assert init(answers(40)).project.feedback == []


@pytest.mark.usefixtures("folder")
def test_every_term_of_the_reward_is_bounded_and_directed():
    rows = answers(60, contexts=["Take flour"], reference="42", latency_ms=5, output=lambda number: json.dumps([number]))
    settings = init(rows)
    assert settings.project.reward is not None
    result = run_loop((), settings=replace(settings, workers=0), progress=Quiet())
    assert {step.name: step.state for step in result.steps}["reward"] == "done"
    assert result.score is not None
    assert result.score["metrics"]["reward.quality"]["scored"] == 60  # type: ignore[index]


@pytest.mark.usefixtures("folder")
def test_too_few_units_get_no_threshold():
    settings = init(answers(10))
    assert [gate.measured for gate in settings.project.gates] == [">= 98%"]
    assert "20 independent units" in Path("judge.yaml").read_text()
    assert run_loop((), settings=replace(settings, workers=0), progress=Quiet()).exit_code == 0


@pytest.mark.usefixtures("folder")
def test_units_are_counted_as_the_store_counts_them():
    """Answers without a prompt are units of their own, and a prompt is the same in any case and spacing."""
    alone = init([{"output": row["output"]} for row in answers(30)], "alone.jsonl")
    assert any(gate.measured is None for gate in alone.project.gates)  # 30 units, enough for a threshold
    init([{**row, "input": f" Make  {at // 2}\tSTRASSE" if at % 2 else f"make {at // 2} stra\u00dfe "} for at, row in enumerate(answers(38))], "spaced.jsonl")
    assert "these logs have 19." in Path("judge.yaml").read_text()


@pytest.mark.parametrize(
    ("bound", "cells", "threshold"),
    [
        ("at_least", ScoredSample(100, 100, 0, 0.8, 0.7, 0.9), 0.6),  # 0.7 less 0.1
        ("at_least", ScoredSample(100, 100, 0, 0.8, 0.795, 0.805), 0.77),  # slack is at least 0.02, then rounded down
        ("at_least", ScoredSample(100, 100, 0, 0.1, 0.04, 0.2), None),  # it would ask nothing
        ("at_least", ScoredSample(100, 1, 0, 0.5, None, None), None),
        ("at_most", ScoredSample(100, 100, 0, 0.2, 0.1, 0.3), 0.4),  # 0.3 and 0.1 more, rounded up
        ("at_most", ScoredSample(100, 100, 0, 0.9, 0.8, 0.99), None),
        ("at_most", ScoredSample(100, 100, 0, 0.0, 0.0, 0.0), 0.02),
    ],
)
def test_thresholds_leave_slack(bound, cells, threshold):
    candidate = next(item for item in CANDIDATES if item.gate == bound)
    found = gates([candidate], {candidate.name: cells}, reward="r", rewarded=ScoredSample(1, 0, 0, None, None, None), clusters=100)
    assert [gate.threshold for gate in found] == ([] if threshold is None else [pytest.approx(threshold)])


def test_never_writes_over_a_file(folder):
    (folder / "judge.yaml").write_text("keep: 3d\n")
    write_lines(folder / "app.jsonl", answers(5))
    with pytest.raises(UsageError, match="exists already") as caught:
        propose(["app.jsonl"], settings=Settings(Project()), output=Path("judge.yaml"))
    assert "--force" in caught.value.hint
    assert (folder / "judge.yaml").read_text() == "keep: 3d\n"
    (folder / "judge.schema.json").write_text('{"title": "somebody else\'s"}')
    propose(["app.jsonl"], settings=Settings(Project()), output=Path("judge.yaml"), force=True)
    assert "scorers:" in (folder / "judge.yaml").read_text()
    assert "somebody else" in (folder / "judge.schema.json").read_text()
    assert not (folder / ".judge").exists()


def test_file_is_valid_for_editors(folder):
    init(answers(60, thumbs=lambda number: number % 2 == 0, contexts=["Take flour"], latency_ms=4))
    text = (folder / "judge.yaml").read_text()
    assert text.startswith("# yaml-language-server: $schema=judge.schema.json\n")
    assert json.loads((folder / "judge.schema.json").read_text()) == editor_schema()
    assert [str(error) for error in jsonschema_rs.Draft7Validator(editor_schema()).iter_errors(yaml.safe_load(text))] == []


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("name", ["odd name", "a: b", "#x", "no", "ü", "x\ny", "‮", '"q"', "{a}", "a.b", "😀", "\\"])
def test_odd_field_names_are_read_back(name):
    key = f"{name}_release"
    settings = init(answers(30, **{key: lambda number: f"r{number % 2}"}))
    assert f"tags.{key}" in settings.logs[0].map
    assert settings.policy == (f"tags.{key}",)
    assert yaml.safe_load(_text(name)) == name


@pytest.mark.usefixtures("folder")
def test_files_that_are_read_differently_get_entries_of_their_own():
    write_lines(Path("a.jsonl"), answers(5))
    write_lines(Path("b.jsonl"), [{"question": "q", "answer": f"a {number}"} for number in range(5)])
    propose(["*.jsonl"], settings=Settings(Project()), output=Path("judge.yaml"))
    assert [(log.path, log.map["output"]) for log in load_settings().logs] == [("a.jsonl", "output"), ("b.jsonl", "answer")]


@pytest.mark.usefixtures("folder")
def test_what_was_typed_wins():
    settings = init(answers(30, text=lambda number: f"the real answer {number}"), map={"output": "text"}, zone="Europe/Berlin")
    assert settings.logs[0].map["output"] == "text"
    assert settings.logs[0].zone == "Europe/Berlin"


@pytest.mark.usefixtures("folder")
def test_refuses_what_it_cannot_look_at():
    output = Path("judge.yaml")
    write_lines(Path("asked.jsonl"), [{"input": f"question {number}", "verdict": number} for number in range(30)])
    with pytest.raises(UsageError, match="no output") as caught:
        propose(["asked.jsonl"], settings=Settings(Project()), output=output)
    assert "--map output=PATH" in caught.value.hint
    assert "verdict" in caught.value.hint
    with pytest.raises(UsageError, match="no name"):
        propose(["-"], settings=Settings(Project()), output=output)
    with pytest.raises(LogError):
        propose(["missing.jsonl"], settings=Settings(Project()), output=output)
    write_lines(Path("bad.jsonl"), ["not json", "{"])
    with pytest.raises((LogError, NoRecords)):
        propose(["bad.jsonl"], settings=Settings(Project()), output=output)
    assert not output.exists()


def test_command_prints_the_plan_in_words(folder, capsys):
    write_lines(folder / "app.jsonl", answers(60, contexts=["Take flour"], session=lambda number: f"s{number // 2}"))
    assert main(["init", "app.jsonl"]) == 0
    shown = capsys.readouterr().out
    assert "retrieved passages" in shown
    assert "turns of one conversation are not independent" in shown
    assert shown.rstrip().endswith("then: judge run")
    assert main(["init", "app.jsonl"]) == 2
    assert "exists already" in capsys.readouterr().err
    assert main(["init", "app.jsonl", "--force", "--json"]) == 0
    assert set(json.loads(capsys.readouterr().out)) == {"path", "plan", "text"}


LOGS = ["alpaca_eval/annotations_14_models.jsonl.gz", "drift", "logs", "agents", "traces"]


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("name", LOGS)
def test_real_logs_get_a_file_that_runs_or_explains(name, capsys):
    if not (DATA / name).exists():
        pytest.skip(f"no shared data here: {name}")
    path = DATA / name
    for file in (
        [path] if path.is_file() else sorted(item for item in path.rglob("*") if item.is_file() and item.suffix in (".jsonl", ".gz", ".csv", ".parquet"))[:3]
    ):
        Path("judge.yaml").unlink(missing_ok=True)
        code = main(["init", str(file)])
        said = capsys.readouterr().err
        assert code in (0, 2), said
        assert Path("judge.yaml").exists() == (code == 0)
        assert code == 0 or "--map" in said or "--format" in said or "inspect" in said


@pytest.mark.usefixtures("folder")
def test_lines_that_stand_in_two_files_are_told():
    """One file a model: 30 of 40 answers of the second are those of the first; each counts in its file, and without policy: [file] once."""
    rows = answers(40)
    write_lines(Path("a.jsonl"), rows)
    write_lines(Path("b.jsonl"), [*rows[:30], *[{**row, "output": f"Other: {row['output']}"} for row in rows[30:]]])
    proposed = propose(["a.jsonl", "b.jsonl"], settings=Settings(Project()), output=Path("judge.yaml"))
    assert [text for topic, text in proposed.plan if text.startswith("30 of 80 lines stand in another of these files")]
    assert run_loop([], settings=load_settings(), progress=Quiet()).steps[0].message.startswith("80 records, 80 new")
    Path("judge.yaml").write_text(Path("judge.yaml").read_text().replace("policy: [file]", "policy: [model]"))
    step = run_loop([], settings=load_settings(), progress=Quiet()).steps[0]
    assert step.message.startswith("50 records (30 more lines are equal to one of them), 50 new")
    write_lines(Path("c.jsonl"), answers(40, model="c"))
    told = propose(["a.jsonl", "c.jsonl"], settings=Settings(Project()), output=Path("other.yaml")).plan
    assert not [text for _, text in told if "another of these files" in text]


def run_of(capsys):
    capsys.readouterr()
    code = main(["run", "--json"])
    return code, json.loads(capsys.readouterr().out)


def proposed_text(capsys, *words):
    assert main(["init", *words]) == 0
    capsys.readouterr()
    return Path("judge.yaml").read_text()


def test_ratings_and_times_give_a_gate_and_alarms_that_pass(tmp_path, monkeypatch, capsys):
    """Forty quiet days of stars, one answer in three rated: what is proposed passes on the log that it was made from."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CI", raising=False)
    draw = np.random.default_rng(5)
    lines = []
    for n in range(800):
        stars = {"rating": int(draw.choice([1, 2, 3, 4, 5], p=[0.05, 0.05, 0.1, 0.3, 0.5]))} if n % 3 == 0 else {}
        day = n // 20
        time = f"2026-{9 + day // 30:02d}-{1 + day % 30:02d}T{n % 20:02d}:00:00Z"
        lines.append({"question": f"question {n}", "answer": f"Answer number {n} is a useful one, with {n % 7} more words.", "time": time, **stars})
    write_lines(tmp_path / "log.jsonl", lines)
    text = proposed_text(capsys, "log.jsonl")
    assert "{metric: label.rating, at_least: " in text
    assert "\n# alarms: {false_alarm_every: 90d, reference: 14d}\n" in text
    Path("judge.yaml").write_text(text.replace("# alarms:", "alarms:"))
    code, found = run_of(capsys)
    assert (code, found["check"]["verdict"]) == (0, "pass"), found["steps"]
    (gate,) = [gate for gate in found["check"]["gates"] if gate["metric"] == "label.rating"]
    assert gate["verdict"] == "pass"
    assert next(step for step in found["steps"] if step["step"] == "alarms")["state"] == "done"


def test_short_logs_thumbs_and_few_ratings_give_neither(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CI", raising=False)
    rows = [{"question": f"question {n}", "answer": f"Answer {n}.", "time": f"2026-09-{1 + n // 5:02d}"} for n in range(100)]
    write_lines(tmp_path / "log.jsonl", [{**row, "rating": n % 5 + 1} if n < 10 else row for n, row in enumerate(rows)])
    text = proposed_text(capsys, "log.jsonl")
    assert "alarms:" not in text.replace("judge-report", "")
    assert "metric: label." not in text


def test_one_file_a_model_is_a_policy(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CI", raising=False)
    for name, more in (("small", ""), ("large", " and more")):
        answers = [f"Answer {n}{more if n % 4 else ''}." for n in range(50)]
        write_lines(tmp_path / f"{name}.jsonl", [{"question": f"question {n}", "answer": answer} for n, answer in enumerate(answers)])
    assert "policy: [file]" in proposed_text(capsys, "*.jsonl")
    code, found = run_of(capsys)
    assert code == 0
    assert found["score"]["records"]["accepted"] == 100
    assert {row["policy"]["file"] for row in found["signals"]["rows"]} == {"small.jsonl", "large.jsonl"}


def test_daily_files_are_no_policy(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CI", raising=False)
    for day in (1, 2, 3):
        rows = [{"question": f"question {day} {n if n % 2 else 'as ever'}", "answer": f"Answer {day} {n}."} for n in range(40)]
        write_lines(tmp_path / f"app-{day}.jsonl", rows)
    assert "policy: [file]" not in proposed_text(capsys, "*.jsonl")
