"""One series across judges: who judged, where that changed, and scores of one judge in units of another through anchors that both judged."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import pairwise

import numpy as np

from judgecli.signal.anchors import FEW, SAYINGS, ShiftCause, cause_of
from judgecli.signal.windows import SignalRow
from judgecli.stats.intervals import Estimate
from judgecli.stats.linear_link import LinearLink

MIXED = "these scores are by several served models (it changed within the window, or an answer came again that an earlier one had judged), so no link fits them"
NO_ANCHORS = "no anchor set of this metric was judged by both (judge anchors create|rejudge makes one, of a rubric)"


@dataclass(frozen=True)
class ServedJudge:
    """Who gave scores: the identity of the metric (rubric, model, parameters), and the models that an endpoint said it served (none: it did not say)."""

    identity: str
    served: tuple[str, ...] = ()

    def differs(self, other: "ServedJudge") -> bool:
        """Whether two are not the same judge. An endpoint that does not say what it serves tells nothing."""
        return self.identity != other.identity or bool(self.served and other.served and set(self.served) != set(other.served))

    def text(self, other: "ServedJudge | None" = None) -> str:
        """What tells it from `other`: what was served, and the identity where that differs."""
        served = ", ".join(self.served)
        if other is not None and other.identity == self.identity:
            return served or "an endpoint that did not say"
        return f"{self.identity[:12]} ({served})" if served else self.identity[:12]

    def to_json(self) -> dict[str, object]:
        """As data."""
        return {"identity": self.identity, "served": list(self.served)}


@dataclass(frozen=True)
class Link:
    """The line from `after` back to `before`, in the metric's units, by the anchors of one set; `scale` is that of `after`.

    `p`: of no shift, where all anchors moved by the same, so that the spread around the line tells nothing.
    """

    anchor_set: str
    before: ServedJudge
    after: ServedJudge
    line: LinearLink
    scale: tuple[float, float]
    p: float | None = None

    @property
    def few(self) -> bool:
        """Whether its anchors are too few for a verdict: few that agree have no spread to show."""
        return self.line.items < FEW

    def to_json(self, mean: float) -> dict[str, object]:
        """The link as data, with the shift where the later judge's mean is `mean`."""
        shift = self.line.shift(mean)
        told = {"set": self.anchor_set, "anchors": self.line.items, "from": self.before.to_json(), "to": self.after.to_json(), "slope": self.line.slope}
        return {**told, "shift": shift.mean, "shift_low": shift.low, "shift_high": shift.high}


FindLink = Callable[[str, ServedJudge, ServedJudge], Link | str]  # (metric, before, after) -> the link, or why there is none


@dataclass(frozen=True)
class JudgeChange:
    """Where the judge of a metric changed: the first window of the new one (None: without time), and what the anchors say of it.

    `live` is the step of the mean over all segments; `shift` the judge's part of it at that level and `rest` what is left, each with its
    interval; `cause` app, judge or unclear. Without a link `why` says so, the cause is unclear and the series is broken there.
    """

    metric: str
    start: datetime | None
    before: ServedJudge
    after: ServedJudge
    live: float | None
    shift: Estimate
    rest: Estimate
    cause: ShiftCause
    message: str
    anchor_set: str | None = None
    anchors: int = 0
    why: str | None = None

    def to_json(self) -> dict[str, object]:
        """As data; strict JSON."""
        numbers = {
            "live": self.live,
            "shift": self.shift.mean,
            "shift_low": self.shift.low,
            "shift_high": self.shift.high,
            "rest": self.rest.mean,
            "rest_low": self.rest.low,
            "rest_high": self.rest.high,
        }
        return {
            "metric": self.metric,
            "window_start": None if self.start is None else self.start.isoformat(),
            "from": self.before.to_json(),
            "to": self.after.to_json(),
            **numbers,
            "verdict": self.cause,
            "message": self.message,
            "set": self.anchor_set,
            "anchors": self.anchors,
            "reasons": {name: self.why or "there is no mean on both sides" for name, value in numbers.items() if value is None},
        }


@dataclass(frozen=True)
class LinkedRows:
    """Rows with `linked` where a chart has several judges, and the changes, oldest first."""

    rows: Sequence[SignalRow]
    changes: Sequence[JudgeChange] = field(default_factory=tuple)


def link_rows(rows: Sequence[SignalRow], find: FindLink, identities: Sequence[str] = ()) -> LinkedRows:
    """The rows of each metric that several judges gave, in units of the first of them, and where the judge changed.

    The first is that of the earliest window; of those that share it, the one with the oldest identity (`identities`: the newest first).
    Rows of the first judge stay as they are.
    """
    ages = {identity: age for age, identity in enumerate(identities)}
    found: dict[int, SignalRow] = {}
    changes: list[JudgeChange] = []
    for metric in dict.fromkeys(row.metric for row in rows):
        places = [place for place, row in enumerate(rows) if row.metric == metric and row.unit == "record" and row.n and row.mean is not None]
        stretches, mixed = _stretches(rows, places, ages)
        judges = list(stretches)
        if len(judges) > 1:
            found |= {place: replace(rows[place], linked=_linked(rows[place], MIXED)) for place in mixed}
        for judge in judges[1:]:
            link = find(metric, judges[0], judge)
            found |= {place: replace(rows[place], linked=_linked(rows[place], link)) for place in stretches[judge]}
        for before, after in pairwise(judges):
            own, own_before = ([rows[place] for place in stretches[judge]] for judge in (after, before))
            change = _change(metric, before, after, own_before, own, find(metric, before, after))
            shared = [rows[place] for place in mixed if rows[place].identity == after.identity and set(rows[place].served) >= set(after.served)]
            changes.append(replace(change, start=_first([*own, *shared]), message=change.message + _left_out(own, own_before, shared)))
    changes.sort(key=lambda change: (change.start is not None, "" if change.start is None else change.start.isoformat(), change.metric))
    return LinkedRows([found.get(place, row) for place, row in enumerate(rows)], changes)


def judge_of(row: SignalRow) -> ServedJudge:
    """Who gave the scores of a row."""
    return ServedJudge(row.identity, tuple(sorted(row.served)))


def _stretches(rows: Sequence[SignalRow], places: Sequence[int], ages: Mapping[str, int]) -> tuple[dict[ServedJudge, list[int]], list[int]]:
    """The places of the rows of each judge, judges in the order of their first window; and of rows in whose window the served model changed.

    Where an endpoint did not say what it served, it is taken for the model that it named last, or else named first.
    """

    def arrival(place: int) -> tuple[str, int, tuple[str, ...]]:
        start = rows[place].window_start
        return "" if start is None else start.isoformat(), -ages.get(rows[place].identity, 0), judge_of(rows[place]).served

    order = sorted(places, key=arrival)
    every = list(dict.fromkeys(judge_of(rows[place]) for place in order))
    pure = [judge for judge in every if not any(judge.identity == other.identity and set(judge.served) > set(other.served) > set() for other in every)]
    latest = {judge.identity: judge for judge in reversed(pure) if judge.served}  # who an endpoint that does not say is taken for
    found: dict[ServedJudge, list[int]] = {}
    mixed: list[int] = []
    for place in order:
        own = judge_of(rows[place])
        if own not in pure:
            mixed.append(place)
            continue
        own = own if own.served else latest.get(own.identity, own)
        latest[own.identity] = own
        found.setdefault(own, []).append(place)
    return found, mixed


def _first(rows: Sequence[SignalRow]) -> datetime | None:
    return min((row.window_start for row in rows if row.window_start is not None), default=None)


def _linked(row: SignalRow, link: Link | str) -> dict[str, object]:
    """What a row is in units of the first judge."""
    if isinstance(link, str) or row.mean is None:
        why = link if isinstance(link, str) else "there is no mean"
        return {**dict.fromkeys(("mean", "se", "low", "high", "set", "anchors", "shift", "shift_low", "shift_high")), "reasons": {"mean": why}}
    found = link.line.mean(Estimate(row.mean, row.se, row.low, row.high))
    told = link.to_json(row.mean)
    numbers = {name: getattr(found, name) for name in ("mean", "se", "low", "high")}
    missing = {name: row.reasons.get(name, "the raw mean has none") for name, value in numbers.items() if value is None}
    return {**numbers, **told, "reasons": missing}


def _change(
    metric: str, before: ServedJudge, after: ServedJudge, rows_before: Sequence[SignalRow], rows_after: Sequence[SignalRow], link: Link | str
) -> JudgeChange:
    start = _first(rows_after)
    old, new = _pooled(rows_before), _pooled(rows_after)
    live = None if old.mean is None or new.mean is None else new.mean - old.mean
    nothing = Estimate(None, None, None, None)
    if isinstance(link, str) or new.mean is None:
        why = link if isinstance(link, str) else "nothing was scored"
        return JudgeChange(
            metric,
            start,
            before,
            after=after,
            live=live,
            shift=nothing,
            rest=nothing,
            cause="unclear",
            message=f"{_who(before, after)}, and nothing links the two: {why}",
            why=why,
        )
    shift, linked = link.line.shift(new.mean), link.line.mean(new)
    rest = _difference(linked, old)
    cause: ShiftCause = "unclear" if link.few or live is None else cause_of(live, shift, link.p)
    step = "" if live is None else f", of a step of {live:+.3g}"
    told = f"{link.line.items} anchors put its scores {_figures(shift)} apart{step}; {_figures(rest)} is left"
    because = f" (fewer than {FEW} anchors are no verdict)" if link.few else ""
    message = f"{_who(before, after)}: {SAYINGS[cause]}{because}: {told}"
    return JudgeChange(
        metric, start, before, after=after, live=live, shift=shift, rest=rest, cause=cause, message=message, anchor_set=link.anchor_set, anchors=link.line.items
    )


def _left_out(after: Sequence[SignalRow], before: Sequence[SignalRow], shared: Sequence[SignalRow]) -> str:
    """On how few answers the step rests where windows with scores of both judges cannot enter it."""
    if not shared:
        return ""
    old, new, lost = (sum(row.n for row in rows) for rows in (before, after, shared))
    return f" (of {old:,} answers before and {new:,} after; {lost:,} more are in windows with scores of both judges)"


def _who(before: ServedJudge, after: ServedJudge) -> str:
    return f"measured by {after.text(before)} from here on, by {before.text(after)} before"


def _figures(found: Estimate) -> str:
    if found.mean is None:
        return "nothing known"
    return f"{found.mean:+.3g}" + (f" ({found.low:+.3g} to {found.high:+.3g})" if found.low is not None and found.high is not None else "")


def _pooled(rows: Sequence[SignalRow]) -> Estimate:
    """The mean over some rows, each by its n; its error takes them as independent, and is None where one has none."""
    counts = np.array([row.n for row in rows], dtype=float)
    if not len(rows):
        return Estimate(None, None, None, None)
    shares = counts / counts.sum()
    mean = float(shares @ np.array([row.mean for row in rows], dtype=float))
    errors = [row.se for row in rows]
    if any(error is None for error in errors):
        return Estimate(mean, None, None, None)
    se = float(np.sqrt((shares**2) @ np.array(errors, dtype=float) ** 2))
    return Estimate(mean, se, mean - 1.96 * se, mean + 1.96 * se)


def _difference(a: Estimate, b: Estimate) -> Estimate:
    if a.mean is None or b.mean is None:
        return Estimate(None, None, None, None)
    mean = a.mean - b.mean
    if a.low is None or a.high is None or b.low is None or b.high is None or a.se is None or b.se is None:
        return Estimate(mean, None, None, None)
    down, up = float(np.hypot(a.mean - a.low, b.high - b.mean)), float(np.hypot(a.high - a.mean, b.mean - b.low))
    return Estimate(mean, float(np.hypot(a.se, b.se)), mean - down, mean + up)


def link_text(link: Mapping[str, object]) -> str:
    """A link of a JSON document in words: `after the link by 50 anchors of main (shift +0.2, 0.15 to 0.25)`."""
    shift, low, high = (float(str(link[name])) for name in ("shift", "shift_low", "shift_high"))
    return f"after the link by {link['anchors']} anchors of '{link['set']}' (the judge's shift: {shift:+.3g}, {low:+.3g} to {high:+.3g})"
