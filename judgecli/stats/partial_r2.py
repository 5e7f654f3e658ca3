"""The share of what a regression leaves unexplained that some more columns explain, when rows come in clusters."""

from collections.abc import Sequence

import numpy as np

from judgecli.arrays import Floats, Integers
from judgecli.stats.intervals import Estimate


def partial_r2(y: Floats, table: Floats, columns: Sequence[int], clusters: Integers, *, seed: int, draws: int = 200, level: float = 0.95) -> Estimate:
    """Partial R2 of some columns of a least squares fit: 1 - SSE(all) / SSE(without them), in [0, 1].

    Columns: y and `table` of N rows (with an intercept column, where one is wanted); clusters. The interval
    is the percentile bootstrap over clusters; it is biased upwards where rows are few for the columns.
    None where y does not vary once the other columns are known, or rows are fewer than twice the columns.
    Source: Anderson-Sprecher 1994; Efron & Tibshirani 1993 (the bootstrap).

    >>> x = np.arange(8.0)
    >>> table = np.column_stack([np.ones(8), x])
    >>> round(partial_r2(2 * x + 1, table, [1], np.arange(8), seed=0).mean, 6)
    1.0
    """
    if len(y) < 2 * table.shape[1]:
        return Estimate(None, None, None, None)
    rest = [column for column in range(table.shape[1]) if column not in columns]
    point = _share(y, table, table[:, rest])
    if point is None:
        return Estimate(None, None, None, None)
    _, place = np.unique(clusters, return_inverse=True)
    rows = np.split(np.argsort(place, kind="stable"), np.cumsum(np.bincount(place))[:-1])
    if len(rows) < 2:
        return Estimate(point, None, None, None)
    chance = np.random.default_rng(seed)
    found = []
    for _ in range(draws):
        drawn = np.concatenate([rows[one] for one in chance.integers(len(rows), size=len(rows))])
        again = _share(y[drawn], table[drawn], table[drawn][:, rest])
        if again is not None:
            found.append(again)
    if len(found) < draws / 2:
        return Estimate(point, None, None, None)
    low, high = np.quantile(found, [(1 - level) / 2, (1 + level) / 2])
    return Estimate(point, float(np.std(found, ddof=1)), float(low), float(high))


def _share(y: Floats, whole: Floats, rest: Floats) -> float | None:
    without, total = _squares(y, rest), float(y @ y)
    if without <= 1e-12 * max(total, 1e-300):
        return None
    return min(1.0, max(0.0, 1 - _squares(y, whole) / without))


def _squares(y: Floats, table: Floats) -> float:
    """The sum of squared residuals."""
    if table.shape[1] == 0:
        return float(y @ y)
    residual = y - table @ np.linalg.lstsq(table, y, rcond=None)[0]
    return float(residual @ residual)
