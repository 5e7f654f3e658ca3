"""Whose doing an alarm is: which model an endpoint served around it, and what the anchors say of the judge."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np

from judgecli.arrays import Floats
from judgecli.evidence.links import AnchorLinks, HeldSet
from judgecli.evidence.rewarded import directions, needed_metrics
from judgecli.evidence.work import Work
from judgecli.signal.anchors import FEW, attribute
from judgecli.signal.cells import EPOCH, MetricCells, Window, WindowCells
from judgecli.signal.linked import ServedJudge
from judgecli.store.selection import index_metrics
from judgecli.store.tables import MetricInfo
from judgecli.store.watching import KeptAlarm, SeenShard
from judgecli.store.windows_query import WindowQuestion, WindowReduction

if TYPE_CHECKING:
    from judgecli.config.settings import Settings

GUARD = timedelta(days=7)  # a served model that changed this long before the change of the mean began, or since, may be what changed it
BEFORE = timedelta(days=28)  # how far back one looks for what was served earlier

Served = Mapping[tuple[date, tuple[str | None, ...]], Sequence[str]]  # (day, segment) -> the models that served


def judges_of_alarms(work: Work, alarms: Sequence[KeptAlarm], shards: Sequence[SeenShard]) -> dict[str, dict[str, object]]:
    """Of each alarm that nobody closed on the mean of a judge's metric: whether the served model changed around it, and whose doing it is.

    Alarm id -> `changed` (the day, or None), `from`, `to`, `cause` (app, judge, unclear) and `message`. Alarms of which nothing is known are
    left out. A reward has the judges of its terms, and then the cause stays unclear. Reads the records around the alarms alone. Raises: UsageError, StoreError.
    """
    judged = {entry.name for entry in work.settings.scorers if entry.target.startswith("rubric:")}
    asked: dict[tuple[str, str | None], list[KeptAlarm]] = {}
    for alarm in alarms:
        if alarm.closed is None and alarm.document["kind"] == "value":
            for metric, identity in _sources(alarm, work.settings):
                if metric.startswith("rubric.") or metric in judged:
                    asked.setdefault((metric, identity), []).append(alarm)
    found: dict[str, dict[str, object]] = {}
    for (metric, identity), own in asked.items():
        first = min(_moment(alarm, "since") for alarm in own) - BEFORE
        info, served = _served(work, metric, identity, first, max(_moment(alarm, "time") for alarm in own), shards)
        if info is None:
            continue
        better = directions(work.settings, {metric: info.higher_is_better})[metric]
        sets = AnchorLinks(work, {}).held(metric)
        for alarm in own:
            is_part = metric != alarm.document["metric"]
            said = _said(alarm, served, work.settings.policy, sets, info.identity, None if is_part else _width(info, better), part=metric if is_part else None)
            if said is not None:
                found.setdefault(alarm.id, said)
    return found


def _sources(alarm: KeptAlarm, settings: "Settings") -> list[tuple[str, str | None]]:
    """The metric of an alarm with its identity; of the reward of judge.yaml the metrics that it is made of (in their newest identity)."""
    name, reward = str(alarm.document["metric"]), settings.project.reward
    if not name.startswith("reward."):
        return [(name, str(alarm.document["identity"]))]
    return [(term, None) for term in sorted(needed_metrics(settings))] if reward is not None and name == f"reward.{reward.name}" else []


def _moment(alarm: KeptAlarm, name: str) -> datetime:
    return datetime.fromisoformat(str(alarm.document[name]))


def _width(info: MetricInfo, better: bool | None) -> float | None:
    low, high = info.range
    return None if low is None or high is None or better is None else (high - low) * (1 if better else -1)


def _served(work: Work, metric: str, identity: str | None, first: datetime, last: datetime, shards: Sequence[SeenShard]) -> tuple[MetricInfo | None, Served]:
    """What the metric is, and the models that served it by day and segment between two moments."""
    begin, end = ((moment - EPOCH) // timedelta(microseconds=1) for moment in (first, last))
    near = [seen.shard for seen in shards if seen.first is not None and seen.last is not None and seen.first <= end and seen.last >= begin]
    held, shards_of = index_metrics(work.store, near)
    info = next((info for info in held.get(metric, ()) if identity in (None, info.identity)), None)
    if info is None:
        return None, {}
    whole = work.select()
    where = f"epoch_us(time) >= {begin} AND epoch_us(time) <= {end}"
    selection = replace(whole, scope=replace(whole.scope, shards=tuple(near)), where=where, metrics={metric: held[metric]}, shards_of=shards_of)
    with WindowReduction(work.store, selection, [metric], WindowQuestion(work.settings.policy, Window.of("1d"), work.settings.cluster)) as reduction:
        cells = reduction.cells()
    own = [one for one in cells.metrics if one.identity == info.identity]
    return info, _by_day(cells, own[0]) if own else {}


def _by_day(cells: WindowCells, metric: MetricCells) -> Served:
    found: dict[tuple[date, tuple[str | None, ...]], Sequence[str]] = {}
    for place, models in metric.served.items():
        cell = cells.cells[place]
        start = None if cell.window is None else cells.window.start(cell.window)
        if start is not None and models:
            found[start.date(), cell.segment] = models
    return found


def _said(
    alarm: KeptAlarm, served: Served, columns: Sequence[str], sets: Sequence[HeldSet], identity: str, width: float | None, *, part: str | None
) -> dict[str, object] | None:
    """What is known of the judge around one alarm; None where nothing is. `part`: the alarm is a reward's, the judge that of this metric in it."""
    told = alarm.document
    segment = tuple(told["policy"].get(column) for column in columns) if told["policy"] else None
    days: dict[date, set[str]] = {}
    for (day, own), models in served.items():
        if (segment is None or own == segment) and day <= _moment(alarm, "time").date():
            days.setdefault(day, set()).update(models)
    change = _change(days, (_moment(alarm, "since") - GUARD).date())
    shift = None if width is None else float(told["size"]) / width
    if change is None:
        judge = ServedJudge(identity, tuple(sorted(days[max(days)])) if days else ())
        founded = _since(sets, judge, _moment(alarm, "since").date(), _moment(alarm, "time").date())
        return {"changed": None, "from": [], "to": [], **_verdict(shift, *founded)} if founded is not None and shift else None
    day, before, after = change
    whose = "the served model" if part is None else f"the served model of {part}, which is part of it,"
    said = f"{whose} changed from {', '.join(before)} to {', '.join(after)} on {day.isoformat()}"
    both = _between(sets, identity, before, after)
    if both is None or not shift:
        hint = f"judge anchors rejudge {sets[0].anchors.name} can tell" if sets else "anchors could tell (judge anchors create)"
        cause: dict[str, object] = {"cause": "unclear", "message": f"it may be the judge: {said}" + (f"; {hint}" if part is None else "")}
    else:
        cause = _verdict(shift, *both)
        cause["message"] = f"{cause['message']}; {said}"
    return {"changed": day.isoformat(), "from": before, "to": after, **cause}


def _change(days: Mapping[date, set[str]], earliest: date) -> tuple[date, list[str], list[str]] | None:
    """The last day from `earliest` on with a model that no day before it had: the day, the models of the day before it with any, the new ones."""
    known: set[str] = set()
    last: set[str] = set()
    found = None
    for day in sorted(days):
        new = days[day] - known
        if known and new and day >= earliest:
            found = day, sorted(last), sorted(new)
        known |= days[day]
        last = days[day]
    return found


def _verdict(shift: float, before: Floats, after: Floats) -> dict[str, object]:
    if len(before) < FEW:
        return {"cause": "unclear", "message": f"{len(before)} anchors have a score: {FEW} are needed to tell"}
    found = attribute(shift, before, after)
    return {"cause": found.cause, "message": found.message}


def _between(sets: Sequence[HeldSet], identity: str, before: Sequence[str], after: Sequence[str]) -> tuple[Floats, Floats] | None:
    """The scores of the anchors by what was served before and after; of the set that most of it judged. None where no set was judged by both."""
    found = []
    for one in sets:
        (x, _), (y, _) = (one.scores(ServedJudge(identity, tuple(served)), certain=True) for served in (before, after))
        both = np.flatnonzero(~np.isnan(x) & ~np.isnan(y))
        if len(both):
            found.append((x[both], y[both]))
    return max(found, key=lambda pair: len(pair[0])) if found else None


def _since(sets: Sequence[HeldSet], judge: ServedJudge, since: date, seen: date) -> tuple[Floats, Floats] | None:
    """Scores of the anchors before a change that began on `since` and was seen on `seen`, and after it, by one judge; None where nothing tells both.

    After: the last window until it was seen, else the first one later. Before: the last window before it began, else the founding, where that
    was this judge's. A founding from between the beginning and the window says nothing of what was before.
    """
    for one in sets:
        windows = one.windows(judge)
        later = sorted(window for window in windows if window >= since.isoformat())
        if not later:
            continue
        chosen = max((window for window in later if window <= seen.isoformat()), default=later[0])
        earlier = max((window for window in windows if window < since.isoformat()), default=None)
        if earlier is not None:
            before = windows[earlier]
        elif one.founded_by(judge) and not since.isoformat() <= one.anchors.created[:10] <= chosen:
            before = dict(enumerate(one.founding.tolist()))
        else:
            continue
        both = sorted(before.keys() & windows[chosen].keys())
        if both:
            return np.array([before[place] for place in both]), np.array([windows[chosen][place] for place in both])
    return None
