"""What a log has a column for and a record lacks is told from what the log never had."""

import json

import pytest
from readers.conftest import read_whole

from judgecli.store.tables import present_columns

SAID = {"input": "q", "output": "a"}


def imported(write, rows, **asked):
    return [None if row is None else dict(row) for row in read_whole(write("\n".join(map(json.dumps, rows))), **asked).column("imported")]


@pytest.mark.parametrize("value", [None, "", "  "])
def test_a_mapped_score_that_is_not_there_is_told(write, value):
    rows = [SAID | {"s": 0.5}, SAID | {"s": value}, SAID, SAID | {"s": "timeout"}, SAID | {"s": {"error": "x"}}]
    told = imported(write, rows, map={"score.x": "s"})
    assert [row["x"] for row in told] == ["0.5", "null", "null", '"timeout"', '{"error":"x"}']


def test_a_number_column_tells_what_it_could_not_read_and_what_is_not_there(write):
    rows = [
        SAID | {"latency_ms": 200},
        SAID | {"latency_ms": "1,850"},
        SAID | {"latency_ms": None},
        SAID,
        SAID | {"error": "timeout"},
        SAID | {"latency_ms": True},
    ]
    told = imported(write, rows, map={"latency_ms": "latency_ms"})
    assert told == [
        None,
        {"unread:latency_ms": '"1,850 (comma or point?)"'},
        {"unread:latency_ms": "null"},
        {"unread:latency_ms": "null"},
        None,
        {"unread:latency_ms": "true"},
    ]


def test_a_column_that_no_record_of_the_log_has_is_not_missing(write):
    path = write("\n".join(json.dumps(SAID | {"n": at}) for at in range(5)))
    whole = read_whole(path, map={"latency_ms": "ms", "input": "input", "output": "output"})
    assert whole.detected.empty == ("latency_ms",)
    assert whole.column("imported") == [None] * 5


def test_an_empty_cell_of_a_table_is_missing(write):
    whole = read_whole(write("input,output,cost_usd\nq,a,0.5\nq,b,\nq,c,$0.50\nq,d,0.1\nq,e,0.1\nq,f,0.1\n", "log.csv"))
    assert [None if row is None else dict(row) for row in whole.column("imported")][:3] == [None, {"unread:cost_usd": "null"}, None]
    assert whole.column("cost_usd")[2] == 0.5  # the whole column is in dollars


def test_a_shard_has_a_score_or_number_only_where_something_stands(write):
    rows = [SAID | {"s": None, "cost_usd": "a lot"}]
    present = present_columns(read_whole(write(json.dumps(rows[0])), map={"score.x": "s", "cost_usd": "cost_usd"}).records)
    assert "imported_x" not in present
    assert "cost_usd" in present
