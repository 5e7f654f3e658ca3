"""Category tests: scipy on independent rows, false alarms with clusters, the permutation by hand."""

import numpy as np
import pytest
from scipy import stats

from judgecli.stats.categories import category_test


def rows(counts: list[int]) -> np.ndarray:
    return np.repeat(np.eye(len(counts)), counts, axis=0)


def sides(old: list[int], new: list[int]) -> tuple[np.ndarray, np.ndarray]:
    one, other = rows(old), rows(new)
    return np.vstack([one, 0 * other]), np.vstack([0 * one, other])


def test_as_scipy_says():
    found = category_test(*sides([30, 20, 10], [20, 20, 25]))
    table = [[30, 20, 10], [20, 20, 25]]
    assert found.chi2 == pytest.approx(stats.chi2_contingency(table).statistic)
    assert found.g == pytest.approx(stats.chi2_contingency(table, lambda_="log-likelihood").statistic)
    assert (found.method, found.freedom) == ("permutation", 2)
    assert found.p == pytest.approx(stats.chi2_contingency(table).pvalue, abs=0.01)
    large = category_test(*sides([3000, 2000, 1000], [2900, 2100, 1050]))
    assert (large.method, large.inflation) == ("chi2", pytest.approx(1.0, abs=0.02))
    assert large.p == pytest.approx(stats.chi2_contingency([[3000, 2000, 1000], [2900, 2100, 1050]]).pvalue, rel=0.05)


def test_a_permutation_by_hand():
    """Three against three, wholly apart: 2 of the 20 splits are as far apart."""
    found = category_test(*sides([3, 0], [0, 3]), permutations=19_999)
    assert found.p == pytest.approx(0.1, abs=0.01)


def test_pairs_swap():
    """The same five clusters on both sides, all moved: 2 of 2^5 swaps are as far apart."""
    old, new = np.tile([1.0, 0.0], (5, 1)), np.tile([0.0, 1.0], (5, 1))
    assert category_test(old, new, permutations=19_999).p == pytest.approx(2 / 32, abs=0.01)


def test_nothing_to_test():
    assert category_test(np.zeros((2, 2)), np.ones((2, 2))) is None
    assert category_test(np.array([[1.0, 0]]), np.array([[2.0, 0]])) is None


@pytest.mark.long
@pytest.mark.parametrize("clusters", [60, 6_000])
def test_false_alarms_with_clusters_of_five(clusters):
    """Each conversation prefers one category: chi-square on rows would cry wolf in a third of the draws."""
    chance = np.random.default_rng(2)
    draws, alarms, naive = 300, 0, 0
    for draw in range(draws):
        counts = np.array([chance.multinomial(5, chance.dirichlet([0.4, 0.4, 0.4])) for _ in range(clusters)], dtype=float)
        half = np.arange(clusters) < clusters // 2
        old, new = counts * half[:, None], counts * ~half[:, None]
        alarms += category_test(old, new, permutations=499, seed=draw).p < 0.05
        naive += stats.chi2_contingency(np.stack([old.sum(axis=0), new.sum(axis=0)])).pvalue < 0.05
    assert alarms <= 0.05 * draws + 3 * np.sqrt(draws * 0.05 * 0.95)
    assert naive > 0.2 * draws
