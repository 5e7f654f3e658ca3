"""ICC(2,1): absolute agreement of single ratings by raters drawn from many."""

import numpy as np
import numpy.typing as npt
from scipy import special

from judgecli.stats.intervals import Estimate


def intraclass(ratings: npt.NDArray[np.float64], *, level: float = 0.95) -> Estimate:
    """ICC(2,1) with its interval (`se` is None). `ratings` is N items x K raters without gaps.

    (MSR - MSE) / (MSR + (K - 1) MSE + K (MSC - MSE) / N) of the two-way table: items, raters, residual. A rater who is
    always kinder lowers it, unlike a correlation.
    None with fewer than two items or raters, or where no rating differs.
    Source: Shrout & Fleiss 1979, case 2; interval as McGraw & Wong 1996.
    """
    items, raters = ratings.shape
    if items < 2 or raters < 2 or np.ptp(ratings) == 0:
        return Estimate(None, None, None, None)
    mean = ratings.mean()
    rows, columns = ratings.mean(axis=1), ratings.mean(axis=0)
    msr = raters * float(((rows - mean) ** 2).sum()) / (items - 1)
    msc = items * float(((columns - mean) ** 2).sum()) / (raters - 1)
    mse = float(((ratings - rows[:, None] - columns[None, :] + mean) ** 2).sum()) / ((items - 1) * (raters - 1))
    below = msr + (raters - 1) * mse + raters * (msc - mse) / items
    if below <= 0:
        return Estimate(None, None, None, None)
    icc = (msr - mse) / below
    low, high = _limits(icc, msr, msc, mse=mse, items=items, raters=raters, level=level)
    return Estimate(icc, None, low, high)


def _limits(icc: float, msr: float, msc: float, mse: float, items: int, raters: int, level: float) -> tuple[float | None, float | None]:
    if mse <= 0 or icc >= 1:
        return None, None
    a, b = raters * icc / (items * (1 - icc)), 1 + raters * icc * (items - 1) / (items * (1 - icc))
    v = (a * msc + b * mse) ** 2 / ((a * msc) ** 2 / (raters - 1) + (b * mse) ** 2 / ((items - 1) * (raters - 1)))
    upper = 0.5 + level / 2
    f_low, f_high = special.fdtri(items - 1, v, upper), special.fdtri(v, items - 1, upper)
    spread = raters * msc + (raters * items - raters - items) * mse
    low = items * (msr - f_low * mse) / (f_low * spread + items * msr)
    high = items * (f_high * msr - mse) / (spread + items * f_high * msr)
    return float(low), float(high)
