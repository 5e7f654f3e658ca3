"""Drift: what a metric was on reference records against what it is on current ones, with three verdicts.

The unit is the cluster (conversation, user, prompt), never the row. `drift` needs two things: the change is beyond the margin
with its whole interval, and its p-value holds in the family of all rows of the report (Benjamini & Hochberg). `no drift`
needs the whole interval within the margin. All else is `inconclusive`: not enough data, with the smallest change that could
have been seen. A verdict that the missing scores could flip is inconclusive too.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

import numpy as np
from scipy import special

from judgecli.arrays import Floats
from judgecli.schema import REASONS
from judgecli.signal.drift.cause import CauseParts
from judgecli.signal.drift.local import LocalChange
from judgecli.signal.drift.shape import Grouped, ShapeChange, category_shape, number_shape
from judgecli.signal.missing import shares_p
from judgecli.signal.summary import TOO_LARGE
from judgecli.stats.categories import category_test
from judgecli.stats.column import ColumnFacts
from judgecli.stats.contrast import clustered_contrast
from judgecli.stats.deciding import estimate_change, smallest_seen
from judgecli.stats.families import benjamini_hochberg, benjamini_yekutieli
from judgecli.stats.intervals import ClosedScale
from judgecli.stats.permutation import permutation_p

DriftVerdict = Literal["drift", "no drift", "inconclusive"]
ALPHA = 0.05
MIN_CLUSTERS = 20
MARGIN = 0.05  # share of the score range
LEAST_MEASURED = 0.98  # of a metric without bounds: below it the missing could be anything
TOO_WIDE = 1e70  # fourth powers of values are taken
MISSING, UNMEASURED = "missing share", "unmeasured share"  # failed or waiting; by design
OTHER_PART = "another part of the records is measured now: the unmeasured share drifted"
MOST_PERMUTED = 20_000  # clusters of the smaller side; beyond it t holds, and permutations take long
UNEQUAL = 1.2  # the larger side's clusters to the smaller one's


@dataclass(frozen=True)
class DriftSide:
    """One metric on one side: by cluster its sum, scored rows and missing rows (failed or waiting), and why rows have no value.

    Clusters stand at the same places on both sides. `rows` counts all records, `foreign` those measured under another identity;
    `design`: by cluster the rows without a value by design, None where there are none.
    """

    sums: Floats
    counts: Floats
    missing: Floats
    total: float
    rows: int
    reasons: Mapping[str, int]
    foreign: int = 0
    design: Floats | None = None

    @cached_property
    def scored(self) -> int:
        """Rows with a value."""
        return int(self.counts.sum())

    @property
    def lost(self) -> int:
        """Rows that should have a value and have none: failed, or waiting."""
        return sum(count for reason, count in self.reasons.items() if REASONS[reason] != "design")

    @property
    def mean(self) -> float | None:
        """The mean over scored rows; None where there are none, or where they are too large for floats."""
        mean = self.total / self.scored if self.scored else math.inf
        return mean if math.isfinite(mean) else None

    @cached_property
    def clusters(self) -> int:
        """Clusters with a scored row."""
        return int((self.counts > 0).sum())


@dataclass(frozen=True)
class DriftEvidence:
    """One metric of one segment (`segment` is empty: all records), on both sides. `span` is the width that a margin is a share of."""

    metric: str
    identity: str
    kind: str
    scale: ClosedScale
    higher_is_better: bool | None
    segment: Mapping[str, str | None]
    reference: DriftSide
    current: DriftSide
    span: float | None
    shape: Grouped | None = None
    two_values: tuple[float, float] | None = None  # all that was seen on either side, where that is so (stats/column.py)

    @property
    def column(self) -> ColumnFacts:
        """What is known of the values."""
        return ColumnFacts(self.kind, self.scale, self.two_values)


@dataclass(frozen=True)
class Margins:
    """The change that matters: a share of the range, or for a metric by name an amount in its own units."""

    share: float = MARGIN
    amounts: Mapping[str, float] = field(default_factory=dict)

    def of(self, metric: str, span: float | None) -> float | None:
        """In units of the metric; None where nothing tells how wide its range is."""
        return self.amounts.get(metric, None if span is None else self.share * span)


@dataclass(frozen=True)
class DriftRow:
    """One question of the report. `change` is current minus reference (of a category: total variation); None has its cause in `reasons`."""

    metric: str
    what: str  # value, missing share, unmeasured share, corpus, text
    segment: Mapping[str, str | None]
    kind: str
    identity: str
    higher_is_better: bool | None
    reference: Mapping[str, object]
    current: Mapping[str, object]
    change: float | None
    low: float | None
    high: float | None
    margin: float | None
    p: float | None
    clusters: int
    detectable: float | None = None
    q: float | None = None
    verdict: DriftVerdict = "inconclusive"
    cause: str | None = None
    reasons: Mapping[str, str] = field(default_factory=dict)
    shape: ShapeChange | None = None
    bounds: tuple[float, float] | None = None  # what the change could be with the missing at both ends
    parts: CauseParts | None = None
    partial: bool = False
    method: str = "none"
    cause_sentence: str | None = None  # whose doing it is, or why that cannot be told; None where nothing drifted
    tried: Sequence[str] = ()  # the columns by which the change was taken apart
    local: LocalChange | None = None  # where it changed apart from the rest, found without being asked
    asked: bool = True  # whether the segment is one of --by

    @property
    def overall(self) -> bool:
        """Whether the row is about all records."""
        return not self.segment

    @property
    def found(self) -> bool:
        """Whether the search found the segment, asked for or not."""
        return bool(self.segment) and self.local is not None

    @property
    def worse(self) -> bool | None:
        """Whether the change is for the worse; None where no direction is better, or nothing changed."""
        return None if self.higher_is_better is None or not self.change else (self.change < 0) == self.higher_is_better


def compare(evidence: DriftEvidence, margins: Margins) -> list[DriftRow]:
    """The rows of one metric in one segment, without q and verdict: its values; where scores are missing the shares that are, and
    where some have none by design the shares of those: a mean is of what was measured, and that may be another part than before."""
    rows = [_category_row(evidence, margins) if evidence.kind == "category" else _value_row(evidence, margins)]
    sides = (evidence.reference, evidence.current)
    if any(side.foreign for side in sides):
        return rows
    if any(side.lost for side in sides):
        rows.append(_share_row(evidence, margins, MISSING, [side.missing for side in sides]))
    if any(side.design is not None for side in sides):
        rows.append(_share_row(evidence, margins, UNMEASURED, [np.zeros(len(side.counts)) if side.design is None else side.design for side in sides]))
    return rows


def _value_row(evidence: DriftEvidence, margins: Margins) -> DriftRow:
    old, new = evidence.reference, evidence.current
    margin = margins.of(evidence.metric, evidence.span)
    row = _blank(evidence, margin)
    if old.mean is None or new.mean is None or "change" in row.reasons:
        return row
    estimate = change_interval(new, old, evidence.column)
    p = certain_p(new, old, estimate.p)
    numbers = (estimate.low, estimate.high, estimate.p, new.mean - old.mean)
    if not all(value is None or math.isfinite(value) for value in numbers):
        return replace(row, reasons=dict.fromkeys(("change", "low", "high", "p", "q", "detectable"), TOO_LARGE))
    seen = smallest_seen(estimate.se, new.mean - old.mean, estimate.low, estimate.high)
    why = {name: estimate.why for name in ("low", "high", "p") if estimate.why is not None and getattr(estimate, name) is None}
    return replace(
        row,
        change=new.mean - old.mean,
        low=estimate.low,
        high=estimate.high,
        p=p,
        detectable=None if seen is None or margin is None else margin + seen,
        method=estimate.method,
        reasons={**row.reasons, **why},
        bounds=_bounds(evidence),
        shape=None if evidence.shape is None else number_shape(evidence.shape, (old.clusters, new.clusters)),
    )


_Z95, _Z80 = float(special.ndtri(0.975)), float(special.ndtri(0.8))


@dataclass(frozen=True)
class ChangeInterval:
    """Limits of new minus old, the standard error, p, and how the limits were made; None has its cause in `why`, infinite is too large for floats."""

    low: float | None
    high: float | None
    se: float | None
    p: float | None
    method: str = "none"
    why: str | None = None


def change_interval(new: DriftSide, old: DriftSide, column: ColumnFacts) -> ChangeInterval:
    """The interval that the column gets (stats/deciding.py), and Welch's p on clusters, or that of the limits where a side shows no spread."""
    if max(float(np.abs(side.sums).max(initial=0.0)) for side in (new, old)) > TOO_WIDE:
        return ChangeInterval(math.inf, math.inf, math.inf, math.inf)
    found = estimate_change(new.sums, new.counts, old.sums, old.counts, column)
    if found.low is None or found.high is None:
        return ChangeInterval(None, None, None, None, found.method, found.why)
    contrast = clustered_contrast(new.sums, new.counts, old.sums, old.counts, rate=column.is_rate)
    if contrast is not None and (contrast.se or 0.0) > 0 and (column.is_rate or found.method != "Newcombe"):
        return ChangeInterval(found.low, found.high, found.se, contrast.p, found.method, found.why)
    z = (found.high - found.low) / (2 * _Z95)  # the limits' own standard error, since the values show none
    change = found.mean or 0.0
    return ChangeInterval(found.low, found.high, z, float(2 * special.ndtr(-abs(change) / z)) if z > 0 else float(change == 0), found.method, found.why)


def certain_p(new: DriftSide, old: DriftSide, p: float | None) -> float | None:
    """The p-value of a change: the greater of that of its interval's method and that of a permutation of clusters.

    Where a small side stands beside a large one, t trusts the small side's own spread, which skewed and rare values understate by chance;
    a permutation assumes no shape. It is asked where t would claim something, where one side has 1.2 times the clusters of the other (between
    equal ones skew cancels), and where the smaller has at most 20,000.
    """
    fewer, more = sorted((new.clusters, old.clusters))
    if p is None or not p < ALPHA or fewer > MOST_PERMUTED or more < UNEQUAL * fewer:
        return p
    return max(p, permutation_p(new.sums, new.counts, old.sums, old.counts))


def _category_row(evidence: DriftEvidence, margins: Margins) -> DriftRow:
    """A category: how far the shares moved (total variation), with a test by cluster."""
    row = _blank(evidence, margins.of(evidence.metric, 1.0))
    if not evidence.reference.scored or not evidence.current.scored or "change" in row.reasons or evidence.shape is None:
        return row
    shape = category_shape(evidence.shape)
    test = category_test(evidence.shape.reference, evidence.shape.current)
    if shape.limits is None:
        return replace(row, change=shape.tv, shape=shape, reasons={"low": "one side has fewer than two clusters", "p": "one side has fewer than two clusters"})
    change, low, high = shape.limits["tv"]
    p = 1.0 if test is None else test.p  # one category on both sides: nothing differs
    detectable = None if row.margin is None else row.margin + (high - low) / 2 * (1 + _Z80 / _Z95)
    return replace(row, change=change, low=low, high=high, p=p, shape=shape, detectable=detectable, bounds=_category_bounds(evidence, change))


def _share_row(evidence: DriftEvidence, margins: Margins, what: str, without: Sequence[Floats]) -> DriftRow:
    """The share of rows without a value (by cluster, a side each): of those that should have one, or by design of all."""
    sides = []
    for side, lost in zip((evidence.reference, evidence.current), without, strict=True):
        counts = side.counts + side.missing if what == MISSING or side.design is None else side.counts + side.missing + side.design
        sides.append(replace(side, sums=lost, counts=counts, missing=np.zeros_like(counts), total=float(lost.sum()), reasons={}, design=None))
    worse = False if what == MISSING else None  # that more does not apply is neither good nor bad in itself
    asked = replace(
        evidence, kind="rate", scale=(0.0, 1.0), two_values=None, higher_is_better=worse, reference=sides[0], current=sides[1], span=1.0, shape=None
    )
    row = _value_row(asked, Margins(margins.share))
    return replace(row, what=what, p=None if row.p is None else shares_p(*(part for side in sides for part in (side.sums, side.counts))))


def _blank(evidence: DriftEvidence, margin: float | None) -> DriftRow:
    """A row with nothing compared, and why where nothing can be."""
    old, new = evidence.reference, evidence.current
    reasons: dict[str, str] = {}
    for name, side in (("reference", old), ("current", new)):
        if side.foreign and not side.scored:
            reasons["change"] = f"the {name} records were measured under another identity of {evidence.metric}, and identities are not compared"
        elif not side.scored:
            reasons.setdefault("change", f"nothing was scored in the {name} records")
        elif side.mean is None:
            reasons.setdefault("change", TOO_LARGE)
    if margin is None:
        reasons.setdefault("margin", "the scale has no width; name a margin with --margin NAME=AMOUNT")
    for name in ("low", "high", "p", "q", "detectable"):
        if "change" in reasons:
            reasons.setdefault(name, reasons["change"])
    return DriftRow(
        metric=evidence.metric,
        what="value",
        segment=evidence.segment,
        kind=evidence.kind,
        identity=evidence.identity,
        higher_is_better=evidence.higher_is_better,
        reference=_side(old),
        current=_side(new),
        change=None,
        low=None,
        high=None,
        margin=margin,
        p=None,
        clusters=min(old.clusters, new.clusters),
        reasons=reasons,
        partial=bool(old.lost or new.lost or old.foreign or new.foreign),
    )


def _side(side: DriftSide) -> dict[str, object]:
    return {"n": side.scored, "mean": side.mean, "of": side.rows, "clusters": side.clusters, "unscored": dict(side.reasons), "other_identity": side.foreign}


def _bounds(evidence: DriftEvidence) -> tuple[float, float] | None:
    """Least and greatest change with the missing at either end; None where the scale has no ends."""
    ends = []
    for side in (evidence.reference, evidence.current):
        lost = side.lost + side.foreign
        if not lost:
            ends.append((side.mean or 0.0, side.mean or 0.0))
        elif evidence.scale[0] is None or evidence.scale[1] is None:
            return None
        else:
            every = side.scored + lost
            ends.append(((side.total + lost * evidence.scale[0]) / every, (side.total + lost * evidence.scale[1]) / every))
    return ends[1][0] - ends[0][1], ends[1][1] - ends[0][0]


def _category_bounds(evidence: DriftEvidence, change: float) -> tuple[float, float]:
    """Total variation moves at most by the share that is missing on each side."""
    reach = sum((side.lost + side.foreign) / max(side.scored + side.lost + side.foreign, 1) for side in (evidence.reference, evidence.current))
    return max(0.0, change - reach), min(1.0, change + reach)


def decide(rows: Sequence[DriftRow], *, alpha: float = ALPHA, any_dependence: bool = False, others: Sequence[float] = ()) -> list[DriftRow]:
    """The rows with q over the whole family and their verdict; `others` are p-values of the family that have no row."""
    asked = [place for place, row in enumerate(rows) if row.p is not None]
    adjust = benjamini_yekutieli if any_dependence else benjamini_hochberg
    family = adjust([*(rows[place].p or 0.0 for place in asked), *others])
    adjusted = dict(zip(asked, family[: len(asked)], strict=True))
    judged = [_judged(replace(row, q=adjusted.get(place)), alpha) for place, row in enumerate(rows)]
    apart = {(row.metric, str(row.segment)) for row in judged if row.what == UNMEASURED and row.verdict == "drift"}
    for place, row in enumerate(judged):
        if row.what == "value" and row.verdict == "no drift" and (row.metric, str(row.segment)) in apart:
            judged[place] = replace(row, verdict="inconclusive", reasons={**row.reasons, "verdict": OTHER_PART})
    return judged


def _judged(row: DriftRow, alpha: float) -> DriftRow:
    if row.low is None or row.high is None or row.change is None or row.margin is None or row.q is None:
        why = row.reasons.get("change") or row.reasons.get("low") or row.reasons.get("margin") or "it could not be compared"
        return replace(row, verdict="inconclusive", reasons={**row.reasons, "verdict": why})
    if row.clusters < MIN_CLUSTERS:
        why = f"not enough data: {row.clusters} clusters on the smaller side, {MIN_CLUSTERS} are needed"
        return replace(row, verdict="inconclusive", reasons={**row.reasons, "verdict": why})
    verdict = _verdict(row.low, row.high, row.margin, row.q < alpha)
    if open_because := _why_open(row, verdict, alpha):
        return replace(row, verdict="inconclusive", reasons={**row.reasons, "verdict": open_because})
    return replace(row, verdict=verdict)


def _why_open(row: DriftRow, verdict: DriftVerdict, alpha: float) -> str | None:
    """Why a row is inconclusive; None where it is not."""
    assert row.low is not None and row.high is not None and row.change is not None and row.margin is not None and row.q is not None  # noqa: PT018
    if verdict == "inconclusive":
        if row.q >= alpha and not (row.low <= 0 <= row.high):
            return f"the change could be chance, given that so many were looked at (q = {row.q:.3g})"
        return "not enough data: the interval allows for changes within the margin and beyond it"
    if not row.partial:
        return None
    if row.bounds is None:
        shares = [_measured(side) for side in (row.reference, row.current)]
        return None if min(shares) >= LEAST_MEASURED else f"only {min(shares):.0%} was measured on one side, and the scale has no ends to bound the rest with"
    low, high = row.bounds[0] - (row.change - row.low), row.bounds[1] + (row.high - row.change)
    if verdict != _verdict(low, high, row.margin, row.q < alpha):
        return f"the scores that are missing could flip it: with them the change is {row.bounds[0]:+.3g} to {row.bounds[1]:+.3g}"
    return None


def _measured(side: Mapping[str, object]) -> float:
    unscored = side["unscored"]
    assert isinstance(unscored, Mapping)
    scored = int(str(side["n"]))
    lost = sum(count for reason, count in unscored.items() if REASONS[reason] != "design") + int(str(side["other_identity"]))
    return scored / (scored + lost) if scored + lost else 0.0


def _verdict(low: float, high: float, margin: float, certain: bool) -> DriftVerdict:
    """By the limits of the absolute change."""
    least = low if low > 0 else -high if high < 0 else 0.0
    if least > margin and certain:
        return "drift"
    return "no drift" if max(abs(low), abs(high)) < margin else "inconclusive"
