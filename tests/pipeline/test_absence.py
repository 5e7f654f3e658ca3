"""A score that is not there, in every command: it is counted, shown on both sides, and nobody wins by it."""

import json
from pathlib import Path

import numpy as np
import pytest
from harness import write_lines

from judgecli.cli import main

MAP = "{id: id, input: input, output: output, prompt_version: v, score.x: x, score.unsafe: unsafe}"
REWARD = "reward: {name: q, terms: {score.x: {weight: 1, range: [0, 1], higher_is_better: true}}"


@pytest.fixture
def ask(tmp_path, monkeypatch, capsys):
    """Runs a command in a folder with judge.yaml and a log of two versions; gives its exit code and JSON."""
    monkeypatch.chdir(tmp_path)

    def ask(*words: str):
        capsys.readouterr()
        code = main([*words, "--json"])
        said = capsys.readouterr().out
        return code, json.loads(said) if said.lstrip().startswith("{") else said

    return ask


def log(folder: Path, lost, *, n: int = 200, tail: str = "}", gates: str = "[]", metrics: str = "[distinct_1]", outputs=lambda at, _: f"answer {at}") -> None:
    """Two versions on the same prompts; `lost` says by number which records of v2 have no score."""
    draw = np.random.default_rng(7)
    rows = []
    for version in ("v1", "v2"):
        for at in range(n):
            gone = version == "v2" and lost(at)
            rows.append({"id": f"{version}-{at}", "input": f"question {at}", "output": outputs(at, gone), "v": version, "unsafe": 0})
            rows[-1]["x"] = round(float(np.clip(draw.normal(0.8, 0.1), 0, 1)), 3)
            if gone:
                rows[-1] |= {"x": None}
    write_lines(folder / "log.jsonl", rows)
    (folder / "judge.yaml").write_text(
        f"policy: [prompt_version]\nscorers: [{{heuristics: {metrics}}}]\nlogs: [{{path: log.jsonl, map: {MAP}}}]\n{REWARD}{tail}\ngates: {gates}\n"
    )


def test_dropped_prompts_do_not_pass(tmp_path, ask):
    log(tmp_path, lambda at: at % 2 == 0, gates="[{reward: q, not_worse_than: base, margin: 0.05}]")
    assert ask("score")[0] == 3
    assert ask("baseline", "approve", "base", "--on", "prompt_version=v1", "--by", "ada")[0] == 0
    code, found = ask("check", "--on", "prompt_version=v2")
    gate = found["gates"][0]
    assert (code, gate["verdict"], gate["n"], gate["cells"], gate["coverage"]) == (3, "incomplete", 100, 200, 0.5)
    assert gate["measured"]["a"] == {"n": 200, "of": 200, "by_design": 0, "failed": 0, "waiting": 0}
    assert gate["measured"]["b"] == {"n": 100, "of": 200, "by_design": 0, "failed": 100, "waiting": 0}
    assert "the candidate on 100 of 200 (100 failed): the shares differ" in gate["message"]


@pytest.mark.parametrize("gate", ["{metric: distinct_1, not_worse_than: base, margin: 0.06}", "{reward: b, not_worse_than: base, margin: 0.06}"])
def test_empty_outputs_do_not_pass_a_gate_of_built_in_metrics(tmp_path, ask, gate):
    log(tmp_path, lambda at: at % 2 == 0, outputs=lambda at, lost: "" if lost else f"a fine answer about topic {at}")
    text = (tmp_path / "judge.yaml").read_text()
    start = text.index("reward:")
    terms = "reward: {name: b, terms: {distinct_1: {weight: 1, higher_is_better: true}}}"
    (tmp_path / "judge.yaml").write_text(f"{text[:start]}{terms}\ngates: [{gate}]\n")
    ask("score")
    assert ask("baseline", "approve", "base", "--on", "prompt_version=v1", "--by", "ada")[0] == 0
    code, found = ask("check", "--on", "prompt_version=v2")
    assert (code, found["gates"][0]["verdict"], found["gates"][0]["n"]) == (3, "incomplete", 100)


def test_compare_says_how_much_of_each_side_has_a_score(tmp_path, ask):
    log(tmp_path, lambda at: at < 67)
    ask("score")
    code, found = ask("compare", "v1", "v2", "--metric", "reward.q")
    row = found["rows"][0]
    assert (code, row["n_pairs"], row["missing"], found["complete"]) == (0, 133, 67, False)
    assert row["measured"]["b"] == {"n": 133, "of": 200, "by_design": 0, "failed": 67, "waiting": 0}
    assert row["measured"]["p"] < 0.01
    assert row["verdict"] == "inconclusive"
    assert "v2 on 133 of 200 (67 failed): the shares differ" in row["message"]


def test_no_drift_is_not_said_of_half_the_records(tmp_path, ask):
    log(tmp_path, lambda at: at % 2 == 0)
    ask("score")
    sides = ("--reference", "prompt_version=v1", "--current", "prompt_version=v2", "--no-text", "--fail-on-drift")
    code, found = ask("drift", *sides, "--metric", "reward.q")
    assert (code, found["verdict"], found["complete"]) == (1, "drift", False)
    assert [row["what"] for row in found["rows"] if row["verdict"] == "drift"] == ["missing share"]


def test_drift_tells_what_is_not_measured_by_design(tmp_path, ask):
    log(tmp_path, lambda at: at % 2 == 0, outputs=lambda at, lost: "" if lost else f"a fine answer about topic {at}")
    ask("score")
    sides = ("--reference", "prompt_version=v1", "--current", "prompt_version=v2", "--no-text", "--fail-on-drift")
    code, found = ask("drift", *sides, "--metric", "distinct_1")
    assert (code, found["verdict"], found["complete"]) == (1, "drift", True)
    row = next(row for row in found["rows"] if row["what"] == "unmeasured share")
    assert (row["change"], row["worse"], row["verdict"]) == (0.5, None, "drift")
    assert (row["reference"]["n"], row["current"]["of"]) == (200, 200)
    value = next(row for row in found["rows"] if row["what"] == "value")
    assert (value["change"], value["verdict"]) == (0.0, "inconclusive")  # 1 on all that is measured, and half of it is not any more
    assert value["reasons"]["verdict"] == "another part of the records is measured now: the unmeasured share drifted"


def test_a_veto_that_is_not_there_leaves_no_reward(tmp_path, ask):
    log(tmp_path, lambda _: False, n=30, tail=", vetoes: [{metric: score.unsafe, at_most: 0}]}", gates="[{reward: q, at_least: 0.5}]")
    rows = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    write_lines(tmp_path / "log.jsonl", [row | {"unsafe": None if at % 2 else 0} for at, row in enumerate(rows)])
    code, found = ask("score")
    reward = found["metrics"]["reward.q"]
    assert (code, reward["scored"], reward["unscored"]) == (3, 30, {"input_missing_field": 30})
    assert ask("check")[0] == 3


def test_allocate_cannot_tell_where_failed_scores_could_turn_it(tmp_path, ask):
    rows = []
    for at in range(200):
        for version in ("a", "b"):
            good = at % 10 < 7
            rows.append(
                {
                    "id": f"{version}{at}",
                    "input": f"q {at}",
                    "output": "x",
                    "v": version,
                    "unsafe": 0,
                    "x": "timeout" if version == "b" and not good else float(good),
                }
            )
    log(tmp_path, lambda _: False, n=1)
    write_lines(tmp_path / "log.jsonl", rows)
    ask("score")
    code, found = ask("allocate")
    assert code == 3
    assert (found["n"], found["of"], found["complete"]) == (sum(row["x"] != "timeout" for row in rows), 400, False)
    a, b = found["variants"]
    assert (a["n"], a["of"], b["of"], b["share"]) == (200, 200, 200, 0.5)
    assert [row["suggested"] for row in (a, b)] == [None, None]
    assert "could turn which variant is the best" in a["reasons"]["p_best"]
    assert b["p_best_low"] < 0.9 < b["p_best_high"]
    assert found["measured"]["p"] < 0.01


def test_a_latency_that_cannot_be_read_lowers_the_coverage(tmp_path, ask):
    """30 of 60 fast answers, 30 slow ones that a report had written with a comma."""
    rows = [{"input": f"q{at}", "output": "a", "latency_ms": "1,850" if at % 2 else 200} for at in range(60)]
    write_lines(tmp_path / "log.jsonl", rows)
    (tmp_path / "judge.yaml").write_text(
        "logs: [{path: log.jsonl, map: {input: input, output: output, latency_ms: latency_ms}}]\n"
        "scorers: [{heuristics: [latency_ms]}, {fast: {latency_at_most: {ms: 1000}}}]\ngates: [{metric: fast, at_least: 0.8}]\n"
    )
    code, found = ask("score")
    assert code == 3
    assert [found["metrics"][name]["unscored"] for name in ("latency_ms", "fast")] == [{"metric_error": 30}] * 2
    assert ask("check")[0] == 3


def test_a_report_says_of_which_values_it_cannot_tell_how_they_differ(tmp_path, ask):
    log(tmp_path, lambda at: at < 67)
    ask("score")
    _, found = ask("report", "--by", "prompt_version")
    said = found["headline"]
    assert said[1].startswith("No difference between prompt_version values stands out among the answers that have a score: chance")
    assert said[2].startswith("Cannot tell how v2 differs from v1 on reward.q: 133 of 200 answers have a score there, 200 of 200 at v1 (p = ")


def test_a_report_of_shares_that_chance_makes_says_nothing_of_them(tmp_path, ask):
    log(tmp_path, lambda at: at < 2)
    ask("score")
    _, found = ask("report", "--by", "prompt_version")
    assert not any(sentence.startswith("Cannot tell") for sentence in found["headline"])
    assert "stands out: chance" in found["headline"][1]
