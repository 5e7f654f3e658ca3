"""Histograms: every scored value in exactly one place, in bins of round width."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from judgecli.signal.report.distributions import bin_width, distribution


def test_by_hand():
    found = distribution("m", np.array([0.0, 1.0, 1.0, 3.0, np.nan]))
    assert (found.edges, found.counts, found.n) == ([0.0, 1.0, 2.0, 3.0, 4.0], [1, 2, 0, 1], 4)


def test_a_far_value_does_not_flatten_the_rest():
    values = np.r_[np.arange(1000) / 1000, 1e9]
    found = distribution("m", values)
    assert found.edges[-1] <= 2
    assert found.above == 1


@pytest.mark.parametrize(("extent", "whole", "width"), [(10, False, 0.5), (10, True, 1), (0, True, 1), (0, False, 1), (440, True, 20), (0.02, False, 0.001)])
def test_bin_width(extent, whole, width):
    assert bin_width(extent, whole=whole) == pytest.approx(width)


@given(st.lists(st.one_of(st.floats(-1e6, 1e6), st.just(float("nan")))))
def test_nothing_is_lost(values):
    found = distribution("m", np.array(values, dtype=float))
    assert sum(found.counts) + found.below + found.above == found.n == sum(value == value for value in values)
    assert len(found.counts) <= 30


@pytest.mark.parametrize("values", [[], [np.nan], [5.0], [5.0, 5.0], [-1e-300, 1e-300], [1e15, 1e15 + 1]])
def test_edges(values):
    found = distribution("m", np.array(values))
    assert sum(found.counts) + found.below + found.above == found.n
