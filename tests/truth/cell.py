"""A cell of the table of truth: a world whose truth is known, and how often a promise may be broken in it."""

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from scipy import stats

SEED = 20_261_201
SURPRISE = 1e-3  # a share beyond its limit is a fault where chance alone would do that more rarely than this


@dataclass(frozen=True)
class Cell:
    """One world and one promise.

    `run` plays one repetition: True where the event of the promise happened (a false pass, a covered truth, a false
    claim), False where not, None where no verdict or no interval was given. The share of events among all repetitions
    (`of="all"`) or among those with an answer (`of="answered"`) is held against `at_most` or `at_least`.
    """

    promise: str
    world: str
    run: Callable[[np.random.Generator], bool | None]
    at_most: float | None = None
    at_least: float | None = None
    of: Literal["all", "answered"] = "all"
    short: int = 200  # repetitions in `make test`
    long: int = 3000  # in `make test-long` and in docs/truth.md

    @property
    def name(self) -> str:
        """Of the test, and of the stream of chance."""
        return f"{self.promise}: {self.world}"


@dataclass(frozen=True)
class Observed:
    """What the repetitions of a cell showed."""

    events: int
    answered: int
    repetitions: int
    of: Literal["all", "answered"]

    @property
    def asked(self) -> int:
        """The repetitions that the share is of."""
        return self.repetitions if self.of == "all" else self.answered

    @property
    def share(self) -> float | None:
        """Of events; None where nothing was answered."""
        return self.events / self.asked if self.asked else None

    @property
    def error(self) -> float | None:
        """The Monte Carlo standard error of the share."""
        share = self.share
        return None if share is None else float(np.sqrt(max(share * (1 - share), 0.25 / self.asked) / self.asked))


def observe(cell: Cell, repetitions: int) -> Observed:
    """Play a cell; the same seed gives the same share."""
    streams = np.random.SeedSequence([SEED, *cell.name.encode()]).spawn(repetitions)
    found = [cell.run(np.random.default_rng(stream)) for stream in streams]
    return Observed(sum(one is True for one in found), sum(one is not None for one in found), repetitions, cell.of)


def kept(cell: Cell, seen: Observed) -> bool:
    """Whether the share allows that the promise holds: chance alone would show such a share more often than one time in a thousand."""
    if seen.asked == 0:
        return True
    if cell.at_most is not None:
        return bool(stats.binom.sf(seen.events - 1, seen.asked, cell.at_most) > SURPRISE)
    if cell.at_least is None:
        raise ValueError(f"{cell.name}: a cell needs a limit")
    return bool(stats.binom.cdf(seen.events, seen.asked, cell.at_least) > SURPRISE)


def all_cells() -> Sequence[Cell]:
    """The cells of every module beside this one that ends with `_cells`, in the order of their names."""
    names = sorted(path.stem for path in Path(__file__).parent.glob("*_cells.py"))
    return [cell for name in names for cell in importlib.import_module(name).CELLS]
