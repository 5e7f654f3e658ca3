"""Intervals against published vectors, numpy and scipy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from textbook import rate_interval

from judgecli.stats.intervals import mean_interval


def ones(successes, rows):
    return np.array([1.0] * successes + [0.0] * (rows - successes)), np.ones(rows)


def test_clustered_standard_error_of_the_specification():
    estimate = mean_interval(np.array([2.0, 0.0, 1.0]), np.array([2.0, 2.0, 2.0]))
    assert (estimate.mean, estimate.se) == (0.5, pytest.approx(0.288675, abs=5e-7))
    half = stats.t.ppf(0.975, 2) * estimate.se
    assert (estimate.low, estimate.high) == (pytest.approx(0.5 - half), pytest.approx(0.5 + half))


@pytest.mark.parametrize(("successes", "rows", "low", "high"), [(17, 20, 0.639581, 0.947631), (5, 5, 0.565518, 1.0), (0, 10, 0.0, 0.277533)])
def test_wilson_of_the_specification(successes, rows, low, high):
    estimate = rate_interval(*ones(successes, rows))
    assert (estimate.mean, estimate.low, estimate.high) == (successes / rows, pytest.approx(low, abs=5e-7), pytest.approx(high, abs=5e-7))


def test_too_little_to_say():
    nothing = mean_interval(np.empty(0), np.empty(0))
    assert (nothing.mean, nothing.se, nothing.low, nothing.high) == (None, None, None, None)
    assert rate_interval(np.empty(0), np.empty(0)) == nothing
    one = mean_interval(np.array([3.0]), np.array([4.0]))
    assert (one.mean, one.se, one.low, one.high) == (0.75, None, None, None)
    assert rate_interval(np.array([3.0]), np.array([4.0])) == one


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=40))
def test_single_rows_give_the_ordinary_t_interval(values):
    estimate = mean_interval(np.array(values), np.ones(len(values)))
    assert estimate.mean == pytest.approx(np.mean(values), abs=1e-6)
    assert estimate.se == pytest.approx(stats.sem(values), abs=1e-6)


@given(st.lists(st.tuples(st.integers(0, 4), st.booleans()), min_size=2, max_size=60))
def test_cluster_robust_error_is_the_sandwich(rows):
    clusters = sorted({cluster for cluster, _ in rows})
    values = np.array([float(value) for _, value in rows])
    sums = np.array([sum(float(value) for own, value in rows if own == cluster) for cluster in clusters])
    counts = np.array([float(sum(own == cluster for own, _ in rows)) for cluster in clusters])
    estimate = mean_interval(sums, counts)
    assert estimate.mean == pytest.approx(values.mean())
    if len(clusters) > 1:
        residuals = values - values.mean()
        meat = sum(sum(residuals[row] for row, (own, _) in enumerate(rows) if own == cluster) ** 2 for cluster in clusters)
        assert estimate.se == pytest.approx(np.sqrt(len(clusters) / (len(clusters) - 1) * meat) / len(rows), abs=1e-12)
    share = rate_interval(sums, counts)
    if share.low is not None:
        assert 0.0 <= share.low <= share.mean + 1e-12
        assert share.mean - 1e-12 <= share.high <= 1.0


def test_clusters_that_agree_widen_a_rate():
    alone = rate_interval(*ones(10, 20))
    pairs = rate_interval(np.array([2.0, 0.0] * 5), np.full(10, 2.0))
    assert pairs.high - pairs.low > 1.3 * (alone.high - alone.low)
