"""Worlds for the monitor: many apps side by side in one Monitor, each as if it stood alone, with the alarms of each."""

from dataclasses import dataclass
from unittest.mock import patch

import numpy as np

from judgecli.signal.alarms import monitor as watching
from judgecli.signal.alarms.bench import weigh
from judgecli.signal.alarms.charts import Alarm
from judgecli.signal.alarms.items import DayRows
from judgecli.signal.alarms.monitor import Monitor, Plan, ReferenceSpan, Watched

DAY = 86_400_000_000


@dataclass(frozen=True)
class World:
    """An app: `rate` gives scores of 0 or 1, else Beta(4, 2); days, weekends and neighbours may differ as said.

    From `change` (days after the reference) on its scores are `drop` lower.
    """

    rate: float | None = None
    items: int = 40
    day_sd: float = 0.0
    serial: float = 0.0  # AR(1) of the day effects
    neighbours: float = 0.0  # AR(1) of the items, scores are then normal
    weekend: float = 0.0
    turns: int = 1  # a cluster's score is the mean of so many, which have a correlation of one half
    drop: float = 0.0
    change: float = 0.0
    reference: int = 23
    days: int = 90
    metrics: int = 1
    every: float = 90.0
    uneven: bool = False  # days have from half to double the items

    def draw(self, rng: np.random.Generator, columns: int, start: int) -> list[np.ndarray]:
        """Of each day, from `start` (since 1970) on, the scores, shape (columns, items)."""
        days = self.reference + self.days
        level = self._levels(rng, columns, start + np.arange(days))
        last = rng.normal(size=columns)
        found = []
        for day in range(days):
            n = int(self.items * 2 ** rng.uniform(-1, 1)) if self.uneven else self.items
            low = level[day][:, None] - self.drop * (day + np.arange(n) / n >= self.reference + self.change)
            if self.neighbours:
                noise = rng.normal(size=(n, columns)) * (1 - self.neighbours**2) ** 0.5
                for place in range(n):
                    last = noise[place] = noise[place] + self.neighbours * last
                found.append(np.clip(0.7 + 0.12 * noise.T + low, 0, 1))
            elif self.rate is None:
                found.append(np.clip(rng.beta(4, 2, (columns, n)) + low, 0, 1))
            else:
                chance = np.clip(self.rate + low, 0, 1)
                if self.turns > 1:  # a beta-binomial with intra-class correlation 1/2
                    chance = rng.beta(np.maximum(chance, 1e-9), np.maximum(1 - chance, 1e-9))
                found.append(rng.binomial(self.turns, chance) / self.turns)
        return found

    def _levels(self, rng: np.random.Generator, columns: int, days: np.ndarray) -> np.ndarray:
        noise = rng.normal(size=(len(days), columns))
        for day in range(1, len(days)):
            noise[day] = self.serial * noise[day - 1] + (1 - self.serial**2) ** 0.5 * noise[day]
        return self.day_sd * noise - self.weekend * ((days[:, None] + 3) % 7 >= 5)


def alarms_of(world: World, rng: np.random.Generator, apps: int) -> tuple[list[list[Alarm]], int]:
    """The alarms of so many apps, each with its own charts, reference and budget, and the moment (microseconds) of the change."""
    columns = apps * world.metrics
    metrics = [Watched(f"{column}", "x", "number", (0.0, 1.0), True) for column in range(columns)]
    monitor = Monitor(Plan(world.every, ReferenceSpan(days=world.reference), world.metrics))

    def apart(work):
        """What other metrics of the same app show, no others."""
        by_app: dict[int, list] = {}
        for item in work:
            by_app.setdefault(int(item.chart.metric) // world.metrics, []).append(item)
        for part in by_app.values():
            weigh(part)

    with patch.object(watching, "weigh", apart):
        start = int(rng.integers(0, 7))
        for day, values in enumerate(world.draw(rng, columns, start)):
            n = values.shape[1]
            none, place = np.zeros(values.shape, bool), np.arange(n)
            time = (start + day) * DAY + place * (DAY // n)
            rows = DayRows(start + day, np.zeros(n, np.int64), place + (start + day) * 100_000, time, values, none, none)
            monitor.feed(rows, [()], metrics, by_segment=False)
    found: list[list[Alarm]] = [[] for _ in range(apps)]
    for alarm in monitor.alarms:
        found[int(alarm.metric) // world.metrics].append(alarm)
    return found, int((start + world.reference + world.change) * DAY)
