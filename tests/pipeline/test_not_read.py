"""A gate never passes on what was not read: quarantined lines, skipped logs, in run and check, in words, JSON and annotations."""

import json

import numpy as np
import pytest
from harness import write_lines

from judgecli.cli import main
from judgecli.reward_model.model import Rewards

GATES = """logs:
  - path: logs
    map: {output: answer, input: question}
scorers: [{heuristics: [words]}]
gates:
  - {metric: words, at_least: 1}
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "logs").mkdir()
    (tmp_path / "judge.yaml").write_text(GATES)
    write_lines(tmp_path / "logs/a.jsonl", [{"question": f"q{n}", "answer": "two words" + " more" * (n % 3)} for n in range(40)])
    return tmp_path


def judge(capsys, *arguments):
    capsys.readouterr()
    try:
        code = main([*arguments]) or 0
    except SystemExit as ended:
        code = ended.code
    return code, capsys.readouterr()


@pytest.mark.usefixtures("project")
def test_all_was_read(capsys):
    code, said = judge(capsys, "run", "--json")
    assert (code, json.loads(said.out)["check"]["unread"]) == (0, [])


def test_renamed_fields_are_no_pass(project, capsys):
    write_lines(
        project / "logs/b.jsonl", [{"question": f"q{n}", "answer": "two words" + " more" * (n % 3)} for n in range(40, 45)] + [{"prompt": "x", "text": "y"}] * 5
    )
    code, said = judge(capsys, "run", "--json")
    document = json.loads(said.out)
    assert (code, document["check"]["verdict"], document["check"]["complete"]) == (3, "incomplete", False)
    assert [gate["verdict"] for gate in document["check"]["gates"] if gate["metric"] == "words"][:1] == ["pass"]
    assert "10.0% of the lines were quarantined" in document["check"]["unread"][0]
    code, said = judge(capsys, "check")
    assert code == 3
    assert "UNREAD" in said.out
    code, said = judge(capsys, "run")
    assert (code, said.out.startswith("INCOMPLETE")) == (3, True)
    assert "the gates saw only what was read" in said.out
    assert judge(capsys, "run", "--max-bad", "0.2")[0] == 0


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("b.jsonl", b"\x00\x01\x02 no text", 3),  # a log by its name
        ("b.jsonl.1", b"PK\x03\x04", 3),
        ("b.csv", b"%PDF", 3),
        ("b.jsonl", b"", 0),  # an empty log holds nothing that is lost
        ("README.md", b"# read me", 0),
        ("pyproject.toml", b"[project]", 0),
        ("package.json", b'{"name": "x"}', 0),
        ("node_modules/x/log.jsonl", b"\x00\x01", 0),
    ],
)
def test_a_log_that_is_skipped_is_no_pass_and_a_file_that_is_no_log_is(project, capsys, name, content, code):
    file = project / "logs" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    found, said = judge(capsys, "run", "--json")
    document = json.loads(said.out)
    assert found == code
    assert document["score"]["complete"] is (code == 0)
    skipped = {entry["path"]: entry["log"] for entry in document["score"]["skipped"]}
    assert skipped == ({f"logs/{name}": code == 3} if name.startswith("b.") else {})
    assert judge(capsys, "score", "--json")[0] == code


def test_run_tells_github_as_check_does(project, capsys, monkeypatch):
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(project / "summary.md"))
    (project / "judge.yaml").write_text(GATES.replace("at_least: 1}", "at_least: 5}"))
    write_lines(project / "logs/b.jsonl", [{"prompt": "x"}] * 5)
    code, said = judge(capsys, "run")
    assert code == 1
    assert said.err.count("::error") >= 2
    assert "::error title=judge::incomplete: " in said.err
    summary = (project / "summary.md").read_text()
    assert summary.startswith("### judge check: fail")
    assert "UNREAD" in summary


def test_the_default_set_leaves_out_what_a_log_has_no_column_for(project, capsys):
    log = write_lines(project / "scores.jsonl", [{"id": str(n), "x": n / 10} for n in range(10)])
    code, said = judge(capsys, "--config", "/dev/null", "score", str(log), "--map", "score.x=x", "--map", "id=id", "--json")
    document = json.loads(said.out)
    assert (code, list(document["metrics"])) == (0, ["score.x"])
    assert any(note.startswith("left out, for these logs have no output: ") for note in document["notes"])
    assert judge(capsys, "--config", "/dev/null", "score", str(log), "--map", "id=id", "--map", "input=id")[0] == 2  # nothing is left


BAD = [{"prompt": "x", "text": "y"}] * 5


@pytest.mark.parametrize(
    "words",
    [
        ["inspect", "logs/b.jsonl", "--map", "output=answer", "--map", "input=question"],
        ["rm", "audit", "fake", "logs/b.jsonl", "--map", "output=answer", "--map", "input=question"],
        ["rubric", "audit", "helpfulness", "logs", "--dry-run", "--judge-model", "none"],
        ["score", "logs", "-s", "rubric:helpfulness", "--dry-run", "--judge-model", "none"],
    ],
)
def test_too_many_bad_lines_end_every_command_that_reads(project, capsys, monkeypatch, words):
    monkeypatch.setattr("judgecli.pipeline.rm_eval.open_model", lambda *_, **__: Words())
    rows = [{"question": f"q{n}", "answer": "two words" + " more" * (n % 3)} for n in range(40, 60)]
    write_lines(project / "logs/b.jsonl", [*rows, *BAD])
    code, said = judge(capsys, *words)
    assert code == 3, said.err
    assert judge(capsys, *words, "--max-bad", "0.3")[0] == 0


class Words:
    """A reward model that counts words."""

    name, identity = "words", "0" * 16

    def rewards(self, _, outputs):
        return Rewards(np.array([float(len(text.split())) for text in outputs]), np.zeros(len(outputs)), np.zeros(len(outputs), dtype=bool))


@pytest.mark.parametrize("command", [["rm", "eval", "fake"], ["rm", "train", "--out", "model"]])
def test_too_many_bad_rows_are_not_learnt_from_nor_measured_on(project, capsys, monkeypatch, command):
    monkeypatch.setattr("judgecli.pipeline.rm_eval.open_model", lambda *_, **__: Words())
    monkeypatch.setattr("judgecli.pipeline.rm_eval.learnt_from", lambda _: set())
    pairs = [{"prompt": f"question {n}", "chosen": f"good answer {n} " * (1 + n % 3), "rejected": f"bad {n}"} for n in range(60)]
    (project / "pairs.jsonl").write_text("".join(json.dumps(pair) + "\n" for pair in pairs) + "no json\n" * 3)
    code, said = judge(capsys, *command, "pairs.jsonl")
    assert code == 3
    assert "3 of 63 rows could not be read (not_json 3)" in said.err
    assert not (project / "model").exists()
    assert judge(capsys, *command, "pairs.jsonl", "--max-bad", "0.1")[0] == 0
