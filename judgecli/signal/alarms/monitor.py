"""The monitor: one chart a metric and segment, fed day by day, that says when something changed and since when.

A chart watches the mean of a metric, or how often it has no score (failed, not applicable), over all records
or in one segment of the policy. Its unit is a cluster on one UTC day; the items of a day are fed once the day
has closed, in the order of (time, key). So the state follows from the records alone: fed daily or all at once
it is the same to the last bit. The budget (one false alarm in `every_days` over everything) is shared equally by
the metrics, each metric's share by its drops, rises, failed and inapplicable cells; segments and the whole share
by their traffic, so a new segment costs the others nothing. Items of a day count for as many as independent ones
would (`stats/day_effects.py`); a day effect that other metrics show is expected of each.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from judgecli.arrays import Floats
from judgecli.signal.alarms.bench import Bench, ChartWork, weigh
from judgecli.signal.alarms.charts import Alarm, Chart, ChartKind, chart_key, day_text, policy_of
from judgecli.signal.alarms.items import DayRows, Items, ItemSegment, items_of, segments_of
from judgecli.signal.alarms.noticing import alarm_of
from judgecli.signal.alarms.reference import LEAST, MOST_RISK, RISK
from judgecli.stats.confidence_sequence import Bands, band, binary_band

VERSION = 2  # of what a state means: raised whenever the same records would give another
PARTS = 4  # of a metric's share of the budget: drop, rise, missing, not applicable
LONG = 0.6  # the risk of a reference's limit, times what its days are of the budget's: a limit that is wrong does harm by and by
LEAST_THRESHOLD = 100.0
MOST_SEGMENTS = 200


@dataclass(frozen=True)
class ReferenceSpan:
    """Which days make a reference: the first `days` of a chart, or the days from `first` to before `end`."""

    days: int | None = None
    first: int | None = None
    end: int | None = None


@dataclass(frozen=True)
class Watched:
    """A metric to watch. A category has no mean: of it only missing cells are watched."""

    name: str
    identity: str
    kind: str
    scale: tuple[float | None, float | None]
    higher_is_better: bool | None = None


@dataclass(frozen=True)
class Plan:
    """How to watch: the budget in days, the reference, how many metrics share the budget, and from which day a chart begins anew."""

    every_days: float
    span: ReferenceSpan
    metrics: int
    anew: Mapping[str, int] = field(default_factory=dict)

    def reference_of(self, chart: Chart) -> tuple[int, int]:
        """The days that are a chart's reference, the last excluded; a chart that began anew takes its own first days."""
        span = self.span
        if span.first is None or span.end is None or chart.key in self.anew:
            days = span.days if span.days is not None else (span.end or 1) - (span.first or 0)
            return chart.first_day, chart.first_day + days
        return span.first, span.end

    def is_reference(self, chart: Chart, day: int) -> bool:
        """Whether the items of a day belong to the reference: in its days, and after the first days until there are enough."""
        first, end = self.reference_of(chart)
        return first <= day < end or (day >= end and first == chart.first_day)


@dataclass
class Traffic:
    """The items that all charts of a metric have had since its first day."""

    first_day: int
    items: int = 0


@dataclass
class Monitor:
    """Charts and alarms. `closed` is the first day that is not fed yet; `segments` lists those that have charts, once there are two."""

    plan: Plan
    closed: int | None = None
    charts: dict[str, Chart] = field(default_factory=dict)
    traffic: dict[str, Traffic] = field(default_factory=dict)
    segments: list[ItemSegment] = field(default_factory=list)
    alarms: list[Alarm] = field(default_factory=list)

    def to_plain(self) -> dict[str, Any]:
        """The state as JSON holds it; the plan is not part of it."""
        return {
            "version": VERSION,
            "closed": self.closed,
            "charts": [chart.to_plain() for chart in self.charts.values()],
            "traffic": {name: asdict(traffic) for name, traffic in self.traffic.items()},
            "segments": [list(segment) for segment in self.segments],
            "alarms": [asdict(alarm) for alarm in self.alarms],
        }

    @classmethod
    def of_plain(cls, plan: Plan, plain: Mapping[str, Any]) -> "Monitor":
        """The monitor that `to_plain` wrote down."""
        charts = [Chart.of_plain(chart) for chart in plain["charts"]]
        alarms = [Alarm(**{**alarm, "segment": None if alarm["segment"] is None else tuple(alarm["segment"])}) for alarm in plain["alarms"]]
        traffic = {name: Traffic(**held) for name, held in plain["traffic"].items()}
        return cls(plan, plain["closed"], {chart.key: chart for chart in charts}, traffic, [tuple(segment) for segment in plain["segments"]], alarms)

    def feed(self, rows: DayRows, segments: Sequence[ItemSegment], metrics: Sequence[Watched], *, by_segment: bool) -> None:
        """Feed the records of one closed day; days come in order. `segments` are the values that `rows.segment` counts."""
        work: list[ChartWork] = []
        if len(rows.cluster):
            work += self._take(items_of(rows), None, metrics, rows.day)
            groups = [(segments[place], chosen) for place, chosen in segments_of(rows)] if by_segment else []
            groups.sort(key=lambda group: [(value is not None, value or "") for value in group[0]])
            new = [segment for segment, _ in groups if segment not in self.segments]
            self.segments += new[: MOST_SEGMENTS - len(self.segments)]
            for segment, chosen in groups if len(self.segments) > 1 else []:
                if segment in self.segments:
                    work += self._take(items_of(rows, chosen), segment, metrics, rows.day)
        if work:
            self._watch(work)
        self.closed = rows.day + 1

    # References ---------------------------------------------------------------------------------

    def _take(self, items: Items, segment: ItemSegment | None, metrics: Sequence[Watched], day: int) -> list[ChartWork]:
        """The items of each chart of a segment: those of charts that have no reference yet go into it, the others are work."""
        found: list[ChartWork] = []
        for place, metric in enumerate(metrics):
            kinds: tuple[ChartKind, ...] = ("missing", "not_applicable")
            for kind in kinds if metric.kind == "category" else ("value", *kinds):
                values: Floats = getattr(items, kind)[place]
                held = np.flatnonzero(~np.isnan(values))
                if len(held):
                    chart = self._chart(metric, kind, segment, day)
                    if self._has_reference(chart, day):
                        assert chart.reference is not None
                        found.append(ChartWork(chart, chart.reference.scale(values[held]), values[held], items.time[held], chart.reference.of_weekday(day)))
                    elif self.plan.is_reference(chart, day):
                        chart.collect(values[held], items.draw[held], day)
                    self.traffic.setdefault(_traffic_key(chart), Traffic(day)).items += len(held)
        return found

    def _chart(self, metric: Watched, kind: ChartKind, segment: ItemSegment | None, day: int) -> Chart:
        key = chart_key(metric.name, metric.identity, kind, segment)
        found, anew = self.charts.get(key), self.plan.anew.get(key)
        if found is None or (anew is not None and found.first_day < anew <= day):
            scale, better = (metric.scale, metric.higher_is_better) if kind == "value" else ((0.0, 1.0), False)
            found = self.charts[key] = Chart(metric.name, metric.identity, kind, segment=segment, scale=scale, higher_is_better=better, first_day=day)
        return found

    def _has_reference(self, chart: Chart, day: int) -> bool:
        """Whether the chart is watched on this day; freezes its reference on the first such day."""
        if chart.reference is None and chart.seen >= LEAST:
            first, end = self.plan.reference_of(chart)
            if day >= end:
                first, end = max(first, chart.first_day), max(end, chart.last_day + 1)
                risk = min(max(LONG * (end - first) / self.plan.every_days, RISK), MOST_RISK)
                chart.begin(first, end, self._threshold(chart, day), risk)
        return chart.reference is not None

    def _threshold(self, chart: Chart, day: int) -> float:
        """A: the items that all charts of this metric will have within the budget's days, times the parts that share one false alarm."""
        traffic = self.traffic[_traffic_key(chart)]
        expected = traffic.items / (day - traffic.first_day) * self.plan.every_days
        return max(LEAST_THRESHOLD, expected * PARTS * self.plan.metrics)

    # Watching -----------------------------------------------------------------------------------

    def _watch(self, work: list[ChartWork]) -> None:
        """Run the items of a day through the detectors of their charts: the n-th item of every chart at a time."""
        work.sort(key=lambda item: -len(item.x))  # stable: charts in the order of their birth
        weigh(work)
        lengths = np.array([len(item.x) for item in work])
        offsets = np.cumsum(lengths) - lengths
        x, own = (np.concatenate([getattr(item, name) for item in work]) for name in ("x", "own"))
        bench = Bench(work)
        for number in range(int(lengths[0])):
            charts = int(np.searchsorted(-lengths, -number, side="left"))  # those that have an item left
            places = offsets[:charts] + number
            for row in bench.step(x[places], own[places], charts):
                self._turn(bench, row, number)
        bench.put_back()
        for item in work:
            item.chart.remember(item.time, item.level_x, item.level_own, item.effect)

    def _turn(self, bench: Bench, row: int, number: int) -> None:
        """A detector reached its threshold: a change, or the way back from one. The chart starts anew."""
        work, side = bench.work[bench.chart_of[row]], bench.sides[row]
        time, reference = int(work.time[number]), work.reference
        if side.alarm is not None:
            next(alarm for alarm in reversed(self.alarms) if alarm.id == side.alarm).recovered = time
            side.alarm = None
            side.mu0 = 1 - reference.upper if side.rising else reference.lower
        else:
            alarm, size = alarm_of(work, side, number)
            self.alarms.append(alarm)
            side.alarm = alarm.id
            side.mu0 = reference.mean + size / 2 if side.rising else 1 - reference.mean + size / 2  # the middle between before and after, seen from there
        side.began = time
        bench.restart(row)

    # What it says -------------------------------------------------------------------------------

    def charts_json(self, columns: Sequence[str]) -> list[dict[str, object]]:
        """Every chart with its state, the reference, and the running mean since it last started, with a band that holds at all times."""
        return [_chart_json(chart, self.plan, columns) for chart in self.charts.values()]


def _traffic_key(chart: Chart) -> str:
    """What a metric's traffic is counted under: all segments together."""
    return chart_key(chart.metric, chart.identity, chart.kind, None)


def _chart_json(chart: Chart, plan: Plan, columns: Sequence[str]) -> dict[str, object]:
    found: dict[str, object] = {"metric": chart.metric, "policy": policy_of(chart.segment, columns), "kind": chart.kind, "identity": chart.identity}
    if chart.reference is None:
        return {**found, "state": "no reference yet", "reason": _why_none(chart, plan), "reference": None}
    reference = chart.reference
    state = Bands(*(np.array([value]) for value in chart.band))
    n, total = chart.band[0], chart.band[1]
    is_whole = (reference.low, reference.high) == chart.scale  # else the band speaks of values cut to the scale of the reference
    low, high = binary_band(total, n) if reference.binary and float(total).is_integer() else band(state, 0)
    return {
        **found,
        "state": "changed" if any(side.alarm for side in chart.sides) else "watching",
        "reason": None if n and is_whole else "no band: the metric is unbounded" if n else "no item since it started",
        "reference": {
            "n": reference.n,
            "mean": reference.own_mean,
            "lower": reference.value(reference.lower) if is_whole else None,
            "upper": reference.value(reference.upper) if is_whole else None,
            "scale": [reference.low, reference.high],
            "from": day_text(reference.first_day),
            "to": day_text(reference.end_day),
        },
        "weekdays": [offset * (reference.high - reference.low) for offset in reference.weekdays] if reference.reach else None,
        "day_effect": chart.effects.effect(chart.effects.items),
        "day_effect_known": chart.effects.is_known,
        "threshold": chart.threshold,
        "n": int(n),
        "mean": chart.own / n if n else None,
        "low": reference.value(low) if n and is_whole else None,
        "high": reference.value(high) if n and is_whole else None,
        "alarms": [side.alarm for side in chart.sides if side.alarm],
    }


def _why_none(chart: Chart, plan: Plan) -> str:
    """Why a chart has no reference: too few items, or its days are not over."""
    first, end = plan.reference_of(chart)
    items = f"{chart.seen:,} items so far" if chart.seen >= LEAST else f"{chart.seen:,} of at least {LEAST} items so far"
    return f"{items}; its reference is {day_text(first)} to before {day_text(end)}"
