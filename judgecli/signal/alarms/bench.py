"""The charts of one day side by side: their items, what these count for, and the detectors that run over them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from judgecli.arrays import Floats, Integers
from judgecli.signal.alarms.charts import Chart
from judgecli.signal.alarms.reference import Reference
from judgecli.stats.confidence_sequence import Bands, step_bands
from judgecli.stats.e_detector import Detectors, bets, step

POOLED = 2.0  # times what the mean of other metrics' hints of day effects has beyond HINTED standard errors; each hint counts at most so many
HINTED = 0.5


@dataclass
class ChartWork:
    """The items of one chart on one day, on its scale and as they are; `shift` is what its weekday differs by, `effect` the day's design effect."""

    chart: Chart
    x: Floats
    own: Floats
    time: Integers
    shift: float
    effect: float = 1.0

    @property
    def reference(self) -> Reference:
        """That of the chart, which has one."""
        assert self.chart.reference is not None
        return self.chart.reference

    @property
    def level_x(self) -> Floats:
        """The items on the scale without what the weekday differs by."""
        return self.x - self.shift

    @property
    def level_own(self) -> Floats:
        """The items as they are without what the weekday differs by."""
        return self.own - self.shift * (self.reference.high - self.reference.low)


def weigh(work: Sequence[ChartWork]) -> None:
    """Set the design effect of each chart's day: what its own days show, and beside it what those of other metrics do."""
    hints = {id(item): min(max(item.chart.effects.z, -POOLED), POOLED) for item in work if item.chart.kind == "value" and item.chart.segment is None}
    total = sum(hints.values())
    for item in work:
        others = len(hints) - (id(item) in hints)
        hint = (total - hints.get(id(item), 0.0)) / others if others else 0.0
        item.effect = item.chart.effects.effect(len(item.x), POOLED * max(hint - HINTED, 0.0))


class Bench:
    """The charts of one day side by side: their state as arrays while the items run, put back when the day is done."""

    def __init__(self, work: Sequence[ChartWork]) -> None:
        self.work = work
        self.sides = [side for item in work for side in item.chart.sides]
        self.chart_of = np.array([place for place, item in enumerate(work) for _ in item.chart.sides])
        self._rows = np.cumsum([len(item.chart.sides) for item in work])
        self.detectors = Detectors(np.array([side.sr for side in self.sides]).T.copy())
        self.bands = Bands(*np.array([item.chart.band for item in work]).T.copy())
        self._own = np.array([item.chart.own for item in work])
        self._threshold = np.array([work[place].chart.threshold for place in self.chart_of], float)
        self._mu0, self._sign, self._start = (np.zeros(len(self.sides)) for _ in range(3))
        self._shift = np.array([item.shift for item in work])
        power = np.array([1 / work[place].effect for place in self.chart_of])
        self._power = power if (power != 1).any() else None
        self._factors = np.zeros(self.detectors.sr.shape)
        for row in range(len(self.sides)):
            self._aim(row)

    def _aim(self, row: int) -> None:
        """Set what a detector bets on, from its side."""
        side, reference = self.sides[row], self.work[self.chart_of[row]].reference
        self._mu0[row], self._sign[row], self._start[row] = side.mu0, -1.0 if side.flipped else 1.0, 1.0 if side.flipped else 0.0
        self._factors[:, row] = bets(side.mu0, reference.sd**2, binary=reference.binary, reach=reference.reach)[:, 0]

    def restart(self, row: int) -> None:
        """Start a detector anew, after its side was changed, and the band of its chart."""
        self.detectors.restart(row)
        self.bands.restart(int(self.chart_of[row]))
        self._own[self.chart_of[row]] = 0.0
        self._aim(row)

    def step(self, x: Floats, own: Floats, charts: int) -> list[int]:
        """Feed one item to each of the first charts; the rows that reached their threshold."""
        rows = int(self._rows[charts - 1])
        owner = self.chart_of[:rows]
        turned = self._start[:rows] + self._sign[:rows] * (x - self._shift[:charts])[owner]
        statistic = step(self.detectors, self._factors, self._mu0, turned, rows, self._power)
        step_bands(self.bands, x, charts)
        self._own[:charts] += own
        found: list[int] = np.flatnonzero(statistic >= self._threshold[:rows]).tolist()
        return found

    def put_back(self) -> None:
        """Write the arrays back into the charts."""
        for side, state in zip(self.sides, self.detectors.sr.T.tolist(), strict=True):
            side.sr = state
        parts = np.array([getattr(self.bands, name) for name in ("count", "total", "squares", "weight", "weighted", "penalty")])
        for item, values, own in zip(self.work, parts.T.tolist(), self._own.tolist(), strict=True):
            item.chart.band, item.chart.own = values, own
