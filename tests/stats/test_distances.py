"""Distances, divergences, the CDF band and the bootstrap of clusters: published values, scipy as oracle, laws, coverage."""

import hypothesis.extra.numpy as hnp
import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given
from scipy import stats
from scipy.spatial.distance import jensenshannon

from judgecli.stats.cdf_band import band_width, least_gap
from judgecli.stats.distance_bootstrap import distance_limits
from judgecli.stats.distances import BINS, distances
from judgecli.stats.divergences import jensen_shannon, stability_index

histograms = hnp.arrays(float, 12, elements=st.integers(0, 30).map(float)).filter(lambda counts: counts.sum() > 0)


def on_grid(values: np.ndarray, low: float, high: float) -> np.ndarray:
    return np.bincount(np.rint((values - low) / (high - low) * (BINS - 1)).astype(int), minlength=BINS).astype(float)


def test_published_values():
    found = distances(on_grid(np.array([0.0, 1, 2, 3]), 0, 5), on_grid(np.array([1.5, 2.5, 3.5, 4.5]), 0, 5), step=5 / (BINS - 1))
    assert found.ks == 0.5
    assert stats.ks_2samp([0, 1, 2, 3], [1.5, 2.5, 3.5, 4.5], method="exact").pvalue == pytest.approx(0.771429, abs=1e-6)
    assert distances(on_grid(np.array([0.0, 1, 3]), 0, 10), on_grid(np.array([5.0, 6, 8]), 0, 10), step=10 / (BINS - 1)).w1 == pytest.approx(5.0)
    old, new = np.array([0.1, 0.2, 0.3, 0.4]), np.array([0.2, 0.2, 0.3, 0.3])
    assert stability_index(old, new) == pytest.approx(0.0980829, abs=1e-7)
    assert jensen_shannon(old, new) == pytest.approx(0.132007, abs=1e-6)


def test_the_grid_costs_little():
    chance = np.random.default_rng(3)
    old, new = chance.beta(4, 2, 20_000), chance.beta(4, 2.3, 20_000)
    found = distances(on_grid(old, 0, 1), on_grid(new, 0, 1), step=1 / (BINS - 1))
    assert found.ks == pytest.approx(stats.ks_2samp(old, new).statistic, abs=2e-3)
    assert found.w1 == pytest.approx(stats.wasserstein_distance(old, new), abs=2e-5)


@given(histograms, histograms)
def test_as_scipy_says(old, new):
    places = np.arange(12)
    found = distances(old, new, step=0.5)
    assert found.w1 == pytest.approx(0.5 * stats.wasserstein_distance(places, places, old, new), abs=1e-12)
    assert found.ks == pytest.approx(np.abs(np.cumsum(old / old.sum()) - np.cumsum(new / new.sum())).max(), abs=1e-12)
    assert jensen_shannon(old, new) == pytest.approx(jensenshannon(old, new, base=2), abs=1e-7)


@given(histograms, histograms, histograms)
def test_laws(one, other, third):
    def d(a, b):
        return np.array([getattr(distances(a, b), name) for name in ("w1", "ks", "tv")])

    assert d(one, one) == pytest.approx(0, abs=1e-12)
    assert d(one, other) == pytest.approx(d(other, one), abs=1e-12)
    assert np.all(d(one, third) <= d(one, other) + d(other, third) + 1e-9)
    assert d(3 * one, other) == pytest.approx(d(one, other), abs=1e-12)  # shares, never counts
    assert d(one, other)[1] <= d(one, other)[2] + 1e-12 <= 1 + 1e-9
    assert stability_index(one, other) == pytest.approx(stability_index(other, one))


def test_an_empty_side_has_no_distance():
    assert distances(np.zeros(3), np.ones(3)) is None
    assert (stability_index(np.zeros(3), np.ones(3)), jensen_shannon(np.ones(3), np.zeros(3))) == (None, None)
    assert distance_limits(np.zeros((4, 3)), np.ones((4, 3))) is None


def test_the_band_by_hand():
    assert band_width(100) == pytest.approx(np.sqrt(np.log(40) / 200))
    assert band_width(0) is None
    assert least_gap(0.0, 10, 10) == 0.0
    assert least_gap(1.0, 10**6, 10**6) > 0.99


@pytest.mark.long
def test_the_band_holds():
    chance = np.random.default_rng(11)
    missed = sum(stats.kstest(chance.random(40), "uniform").statistic > band_width(40) for _ in range(2_000))
    assert missed <= 0.05 * 2_000 + 3 * np.sqrt(2_000 * 0.05 * 0.95)


def _draw(chance: np.random.Generator, clusters: int, shift: float) -> np.ndarray:
    """Clusters of five turns at intra-class correlation 0.5, on 21 bins."""
    values = np.sqrt(0.5) * chance.standard_normal((clusters, 1)) + np.sqrt(0.5) * chance.standard_normal((clusters, 5)) + shift
    bins = np.clip(np.rint((values + 4) / 8 * 20), 0, 20).astype(int)
    found = np.zeros((clusters, 21))
    np.add.at(found, (np.repeat(np.arange(clusters), 5), bins.ravel()), 1)
    return found


def _apart(size: int, old: np.ndarray, new: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both sides at places of their own: no cluster is on both."""
    empty = np.zeros((size, 21))
    return np.vstack([old, empty]), np.vstack([empty, new])


@pytest.mark.long
@pytest.mark.parametrize("shift", [0.0, 0.4])
def test_limits_of_w1_cover(shift):
    """W1 of a shifted normal is the shift: covered in about 95 % of draws; without a shift the lower limit is 0 in at least 95 %."""
    chance = np.random.default_rng(5)
    covered, estimates = 0, []
    for draw in range(400):
        old, new = _apart(150, _draw(chance, 150, 0.0), _draw(chance, 150, shift))
        estimate, low, high = distance_limits(old, new, step=0.4, seed=draw)
        covered += low[0] <= shift <= high[0] + 1e-9
        estimates.append(estimate[0])
    assert covered >= 0.92 * 400
    assert np.mean(estimates) == pytest.approx(shift, abs=0.04)  # uncorrected it is 0.09 without any shift
