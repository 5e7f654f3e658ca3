"""Planted judge shifts and planted app shifts are told apart; series are linked across judges."""

import numpy as np
import pytest

from judgecli.signal.anchors import attribute


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
