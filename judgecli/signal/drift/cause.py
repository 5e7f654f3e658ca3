"""Whose doing a change is, the app's or the traffic's: named only where the log can tell.

A mean changes because the app answers the same questions differently, or because other questions come. Columns of the log
(tags, user, language and length of the input) tell kinds of questions apart, and what a change owes to their mix is the traffic's. But a kind
that nobody logged moves unseen. So a change that stays within every kind is called the app's only where the input texts
did not move either, or where the same prompts were asked on both sides. All else cannot be told, and says why.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from judgecli.arrays import Bools, Floats, Integers
from judgecli.signal.drift.logged import LENGTH, Logged, LoggedColumn
from judgecli.signal.report.headline import percent
from judgecli.stats.decomposition import Decomposition, decompose

Whose = Literal["app", "traffic", "both"]
TWO_THIRDS = 2 / 3
ALPHA = 0.05
LEAST_CLUSTERS = 5  # of a kind on each side, or nothing within it can be compared
LEAST_EXPECTED = 10  # clusters of a kind that fails on a side: fewer may fail by chance
OTHERS, PROMPT = "(rare values)", "prompt"
LEAST_MATCHED = 0.5  # of the rows of each side in such kinds: else the column only restates the sides
SAME_PROMPTS = 0.9  # share of the rows of each side whose prompt was asked on the other side too
RESTATED = 0.9  # share of the variance of a metric within sides: a column that explains more is the metric itself
TEXT_MARGIN = 0.05  # of an AUC above 0.5
APP, TRAFFIC = "the app, not the traffic", "the traffic, not the app"
UNTOLD = "cannot tell app from traffic"


@dataclass(frozen=True)
class Inputs:
    """What the input texts say of the traffic: how well they tell the sides apart (AUC, its limits, p), or in `why` why they say nothing."""

    auc: float | None = None
    high: float | None = None
    p: float | None = None
    why: str | None = None

    @property
    def room(self) -> float:
        """The largest share of records that another mix of inputs can have moved, as far as a classifier sees: 2 AUC - 1 is at least the total variation."""
        return 1.0 if self.high is None else min(1.0, max(0.0, 2 * self.high - 1))

    def still(self, change: float, span: float) -> bool:
        """Whether inputs did not move by so much that a change of at least `change` (of values over `span`) can come from them."""
        if self.why is not None or self.high is None or self.p is None or self.p < ALPHA:
            return False
        reach = self.room * span
        return reach <= change / 3 or (self.high <= 0.5 + TEXT_MARGIN and reach < change)


@dataclass(frozen=True)
class CauseParts:
    """A change taken apart by one column: `within` + `mix` = `total`, `matched` the share of current records whose kind both sides have."""

    total: float
    within: float
    mix: float
    matched: float
    column: str
    value: str | None = None  # whose share moved the mean most
    before: float = 0.0  # its share of the reference records
    now: float = 0.0
    p_mix: float | None = None  # of the claim that the mix is more than half of the change, times the columns tried


@dataclass(frozen=True)
class DriftCause:
    """Whose doing a change is (None: cannot be told), the one sentence that says so, the parts of the column that says most, and the columns tried."""

    whose: Whose | None
    sentence: str
    parts: CauseParts | None = None
    tried: Sequence[str] = ()


@dataclass(frozen=True)
class _Taken:
    """A column and what it makes of the change."""

    column: LoggedColumn
    found: Decomposition
    before: float
    now: float
    value: str | None

    @property
    def share(self) -> float:
        """Of the mix in the change."""
        return self.found.mix / self.found.total if self.found.total else 0.0


def find_cause(
    tables: Sequence[Logged], metric: str, inputs: Inputs, *, change: float, least: float, span: float | None, judged: str | None = None
) -> DriftCause:
    """Whose doing a change is, of `change` and by its interval at least `least`, of a metric whose values spread over `span`.

    `traffic`: the mix of one column is two thirds of the change or more, and more than half for certain, after Bonferroni over the
    columns tried. `app`: within each column it is two thirds or more, for certain more than half, and the inputs are still (`Inputs`),
    or the same prompts were asked. `both`: the mix is certain and so is what is left within, and the inputs are still. Else None.
    `judged` (scores not by one judge) leaves only the traffic to be named.
    """
    taken = [one for table in tables for one in _taken(table, metric)]
    named = [one.column.name for one in taken]
    first = min(taken, key=lambda one: one.found.p_mix_above(0.5), default=None)
    parts = None if first is None else _parts(first, change, len(taken))
    if first is not None and first.share >= TWO_THIRDS and first.found.p_mix_above(0.5) * len(taken) < ALPHA / 2:
        return DriftCause("traffic", f"{TRAFFIC}: {_moved(first)}", parts, named)
    if judged is not None:
        return DriftCause(None, judged, parts, named)
    steady = all(1 - one.share >= TWO_THIRDS and one.found.p_within_above(0.5) < ALPHA for one in taken)
    asked = next((made for table in tables if (made := _same_prompts(table, metric)) is not None), None)
    if steady and asked is not None:
        return DriftCause("app", APP, CauseParts(change, change - asked.mix, asked.mix, asked.matched, PROMPT), [*named, PROMPT])
    still = span is not None and inputs.still(least, span)
    if steady and still:
        return DriftCause("app", APP, parts, named)
    partly = first is not None and first.share > 1 - TWO_THIRDS and first.found.p_mix_above(0.0) * len(taken) < ALPHA / 2
    if first is not None and partly:
        if still and first.found.p_within_above(0.0) < ALPHA / 2:
            return DriftCause("both", f"the app and the traffic both: about {percent(first.share)} of it is the traffic, {_moved(first)}", parts, named)
        return DriftCause(None, f"{UNTOLD}: about {percent(first.share)} of it is the traffic ({_moved(first)}), the rest may be either", parts, named)
    return DriftCause(None, f"{UNTOLD}: {_why(inputs, steady=steady, tried=len(taken))}", parts, named)


def _why(inputs: Inputs, *, steady: bool, tried: int) -> str:
    none = "no logged column explains the change" if tried else "no other column is logged"
    if inputs.why is not None:
        return f"{inputs.why}, and {none}"
    if inputs.auc is None or inputs.high is None or inputs.p is None:
        return f"there are too few inputs to compare, and {none}"
    if inputs.p < ALPHA or inputs.auc > 0.5 + TEXT_MARGIN:
        return f"the input texts changed too (AUC {inputs.auc:.2f}), and {none}"
    if not steady:
        return "there is too little data to say how much of it is another mix of traffic"
    return f"the input texts may have changed by enough to explain it (AUC up to {inputs.high:.2f}), and {none}"


def _moved(one: _Taken) -> str:
    """Which value of a column came more or less often."""
    value = "nothing" if one.value is None else one.value
    what = f"an input of {value}" if one.column.name == LENGTH and one.value is not None else f"{one.column.name} = {value}"
    more = "more" if one.now > one.before else "fewer"
    return f"{more} records have {what} ({percent(one.before)} before, {percent(one.now)} now)"


def _taken(table: Logged, metric: str) -> list[_Taken]:
    """What each column that is no variant of the app makes of the change, without those that restate the sides or the metric."""
    kept = ~np.isnan(table.values[metric])
    values, current, clusters = table.values[metric][kept], table.current[kept], table.clusters[kept]
    if not current.any() or current.all():
        return []
    found = []
    for column in table.columns:
        codes = _pooled(column.codes[kept], current, clusters, len(column.values))
        made = None if column.app or codes.min() == codes.max() else decompose(values, current, codes, clusters, least_clusters=LEAST_CLUSTERS)
        if made is None or min(made.matched, made.matched_reference) < LEAST_MATCHED or _restates(values, current, codes):
            continue
        code = int(np.argmax(made.by_kind * np.sign(made.total)))
        before, now = (float(np.mean(codes[side] == code)) for side in (~current, current))
        found.append(_Taken(column, made, before, now, column.values[code] if code < len(column.values) else OTHERS))
    return found


def _pooled(codes: Integers, current: Bools, clusters: Integers, size: int) -> Integers:
    """The codes with the kinds that are too rare to be compared made one, `size`.

    A kind may be missing on a side by chance alone, which is no other mix: one with fewer than 5 clusters on a side is kept as it is only where
    its share of the other side let expect 10 there.
    """
    width = int(clusters.max()) + 1
    held = [np.bincount(np.unique(codes[side] * width + clusters[side]) // width, minlength=size) for side in (~current, current)]
    number = [max(int(np.count_nonzero(np.bincount(clusters[side]))), 1) for side in (~current, current)]
    expected = np.maximum(held[0] * number[1] / number[0], held[1] * number[0] / number[1])
    rare = (np.minimum(held[0], held[1]) < LEAST_CLUSTERS) & (expected < LEAST_EXPECTED)
    return np.where(rare[codes], size, codes)


def _restates(values: Floats, current: Bools, codes: Integers) -> bool:
    """Whether the kinds tell the value itself: then their mix is the change, whoever made it."""
    cells = 2 * codes + current
    counts = np.bincount(cells)
    means = np.bincount(cells, values) / np.maximum(counts, 1)
    spread = sum(float(((values[side] - values[side].mean()) ** 2).sum()) for side in (current, ~current))
    return spread > 0 and float(((values - means[cells]) ** 2).sum()) <= (1 - RESTATED) * spread


def _same_prompts(table: Logged, metric: str) -> Decomposition | None:
    """The parts by prompt where nearly all prompts were asked on both sides, and the change is within them; else None."""
    if table.prompts is None:
        return None
    kept = ~np.isnan(table.values[metric])
    made = decompose(table.values[metric][kept], table.current[kept], table.prompts[kept], table.clusters[kept]) if kept.any() else None
    if made is None or min(made.matched, made.matched_reference) < SAME_PROMPTS or not made.total:
        return None
    return made if made.within / made.total >= TWO_THIRDS and made.p_within_above(0.5) < ALPHA else None


def _parts(one: _Taken, change: float, tried: int) -> CauseParts:
    """The parts of the whole change: what the mix does not explain is within."""
    made = one.found
    p = min(1.0, made.p_mix_above(0.5) * tried)
    return CauseParts(
        change, change - made.mix, made.mix, matched=made.matched, column=one.column.name, value=one.value, before=one.before, now=one.now, p_mix=p
    )
