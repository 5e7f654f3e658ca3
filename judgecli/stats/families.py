"""Many questions at once: p-values adjusted for the size of their family."""

from collections.abc import Sequence

import numpy as np


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p-values that hold the chance of any false claim of the family. Source: Holm 1979.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    order = np.argsort(p_values, kind="stable")
    steps = np.asarray(p_values, dtype=float)[order] * np.arange(len(order), 0, -1)
    return _restored(np.minimum(np.maximum.accumulate(steps), 1.0), order)


def benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    """Adjusted p-values that hold the expected share of false claims. Source: Benjamini & Hochberg 1995.

    >>> [round(q, 6) for q in benjamini_hochberg([0.01, 0.04, 0.03])]
    [0.03, 0.04, 0.04]
    """
    order = np.argsort(p_values, kind="stable")
    steps = np.asarray(p_values, dtype=float)[order] * len(order) / np.arange(1, len(order) + 1)
    return _restored(np.minimum(np.minimum.accumulate(steps[::-1])[::-1], 1.0), order)


def _restored(values: "np.ndarray[tuple[int], np.dtype[np.float64]]", order: "np.ndarray[tuple[int], np.dtype[np.intp]]") -> list[float]:
    found = np.empty(len(order))
    found[order] = values
    return [float(value) for value in found]
