"""The whole path in one process: traps of JSON in Python, counts, exit codes, the scorers a run takes."""

import csv
import json
import math
from datetime import UTC, datetime, timedelta

import pytest
from harness import rows_of, score, write_lines

from judgecli.errors import MissingColumn, NoRecords, UnknownName, UsageError
from judgecli.renderers.table_file import write_rows

TRAPS = {
    b'{"id": "nan", "output": "a", "x": NaN}': "non_finite",
    b'{"id": "inf", "output": "a", "x": -Infinity}': "non_finite",
    b'{"id": "big", "output": "a", "x": 1e999}': "non_finite",
    b'{"id": "deep", "output": "a", "x": ' + b"[" * 200 + b"]" * 200 + b"}": "too_deep",
    b'{"id": "latin", "output": "caf\xe9"}': "bad_encoding",
    b'{"id": "long int", "output": "a", "x": ' + b"9" * 5000 + b"}": None,
    b'{"id": "wide int", "output": "a", "x": 18446744073709551617}': 2.0**64,
    b'{"id": "surrogate", "output": "a \\ud800 b", "x": 2}': 2.0,
    b'{"id": "nul", "output": "a\\u0000b", "x": 3}': 3.0,
    b'{"id": "twice", "output": "a", "x": 4, "x": 5}': 5.0,
    b'{"id": "text nan", "output": "a", "x": "NaN"}': None,
    b'{"id": "text inf", "output": "a", "x": "1e999"}': None,
}


@pytest.mark.parametrize("suffix", ["jsonl", "csv", "parquet"])
def test_no_trap_of_json_reaches_a_mean_or_a_file(tmp_path, suffix):
    log = write_lines(tmp_path / "a.jsonl", TRAPS)
    result = score(tmp_path / "s", [log], ["score.x", "words", "characters"], map={"score.x": "x", "output": "output", "id": "id"})
    refused = sum(isinstance(said, str) for said in TRAPS.values())
    assert (result.counts.lines, result.counts.quarantined) == (len(TRAPS), refused)
    values = [said for said in TRAPS.values() if isinstance(said, float)]
    document = json.loads(json.dumps(result.to_json(), allow_nan=False))
    found = document["metrics"]["score.x"]
    assert (found["scored"], found["unscored"]) == (len(values), {"metric_error": 3})
    assert found["mean"] == pytest.approx(math.fsum(values) / len(values), rel=1e-15)
    rows = {row["id"]: row for row in rows_of(result)}
    assert rows["nul"]["characters"] == 3.0
    assert rows["surrogate"]["characters"] == 10.0
    path = tmp_path / f"out.{suffix}"
    write_rows(result.rows(), path)
    if suffix == "jsonl":
        written = [json.loads(line, parse_constant=pytest.fail) for line in path.read_text().splitlines()]
        assert [row["score.x"] for row in written] == [rows[row["id"]]["score.x"] for row in written]
    if suffix == "csv":
        with open(path, newline="") as file:
            assert {row["score.x"].lower() for row in csv.DictReader(file)}.isdisjoint({"nan", "inf", "-inf"})


def test_a_second_run_prints_the_same_with_nothing_new(tmp_path):
    log = write_lines(tmp_path / "a.jsonl", [{"output": "a b"}, {"output": "c"}, "broken {"])
    first, second = (score(tmp_path / "s", [log]).to_json() for _ in range(2))
    assert (first["records"].pop("new"), second["records"].pop("new")) == (2, 0)
    assert {**first, "run": 0} == {**second, "run": 0}


def test_shortfalls_give_exit_code_3(tmp_path):
    log = write_lines(tmp_path / "a.jsonl", [{"output": "a", "input": "q"}, {"input": "q"}, "{"])
    result = score(tmp_path / "s", [log], measured=0.98, max_bad=0.01)
    assert (result.exit_code, len(result.shortfalls)) == (3, 2)
    assert result.notes[-1] == "quarantined: not_json 1; the first is a.jsonl:3"
    assert score(tmp_path / "s", [log], measured=0.5, max_bad=0.5).exit_code == 0


@pytest.mark.parametrize(("keep", "left"), [("2w", 3), ("10d", 2), ("36h", 1), ("90m", 1), ("30s", 0), ("99999999w", 3)])
def test_records_older_than_keep_are_forgotten(tmp_path, keep, left):
    """Every unit that judge.yaml allows; a record without time has no age."""
    now = datetime.now(UTC)
    ages = [timedelta(hours=1), timedelta(days=9), timedelta(days=13)]
    lines = [{"output": f"a{at}", "input": "q", "time": (now - age).isoformat()} for at, age in enumerate(ages)]
    log = write_lines(tmp_path / "a.jsonl", [*lines, {"output": "b", "input": "q"}])
    counts = score(tmp_path / "s", [log], keep=keep).counts
    assert (counts.accepted, counts.forgotten) == (left + 1, 3 - left)


def test_a_log_that_is_all_forgotten_says_so(tmp_path):
    log = write_lines(tmp_path / "a.jsonl", [{"output": "a", "time": "2020-01-01T00:00:00Z"}])
    for _ in range(2):
        with pytest.raises(NoRecords, match="1 lines, 1 of them forgotten"):
            score(tmp_path / "s", [log], keep="30d")


def test_what_cannot_be_scored_is_said(tmp_path):
    log = write_lines(tmp_path / "a.jsonl", [{"input": "q"}])
    with pytest.raises(MissingColumn, match="reads column 'output'"):
        score(tmp_path / "s", [log])
    with pytest.raises(MissingColumn) as caught:
        score(tmp_path / "s", [write_lines(tmp_path / "b.jsonl", [{"input": "q", "answer": "a"}])], map={"output": "anwser"})
    assert "b.jsonl: --map output=anwser finds nothing in the first 1 entries" in caught.value.hint
    with pytest.raises(UnknownName, match="no scorer is called 'wrods'") as caught:
        score(tmp_path / "s", [log], ["wrods"])
    assert "words" in caught.value.hint
    with pytest.raises(UsageError, match="at least 1"):
        score(tmp_path / "s", [log], ["r=repetition:n=0"])
    with pytest.raises(NoRecords):
        score(tmp_path / "s", [write_lines(tmp_path / "b.jsonl", ["{", '{"output": '])], map={"output": "output"})


def test_a_file_of_the_user_need_not_bear_no_rows(tmp_path):
    (tmp_path / "mine.py").write_text(
        "def longest(output):\n    most = max(len(text) for text in output)\n    return [float(len(text) <= most) for text in output]\n"
    )
    log = write_lines(tmp_path / "a.jsonl", [{"output": "a"}, {"output": "bb"}])
    assert [row["longest"] for row in rows_of(score(tmp_path / "s", [log], [f"{tmp_path}/mine.py:longest"]))] == [1.0, 1.0]
