"""Two sides of other prompts: what missing values do to the verdict."""

import numpy as np
import pytest

from judgecli.signal.compare.parts import Parts
from judgecli.signal.compare.rows import ComparedMetric
from judgecli.signal.gate.not_worse import Bar
from judgecli.signal.gate.unpaired import Apart, judge_apart


def parts(prompts: range, values: np.ndarray) -> Parts:
    """One record a prompt and cluster; NaN is missing."""
    lost, size = np.isnan(values), len(values)
    numbers = np.array(prompts, dtype=np.int64)
    return Parts(numbers, np.ones(size, dtype=bool), numbers, (~lost).astype(float), np.where(lost, 0.0, values), np.zeros(size), lost.astype(float))


@pytest.mark.parametrize(("top", "margin", "expected"), [(5.0, 0.45, "inconclusive"), (5.0, 1.5, "pass"), (1.0, 0.35, "pass")])
def test_zeros_and_ones_with_missing_values_at_the_top_of_a_wider_scale_are_no_rate(top, margin, expected):
    """Four of 104 at the top of a scale of 0 to 5 are no share of ones: the limit of their mean is five times as far."""
    draw = np.random.default_rng(1)
    old, new = (draw.permutation(np.r_[np.zeros(50), np.ones(50), values]) for values in (np.zeros(4), np.full(4, np.nan)))
    subject = ComparedMetric("m", "i", "number", (0.0, top), False, margin)
    bar = Bar("gate", "base", subject, margin, 0.9)
    found = judge_apart(bar, Apart(parts(range(104), old), parts(range(200, 304), new), 0), unscored={"timeout": 4}, pending=0, left_out=0)
    assert found.worst == pytest.approx(top * 4 / 104)
    assert found.verdict == expected
