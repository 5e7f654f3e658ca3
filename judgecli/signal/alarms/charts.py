"""A chart of the monitor: one metric of one segment, its frozen reference, and the state of its detectors, all plain data."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from typing import Any, Literal

import numpy as np

from judgecli.arrays import Floats, Integers
from judgecli.signal.alarms.history import HistoryRow, add_day
from judgecli.signal.alarms.items import ItemSegment
from judgecli.signal.alarms.reference import DayPart, Reference, freeze
from judgecli.signal.cells import EPOCH
from judgecli.stats.day_effects import DayEffects
from judgecli.stats.e_detector import SHIFTS

ChartKind = Literal["value", "missing", "not_applicable"]  # the mean; the share of cells that failed; the share that the metric does not apply to
SAMPLE = 2_000  # items that a reference is estimated from: those with the lowest draws
DAY_US = 86_400_000_000


@dataclass
class Alarm:
    """A change that one chart noticed. Times are microseconds since 1970; `before` and `after` are means in units of the metric.

    It began at `since`, with 95 % between `since_low` and `since_high`, and `after` is `before` and the estimate of the change, which has a
    95 % interval. `count` is the sum of the `n` items since: of shares the cells without a score, where a cluster has one.
    """

    id: str
    metric: str
    identity: str
    kind: ChartKind
    segment: ItemSegment | None
    direction: Literal["drop", "rise"]
    time: int
    since: int
    since_low: int
    since_high: int
    before: float
    after: float
    size_low: float
    size_high: float
    n: int
    count: float
    higher_is_better: bool | None = None
    recovered: int | None = None

    @property
    def chart(self) -> str:
        """The key of the chart that noticed it."""
        return chart_key(self.metric, self.identity, self.kind, self.segment)

    def to_json(self, columns: Sequence[str]) -> dict[str, object]:
        """DESIGN's alarm, with what else is known; `columns` are those of the policy."""
        return {
            "metric": self.metric,
            "policy": policy_of(self.segment, columns),
            "time": moment_text(self.time),
            "direction": self.direction,
            "since": moment_text(self.since),
            "since_low": moment_text(self.since_low),
            "since_high": moment_text(self.since_high),
            "size": self.after - self.before,
            "size_low": self.size_low,
            "size_high": self.size_high,
            "id": self.id,
            "kind": self.kind,
            "identity": self.identity,
            "before": self.before,
            "after": self.after,
            "n": self.n,
            "count": self.count,
            "higher_is_better": self.higher_is_better,
            "recovered": None if self.recovered is None else moment_text(self.recovered),
        }


@dataclass
class ChartSide:
    """One direction of a chart. `alarm` is the id of the alarm that stands: then it waits for the metric to come back over `mu0`.

    `began` is the moment after which its items came.
    """

    rising: bool
    alarm: str | None = None
    mu0: float = 0.0
    began: int = -(2**62)
    sr: list[float] = field(default_factory=lambda: [0.0] * len(SHIFTS))

    @property
    def flipped(self) -> bool:
        """Whether 1 - x is what must not drop: a rise, or the way back from a drop."""
        return self.rising != (self.alarm is not None)


@dataclass
class Chart:
    """One metric (or how often it has no score) of one segment (None: all records), of one identity."""

    metric: str
    identity: str
    kind: ChartKind
    segment: ItemSegment | None
    scale: tuple[float | None, float | None]
    higher_is_better: bool | None
    first_day: int
    last_day: int = 0
    seen: int = 0
    draws: list[int] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    parts: list[DayPart] = field(default_factory=list)
    reference: Reference | None = None
    effects: DayEffects = field(default_factory=DayEffects)
    threshold: float | None = None
    sides: list[ChartSide] = field(default_factory=list)
    band: list[float] = field(default_factory=lambda: [0.0] * 6)
    own: float = 0.0  # the sum of the items of the band, as they are
    history: list[HistoryRow] = field(default_factory=list)
    days: list[int] = field(default_factory=list)  # how many rows of it each of the newest days has

    @property
    def key(self) -> str:
        """What tells this chart from all others."""
        return chart_key(self.metric, self.identity, self.kind, self.segment)

    def collect(self, values: Floats, draws: "np.ndarray[Any, np.dtype[np.uint64]]", day: int) -> None:
        """Add the items of a day, in the order of time, to those that the reference is estimated from."""
        self.parts.append(DayPart.of(day, values))
        self.seen, self.last_day = self.seen + len(values), day
        held = sorted([*zip(self.draws, self.values, strict=True), *zip(draws.tolist(), values.tolist(), strict=True)])[:SAMPLE]
        self.draws, self.values = [draw for draw, _ in held], [value for _, value in held]

    def begin(self, first_day: int, end_day: int, threshold: float, risk: float) -> None:
        """Freeze the reference, which holds the items of these days, and watch from here on."""
        self.reference, self.effects = freeze(np.array(self.values), self.scale, first_day, end_day, self.parts, risk=risk)
        self.threshold, self.draws, self.values, self.parts = threshold, [], [], []
        directions = (False, True) if self.kind == "value" else (True,)
        self.sides = [ChartSide(rising, mu0=1 - self.reference.upper if rising else self.reference.lower) for rising in directions]

    def remember(self, time: Integers, x: Floats, own: Floats, effect: float) -> None:
        """Take in a day that was watched: its items without what their weekday differs by, and its design effect."""
        assert self.reference is not None
        add_day(self.history, time, x, own, effect, self.days)
        if any(side.alarm for side in self.sides):
            self.effects.recent.clear()  # a level that is new is no day effect
        else:
            self.effects.learn(float(x.mean()), len(x), self.reference.sd)

    def to_plain(self) -> dict[str, Any]:
        """As JSON holds it."""
        return asdict(self)

    @classmethod
    def of_plain(cls, plain: Mapping[str, Any]) -> "Chart":
        """The chart that `to_plain` wrote down."""
        segment, reference = plain["segment"], plain["reference"]
        return cls(
            **{
                **plain,
                "segment": None if segment is None else tuple(segment),
                "scale": tuple(plain["scale"]),
                "parts": [DayPart(**part) for part in plain["parts"]],
                "reference": None if reference is None else Reference(**reference),
                "effects": DayEffects(**plain["effects"]),
                "sides": [ChartSide(**side) for side in plain["sides"]],
            }
        )


def chart_key(metric: str, identity: str, kind: str, segment: ItemSegment | None) -> str:
    """What tells one chart from all others, as text."""
    return json.dumps([metric, identity, kind, segment])


def alarm_id(chart: str, direction: str, time: int) -> str:
    """Follows from what alarmed and when, so that a recomputation finds the same."""
    return hashlib.blake2b(f"{chart} {direction} {time}".encode("utf-8", "backslashreplace"), digest_size=5).hexdigest()


def policy_of(segment: ItemSegment | None, columns: Sequence[str]) -> dict[str, str | None]:
    """A segment as column -> value; empty for all records."""
    return {} if segment is None else dict(zip(columns, segment, strict=True))


def moment_text(microseconds: int) -> str:
    """A time as ISO 8601 in UTC."""
    return (EPOCH + timedelta(microseconds=microseconds)).isoformat()


def day_text(day: int) -> str:
    """A day as 2026-09-07."""
    return moment_text(day * DAY_US)[:10]
