"""One metric's line: bounds, coverage, states, and reasons for what could not be computed."""

import json

import numpy as np
import pytest

from judgecli.signal.summary import Reduced, summarise


def reduced(values, *, reasons=None, scale=1.0):
    numbers = [value * scale for value in values]
    total = sum(numbers)
    if not numbers:
        return Reduced(np.empty(0), np.empty(0), 0.0, None, None, None, 0, reasons or {}, {})
    return Reduced(np.array(numbers), np.ones(len(numbers)), total, min(numbers), float(np.median(numbers)), max(numbers), len(numbers), reasons or {}, {})


def line(kind="number", scale=(0, 1), higher_is_better=True, **given):
    return summarise("m", "f00d", kind=kind, scale=scale, higher_is_better=higher_is_better, **given)


def test_states_are_told_apart_by_class():
    found = line(reduced=reduced([1.0, 0.0, 1.0], reasons={"not_applicable": 4, "metric_error": 1, "budget": 2}))
    assert (found.scored, dict(found.unscored), found.pending, found.failed, found.cells) == (3, {"metric_error": 1, "not_applicable": 4}, 2, 1, 10)
    assert found.coverage == 0.5
    assert (found.worst, found.best) == (pytest.approx(2 / 6), pytest.approx(5 / 6))


def test_bounds_follow_the_direction():
    up = line(reduced=reduced([1.0], reasons={"timeout": 1}))
    down = line(reduced=reduced([1.0], reasons={"timeout": 1}), higher_is_better=False)
    assert (up.worst, up.best) == (0.5, 1.0)
    assert (down.worst, down.best) == (1.0, 0.5)


def test_an_open_end_has_no_bound_and_says_so():
    found = line(scale=(0, None), reduced=reduced([4.0], reasons={"timeout": 1}))
    assert (found.worst, found.best) == (2.0, None)
    assert found.why_null["best"] == "the scale has no end there"
    complete = line(scale=(None, None), reduced=reduced([4.0, 2.0], reasons={"not_applicable": 9}))
    assert (complete.worst, complete.best, complete.coverage) == (3.0, 3.0, 1.0)


def test_nothing_scored_is_null_with_a_reason_never_zero():
    found = line(reduced=reduced([], reasons={"metric_error": 3})).to_json()
    assert (found["mean"], found["low"], found["p50"], found["coverage"]) == (None, None, None, 0.0)
    assert found["worst"] == 0.0
    assert found["reasons"]["mean"] == "nothing was scored"
    assert line(reduced=reduced([], reasons={"not_applicable": 3})).coverage is None


def test_an_interval_ends_where_the_scale_does():
    found = line(reduced=reduced([0.99, 1.0, 1.0, 0.7]))
    assert found.estimate.high == 1.0


@pytest.mark.parametrize("values", [[1e308, 1e308], [1e308, -1e308, 1e308, 1e308], [1e200, -1e200]])
def test_numbers_beyond_floats_are_null_with_a_reason(values):
    with np.errstate(over="ignore"):
        found = line(scale=(None, None), reduced=reduced(values)).to_json()
    assert any("too large" in why for why in found["reasons"].values())
    assert found["low"] is None
    assert json.loads(json.dumps(found, allow_nan=False))["scored"] == len(values)


def test_a_category_counts_and_has_no_mean():
    given = Reduced(np.empty(0), np.empty(0), 0.0, None, None, None, 3, {"not_applicable": 1}, {"x": 2, "y": 1})
    found = line(kind="category", scale=(None, None), reduced=given)
    assert (found.scored, found.cells, found.to_json()["categories"]) == (3, 4, {"x": 2, "y": 1})
    assert "mean" in found.why_null
