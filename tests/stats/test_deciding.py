"""The one place that decides: values by hand, properties, and the same answer for one segment and many."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from textbook import rate_interval

from judgecli.stats.column import ColumnFacts, two_values_between, two_values_of
from judgecli.stats.contrast import clustered_contrast
from judgecli.stats.deciding import estimate_change, estimate_difference, estimate_mean, estimate_means, smallest_seen
from judgecli.stats.intervals import mean_interval

OPEN, UNIT, RATE = ColumnFacts("number"), ColumnFacts("number", (0.0, 1.0)), ColumnFacts("rate", (0.0, 1.0))


def limits(values, column, **given):
    found = estimate_mean(np.asarray(values, dtype=float), np.ones(len(values)), column, **given)
    return found.low, found.high


def test_a_rate_is_wilson_but_for_few_of_the_rarer_answer():
    ones = [1.0] * 17 + [0.0] * 3
    assert limits(ones, RATE) == (pytest.approx(0.639581, abs=5e-7), pytest.approx(0.947631, abs=5e-7))
    plain = rate_interval(np.array([1.0] + [0.0] * 99), np.ones(100))
    low, high = limits([1.0] + [0.0] * 99, RATE)
    assert (low, high) == (pytest.approx(-np.log(0.96) / 100), plain.high)  # P(at least one) = 4 % there; Wilson's own misses 16 %
    assert limits([0.0] + [1.0] * 99, RATE) == (pytest.approx(1 - high), pytest.approx(1 - low))


def test_zeros_and_ones_are_a_rate_unless_the_scale_says_otherwise():
    ones = np.array([1.0] * 40 + [0.0] * 10)
    for scale in ((None, None), (0.0, 1.0), (0.0, None)):
        assert ColumnFacts("number", scale, two_values_of(ones)).is_rate
    assert not ColumnFacts("ordinal", (0.0, 10.0), two_values_of(ones)).is_rate
    alone = two_values_of(np.ones(20))
    assert [ColumnFacts("number", scale, alone).is_rate for scale in ((None, None), (0.0, 1.0), (0.0, None))] == [True, True, False]  # one word each is no rate
    assert ColumnFacts("number", (0.0, None), alone).between is None
    assert not ColumnFacts("number", (0.0, 1.0), two_values_of(np.r_[ones, 0.5])).is_rate


def test_what_two_values_are():
    assert (two_values_of(np.zeros(3)), two_values_of(np.ones(3)), two_values_between(0.0, 1.0, only_two=True)) == ((0.0, 0.0), (1.0, 1.0), (0.0, 1.0))
    assert two_values_of(np.array([0.8, 0.8])) is None
    assert two_values_of(np.array([])) is None
    assert two_values_between(1.0, 5.0, only_two=False) is None


def test_two_values_are_a_rate_between_them_and_bounded_by_the_scale():
    values = np.array([0.9] * 180 + [0.2] * 20)
    low, high = limits(values, ColumnFacts("number", (0.0, 1.0), (0.2, 0.9)))
    share = rate_interval((values == 0.9).astype(float), np.ones(200))
    assert (low, high) == (pytest.approx(0.2 + 0.7 * share.low), pytest.approx(0.2 + 0.7 * share.high))


def test_a_constant_has_no_width_of_zero():
    """z^2/(n + z^2) of the values may lie at either end: for 22, 0.1487."""
    unseen = 1.959964**2 / (22 + 1.959964**2)
    assert limits([0.8] * 22, UNIT) == (pytest.approx(0.8 - unseen * 0.8), pytest.approx(0.8 + unseen * 0.2))
    assert limits([0.0] * 22, UNIT) == (0.0, pytest.approx(unseen))
    assert limits([0.0] * 22, OPEN) == (None, None)
    pairs = estimate_mean(np.full(30, 1.0), np.full(30, 2.0), UNIT)  # every cluster a 0 and a 1: no spread between them either
    assert pairs.low < 0.5 < pairs.high
    assert estimate_mean(np.full(22, 3.0), np.ones(22), OPEN).why.startswith("all values are the same")


def test_no_limit_is_nearer_than_what_was_not_seen():
    """1 - 0.04^(1/20) = 0.1487 of the values of 20 clusters."""
    values = 0.9 + 0.001 * np.tile([-1.0, 1.0], 10)
    low, high = limits(values, UNIT)
    assert low == pytest.approx(0.9 - (1 - 0.04 ** (1 / 20)) * 0.9)
    assert high == pytest.approx(0.9 + (1 - 0.04 ** (1 / 20)) * 0.1)
    t = stats.t.ppf(0.975, 19) * values.std(ddof=1) / np.sqrt(20)
    assert limits(values, OPEN) == (pytest.approx(0.9 - t), pytest.approx(0.9 + t))


def test_the_long_tail_moves_one_limit_only():
    values = np.r_[np.zeros(95), 1.0, 2.0, 3.0, 5.0, 12.0]
    t, (low, high) = mean_interval(values, np.ones(100)), limits(values, OPEN)
    assert low == pytest.approx(t.low)
    assert high - t.mean > 2 * (t.high - t.mean)
    assert limits(-values, OPEN) == (pytest.approx(-high), pytest.approx(-low))


@given(st.lists(st.floats(-100, 100), min_size=3, max_size=40), st.floats(0.1, 10), st.floats(-50, 50))
def test_an_interval_has_no_unit(values, factor, shift):
    if np.ptp(values) < 1e-3:
        return
    low, high = limits(values, OPEN)
    assert limits(factor * np.array(values) + shift, OPEN) == (pytest.approx(factor * low + shift, abs=1e-5), pytest.approx(factor * high + shift, abs=1e-5))
    assert low <= np.mean(values) + 1e-9
    assert high >= np.mean(values) - 1e-9


def test_many_segments_are_each_as_alone():
    rng = np.random.default_rng(3)
    segments = np.sort(rng.integers(0, 9, 300))
    counts, sums = rng.integers(0, 5, 300), rng.gamma(1.0, size=300)
    sums[counts == 0] = 0.0
    totals = np.bincount(segments, sums, 10)
    for column in (OPEN, ColumnFacts("number", (0.0, 50.0)), RATE):
        values = np.minimum(sums, counts) if column.is_rate else sums
        made = estimate_means(values, counts, segments, np.bincount(segments, values, 10), column)
        for place in range(10):
            own = segments == place
            alone = estimate_mean(values[own], counts[own].astype(float), column)
            assert (made[place].low, made[place].high, made[place].why) == (pytest.approx(alone.low), pytest.approx(alone.high), alone.why)
    assert len(totals) == len(made)
    assert made[9].mean is None


def test_equal_clusters_have_the_ordinary_error_and_a_large_one_less_say():
    rng = np.random.default_rng(5)
    sums = 4 * rng.normal(size=60)
    even = estimate_mean(sums, np.full(60, 4.0), OPEN)
    plain = mean_interval(sums, np.full(60, 4.0))
    assert (even.se, even.high - even.low) == (pytest.approx(plain.se), pytest.approx(plain.high - plain.low, rel=0.05))
    counts = np.r_[200.0, np.full(59, 2.0)]
    uneven, t = (estimate_mean(counts * sums / 4, counts, OPEN), mean_interval(counts * sums / 4, counts))
    assert uneven.high - uneven.low > 1.5 * (t.high - t.low)
    assert not uneven.decides
    assert "hold most rows" in uneven.why


def test_too_large_for_floats_is_not_narrow():
    found = estimate_mean(np.array([1e300, -1e300, 1e299]), np.ones(3), OPEN)
    assert not np.isfinite([found.low, found.high]).any()


def change(new, old, column):
    values, side = np.r_[new, old], np.arange(len(new) + len(old)) < len(new)
    return estimate_change(values * side, side.astype(float), values * ~side, (~side).astype(float), column)


def test_a_change_is_welch_where_nothing_is_skewed():
    new, old = np.arange(-20.0, 21) + 3, 2 * np.arange(-15.0, 16)
    found, t = change(new, old, OPEN), stats.ttest_ind(new, old, equal_var=False).confidence_interval(0.95)
    assert (found.low, found.high, found.method) == (pytest.approx(t.low), pytest.approx(t.high), "Welch")
    mirrored = change(old, new, OPEN)
    assert (mirrored.low, mirrored.high) == (pytest.approx(-found.high), pytest.approx(-found.low))


def test_a_change_of_constants_is_what_neither_side_can_exclude():
    found = change(np.full(30, 0.6), np.full(40, 0.6), UNIT)
    assert found.low < -0.05 < 0.05 < found.high
    assert (change(np.full(30, 3.0), np.full(40, 3.0), OPEN).low, change(np.full(1, 3.0), np.arange(40.0), OPEN).low) == (None, None)


def test_clusters_on_both_sides_are_not_counted_twice():
    rng = np.random.default_rng(2)
    values = rng.normal(size=80)
    found = estimate_change(values + 0.1 * rng.normal(size=80), np.ones(80), values, np.ones(80), OPEN)
    apart = change(values, rng.normal(size=80), OPEN)
    assert found.high - found.low < 0.3 * (apart.high - apart.low)
    assert clustered_contrast(values, np.ones(80), values, np.ones(80)).se == 0


def test_paired_differences_by_hand():
    moved = np.r_[np.zeros(36), -np.ones(4)]
    assert estimate_difference(moved, np.ones(40), RATE, singles=True).method == "Bonett-Price"
    noise = 0.001 * np.tile([-1.0, 1.0], 50)
    found = estimate_difference(noise, np.ones(100), UNIT)  # a loss of all in 1 - 0.04^(1/100) of the prompts was perhaps not among them
    assert (found.low, found.high) == (pytest.approx(-(1 - 0.04 ** (1 / 100))), pytest.approx(1 - 0.04 ** (1 / 100)))
    wide = estimate_difference(noise, np.ones(100), UNIT, effect=4.0)
    assert wide.high - wide.low == pytest.approx(2 * (found.high - found.low))
    assert estimate_difference(np.zeros(50), np.ones(50), OPEN).low is None


def test_the_smallest_change_is_no_less_than_a_limit_is_away():
    assert smallest_seen(0.0, 0.8, 0.68, 0.83) == pytest.approx(0.12)
    assert smallest_seen(0.1, 0.0, -0.2, 0.2) == pytest.approx(0.28015850)
    assert smallest_seen(None, 0.8, None, None) is None
