"""Gwet's AC1 of two raters: agreement beyond chance that bears skewed rates."""

import numpy as np
import numpy.typing as npt


def gwet_ac1(table: npt.NDArray[np.float64]) -> float | None:
    """AC1 of a K x K table, from -1 to 1: (po - pe) / (1 - pe) with pe = sum_k m_k (1 - m_k) / (K - 1), m_k the mean share of category k.

    Where nearly all say the same, Cohen's kappa falls to 0 although the raters agree; AC1 does not.
    None where nothing was rated or there is one category only. Source: Gwet 2008.

    >>> round(gwet_ac1(np.array([[118.0, 5], [2, 0]])), 6)
    0.940776
    """
    n, size = float(table.sum()), len(table)
    if n <= 0 or size < 2:
        return None
    shares = table / n
    mean = (shares.sum(axis=0) + shares.sum(axis=1)) / 2
    expected = float((mean * (1 - mean)).sum() / (size - 1))
    return (float(np.trace(shares)) - expected) / (1 - expected)
