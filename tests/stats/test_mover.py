"""Intervals of a difference from those of its sides: Newcombe's own example, statsmodels, coverage with and without pairs."""

import numpy as np
import pytest
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint
from textbook import rate_interval

from judgecli.stats.mover import Limited, clustered_correlation, difference_limits


def wilson(hits: int, rows: int) -> Limited:
    low, high = proportion_confint(hits, rows, method="wilson")
    return Limited(hits / rows, float(low), float(high))


@pytest.mark.parametrize(
    ("a", "b", "limits"),
    [((56, 70), (48, 80), (0.0524, 0.3339)), ((9, 10), (3, 10), (0.1705, 0.8090)), ((10, 10), (0, 20), (0.6791, 1.0)), ((5, 56), (0, 29), (-0.0381, 0.1926))],
)
def test_newcombes_examples(a, b, limits):
    """Newcombe 1998, table II, method 10."""
    assert difference_limits(wilson(*a), wilson(*b)) == pytest.approx(limits, abs=6e-5)


@pytest.mark.parametrize(("a", "b"), [((17, 20), (5, 30)), ((1, 50), (4, 40)), ((0, 25), (0, 30)), ((200, 400), (180, 400))])
def test_as_statsmodels_says(a, b):
    assert difference_limits(wilson(*a), wilson(*b)) == pytest.approx(confint_proportions_2indep(*a, *b, method="newcomb"), abs=1e-12)


def test_correlation_of_pairs():
    ones = np.ones(6)
    values = np.array([1.0, 0, 1, 1, 0, 1])
    assert clustered_correlation(values, ones, values, ones) == pytest.approx(1.0)
    assert clustered_correlation(values, ones, 1 - values, ones) == pytest.approx(-1.0)
    assert clustered_correlation(np.r_[values, 0 * values], np.r_[ones, 0 * ones], np.r_[0 * values, values], np.r_[0 * ones, ones]) == 0.0
    same = Limited(0.5, 0.4, 0.6)
    assert difference_limits(same, same, correlation=1.0) == (0.0, 0.0)


@pytest.mark.long
@pytest.mark.parametrize("clusters", [20, 50, 200])
@pytest.mark.parametrize("shared", [False, True])
def test_coverage_of_a_change_of_rates(clusters, shared):
    """Conversations of five turns whose own rate varies; on both sides the same ones, or not."""
    chance = np.random.default_rng(clusters)
    covered, draws = 0, 1_000
    for _ in range(draws):
        own = chance.beta(3, 1, clusters)
        sides = [own, own if shared else chance.beta(3, 1, clusters)]
        hits = [chance.binomial(5, side).astype(float) for side in sides]
        five = np.full(clusters, 5.0)
        limits = [Limited(found.mean, found.low, found.high) for found in (rate_interval(hit, five) for hit in hits)]
        correlation = clustered_correlation(hits[0], five, hits[1], five) if shared else 0.0
        low, high = difference_limits(*limits, correlation=correlation)
        covered += low <= 0 <= high
    assert covered / draws >= 0.95 - 3 * np.sqrt(0.95 * 0.05 / draws) - (0.01 if clusters == 20 else 0)
