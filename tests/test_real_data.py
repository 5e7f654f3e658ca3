"""Published figures of real logs, met by the whole path: read, stored, scored, summarised."""

import csv
from collections import defaultdict

import pytest
from harness import DATA, rows_of, score


@pytest.fixture
def data():
    if not DATA.is_dir():
        pytest.skip("the real data is not here")
    return DATA


@pytest.mark.parametrize(("name", "rows"), [("PRIME_FULL", 4000), ("OPINIONQA", 6024)])
def test_drift_tables_lose_no_row_as_a_duplicate(data, tmp_path, name, rows):
    result = score(tmp_path / "s", [data / f"drift/llmdrift_{name}_EVAL.csv.gz"], ["words", "characters"])
    assert (result.counts.lines, result.counts.accepted, result.counts.duplicate, result.counts.quarantined) == (rows, rows, 0, 0)
    assert [summary.scored for summary in result.summaries] == [rows] * 2


def test_alpaca_mean_lengths_are_the_leaderboards(data, tmp_path):
    result = score(tmp_path / "s", [data / "alpaca_eval/outputs_14_models.jsonl.gz"], ["characters"])
    assert (result.counts.accepted, result.counts.duplicate) == (11268, 0)
    lengths = defaultdict(list)
    for row in rows_of(result):
        lengths[row["model"]].append(row["characters"])
    with open(data / "alpaca_eval/leaderboard_weighted_gpt4_turbo.csv", newline="") as file:
        published = {row[""]: int(row["avg_length"]) for row in csv.DictReader(file)}
    # The leaderboard divides text_davinci_001 by 805 prompts, of which two have no output in this file.
    means = {model: int(sum(own) / (805 if model == "text_davinci_001" else len(own))) for model, own in lengths.items() if model in published}
    assert len(means) >= 12
    assert means == {model: published[model] for model in means}


def test_arena_answers(data, tmp_path):
    logs = [data / f"logs/arena_hard_v0.1_{model}.jsonl.gz" for model in ("gpt-3.5-turbo-0125", "gpt-4-0314", "gpt-4-0613")]
    result = score(tmp_path / "s", logs, ["words", "repetition"])
    assert (result.counts.accepted, result.counts.duplicate, result.summaries[0].scored) == (1500, 0, 1500)


def test_tau_bench_tool_calls_and_rewards(data, tmp_path):
    mapping = {"messages": "traj", "score.reward": "reward"}
    log = data / "agents/tau_bench_gpt-4o_airline.jsonl.gz"
    result = score(tmp_path / "s", [log], ["calls=tool_call_count:scope=all", "score.reward"], map=mapping)
    rows = rows_of(result)
    assert (len(rows), sum(row["calls"] for row in rows)) == (200, 1164)
    assert result.summaries[1].estimate.mean == pytest.approx(0.42)


@pytest.mark.parametrize(("name", "lines", "records"), [("openinference", 215, 102 + 5), ("openllmetry", 588, 353 + 4)])
def test_exchanges_are_one_record_a_choice_and_one_a_failed_call(data, tmp_path, name, lines, records):
    result = score(tmp_path / "s", [data / f"traces/api_exchanges_{name}.jsonl.gz"], ["words"])
    counts = result.counts
    assert (result.readings[0].detected.format, counts.accepted + counts.duplicate) == ("openai_chat", records)
    assert counts.lines == counts.accepted + counts.duplicate + counts.quarantined >= lines
    assert result.summaries[0].cells == counts.accepted
