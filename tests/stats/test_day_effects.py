"""What days have in common: ratios and limits by hand, weekdays that differ and those that do not, what a change of level may teach."""

import numpy as np
import pytest

from judgecli.stats.day_effects import APART, LAG, LEAST_DAYS, MOST, SERIAL, DayEffects, learn_reference, weekday_means

MONDAY = 4  # 1970-01-05


def test_the_spread_of_days_by_hand():
    """Two days of four items with means 0.4 and 0.6 about 0.5, sd 0.2: (4 x 0.01 + 4 x 0.01) / 0.04 = 2, with one degree of freedom."""
    found = learn_reference(np.array([0.4, 0.6]), np.array([4.0, 4.0]), np.array([0.5, 0.5]), 0.2, 0.0, [])
    assert (found.items, found.df, found.within) == (4.0, 1.0, 1.0)
    assert found.ratio == pytest.approx(2.0)
    assert found.z == pytest.approx(1 / 2**0.5)


def test_the_design_effect_by_hand():
    """22 degrees, ratio 3: chi2 of 10 % is 14.04, so the upper limit is 4.70, less 1, times 3; z = 2 / sqrt(2 / 22) leaves no doubt."""
    known = DayEffects(1.0, 40.0, 0.0, 66.0, 22.0)
    assert known.effect(40) == pytest.approx(1 + SERIAL * max(3.0 - 1, min(66 / 14.0415 - 1, 39 * 0.05)), rel=1e-4)
    assert known.effect(1) == 1.0
    assert known.effect(79) == pytest.approx(2 * known.effect(40) - 1)


def test_days_that_do_not_differ_cost_nothing():
    assert DayEffects(1.0, 40.0, 0.0, 22.0, 22.0).effect(40) == 1.0
    assert DayEffects(1.0, 40.0, 0.0, 22.0, 22.0).effect(40, hint=1.5) > 1.0


def test_neighbours_by_hand():
    """Ten runs 0 1 1 1 1 ... as blocks of eight equal items: the correlation of neighbours is near 7/8; of single coin flips it is none."""
    chance = np.random.default_rng(2)
    blocks = [np.repeat(chance.random(8) < 0.5, 8).astype(float) for _ in range(30)]
    flips = [(chance.random(64) < 0.5).astype(float) for _ in range(30)]
    means, counts = np.full(30, 0.5), np.full(30, 64.0)
    assert learn_reference(means, counts, means, 0.5, -2.0, blocks).within == pytest.approx((1 + 0.875) / (1 - 0.875), rel=0.4)
    assert learn_reference(means, counts, means, 0.5, -2.0, flips).within == 1.0


def test_too_few_days_are_taken_to_differ():
    few = DayEffects(1.0, 40.0, 0.0, 5.0, 5.0)  # six days
    assert not few.is_known
    assert not DayEffects(1.0, 40.0, 0.0, 9.0, float(LEAST_DAYS - 2)).is_known
    assert few.effect(40) == pytest.approx(1 + SERIAL * 39 * 0.05)
    assert DayEffects(1.0, 40.0).effect(40) == 40.0  # one day alone: a day is one item


def test_a_change_of_level_teaches_little():
    """Each of three differences counts at most MOST times what is expected; without one the days teach what they are."""
    chance, sd, n = np.random.default_rng(3), 0.2, 40
    for jump in (0.0, 5.0):
        held = DayEffects(1.0, float(n), 0.0, 22.0, 22.0)
        for day in range(60):
            held.learn(0.5 + float(chance.normal(0, sd / n**0.5)) + jump * (day >= 30), n, sd)
        assert held.df == pytest.approx(22 + (60 - LAG - APART) * 2 / 3)
        assert held.squares / held.df < 1.5 + (3 * MOST / held.df if jump else 0)
        assert len(held.recent) == LAG + APART


def test_days_are_learnt_a_week_late():
    held = DayEffects(1.0, 40.0, 0.0, 22.0, 22.0)
    for day in range(LAG + APART):
        held.learn(float(day), 40, 0.2)
    assert held.df == 22.0


def test_weekends_are_found_where_they_are():
    days, counts = MONDAY + np.arange(23), np.full(23, 40.0)
    noise = np.random.default_rng(4).normal(0, 0.02, 23)
    weekend = np.isin(days % 7, (2, 3))  # 1970-01-03 was a Saturday
    offsets, groups = weekday_means(days, 0.7 + noise - 0.1 * weekend, counts)
    assert groups == 2
    assert offsets[:5] == pytest.approx(np.full(5, offsets[0]))
    assert offsets[5] - offsets[0] == pytest.approx(-0.1, abs=0.03)
    sundays, groups = weekday_means(days, 0.7 + noise - 0.2 * (days % 7 == 3), counts)
    assert groups == 7
    assert sundays[6] - sundays[:6].mean() == pytest.approx(-0.2, abs=0.05)


def test_weekdays_that_do_not_differ_are_left_alone():
    found = 0
    for seed in range(400):
        means = np.random.default_rng(seed).normal(0.7, 0.03, 23)
        found += weekday_means(MONDAY + np.arange(23), means, np.full(23, 40.0))[1] > 1
    assert found <= 400 * 0.02 + 3 * (400 * 0.02) ** 0.5  # two tests at 1 %
    assert weekday_means(MONDAY + np.arange(5), np.arange(5.0), np.ones(5))[1] == 1
