"""A small group beside a large one: nothing differs, and no report may say so; where something does, it is found."""

from collections.abc import Callable

import numpy as np
from cell import Cell

from judgecli.signal.cells import MetricCells, Window, WindowCells
from judgecli.signal.cells import WindowCell as Place
from judgecli.signal.gathering import GatheredRecords
from judgecli.signal.report.changes import find_changes
from judgecli.signal.report.headline import important
from judgecli.signal.report.slices import SliceMetric, find_slices
from judgecli.signal.report.standouts import find_standouts
from judgecli.signal.windows import window_signals

Draw = Callable[[np.random.Generator, int], np.ndarray]
WORLDS: dict[str, tuple[str, Draw]] = {
    "rates of 0.1": ("rate", lambda rng, n: (rng.random(n) < 0.1).astype(float)),
    "imported 0/1, p = 0.1": ("number", lambda rng, n: (rng.random(n) < 0.1).astype(float)),
    "normal": ("number", lambda rng, n: rng.normal(size=n)),
    "lognormal s = 1.5": ("number", lambda rng, n: np.exp(1.5 * rng.normal(size=n))),
    "Pareto 1.2": ("number", lambda rng, n: rng.pareto(1.2, n)),
    "zero-inflated": ("number", lambda rng, n: (rng.random(n) < 0.05) * rng.pareto(1.5, n)),
    "counts": ("number", lambda rng, n: rng.poisson(0.3, n).astype(float)),
    "ordinal near its end": ("ordinal", lambda rng, n: rng.choice([0.0, 0.5, 1.0], n, p=[0.03, 0.05, 0.92])),
}


def _rows_of_clusters(draw: Draw, rng: np.random.Generator, clusters: int, turns: int) -> np.ndarray:
    """Clusters x turns; with several, half of the variance is the cluster's."""
    if turns == 1:
        return draw(rng, clusters)[:, None]
    own = draw(rng, clusters)
    return np.where(rng.random((clusters, turns)) < 0.5, own[:, None], draw(rng, clusters * turns).reshape(clusters, turns))


def _worst(
    world: str, small: int, large: int, *, metrics: int = 10, turns: int = 1, shift: Callable[[np.ndarray, np.random.Generator], np.ndarray] | None = None
):
    """Whether a value of a policy is called worst at anything."""
    kind, draw = WORLDS[world]

    def run(rng: np.random.Generator) -> bool:
        total = small + large
        cells = np.r_[np.zeros(small, np.int64), np.ones(large, np.int64)]
        found = []
        for number in range(metrics):
            values = _rows_of_clusters(draw, rng, total, turns)
            if shift is not None and number == 0:
                values[:small] = shift(values[:small], rng)
            sums, counts = values.sum(1), np.full(total, turns)
            totals = np.bincount(cells, sums, 2)
            nothing = np.zeros(2)
            metric = (f"m{number}", "i", kind, (None, None), False, cells, np.arange(total), counts, sums, totals, nothing, nothing, {})
            found.append(MetricCells(*metric))
        places = [Place(None, ("canary",), small * turns, 0), Place(None, ("stable",), large * turns, 0)]
        rows = window_signals(WindowCells(("v",), Window.of("all"), None, None, places, found), half_life_us=1.0, prior=1.0, sums=True)  # type: ignore[arg-type]
        told = find_standouts(rows, "v", better={f"m{number}": False for number in range(metrics)})
        return bool(told) if shift is None else any((item.value, item.metric) == ("canary", "m0") for item in told)

    return run


def _slice(world: str, slices: int, inside: int, total: int, *, turns: int = 1, effect: float | None = None):
    """Whether any slice is listed; with an effect, whether the one that has it is."""
    kind, draw = WORLDS[world]

    def run(rng: np.random.Generator) -> bool:
        values = _rows_of_clusters(draw, rng, total // turns, turns).ravel()
        rows = rng.permutation(total)
        members = {("tags.t", str(number)): np.sort(rows[number * inside : (number + 1) * inside]) for number in range(slices)}
        if effect is not None:
            values[members["tags.t", "0"]] += effect
        found = find_slices([SliceMetric("m", values, kind, False)], members, np.repeat(np.arange(total // turns), turns))
        return bool(found) if effect is None else any(item.value == "0" for item in found)

    return run


def _report(world: str, small: int, large: int, *, metrics: int = 10, slices: int = 20, inside: int = 25, turns: int = 1):
    """Whether a report claims anything: a change between the values of a policy, or a slice."""
    kind, draw = WORLDS[world]

    def run(rng: np.random.Generator) -> bool:
        clusters = np.repeat(np.arange(small + large), turns)
        total = len(clusters)
        values = {f"m{number}": _rows_of_clusters(draw, rng, small + large, turns).ravel() for number in range(metrics)}
        policy = [None] * total
        policy[:] = ["canary" if cluster < small else "stable" for cluster in clusters]
        rows = rng.permutation(total)
        members = {("tags.t", str(number)): np.sort(rows[number * inside : (number + 1) * inside]) for number in range(slices)}
        gathered = GatheredRecords(total, clusters, list(range(total)), {"v": policy}, values, members)
        subjects = [SliceMetric(name, own, kind, False) for name, own in values.items()]
        return bool(important(find_changes(gathered, subjects)) or find_slices(subjects[:1], members, clusters))

    return run


def _fails_more(rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return (rng.random(rows.shape) < 0.5).astype(float)


WORST, SLICED, TOLD = (
    "no variant is called worst where all are alike",
    "no slice is listed where all are alike",
    "no report claims a difference where there is none",
)
CELLS = [
    Cell(WORST, "25 of 225 records, 10 rates of 0.1", _worst("rates of 0.1", 25, 200), at_most=0.06, short=60, long=2000),
    *(Cell(WORST, f"20 against 400, 10 metrics, {world}", _worst(world, 20, 400), at_most=0.06, short=6, long=1000) for world in WORLDS),
    *(
        Cell(WORST, f"400 against 20, 10 metrics, {world}", _worst(world, 400, 20), at_most=0.06, short=3, long=1000)
        for world in ("imported 0/1, p = 0.1", "lognormal s = 1.5")
    ),
    *(Cell(WORST, f"50 against 5,000, 10 metrics, {world}", _worst(world, 50, 5000), at_most=0.06, short=2, long=300) for world in WORLDS),
    *(
        Cell(WORST, f"25 against 200 conversations of 5, 10 metrics, {world}", _worst(world, 25, 200, turns=5), at_most=0.06, short=4, long=1000)
        for world in WORLDS
    ),
    Cell(WORST, "10 against 1,000, lognormal s = 1.5", _worst("lognormal s = 1.5", 10, 1000), at_most=0.0, short=5, long=300),
    *(Cell(SLICED, f"20 slices of 25 in 1,000, {world}", _slice(world, 20, 25, 1000), at_most=0.06, short=6, long=1500) for world in WORLDS),
    *(
        Cell(SLICED, f"20 slices of 100 turns in 400 conversations of 5, {world}", _slice(world, 20, 100, 2000, turns=5), at_most=0.06, short=4, long=800)
        for world in WORLDS
    ),
    *(Cell(TOLD, f"25 of 525, 10 metrics, 20 slices of 25, {world}", _report(world, 25, 500), at_most=0.06, short=4, long=1000) for world in WORLDS),
    Cell(
        "a variant that is worse is found",
        "25 of 225, failures 50 % against 10 %, 10 rates",
        _worst("rates of 0.1", 25, 200, shift=_fails_more),
        at_least=0.8,
        short=8,
        long=500,
    ),
    Cell("a slice that is worse is found", "50 of 1,000, one standard deviation", _slice("normal", 20, 50, 1000, effect=1.0), at_least=0.95, short=8, long=500),
    Cell("a slice that is worse is found", "25 of 1,000, one standard deviation", _slice("normal", 20, 25, 1000, effect=1.0), at_least=0.85, short=8, long=500),
]
