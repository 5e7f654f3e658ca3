"""What a chart remembers of its stream: sums over pieces of days, from which an alarm tells since when and by how much."""

from collections.abc import Sequence

import numpy as np

from judgecli.arrays import Floats, Integers
from judgecli.stats.change_point import Pieces

HistoryRow = list[float]  # first moment (microseconds), items, their sum on the scale, their sum in own units, the design effect of the day
A_DAY = 8  # pieces of a day
FINE = 4  # days that keep them; older ones are one piece each
MOST = 120  # pieces: the oldest are joined
NOW = 64  # pieces of the day that is running


def add_day(history: list[HistoryRow], time: Integers, x: Floats, own: Floats, effect: float, days: list[int]) -> None:
    """Remember a day; `days` says how many pieces each of the last FINE days has."""
    rows = rows_of(time, x, own, effect, A_DAY)
    history += rows
    days.append(len(rows))
    if len(days) > FINE:
        place, count = len(history) - sum(days), days.pop(0)
        history[place : place + count] = [_joined(history[place : place + count])]
    while len(history) > MOST:
        history[:2] = [_joined(history[:2])]


def rows_of(time: Integers, x: Floats, own: Floats, effect: float, most: int) -> list[HistoryRow]:
    """Items in the order of time as at most so many rows."""
    pieces = min(most, len(x))
    if not pieces:
        return []
    starts = np.arange(pieces) * len(x) // pieces
    counts = np.diff(np.r_[starts, len(x)])
    parts = (time[starts], counts, np.add.reduceat(x, starts), np.add.reduceat(own, starts), np.full(pieces, effect))
    return [list(row) for row in zip(*(part.tolist() for part in parts), strict=True)]


def pieces_since(history: Sequence[HistoryRow], today: Sequence[HistoryRow], began: int) -> Pieces:
    """The pieces of a stream that began after this moment."""
    rows = np.array([row for row in (*history, *today) if row[0] > began], float).reshape(-1, 5)
    return Pieces(rows[:, 0].astype(np.int64), *rows[:, 1:].T)


def _joined(rows: Sequence[HistoryRow]) -> HistoryRow:
    """Rows as one: the design effect is the mean by items."""
    count = sum(row[1] for row in rows)
    return [rows[0][0], count, sum(row[2] for row in rows), sum(row[3] for row in rows), sum(row[1] * row[4] for row in rows) / count]
