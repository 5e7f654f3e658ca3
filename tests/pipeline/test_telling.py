"""What no mean shows is told: why an own scorer failed, which texts a judge saw cut, that an extra is missing."""

import json
import sys

import pytest
from harness import write_lines

from judgecli.cli import main
from judgecli.evidence.told import CUT
from judgecli.judge.judge import Judge, _jury_told
from judgecli.scorer import Score

MINE = """
from judgecli.scorer import scorer

def asks(output: str) -> float:
    return float(output.endswith("?"))

def bad(output):
    scores = []
    for text in output:
        scores.append(1 / (0 if "7" in text else 1))
    return scores

def shape(output):
    return output[0]
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(MINE, encoding="utf-8")
    write_lines(tmp_path / "log.jsonl", [{"id": f"r{n}", "input": f"q{n}", "output": f"answer {n}?"} for n in range(20)])
    return tmp_path


def judge(capsys, *words):
    capsys.readouterr()
    code = main([*words]) or 0
    said = capsys.readouterr()
    return code, said.out, said.err


@pytest.mark.usefixtures("project")
def test_a_function_of_one_row_scores(capsys):
    code, said, _ = judge(capsys, "score", "log.jsonl", "-s", "./mine.py:asks", "--json")
    metric = json.loads(said)["metrics"]["asks"]
    assert (code, metric["scored"], metric["mean"], metric["first_failure"]) == (0, 20, 1.0, None)


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("workers", [[], ["--workers", "2"]], ids=["here", "apart"])
def test_the_first_failure_is_told_in_every_run(capsys, workers):
    for _ in range(2):  # the second run reads the score from the store
        code, said, _ = judge(capsys, "score", "log.jsonl", "-s", "./mine.py:bad", *workers, "--json")
        document = json.loads(said)
        first = document["metrics"]["bad"]["first_failure"]
        assert (code, document["metrics"]["bad"]["unscored"]) == (3, {"metric_error": 2})
        assert {name: first[name] for name in ("id", "file", "line", "reason")} == {"id": "r7", "file": "log.jsonl", "line": 8, "reason": "metric_error"}
        assert first["explanation"] == "ZeroDivisionError: division by zero (mine.py:10 in bad)"
        told = "bad: 2 failed, the first is r7 (log.jsonl:8): metric_error, ZeroDivisionError: division by zero (mine.py:10 in bad)"
        assert told in document["notes"]
    _, said, _ = judge(capsys, "score", "log.jsonl", "-s", "./mine.py:bad", *workers)
    assert f"note      {told}" in said


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("workers", [[], ["--workers", "2"]], ids=["here", "apart"])
def test_a_result_that_is_no_list_of_rows_ends_the_run(capsys, workers):
    code, said, _ = judge(capsys, "score", "log.jsonl", "-s", "./mine.py:shape", *workers, "--json")
    error = json.loads(said)["error"]
    assert code == 2
    assert error["message"] == "scorer 'shape' (mine.py:13) returned 'answer 0?' (str) for 20 rows"
    assert "columns come as lists" in error["hint"]


def test_a_missing_extra_ends_the_command_and_is_stored_nowhere(project, capsys, monkeypatch):
    from judgecli.scorers.text import language

    language._model.cache_clear()
    monkeypatch.setitem(sys.modules, "py3langid.langid", None)
    code, said, _ = judge(capsys, "score", "log.jsonl", "-s", "language", "--json")
    error = json.loads(said)["error"]
    assert (code, error["message"]) == (4, "scorer 'language' needs py3langid")
    assert "judgecli[lang]" in error["hint"]
    assert not list((project / ".judge").rglob("scores/**/*.parquet"))


def test_what_one_of_a_jury_saw_cut_is_kept():
    cut = json.dumps({"cut": {"output": [60_000, 90_000]}, "escaped": {}})
    told = _jury_told([Score(value=1.0), Score(value=3.0, detail=cut)], Judge(rubric=None, models=("a", "b")))  # type: ignore[arg-type]
    assert told.detail is not None
    assert json.loads(told.detail)["cut"] == {"output": [60_000, 90_000]}
    assert CUT in told.detail


def test_words_of_a_text_are_no_cut():
    assert CUT not in json.dumps({"samples": ['the key "cut": {"output": 1}']})
