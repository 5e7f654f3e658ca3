"""Absence: equal policies of which one loses scores, prompts that are dropped, means of half the records."""

import numpy as np
from cell import Cell

from judgecli.signal.allocation import FAILED, SCORED, Choices, allocate
from judgecli.signal.compare.paired import PairSide, gather_side, pair_sides
from judgecli.signal.compare.rows import ComparedMetric, compare_pairs
from judgecli.signal.drift.report import overall_verdict
from judgecli.signal.drift.rows import DriftEvidence, Margins, compare, decide
from judgecli.signal.drift.rows import DriftSide as DriftSide
from judgecli.signal.gate.not_worse import Bar, judge_not_worse
from judgecli.signal.missing import shares_p

CLOSED, OPEN = (0.0, 1.0), (None, None)
Lose = dict  # how much of the lowest, of the highest and of all values a side loses, and whether by design


def _values(rng: np.random.Generator, n: int, shape: str) -> np.ndarray:
    """Values of one side in [0, 1]: prompts matter for half of the spread."""
    if shape == "rate":
        return (rng.random(n) < 0.7).astype(float)
    return np.clip(0.6 + 0.15 * rng.normal(size=n), 0, 1)


def _side(values: np.ndarray, lost: np.ndarray, *, design: bool, first: int = 0) -> PairSide:
    prompts = np.arange(len(values))
    return gather_side(prompts, first + prompts, np.where(lost, np.nan, values), lost & (not design))


def _lost(rng: np.random.Generator, values: np.ndarray, pattern: str, share: float) -> np.ndarray:
    """Which values are gone: the lowest, the highest, or any."""
    if share == 0:
        return np.zeros(len(values), bool)
    order = {"low": values, "high": -values, "any": rng.random(len(values))}[pattern] + 1e-9 * rng.random(len(values))
    return np.argsort(np.argsort(order)) < round(share * len(values))


def _equal(n: int, shape: str, scale, a: tuple[str, float], b: tuple[str, float], *, design: bool):
    """Whether b is called better where both sides are the same and lose values after these patterns."""
    subject = ComparedMetric("m", "1", "rate" if shape == "rate" else "number", scale, True, 0.02)

    def run(rng: np.random.Generator) -> bool:
        base = 0.1 * rng.normal(size=n)
        one, two = (_values(rng, n, shape) + (0 if shape == "rate" else base) for _ in range(2))
        one, two = (values if shape == "rate" else np.clip(values, 0, 1) for values in (one, two))
        sides = [_side(v, _lost(rng, v, *how), design=design, first=at) for v, how, at in ((one, a, 0), (two, b, 10 * n))]
        return compare_pairs(subject, pair_sides(*sides)).verdict == "better"

    return run


def _dropped(n: int, kind: str, *, reason: str):
    """Whether a gate passes that asks of a candidate worse by 0.2 on the hard half, of which all hard scores are gone."""
    bar = Bar("g", "base", ComparedMetric("m", "1", "rate" if kind == "rate" else "number", CLOSED, True, 0.05), 0.05, 0.98)

    def run(rng: np.random.Generator) -> bool:
        hard = np.arange(n) % 2 == 0
        before, after = (_values(rng, n, kind) for _ in range(2))
        base = _side(before, np.zeros(n, bool), design=False)
        if reason == "never asked":
            kept = np.flatnonzero(~hard)
            candidate = gather_side(kept, 10 * n + kept, after[kept], np.zeros(len(kept), bool))
        else:
            candidate = _side(after, hard, design=reason == "by design", first=10 * n)
        return judge_not_worse(bar, pair_sides(base, candidate, absent_is_missing=True), unscored={}, pending=0).verdict == "pass"

    return run


def _drift_of_half(n: int, *, design: bool, kept: str, both: bool):
    """Whether "no drift" is said where half the values of the current records (or of both sides) are gone, the lowest or any."""

    def run(rng: np.random.Generator) -> bool:
        sides = []
        for current in (False, True):
            values = _values(rng, n, "number")
            gone = _lost(rng, values, kept, 0.5) if current or both else np.zeros(n, bool)
            place = np.arange(2 * n)
            own = (place >= n) if current else (place < n)
            counts, lost, sums = (np.zeros(2 * n) for _ in range(3))
            counts[own], lost[own], sums[own] = ~gone, gone, np.where(gone, 0, values)
            reasons = {"not_applicable" if design else "input_missing_field": int(gone.sum())} if gone.any() else {}
            nothing = np.zeros(2 * n)
            sides.append(DriftSide(sums, counts, nothing if design else lost, float(sums.sum()), n, reasons, 0, lost if design and gone.any() else None))
        evidence = DriftEvidence("m", "1", "number", CLOSED, True, {}, sides[0], sides[1], 1.0)
        return overall_verdict(decide(compare(evidence, Margins(0.3)))) == "no drift"

    return run


def _allocated(n: int, share: float, kind: str):
    """Whether most traffic goes to b, which is as good as a, but of which the scores of bad answers failed."""

    def run(rng: np.random.Generator) -> bool | None:
        values = _values(rng, 2 * n, kind)
        arm = np.repeat([0, 1], n)
        states = np.full(2 * n, SCORED, np.int8)
        states[n:][_lost(rng, values[n:], "low", share)] = FAILED
        choices = Choices(["a", "b"], arm, values, np.arange(2 * n), np.zeros(2 * n, np.int64), None, states)
        found = allocate(choices, kind="rate" if kind == "rate" else "number", scale=CLOSED, higher_is_better=True)
        best = found["variants"][1]["p_best"]
        return None if best is None else best > 0.975

    return run


def _told_apart(n: int, m: int, share: float, turns: int):
    """Whether two sides that lack their scores equally often are said to differ in it; conversations fail together."""

    def run(rng: np.random.Generator) -> bool:
        down = float(turns) * (rng.random(n + m) < share)
        rows, first = np.full(n + m, float(turns)), np.arange(n + m) < n
        return shares_p(down * first, rows * first, down * ~first, rows * ~first) < 0.05

    return run


BETTER = "equal policies are called better in at most 5 %, whatever is missing"
PATTERNS = [
    ("the low scores of b failed, 10 %, open scale", ("any", 0.0), ("low", 0.1), OPEN, False),
    ("the low scores of b failed, 10 %", ("any", 0.0), ("low", 0.1), CLOSED, False),
    ("the low scores of b failed, 2 %", ("any", 0.0), ("low", 0.02), CLOSED, False),
    ("b does not apply where it is low, 3 %", ("any", 0.0), ("low", 0.03), CLOSED, True),
    ("b does not apply where it is low, 3 %, open scale", ("any", 0.0), ("low", 0.03), OPEN, True),
    ("a loses its best 5 %, b its worst 5 %, by design", ("high", 0.05), ("low", 0.05), CLOSED, True),
    ("both lose any 10 %", ("any", 0.1), ("any", 0.1), CLOSED, False),
]
CELLS = [
    *(
        Cell(BETTER, f"{kind}, n = {n}, {what}", _equal(n, kind, scale, a, b, design=design), at_most=0.05, short=3, long=1000)
        for kind in ("number", "rate")
        for n in (50, 200)
        for what, a, b, scale, design in PATTERNS
        if not (kind == "rate" and scale is OPEN)
    ),
    *(
        Cell("a gate never passes where hard prompts have no score", f"{kind}, {reason}", _dropped(200, kind, reason=reason), at_most=0.0, short=3, long=300)
        for kind in ("number", "rate")
        for reason in ("failed", "by design", "never asked")
    ),
    Cell(
        "no drift is not said of half the records",
        "the low half failed",
        _drift_of_half(200, design=False, kept="low", both=False),
        at_most=0.0,
        short=8,
        long=300,
    ),
    Cell(
        "no drift is not said of half the records",
        "any half failed on both sides",
        _drift_of_half(200, design=False, kept="any", both=True),
        at_most=0.0,
        short=8,
        long=300,
    ),
    Cell(
        "no drift is not said of half the records",
        "the low half by design",
        _drift_of_half(200, design=True, kept="low", both=False),
        at_most=0.0,
        short=8,
        long=300,
    ),
    *(
        Cell(
            "traffic is not moved by scores that failed",
            f"{kind}, {100 * share:g} % of b",
            _allocated(200, share, kind),
            at_most=0.05,
            of="all",
            short=6,
            long=500,
        )
        for kind in ("number", "rate")
        for share in (0.02, 0.1, 0.3)
    ),
    *(
        Cell(
            "equal shares without a score are told apart in at most 5 %",
            f"{n} against {m} conversations of {turns}, {100 * share:g} %",
            _told_apart(n, m, share, turns),
            at_most=0.05,
            short=60,
            long=2000,
        )
        for n, m, share, turns in ((20, 400, 0.05, 1), (100, 100, 0.1, 5), (30, 30, 0.5, 1), (25, 5000, 0.01, 3))
    ),
]
