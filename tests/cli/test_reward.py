"""The reward from judge.yaml to the table: scored with the rest, frozen, shown; every way to go wrong names its place."""

import json
from pathlib import Path

import pytest
from harness import write_lines

from judgecli.cli import main
from judgecli.config import load_settings
from judgecli.evidence.rewarded import directions, ensure_reward, select_rewarded
from judgecli.evidence.work import open_work

YAML = """\
logs: [{path: app.jsonl, map: {input: q, output: a}}]
workers: 1
scorers:
  - heuristics: [words, repetition, refusal]
reward:
  name: good
  terms:
    repetition: {weight: 1}
    words: {weight: 3, TERM}
  vetoes:
    - {metric: refusal, at_most: 0}
"""
LINEAR = "range: [0, 10], higher_is_better: true"
FROZEN = "normalise: frozen_quantile, higher_is_better: true"


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("JUDGE_CONFIG", "JUDGE_STORE", "CI"):
        monkeypatch.delenv(name, raising=False)


def project(term=LINEAR, *, lines=(), tmp_path):
    (tmp_path / "judge.yaml").write_text(YAML.replace("TERM", term))
    write_lines(tmp_path / "app.jsonl", [*lines, *({"q": f"q{n}", "a": " ".join(f"w{word}" for word in range(n % 20 + 3))} for n in range(120))])


def run(capsys, *words):
    code = main(list(words))
    out, err = capsys.readouterr()
    return code, out, err


def rows(capsys):
    assert main(["score", "-o", "rows.jsonl", "--quiet"]) == 0
    capsys.readouterr()
    with open("rows.jsonl") as file:
        return [json.loads(line) for line in file]


def test_reward_is_a_row_of_the_table(tmp_path, capsys):
    project(lines=[{"q": "x", "a": "a b c d"}, {"q": "y", "a": "I'm sorry, but I can't help with that."}, {"q": "z", "a": "one"}], tmp_path=tmp_path)
    found = rows(capsys)
    values = [(row["reward.good"], row["reward.good.reason"]) for row in found[:3]]
    assert values == [
        (pytest.approx((1 + 3 * 0.4) / 4), None),
        (0.0, None),
        (None, "input_missing_field"),
    ]  # one word: no repetition to measure, and a reward has no holes
    code, out, _ = run(capsys, "score", "--json")
    metric = json.loads(out)["metrics"]["reward.good"]
    assert (code, metric["scored"], metric["unscored"], metric["kind"], metric["higher_is_better"]) == (0, 122, {"input_missing_field": 1}, "number", True)
    assert metric["mean"] == pytest.approx(sum(row["reward.good"] for row in found if row["reward.good"] is not None) / 122, abs=1e-12)
    code, out, _ = run(capsys, "reward", "show", "--json")
    assert json.loads(out)["identity"] == metric["identity"]


def test_frozen_term_must_be_frozen_first(tmp_path, capsys):
    project(FROZEN, tmp_path=tmp_path)
    code, _, err = run(capsys, "score")
    assert code == 2
    assert "judge.yaml:9:5: reward.terms.words: frozen_quantile needs frozen statistics of 'words'" in err
    assert "judge reward freeze" in err
    code, out, _ = run(capsys, "reward", "freeze", "--json")
    assert (code, json.loads(out)["normalisers"]["words"]["n"]) == (0, 120)
    before = (tmp_path / "judge.lock").read_bytes()
    assert run(capsys, "reward", "freeze")[:1] == (0,)
    assert (tmp_path / "judge.lock").read_bytes() == before
    found = rows(capsys)
    # 6 of 120 share the fewest words: 119 i / 1000 <= 5 for i = 0 ... 42, so u is the middle, 0.021
    assert found[0]["reward.good"] == pytest.approx((1 + 3 * 0.021) / 4, abs=1e-12)
    lock = json.loads(before)
    lock["normalisers"]["words"]["identity"] = "0" * 16
    (tmp_path / "judge.lock").write_text(json.dumps(lock))
    code, _, err = run(capsys, "score")
    assert code == 2
    assert "of identity 0000000000000000" in err


def test_too_few_values_are_not_frozen(tmp_path, capsys):
    project(FROZEN, tmp_path=tmp_path)
    run(capsys, "score")
    code, _, err = run(capsys, "reward", "freeze", "--on", "input = 'q1'")
    assert code == 3
    assert "'words' has 1 scored values" in err
    assert not (tmp_path / "judge.lock").exists()


@pytest.mark.parametrize(
    ("term", "place", "message"),
    [
        ("higher_is_better: true", "judge.yaml:9:5", "has no end"),
        ("range: [0, 10]", "judge.yaml:9:5", "no direction"),
        ("range: [9, 1], higher_is_better: true", "judge.yaml:9:24", "is no range"),
        (LINEAR + "}\n    polite: {weight: 1", "judge.yaml:10:5", "the reward needs 'polite', which no scorer provides"),
    ],
)
def test_faults_are_found_before_the_work(tmp_path, capsys, term, place, message):
    project(term, tmp_path=tmp_path)
    code, _, err = run(capsys, "score")
    assert code == 2
    assert place in err
    assert message in err
    assert not (tmp_path / ".judge").exists()


def test_typed_scorers_without_the_terms_give_no_reward(tmp_path, capsys):
    project(tmp_path=tmp_path)
    code, out, _ = run(capsys, "score", "-s", "words", "--json")
    said = json.loads(out)
    assert (code, list(said["metrics"])) == (0, ["words"])
    assert said["notes"][-1] == "reward.good is left out: it needs refusal, repetition too, which -s does not name"
    for command in (["signals"], ["report"], ["reward", "freeze"]):  # the scorer is in judge.yaml, only not run yet
        code, _, err = run(capsys, *command)
        assert code == 2
        assert "the reward needs refusal, repetition, which these records have no scores of" in err
        assert "run judge score (without -s" in err


def test_one_direction_for_report_and_run(tmp_path, monkeypatch):
    """A metric's own word, else the reward's, else what one-sided bounds say."""
    monkeypatch.chdir(tmp_path)
    Path("judge.yaml").write_text(
        "reward:\n  name: good\n  terms: {words: {weight: 1, higher_is_better: true, range: [0, 9]}}\n  vetoes: [{metric: refusal, at_most: 0}]\n"
        "gates:\n  - {metric: words, at_most: 5}\n  - {metric: sentences, at_least: 1}\n  - {metric: characters, at_least: 1}\n"
        "  - {metric: characters, at_most: 9}\n  - {metric: emoji_count, not_worse_than: baseline, margin: 0.1}\n"
    )
    names = ("words", "refusal", "sentences", "characters", "emoji_count", "other")
    declared = {**dict.fromkeys(names), "json_valid": True, "pii_count": False}
    assert directions(load_settings(), declared) == {
        "words": True,
        "refusal": False,
        "sentences": True,
        "characters": None,
        "emoji_count": None,
        "other": None,
        "json_valid": True,
        "pii_count": False,
    }


def test_reward_is_computed_once_and_anew_when_it_changes(tmp_path, capsys):
    project(tmp_path=tmp_path)
    run(capsys, "score")
    settings = load_settings()
    with open_work(settings) as work:
        shard = work.store.shards()[0].name
        files = {path: path.stat().st_mtime_ns for path in (settings.store / "scores" / shard).iterdir()}
        held = ensure_reward(work, work.select())
        assert {path: path.stat().st_mtime_ns for path in (settings.store / "scores" / shard).iterdir()} == files
    project(LINEAR + ", optional: true", tmp_path=tmp_path)
    settings = load_settings()
    with open_work(settings) as work:
        selection = select_rewarded(work, None)
        assert selection.metric("reward.good").identity != held.identity
        assert [info.identity for info in selection.metrics["reward.good"]][1:] == [held.identity]
        assert ensure_reward(work, selection.scope) == selection.metric("reward.good")


def test_no_reward(tmp_path, capsys):
    (tmp_path / "judge.yaml").write_text("scorers: [{heuristics: [words]}]\n")
    for command in ("show", "freeze"):
        code, _, err = run(capsys, "reward", command)
        assert code == 2
        assert "there is no reward in judge.yaml" in err
