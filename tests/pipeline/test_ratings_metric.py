"""A rating of the log is a metric with a direction, unasked; thumbs stay labels; what nobody rated lacks nothing."""

import json

import pytest
from harness import write_lines

from judgecli.cli import main


@pytest.fixture
def judge(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CI", raising=False)

    def run(*arguments):
        capsys.readouterr()
        try:
            code = main(["--store", "s", *arguments, "--json"]) or 0
        except SystemExit as ended:
            code = ended.code
        return code, json.loads(capsys.readouterr().out)

    return run


def rows(values, **more):
    return [{"id": f"r{n}", "input": f"q{n}", "output": "a word", "time": f"2026-10-{1 + n % 28:02d}", "said": value, **more} for n, value in enumerate(values)]


def test_a_rating_has_windows_and_a_direction(judge, tmp_path):
    write_lines(tmp_path / "log.jsonl", rows([1, 5, None, 4, 3] * 20))
    code, found = judge("score", "log.jsonl", "--map", "label.stars=said", "--map", "auto")
    metric = found["metrics"]["label.stars"]
    assert code == 0
    assert (metric["scored"], metric["unscored"], metric["coverage"], metric["mean"], metric["higher_is_better"]) == (
        80,
        {"not_applicable": 20},
        1.0,
        3.25,
        True,
    )
    _, signals = judge("signals", "--metric", "label.stars", "--window", "1w")
    assert len(signals["rows"]) >= 4
    assert (
        judge("score", "log.jsonl", "--map", "label.stars=said", "--map", "auto")[1]["metrics"]["label.stars"]["scored"] == 80
    )  # and again, where nothing is new


@pytest.mark.parametrize("values", [[1, 0], [1, -1], [1, 0, -1], ["up", "down"], ["great", "bad"], [True, False]])
def test_thumbs_and_words_are_labels_alone(judge, tmp_path, values):
    write_lines(tmp_path / "log.jsonl", rows(values * 20))
    assert "label.stars" not in judge("score", "log.jsonl", "--map", "label.stars=said", "--map", "auto")[1]["metrics"]


def test_a_guessed_rating_of_a_nested_log_is_a_metric_and_typed_scorers_leave_it_out(judge, tmp_path):
    write_lines(tmp_path / "log.jsonl", [{"question": f"q{n}", "answer": "a", "feedback": {"rating": 1 + n % 5}} for n in range(20)])
    assert judge("score", "log.jsonl")[1]["metrics"]["label.rating"]["mean"] == 3.0
    assert "label.rating" not in judge("score", "log.jsonl", "-s", "words")[1]["metrics"]
    assert judge("score", "log.jsonl", "-s", "label.rating")[1]["metrics"]["label.rating"]["scored"] == 20


def test_the_report_says_where_people_rate_lower_beside_the_reward(judge, tmp_path):
    """The reward sees equal answers everywhere; the ratings fall in one country alone, by 2 of 5 points."""
    lines = [
        {"id": f"r{n}", "question": f"q{n}", "output": "a word", "land": ("DE", "FR", "US")[n % 3], "said": 4 + n % 2 - (2 if n % 3 == 0 else 0)}
        for n in range(240)
    ]
    write_lines(tmp_path / "app.jsonl", lines)
    (tmp_path / "judge.yaml").write_text(
        "logs: [{path: app.jsonl, map: {input: question, output: output, id: id, label.said: said, tags.land: land}}]\n"
        "scorers: [{heuristics: [words, empty]}]\n"
        "reward: {name: quality, terms: {empty: {weight: 1, higher_is_better: false}}}\n"
        "report: {markdown: r.md}\n"
    )
    _, document = judge("run")
    assert [line for line in document["headline"] if line.startswith("label.said is worse where tags.land is “DE”: 2.5 against 4.5 elsewhere")]
