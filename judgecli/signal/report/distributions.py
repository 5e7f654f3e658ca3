"""How the values of a metric are spread, in bins of round width."""

import math

import numpy as np
import numpy.typing as npt

from judgecli.report import Distribution

MOST_BINS = 24


def distribution(metric: str, values: npt.NDArray[np.float64]) -> Distribution:
    """The scored values (NaN = unscored, left out) in at most 24 bins of equal, round width, closed below and open above.

    Values beyond the 0.5 and 99.5 % quantiles are counted in `below` and `above` where they would make
    the rest too narrow to see.
    """
    scored = values[~np.isnan(values)]
    if not len(scored):
        return Distribution(metric, 0)
    low, high = float(scored.min()), float(scored.max())
    near, far = (float(value) for value in np.quantile(scored, [0.005, 0.995]))
    if high - far > 2 * (far - near):
        high = far
    if near - low > 2 * (far - near):
        low = near
    width = bin_width(high - low, whole=bool(np.all(scored == np.round(scored))))
    first, last = math.floor(low / width), math.floor(high / width)
    edges = [step * width for step in range(first, last + 2)]
    inside = np.floor(scored / width).astype(np.int64)
    counts = np.bincount(np.clip(inside - first, 0, last - first)[(inside >= first) & (inside <= last)], minlength=last - first + 1)
    return Distribution(
        metric, len(scored), [round(edge, 12) for edge in edges], [int(count) for count in counts], int((inside < first).sum()), int((inside > last).sum())
    )


def bin_width(extent: float, *, whole: bool) -> float:
    """A width of 1, 2 or 5 times a power of ten that cuts `extent` into at most 24 bins; at least 1 for whole numbers."""
    least = max(extent / (MOST_BINS - 2), 1.0 if whole else 0.0)
    if least <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(least))
    return float(next(step * power for step in (1, 2, 5, 10) if step * power >= least * (1 - 1e-9)))
