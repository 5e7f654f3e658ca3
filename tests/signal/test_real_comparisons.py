"""Comparisons of real judgements: AlpacaEval's win rates, LLMBar's flips of position, by the whole path from log to answer."""

import csv
import gzip
import json
from collections import defaultdict

import numpy as np
import pytest
from harness import DATA, score, write_lines
from opened import compare_parts

from judgecli.config.project import Project
from judgecli.config.settings import Settings
from judgecli.stats.bonett_price import bonett_price
from judgecli.stats.mcnemar import mcnemar


@pytest.fixture
def data():
    if not DATA.is_dir():
        pytest.skip("the real data is not here")
    return DATA


def lines(path):
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


@pytest.fixture
def alpaca(data, tmp_path):
    """The judgements of 14 models as a log: the prompt, the model, the share of the win (preference - 1)."""
    rows = [
        {
            "id": f"{row['model']}-{at}",
            "input": row["instruction"],
            "output": "-",
            "model": row["model"],
            "won": row["preference"] - 1,
            "case": f"{row['dataset']}",
        }
        for at, row in enumerate(lines(data / "alpaca_eval/annotations_14_models.jsonl.gz"))
    ]
    mapping = {"id": "id", "input": "input", "output": "output", "model": "model", "score.won": "won", "tags.case": "case"}
    result = score(tmp_path / "s", [write_lines(tmp_path / "log.jsonl", rows)], ["score.won"], map=mapping)
    assert result.counts.accepted == 11268
    project = Project.model_validate({"gates": [{"metric": "score.won", "at_least": 0.0}]})  # says which way is better
    return Settings(project=project, store=tmp_path / "s", policy=("model",))


def by_prompt(data):
    found = defaultdict(dict)
    for row in lines(data / "alpaca_eval/annotations_14_models.jsonl.gz"):
        found[row["model"]].setdefault(" ".join(row["instruction"].casefold().split()), []).append(row["preference"] - 1)
    return {model: {prompt: float(np.mean(values)) for prompt, values in own.items()} for model, own in found.items()}


def test_alpaca_eval_differences_are_those_of_the_leaderboard(data, alpaca):
    """The two lengths of one model: 12.763 - 9.178 points, on 805 prompts paired; t by hand."""
    found = compare_parts(alpaca, ["gpt-3.5-turbo-1106", "gpt-3.5-turbo-1106_verbose"], margin=0.01)
    (row,) = found.rows
    with open(data / "alpaca_eval/leaderboard_weighted_gpt4_turbo.csv", newline="") as file:
        published = {line[""]: float(line["win_rate"]) for line in csv.DictReader(file)}
    assert 100 * row.difference == pytest.approx(published["gpt-3.5-turbo-1106_verbose"] - published["gpt-3.5-turbo-1106"], abs=0.02)  # 2 prompts are alike
    means = by_prompt(data)
    a, b = means["gpt-3.5-turbo-1106"], means["gpt-3.5-turbo-1106_verbose"]
    moved = np.array([b[prompt] - a[prompt] for prompt in a])
    assert (row.n_pairs, row.difference, row.se) == (len(a), pytest.approx(moved.mean()), pytest.approx(moved.std(ddof=1) / len(a) ** 0.5))
    assert (row.method, row.wins + row.ties + row.losses) == ("t", len(a))
    assert row.low > 0.01
    assert row.p < 0.001
    assert np.count_nonzero(moved > 1e-12) == row.wins


def test_alpaca_eval_ranks_as_the_leaderboard_where_it_can_tell(data, alpaca):
    """14 policies: who is told apart by the ranking of prompts is told apart by the published win rate the same way at the ends."""
    found = compare_parts(alpaca, [], every=True)
    assert len(found.rows) == 13
    ranks = {rank.policy: rank for rank in found.ranking}
    assert found.ranking[0].policy == "claude-2"
    assert ranks["claude-2"].rank_worst <= 3
    weak = {"text_davinci_001", "text_davinci_003", "alpaca-7b"}
    assert {rank.policy for rank in found.ranking[-5:]} >= weak
    assert all(rank.low < rank.strength < rank.high for rank in found.ranking)
    short = next(row for row in compare_parts(alpaca, ["text_davinci_001", "claude-2"]).rows)
    assert (short.n_pairs, short.only_b) == (len(by_prompt(data)["text_davinci_001"]), len(by_prompt(data)["claude-2"]) - short.n_pairs)


def test_alpaca_eval_segments_add_up(alpaca):
    whole = compare_parts(alpaca, ["alpaca-7b", "claude-2"]).rows[0]
    parts = compare_parts(alpaca, ["alpaca-7b", "claude-2"], by=["tags.case"]).rows
    assert len(parts) == 5
    total = sum(row.n_pairs for row in parts)
    assert total >= whole.n_pairs  # a prompt that stands in two sets counts in both
    assert sum(row.n_pairs * row.difference for row in parts) / total == pytest.approx(whole.difference, abs=2e-3)
    assert all(row.q >= row.p for row in parts)


@pytest.mark.parametrize(
    ("name", "judge", "right"),
    [("MT-Bench", "GPT-4", (159, 165)), ("MT-Bench", "ChatGPT", (140, 145)), ("FairEval", "ChatGPT", (44, 32)), ("LLMEval^2", "GPT-4", (152, 150))],
)
def test_llmbar_order_of_presentation(data, tmp_path, name, judge, right):
    """The same judge with the answers in either order: right answers as published, gains and losses counted by hand."""
    rows, answers = [], []
    for row in lines(data / "preferences/llmbar_processed_human.jsonl.gz"):
        if row["set"] != name:
            continue
        both = [int(str(row["judges"][judge][f"swap={swap}"]) == str(row["label"])) for swap in (False, True)]
        answers.append(both)
        rows += [{"id": f"{row['id']}-{swap}", "input": row["id"], "output": "-", "model": f"swap{swap}", "right": both[swap]} for swap in (0, 1)]
    mapping = {"id": "id", "input": "input", "output": "output", "model": "model", "score.right": "right"}
    score(tmp_path / "s", [write_lines(tmp_path / "log.jsonl", rows)], ["score.right"], map=mapping)
    (found,) = compare_parts(Settings(project=Project(), store=tmp_path / "s", policy=("model",)), ["swap0", "swap1"]).rows
    assert (round(found.a * found.n_pairs), round(found.b * found.n_pairs)) == right
    gains, losses = sum(b > a for a, b in answers), sum(b < a for a, b in answers)
    assert found.n_pairs == len(answers)
    moved = np.array([b - a for a, b in answers])
    assert found.difference == pytest.approx((gains - losses) / len(answers))
    assert found.difference == pytest.approx(moved.mean())
    if found.kind == "rate":
        assert (found.low, found.p) == (bonett_price(len(answers), gains, losses).low, mcnemar(gains, losses))
