"""The contract that every scorer keeps from birth, over all that the catalog finds.

A new scorer needs nothing here; an option without a default needs a value in samples.OPTIONS, and the
values of a new scorer or version are added by `python tests/scorers/golden.py` (see there).
"""

import doctest
import importlib
import math
import sys
from pathlib import Path

import pyarrow as pa
import pytest
from markers import MARKERS, markers, read_markers

from judgecli.catalog import describe, load_scorer, scorer_names
from judgecli.errors import EnvironmentFailure
from judgecli.schema import REASONS, RECORDS
from judgecli.scorer import Score, as_list

sys.path.insert(0, str(Path(__file__).parent))
import golden
import samples

HOSTILE = [
    "",
    " ",
    "\x00",
    "a\x00b",
    "\u2028",
    "\u200b",
    "e\u0301",
    "\ufeff{}",
    "日本語。",
    "\U0001f468\u200d\U0001f469",
    "{" * 500,
    "[" * 1_025,
    "<a>" * 300,
    "```",
    "(" * 300,
    "\\",
    "%s",
    "\uffff",
]
TEXT = ("input", "output", "reference")


def scored(scorer, columns):
    """The scorer's cells as (value, label, reason); skips where its extra is not installed."""
    try:
        cells = scorer(**columns, **samples.options(scorer))
    except EnvironmentFailure as missing:
        pytest.skip(str(missing))
    return [plain(cell) for cell in cells]


def plain(cell):
    if isinstance(cell, Score):
        return cell.value, cell.label, cell.reason
    return (None, cell, None) if isinstance(cell, str) else (cell, None, None)


def picked(columns, rows):
    return {name: [values[row] for row in rows] for name, values in columns.items()}


@pytest.fixture(params=scorer_names())
def scorer(request):
    return load_scorer(request.param)


def test_one_item_a_row_and_the_same_twice(scorer):
    columns = samples.columns(scorer)
    first = scored(scorer, columns)
    assert len(first) == len(samples.ROWS)
    assert any(value is not None or label is not None for value, label, _ in first), "the corpus shows nothing of this scorer: add a row to samples.py"
    assert scored(scorer, columns) == first


def test_rows_are_independent(scorer):
    columns, rows = samples.columns(scorer), range(len(samples.ROWS))
    together = scored(scorer, columns)
    assert scored(scorer, picked(columns, rows[::-1]))[::-1] == together
    order = [row * 7 % len(samples.ROWS) for row in rows]
    assert scored(scorer, picked(columns, order)) == [together[row] for row in order]
    assert [scored(scorer, picked(columns, [row]))[0] for row in rows] == together


def test_null_stays_null(scorer):
    columns = samples.columns(scorer)
    for name in {column.source for column in scorer.columns if column.required}:
        assert scored(scorer, {**columns, name: [None] * len(samples.ROWS)}) == [(None, None, None)] * len(samples.ROWS)


def test_optional_columns_may_be_null_or_absent(scorer):
    columns = samples.columns(scorer)
    for name in {column.source for column in scorer.columns if not column.required}:
        without = {other: values for other, values in columns.items() if other != name}
        assert len(scored(scorer, {**columns, name: [None] * len(samples.ROWS)})) == len(samples.ROWS)
        assert len(scored(scorer, without)) == len(samples.ROWS)


def test_an_empty_batch(scorer):
    columns = {name: [] for name in samples.columns(scorer)}
    assert scored(scorer, columns) == []
    try:
        assert as_list(scorer.run(columns, samples.options(scorer))) == []
    except EnvironmentFailure as missing:
        pytest.skip(str(missing))


def test_values_are_of_the_declared_kind_and_range(scorer):
    low, high = (end if end is not None else edge for end, edge in zip(scorer.range, (-math.inf, math.inf), strict=True))
    for value, label, reason in scored(scorer, samples.columns(scorer)):
        assert value is None or (math.isfinite(value) and low <= value <= high)
        assert reason is None or reason in REASONS
        assert value is None or reason is None
        assert scorer.kind == "category" or label is None or value is not None
        assert scorer.kind != "rate" or value in (None, 0, 1) or scorer.range != (0, 1) or 0 <= value <= 1


def test_arrow_columns_give_what_lists_give(scorer):
    columns = samples.columns(scorer)
    needed = {column.source for column in scorer.columns if column.required}
    rows = [row for row in range(len(samples.ROWS)) if all(columns[name][row] is not None for name in needed)]
    arrow = {name: pa.array(values, RECORDS.field(name).type) for name, values in picked(columns, rows).items() if name in RECORDS.names}
    together = scored(scorer, columns)
    assert [plain(cell) for cell in as_list(scorer.run(arrow, samples.options(scorer)))] == [together[row] for row in rows]


def test_hostile_texts_do_not_raise(scorer):
    texts = HOSTILE + read_markers()
    columns = samples.columns(scorer)
    rows = [number % len(samples.ROWS) for number in range(len(texts))]
    for name in sorted(set(TEXT) & set(columns)):
        cells = scored(scorer, {**picked(columns, rows), name: texts})
        assert all(value is None or math.isfinite(value) for value, _, _ in cells)


def test_the_markers_are_read():
    if not MARKERS.exists():
        pytest.skip("the shared markers are not at hand")
    assert len(markers()) == 556


def test_the_docstring_is_complete(scorer):
    text = scorer.__doc__
    assert text.strip().split("\n\n")[0].split("\n")[0].rstrip().endswith((".", ":", ",")) or ". " in text, "the first sentence is the definition"
    for paragraph in ("Columns:", "Returns:", "Source:"):
        assert paragraph in text, f"the docstring lacks '{paragraph}'"
    assert "Null" in text, "the docstring lacks its null rule"
    assert not scorer.options or "Options:" in text or all(name in text for name in scorer.options), "the docstring lacks its options"


def test_the_example_of_the_docstring_runs(scorer):
    scored(scorer, samples.columns(scorer))  # skips where an extra is missing
    module = importlib.import_module(scorer.__module__)
    test = doctest.DocTestParser().get_doctest(scorer.__doc__, dict(vars(module)), scorer.name, module.__file__, 0)
    assert test.examples, "the docstring lacks a worked value (>>>)"
    said = []
    assert doctest.DocTestRunner().run(test, out=said.append).failed == 0, "".join(said)


def test_the_catalog_reads_what_the_import_declares(scorer):
    described = describe(scorer.name)
    for field in ("kind", "unit", "range", "higher_is_better", "version", "default", "needs"):
        assert getattr(described, field) == getattr(scorer, field), field
    assert described.definition.strip().endswith(".")
    assert described.source.strip()


def test_values_change_only_with_the_version(scorer):
    name, known = golden.name_of(scorer), golden.stored()
    found = [golden.item_of(Score(*cell) if cell[0] is None else cell[0]) for cell in scored(scorer, samples.columns(scorer))]
    assert name in known, f"no golden values of '{name}': run python tests/scorers/golden.py"
    for row, (now, before) in enumerate(zip(found, known[name], strict=True)):
        same = now == pytest.approx(before, rel=1e-9, abs=1e-12) if isinstance(before, float) and isinstance(now, float) else now == before
        assert same, f"row {row}: {now} where version {scorer.version} gave {before}; raise the version"


def test_no_golden_value_of_a_scorer_that_is_gone():
    assert {name.split()[0] for name in golden.stored()} <= set(scorer_names())
