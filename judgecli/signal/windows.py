"""Signals: rewards and scores aggregated by window and policy, as data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime


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
    extra: Mapping[str, float | int | None] = field(default_factory=dict)  # signal density, silent groups, session return, ...

    def to_json(self) -> dict[str, object]:
        """DESIGN's `signals` row, strict JSON."""
        document = {name: getattr(self, name) for name in self.__dataclass_fields__}
        for name in ("window_start", "window_end"):
            document[name] = document[name].isoformat() if document[name] is not None else None
        return {name: dict(value) if isinstance(value, Mapping) else value for name, value in document.items()}


@dataclass(frozen=True)
class Signals:
    """All rows of one question, oldest window first; alarms come with the monitor."""

    rows: Sequence[SignalRow]
    by: tuple[str, ...]
    window: str | None
    alarms: Sequence[Mapping[str, object]] = ()
    notes: Sequence[str] = ()

    def to_json(self) -> dict[str, object]:
        """DESIGN's `signals` shape."""
        return {
            "rows": [row.to_json() for row in self.rows],
            "alarms": [dict(alarm) for alarm in self.alarms],
            "by": list(self.by),
            "window": self.window,
            "notes": list(self.notes),
        }
