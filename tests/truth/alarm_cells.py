"""Alarms: the budget in worlds where nothing changes but days, weekends and neighbours differ, and what an alarm says of a change that is known.

The budget is played over a tenth of its time: then at most one app in ten may have a false alarm.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from cell import Cell
from streams import DAY, World, alarms_of

from judgecli.signal.alarms.charts import Alarm

APPS = 10  # that are played side by side; the numbers of repetitions are multiples of it
QUIET = World(days=45, every=450.0)


def _played(world: World, seen: Callable[[list[Alarm], int], bool | None]) -> Callable[[np.random.Generator], bool | None]:
    """One app a call, many apps at a time."""
    ready: list[bool | None] = []

    def run(rng: np.random.Generator) -> bool | None:
        if not ready:
            apps, change = alarms_of(world, rng, APPS)
            ready.extend(seen(alarms, change) for alarms in apps)
        return ready.pop()

    return run


def _budget(name: str, world: World) -> Cell:
    run = _played(world, lambda alarms, _: bool(alarms))
    return Cell("alarms: at most one false alarm in the budget's time", name, run, at_most=0.10, short=APPS, long=400)


def _told(world: World, of: Callable[[Alarm, int], bool]) -> Callable[[np.random.Generator], bool | None]:
    """What the first alarm says, where it is a drop after the change; else None."""

    def seen(alarms: list[Alarm], change: int) -> bool | None:
        first = min(alarms, key=lambda alarm: alarm.time, default=None)
        return of(first, change) if first is not None and first.time >= change and first.direction == "drop" else None

    return _played(world, seen)


def _span(name: str, world: World) -> Cell:
    run = _told(world, lambda alarm, at: alarm.since_low <= at <= alarm.since_high)
    return Cell("alarms: the span of `since` holds the change", name, run, at_least=0.92, of="answered", short=APPS, long=400)


def _size(name: str, world: World) -> Cell:
    run = _told(world, lambda alarm, _: alarm.size_low <= -world.drop <= alarm.size_high)
    return Cell("alarms: the interval of the size holds it", name, run, at_least=0.90, of="answered", short=APPS, long=400)


def _twice(name: str, world: World) -> Cell:
    run = _told(world, lambda alarm, _: alarm.after - alarm.before < -2 * world.drop)
    return Cell("alarms: the size is told twice too large", name, run, at_most=0.25, of="answered", short=APPS, long=400)


def _power(name: str, world: World, days: float) -> Cell:
    seen = _told(world, lambda alarm, at: alarm.time < at + days * DAY)
    return Cell("alarms: a change among independent items is noticed in time", name, seen, at_least=0.6, of="answered", short=APPS, long=400)


DROP = World(days=40, change=10.4)
CHANGES = {
    "0.99 to 0.97 at 100 a day": replace(DROP, rate=0.99, drop=0.02, items=100),
    "0.9 to 0.8": replace(DROP, rate=0.9, drop=0.1),
    "Beta(4, 2), 0.05 lower": replace(DROP, drop=0.05),
    "Beta(4, 2), 0.1 lower, days differ by 0.03": replace(DROP, drop=0.1, day_sd=0.03),
}
CELLS = [
    _budget("independent items", QUIET),
    _budget("days differ by 0.02", replace(QUIET, day_sd=0.02)),
    _budget("days differ by 0.04", replace(QUIET, day_sd=0.04)),
    _budget("days differ by 0.04, AR(1) 0.5, 100 items a day", replace(QUIET, day_sd=0.04, serial=0.5, items=100)),
    _budget("days differ by 0.02, AR(1) 0.5, three metrics", replace(QUIET, day_sd=0.02, serial=0.5, metrics=3)),
    _budget("items with AR(1) 0.5", replace(QUIET, neighbours=0.5)),
    _budget("weekends 0.1 lower, days differ by 0.02", replace(QUIET, weekend=0.1, day_sd=0.02)),
    _budget("a rate of 0.99, days differ by 0.005", replace(QUIET, rate=0.99, day_sd=0.005)),
    _budget("a rate of 0.9, overdispersed clusters of four", replace(QUIET, rate=0.9, turns=4)),
    _budget("days of 20 to 80 items that differ by 0.03, AR(1) 0.5", replace(QUIET, day_sd=0.03, serial=0.5, uneven=True)),
    _budget("days differ by 0.04, AR(1) 0.5, a reference of ten days", replace(QUIET, day_sd=0.04, serial=0.5, reference=10)),
    *(of(name, world) for name, world in CHANGES.items() for of in ((_span, _size, _twice) if world.rate == 0.99 else (_span, _size))),
    _power("0.1 lower: 90 items", replace(DROP, drop=0.1), 90 / 40),
    _power("0.05 lower: 320 items", replace(DROP, drop=0.05), 320 / 40),
]
