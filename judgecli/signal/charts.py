"""A chart of the monitor: one metric of one segment, its frozen reference, and the state of its detectors, all plain data."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from typing import Any, Literal

import numpy as np

from judgecli.signal.cells import EPOCH, Floats
from judgecli.signal.items import Segment
from judgecli.stats.e_detector import SHIFTS

Kind = Literal["value", "missing"]
SAMPLE = 2_000  # items that a reference is estimated from: those with the lowest draws
LEAST = 50  # items without which there is no reference
RISK = 0.05  # that the true mean lies beyond the limit of the reference
TAIL = 0.01  # an unbounded metric is scaled between these quantiles of its reference
DAY_US = 86_400_000_000


@dataclass(frozen=True)
class Reference:
    """What a chart is held against, frozen. `mean`, `sd` and the one-sided limits are on the scale [0, 1] between `low` and `high`.

    What lies beyond an end counts as the end there; `own_mean` is the mean of the values as they are.
    """

    n: int
    first_day: int
    end_day: int
    low: float
    high: float
    mean: float
    sd: float
    lower: float
    upper: float
    binary: bool
    own_mean: float

    def scale(self, values: Floats) -> Floats:
        """Values on the scale of the chart; what lies beyond stands at its ends."""
        scaled: Floats = np.clip((values - self.low) / (self.high - self.low), 0.0, 1.0)
        return scaled

    def value(self, scaled: float) -> float:
        """A number of the scale in units of the metric."""
        return self.low + scaled * (self.high - self.low)


def freeze(values: Floats, scale: tuple[float | None, float | None], first_day: int, end_day: int) -> Reference:
    """The reference of these items; a metric without both ends gets those of its quantiles, a constant one some room on both sides."""
    low, high = scale
    if low is None or high is None:
        low, high = (float(end) for end in np.quantile(values, (TAIL, 1 - TAIL)))
        if low == high:
            low, high = float(values.min()), float(values.max())
        if low == high:
            low, high = low - max(1.0, abs(low)), high + max(1.0, abs(high))
    x = np.clip((values - low) / (high - low), 0.0, 1.0)
    binary = bool(((x == 0) | (x == 1)).all())
    limits = (lower_limit(x), 1 - lower_limit(1 - x))
    return Reference(len(x), first_day, end_day, low, high, float(x.mean()), float(x.std(ddof=1)), *limits, binary, float(values.mean()))


def lower_limit(x: Floats) -> float:
    """The one-sided 95 % lower limit of the mean of items in [0, 1]: exact for zeros and ones, else by t.

    Never above mean x 0.05^(1/n): up to 3/n of all items may stand at 0 without any among n having shown it.
    """
    from scipy.special import betaincinv, stdtrit

    n, mean = len(x), float(x.mean())
    if ((x == 0) | (x == 1)).all():
        ones = int(x.sum())
        return float(betaincinv(ones, n - ones + 1, RISK)) if ones else 0.0
    by_t = mean - float(stdtrit(n - 1, 1 - RISK)) * float(x.std(ddof=1)) / n**0.5
    return float(max(0.0, min(by_t, mean * RISK ** (1 / n))))


@dataclass
class Alarm:
    """A change that one chart noticed. Times are microseconds since 1970; `before` and `after` are means in units of the metric."""

    id: str
    metric: str
    identity: str
    kind: Kind
    segment: Segment | None
    direction: Literal["drop", "rise"]
    time: int
    since: int
    before: float
    after: float
    n: int
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
            "size": self.after - self.before,
            "id": self.id,
            "kind": self.kind,
            "identity": self.identity,
            "before": self.before,
            "after": self.after,
            "n": self.n,
            "higher_is_better": self.higher_is_better,
            "recovered": None if self.recovered is None else moment_text(self.recovered),
        }


def _empty() -> list[float]:
    return [0.0] * len(SHIFTS)


@dataclass
class Side:
    """One direction of a chart. `alarm` is the id of the alarm that stands: then it waits for the metric to come back over `mu0`."""

    rising: bool
    alarm: str | None = None
    mu0: float = 0.0
    sr: list[float] = field(default_factory=_empty)
    cusum: list[float] = field(default_factory=_empty)
    since: list[int] = field(default_factory=lambda: [0] * len(SHIFTS))
    count: list[int] = field(default_factory=lambda: [0] * len(SHIFTS))
    total: list[float] = field(default_factory=_empty)
    own: list[float] = field(default_factory=_empty)

    @property
    def flipped(self) -> bool:
        """Whether 1 - x is what must not drop: a rise, or the way back from a drop."""
        return self.rising != (self.alarm is not None)


@dataclass
class Chart:
    """One metric (or how often it is missing) of one segment (None: all records), of one identity."""

    metric: str
    identity: str
    kind: Kind
    segment: Segment | None
    scale: tuple[float | None, float | None]
    higher_is_better: bool | None
    first_day: int
    last_day: int = 0
    seen: int = 0
    draws: list[int] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    reference: Reference | None = None
    threshold: float | None = None
    sides: list[Side] = field(default_factory=list)
    band: list[float] = field(default_factory=lambda: [0.0] * 6)
    own: float = 0.0  # the sum of the items of the band, as they are

    @property
    def key(self) -> str:
        """What tells this chart from all others."""
        return chart_key(self.metric, self.identity, self.kind, self.segment)

    def collect(self, values: Floats, draws: "np.ndarray[Any, np.dtype[np.uint64]]", day: int) -> None:
        """Add the items of a day to those that the reference is estimated from."""
        self.seen, self.last_day = self.seen + len(values), day
        held = sorted([*zip(self.draws, self.values, strict=True), *zip(draws.tolist(), values.tolist(), strict=True)])[:SAMPLE]
        self.draws, self.values = [draw for draw, _ in held], [value for _, value in held]

    def begin(self, first_day: int, end_day: int, threshold: float) -> None:
        """Freeze the reference, which holds the items of these days, and watch from here on."""
        reference = freeze(np.array(self.values), self.scale, first_day, end_day)
        self.reference, self.threshold, self.draws, self.values = reference, threshold, [], []
        directions = (False, True) if self.kind == "value" else (True,)
        self.sides = [Side(rising, mu0=1 - reference.upper if rising else reference.lower) for rising in directions]

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
                "reference": None if reference is None else Reference(**reference),
                "sides": [Side(**side) for side in plain["sides"]],
            }
        )


def chart_key(metric: str, identity: str, kind: str, segment: Segment | None) -> str:
    """What tells one chart from all others, as text."""
    return json.dumps([metric, identity, kind, segment])


def alarm_id(chart: str, direction: str, time: int) -> str:
    """Follows from what alarmed and when, so that a recomputation finds the same."""
    return hashlib.blake2b(f"{chart} {direction} {time}".encode("utf-8", "backslashreplace"), digest_size=5).hexdigest()


def policy_of(segment: Segment | None, columns: Sequence[str]) -> dict[str, str | None]:
    """A segment as column -> value; empty for all records."""
    return {} if segment is None else dict(zip(columns, segment, strict=True))


def moment_text(microseconds: int) -> str:
    """A time as ISO 8601 in UTC."""
    return (EPOCH + timedelta(microseconds=microseconds)).isoformat()


def day_text(day: int) -> str:
    """A day as 2026-09-07."""
    return moment_text(day * DAY_US)[:10]
