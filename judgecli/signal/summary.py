"""One metric over one run: n of N, mean with interval, bounds, reasons."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from judgecli.schema import REASONS
from judgecli.stats.column import ColumnFacts
from judgecli.stats.deciding import estimate_mean
from judgecli.stats.intervals import Estimate

MetricRange = tuple[float | None, float | None]
TOO_LARGE = "the values are too large for the arithmetic of floats"


@dataclass(frozen=True)
class Reduced:
    """What the store's reduction gives of a metric: sums by cluster, order statistics, counts by reason.

    `sums` and `counts` hold one item a cluster with at least one scored row, in an order that does
    not depend on shards; `categories` counts the values of a category metric; `two_values` are all that was seen, where that is so
    (stats/column.py).
    """

    sums: npt.NDArray[np.float64]
    counts: npt.NDArray[np.float64]
    total: float
    smallest: float | None
    median: float | None
    largest: float | None
    scored: int
    reasons: Mapping[str, int]
    categories: Mapping[str, int]
    two_values: tuple[float, float] | None = None


@dataclass(frozen=True)
class MetricSummary:
    """One line of the table that `judge score` prints. Numbers that could not be computed are None, with a reason.

    `worst` and `best` are the mean with failed and waiting cells imputed at the bad and the good end of the scale.
    """

    name: str
    identity: str
    kind: str
    higher_is_better: bool | None
    scored: int
    unscored: Mapping[str, int]
    pending: int
    estimate: Estimate
    worst: float | None
    best: float | None
    smallest: float | None
    median: float | None
    largest: float | None
    categories: Mapping[str, int]
    why_null: Mapping[str, str]
    two_values: tuple[float, float] | None = None

    @property
    def cells(self) -> int:
        """All cells: scored, unscored and pending."""
        return self.scored + sum(self.unscored.values()) + self.pending

    @property
    def failed(self) -> int:
        """Cells that should have a value and could not get one."""
        return sum(count for reason, count in self.unscored.items() if REASONS[reason] == "failed")

    @property
    def coverage(self) -> float | None:
        """scored / (scored + failed + waiting); None where nothing was to be measured."""
        expected = self.scored + self.failed + self.pending
        return self.scored / expected if expected else None

    def to_json(self) -> dict[str, object]:
        """The object of DESIGN's `score` shape."""
        document: dict[str, object] = {
            "scored": self.scored,
            "unscored": dict(self.unscored),
            "pending": self.pending,
            "mean": self.estimate.mean,
            "low": self.estimate.low,
            "high": self.estimate.high,
            "method": self.estimate.method,
            "worst": self.worst,
            "best": self.best,
            "min": self.smallest,
            "p50": self.median,
            "max": self.largest,
            "identity": self.identity,
            "kind": self.kind,
            "higher_is_better": self.higher_is_better,
            "coverage": self.coverage,
        }
        if self.categories:
            document["categories"] = dict(self.categories)
        if self.why_null:
            document["reasons"] = dict(self.why_null)
        return document


def summarise(
    name: str, identity: str, *, kind: str, scale: MetricRange, higher_is_better: bool | None, reduced: Reduced, known: Estimate | None = None
) -> MetricSummary:
    """Apply the formulas to what the reduction gave; `known` is the estimate where it was computed before, with many others."""
    unscored = {reason: count for reason, count in sorted(reduced.reasons.items()) if REASONS[reason] != "waiting"}
    waiting = sum(reduced.reasons.values()) - sum(unscored.values())
    failed = sum(count for reason, count in unscored.items() if REASONS[reason] == "failed")
    estimate = Estimate(None, None, None, None)
    if kind != "category":
        with np.errstate(over="ignore", invalid="ignore"):
            estimate = known or estimate_mean(reduced.sums, reduced.counts, ColumnFacts(kind, scale, reduced.two_values))
        low, high = (_clip(_finite(limit), scale) for limit in (estimate.low, estimate.high))
        estimate = replace(estimate, mean=_finite(estimate.mean), se=_finite(estimate.se), low=low, high=high)
    bad_end, good_end = scale if higher_is_better is not False else (scale[1], scale[0])
    worst, best = (None if kind == "category" else _impute(reduced, failed + waiting, end) for end in (bad_end, good_end))
    return MetricSummary(
        name=name,
        identity=identity,
        kind=kind,
        higher_is_better=higher_is_better,
        scored=reduced.scored,
        unscored=unscored,
        pending=waiting,
        estimate=estimate,
        worst=worst,
        best=best,
        smallest=reduced.smallest,
        median=_finite(reduced.median),
        largest=reduced.largest,
        categories=reduced.categories,
        why_null=_explain_nulls(kind, reduced, estimate, worst, best),
        two_values=reduced.two_values,
    )


def _finite(value: float | None) -> float | None:
    """The value, or None where it left the range of floats."""
    return value if value is not None and math.isfinite(value) else None


def _clip(value: float | None, scale: MetricRange) -> float | None:
    """An interval that leaves the scale is cut at its end."""
    if value is None:
        return None
    low, high = scale
    return max(value, low) if low is not None and value < low else min(value, high) if high is not None and value > high else value


def _impute(reduced: Reduced, missing: int, end: float | None) -> float | None:
    """The mean if every failed and waiting cell stood at this end of the scale."""
    if missing == 0:
        return _finite(reduced.total / reduced.scored) if reduced.scored else None
    return None if end is None else _finite((reduced.total + missing * end) / (reduced.scored + missing))


def _explain_nulls(kind: str, reduced: Reduced, estimate: Estimate, worst: float | None, best: float | None) -> dict[str, str]:
    if kind == "category":
        return {"mean": "a category has no mean; see categories"}
    why: dict[str, str] = {}
    if estimate.mean is None:
        why["mean"] = TOO_LARGE if reduced.scored else "nothing was scored"
    if estimate.mean is not None and estimate.low is None:
        why["low"] = why["high"] = estimate.why if estimate.method == "none" and estimate.why else TOO_LARGE
    if reduced.median is not None and _finite(reduced.median) is None:
        why["p50"] = TOO_LARGE
    if reduced.scored or sum(reduced.reasons.values()):
        for name, value in (("worst", worst), ("best", best)):
            if value is None:
                why[name] = "nothing was scored" if not reduced.scored else "the scale has no end there" if math.isfinite(reduced.total) else TOO_LARGE
    return why
