"""Sums by cell and cluster: exact whatever the order and the size of values, and of many questions from one reading."""

from fractions import Fraction

import numpy as np
import pytest

from judgecli.store.cell_sums import CellRows, Grouping, Scaled, ValueSpread, decay_weights, numbered, segments_of, spread, windows_of


def rows_of(clusters, columns):
    count = len(clusters)
    coded = [[names.index(value) if value is not None else -1 for value in values] for names, values in columns]
    return CellRows(
        np.array(clusters),
        np.zeros(count, dtype=np.int64),
        np.zeros(count, dtype=bool),
        [np.array(codes, dtype=np.int32) for codes in coded],
        [names for names, _ in columns],
    )


@pytest.mark.parametrize("scale", [1.0, 1e9, 1e17, 1e-7])
def test_sums_are_those_of_fractions_in_any_order(scale):
    rng = np.random.default_rng(3)
    values, cells, clusters = rng.normal(size=500) * scale, rng.integers(0, 3, 500), rng.integers(0, 40, 500)
    grouping = Grouping(cells, clusters, 3, None)
    sums, totals = grouping.sums(Scaled.of(values))
    order = rng.permutation(500)
    again = Grouping(cells[order], clusters[order], 3, None)
    sums_again, totals_again = again.sums(Scaled.of(values[order]))
    assert np.array_equal(sums, sums_again)
    assert np.array_equal(totals, totals_again)
    for place, (cell, cluster) in enumerate(zip(grouping.cells, grouping.clusters, strict=True)):
        own = (cells == cell) & (clusters == cluster)
        assert sums[place] == pytest.approx(float(sum(map(Fraction, values[own].tolist()))), rel=1e-12, abs=1e-10)
        assert grouping.rows[place] == own.sum()
    for cell in range(3):
        assert totals[cell] == pytest.approx(float(sum(map(Fraction, values[cells == cell].tolist()))), rel=1e-12, abs=1e-9)


def test_rows_without_a_value_are_not_counted():
    grouping = Grouping(np.zeros(4, dtype=np.int64), np.array([1, 1, 2, 2]), 1, np.array([1.0, 0.5, 1.0, 0.25]))
    scored = np.array([True, False, True, True])
    assert grouping.counts(scored).tolist() == [1, 2]
    assert grouping.counts(None).tolist() == [2, 2]
    sums, counts, least = grouping.decayed(np.array([2.0, 0.0, 3.0, 4.0]), scored, 12)
    assert (sums.tolist(), counts.tolist(), least) == ([1.5], [2.25], 2.0)  # 6 = 1.5 + 2.25 x 2
    assert grouping.decayed(np.full(4, 0.1), None, 12)[0].tolist() == [0.0]


def test_windows_are_floored_and_records_without_time_stand_apart():
    rows = CellRows(np.arange(4), np.array([-1, 0, 10, 0]), np.array([False, False, False, True]), [], [])
    windows = windows_of(rows, 10, 0, without=-(2**62))
    assert windows.tolist() == [-1, 0, 1, -(2**62)]
    pairs, of_row, counts = numbered(windows, np.zeros(4, dtype=np.int64), 1)
    assert [pairs[place] for place in of_row] == [(-1, 0), (0, 0), (1, 0), (-(2**62), 0)]
    assert counts == [1, 1, 1, 1]
    assert decay_weights(rows, np.array([9, 10, 20, 0]), 10).tolist() == [0.5, 0.5, 0.5, 0.0]


def test_combinations_of_columns_that_occur():
    rows = rows_of([1, 2, 3], [(["a", "b"], ["a", None, "a"]), (["x"], ["x", "x", None])])
    codes, combinations = segments_of(rows, [0, 1])
    assert [combinations[code] for code in codes] == [("a", "x"), (None, "x"), ("a", None)]
    assert len(combinations) == 3
    assert segments_of(rows, [])[1] == [()]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], ValueSpread(None, None, None)),
        ([4.0], ValueSpread(4.0, 4.0, 4.0)),
        ([2.0, 1.0], ValueSpread(1.0, 1.5, 2.0)),
        ([5.0, 1.0, 3.0], ValueSpread(1.0, 3.0, 5.0)),
    ],
)
def test_spread(values, expected):
    assert spread(np.array(values)) == expected
