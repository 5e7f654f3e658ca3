"""What of a changed mean is change within segments, and what is another mix of segments."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Decomposition:
    """`within` + `mix` = `total`, the mean of current less that of reference; `matched` is the share of current rows in segments that both sides have."""

    total: float
    within: float
    mix: float
    matched: float


def decompose(reference_sums: Floats, reference_counts: Floats, current_sums: Floats, current_counts: Floats) -> Decomposition | None:
    """sum w_R (m_C - m_R) is within, sum (w_C - w_R) m_C is mix; None where a side is empty.

    Columns: sum and count of S segments on both sides. A segment that one side lacks has no change within: all of it is mix.
    Source: Kitagawa 1955; Oaxaca 1973 (reference weights for the change within).

    >>> found = decompose(np.array([8.0, 2]), np.array([10.0, 10]), np.array([4.0, 3]), np.array([5.0, 15]))
    >>> round(found.total, 6), round(found.within, 6), round(found.mix, 6)
    (-0.15, 0.0, -0.15)
    """
    if not reference_counts.sum() or not current_counts.sum():
        return None
    both = (reference_counts > 0) & (current_counts > 0)
    old_weights, new_weights = reference_counts / reference_counts.sum(), current_counts / current_counts.sum()
    old_part, new_part = reference_sums / reference_counts.sum(), current_sums / current_counts.sum()
    within = float((old_weights[both] * current_sums[both] / current_counts[both] - old_part[both]).sum())
    total = float(new_part.sum() - old_part.sum())
    return Decomposition(total, within, total - within, float(new_weights[both].sum()))
