"""Kappa and its kin, correlations, ICC, AUROC: the vectors of the specification, other libraries, properties, edges."""

import krippendorff
import numpy as np
import pytest
from scipy import stats
from sklearn import metrics
from statsmodels.stats import inter_rater

from judgecli.stats.auc import auc
from judgecli.stats.bland_altman import limits_of_agreement
from judgecli.stats.cohen_kappa import cohen_kappa, confusion_table
from judgecli.stats.correlation import correlation
from judgecli.stats.gwet_ac1 import gwet_ac1
from judgecli.stats.intraclass import intraclass
from judgecli.stats.krippendorff_alpha import krippendorff_alpha
from judgecli.stats.pabak import pabak
from judgecli.stats.slope import clustered_slope

NAN = np.nan
# Krippendorff's tutorial, data "C": four observers, twelve units.
C = np.array(
    [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, NAN, NAN, NAN],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, NAN, 3],
        [NAN, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, NAN],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, NAN],
    ]
)
# Fleiss' kappa, the ten by five table of fourteen raters.
TEN_BY_FIVE = np.array(
    [
        [0, 0, 0, 0, 14],
        [0, 2, 6, 4, 2],
        [0, 0, 3, 5, 6],
        [0, 3, 9, 2, 0],
        [2, 2, 8, 1, 1],
        [7, 7, 0, 0, 0],
        [3, 2, 6, 3, 0],
        [2, 5, 3, 2, 2],
        [6, 5, 2, 1, 0],
        [0, 2, 2, 3, 7],
    ],
    dtype=float,
)


@pytest.mark.parametrize(("measure", "expected"), [("nominal", 0.743421), ("ordinal", 0.815388), ("interval", 0.849107), ("ratio", 0.797403)])
def test_alpha_of_krippendorffs_data(measure, expected):
    assert krippendorff_alpha(C, measure) == pytest.approx(expected, abs=5e-7)


@pytest.mark.parametrize("measure", ["nominal", "ordinal", "interval", "ratio"])
def test_alpha_is_that_of_the_krippendorff_package(measure):
    draw = np.random.default_rng(3)
    for raters, units in ((2, 30), (4, 50), (3, 8)):
        ratings = draw.integers(1, 6, (raters, units)).astype(float)
        ratings[draw.random(ratings.shape) < 0.3] = np.nan
        expected = krippendorff.alpha(reliability_data=ratings, level_of_measurement=measure)
        assert krippendorff_alpha(ratings, measure) == pytest.approx(expected, abs=1e-10)


def test_alpha_says_nothing_where_nothing_could_disagree():
    assert krippendorff_alpha(np.array([[1.0, 1], [1, 1]])) is None
    assert krippendorff_alpha(np.array([[1.0, np.nan], [np.nan, 2]])) is None
    with pytest.raises(ValueError, match="no negative values"):
        krippendorff_alpha(np.array([[-1.0, 2], [1, 2]]), "ratio")


def test_cohens_kappa_by_hand():
    found = cohen_kappa(np.array([[20.0, 5], [10, 15]]))
    assert [found.mean, found.se, found.low, found.high] == pytest.approx([0.4, 0.126996, 0.151092, 0.648908], abs=1e-6)
    assert cohen_kappa(np.array([[30.0, 10], [2, 78]])).mean == pytest.approx(0.763158, abs=1e-6)


@pytest.mark.parametrize(("weights", "expected"), [("none", 0.428571), ("linear", 0.492308), ("quadratic", 0.566667)])
def test_weighted_kappa(weights, expected):
    table = np.array([[53.0, 5, 2], [11, 14, 5], [1, 6, 3]])
    found = cohen_kappa(table, weights=weights)
    assert found.mean == pytest.approx(expected, abs=1e-6)
    oracle = inter_rater.cohens_kappa(table, wt={"none": None, "linear": "linear", "quadratic": "quadratic"}[weights])
    assert [found.mean, found.se] == pytest.approx([oracle.kappa, oracle.std_kappa], abs=1e-12)


def test_a_level_that_nobody_used_still_counts_as_a_step():
    table = np.array([[10.0, 2], [3, 5]])  # levels 1 and 4
    assert cohen_kappa(table, weights="linear", levels=[1, 4]).mean == pytest.approx(cohen_kappa(table).mean)
    wide = cohen_kappa(np.array([[10.0, 2, 0], [3, 5, 0], [0, 0, 4]]), weights="linear", levels=[1, 2, 5]).mean
    first, second = [1] * 12 + [2] * 8 + [5] * 4, [1] * 10 + [2] * 2 + [1] * 3 + [2] * 5 + [5] * 4
    assert wide == pytest.approx(metrics.cohen_kappa_score(first, second, weights="linear", labels=[1, 2, 3, 4, 5]), abs=1e-12)


def test_one_and_the_same_answer_is_no_agreement_beyond_chance():
    assert cohen_kappa(np.array([[9.0, 0], [0, 0]])).mean is None
    assert cohen_kappa(np.zeros((2, 2))).mean is None


def test_ac1_and_pabak_bear_skewed_rates():
    skewed = np.array([[118.0, 5], [2, 0]])
    assert cohen_kappa(skewed).mean < 0
    assert gwet_ac1(skewed) == pytest.approx(0.940776, abs=1e-6)  # po = .944; m = (.972, .028), so pe = 2 x .972 x .028
    assert pabak(skewed) == pytest.approx(2 * 118 / 125 - 1)
    assert gwet_ac1(np.zeros((2, 2))) is None
    assert pabak(np.array([[4.0]])) is None


def test_correlations_with_ties():
    assert correlation(np.array([1.0, 2, 3, 4, 5]), np.array([5.0, 6, 7, 8, 7]), "spearman") == pytest.approx(0.820783, abs=1e-6)
    assert correlation(np.array([12.0, 2, 1, 12, 2]), np.array([1.0, 4, 7, 1, 0]), "kendall") == pytest.approx(-0.471405, abs=1e-6)
    draw = np.random.default_rng(0)
    x, y = draw.integers(0, 5, 200).astype(float), draw.normal(size=200)
    assert correlation(x, y, "pearson") == pytest.approx(stats.pearsonr(x, y).statistic, abs=1e-12)
    assert correlation(x, y, "spearman") == pytest.approx(stats.spearmanr(x, y).statistic, abs=1e-12)
    assert correlation(np.ones(5), np.arange(5.0), "pearson") is None
    assert correlation(np.array([1.0, 2]), np.array([1.0, 2]), "kendall") is None


def test_icc_of_shrout_and_fleiss():
    """Their table 2: six targets, four judges; ICC(2,1) = .29 with the interval .02 to .76."""
    ratings = np.array([[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]], dtype=float)
    found = intraclass(ratings)
    assert found.mean == pytest.approx(0.2897638, abs=1e-6)
    assert [found.low, found.high] == pytest.approx([0.01878, 0.7611], abs=5e-4)
    assert intraclass(np.ones((4, 2))).mean is None


def test_limits_of_agreement_by_hand():
    found = limits_of_agreement(np.array([1.0, 2, 3]))
    assert [found.bias, found.low, found.high] == pytest.approx([2, 2 - 1.959964, 2 + 1.959964], abs=1e-6)
    assert limits_of_agreement(np.array([])) is None
    assert limits_of_agreement(np.array([1.0])).low is None


def test_auc_is_that_of_scikit_learn_with_ties():
    draw = np.random.default_rng(7)
    scores, positive = draw.integers(0, 6, 300).astype(float), draw.random(300) < 0.3
    assert auc(scores, positive, np.arange(300)).auc == pytest.approx(metrics.roc_auc_score(positive, scores), abs=1e-12)


def test_a_slope_with_clusters_is_that_of_statsmodels():
    import statsmodels.api as sm

    draw = np.random.default_rng(2)
    clusters = np.repeat(np.arange(40), 5)
    x = draw.normal(size=200)
    y = 0.3 * x + np.repeat(draw.normal(size=40), 5) + draw.normal(size=200)
    found = clustered_slope(x, y, clusters)
    oracle = sm.OLS(y, sm.add_constant(x)).fit(cov_type="cluster", cov_kwds={"groups": clusters}, use_t=True)
    assert [found.mean, found.se] == pytest.approx([oracle.params[1], oracle.bse[1]], abs=1e-10)
    assert [found.low, found.high] == pytest.approx(list(oracle.conf_int()[1]), abs=1e-10)
    assert clustered_slope(np.ones(5), y[:5], clusters[:5]).mean is None


def test_a_confusion_table_counts_pairs():
    assert confusion_table(np.array([0, 1, 1]), np.array([0, 0, 1]), 2).tolist() == [[1, 0], [1, 1]]
