"""Differences of clustered means by hand, against scipy, and in simulations without a difference."""

import numpy as np
import pytest
from scipy import stats

from judgecli.stats.contrast import clustered_contrast
from judgecli.stats.families import benjamini_hochberg, holm


def sides(a, b):
    """One row a cluster, a before b."""
    return np.r_[a, np.zeros(len(b))], np.r_[np.ones(len(a)), np.zeros(len(b))], np.r_[np.zeros(len(a)), b], np.r_[np.zeros(len(a)), np.ones(len(b))]


def test_one_row_a_cluster_is_the_test_of_welch():
    rng = np.random.default_rng(3)
    a, b = rng.normal(0, 1, 30), rng.normal(0.4, 2, 45)
    found = clustered_contrast(*sides(a, b))
    oracle = stats.ttest_ind(a, b, equal_var=False)
    interval = oracle.confidence_interval(0.95)
    assert (found.p, found.low, found.high) == (pytest.approx(oracle.pvalue, rel=1e-9), pytest.approx(interval.low), pytest.approx(interval.high))
    assert found.clusters == 30


def test_clusters_on_both_sides_by_hand():
    """Every cluster gives one row to each side, b one higher: the difference is known exactly, though both sides vary."""
    a = np.array([1.0, 5.0, 9.0])
    found = clustered_contrast(a, np.ones(3), a + 1, np.ones(3))
    assert (found.difference, found.se, found.p) == (-1.0, 0.0, 0.0)


def test_paired_clusters_are_the_paired_test():
    rng = np.random.default_rng(4)
    a = rng.normal(0, 3, 40)
    b = a + rng.normal(0.2, 1, 40)
    found = clustered_contrast(a, np.ones(40), b, np.ones(40))
    assert found.se == pytest.approx(np.std(a - b, ddof=1) / np.sqrt(40))


def test_too_few_clusters_have_no_interval():
    found = clustered_contrast(*sides([1.0], [2.0, 3.0]))
    assert (found.difference, found.se, found.p) == (-1.5, None, None)
    assert clustered_contrast(*sides([], [2.0, 3.0])) is None


def test_a_share_of_nothing_is_not_known_without_error():
    """20 of 20 against 0 of 20: certain; 3 of 3 against 0 of 3: not."""
    assert clustered_contrast(*sides(np.ones(20), np.zeros(20)), rate=True).p < 1e-6
    few = clustered_contrast(*sides(np.ones(3), np.zeros(3)), rate=True)
    assert few.p > 0.01
    assert (few.low, few.high) != (1.0, 1.0)
    assert few.high == 1.0


def test_false_alarms_of_clustered_rows_stay_at_five_per_cent():
    """5-row clusters that share half of their variance, drawn at random to two sides: a row-wise test would alarm far more often."""
    rng = np.random.default_rng(5)
    alarms = 0
    for _ in range(600):
        shared = np.repeat(rng.normal(size=60), 5)
        values, side = shared + rng.normal(size=300), np.repeat(rng.random(60) < 0.4, 5)
        codes = np.repeat(np.arange(60), 5)
        parts = [np.bincount(codes, weights=w, minlength=60) for w in (values * side, side, values * ~side, ~side)]
        alarms += clustered_contrast(*map(np.asarray, parts)).p < 0.05
    assert 0.02 < alarms / 600 < 0.085


def test_adjusted_p_values_of_the_paper():
    """Benjamini & Hochberg 1995, 15 p-values (spec/statistics.md 4.7), and Holm by hand."""
    p = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0]
    adjusted = benjamini_hochberg(p)
    assert adjusted[:5] == pytest.approx([0.0015, 0.003, 0.0095, 0.035625, 0.0603])
    assert adjusted == pytest.approx(stats.false_discovery_control(p))
    assert sum(q < 0.05 for q in adjusted) == 4
    assert holm([0.02, 0.01, 0.5]) == pytest.approx([0.04, 0.03, 0.5])
    assert sum(q < 0.05 for q in holm(p)) == 3
    assert (holm([]), benjamini_hochberg([])) == ([], [])
