"""What the one place that decides costs where the textbook method holds: the half-width of its interval over that of the textbook."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from textbook import rate_interval

from judgecli.stats.bonett_price import bonett_price
from judgecli.stats.column import ColumnFacts
from judgecli.stats.contrast import clustered_contrast
from judgecli.stats.deciding import estimate_change, estimate_difference, estimate_mean
from judgecli.stats.intervals import mean_interval

Widths = tuple[float, float, bool, bool]  # half-widths of the textbook and ours, and whether each covers
SEED = 20_261_202
HOLDS = 0.935  # coverage of the textbook method: below it there is nothing to keep


@dataclass(frozen=True)
class Price:
    """One world; `play` gives the half-widths and covers of one repetition."""

    world: str
    textbook: str
    play: Callable[[np.random.Generator], Widths]


@dataclass(frozen=True)
class Paid:
    """The coverage of the textbook method and ours, and our mean half-width over its."""

    price: Price
    textbook: float
    ours: float
    ratio: float

    @property
    def counts(self) -> bool:
        """Whether the textbook method holds here."""
        return self.textbook >= HOLDS


def pay(price: Price, repetitions: int) -> Paid:
    """Play a world; the same seed gives the same numbers."""
    rng = np.random.default_rng([SEED, *price.world.encode()])
    played = np.array([price.play(rng) for _ in range(repetitions)], dtype=float)
    widths = played[:, :2].mean(axis=0)
    return Paid(price, float(played[:, 2].mean()), float(played[:, 3].mean()), float(widths[1] / widths[0]))


def _widths(textbook, ours, truth: float) -> Widths:
    return (
        (textbook.high - textbook.low) / 2,
        (ours.high - ours.low) / 2,
        textbook.low <= truth <= textbook.high,
        ours.low <= truth <= ours.high,
    )


def _mean(draw, truth: float, column: ColumnFacts):
    def play(rng: np.random.Generator) -> Widths:
        sums, counts = draw(rng)
        return _widths(mean_interval(sums, counts), estimate_mean(sums, counts, column), truth)

    return play


def _rate(n: int, rate: float):
    def play(rng: np.random.Generator) -> Widths:
        values = (rng.random(n) < rate).astype(float)
        return _widths(rate_interval(values, np.ones(n)), estimate_mean(values, np.ones(n), ColumnFacts("rate", (0.0, 1.0))), rate)

    return play


def _change(draw, n: int, column: ColumnFacts):
    def play(rng: np.random.Generator) -> Widths:
        side = np.arange(2 * n) < n
        values = draw(rng, 2 * n)
        parts = (values * side, side.astype(float), values * ~side, (~side).astype(float))
        return _widths(clustered_contrast(*parts), estimate_change(*parts, column), 0.0)

    return play


def _pairs(n: int, column: ColumnFacts):
    def play(rng: np.random.Generator) -> Widths:
        moved = 0.25 * rng.normal(size=n)
        return _widths(mean_interval(moved, np.ones(n)), estimate_difference(moved, np.ones(n), column), 0.0)

    return play


def _paired_rate(n: int):
    def play(rng: np.random.Generator) -> Widths:
        moved = rng.choice([-1.0, 0.0, 1.0], size=n, p=[0.1, 0.8, 0.1])
        plain = bonett_price(n, float((moved > 0).sum()), float((moved < 0).sum()))
        return _widths(plain, estimate_difference(moved, np.ones(n), ColumnFacts("rate", (0.0, 1.0)), singles=True), 0.0)

    return play


def _rows(draw, n: int):
    return lambda rng: (draw(rng, n), np.ones(n))


def _clusters(count: int):
    def draw(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        return 5 * rng.normal(size=count) + np.sqrt(5) * rng.normal(size=count), np.full(count, 5.0)

    return draw


NUMBER, UNIT = ColumnFacts("number"), ColumnFacts("number", (0.0, 1.0))
NORMAL = lambda rng, n: rng.normal(size=n)  # noqa: E731
EVEN = lambda rng, n: rng.beta(2.0, 2.0, size=n)  # noqa: E731
LEANING = lambda rng, n: rng.beta(5.0, 2.0, size=n)  # noqa: E731

PRICES = [
    *(Price(f"rate {rate}, n = {n}", "Wilson", _rate(n, rate)) for n in (20, 50, 200) for rate in (0.5, 0.8, 0.95)),
    *(Price(f"normal, n = {n}", "t", _mean(_rows(NORMAL, n), 0.0, NUMBER)) for n in (20, 50, 100, 500)),
    *(Price(f"normal, {n} clusters of 5", "t", _mean(_clusters(n), 0.0, NUMBER)) for n in (20, 50, 200)),
    *(Price(f"beta 2, 2 on 0 to 1, n = {n}", "t", _mean(_rows(EVEN, n), 0.5, UNIT)) for n in (20, 50, 200)),
    *(Price(f"beta 5, 2 on 0 to 1, n = {n}", "t", _mean(_rows(LEANING, n), 5 / 7, UNIT)) for n in (20, 50, 200)),
    *(Price(f"change of a normal, {n} against {n}", "Welch", _change(NORMAL, n, NUMBER)) for n in (20, 100)),
    *(Price(f"change of beta 5, 2, {n} against {n}", "Welch", _change(LEANING, n, UNIT)) for n in (20, 100)),
    *(Price(f"paired, normal, n = {n}", "t", _pairs(n, NUMBER)) for n in (20, 50, 200)),
    *(Price(f"paired, sd 0.25 on 0 to 1, n = {n}", "t", _pairs(n, UNIT)) for n in (20, 50, 200)),
    *(Price(f"paired 0 and 1, n = {n}", "Bonett-Price", _paired_rate(n)) for n in (20, 100)),
]
