"""Intervals and gates on skewed, rare, constant and uneven data: every column gets an interval that covers, or none.

Each world is a draw of n values (or of clusters of rows) with a known mean. A gate at its threshold must not pass: `at_most` the
mean fails to see the tail that the sample lacks, `at_least` is its mirror for losses.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from cell import Cell

from judgecli.stats.column import ColumnFacts, two_values_of
from judgecli.stats.deciding import estimate_change, estimate_difference, estimate_mean

Draw = Callable[[np.random.Generator, int], np.ndarray]
OPEN, UNIT, LIKERT = (None, None), (0.0, 1.0), (1.0, 5.0)


@dataclass(frozen=True)
class World:
    """Independent values of one column: how they are drawn, their mean, scale and declared kind."""

    name: str
    draw: Draw
    mean: float
    scale: tuple[float | None, float | None] = OPEN
    kind: str = "number"

    def column(self, values: np.ndarray) -> ColumnFacts:
        return ColumnFacts(self.kind, self.scale, two_values_of(values))


def some(share: float, other: Draw, rest: Draw | float = 0.0) -> Draw:
    """`other` with this chance, else `rest`."""

    def draw(rng: np.random.Generator, n: int) -> np.ndarray:
        return np.where(rng.random(n) < share, other(rng, n), rest(rng, n) if callable(rest) else rest)

    return draw


def lognormal(sigma: float) -> Draw:
    return lambda rng, n: np.exp(sigma * rng.normal(size=n))


def fixed(value: float) -> Draw:
    return lambda _, n: np.full(n, value)


def near(value: float, sd: float) -> Draw:
    return lambda rng, n: np.clip(value + sd * rng.normal(size=n), 0.0, 1.0)


HALVES: Draw = lambda rng, n: rng.choice([0.5, 1.0], size=n)  # noqa: E731

SKEWED = [
    World("log-normal, s = 1", lognormal(1.0), math.exp(0.5)),
    World("log-normal, s = 1.5", lognormal(1.5), math.exp(1.125)),
    World("exponential", lambda rng, n: rng.exponential(size=n), 1.0),
    World("gamma of shape 0.2", lambda rng, n: rng.gamma(0.2, size=n), 0.2),
    World("Weibull of shape 0.5", lambda rng, n: rng.weibull(0.5, size=n), 2.0),
    World("Pareto of index 3", lambda rng, n: rng.pareto(3.0, size=n), 0.5),
    World("log-normal, seven in ten are 0", some(0.3, lognormal(1.0)), 0.3 * math.exp(0.5)),
    World("counts (negative binomial)", lambda rng, n: rng.negative_binomial(0.5, 0.2, size=n).astype(float), 2.0),
]
CLOSED = [
    World("refusal 0, 0.5, 1 at 0.1", some(0.1, HALVES), 0.075, UNIT, "ordinal"),
    World("refusal 0, 0.5, 1 at 0.03", some(0.03, HALVES), 0.0225, UNIT, "ordinal"),
    World("imported 0 and 1, p = 0.02", some(0.02, fixed(1.0)), 0.02, OPEN),
    World("imported 0 and 1, p = 0.1", some(0.1, fixed(1.0)), 0.1, OPEN),
    World("beta near 0", lambda rng, n: rng.beta(0.3, 3.0, size=n), 0.3 / 3.3, UNIT),
]
LOSSES = [
    World("2 % lose all, the rest 0.8", some(0.02, fixed(0.0), 0.8), 0.784, UNIT),
    World("2 % lose all, the rest near 0.9", some(0.02, fixed(0.0), near(0.9, 0.01)), 0.882, UNIT),
    World("5 % lose all, the rest near 0.8", some(0.05, fixed(0.0), near(0.8, 0.05)), 0.76, UNIT),
    World("0.2 three times in a hundred, else 0.9", some(0.03, fixed(0.2), 0.9), 0.879, UNIT),
    World("beta near 1", lambda rng, n: rng.beta(8.0, 0.5, size=n), 8 / 8.5, UNIT),
    World("ratings 1 to 5, mostly 5", lambda rng, n: rng.choice([1.0, 2, 3, 4, 5], size=n, p=[0.02, 0.03, 0.05, 0.3, 0.6]), 4.43, LIKERT, "ordinal"),
    World("less a log-normal, s = 1", lambda rng, n: -lognormal(1.0)(rng, n), -math.exp(0.5)),
]
LIGHT = [
    World("Student's t of 3", lambda rng, n: rng.standard_t(3, size=n), 0.0),
    World("normal, open scale", lambda rng, n: rng.normal(size=n), 0.0),
    World("beta 5, 2", lambda rng, n: rng.beta(5.0, 2.0, size=n), 5 / 7, UNIT),
]


def _passes(world: World, n: int, *, at_most: bool):
    """Whether a gate whose threshold is the true mean passes; None where it gives no verdict."""

    def run(rng: np.random.Generator) -> bool | None:
        values = world.draw(rng, n)
        found = estimate_mean(values, np.ones(n), world.column(values))
        if found.low is None or found.high is None or not found.decides:
            return None
        return found.high <= world.mean if at_most else found.low >= world.mean

    return run


def _covers(world: World, n: int):
    def run(rng: np.random.Generator) -> bool | None:
        values = world.draw(rng, n)
        found = estimate_mean(values, np.ones(n), world.column(values))
        return None if found.low is None or found.high is None else found.low <= world.mean <= found.high

    return run


def _uneven(clusters: int, index: float, rate: float | None):
    """Conversations of Pareto length: all rows of one are alike (a rate), or share a normal effect."""

    def run(rng: np.random.Generator) -> bool | None:
        counts = np.clip(np.ceil(rng.pareto(index, clusters) + 1e-9), 1, 5000)
        normal = counts * rng.normal(size=clusters) + np.sqrt(counts) * rng.normal(size=clusters)
        sums = normal if rate is None else counts * (rng.random(clusters) < rate)
        found = estimate_mean(sums, counts, ColumnFacts("number" if rate is None else "rate", OPEN if rate is None else UNIT))
        return None if found.low is None or found.high is None else found.low <= (rate or 0.0) <= found.high

    return run


def _turns(clusters: int, rate: float):
    def run(rng: np.random.Generator) -> bool | None:
        sums = rng.binomial(5, rng.beta(rate, 1 - rate, clusters)).astype(float)
        found = estimate_mean(sums, np.full(clusters, 5.0), ColumnFacts("rate", UNIT))
        return None if found.low is None or found.high is None else found.low <= rate <= found.high

    return run


def _not_worse(n: int, share: float, loss: float, sd: float, scale: tuple[float | None, float | None]):
    """Whether a candidate that is worse by exactly the margin, in few prompts, passes."""

    def run(rng: np.random.Generator) -> bool | None:
        moved = sd * rng.normal(size=n) - loss * (rng.random(n) < share)
        found = estimate_difference(moved, np.ones(n), ColumnFacts("number", scale))
        return None if found.low is None or not found.decides else found.low > -share * loss

    return run


def _rare_losses(n: int, loss: float):
    def run(rng: np.random.Generator) -> bool | None:
        found = estimate_difference(-(rng.random(n) < loss).astype(float), np.ones(n), ColumnFacts("rate", UNIT), singles=True)
        return None if found.low is None or not found.decides else found.low > -loss

    return run


def _skewed_pairs(n: int):
    def run(rng: np.random.Generator) -> bool | None:
        found = estimate_difference(math.exp(0.5) - lognormal(1.0)(rng, n) - 0.1, np.ones(n), ColumnFacts("number", OPEN))
        return None if found.low is None or not found.decides else found.low > -0.1

    return run


def _change(world: World, old: int, new: int):
    def run(rng: np.random.Generator) -> bool | None:
        values, side = world.draw(rng, old + new), np.arange(old + new) < new
        parts = (values * side, side.astype(float), values * ~side, (~side).astype(float))
        found = estimate_change(*parts, world.column(values))
        return None if found.low is None or found.high is None else found.low <= 0.0 <= found.high

    return run


THRESHOLD = "a gate at its threshold passes falsely at most four times in a hundred"
COVERS = "a shown 95 % interval covers the truth"
MARGIN = "a candidate that is worse by the margin passes at most four times in a hundred"
CHANGE = "the interval of a change covers it"
SIZES = (20, 50, 100, 200, 500)
SHORT = 60

CELLS = [
    *(
        Cell(THRESHOLD, f"{world.name}, n = {n}", _passes(world, n, at_most=True), at_most=0.04, short=SHORT)
        for world in (*SKEWED, *CLOSED)
        for n in (*SIZES, 500)
    ),
    *(Cell(THRESHOLD, f"{world.name}, n = {n}", _passes(world, n, at_most=False), at_most=0.04, short=SHORT) for world in LOSSES for n in SIZES),
    *(
        Cell(COVERS, f"{world.name}, n = {n}", _covers(world, n), at_least=0.92, of="answered", short=SHORT)
        for world in (*SKEWED, *CLOSED, *LOSSES, *LIGHT)
        for n in SIZES[:4]
    ),
    *(
        Cell(COVERS, f"{clusters} conversations of Pareto length ({index}), {told}", _uneven(clusters, index, rate), at_least=0.92, of="answered", short=SHORT)
        for clusters in (20, 50)
        for index in (1.2, 2.0)
        for told, rate in (("normal", None), ("all alike, p = 0.1", 0.1), ("all alike, p = 0.5", 0.5))
    ),
    *(Cell(COVERS, f"{n} conversations of five turns, p = 0.1", _turns(n, 0.1), at_least=0.92, of="answered", short=SHORT) for n in (20, 50)),
    *(
        Cell(MARGIN, f"2 % lose 1, the rest {told}, on a scale of 0 to 1, n = {n}", _not_worse(n, 0.02, 1.0, sd, UNIT), at_most=0.04, short=SHORT)
        for n in SIZES
        for told, sd in (("equal", 0.0), ("near", 0.01), ("within 0.1", 0.1))
    ),
    *(
        Cell(MARGIN, f"0 and 1, {loss:.0%} turn to 0, n = {n}", _rare_losses(n, loss), at_most=0.04, short=SHORT)
        for n, loss in ((20, 0.13), (50, 0.055), (50, 0.085), (100, 0.03))
    ),
    *(Cell(MARGIN, f"less a log-normal, s = 1, n = {n}", _skewed_pairs(n), at_most=0.04, short=SHORT) for n in SIZES),
    *(
        Cell(CHANGE, f"{world.name}, {new} against {old}", _change(world, old, new), at_least=0.92, of="answered", short=SHORT)
        for world in (SKEWED[0], SKEWED[1], CLOSED[0], CLOSED[3], LIGHT[1], LIGHT[2])
        for old, new in ((20, 20), (400, 20), (100, 100))
    ),
]
