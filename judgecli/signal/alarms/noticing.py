"""What a chart says when its detector has reached the threshold: since when, by how much, and how sure of both."""

from dataclasses import replace
from typing import Literal

import numpy as np

from judgecli.signal.alarms.bench import ChartWork
from judgecli.signal.alarms.charts import Alarm, ChartSide, alarm_id
from judgecli.signal.alarms.history import NOW, pieces_since, rows_of
from judgecli.signal.alarms.reference import Reference
from judgecli.stats.change_point import ChangePoint, Pieces, locate


def alarm_of(work: ChartWork, side: ChartSide, number: int) -> tuple[Alarm, float]:
    """What a side noticed at this item of a day, and the size of the change on the scale."""
    chart, reference, time = work.chart, work.reference, int(work.time[number])
    new = slice(int(np.searchsorted(work.time[: number + 1], side.began, side="right")), number + 1)
    today = rows_of(work.time[new], work.level_x[new], work.level_own[new], work.effect, NOW)
    pieces = pieces_since(chart.history, today, side.began)
    change = _located(pieces, reference, rising=side.rising)
    sign, here = 1 if side.rising else -1, slice(change.piece, None)
    count, own = float(pieces.count[here].sum()), float(pieces.own[here].sum())
    unit = _unit(reference, float(pieces.total[here].sum()) / count, own / count)
    direction: Literal["drop", "rise"] = "rise" if side.rising else "drop"
    ends = sorted((sign * change.low * unit, sign * change.high * unit))
    last = int(pieces.moment[change.last + 1]) if change.last + 1 < len(pieces.moment) else time
    found = Alarm(
        id=alarm_id(chart.key, direction, time),
        metric=chart.metric,
        identity=chart.identity,
        kind=chart.kind,
        segment=chart.segment,
        direction=direction,
        time=time,
        since=int(pieces.moment[change.piece]),
        since_low=int(pieces.moment[change.first]),
        since_high=last,
        before=reference.own_mean,
        after=reference.own_mean + sign * change.size * unit,
        size_low=ends[0],
        size_high=ends[1],
        n=round(count),
        count=own,
        higher_is_better=chart.higher_is_better,
    )
    return found, change.size


def _located(pieces: Pieces, reference: Reference, *, rising: bool) -> ChangePoint:
    """The change in these pieces, a rise as a drop of what is left to 1."""
    if rising:
        pieces = replace(pieces, total=pieces.count - pieces.total)
    mean = 1 - reference.mean if rising else reference.mean
    return locate(pieces, mean, weight=reference.weight / reference.dispersion, dispersion=reference.dispersion)


def _unit(reference: Reference, x: float, own: float) -> float:
    """What one of the scale is in units of the metric: its width, or of values beyond the ends what was seen of them."""
    width, moved = reference.high - reference.low, x - reference.mean
    seen = (own - reference.own_mean) / moved if moved else width
    return max(seen, width)
