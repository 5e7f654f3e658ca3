"""Scores of one instrument in units of another: by hand, against an oracle, and its coverage."""

import numpy as np
import pytest
from scipy import special

from judgecli.stats.intervals import Estimate, mean_interval
from judgecli.stats.linear_link import LinearLink, linear_link


def test_a_shift_of_a_fifth_on_all_items_is_taken_off_and_adds_no_error():
    x = np.array([0.1, 0.2, 0.4, 0.5, 0.8])
    link = linear_link(x, x + 0.2, np.zeros(5))
    assert (link.slope, link.back(0.7), link.error(0.9)) == (pytest.approx(1), pytest.approx(0.5), pytest.approx(0, abs=1e-9))
    found = link.mean(Estimate(0.7, 0.01, 0.68, 0.73))
    assert (found.mean, found.se, found.low, found.high) == tuple(pytest.approx(value) for value in (0.5, 0.01, 0.48, 0.53))


def test_the_error_of_a_link_by_hand():
    """x = 0, 0, 1, 1, shifts of 0 and 0.2 at each level: slope 1, residuals of 0.1, error at the centre sqrt(4 x 0.01 / (4 x 2))."""
    link = linear_link(np.array([0.0, 0.0, 1.0, 1.0]), np.array([0.0, 0.2, 1.0, 1.2]), np.zeros(4))
    assert (link.slope, link.centre_y, link.error(0.6)) == (pytest.approx(1.0), pytest.approx(0.6), pytest.approx(np.sqrt(0.04 / 8)))
    # off the centre: tilt = (dx dy - dx^2) / (sum of dx^2 / 4) = (+-0.5 x +-0.1) x 4 = +-0.2, so 4 x 0.04 / 8 x t^2 more; the mixed part is 0
    assert link.error(1.1) == pytest.approx(np.sqrt(0.04 / 8 + 0.16 / 8 * 0.25))
    t = special.stdtrit(2, 0.975)
    shift = link.shift(0.6)
    assert (shift.mean, shift.low, shift.high) == (pytest.approx(0.1), pytest.approx(0.1 - t * np.sqrt(0.005)), pytest.approx(0.1 + t * np.sqrt(0.005)))
    wide = link.mean(Estimate(0.6, 0.03, 0.54, 0.70))
    assert wide.se == pytest.approx(np.sqrt(0.03**2 + 0.005))
    assert (wide.low, wide.high) == (pytest.approx(0.5 - np.hypot(0.06, t * np.sqrt(0.005))), pytest.approx(0.5 + np.hypot(0.10, t * np.sqrt(0.005))))


def test_without_noise_the_line_is_that_of_least_squares():
    import statsmodels.api as sm

    draw = np.random.default_rng(3)
    x = draw.uniform(0, 1, 40)
    y = 0.2 + 0.7 * x + draw.normal(0, 0.05 + 0.1 * x)
    link = linear_link(x, y, np.zeros(40))
    found = sm.OLS(y, sm.add_constant(x)).fit(cov_type="HC1")
    assert (link.centre_y - link.slope * link.centre_x, link.slope) == tuple(pytest.approx(value) for value in found.params)
    # the delta method on its robust covariance: x = (y - a) / b, da = -1 / b, db = -(y - a) / b^2
    for y0 in (0.4, 0.9):
        slopes = np.array([-1 / found.params[1], -(y0 - found.params[0]) / found.params[1] ** 2])
        # HC1 knows the error of the fitted line, not that of where the items' true scores lie: the same here
        assert link.error(y0) == pytest.approx(float(np.sqrt(slopes @ found.cov_params() @ slopes)), rel=1e-6)


def test_noise_of_the_first_does_not_flatten_the_line():
    draw = np.random.default_rng(8)
    true = draw.uniform(0, 1, 40_000)
    x, y = true + draw.normal(0, 0.3, 40_000), true + 0.1 + draw.normal(0, 0.3, 40_000)
    assert linear_link(x, y, np.full(40_000, 0.09)).slope == pytest.approx(1.0, abs=0.03)
    assert linear_link(x, y, np.zeros(40_000)).slope < 0.55  # what plain least squares would say


@pytest.mark.parametrize(
    ("x", "y", "noise", "why"),
    [
        ([0.1, 0.9], [0.2, 1.0], 0.0, "2 items"),
        ([0.5, 0.5, 0.5, 0.5], [0.1, 0.2, 0.3, 0.4], 0.0, "differ by more than noise"),
        ([0.4, 0.5, 0.6, 0.5], [0.4, 0.5, 0.6, 0.5], 0.1, "differ by more than noise"),
        ([0.0, 0.3, 0.6, 1.0], [1.0, 0.7, 0.4, 0.0], 0.0, "too little of the other"),
    ],
)
def test_what_cannot_be_linked_says_why(x, y, noise, why):
    found = linear_link(np.array(x), np.array(y), np.full(len(x), noise))
    assert isinstance(found, str)
    assert why in found


def test_a_bent_relation_is_no_straight_line():
    x = np.tile(np.linspace(0, 1, 11), 8)
    y = np.minimum(1.0, x + 0.4) + np.random.default_rng(1).normal(0, 0.02, len(x))  # a ceiling
    assert "not along a straight line" in str(linear_link(x, y, np.full(len(x), 1e-6)))


@pytest.mark.parametrize("curve", [0.0, 1.2])
def test_noise_of_scores_that_crowd_at_the_top_is_no_bend(curve):
    """Five levels, most at the top, noise of 0.1 in the first: a straight line stays one with 400 items too, and one that bends does not."""
    draw = np.random.default_rng(5)
    bent = 0
    for _ in range(100):
        true = draw.choice([0, 0.25, 0.5, 0.75, 1], p=[0.05, 0.05, 0.1, 0.3, 0.5], size=400)
        founding = true + draw.normal(0, 0.17, (3, 400))
        now = 0.1 + 0.8 * true - curve * true * (1 - true) + draw.normal(0, 0.1, 400)
        bent += "not along a straight line" in str(linear_link(founding.mean(0), now, founding.var(0, ddof=1) / 3))
    assert bent >= 95 if curve else bent <= 3


def test_limits_that_lie_unevenly_stay_so_and_missing_ones_missing():
    link = linear_link(np.array([0.0, 0.0, 1.0, 1.0]), np.array([0.0, 0.2, 1.0, 1.2]), np.zeros(4))
    assert link.mean(Estimate(None, None, None, None)) == Estimate(None, None, None, None)
    alone = link.mean(Estimate(0.6, None, None, None))
    assert (alone.mean, alone.se, alone.low, alone.high) == (pytest.approx(0.5), None, None, None)


@pytest.mark.long
@pytest.mark.parametrize(("slope", "level", "noise"), [(1.0, 0.5, 0.1), (0.9, 0.8, 0.1), (0.7, 0.9, 0.1), (1.0, 0.85, 0.2)])
def test_linked_means_cover_the_truth(slope, level, noise):
    """60 anchors over the scale, judged twice at the founding and once by another judge; 300 live records around `level`, both with noise."""
    draw = np.random.default_rng(11)
    hits, linked = 0, 0
    for _ in range(1500):
        true = (np.arange(60) + 0.5) / 60
        founding = true + draw.normal(0, noise, (2, 60))
        now = 0.1 + slope * true + draw.normal(0, noise, 60)
        link = linear_link(founding.mean(0), now, founding.var(0, ddof=1) / 2)
        if not isinstance(link, LinearLink):
            continue
        live = 0.1 + slope * draw.uniform(level - 0.1, level + 0.1, 300) + draw.normal(0, noise, 300)
        found = link.mean(mean_interval(live, np.ones(300)))
        hits, linked = hits + (found.low <= level <= found.high), linked + 1
    assert linked > 1400
    assert 0.93 <= hits / linked <= 0.975


@pytest.mark.long
def test_a_linked_comparison_covers_no_difference_and_the_raw_one_is_sure_of_a_false_one():
    """The app did not change; the second judge is kinder by 0.1 at the bottom and 0.02 at the top."""
    from judgecli.signal.compare.paired import gather_side, measure_difference, pair_sides

    draw = np.random.default_rng(17)
    prompts = np.arange(120)
    hits = raw_hits = linked = 0
    for _ in range(600):
        true = (np.arange(60) + 0.5) / 60
        founding = true + draw.normal(0, 0.08, (2, 60))
        link = linear_link(founding.mean(0), 0.1 + 0.92 * true + draw.normal(0, 0.08, 60), founding.var(0, ddof=1) / 2)
        if not isinstance(link, LinearLink):
            continue
        quality = draw.uniform(0.4, 0.9, 120)
        first = quality + draw.normal(0, 0.08, 120)
        second = 0.1 + 0.92 * (quality + draw.normal(0, 0.05, 120)) + draw.normal(0, 0.08, 120)
        sides = [gather_side(prompts, prompts, values, np.zeros(120, bool)) for values in (first, second)]
        found = measure_difference(pair_sides(*sides), rate=False, scale=(0.0, 1.0), link=link)
        raw = measure_difference(pair_sides(*sides), rate=False, scale=(0.0, 1.0))
        linked += 1
        hits += found.low <= 0 <= found.high
        raw_hits += raw.low <= 0 <= raw.high
    assert linked > 570
    assert 0.925 <= hits / linked <= 0.98
    assert raw_hits / linked < 0.2
