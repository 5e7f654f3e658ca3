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
    return _stepped_up(p_values, len(p_values) / np.arange(1, len(p_values) + 1))


def benjamini_yekutieli(p_values: Sequence[float]) -> list[float]:
    """Adjusted p-values that hold the expected share of false claims under any dependence. Source: Benjamini & Yekutieli 2001.

    >>> [round(q, 6) for q in benjamini_yekutieli([0.01, 0.04, 0.03])]
    [0.055, 0.073333, 0.073333]
    """
    size = len(p_values)
    return _stepped_up(p_values, size * float(np.sum(1 / np.arange(1, size + 1))) / np.arange(1, size + 1))


def hochberg(p_values: Sequence[float]) -> list[float]:
    """Adjusted p-values that hold the chance of any false claim where tests are independent or positively dependent. Source: Hochberg 1988.

    >>> hochberg([0.01, 0.04, 0.03])
    [0.03, 0.04, 0.04]
    """
    return _stepped_up(p_values, np.arange(len(p_values), 0, -1))


def bonferroni(p_values: Sequence[float]) -> list[float]:
    """Adjusted p-values that hold the chance of any false claim: each times the size of the family. Source: Dunn 1961.

    >>> bonferroni([0.01, 0.04, 0.5])
    [0.03, 0.12, 1.0]
    """
    return [min(1.0, float(p) * len(p_values)) for p in p_values]


def _stepped_up(p_values: Sequence[float], factors: "np.ndarray[tuple[int], np.dtype[np.float64]] | np.ndarray[tuple[int], np.dtype[np.intp]]") -> list[float]:
    """Ascending p-values times their factors, each the least of those from it upwards, at most 1; in the order given."""
    order = np.argsort(p_values, kind="stable")
    steps = np.asarray(p_values, dtype=float)[order] * factors
    return _restored(np.minimum(np.minimum.accumulate(steps[::-1])[::-1], 1.0), order)


def _restored(values: "np.ndarray[tuple[int], np.dtype[np.float64]]", order: "np.ndarray[tuple[int], np.dtype[np.intp]]") -> list[float]:
    found = np.empty(len(order))
    found[order] = values
    return [float(value) for value in found]
