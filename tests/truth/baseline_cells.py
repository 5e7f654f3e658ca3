"""Gates against a baseline of other prompts: a candidate that is worse by exactly the margin must not pass."""

from collections.abc import Callable

import numpy as np
from cell import Cell

from judgecli.signal.compare.parts import Parts, gather_parts
from judgecli.signal.compare.rows import ComparedMetric
from judgecli.signal.gate.not_worse import Bar
from judgecli.signal.gate.unpaired import Apart, judge_apart

Draw = Callable[[np.random.Generator, int], np.ndarray]


def _parts(values: np.ndarray, clusters: np.ndarray, first: int) -> Parts:
    prompts = first + np.arange(len(values))
    return gather_parts(prompts, np.ones(len(values), bool), clusters + first, values, np.zeros(len(values), bool))


def _passes(kind: str, scale: tuple[float | None, float | None], up: bool, margin: float, old: Draw, new: Draw, sizes: tuple[int, int], heavy: bool):
    """Whether the gate passes; `heavy`: conversations of Pareto length, whose turns have half of their spread in common."""

    def side(rng: np.random.Generator, draw: Draw, clusters: int, first: int) -> Parts:
        if not heavy:
            return _parts(draw(rng, clusters), np.arange(clusters), first)
        owner = np.repeat(np.arange(clusters), 1 + rng.pareto(2.0, clusters).astype(np.int64))
        own, shared = draw(rng, len(owner)), draw(rng, clusters)[owner]
        return _parts(np.where(rng.random(len(owner)) < 0.5, own, shared), owner, first)

    bar = Bar("g", "main", ComparedMetric("m", "i", kind, scale, up, margin), margin, 0.98)

    def run(rng: np.random.Generator) -> bool:
        sides = Apart(side(rng, old, sizes[0], 0), side(rng, new, sizes[1], 10**9), 0)
        return judge_apart(bar, sides, unscored={}, pending=0, left_out=0).verdict == "pass"

    return run


def _lognormal(spread: float, mean: float) -> Draw:
    return lambda rng, n: np.exp(rng.normal(size=n) * spread - spread**2 / 2) + (mean - 1)


def _ordinal(full: float, half: float) -> Draw:
    return lambda rng, n: rng.choice([0.0, 0.5, 1.0], size=n, p=[1 - full - half, half, full])


def _zeros(share: float) -> Draw:
    return lambda rng, n: (rng.random(n) < share).astype(float)


def _bounded(low: float) -> Draw:
    """Mostly 1, and sometimes a low score: what a strict judge says of a good app."""
    return lambda rng, n: np.where(rng.random(n) < low, 0.2, 1.0)


OPEN, UNIT = (None, None), (0.0, 1.0)
WORLDS = {
    "normal": ("number", OPEN, True, 0.3, lambda rng, n: rng.normal(size=n), lambda rng, n: rng.normal(size=n) - 0.3),
    "lognormal s = 1, more is better": ("number", OPEN, True, 0.3, _lognormal(1.0, 2.0), _lognormal(1.0, 1.7)),
    "lognormal s = 1, less is better": ("number", OPEN, False, 0.3, _lognormal(1.0, 2.0), _lognormal(1.0, 2.3)),
    "lognormal s = 1.5, less is better": ("number", OPEN, False, 0.5, _lognormal(1.5, 2.0), _lognormal(1.5, 2.5)),
    "refusal 0.1, less is better": ("ordinal", UNIT, False, 0.05, _ordinal(0.05, 0.1), _ordinal(0.1, 0.1)),
    "rate 0.05 to 0.1, less is better": ("rate", UNIT, False, 0.05, _zeros(0.05), _zeros(0.1)),
    "imported 0/1, 0.98 to 0.95": ("number", OPEN, True, 0.03, _zeros(0.98), _zeros(0.95)),
    "bounded, 3 % to 5 % low": ("number", UNIT, True, 0.016, _bounded(0.03), _bounded(0.05)),
}
CELLS = [
    Cell(
        "an unpaired gate passes a candidate that is worse by the margin",
        f"{name}, {old} against {new} {'conversations of Pareto length' if heavy else 'records'}",
        _passes(*world, (old, new), heavy),
        at_most=0.04,
        short=15,
        long=2000,
    )
    for name, world in WORLDS.items()
    for old, new, heavy in ((200, 50, False), (50, 200, False), (200, 200, False), (60, 60, True))
]
