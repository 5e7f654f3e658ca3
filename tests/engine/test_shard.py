"""The pure function of the engine: what a scorer may return, and that no row depends on another."""

# ruff: noqa: ARG001, ARG005

import re

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from judgecli.catalog import default_names, imported_scorer, load_scorer
from judgecli.engine import shard
from judgecli.engine.columns import needed_columns
from judgecli.engine.shard import score_table
from judgecli.errors import EnvironmentFailure, ScorerBroken
from judgecli.schema import REASONS, RECORDS
from judgecli.scorer import Metric, Score, scorer


def records(*rows, **columns):
    """A table of records from (output, reference) pairs or from whole columns."""
    if rows:
        columns = {"output": [row[0] for row in rows], "reference": [row[1] for row in rows], **columns}
    count = len(next(iter(columns.values())))
    columns.setdefault("input", ["q"] * count)
    return pa.table({field.name: pa.array(columns[field.name], field.type) if field.name in columns else pa.nulls(count, field.type) for field in RECORDS})


def metric(function, name="m", **options):
    return Metric(name, function if hasattr(function, "columns") else scorer(function), options)


def cells(table, name="m"):
    return list(zip(table.column(name).to_pylist(), table.column(f"{name}.reason").to_pylist(), strict=True))


def run(function, *outputs, **options):
    return score_table(records(output=list(outputs)), [metric(function, **options)])


@pytest.mark.parametrize(
    ("returned", "cell"),
    [
        (1, (1.0, None)),
        (True, (1.0, None)),
        (np.float32(0.5), (0.5, None)),
        (2**70, (float(2**70), None)),
        (None, (None, "not_applicable")),
        (Score(value=0.25), (0.25, None)),
        (Score(value=0.25, reason="not_sampled"), (None, "not_sampled")),
        (Score(reason="budget"), (None, "budget")),
        (Score(reason="no such reason"), (None, "metric_error")),
        (Score(), (None, "not_applicable")),
        (float("nan"), (None, "metric_error")),
        (float("inf"), (None, "metric_error")),
        (-float("inf"), (None, "metric_error")),
        (10**400, (None, "metric_error")),
        ("text", (None, "metric_error")),
        (b"1", (None, "metric_error")),
        ([1.0], (None, "metric_error")),
        (1j, (None, "metric_error")),
    ],
)
@pytest.mark.parametrize("neighbour", [0.5, None, Score(value=0.5)], ids=["number", "none", "score"])
def test_what_a_scorer_may_return(returned, cell, neighbour):
    def odd(output):
        return [returned if text == "odd" else neighbour for text in output]

    found = cells(run(odd, "even", "odd", "even"))
    assert found[1] == cell
    assert found[0] == found[2] == ((None, "not_applicable") if neighbour is None else (0.5, None))


@pytest.mark.parametrize(
    "make",
    [
        lambda n: np.arange(n, dtype=float),
        lambda n: pa.array([float(i) for i in range(n)]),
        lambda n: pa.chunked_array([[float(i)] for i in range(n)]),
        lambda n: tuple(range(n)),
        lambda n: iter(range(n)),
    ],
)
def test_vectorised_returns(make):
    assert cells(run(lambda output: make(len(output)), "a", "b", "c")) == [(0.0, None), (1.0, None), (2.0, None)]


def test_null_and_nan_of_arrays():
    assert cells(run(lambda output: pa.array([1.0, None]), "a", "b")) == [(1.0, None), (None, "not_applicable")]
    assert cells(run(lambda output: np.array([1.0, np.nan, -np.inf]), "a", "b", "c")) == [(1.0, None), (None, "metric_error"), (None, "metric_error")]


NOT_A_LIST = ["ab", b"ab", {"a": 1, "b": 2}, {1.0, 2.0}, 1.0, None, np.float64(2), np.array(2.0)]


@pytest.mark.parametrize("result", [*NOT_A_LIST, [1.0], [1.0, 2.0, 3.0], [], np.zeros((3, 1)), iter([1.0])])
def test_a_result_that_is_not_one_item_a_row_ends_the_run(result):
    with pytest.raises(ScorerBroken, match=r"\(test_shard.py:\d+\) returned .* for 2 rows") as caught:
        run(lambda output: result, "a", "b")
    assert "columns come as lists" in caught.value.hint


def test_a_list_of_another_length_is_not_asked_again_row_by_row():
    asked = []

    def first_only(output):
        asked.append(len(output))
        return [1.0]

    with pytest.raises(ScorerBroken, match="returned a list of 1 for 3 rows"):
        run(first_only, "a", "b", "c")
    assert asked == [3]


def test_a_missing_extra_is_no_fault_of_a_row():
    def lacking(output):
        raise EnvironmentFailure("scorer 'm' needs nowhere", hint="install it")

    with pytest.raises(EnvironmentFailure, match="needs nowhere"):
        run(lacking, "a")
    with pytest.raises(EnvironmentFailure, match="needs nowhere"):
        shard.check_options(metric(scorer(needs="nowhere")(lacking)))


@pytest.mark.parametrize("returned", ["fine", {}, float("nan"), [2.0]])
def test_what_was_returned_is_told(returned):
    told = run(lambda output: [returned for _ in output], "a", "b").column("m.explanation").to_pylist()
    assert told == told[:1] * 2
    assert told[0].startswith(f"returned {returned!r}, ")
    assert ("kind='category'" in told[0]) == isinstance(returned, str)


def test_a_function_of_one_row_without_annotations_is_told_that_columns_are_lists():
    table = run(lambda output: float(output.endswith("?")), "a", "b")
    assert cells(table) == [(None, "metric_error")] * 2
    assert re.fullmatch(
        r"AttributeError: 'list' object has no attribute 'endswith' \(test_shard.py:\d+ in <lambda>; columns come as lists, one item a row\)",
        table.column("m.explanation").to_pylist()[1],
    )


@pytest.mark.parametrize(("value", "reason"), [(0.0, None), (1.0, None), (1.0000000001, None), (1.1, "metric_error"), (-0.1, "metric_error")])
def test_the_declared_range_is_kept(value, reason):
    bounded = scorer(kind="rate", range=(0, 1))(lambda output: [value for _ in output])
    assert cells(run(bounded, "a", "b"))[0][1] == reason


def test_only_the_rows_that_raise_lose_their_score():
    def picky(output):
        for text in output:
            if text == "bad":
                raise KeyError("\ud800")
            if text == "exit":
                raise SystemExit(0)
        return [float(len(text)) for text in output]

    table = run(picky, "a", "bad", "ccc", "exit")
    assert cells(table) == [(1.0, None), (None, "metric_error"), (3.0, None), (None, "metric_error")]
    line = picky.__code__.co_firstlineno + 3
    assert table.column("m.explanation").to_pylist()[1] == rf"KeyError: '\ud800' (test_shard.py:{line} in picky)"


def test_an_error_whose_text_raises_too():
    class Rude(Exception):
        def __str__(self):
            raise RuntimeError

    def rude(output):
        raise Rude

    table = run(rude, "a")
    line = rude.__code__.co_firstlineno + 1
    assert (cells(table), table.column("m.explanation").to_pylist()) == ([(None, "metric_error")], [f"Rude (test_shard.py:{line} in rude)"])


def test_categories():
    named = scorer(kind="category")(lambda output: [None if text == "n" else Score(label="L", explanation=text) if text == "s" else text for text in output])
    table = score_table(records(output=["x", "n", "s", "x\ud800".encode("utf-8", "replace").decode()]), [metric(named)])
    assert [value for value, _ in cells(table)] == ["x", None, "L", "x?"]
    assert pa.types.is_dictionary(table.column("m").type)
    wrong = scorer(kind="category")(lambda output: [1.0, "\ud800"])
    assert cells(run(wrong, "a", "b")) == [(None, "metric_error")] * 2


def test_stories_stay_with_their_rows_over_batches(monkeypatch):
    monkeypatch.setattr(shard, "BATCH_ROWS", 2)

    def told(output):
        return [Score(value=1.0, label="l" + text, explanation="\ud800", detail="{}") if text in "be" else 0.0 for text in output]

    table = run(told, *"abcdef")
    assert table.column("m.label").to_pylist() == [None, "lb", None, None, "le", None]
    assert table.column("m.explanation").to_pylist()[1] == r"\ud800"
    assert table.column("m").to_pylist() == [0.0, 1.0, 0.0, 0.0, 1.0, 0.0]


def test_why_a_row_is_not_scored():
    call = [{"role": "assistant", "parts": [{"type": "tool_call", "name": "f", "arguments": "{}"}]}]
    table = records(
        output=["said", None, None, None, "x"],
        input=["q", "q", None, "q", None],
        reference=["r", "r", None, "r", None],
        output_messages=[None, None, None, call, None],
    )
    found = score_table(table, [metric(lambda output: [1.0] * len(output), "one"), metric(lambda output, reference: [1.0] * len(output), "two")])
    assert [reason for _, reason in cells(found, "one")] == [None, "input_missing_field", "not_applicable", "not_applicable", None]
    assert [reason for _, reason in cells(found, "two")] == [None, "input_missing_field", "not_applicable", "not_applicable", "not_applicable"]


def test_a_failed_call_has_nothing_to_score_and_lacks_nothing():
    """By hand: an answer, a failed call, a failed call that gave half an answer, a record without either."""
    table = records(output=["said", None, "half", None], input=["q"] * 4, error=[None, "429 busy", "cut off", None])
    found = score_table(table, [metric(lambda output: [1.0] * len(output), "one")])
    assert cells(found, "one") == [(1.0, None), (None, "not_applicable"), (1.0, None), (None, "input_missing_field")]
    assert "error" in needed_columns([metric(lambda output: [1.0] * len(output), "one")])


def test_no_rows_and_no_texts():
    metrics = [metric(lambda output: [1.0] * len(output), "a"), metric(scorer(kind="category")(lambda output: list(output)), "b")]
    assert score_table(records(output=[]), metrics).num_rows == 0
    assert cells(score_table(records(output=[None, None]), metrics), "b") == [(None, "input_missing_field")] * 2


def test_tags_and_imported_scores_by_name():
    table = records(output=["a", "b", "c", "d"], tags=[[("country", "de")], [("other", "x")], None, [("country", "fr"), ("a.b", "1")]])
    imported = pa.array([[("thumb", "true")], [("thumb", '"0.5"')], [("thumb", '"NaN"')], [("thumb", '"n/a"')]], RECORDS.field("imported").type)
    table = table.set_column(table.schema.get_field_index("imported"), "imported", imported)
    found = score_table(table, [metric(scorer(kind="category")(lambda tags_country: list(tags_country)), "c"), metric(imported_scorer("score.thumb"), "t")])
    assert cells(found, "c") == [("de", None), (None, "not_applicable"), (None, "not_applicable"), ("fr", None)]
    assert cells(found, "t") == [(1.0, None), (0.5, None), (None, "metric_error"), (None, "metric_error")]


def test_what_the_log_has_a_column_for_is_missing_where_it_is_not_there():
    """Absent or null: `input_missing_field`; there and no number: `metric_error`; a column that the log has not: by design."""
    table = records(output=["a", "b", "c", "d"], latency_ms=[850.0, None, None, None])
    imported = [[("s", "0.5")], [("s", "null"), ("unread:latency_ms", '"1,850"')], [("unread:latency_ms", "null")], None]
    table = table.set_column(table.schema.get_field_index("imported"), "imported", pa.array(imported, RECORDS.field("imported").type))
    found = score_table(table, [metric(imported_scorer("score.s"), "s"), metric(lambda latency_ms: list(latency_ms), "ms")])
    assert cells(found, "s") == [(0.5, None), (None, "input_missing_field"), (None, "not_applicable"), (None, "not_applicable")]
    assert cells(found, "ms") == [(850.0, None), (None, "metric_error"), (None, "input_missing_field"), (None, "not_applicable")]
    assert found.column("ms.explanation").to_pylist()[1] == 'latency_ms is "1,850", which is no number'


def optional_plain(output, reference=None):
    return [0.0 if reference is None or reference[row] is None else 1.0 for row in range(len(output))]


def optional_derived(output, reference_words=None):
    return [-1.0 if reference_words is None else float(len(reference_words[row])) for row in range(len(output))]


def optional_both(output_words, reference_lower=None, input_words=None):
    def size(column, row):
        return 0 if column is None else len(column[row])

    return [len(words) + 10 * size(reference_lower, row) + 1000 * size(input_words, row) for row, words in enumerate(output_words)]


TEXTS = st.one_of(st.none(), st.sampled_from(["", "a", "A b", "é \u2028 x", "1 2 3"]), st.text(st.characters(exclude_categories=["Cs"]), max_size=8))


@given(rows=st.lists(st.tuples(TEXTS, TEXTS, TEXTS), min_size=1, max_size=12), size=st.integers(1, 5))
def test_rows_do_not_depend_on_their_batch(rows, size):
    table = records(output=[row[0] for row in rows], reference=[row[1] for row in rows], input=[row[2] for row in rows])
    functions = {"plain": optional_plain, "derived": optional_derived, "both": optional_both}
    metrics = [metric(function, name) for name, function in functions.items()] + [metric(load_scorer(name), name) for name in default_names()]
    whole = score_table(table, metrics)
    before = shard.BATCH_ROWS
    shard.BATCH_ROWS = size
    try:
        parts = score_table(table, metrics)
    finally:
        shard.BATCH_ROWS = before
    assert parts.select(whole.column_names).to_pylist() == whole.to_pylist()
    assert score_table(table.take(pa.array(range(len(rows))[::-1])), metrics).select(whole.column_names).to_pylist() == whole.to_pylist()[::-1]
    for name in [one.name for one in metrics]:
        assert all((value is None) != (reason is None) and (reason is None or reason in REASONS) for value, reason in cells(whole, name))


def test_an_optional_derived_column_is_by_hand():
    table = records(("a b", "x y"), ("a", None), ("c", "z"), (None, "z"))
    assert [value for value, _ in cells(score_table(table, [metric(optional_derived)]))] == [2.0, -1.0, 1.0, None]


def test_batches_are_bounded_by_bytes():
    table = records(output=["x" * 1_000_000] * 40)
    assert [batch.num_rows for batch in shard.split_batches(table)] == [8] * 5


def test_an_option_that_is_refused_is_an_error_before_work():
    def strict(output, *, n: int = 3):
        if n < 1:
            raise ValueError(f"n must be at least 1, got {n}")
        return [float(n)] * len(output)

    shard.check_options(metric(strict, n=1))
    with pytest.raises(ValueError, match=re.escape("got 0")):
        shard.check_options(metric(strict, n=0))
