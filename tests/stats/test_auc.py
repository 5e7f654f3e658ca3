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


rows = st.lists(st.tuples(st.booleans(), st.integers(0, 5), st.integers(0, 8), st.floats(0, 1)), min_size=2, max_size=60)


@given(rows.filter(lambda rows: len({row[0] for row in rows}) == 2))
def test_parts_sum_to_the_change(rows):
    current, kinds, clusters, values = (np.array([row[place] for row in rows]) for place in range(4))
    found = decompose(values, current, kinds, clusters)
    assert found.within + found.mix == pytest.approx(found.total, abs=1e-12)
    assert found.total == pytest.approx(values[current].mean() - values[~current].mean(), abs=1e-12)
    assert 0 <= min(found.matched, found.matched_reference) <= max(found.matched, found.matched_reference) <= 1 + 1e-12


def decomposed(old, new):
    """From sums and counts by kind, each row its kind's mean and a cluster of its own."""
    values, kinds, current = [], [], []
    for side, cells in ((False, old), (True, new)):
        for kind, (total, count) in enumerate(cells):
            values += [total / count] * count if count else []
            kinds += [kind] * count
            current += [side] * count
    return decompose(np.array(values), np.array(current), np.array(kinds), np.arange(len(values)))


def test_parts_by_hand():
    assert decomposed([(8, 10), (2, 10)], [(6, 10), (0, 10)]).mix == pytest.approx(0)  # the same mix: all of it within
    moved = decomposed([(8, 10), (2, 10)], [(4, 5), (3, 15)])  # the same means: all of it mix
    assert (moved.within, moved.mix) == (pytest.approx(0), pytest.approx(-0.15))
    assert moved.by_kind.tolist() == pytest.approx([(0.25 - 0.5) * (0.8 - 0.5), (0.75 - 0.5) * (0.2 - 0.5)])
    apart = decomposed([(8, 10)], [(0, 0), (2, 10)])
    assert (apart.within, apart.mix, apart.matched) == (0.0, pytest.approx(-0.6), 0.0)
    assert decompose(np.zeros(3), np.ones(3, dtype=bool), np.zeros(3, dtype=int), np.arange(3)) is None
    few = decompose(np.r_[1.0, 0, 0, 0], np.array([False, False, True, True]), np.array([0, 1, 0, 1]), np.array([0, 1, 2, 2]), least_clusters=2)
    assert (few.within, few.matched) == (0.0, 0.0)


def test_errors_of_parts_are_those_of_a_bootstrap_of_clusters():
    """An oracle that knows no linearisation: clusters of four rows that share their kind and lean one way, drawn again 2,000 times."""
    chance = np.random.default_rng(4)
    size, turns = 160, 4
    side = np.arange(size) % 2 == 1
    kind = (chance.random(size) < np.where(side, 0.6, 0.3)).astype(int)
    values = (0.8 - 0.4 * kind - 0.1 * side + chance.normal(0, 0.2, size))[:, None] + chance.normal(0, 0.2, (size, turns))
    rows = (values.ravel(), np.repeat(side, turns), np.repeat(kind, turns), np.repeat(np.arange(size), turns))
    found = decompose(*rows)
    drawn = []
    for _ in range(2000):
        own = np.r_[chance.choice(np.flatnonzero(side), side.sum()), chance.choice(np.flatnonzero(~side), (~side).sum())]
        again = decompose(values[own].ravel(), np.repeat(side[own], turns), np.repeat(kind[own], turns), np.repeat(np.arange(size), turns))
        drawn.append((again.within, again.mix, again.mix - again.total / 2))
    errors = np.std(drawn, axis=0)
    assert [found.error(1, 0), found.error(-1, 1), found.error(-1, 0.5)] == pytest.approx(errors.tolist(), rel=0.08)


def test_clusters_on_both_sides_are_pairs():
    """The same prompts on both sides, each a tenth lower: no doubt about the change within."""
    level = np.random.default_rng(5).random(50)
    found = decompose(np.r_[level, level - 0.1], np.arange(100) >= 50, np.tile(np.arange(50) % 2, 2), np.tile(np.arange(50), 2))
    assert (found.within, found.mix) == (pytest.approx(-0.1), pytest.approx(0, abs=1e-12))
    assert found.error(1, 0) == pytest.approx(0, abs=1e-9)
    assert found.p_within_above(0.5) < 1e-9
