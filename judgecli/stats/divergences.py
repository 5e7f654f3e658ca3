"""Population stability index and Jensen-Shannon distance: columns for readers who know them from other tools; no verdict rests on them."""

import numpy as np

from judgecli.arrays import Floats

SMALLEST_SHARE = 1e-4  # an empty bin of PSI counts as this share, as in other tools, or PSI would be infinite


def stability_index(reference: Floats, current: Floats) -> float | None:
    """PSI = sum (c - r) ln(c / r) over shares, 0 and up, nats; None where a side is empty. An empty bin counts as a share of 0.0001.

    Source: Siddiqi 2006, Credit Risk Scorecards; the symmetrised divergence of Jeffreys 1946.

    >>> round(stability_index(np.array([0.1, 0.2, 0.3, 0.4]), np.array([0.2, 0.2, 0.3, 0.3])), 7)
    0.0980829
    """
    if reference.sum() == 0 or current.sum() == 0:
        return None
    one, other = (np.maximum(counts / counts.sum(), SMALLEST_SHARE) for counts in (reference, current))
    kept = (reference > 0) | (current > 0)
    return float(((other - one) * np.log(other / one))[kept].sum())


def jensen_shannon(reference: Floats, current: Floats) -> float | None:
    """The Jensen-Shannon distance in base 2 (root of the divergence), 0 to 1; None where a side is empty.

    Source: Lin 1991; Endres & Schindelin 2003 (the root is a metric).

    >>> round(jensen_shannon(np.array([0.1, 0.2, 0.3, 0.4]), np.array([0.2, 0.2, 0.3, 0.3])), 6)
    0.132007
    """
    if reference.sum() == 0 or current.sum() == 0:
        return None
    one, other = reference / reference.sum(), current / current.sum()
    middle = (one + other) / 2
    return float(np.sqrt(max(0.0, (_entropy(one, middle) + _entropy(other, middle)) / 2)))


def _entropy(one: Floats, middle: Floats) -> float:
    kept = one > 0
    return float((one[kept] * np.log2(one[kept] / middle[kept])).sum())
