"""Published figures of real logs, met through the reader."""

import csv
from collections import Counter, defaultdict

import pytest


@pytest.mark.parametrize(("name", "lines", "plain", "streams", "failed"), [("openinference", 215, 90, 12, 5), ("openllmetry", 588, 262, 91, 4)])
def test_exchanges_give_one_record_a_choice_and_one_a_failed_call(data, read_path, name, lines, plain, streams, failed):
    log = read_path(data / f"traces/api_exchanges_{name}.jsonl.gz")
    assert log.detected.format == "openai_chat"
    assert log.records.num_rows == plain + streams + failed
    assert [record["output"] for record in log.records.to_pylist() if record["error"] is not None] == [None] * failed
    assert set(log.reasons) == {"unknown_shape"}
    assert sum(chunk.entries for chunk in log.chunks) == lines
    assert len({source["line"] for source in log.column("source")}) + len(log.bad) == lines
    assert len(set(log.column("key"))) == plain + streams + failed


def test_streams_are_put_together(data, read_path):
    log = read_path(data / "traces/api_exchanges_openinference.jsonl.gz")
    outputs = {record["id"]: record for record in log.records.to_pylist()}
    assert outputs["ovCb58Q-6Ng1vN-a273a0fb6b8e51f5"]["output"] == "1, 2, 3, 4, 5."
    assert outputs["ovCb58Q-6Ng1vN-a273a0fb6b8e51f5"]["tokens_out"] == 15
    called = outputs["chatcmpl-DD5ZUiYP51qTz4XJPEDCGl0fdcHEm"]
    assert called["output"] is None
    assert called["output_messages"][0]["parts"][0]["arguments"] == '{"city":"New York"}'


def test_alpaca_output_lengths_are_the_leaderboards(data, read_path):
    log = read_path(data / "alpaca_eval/outputs_14_models.jsonl.gz")
    assert (log.records.num_rows, log.bad) == (11268, [])
    lengths = defaultdict(list)
    for model, output in zip(log.column("model"), log.column("output"), strict=True):
        lengths[model].append(len(output))
    with open(data / "alpaca_eval/leaderboard_weighted_gpt4_turbo.csv", newline="") as file:
        published = {row[""]: int(row["avg_length"]) for row in csv.DictReader(file)}
    known = {model: int(sum(sizes) / len(sizes)) for model, sizes in lengths.items() if model in published}
    assert len(known) >= 12
    # The leaderboard divides text_davinci_001 by 805 prompts, of which two have no output in this file.
    known["text_davinci_001"] = sum(lengths["text_davinci_001"]) // 805
    assert known == {model: published[model] for model in known}


@pytest.mark.parametrize(("name", "rows"), [("PRIME_FULL", 4000), ("OPINIONQA", 6024)])
def test_csv_with_cells_over_many_lines(data, read_path, name, rows):
    log = read_path(data / f"drift/llmdrift_{name}_EVAL.csv.gz")
    assert (log.records.num_rows, log.bad) == (rows, [])
    assert len(set(log.column("key"))) == rows
    assert Counter(log.column("model")).most_common()[0][1] == rows // 4
    assert None not in log.column("time")
    assert {time.year for time in log.column("time")} == {2023}


def test_drifts_share_of_right_answers_survives_reading(data, read_path):
    log = read_path(data / "drift/llmdrift_PRIME_FULL_EVAL.csv.gz")
    right = Counter()
    for model, output, reference in zip(log.column("model"), log.column("output"), log.column("reference"), strict=True):
        words = [word for word in output.lower().replace("[", " ").replace("]", " ").replace(".", " ").replace(",", " ").split() if word in ("yes", "no")]
        right[model] += bool(words) and words[-1] == reference.lower()
    shares = {model.rpartition("-")[2]: count / 1000 for model, count in right.items() if "gpt-4" in model}
    assert shares["0314"] == pytest.approx(0.84, abs=0.01)
    assert shares["0613"] == pytest.approx(0.511, abs=0.01)


def test_tau_bench_trajectories_keep_every_message_and_call(data, read_path):
    log = read_path(data / "agents/tau_bench_gpt-4o_airline.jsonl.gz", map={"messages": "traj", "score.reward": "reward"})
    assert (log.detected.format, log.records.num_rows) == ("chat", 200)
    messages = [
        message for before, after in zip(log.column("messages"), log.column("output_messages"), strict=True) for message in (before or []) + (after or [])
    ]
    assert len(messages) == 5308
    assert sum(part["type"] == "tool_call" for message in messages for part in message["parts"]) == 1164
    assert all(after[0]["role"] == "assistant" for after in log.column("output_messages"))
    assert sum(dict(scores)["reward"] in ("1.0", "1") for scores in log.column("imported")) == 84


@pytest.mark.parametrize("model", ["gpt-3.5-turbo-0125", "gpt-4-0314", "gpt-4-0613"])
def test_arena_answers_with_and_without_a_path(data, read_path, model):
    path = data / f"logs/arena_hard_v0.1_{model}.jsonl.gz"
    guessed, mapped = read_path(path), read_path(path, map={"output": "messages.-1.content.answer"})
    assert guessed.column("output") == mapped.column("output")
    assert len(guessed.column("output")) == 500
    assert None not in guessed.column("output")
    assert {time.year for time in guessed.column("time")} == {2024}
    assert set(guessed.column("model")) == {model}
