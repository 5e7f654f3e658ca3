"""What drift claims of nothing: false drift of whole reports, false causes, false and found local changes."""

from collections.abc import Callable

import numpy as np
from cell import Cell

from judgecli.signal.drift.cause import Inputs, find_cause
from judgecli.signal.drift.local import find_local
from judgecli.signal.drift.logged import Logged, LoggedColumn
from judgecli.signal.drift.rows import DriftEvidence, DriftSide, Margins, compare, decide
from judgecli.signal.drift.shape import Grouped

Floats = np.ndarray
Draw = Callable[[np.random.Generator, int], Floats]
METRICS = 40
NO_MARGIN = Margins(0.0)  # the hardest case: only chance stands between nothing and a claim


def _lognormal(rng: np.random.Generator, n: int) -> Floats:
    return rng.lognormal(0, 1.5, n)


def _pareto(rng: np.random.Generator, n: int) -> Floats:
    return rng.pareto(1.2, n)


def _rare(rng: np.random.Generator, n: int) -> Floats:
    return (rng.random(n) < 0.1).astype(float)


def _counts(rng: np.random.Generator, n: int) -> Floats:
    return rng.poisson(rng.gamma(0.5, 2.0, n)).astype(float)


def _zeros(rng: np.random.Generator, n: int) -> Floats:
    return np.where(rng.random(n) < 0.9, 0.0, rng.lognormal(0, 1, n))


def _ordinal(rng: np.random.Generator, n: int) -> Floats:
    return rng.choice([0.0, 0.5, 1.0], n, p=[0.9, 0.06, 0.04])


def _side(values: Floats, first: int, size: int) -> DriftSide:
    """Values of one row a cluster, at places of their own among the clusters of both sides."""
    sums, counts = np.zeros(size), np.zeros(size)
    sums[first : first + len(values)], counts[first : first + len(values)] = values, 1.0
    return DriftSide(sums, counts, np.zeros(size), float(values.sum()), len(values), {})


def evidence(old: Floats, new: Floats, name: str, *, kind: str = "number", scale: tuple[float | None, float | None] = (None, None)) -> DriftEvidence:
    """Two sides without a common cluster."""
    size = len(old) + len(new)
    return DriftEvidence(name, "i", kind, scale, True, {}, _side(old, 0, size), _side(new, len(old), size), 1.0)


def _false_report(draw: Draw, reference: int, current: int, **told: object) -> Callable[[np.random.Generator], bool]:
    def run(rng: np.random.Generator) -> bool:
        rows = [compare(evidence(draw(rng, reference), draw(rng, current), f"m{number}", **told), NO_MARGIN)[0] for number in range(METRICS)]  # type: ignore[arg-type]
        return any(row.verdict == "drift" for row in decide(rows))

    return run


def _found_drift(draw: Draw, reference: int, current: int, shift: float, **told: object) -> Callable[[np.random.Generator], bool]:
    """One of 40 metrics changed."""

    def run(rng: np.random.Generator) -> bool:
        shifts = [shift, *[0.0] * (METRICS - 1)]
        made = [evidence(draw(rng, reference), draw(rng, current) + own, f"m{number}", **told) for number, own in enumerate(shifts)]  # type: ignore[arg-type]
        return decide([compare(one, NO_MARGIN)[0] for one in made])[0].verdict == "drift"

    return run


def _normal(rng: np.random.Generator, n: int) -> Floats:
    return rng.normal(size=n)


def _false_category_report(reference: int, current: int) -> Callable[[np.random.Generator], bool]:
    shares = np.array([0.86, 0.08, 0.03, 0.02, 0.01])

    def run(rng: np.random.Generator) -> bool:
        rows = []
        for number in range(10):
            eye = np.eye(len(shares))
            old, new = (eye[rng.choice(len(shares), n, p=shares)] for n in (reference, current))
            grid = Grouped(np.r_[old, 0 * new], np.r_[0 * old, new], categories=list("abcde"))
            made = evidence(np.zeros(reference), np.zeros(current), f"c{number}", kind="category")
            rows += compare(DriftEvidence(made.metric, "i", "category", (None, None), None, {}, made.reference, made.current, 1.0, grid), NO_MARGIN)
        return any(row.verdict == "drift" for row in decide(rows))

    return run


# Causes ------------------------------------------------------------------------------------------

STILL, MOVED = Inputs(auc=0.5, high=0.52, p=0.6), Inputs(auc=0.7, high=0.74, p=0.001)


def _world(rng: np.random.Generator, n: int, *, hard: tuple[float, float], loss: float, noise: int, logged: bool, turns: int = 1) -> Logged:
    """N conversations a side: hard questions (a share of each side) are answered well at 0.4, others at 0.9, `loss` less now; columns of noise beside."""
    current = np.repeat([False, True], n * turns)
    kind = np.repeat(np.r_[rng.random(n) < hard[0], rng.random(n) < hard[1]], turns)
    own = np.repeat(rng.normal(0, 0.1 if turns > 1 else 0, 2 * n), turns)
    value = (rng.random(2 * n * turns) < np.where(kind, 0.4, 0.9) + own - loss * current).astype(float)
    sizes = rng.integers(2, 30, noise)
    columns = [LoggedColumn(f"tags.n{at}", np.repeat(rng.integers(0, size, 2 * n), turns), [str(v) for v in range(size)]) for at, size in enumerate(sizes)]
    columns += [LoggedColumn("tags.kind", kind.astype(np.int64), ["easy", "hard"])] if logged else []
    return Logged(current, np.repeat(np.arange(2 * n), turns), columns, {"m": value})


def _whose(world: Logged, inputs: Inputs) -> str | None:
    values, current = world.values["m"], world.current
    change = float(values[current].mean() - values[~current].mean())
    error = float(np.sqrt(values[current].var() / current.sum() + values[~current].var() / (~current).sum()))
    return find_cause([world], "m", inputs, change=change, least=max(abs(change) - 1.96 * error, 0.0), span=1.0).whose


def _cause(wrong: set[str], inputs: Inputs, n: int = 300, **world: object) -> Callable[[np.random.Generator], bool]:
    def run(rng: np.random.Generator) -> bool:
        return _whose(_world(rng, n, **world), inputs) in wrong  # type: ignore[arg-type]

    return run


# Local changes -----------------------------------------------------------------------------------


def _columns(rng: np.random.Generator, n: int) -> list[LoggedColumn]:
    return [LoggedColumn(f"tags.t{size}", rng.integers(0, size, n), [str(v) for v in range(size)]) for size in (2, 5, 8)]


def _false_local(draw: Draw, reference: int, current: int, shift: float = 0.0) -> Callable[[np.random.Generator], bool]:
    """Ten metrics; a claim is a local change whose q is below 5 %. `shift` is a change that is everywhere."""

    def run(rng: np.random.Generator) -> bool:
        side = np.repeat([False, True], [reference, current])
        values = {f"m{number}": draw(rng, reference + current) + shift * side for number in range(10)}
        logged = Logged(side, np.arange(len(side)), _columns(rng, len(side)), values)
        return min(len(values) * find_local(logged, name).p for name in values) < 0.05

    return run


def _found_local(n: int, loss: float) -> Callable[[np.random.Generator], bool]:
    """A rate of 0.85 that fell by `loss` in one of eight values of one of three columns."""

    def run(rng: np.random.Generator) -> bool:
        side, columns = np.repeat([False, True], n), _columns(rng, 2 * n)
        rate = 0.85 - loss * (side & (columns[2].codes == 3))
        found = find_local(Logged(side, np.arange(2 * n), columns, {"m": (rng.random(2 * n) < rate).astype(float)}), "m")
        return found.p < 0.01 and (found.column, found.value) == ("tags.t8", "3")

    return run


UNEQUAL = (
    ("lognormal, s = 1.5, 20 against 400", _lognormal, 20, 400, {}),
    ("lognormal, s = 1.5, 400 against 20", _lognormal, 400, 20, {}),
    ("lognormal, s = 1.5, 50 against 5,000", _lognormal, 50, 5000, {}),
    ("Pareto 1.2, 20 against 400", _pareto, 20, 400, {}),
    ("rate 0.1 of an imported 0/1, 400 against 20", _rare, 400, 20, {}),
    ("rate 0.1, 400 against 20", _rare, 400, 20, {"kind": "rate", "scale": (0.0, 1.0)}),
    ("counts, 2,000 against 25", _counts, 2000, 25, {}),
    ("zero in nine of ten, 30 against 200", _zeros, 30, 200, {}),
    ("ordinal 0, 0.5, 1, 1,000 against 20", _ordinal, 1000, 20, {"kind": "ordinal", "scale": (0.0, 1.0)}),
    ("lognormal, s = 1.5, 300 against 300", _lognormal, 300, 300, {}),
    ("lognormal, s = 1.5, 100 against 119", _lognormal, 100, 119, {}),
    ("rate 0.05 of an imported 0/1, 30 against 35", lambda rng, n: (rng.random(n) < 0.05).astype(float), 30, 35, {}),
)
DRIFT, CAUSE, LOCAL = (
    "drift claims nothing in a report of 40 metrics where nothing changed",
    "no false cause is named",
    "no local change is claimed where there is none",
)

FOUND = "drift finds the one of 40 metrics that changed"

CELLS = [
    Cell(FOUND, "normal, by one standard deviation, 60 against 60", _found_drift(_normal, 60, 60, 1.0), at_least=0.9, short=8, long=300),
    Cell(FOUND, "normal, by 1.3 standard deviations, 20 against 400", _found_drift(_normal, 20, 400, 1.3), at_least=0.9, short=8, long=300),
    *(Cell(DRIFT, world, _false_report(draw, old, new, **told), at_most=0.06, short=8, long=400) for world, draw, old, new, told in UNEQUAL),
    Cell(
        "drift claims nothing in a report of 10 categories where nothing changed",
        "rare categories, 400 against 20",
        _false_category_report(400, 20),
        at_most=0.06,
        short=3,
        long=150,
    ),
    Cell(
        CAUSE,
        "the app got worse, 12 columns of noise: not the traffic's",
        _cause({"traffic", "both"}, MOVED, hard=(0.4, 0.4), loss=0.2, noise=12, logged=False),
        at_most=0.06,
        short=30,
        long=1000,
    ),
    Cell(
        CAUSE,
        "the same, 60 conversations of 5 turns a side",
        _cause({"traffic", "both"}, STILL, 60, hard=(0.4, 0.4), loss=0.25, noise=12, logged=False, turns=5),
        at_most=0.06,
        short=30,
        long=1000,
    ),
    Cell(
        CAUSE,
        "other questions of a kind that is not logged, inputs moved",
        _cause({"app", "traffic", "both"}, MOVED, hard=(0.2, 0.7), loss=0.0, noise=12, logged=False),
        at_most=0.06,
        short=30,
        long=1000,
    ),
    Cell(
        CAUSE,
        "other questions of a logged kind: not the app's",
        _cause({"app", "both"}, STILL, hard=(0.2, 0.7), loss=0.0, noise=12, logged=True),
        at_most=0.06,
        short=30,
        long=1000,
    ),
    Cell(
        "the cause is named where the log tells",
        "a logged kind, 300 a side",
        _cause({"traffic"}, MOVED, hard=(0.2, 0.7), loss=0.0, noise=12, logged=True),
        at_least=0.8,
        short=30,
        long=1000,
    ),
    Cell(
        "the cause is named where the log tells",
        "the app, 300 a side, inputs still",
        _cause({"app"}, STILL, hard=(0.4, 0.4), loss=0.25, noise=12, logged=True),
        at_least=0.8,
        short=30,
        long=1000,
    ),
    Cell(LOCAL, "rates, 1,000 a side, 10 metrics", _false_local(_rare, 1000, 1000), at_most=0.06, short=6, long=500),
    Cell(LOCAL, "lognormal, 200 against 2,000", _false_local(_lognormal, 200, 2000), at_most=0.06, short=6, long=500),
    Cell(LOCAL, "rates that changed everywhere alike", _false_local(_rare, 300, 1000, shift=0.2), at_most=0.06, short=6, long=500),
    Cell("a local change is found", "0.85 to 0.55 in one of eight values, 2,000 a side", _found_local(2000, 0.3), at_least=0.9, short=20, long=500),
]
