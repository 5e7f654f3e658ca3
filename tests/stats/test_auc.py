"""AUC, logistic regression and the decomposition: scikit-learn and hand values, DeLong by definition, false alarms by cluster."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given
from scipy import sparse
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from judgecli.stats.auc import auc, auc_permutation
from judgecli.stats.decomposition import decompose
from judgecli.stats.logistic import fit_logistic


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=4, max_size=40).filter(lambda rows: 0 < sum(side for _, side in rows) < len(rows)))
def test_auc_as_scikit_learn_says(rows):
    scores, positive = np.array([float(score) for score, _ in rows]), np.array([side for _, side in rows])
    assert auc(scores, positive, np.arange(len(rows))).auc == pytest.approx(roc_auc_score(positive, scores), abs=1e-12)


def test_delong_by_definition():
    chance = np.random.default_rng(1)
    up, down = chance.normal(0.6, 1, 23), chance.normal(0, 1, 31)
    wins = (up[:, None] > down).astype(float)
    expected = np.sqrt(wins.mean(axis=1).var(ddof=1) / 23 + wins.mean(axis=0).var(ddof=1) / 31)
    found = auc(np.r_[up, down], np.r_[np.ones(23, bool), np.zeros(31, bool)], np.arange(54))
    assert (found.auc, found.se) == (pytest.approx(wins.mean()), pytest.approx(expected, rel=1e-12))


def test_a_permutation_of_auc_by_hand():
    """Two of five on top: one of the 10 ways to choose two."""
    scores, positive = np.array([1.0, 2, 3, 4, 5]), np.array([False, False, False, True, True])
    assert auc_permutation(scores, positive, np.arange(5), permutations=19_999) == pytest.approx(0.1, abs=0.01)
    assert auc_permutation(scores, np.ones(5, bool), np.arange(5)) is None


def test_the_same_rows_on_both_sides_cannot_be_told_apart():
    scores = np.tile(np.arange(10.0), 2)
    positive, clusters = np.repeat([False, True], 10), np.tile(np.arange(10), 2)
    found = auc(scores, positive, clusters)
    assert (found.auc, found.se) == (0.5, pytest.approx(0.0, abs=1e-12))
    assert auc_permutation(scores, positive, clusters) == 1.0


@pytest.mark.long
def test_auc_with_clusters_of_five():
    """Scores shared within a conversation: coverage of the interval and level of the permutation hold."""
    chance = np.random.default_rng(9)
    draws, covered, alarms = 500, 0, 0
    clusters = np.repeat(np.arange(80), 5)
    positive = clusters < 40
    for draw in range(draws):
        scores = chance.normal(size=80)[clusters] + 0.5 * chance.normal(size=400)
        found = auc(scores, positive, clusters)
        covered += found.low <= 0.5 <= found.high
        alarms += auc_permutation(scores, positive, clusters, permutations=199, seed=draw) <= 0.05
    assert covered >= 0.92 * draws
    assert alarms <= 0.05 * draws + 3 * np.sqrt(draws * 0.05 * 0.95)


def test_logistic_as_scikit_learn_says():
    chance = np.random.default_rng(4)
    features = sparse.csr_array(sparse.random(200, 30, density=0.3, rng=chance))
    positive = (features @ chance.normal(size=30) + 0.3 * chance.normal(size=200)) > 0.2
    weights, intercept = fit_logistic(features, positive, strength=2.0)
    oracle = LogisticRegression(C=2.0, tol=1e-8, max_iter=2_000).fit(features, positive)
    assert weights == pytest.approx(oracle.coef_[0], abs=2e-3)
    assert intercept == pytest.approx(oracle.intercept_[0], abs=2e-3)


counts = st.lists(st.tuples(*[st.integers(0, 20)] * 2, *[st.floats(0, 1)] * 2), min_size=1, max_size=6)


@given(counts.filter(lambda rows: sum(row[0] for row in rows) and sum(row[1] for row in rows)))
def test_parts_sum_to_the_change(rows):
    old, new = (np.array([row[place] for row in rows], dtype=float) for place in (0, 1))
    old_sums, new_sums = (np.array([row[place] * row[place + 2] for row in rows]) for place in (0, 1))
    found = decompose(old_sums, old, new_sums, new)
    assert found.within + found.mix == pytest.approx(found.total, abs=1e-12)
    assert found.total == pytest.approx(new_sums.sum() / new.sum() - old_sums.sum() / old.sum(), abs=1e-12)
    assert 0 <= found.matched <= 1 + 1e-12


def test_parts_by_hand():
    ten = np.array([10.0, 10])
    assert decompose(np.array([8.0, 2]), ten, np.array([6.0, 0]), ten).mix == pytest.approx(0)  # the same mix: all of it within
    moved = decompose(np.array([8.0, 2]), ten, np.array([4.0, 3]), np.array([5.0, 15]))  # the same means: all of it mix
    assert (moved.within, moved.mix) == (pytest.approx(0), pytest.approx(-0.15))
    apart = decompose(np.array([8.0, 0]), np.array([10.0, 0]), np.array([0.0, 2]), np.array([0.0, 10]))
    assert (apart.within, apart.mix, apart.matched) == (0.0, pytest.approx(-0.6), 0.0)
    assert decompose(np.zeros(1), np.zeros(1), np.ones(1), np.ones(1)) is None
