"""Fleiss' kappa: agreement of a fixed number of raters on categories."""

import numpy as np
import numpy.typing as npt


def fleiss_kappa(counts: npt.NDArray[np.float64]) -> float | None:
    """Agreement beyond chance of m raters, at most 1. `counts` is N items x K categories: how many raters chose each; each row sums to m >= 2.

    None where there is no item, or all raters always said one and the same category.
    Raises: ValueError where rows have different sums, or fewer than two raters. Source: Fleiss 1971.
    """
    if len(counts) == 0:
        return None
    raters = float(counts[0].sum())
    if raters < 2 or not np.all(counts.sum(axis=1) == raters):
        raise ValueError("every item needs the same number of raters, at least two")
    observed = float((((counts**2).sum(axis=1) - raters) / (raters * (raters - 1))).mean())
    shares = counts.sum(axis=0) / counts.sum()
    expected = float((shares**2).sum())
    return None if expected >= 1 - 1e-12 else (observed - expected) / (1 - expected)
