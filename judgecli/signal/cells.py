"""What the store's reduction hands to the formulas of windows.py: windows, cells, and each metric by cluster in them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from judgecli.arrays import Floats, Integers
from judgecli.errors import UsageError
from judgecli.stats.column import ColumnFacts

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
MONDAY_US = 4 * 86_400_000_000  # 1970-01-05, the first Monday after the epoch
DURATION = re.compile(r"([1-9][0-9]*)([smhdw])")


def duration(text: str) -> timedelta:
    """A duration as judge.yaml writes it (90s, 15m, 6h, 7d, 2w). Raises: UsageError."""
    found = DURATION.fullmatch(text)
    if found is None:
        raise UsageError(f"'{text}' is no duration", hint="a number and one of s, m, h, d, w, for example 7d")
    try:
        return timedelta(seconds=int(found[1]) * SECONDS[found[2]])
    except OverflowError as error:
        raise UsageError(f"a duration of {text} reaches beyond the calendar", hint="write a smaller one, as 30d") from error


@dataclass(frozen=True, slots=True)
class Window:
    """Equal pieces of UTC time, half open [start, end): numbered from 1970-01-01, weeks from Monday 1970-01-05; `width_us` None is all of it."""

    text: str
    width_us: int | None
    origin_us: int = 0

    @classmethod
    def of(cls, text: str) -> "Window":
        """`1h`, `6h`, `1d`, `30d`, `1w`, ..., `all`. Raises: UsageError."""
        if text == "all":
            return cls(text, None)
        found = DURATION.fullmatch(text)
        if found is None or found[2] not in "hdw":
            raise UsageError(f"--window {text} is no window", hint="1h, 1d, 1w, 30d (a number and h, d or w), or all")
        return cls(text, duration(text) // timedelta(microseconds=1), MONDAY_US if found[2] == "w" else 0)

    def start(self, number: int) -> datetime | None:
        """When window `number` begins; None for `all`, and where the calendar ends."""
        if self.width_us is None:
            return None
        try:
            return EPOCH + timedelta(microseconds=self.origin_us + number * self.width_us)
        except OverflowError:
            return None


@dataclass(frozen=True, slots=True)
class WindowCell:
    """One window (None: records without time, or `all`) of one segment: how many records, and how many of them came late."""

    window: int | None
    segment: tuple[str | None, ...]
    rows: int
    late: int


@dataclass(frozen=True)
class MetricCells:
    """One identity of one metric. `cells`, `clusters`, `counts` and `sums` hold one item a cell and cluster,
    ordered by both; `totals` (the exact sum), `decayed_sums` and `decayed_counts` one a cell: what a record
    adds halves with every half-life that it is older than the window's end. Decayed are the distances of values from `decayed_from`,
    so that values that are all the same give that value and not what rounding left of it."""

    name: str
    identity: str
    kind: str
    scale: tuple[float | None, float | None]
    higher_is_better: bool | None
    cells: Integers
    clusters: Integers
    counts: Integers
    sums: Floats
    totals: Floats
    decayed_sums: Floats
    decayed_counts: Floats
    reasons: Mapping[int, Mapping[str, int]]
    unit: str = "record"
    decayed_from: float = 0.0
    served: Mapping[int, Sequence[str]] = field(default_factory=dict)  # of a judge, by cell: the models that served it
    two_values: tuple[float, float] | None = None  # all that was seen in any cell, where that is so (stats/column.py)

    @property
    def column(self) -> ColumnFacts:
        """What is known of the values."""
        return ColumnFacts(self.kind, self.scale, self.two_values)


@dataclass(frozen=True)
class WindowCells:
    """The whole first step. `cells` are ordered by window (records without time first), then segment."""

    by: tuple[str, ...]
    window: Window
    newest: datetime | None
    lateness: timedelta
    cells: Sequence[WindowCell]
    metrics: Sequence[MetricCells]
