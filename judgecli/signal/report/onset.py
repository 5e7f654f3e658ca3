"""Since when a slice is worse: the day on which its own values fell, where they fell at all."""

from dataclasses import dataclass
from datetime import UTC, date, datetime

import numpy as np
import numpy.typing as npt

from judgecli.arrays import Floats
from judgecli.signal.report.slices import SliceMetric
from judgecli.stats.change_point import Pieces, locate

LEAST_DAYS = 10
LEAST_ROWS = 10  # on both sides of a change
SURE = 0.01  # of the search for a day
DRAWS = 1999
SEED = 20_261_001
DAY_US = 86_400_000_000


@dataclass(frozen=True)
class Onset:
    """The first day of the change (UTC), the first and the last that may be it (95 %), and the mean before it."""

    day: date
    first: date
    last: date
    before: float


def find_onset(subject: SliceMetric, rows: npt.NDArray[np.int64], times: Floats) -> Onset | None:
    """When the values of a slice became worse; None where the days do not tell: it may always have been so, or there are too few.

    Columns: `rows` are those of the slice, `times` of all records in microseconds (NaN: none). Days are the units: the largest step between
    the days before and after, against that of 1,999 orders of the days (p < 1 %), so that days that differ are no change. The day is the
    posterior of one change point (stats/change_point.py), its items weighed by how much they spread.
    """
    values, moments = subject.values[rows], times[rows]
    kept = ~np.isnan(values) & ~np.isnan(moments)
    days, of_row = np.unique((moments[kept] // DAY_US).astype(np.int64), return_inverse=True)
    low, high = (float(end) for end in (values[kept].min(initial=0.0), values[kept].max(initial=0.0)))
    if len(days) < LEAST_DAYS or not low < high or subject.higher_is_better is None:
        return None
    x = (values[kept] - low) / (high - low)
    x = x if subject.higher_is_better else 1 - x  # what is worse is a drop
    count, total = np.bincount(of_row).astype(float), np.bincount(of_row, x).astype(float)
    split, p = _step(count, total)
    if p >= SURE:
        return None
    mean, after = total[:split].sum() / count[:split].sum(), total[split:].sum() / count[split:].sum()
    if after >= mean:
        return None
    means = np.where(of_row < split, mean, after)
    dispersion = max(float(((x - means) ** 2).sum() / max(float((means * (1 - means)).sum()), 1e-9)), 1e-3)
    pieces = Pieces(days * DAY_US, count, total, total, np.ones(len(days)))
    found = locate(pieces, float(np.clip(mean, 1e-3, 1 - 1e-3)), weight=float(count[:split].sum()) / dispersion, dispersion=dispersion)
    before = low + (high - low) * float(mean if subject.higher_is_better else 1 - mean)
    return Onset(_day(days[found.piece]), _day(days[found.first]), _day(days[found.last]), before)


def _step(count: Floats, total: Floats) -> tuple[int, float]:
    """With which day the largest drop or rise begins, and how likely so large a one is in days of no order."""
    residual = total - count * (total.sum() / count.sum())
    orders = np.argsort(np.random.default_rng(SEED).random((DRAWS, len(count))), axis=1)
    drawn = _sizes(count[orders], residual[orders]).max(axis=1)
    own = _sizes(count[None, :], residual[None, :])[0]
    split = int(np.argmax(own))
    return split + 1, float((np.count_nonzero(drawn >= own[split] - 1e-12) + 1) / (DRAWS + 1))


def _sizes(count: Floats, residual: Floats) -> Floats:
    """The standardised step after each day but the last; 0 where one side is too small."""
    before, whole = np.cumsum(count, axis=1)[:, :-1], count.sum(axis=1)[:, None]
    found = np.abs(np.cumsum(residual, axis=1)[:, :-1]) / np.sqrt(before * (whole - before) / whole)
    return np.where((before >= LEAST_ROWS) & (whole - before >= LEAST_ROWS), found, 0.0)


def _day(number: np.int64) -> date:
    return datetime.fromtimestamp(int(number) * 86_400, UTC).date()
