"""Bands that hold at every moment: another implementation as oracle, and their coverage under constant looking."""

import numpy as np
import pytest
from scipy import optimize, special

from judgecli.stats.confidence_sequence import Bands, band, binary_band, step_bands

ville = pytest.importorskip("ville")


@pytest.mark.parametrize("shape", [(4, 2), (1, 9), (0.5, 0.5)])
def test_empirical_bernstein_equals_ville(shape):
    items = np.random.default_rng(1).beta(*shape, 400)
    other = ville.EmpiricalBernsteinCS(alpha=0.05, c=0.5, intersect=False).fit(items)
    state = Bands.fresh(1)
    for number, item in enumerate(items):
        step_bands(state, np.array([item]), 1)
        assert band(state, 0) == pytest.approx((other.lower_[number], other.upper_[number]), abs=1e-10)


@pytest.mark.parametrize("rate", [0.5, 0.97, 0.0, 1.0])
def test_beta_binomial_equals_ville(rate):
    items = (np.random.default_rng(2).random(300) < rate).astype(float)
    other = ville.BernoulliCS(alpha=0.05, intersect=False).fit(items)
    for number in (1, 2, 10, 100, 300):
        found = binary_band(items[:number].sum(), number)
        assert found == pytest.approx((other.lower_[number - 1], other.upper_[number - 1]), abs=1e-8)


def test_nothing_seen_says_nothing():
    assert band(Bands.fresh(1), 0) == (0.0, 1.0)
    assert binary_band(0, 0) == (0.0, 1.0)


def test_charts_do_not_know_of_each_other_and_can_restart():
    items = np.random.default_rng(4).random((200, 5))
    together = Bands.fresh(5)
    for x in items:
        step_bands(together, x, 5)
    alone = Bands.fresh(1)
    for x in items:
        step_bands(alone, x[[3]], 1)
    assert band(alone, 0) == band(together, 3)
    together.restart(3)
    assert band(together, 3) == (0.0, 1.0)
    assert band(together, 2) != (0.0, 1.0)


@pytest.mark.long
@pytest.mark.parametrize("binary", [False, True])
def test_the_mean_is_never_left_by_more_than_alpha(binary):
    """Looked at after every one of 1,000 items, in 400 repeats."""
    chance = np.random.default_rng(6)
    if binary:
        items = (chance.random((1_000, 400)) < 0.8).astype(float)
        ones = items.cumsum(axis=0)
        looks = range(9, 1_000, 10)
        missed = np.zeros(400, bool)
        for column in range(400):
            missed[column] = any(not low <= 0.8 <= high for low, high in (binary_band(ones[look, column], look + 1) for look in looks))
    else:
        items, state, missed = chance.beta(4, 2, (1_000, 400)), Bands.fresh(400), np.zeros(400, bool)
        for x in items:
            step_bands(state, x, 400)
            centre = state.weighted / state.weight
            width = (np.log(40) + state.penalty) / state.weight
            missed |= np.abs(centre - 4 / 6) > width
    assert missed.mean() <= 0.05


@pytest.mark.parametrize(("ones", "count"), [(0, 1), (1, 1), (3, 7), (50, 100), (1, 100_000), (99_999, 100_000), (400_000, 1_000_000), (20, 20)])
def test_the_ends_of_a_rates_band_are_roots(ones: int, count: int) -> None:
    """Against another way to find them (Brent's)."""

    def doubt(p: float) -> float:
        return -np.log(0.05) - special.betaln(1 + ones, 1 + count - ones) + special.xlogy(ones, p) + special.xlog1py(count - ones, -p)

    rate = ones / count
    low = optimize.brentq(doubt, 1e-300, rate, xtol=1e-14) if ones else 0.0
    high = optimize.brentq(doubt, rate, 1 - 1e-16, xtol=1e-14) if ones < count else 1.0
    assert binary_band(ones, count) == pytest.approx((low, high), abs=3e-13)
