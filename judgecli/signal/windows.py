"""Signals: rewards and scores aggregated by window and policy, as data, and the second step that makes them.

A row's value is V at the end of its window (reward/value.py), its advantage the mean minus V at the
start of the window, its regret what was lost against the best known policy (reward/regret.py).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import numpy as np

from judgecli.arrays import Floats, Integers
from judgecli.reward.regret import Arm, best_arm, joint_level, lost, safe_limit
from judgecli.reward.value import ValueBaseline, decayed_values
from judgecli.schema import REASONS
from judgecli.signal.cells import MetricCells, WindowCells
from judgecli.signal.summary import MetricSummary, Reduced, summarise
from judgecli.stats.deciding import LEAST_CLUSTERS, estimate_means
from judgecli.stats.intervals import Estimate

HIDDEN = ("sums",)  # fields of a row that are no part of its JSON
OPTIONAL = ("corrected", "corrected_by_errors", "linked", "regret_mark")  # keys of a row that are there only where they say something


@dataclass(frozen=True)
class ClusterSums:
    """The scored rows of a cell by cluster, ordered by it: what a test of two rows needs beyond their means."""

    clusters: Integers
    counts: Integers
    sums: Floats
    scale: tuple[float | None, float | None] = (None, None)


@dataclass(frozen=True)
class SignalRow:
    """One metric (or reward) in one window and one segment: n of N, mean with interval, value, advantage, regret.

    `policy` holds the segment's columns and values (empty: all records). Numbers that could not be
    computed are None, with the cause in `reasons`. `late` counts records that arrived after the
    window was final; `final` tells whether the window has closed.
    """

    window_start: datetime | None
    window_end: datetime | None
    policy: Mapping[str, str | None]
    metric: str
    n: int
    unscored: Mapping[str, int]
    clusters: int
    mean: float | None
    se: float | None
    low: float | None
    high: float | None
    worst: float | None
    best: float | None
    value: float | None
    advantage: float | None
    regret: float | None
    identity: str
    late: int
    final: bool
    kind: str = "number"
    higher_is_better: bool | None = None
    reasons: Mapping[str, str] = field(default_factory=dict)
    extra: Mapping[str, float | int | None] = field(default_factory=dict)  # shortfall, signal density, session return, ...
    served: Sequence[str] = ()  # the models that an endpoint says it served for these scores
    unit: str = "record"  # what n counts: record, session, prompt, pair or corpus (outputs)
    method: str = "none"  # how the limits were made (stats/deciding.py)
    corrected: Mapping[str, object] | None = None  # the mean as people's labels correct it, where judge.yaml aligns the metric
    corrected_by_errors: Mapping[str, object] | None = None  # the same of a rate, by how often the judge errs on labelled records
    regret_mark: Mapping[str, object] | None = None  # what regret is held against: the policy that is known to be best, and its safe limit
    linked: Mapping[str, object] | None = None  # the mean in units of the first judge of the chart, where this is another one
    sums: ClusterSums | None = field(default=None, compare=False, repr=False)  # where they were asked for

    @property
    def partial(self) -> bool:
        """Whether a cell that should have a value failed or still waits."""
        return any(REASONS[reason] != "design" for reason, count in self.unscored.items() if count)

    def to_json(self) -> dict[str, object]:
        """DESIGN's `signals` row, strict JSON."""
        shown = [name for name in self.__dataclass_fields__ if name not in HIDDEN]
        document = {name: value for name in shown if (value := getattr(self, name)) is not None or name not in OPTIONAL}
        for name in ("window_start", "window_end"):
            document[name] = document[name].isoformat() if document[name] is not None else None
        return {name: dict(value) if isinstance(value, Mapping) else list(value) if isinstance(value, tuple) else value for name, value in document.items()}


@dataclass(frozen=True)
class Signals:
    """All rows of one question, oldest window first; alarms come with the monitor."""

    rows: Sequence[SignalRow]
    by: tuple[str, ...]
    window: str | None
    alarms: Sequence[Mapping[str, object]] = ()
    notes: Sequence[str] = ()
    judge_changes: Sequence[Mapping[str, object]] = ()  # where the judge of a metric changed, oldest first (signal/linked.py)

    @property
    def complete(self) -> bool:
        """Whether everything that should be measured was."""
        return not any(row.partial for row in self.rows)

    def to_json(self) -> dict[str, object]:
        """DESIGN's `signals` shape."""
        return {
            "rows": [row.to_json() for row in self.rows],
            "alarms": [dict(alarm) for alarm in self.alarms],
            "judge_changes": [dict(change) for change in self.judge_changes],
            "by": list(self.by),
            "window": self.window,
            "complete": self.complete,
            "notes": list(self.notes),
        }


def window_signals(cells: WindowCells, *, half_life_us: float, prior: float, sums: bool = False) -> list[SignalRow]:
    """One row a cell and metric identity that has any record there, ordered by window, then metric, then segment.

    With `sums`, rows keep their sums by cluster.
    """
    found: list[tuple[int, SignalRow]] = []
    arms = _Arms(cells)
    for metric in cells.metrics:
        found += _metric_rows(cells, metric, arms, half_life_us=half_life_us, prior=prior, sums=sums)
    order = {name: place for place, name in enumerate(dict.fromkeys(metric.name for metric in cells.metrics))}
    windows = [-(2**63) if cells.cells[place].window is None else cells.cells[place].window for place in range(len(cells.cells))]
    return [row for _, row in sorted(found, key=lambda item: (windows[item[0]], order[item[1].metric], item[0]))]


def _metric_rows(cells: WindowCells, metric: MetricCells, arms: "_Arms", *, half_life_us: float, prior: float, sums: bool) -> list[tuple[int, SignalRow]]:
    estimates = estimate_means(metric.sums, metric.counts, metric.cells, metric.totals, metric.column)
    edges = np.searchsorted(metric.cells, np.arange(len(cells.cells) + 1))
    summaries: dict[int, tuple[MetricSummary, int]] = {}
    for place in range(len(cells.cells)):
        part = slice(int(edges[place]), int(edges[place + 1]))
        summary, clusters = _summary(metric, place, part, estimates[place])
        if summary.cells:
            summaries[place] = (summary, clusters)
    values = _values(cells, metric, half_life_us, prior)
    best, first = _known_best(cells, metric, arms, {place: summary.estimate for place, (summary, _) in summaries.items()})
    rows = [
        (place, _row(cells, place, metric, summary=summary, clusters=clusters, baseline=values.get(place), best=best, first=first))
        for place, (summary, clusters) in summaries.items()
    ]
    if not sums:
        return rows
    return [(place, replace(row, sums=_sums(metric, slice(int(edges[place]), int(edges[place + 1]))))) for place, row in rows]


def _sums(metric: MetricCells, part: slice) -> ClusterSums:
    scored = metric.counts[part] > 0
    return ClusterSums(metric.clusters[part][scored], metric.counts[part][scored], metric.sums[part][scored], metric.scale)


def _summary(metric: MetricCells, place: int, part: slice, estimate: Estimate) -> tuple[MetricSummary, int]:
    counts = metric.counts[part]
    scored = counts > 0
    reduced = Reduced(
        metric.sums[part][scored],
        counts[scored].astype(float),
        float(metric.totals[place]),
        smallest=None,
        median=None,
        largest=None,
        scored=int(counts.sum()),
        reasons=metric.reasons.get(place, {}),
        categories={},
        two_values=metric.two_values,
    )
    summary = summarise(
        metric.name, metric.identity, kind=metric.kind, scale=metric.scale, higher_is_better=metric.higher_is_better, reduced=reduced, known=estimate
    )
    return summary, int(scored.sum())


def _values(cells: WindowCells, metric: MetricCells, half_life_us: float, prior: float) -> dict[int, ValueBaseline]:
    """V by cell; none for a category, and none for records without time."""
    width, origin, newest = cells.window.width_us, cells.window.origin_us, cells.newest
    if metric.kind == "category" or newest is None:
        return {}
    if width is None:
        ends = [0.0] * len(cells.cells)
    else:
        ends = [float("nan") if cell.window is None else float(origin + (cell.window + 1) * width) for cell in cells.cells]
    kept = [place for place, end in enumerate(ends) if end == end]
    segments = [cells.cells[place].segment for place in kept]
    found = decayed_values(
        segments,
        [ends[place] for place in kept],
        metric.decayed_sums[kept],
        metric.decayed_counts[kept],
        width=float(width or 0),
        half_life=half_life_us,
        prior=prior,
    )
    return {place: _moved(baseline, metric.decayed_from) for place, baseline in zip(kept, found, strict=True)}


def _moved(baseline: ValueBaseline, by: float) -> ValueBaseline:
    value, before = (None if part is None else part + by for part in (baseline.value, baseline.before))
    return ValueBaseline(value, before)


def _known_best(cells: WindowCells, metric: MetricCells, arms_of: "_Arms", estimates: Mapping[int, Estimate]) -> tuple[Arm | None, Estimate | None]:
    """The best segment over all windows where there are two or more (None: none is known well enough); else the first window, if that is known well enough."""
    if metric.kind == "category" or metric.higher_is_better is None:
        return None, None
    arms = arms_of.of(metric)
    if len(arms) >= 2:
        return best_arm(arms, higher_is_better=metric.higher_is_better), None
    timed = [place for place in sorted(estimates) if estimates[place].mean is not None and cells.cells[place].window is not None]
    return None, _arm_of(metric, metric.cells == timed[0], float(metric.totals[timed[0]])) if timed else None


def _arm_of(metric: MetricCells, rows: np.ndarray, total: float) -> Estimate | None:
    """The mean of these clusters, where its interval is one that decides."""
    sums, counts = metric.sums[rows], metric.counts[rows]
    (found,) = estimate_means(sums, counts, np.zeros(len(counts), np.int64), np.array([total]), metric.column)
    return found if found.decides else None


class _Arms:
    """Every segment over all its windows, its clusters joined across them. The metrics of a selection share their order."""

    def __init__(self, cells: WindowCells) -> None:
        self._segments = sorted({cell.segment for cell in cells.cells}, key=repr)
        number = {segment: place for place, segment in enumerate(self._segments)}
        self._of_cell = np.array([number[cell.segment] for cell in cells.cells], dtype=np.int64)
        self._sorted: MetricCells | None = None

    def of(self, metric: MetricCells) -> list[Arm]:
        """The segments that have a mean."""
        if self._sorted is None or metric.cells is not self._sorted.cells or metric.clusters is not self._sorted.clusters:
            self._sort(metric)
        starts, order = self._starts, self._order
        sums: Floats = np.add.reduceat(metric.sums[order], starts) if len(starts) else metric.sums
        counts = np.add.reduceat(metric.counts[order], starts) if len(starts) else metric.counts
        totals: Floats = np.bincount(self._of_cell, metric.totals, len(self._segments)).astype(float)
        level = joint_level(len(np.unique(self._arm)))
        estimates = estimate_means(sums, counts, self._arm, totals, metric.column, level=level)
        return [Arm(segment, estimate) for segment, estimate in zip(self._segments, estimates, strict=True) if estimate.mean is not None]

    def _sort(self, metric: MetricCells) -> None:
        arm = self._of_cell[metric.cells]
        self._sorted, self._order = metric, np.lexsort((metric.cells, metric.clusters, arm))
        arm, clusters = arm[self._order], metric.clusters[self._order]
        self._starts = np.flatnonzero(np.r_[True, (arm[1:] != arm[:-1]) | (clusters[1:] != clusters[:-1])]) if len(arm) else np.empty(0, dtype=np.int64)
        self._arm = arm[self._starts]


def _row(
    cells: WindowCells,
    place: int,
    metric: MetricCells,
    summary: MetricSummary,
    clusters: int,
    baseline: ValueBaseline | None,
    best: Arm | None,
    first: Estimate | None,
) -> SignalRow:
    cell, estimate = cells.cells[place], summary.estimate
    end = None if cell.window is None else cells.window.start(cell.window + 1)
    value, before = (baseline.value, baseline.before) if baseline is not None else (None, None)
    regret, shortfall = (lost(estimate, against, summary.higher_is_better) for against in (best.estimate if best else None, first))
    reasons = {**_why_no_interval(summary), **summary.why_null, **_why_null(cells, metric.unit, summary, baseline, best)}
    return SignalRow(
        window_start=None if cell.window is None else cells.window.start(cell.window),
        window_end=end,
        policy=dict(zip(cells.by, cell.segment, strict=True)),
        metric=summary.name,
        n=summary.scored,
        unscored=dict(metric.reasons.get(place, {})),
        clusters=clusters,
        mean=estimate.mean,
        se=estimate.se,
        low=estimate.low,
        high=estimate.high,
        worst=summary.worst,
        best=summary.best,
        value=value,
        advantage=None if before is None or estimate.mean is None else estimate.mean - before,
        regret=regret,
        regret_mark=None if best is None or regret is None else _mark(cells, best, summary.higher_is_better),
        identity=summary.identity,
        late=cell.late,
        final=end is not None and cells.newest is not None and cells.newest - end >= cells.lateness,
        kind=summary.kind,
        higher_is_better=summary.higher_is_better,
        reasons=reasons,
        extra={"shortfall": shortfall} if shortfall is not None else {},
        served=tuple(metric.served.get(place, ())),
        unit=metric.unit,
        method=estimate.method,
    )


def _mark(cells: WindowCells, best: Arm, higher_is_better: bool | None) -> dict[str, object]:
    limit = safe_limit(best.estimate, higher_is_better=higher_is_better is not False)
    return {"policy": dict(zip(cells.by, best.policy, strict=True)), "mean": best.estimate.mean, "limit": limit}


def _why_no_interval(summary: MetricSummary) -> dict[str, str]:
    """Why error and limits are null where they are."""
    why = summary.why_null.get("low") or summary.why_null.get("mean", "nothing was scored")
    return {name: why for name in ("se", "low", "high") if getattr(summary.estimate, name) is None}


def _why_null(cells: WindowCells, unit: str, summary: MetricSummary, baseline: ValueBaseline | None, best: Arm | None) -> dict[str, str]:
    """Why value, advantage and regret are null where they are."""
    if summary.kind == "category" or summary.estimate.mean is None:
        nulls = ("advantage", "regret") if baseline is not None and baseline.value is not None else ("value", "advantage", "regret")
        return dict.fromkeys(nulls, summary.why_null.get("mean", "nothing was scored"))
    why: dict[str, str] = {}
    if unit != "record":
        why["value"] = "V is kept for records only"
    elif baseline is None or baseline.value is None:
        why["value"] = "the records have no time"
    if baseline is None or baseline.before is None:
        why["advantage"] = why.get("value", "nothing was scored before this window")
    if summary.higher_is_better is None:
        why["regret"] = "no direction of this metric is good in itself"
    elif best is None:
        alone = len({cell.segment for cell in cells.cells}) < 2
        several = f"no segment is known well enough to hold others against: that takes {LEAST_CLUSTERS} clusters"
        compared = "no two segments to compare; see shortfall" if cells.window.width_us is not None else "no two segments to compare"
        why["regret"] = compared if alone else several
    return why
