import pytest

from judgecli.scorers.operations.columns import cost_usd, error, latency_ms, tokens_in, tokens_out


@pytest.mark.parametrize("scorer", [latency_ms, tokens_in, tokens_out, cost_usd])
def test_a_column_becomes_the_metric_of_its_name(scorer):
    assert [column.name for column in scorer.columns] == [scorer.name]
    assert scorer([1.5, None, 0.0]) == [1.5, None, 0.0]


def test_error_by_hand():
    results = error([b"a", b"b", b"c"], [None, "HTTP 500", ""])
    assert [getattr(item, "value", item) for item in results] == [0.0, 1.0, 0.0]
    assert error([b"a", b"b"]) == [0.0, 0.0]
