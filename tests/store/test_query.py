"""The one reduction against numpy, the same to the last digit whatever the sharding."""

# ruff: noqa: S311

import json
import math
import random

import numpy as np
import pytest
from harness import rows_of, score, write_lines
from hypothesis import given, settings
from hypothesis import strategies as st

from judgecli.errors import UsageError
from judgecli.readers import intake
from judgecli.stats.column import ColumnFacts
from judgecli.stats.deciding import estimate_mean
from judgecli.store import upkeep
from judgecli.store.folder import Store
from judgecli.store.query import scale_digits

MAP = {"output": "output", "session": "who", "score.x": "x"}


def lines_of(values, seed=0):
    draw = random.Random(seed)
    return [{"n": number, "output": "w " * draw.randrange(9), "who": f"s{draw.randrange(4)}", "x": value} for number, value in enumerate(values)]


def summaries(result):
    return [{**summary.to_json(), "name": summary.name} for summary in result.summaries]


VALUES = st.one_of(st.floats(-1e6, 1e6), st.integers(-10, 10), st.none(), st.sampled_from([0.1, 1 / 3, 1e-13, 1e15, "no number"]))


@settings(max_examples=20)
@given(values=st.lists(VALUES, min_size=1, max_size=30), parts=st.integers(1, 7), seed=st.integers(0, 99))
def test_the_same_numbers_to_the_last_digit_for_any_sharding(tmp_path_factory, values, parts, seed):
    folder = tmp_path_factory.mktemp("query")
    lines = lines_of([0.5, *values])
    whole = summaries(score(folder / "whole", [write_lines(folder / "whole.jsonl", lines)], ["score.x", "words"], map=MAP))
    random.Random(seed).shuffle(lines)
    logs = [write_lines(folder / f"{part}.jsonl", lines[part::parts]) for part in range(parts) if lines[part::parts]]
    before, intake.SHARD_ROWS = intake.SHARD_ROWS, 1 + seed % 5
    try:
        for log in logs[: seed % 3]:
            score(folder / "split", [log], ["words"], map=MAP)
        split = summaries(score(folder / "split", logs, ["score.x", "words"], map=MAP))
    finally:
        intake.SHARD_ROWS = before
    assert json.dumps(split) == json.dumps(whole)


def test_reduction_by_hand_against_numpy(tmp_path):
    lines = lines_of([random.Random(1).gauss(3, 2) for _ in range(500)])
    (found, _) = summaries(score(tmp_path / "s", [write_lines(tmp_path / "a.jsonl", lines)], ["score.x", "words"], map=MAP))
    values = np.array([line["x"] for line in lines])
    who = np.array([line["who"] for line in lines])
    sums, counts = ([part[who == one].sum() for one in sorted(set(who))] for part in (values, np.ones(500)))
    estimate = estimate_mean(np.array(sums), np.array(counts), ColumnFacts("number"))
    assert (found["mean"], found["low"], found["high"]) == tuple(pytest.approx(value, abs=1e-10) for value in (values.mean(), estimate.low, estimate.high))
    assert (found["min"], found["max"]) == (values.min(), values.max())
    assert found["p50"] == pytest.approx(np.median(values), abs=1e-12)


def test_rows_come_in_the_order_of_logs_and_lines(tmp_path):
    one = write_lines(tmp_path / "z.jsonl", [{"id": f"z{n}", "output": "a"} for n in range(5)])
    two = write_lines(tmp_path / "a.jsonl", [{"id": f"a{n}", "output": "a"} for n in range(5)])
    for logs in ([one, two], [two, one]):
        found = rows_of(score(tmp_path / "s", logs))
        assert [row["id"] for row in found] == [f"{log.name[0]}{n}" for log in logs for n in range(5)]
        assert [(row["file"], row["line"]) for row in found] == [(log.name, n + 1) for log in logs for n in range(5)]


def test_a_scope_holds_its_own_records_and_adopts_shared_ones(tmp_path, monkeypatch):
    monkeypatch.setattr(intake, "SHARD_ROWS", 2)
    lines = [{"id": str(n), "output": "w " * n} for n in range(8)]
    left = write_lines(tmp_path / "left.jsonl", lines[:6])
    right = write_lines(tmp_path / "right.jsonl", [*lines[4:], lines[0]])
    score(tmp_path / "s", [left])
    result = score(tmp_path / "s", [right])
    found = rows_of(result)
    assert [(row["id"], row["line"], row["words"]) for row in found] == [("4", 1, 4.0), ("5", 2, 5.0), ("6", 3, 6.0), ("7", 4, 7.0), ("0", 5, 0.0)]
    assert result.summaries[0].to_json()["mean"] == 22 / 5
    both = score(tmp_path / "s", [left, right], ["words", "characters"])
    assert (both.counts.accepted, both.counts.duplicate, len(rows_of(both))) == (8, 3, 8)
    with Store(tmp_path / "s") as store:
        upkeep.compact(store)
    assert [(row["id"], row["words"]) for row in rows_of(score(tmp_path / "s", [right]))] == [(row["id"], row["words"]) for row in found]


@pytest.mark.parametrize("values", [[1e300, 1e300, -1e300], [9.9e23] * 400, [1e24, 1.0], [5e-324, 0.0], [1.7e308, 1.7e308]])
def test_values_of_any_size(tmp_path, values):
    (found,) = summaries(score(tmp_path / "s", [write_lines(tmp_path / "a.jsonl", lines_of(values))], ["score.x"], map=MAP))
    assert found["scored"] == len(values)
    exact = math.fsum(value / len(values) for value in values)
    if found["mean"] is None:
        assert "too large" in found["reasons"]["mean"]
    else:
        assert found["mean"] == pytest.approx(exact, rel=1e-12, abs=1e-12)
    json.dumps(found, allow_nan=False)


@pytest.mark.parametrize(("largest", "rows", "digits"), [(1.0, 1, 12), (0.0, 5, 12), (1e20, 1000, 12), (1e24, 1000, 10), (1e300, 1, -263)])
def test_the_scale_leaves_room_for_the_sum(largest, rows, digits):
    assert scale_digits(largest, rows) == digits
    assert largest * rows < 10.0 ** (38 - digits)


@pytest.mark.parametrize("names", [["words", "Words=characters"], ["model=words"], ["KEY=words"], ["score.x", "score.x.reason"], ["a=words", "a=characters"]])
def test_metrics_that_would_share_a_column_are_refused(tmp_path, names):
    log = write_lines(tmp_path / "a.jsonl", [{"output": "a", "model": "m"}])
    with pytest.raises(UsageError, match="cannot be told from"):
        score(tmp_path / "s", [log], names)


def test_a_category_is_counted(tmp_path):
    (tmp_path / "mine.py").write_text(
        "from judgecli.scorer import scorer\n@scorer(kind='category')\ndef first(output):\n    return [text[:1] or None for text in output]\n"
    )
    log = write_lines(tmp_path / "a.jsonl", [{"n": n, "output": text} for n, text in enumerate(["a", "b", "a", "", "\u00e9"])])
    (found,) = summaries(score(tmp_path / "s", [log], [f"{tmp_path}/mine.py:first"]))
    assert (found["categories"], found["scored"], found["unscored"]) == ({"a": 2, "b": 1, "\u00e9": 1}, 4, {"not_applicable": 1})
