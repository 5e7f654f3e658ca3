"""A candidate is not its own baseline: records that stand in it are left out; other prompts are compared as two means."""

import json
from pathlib import Path

import numpy as np
import pytest
from opened import approve_baseline, check_gates

from judgecli.cli import main
from judgecli.config.settings import load_settings
from judgecli.errors import ConfigError

BASE = "scorers:\n  - heuristics: [words]\n  - ok: {regex: {pattern: yes}}\npolicy: [prompt_version]\n"
BASE += "reward: {name: r, terms: {words: {weight: 1, higher_is_better: true, range: [0, 60]}}}\n"


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)


def answers(version, words, *, first=0, count=100, **fields):
    """One answer of so many words (a number, or a function of the place) to each prompt from `first` on."""
    length = words if callable(words) else lambda _: words
    return [
        {"id": f"{version}-{at}", "time": f"2026-11-{20 + at % 5}T10:00:00", "input": f"q{at}", "output": " ".join(["yes"] * length(at)), **fields}
        | {"prompt_version": version}
        for at in range(first, first + count)
    ]


def log(*rows, name="app.jsonl"):
    Path(name).write_text("".join(json.dumps(row) + "\n" for some in rows for row in some), encoding="utf-8")


def score(gates="", *, more=""):
    Path("judge.yaml").write_text(BASE + more + (f"gates:\n  - {gates}\n" if gates else ""), encoding="utf-8")
    assert main(["score", *sorted(str(path) for path in Path().glob("*.jsonl")), "--quiet"]) in (0, 3)
    return load_settings()


def approve(name="main", **given):
    return approve_baseline(load_settings(), name, by="ada", **given)


GATE = "{metric: words, not_worse_than: main, margin: 2}"


def test_a_log_that_grew_is_not_compared_with_itself():
    old = answers("v1", lambda at: 40 + at % 5)
    log(old)
    score()
    approve()
    log(old, answers("v2", lambda at: 30 + at % 7))
    found = check_gates(score(GATE))
    [gate, _] = found.gates
    moved = np.mean([at % 7 - at % 5 - 10 for at in range(100)])
    assert (gate.verdict, found.exit_code) == ("fail", 1)
    assert (gate.value, gate.left_out, gate.paired, gate.common, gate.n) == (pytest.approx(moved), 100, True, 100, 100)
    assert "100 records of the latest run stand in baseline 'main' and are left out" in gate.message


@pytest.mark.parametrize("gone", [False, True], ids=["same store", "new store"])
def test_nothing_but_the_baseline_itself_is_incomplete(gone):
    log(answers("v1", 40))
    score()
    approve()
    if gone:
        Path(".judge").rename(".gone")
    found = check_gates(score(GATE))
    assert (found.gates[0].verdict, found.exit_code) == ("incomplete", 3)
    assert (found.gates[0].left_out, found.gates[0].n, found.gates[0].value) == (100, 0, None)
    assert found.gates[0].message == "100 records of the latest run stand in baseline 'main' and are left out, and nothing else is there to compare"


def test_a_constant_on_an_open_scale_gives_no_verdict_and_no_claim():
    log(answers("v1", 40))
    score()
    approve()
    log(answers("v2", lambda at: 30 + at % 5, first=500))
    gate = check_gates(score(GATE)).gates[0]
    assert (gate.verdict, gate.low, gate.p, gate.regressed) == ("inconclusive", None, None, None)
    assert "the scale has no ends" in gate.message


def test_a_few_new_records_are_too_few():
    old = answers("v1", lambda at: 40 + at % 5)
    log(old)
    score()
    approve()
    log(old, answers("v2", lambda at: 40 + at % 5, first=1000, count=15))
    found = check_gates(score(GATE))
    assert (found.gates[0].verdict, found.exit_code, found.gates[0].paired) == ("incomplete", 3, False)
    assert "15 clusters, and a verdict needs 20" in found.gates[0].message


def test_other_prompts_are_compared_as_two_means_by_hand():
    from scipy import stats

    log(answers("v1", lambda at: 40 + at % 5))
    score()
    approve()
    log(answers("v2", lambda at: 39 + at % 7, first=500, count=80))
    found = check_gates(score(GATE))
    [gate, _] = found.gates
    old, new = [40 + at % 5 for at in range(100)], [39 + at % 7 for at in range(500, 580)]
    by_hand = stats.ttest_ind(new, old, equal_var=False).confidence_interval()
    assert (gate.verdict, gate.paired, gate.common, gate.method) == ("pass", False, 0, "Welch")
    assert gate.value == pytest.approx(np.mean(new) - np.mean(old))
    assert (gate.low, gate.high) == (pytest.approx(by_hand.low, abs=0.03), pytest.approx(by_hand.high, abs=0.03))
    assert (gate.means["baseline"], gate.means["candidate"], gate.n, gate.clusters) == (np.mean(old), np.mean(new), 80, 80)
    assert "another mix of prompts can move this" in gate.message
    assert "0 prompts in common are too few to pair" in gate.message
    assert gate.to_json()["paired"] is False


def test_its_margin_and_its_choice_can_be_set():
    log(answers("v1", lambda at: 40 + at % 5))
    score()
    approve()
    log(answers("v2", lambda at: 35 + at % 5, first=500))
    wide = check_gates(score("{metric: words, not_worse_than: main, margin: 2, unpaired_margin: 9}")).gates[0]
    assert (wide.verdict, wide.margin, wide.threshold) == ("pass", 9, -9)
    forced = check_gates(score("{metric: words, not_worse_than: main, margin: 2, paired: true}")).gates[0]
    assert (forced.verdict, forced.paired, forced.n) == ("incomplete", True, 0)
    log(answers("v2", lambda at: 40 + at % 5))
    apart = check_gates(score("{metric: words, not_worse_than: main, margin: 2, paired: false}")).gates[0]
    assert (apart.verdict, apart.paired, apart.common) == ("pass", False, 100)
    assert "judge.yaml asks for it" in apart.message


@pytest.mark.parametrize(("common", "paired"), [(19, False), (20, True)])
def test_the_number_of_common_prompts_alone_decides(common, paired):
    log(answers("v1", lambda at: 40 + at % 5))
    score()
    approve()
    log(answers("v2", lambda at: 40 + at % 5, first=100 - common))
    gate = check_gates(score(GATE)).gates[0]
    assert (gate.paired, gate.common) == (paired, common)
    assert gate.verdict == ("incomplete" if paired else "pass")


def test_dropping_the_hard_prompts_is_still_incomplete():
    log(answers("v1", lambda at: 40 + at % 5))
    score()
    approve()
    log(answers("v2", 44, count=50))
    assert check_gates(score(GATE)).gates[0].verdict == "incomplete"


def test_a_slice_leaves_out_too_and_asks_its_prompts_again():
    old = answers("v1", lambda at: 40 + at % 5, lang="de")
    log(old)
    tags = "logs: [{path: '*.jsonl', map: {tags.lang: lang}}]\n"
    score(more=tags)
    approve()
    gate = "{metric: words, not_worse_than: main, margin: 2, where: tags.lang=de}"
    log(old, answers("v2", lambda at: 40 + at % 7, lang="de"))
    whole = check_gates(score(gate, more=tags)).gates[0]
    assert (whole.verdict, whole.left_out, whole.n, whole.cells) == ("pass", 100, 100, 100)
    log(old, answers("v2", lambda at: 40 + at % 7, count=60, lang="de"))
    part = check_gates(score(gate, more=tags)).gates[0]
    assert (part.verdict, part.n, part.cells) == ("incomplete", 60, 100)
    chosen = check_gates(load_settings(), on="prompt_version=v2").gates[0]
    assert (chosen.verdict, chosen.left_out) == ("pass", 0)


def test_missing_scores_go_to_both_ends_of_the_scale():
    log(answers("v1", 1))
    score()
    approve(metrics=["ok"])
    rows = answers("v2", 1, first=500)
    del rows[0]["output"]
    log(rows)
    gate = check_gates(score("{metric: ok, not_worse_than: main, margin: 0.1}")).gates[0]
    assert (gate.n, gate.cells, gate.coverage, sum(gate.unscored.values())) == (99, 100, 0.99, 1)
    assert gate.worst == pytest.approx(-0.01)
    del rows[1]["output"], rows[2]["output"]
    log(rows)
    assert check_gates(score("{metric: ok, not_worse_than: main, margin: 0.1}")).gates[0].verdict == "incomplete"


def test_records_without_a_prompt_are_compared_by_cluster():
    def bare(version, words, first):
        return [{key: value for key, value in row.items() if key != "input"} for row in answers(version, words, first=first)]

    log(bare("v1", lambda at: 40 + at % 5, 0))
    score()
    found = approve()
    assert (found.baseline.prompts, found.baseline.metrics["words"].n) == (0, 100)
    log(bare("v2", lambda at: 30 + at % 5, 500))
    gate = check_gates(score(GATE)).gates[0]
    assert (gate.verdict, gate.paired, gate.value) == ("fail", False, pytest.approx(-10))


def test_a_baseline_of_before_is_refused_and_can_be_approved_anew():
    log(answers("v1", 40))
    score()
    approve()
    path = Path("baselines/main.yaml")
    path.write_text(path.read_text().replace("judge_baseline: 2", "judge_baseline: 1"))
    with pytest.raises(ConfigError, match="which records they hold") as caught:
        check_gates(score(GATE))
    assert "judge baseline approve main" in caught.value.hint
    assert approve().changed
    assert check_gates(load_settings()).exit_code == 3


def test_the_file_stays_small_and_says_its_size(capsys):
    log(answers("v1", lambda at: 40 + at % 5, count=1000))
    score()
    found = approve()
    size = Path("baselines/main.parquet").stat().st_size
    assert found.to_json()["bytes"][1] == size < 80 * 1000
    assert main(["baseline", "show", "main"]) == 0
    assert "kB" in capsys.readouterr().out
    raw = Path("baselines/main.parquet").read_bytes()
    assert b"q1" not in raw
    assert b"yes" not in raw


def test_tries_without_pairs_are_counted():
    log(answers("v1", lambda at: 40 + at % 5))
    score()
    approve()
    log(answers("v2", lambda at: 40 + at % 5, first=500))
    assert check_gates(score(GATE)).gates[0].tries == 1
    assert check_gates(load_settings()).gates[0].tries == 1
    log(answers("v2", lambda at: 41 + at % 5, first=700))
    assert check_gates(score(GATE)).gates[0].tries == 2
