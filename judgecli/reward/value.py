"""The value V of a segment: its decayed mean, shrunk to that of all segments."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from itertools import groupby
from math import isfinite

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class ValueBaseline:
    """V at the end of a window, and V at its start (`before`), which is what its rewards are held against; None where nothing was scored yet."""

    value: float | None
    before: float | None


def decayed_values(
    segments: Sequence[Hashable],
    ends: Sequence[float],
    sums: npt.NDArray[np.float64],
    counts: npt.NDArray[np.float64],
    *,
    width: float,
    half_life: float,
    prior: float,
) -> list[ValueBaseline]:
    """V = (S + prior * V_all) / (N + prior) of each window, S and N decayed to its end (`value`) and of what came earlier, to its start (`before`).

    Columns: of each window its segment, end, and the sum and count of its values, each value weighing
    2^(-age / half_life) with its age at the window's end. V_all = S_all / N_all over all segments.
    Source: exponentially weighted mean with empirical-Bayes shrinkage. A value weighs by its own age,
    not by the gap before it, so that values of one moment all count.

    >>> decayed_values(["a", "a"], [7.0, 14.0], np.array([2.0, 4.0]), np.array([4.0, 4.0]), width=7.0, half_life=7.0, prior=0.0)
    [Baseline(value=0.5, before=None), Baseline(value=0.8333333333333334, before=0.5)]
    """
    state: dict[Hashable, _Decayed] = {}
    everything = _NOTHING
    found = [ValueBaseline(None, None)] * len(segments)
    for end, places in groupby(sorted(range(len(segments)), key=lambda place: ends[place]), key=lambda place: ends[place]):
        now = list(places)
        start, all_before = end - width, everything
        for place in now:
            everything = everything.at(end, half_life).plus(float(sums[place]), float(counts[place]))
        for place in now:
            before = state.get(segments[place], _NOTHING)
            state[segments[place]] = before.at(end, half_life).plus(float(sums[place]), float(counts[place]))
            value = _shrunk(state[segments[place]], everything, end, half_life, prior)
            found[place] = ValueBaseline(value, _shrunk(before, all_before, start, half_life, prior))
    return found


@dataclass(frozen=True, slots=True)
class _Decayed:
    """A sum and a count, decayed to a moment."""

    total: float
    count: float
    moment: float

    def at(self, moment: float, half_life: float) -> "_Decayed":
        share = 2.0 ** ((self.moment - moment) / half_life) if self.count else 0.0
        return _Decayed(self.total * share, self.count * share, moment)

    def plus(self, total: float, count: float) -> "_Decayed":
        return _Decayed(self.total + total, self.count + count, self.moment)


_NOTHING = _Decayed(0.0, 0.0, 0.0)


def _shrunk(own: _Decayed, everything: _Decayed, moment: float, half_life: float, prior: float) -> float | None:
    """(S + prior * V_all) / (N + prior), or None where nothing was scored in any segment (or all of it decayed to nothing)."""
    if everything.count <= 0.0:
        return None
    now, overall = own.at(moment, half_life), everything.total / everything.count
    if now.count + prior <= 0.0:
        return None
    value = (now.total + prior * overall) / (now.count + prior)
    return value if isfinite(value) else None
