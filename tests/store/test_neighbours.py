"""A store of another project, and records that stand in two files, are told."""

import json

import pytest
from harness import write_lines

from judgecli.cli import main


@pytest.fixture(autouse=True)
def _at_a_desk(monkeypatch):
    """Fields may be guessed."""
    monkeypatch.delenv("CI", raising=False)


def rows(start, stop):
    return [{"question": f"q{n}", "answer": f"answer {n}"} for n in range(start, stop)]


@pytest.fixture
def places(tmp_path, monkeypatch):
    for name in ("mine", "theirs"):
        (tmp_path / name / "logs").mkdir(parents=True)
        write_lines(tmp_path / name / "logs/app.jsonl", rows(0, 5) if name == "mine" else rows(5, 12))
    monkeypatch.chdir(tmp_path / "mine")
    return tmp_path


def notes(capsys, *words):
    capsys.readouterr()
    assert main([*words, "-s", "words", "--json"]) == 0
    return json.loads(capsys.readouterr().out)["notes"]


def test_logs_of_another_folder_are_named(places, capsys):
    assert notes(capsys, "score", "logs/app.jsonl") == []
    write_lines(places / "mine/logs/b.jsonl", rows(20, 22))
    assert notes(capsys, "score", "logs/b.jsonl") == []  # the same project
    (told,) = notes(capsys, "score", str(places / "theirs/logs/app.jsonl"))
    assert told.startswith(f"the store .judge also holds records of other logs: 7 of {places / 'mine'};")
    assert "--store" in told
    (told,) = notes(capsys, "score", "logs/app.jsonl")
    assert f"7 of {places / 'theirs/logs'};" in told


def test_folders_that_lie_in_each_other_are_one_project(places, capsys):
    (places / "theirs/logs/deep").mkdir()
    write_lines(places / "theirs/logs/deep/c.jsonl", rows(30, 32))
    assert notes(capsys, "score", str(places / "theirs/logs/app.jsonl")) == []
    assert notes(capsys, "score", str(places / "theirs/logs/deep/c.jsonl")) == []


def test_all_logs_of_judge_yaml_are_one_project(places, capsys):
    (places / "mine/judge.yaml").write_text(f"logs: [{{path: logs}}, {{path: '{places / 'theirs'}/*/*.jsonl'}}]\n")
    assert notes(capsys, "score", "logs/app.jsonl") == []
    assert notes(capsys, "score", str(places / "theirs/logs/app.jsonl")) == []
    assert notes(capsys, "score", "logs/app.jsonl") == []


def test_another_judge_yaml_is_named(places, capsys):
    for name in ("mine", "theirs"):
        (places / name / "judge.yaml").write_text(f"store: {places / 'shared'}\nlogs: [{{path: {places / name / 'logs'}}}]\n")
    assert notes(capsys, "score") == []
    assert notes(capsys, "score") == []
    (told,) = notes(capsys, "--config", str(places / "theirs/judge.yaml"), "score")
    assert f"another judge.yaml too: {places / 'mine/judge.yaml'};" in told


def test_records_that_stand_in_two_files_are_counted(places, capsys):
    write_lines(places / "mine/logs/b.jsonl", [*rows(3, 5), *rows(40, 44)])
    assert notes(capsys, "score", "logs") == [
        "2 records of logs/b.jsonl also stand in logs/app.jsonl; they count once, with the first (policy: [file] in judge.yaml counts them in each file)"
    ]
    write_lines(places / "mine/logs/twice.jsonl", [{"id": f"r{n}", "question": "q", "answer": "a"} for n in (1, 1, 2)])
    assert not any("also stand" in note for note in notes(capsys, "score", "logs/twice.jsonl"))
