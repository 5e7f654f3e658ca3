"""Calibration against values by hand, scikit-learn, and data whose truth is known."""

import numpy as np
import pytest
from scipy import special
from sklearn.calibration import _SigmoidCalibration  # the only Platt scaling that is installed
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import brier_score_loss
from sklearn.metrics import log_loss as sklearn_log_loss

from judgecli.stats import calibration as cal


def drawn(seed, n, slope=1.0):
    chance = np.random.default_rng(seed)
    scores = chance.normal(size=n)
    return scores, (chance.random(n) < special.expit(slope * scores)).astype(float), chance.integers(1, 4, n).astype(float)


@pytest.mark.parametrize("seed", range(20))
def test_isotonic_is_scikit_learns(seed):
    scores, labels, weights = drawn(seed, 3 + 20 * seed)
    scores = np.round(scores, seed % 3)  # ties
    oracle = IsotonicRegression(out_of_bounds="clip").fit(scores, labels, sample_weight=weights)
    grid = np.linspace(-4, 4, 301)
    x, y = cal.isotonic(scores, labels, weights)
    assert np.interp(grid, x, y) == pytest.approx(oracle.predict(grid), abs=1e-12)


def test_the_end_steps_of_an_isotonic_map_are_smoothed():
    # at 0 the labels 0, and 0 and 1 with half a weight: (0.5) / 2; at 1 the same mirrored
    found = cal.calibrate(np.array([0.0, 1.0]), np.array([0.0, 1.0]), method="isotonic")
    assert found.predict(np.array([-9.0, 0.0, 1.0, 9.0])) == pytest.approx([0.25, 0.25, 0.75, 0.75])


@pytest.mark.parametrize("seed", range(3))
def test_the_method_is_the_one_that_predicts_best_among_those_that_n_allows(seed):
    scores, labels, _ = drawn(seed, 4_000)
    folds = np.arange(4_000) % 5
    bent = np.where(scores > 0, 0.9, 0.4)  # no slope and intercept make a step
    stepped = (np.random.default_rng(seed).random(4_000) < bent).astype(float)
    assert cal.choose_method(scores, stepped, folds, n=4_000) == "isotonic"
    assert cal.choose_method(scores, labels, folds, n=4_000) in ("temperature", "platt")  # the truth is a slope
    assert cal.choose_method(scores, stepped, folds, n=499) == "platt"  # the step has a mean beside 1/2
    assert cal.choose_method(scores, stepped, folds, n=49) == "temperature"


def test_isotonic_leaves_out_rows_without_weight():
    x, y = cal.isotonic(np.array([0.0, 1.0, 2.0]), np.array([0.0, 1.0, 1.0]), np.array([1.0, 0.0, 1.0]))
    assert (x.tolist(), y.tolist()) == ([0.0, 2.0], [0.0, 1.0])


@pytest.mark.parametrize("seed", range(10))
def test_platt_is_scikit_learns(seed):
    scores, labels, _ = drawn(seed, 60 + 30 * seed, slope=0.5 + seed)
    oracle = _SigmoidCalibration().fit(scores, labels)
    slope, intercept = cal.platt(scores, labels, np.ones(len(scores)))
    assert (slope, intercept) == pytest.approx((-oracle.a_, -oracle.b_), abs=1e-4)


def test_platt_of_separable_labels_is_finite():
    slope, intercept = cal.platt(np.array([-2.0, -1.0, 1.0, 2.0]), np.array([0.0, 0.0, 1.0, 1.0]), np.ones(4))
    assert 0 < slope < 10
    assert intercept == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("truth", [0.2, 1.0, 5.0])
def test_temperature_finds_the_slope(truth):
    scores, labels, _ = drawn(1, 40_000, slope=truth)
    assert cal.temperature(scores, labels, np.ones(len(scores))) == pytest.approx(truth, rel=0.05)


@pytest.mark.parametrize("method", ["isotonic", "platt", "temperature"])
def test_pairs_in_both_orders_give_a_symmetric_map(method):
    scores, labels, _ = drawn(2, 400)
    margins = np.where(labels == 1, scores, -scores)
    both = np.r_[margins, -margins], np.r_[np.ones(400), np.zeros(400)], np.full(800, 0.5)
    found = cal.calibrate(*both, method=method)
    grid = np.linspace(-3, 3, 61)
    assert found.predict(grid) == pytest.approx(1 - found.predict(-grid), abs=1e-6)


def test_ece_by_hand():
    p, y = np.array([0.1, 0.3, 0.6, 0.9]), np.array([0.0, 1.0, 1.0, 1.0])
    # halves: |0.2 - 0.5| and |0.75 - 1|
    assert cal.ece(p, y, bins=2) == pytest.approx(0.275)
    assert cal.ece(p, y, bins=1) == pytest.approx(abs(0.475 - 0.75))
    assert cal.ece(np.full(10, 0.5), np.r_[np.ones(5), np.zeros(5)], bins=10) == pytest.approx(0.0)  # one value: no order of rows may matter


def test_ece_of_pairs_in_both_orders_does_not_split_a_step_by_rounding():
    # ten pairs at 0.1, ninety at 0.9, and each the other way round: 1 - 0.9 is not 0.1 to the last bit
    right = np.r_[np.full(10, 0.1), np.full(90, 0.9)]
    both, labels = np.r_[right, 1 - right], np.r_[np.ones(100), np.zeros(100)]
    assert 1 - 0.9 != 0.1
    assert cal.ece(both, labels) == pytest.approx(0, abs=1e-9)


def test_ece_of_the_truth_is_near_nothing_and_of_overconfidence_is_not():
    scores, labels, _ = drawn(3, 50_000)
    assert cal.ece(special.expit(scores), labels) < 0.01
    assert cal.ece(special.expit(5 * scores), labels) > 0.15


def test_losses_are_scikit_learns():
    scores, labels, weights = drawn(4, 500)
    p = special.expit(scores)
    assert cal.brier(p, labels, weights) == pytest.approx(brier_score_loss(labels, p, sample_weight=weights))
    assert cal.log_loss(p, labels, weights) == pytest.approx(sklearn_log_loss(labels, p, sample_weight=weights))


def test_cross_fitting_never_sees_its_own_rows():
    scores, labels, _ = drawn(5, 600)
    folds = np.arange(600) % 5
    first = cal.cross_fit(scores, labels, folds, method="isotonic")
    changed = labels.copy()
    changed[folds == 2] = 1 - changed[folds == 2]
    second = cal.cross_fit(scores, changed, folds, method="isotonic")
    assert (first[folds == 2] == second[folds == 2]).all()
    assert (first[folds != 2] != second[folds != 2]).any()


def test_calibration_mends_what_is_overconfident():
    scores, labels, _ = drawn(6, 3000)
    folds = np.arange(3000) % 5
    before = cal.ece(special.expit(4 * scores), labels)
    for method in ("isotonic", "platt", "temperature"):
        assert cal.ece(cal.cross_fit(4 * scores, labels, folds, method=method), labels) < 0.04 < before


def test_the_interval_of_ece_holds_it():
    scores, labels, _ = drawn(7, 2000)
    p = special.expit(3 * scores)
    low, high = cal.ece_interval(p, labels, np.arange(2000) // 4, seed=0, draws=200)
    assert low < cal.ece(p, labels) < high
    assert cal.ece_interval(p, labels, np.arange(2000) // 4, seed=0, draws=200) == (low, high)


@pytest.mark.parametrize("fault", [{"scores": np.ones(0), "labels": np.ones(0)}, {"scores": np.ones(2), "labels": np.ones(3)}])
def test_nothing_cannot_be_calibrated(fault):
    with pytest.raises(ValueError, match="cannot be calibrated"):
        cal.calibrate(**fault, method="platt")


def test_platt_never_turns_the_order_round():
    """Scores against the labels: the best map that does not fall is flat, at the smoothed share of ones."""
    labels = np.array([1.0, 1, 1, 1, 0, 0, 0, 0, 0, 0])
    found = cal.calibrate(np.arange(10.0), labels, method="platt")
    assert found.parameters["slope"] == 0.0
    smoothed = (4 * 5 / 6 + 6 / 8) / 10
    assert found.predict(np.array([-3.0, 0.0, 9.0])) == pytest.approx([smoothed] * 3)
