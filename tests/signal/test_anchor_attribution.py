"""Planted judge shifts and planted app shifts are told apart; series are linked across judges."""

import numpy as np
import pytest

from judgecli.signal.anchors import anchor_shift, attribute, moved_p


def judged(draw: np.random.Generator, quality: np.ndarray, shift: float = 0.0) -> np.ndarray:
    """A judge with noise of its own, which may have moved."""
    return np.clip(quality + shift + 0.05 * draw.normal(size=len(quality)), 0, 1)


@pytest.mark.parametrize(("judge", "app", "cause"), [(-0.1, 0.0, "judge"), (0.0, -0.1, "app"), (0.1, 0.0, "judge"), (0.0, 0.1, "app")])
def test_a_planted_shift_is_attributed(judge, app, cause):
    draw = np.random.default_rng(0)
    right = 0
    for _ in range(200):
        quality = draw.uniform(0.2, 0.8, 100)
        live = draw.uniform(0.2, 0.8, 2000)
        shift = judged(draw, live + app, judge).mean() - judged(draw, live).mean()
        right += attribute(shift, judged(draw, quality), judged(draw, quality, judge)).cause == cause
    assert right / 200 >= 0.95


def test_few_noisy_anchors_leave_it_unclear():
    draw = np.random.default_rng(1)
    quality = draw.uniform(0, 1, 5)
    assert attribute(-0.03, quality, quality + np.array([0.1, -0.1, 0.12, -0.12, 0.0])).cause == "unclear"
    assert attribute(-0.03, quality[:1], quality[:1]).cause == "unclear"
    with pytest.raises(ValueError, match="no change"):
        attribute(0.0, quality, quality)


def test_anchors_that_rise_do_not_excuse_a_live_drop():
    quality = np.linspace(0.2, 0.8, 60)
    found = attribute(-0.1, quality, quality + 0.05 + 0.01 * np.sin(np.arange(60)))
    assert found.cause == "app"


def test_anchors_that_did_not_move_have_a_width():
    """1 - 0.04^(1/n) of the scale: so large a share of outputs may be judged anew without one among n anchors."""
    quality = np.linspace(0, 1, 30)
    found = anchor_shift(quality, quality)
    assert (found.mean, found.low, found.high) == (0.0, pytest.approx(0.04 ** (1 / 30) - 1), pytest.approx(1 - 0.04 ** (1 / 30)))
    assert attribute(-0.15, quality, quality).cause == "unclear"  # half of it lies within 0.102
    assert attribute(-0.25, quality, quality).cause == "app"


@pytest.mark.parametrize("shift", [-0.25, -0.02, 0.01])
def test_an_equal_shift_of_all_anchors_is_the_judge(shift):
    quality = np.linspace(0.25, 0.9, 30)
    found = attribute(4 * shift, quality, quality + shift)
    assert found.cause == "judge"
    assert found.anchors.mean == pytest.approx(shift)
    assert found.anchors.high - found.anchors.low >= 0.1  # and its size on other outputs is known no better
    assert moved_p(np.full(12, shift)) == 2.0**-11


@pytest.mark.parametrize("others", [1, 2, 3])
def test_a_few_that_moved_are_no_narrower_than_none(others):
    z = np.zeros(40)
    z[:others] = 0.001
    found = anchor_shift(np.zeros(40), z)
    assert found.high - found.low >= 2 * (1 - 0.04 ** (1 / 40)) - 0.01
    assert attribute(0.01, np.zeros(40), z).cause == "unclear"


def test_a_judge_that_did_not_move_is_blamed_in_five_of_a_hundred():
    draw = np.random.default_rng(3)
    p = np.array([moved_p(np.round(0.1 * draw.standard_t(3, size=20), 1)) for _ in range(300)])
    assert np.mean(p < 0.05) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 300)
