"""Krippendorff's alpha: agreement of any number of raters, with gaps, on four kinds of scale."""

from typing import Literal

import numpy as np

from judgecli.arrays import Floats

AlphaLevel = Literal["nominal", "ordinal", "interval", "ratio"]


def krippendorff_alpha(ratings: Floats, measure: AlphaLevel = "interval") -> float | None:
    """1 - (observed / expected disagreement), at most 1; 0 is chance.

    `ratings` is R raters x N units, NaN where a rater said nothing; units with fewer than two ratings are left out.
    Difference of two values: nominal 0 or 1; ordinal the ratings between them; interval their distance; ratio the
    distance over the sum (values >= 0). Each squared.
    None where no unit has two ratings, or all that is left is one value: nothing could have disagreed.
    Raises: ValueError for negative values on a ratio scale.
    Source: Krippendorff 2011, "Computing Krippendorff's Alpha-Reliability".
    """
    given = ~np.isnan(ratings)
    kept = given.sum(axis=0) >= 2
    units, held = ratings[:, kept], given[:, kept]
    if not kept.any():
        return None
    values, codes = np.unique(units[held], return_inverse=True)
    if len(values) < 2:
        return None
    counts = np.zeros((units.shape[1], len(values)))
    np.add.at(counts, (np.nonzero(held)[1], codes), 1.0)
    per_unit = counts.sum(axis=1)
    shared = (counts / (per_unit - 1)[:, None]).T @ counts  # coincidences, with each value's own pair with itself
    coincidences = shared - np.diag((counts / (per_unit - 1)[:, None]).sum(axis=0))
    totals = counts.sum(axis=0)
    distance = _distances(values, totals, measure)
    observed = float((coincidences * distance).sum())
    expected = float(totals @ distance @ totals) / float(totals.sum() - 1)
    return 1 - observed / expected if expected > 0 else None


def _distances(values: Floats, totals: Floats, measure: AlphaLevel) -> Floats:
    """The squared difference of every two values."""
    if measure == "nominal":
        return 1.0 - np.eye(len(values))
    if measure == "ordinal":
        middle = np.cumsum(totals) - totals / 2
        return np.asarray((middle[:, None] - middle[None, :]) ** 2)
    gaps = values[:, None] - values[None, :]
    if measure == "interval":
        return np.asarray(gaps**2)
    if values[0] < 0:
        raise ValueError(f"a ratio scale has no negative values, and there is {values[0]:g}")
    sums = values[:, None] + values[None, :]
    return np.asarray(np.where(sums > 0, gaps / np.where(sums > 0, sums, 1.0), 0.0) ** 2)
