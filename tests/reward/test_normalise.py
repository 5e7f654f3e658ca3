"""Normalisers: worked by hand, then for any numbers."""

import math
import statistics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from judgecli.errors import Incomplete
from judgecli.reward.normalise import FrozenQuantile, FrozenZ, Linear, find_fault, measure

NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
EVEN = tuple(float(value) for value in range(1001))


@pytest.mark.parametrize(
    ("normaliser", "score", "u"),
    [
        (Linear(0, 5), 1.0, 0.2),
        (Linear(0, 5), -3.0, 0.0),
        (Linear(0, 5), 7.0, 1.0),
        (Linear(-1e308, 1e308), 0.0, 0.5),
        (FrozenZ(10, 2), 10.0, 0.5),
        (FrozenZ(10, 2), 12.0, 1 / (1 + math.exp(-1))),
        (FrozenZ(0, 1e-300), 1e308, 1.0),
        (FrozenQuantile(EVEN), 0.0, 0.0),
        (FrozenQuantile(EVEN), 250.5, 0.2505),
        (FrozenQuantile(EVEN), 1000.0, 1.0),
        (FrozenQuantile(EVEN), -0.1, 0.0),
        (FrozenQuantile(EVEN), 1000.1, 1.0),
        (FrozenQuantile((0.0,) * 301 + (1.0,) * 700), 0.0, 0.15),  # 30 % of the sample are 0: the middle of their places
        (FrozenQuantile((0.0,) * 301 + (1.0,) * 700), 0.5, 0.3005),
        (FrozenQuantile((0.0,) * 301 + (1.0,) * 700), 1.0, 0.6505),
    ],
)
def test_normaliser_by_hand(normaliser, score, u):
    assert normaliser(np.array([score])).tolist() == pytest.approx([u], abs=1e-15)


@given(scores=st.lists(NUMBERS, min_size=2, max_size=50), sample=st.lists(NUMBERS, min_size=2, max_size=30), ends=st.tuples(NUMBERS, NUMBERS))
def test_normalisers_ascend_and_stay_in_the_unit_interval(scores, sample, ends):
    grid = np.sort(np.resize(np.array(sample), 1001))
    made = [FrozenQuantile(tuple(grid.tolist())), FrozenZ(ends[0], max(abs(ends[1]), 1e-300))]
    made += [Linear(min(ends), max(ends))] if ends[0] != ends[1] else []
    ordered = np.sort(np.array(scores))
    for normaliser in made:
        u = normaliser(ordered)
        assert np.isfinite(u).all()
        assert ((u >= 0) & (u <= 1)).all()
        assert (np.diff(u) >= 0).all()


def test_measure_by_hand():
    mean, sd, quantiles = measure("m", np.arange(1001.0)[::-1])
    assert (mean, quantiles) == (500.0, EVEN)
    assert sd == pytest.approx(statistics.stdev(range(1001)), rel=1e-14)


@given(sample=st.lists(st.floats(-1e100, 1e100), min_size=100, max_size=150, unique=True), order=st.randoms(use_true_random=False))
def test_measure_does_not_depend_on_order(sample, order):
    shuffled = list(sample)
    order.shuffle(shuffled)
    try:
        first = measure("m", np.array(sample))
    except Incomplete:
        return  # the spread underflows
    assert first == measure("m", np.array(shuffled))
    assert find_fault(*first) is None


@pytest.mark.parametrize(
    ("sample", "message"),
    [
        (np.arange(99.0), "99 scored values"),
        (np.empty(0), "0 scored values"),
        (np.full(200, 3.0), "all 200 values of 'm' are 3"),
        (np.array([-1e308, 1e308] * 100), "leave the range of floats"),
    ],
)
def test_what_cannot_be_frozen(sample, message):
    with pytest.raises(Incomplete, match=message):
        measure("m", sample)
