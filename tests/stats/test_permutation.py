"""The permutation of clusters: against exact tails, against another library, and where t fails."""

import math

import numpy as np
import pytest
from scipy import stats

from judgecli.stats import permutation
from judgecli.stats.contrast import clustered_contrast
from judgecli.stats.permutation import fisher_p, permutation_p, permuted_contrast


def sides(a, b):
    """Clusters of one row each."""
    a, b = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    none_a, none_b = np.zeros(len(a)), np.zeros(len(b))
    return np.r_[a, none_b], np.r_[none_a + 1, none_b], np.r_[none_a, b], np.r_[none_a, none_b + 1]


@pytest.mark.parametrize(("inside", "outside"), [(4, 20), (6, 20), (8, 20), (12, 20), (20, 60)])
def test_tails_of_a_rate_are_hypergeometric(inside, outside):
    """25 records with some successes beside 975 with others, down to p-values that no draws reach."""
    p = permutation_p(*sides(np.arange(25) < inside, np.arange(975) < outside))
    exact = 2 * stats.hypergeom.sf(inside - 1, 1000, inside + outside, 25)
    assert 0.75 * exact < p < 2 * exact


@pytest.mark.parametrize(("hits_a", "rows_a", "hits_b", "rows_b"), [(0, 25, 20, 200), (12, 25, 20, 200), (3, 40, 4, 40), (5, 5, 0, 3000), (0, 900, 9, 100)])
def test_fishers_test_is_that_of_another_library(hits_a, rows_a, hits_b, rows_b):
    side = "greater" if hits_a * rows_b > hits_b * rows_a else "less"
    other = stats.fisher_exact([[hits_a, rows_a - hits_a], [hits_b, rows_b - hits_b]], alternative=side).pvalue
    assert fisher_p(hits_a, rows_a, hits_b, rows_b) == pytest.approx(min(1.0, 2 * other), rel=1e-9)
    args = sides(np.arange(rows_a) < hits_a, np.arange(rows_b) < hits_b)
    assert permuted_contrast(*args, rate=True).p == fisher_p(hits_a, rows_a, hits_b, rows_b)


def test_equal_shares_are_one():
    assert fisher_p(2, 20, 20, 200) == 1.0
    assert fisher_p(0, 20, 0, 200) == 1.0


def test_another_library_agrees():
    random = np.random.default_rng(5)
    a, b = np.exp(random.normal(size=20)) + 0.6, np.exp(random.normal(size=100))
    draws = stats.permutation_test((a, b), lambda x, y, axis: x.mean(axis) - y.mean(axis), vectorized=True, n_resamples=20_000, rng=6, alternative="greater")
    assert permutation_p(*sides(a, b)) == pytest.approx(2 * draws.pvalue, rel=0.25, abs=0.002)


@pytest.mark.parametrize("name", ["normal", "lognormal", "its mirror", "ordinal"])
def test_the_saddle_point_meets_many_draws(name):
    random = np.random.default_rng(7)
    normal = random.normal(size=420)
    values = {"normal": normal, "lognormal": np.exp(1.5 * normal), "its mirror": -np.exp(1.5 * normal), "ordinal": random.choice([0, 0.5, 1], 420)}[name]
    scores = values - values.mean()
    inside = np.r_[np.ones(20), np.zeros(400)]
    null = permutation._Null(scores, inside, np.empty(0), 1.0, 0.5 if name == "ordinal" else 0.0)
    drawn = np.sort(np.concatenate([random.permuted(np.broadcast_to(scores, (200, 420)), axis=1).reshape(-1, 20).sum(1) for _ in range(20)]))
    for share in (0.02, 0.004, 0.001):
        seen = float(drawn[int(len(drawn) * (1 - share))])
        found = permutation._saddle_point(permutation._Null(scores, inside, null.parts, seen, null.step))
        assert found == pytest.approx(float(np.mean(drawn >= seen - 1e-9)), rel=0.35)


def test_conversations_on_both_sides_give_the_test_of_their_differences():
    """Every cluster has one row on each side: what remains is the sign of each difference."""
    random = np.random.default_rng(11)
    base = 10 * random.normal(size=60)
    a, b = base + random.normal(size=60) + 0.5, base + random.normal(size=60)
    p = permutation_p(a, np.ones(60), b, np.ones(60))
    signs = random.choice([-1.0, 1.0], (40_000, 60)) @ (a - b)
    assert p == pytest.approx(2 * np.mean(signs >= (a - b).sum()), rel=0.25)
    assert p < 0.05 < permutation_p(*sides(a, b))


def test_a_small_group_that_missed_the_rare_values_is_not_certain():
    """25 records without a refusal, 225 with one in ten: t is certain, chance is not."""
    args = sides(np.zeros(30), np.arange(400) % 20 == 0)
    assert clustered_contrast(*args).p < 1e-4
    assert permuted_contrast(*args).p > 0.05


def test_a_small_group_that_spreads_more_is_not_certain_either():
    """Labels are not exchangeable there: t holds, the permutation alone does not."""
    random = np.random.default_rng(3)
    claims = {"permutation": 0, "both": 0}
    for _ in range(60):
        args = sides(4 * random.normal(size=20), random.normal(size=300))
        claims["permutation"] += permutation_p(*args) < 0.05
        claims["both"] += permuted_contrast(*args).p < 0.05
    assert claims["permutation"] > 18 > 9 > claims["both"]


def test_order_scale_and_sides_do_not_matter_and_the_answer_repeats():
    random = np.random.default_rng(9)
    a, b = random.normal(size=30) + 1.2, random.normal(size=200)
    args = sides(a, b)
    p = permutation_p(*args)
    assert p == permutation_p(*args)
    assert permutation_p(args[2], args[3], args[0], args[1]) == p
    assert permutation_p(*sides(-a, -b)) == pytest.approx(p, rel=0.3)
    assert permutation_p(*sides(1e6 * a + 5, 1e6 * b + 5)) == pytest.approx(p, rel=1e-6)


def test_what_cannot_be_told_is_one():
    none = np.zeros(3)
    assert permutation_p(none, none, none, np.ones(3)) == 1.0
    assert permutation_p(*sides([2.0, 2.0], [2.0, 2.0])) == 1.0
    assert permuted_contrast(*sides([1.0], [2.0, 3.0])).p is None
    assert permuted_contrast(*sides([], [2.0, 3.0])) is None


def test_a_group_that_is_as_far_off_as_can_be():
    """20 of 420 hold all that is not 0: one split of all the splits."""
    p = permutation_p(*sides(np.ones(20), np.zeros(400)))
    assert p < 1e-9
    assert p > 1 / math.comb(420, 20)


def test_unequal_conversations_stay_whole():
    """A conversation of 200 rows is one unit: that it holds most rows of its side is no evidence."""
    random = np.random.default_rng(2)
    claims = 0
    for _ in range(100):
        sizes = np.minimum(1 + random.pareto(1.2, 220), 200).round()
        levels = random.normal(size=220)
        inside = np.r_[np.ones(20), np.zeros(200)]
        sums = sizes * levels
        claims += permuted_contrast(sums * inside, sizes * inside, sums * (1 - inside), sizes * (1 - inside)).p < 0.05
    assert claims <= 12
