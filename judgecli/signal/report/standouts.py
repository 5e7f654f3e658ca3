"""Which variant is worst at what: found from signals by one column, certain by tests of clusters, without naming any metric."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import special

from judgecli.signal.gate.verdict import plural
from judgecli.signal.missing import DIFFERS, MeasuredShare
from judgecli.signal.report.slices import ALPHA
from judgecli.signal.windows import ClusterSums, SignalRow
from judgecli.stats.column import ColumnFacts
from judgecli.stats.deciding import estimate_change
from judgecli.stats.families import holm
from judgecli.stats.permutation import ASK_BELOW, fisher_p, permuted_contrast

LEAST_CLUSTERS = 20  # of a variant; below it nothing is claimed
MOST_PER_VALUE = 2


@dataclass(frozen=True)
class Standout:
    """A value of a column that is worse than every other value on a metric. `others`: their means; `p` is corrected after Holm."""

    column: str
    value: str
    metric: str
    kind: str
    mean: float
    n: int
    others: Mapping[str, float]
    p: float

    def to_json(self) -> dict[str, object]:
        """As a row of JSON."""
        return {
            "column": self.column,
            "value": self.value,
            "metric": self.metric,
            "kind": self.kind,
            "mean": self.mean,
            "n": self.n,
            "others": dict(self.others),
            "p": self.p,
        }


def find_standouts(rows: Sequence[SignalRow], column: str, *, better: Mapping[str, bool | None], first: Sequence[str] = (), columns: int = 1) -> list[Standout]:
    """The values of `column` that are worst at something, at most two metrics each, the most certain first.

    Rows: signals by that one column over all time, with their sums by cluster. `better` tells which way is good (metrics without a
    way are left out); metrics in `first` come before others. A value stands out where the difference to every other
    value is certain: its least certain p-value, corrected after Holm over all values and metrics and shared among the
    `columns` that are asked, is below 2.5 %. A p-value is the greater of those of t and of the permutation of clusters
    (stats/permutation.py): a small variant that happens to have none of a rare fault, or all of it, is no news.
    Of rows without sums the permutation is judged by its variance alone. Nothing is claimed against a value that lacks its scores more or
    less often, unless it would be so with all that failed or waits at the ends of the scale (`measured_apart` names these).
    """
    asked: list[tuple[SignalRow, list[SignalRow], float]] = []
    for metric in dict.fromkeys(row.metric for row in rows if better.get(row.metric) is not None):
        own = [row for row in rows if row.metric == metric and row.mean is not None and row.se is not None and row.clusters >= LEAST_CLUSTERS]
        own = [row for row in own if row.policy.get(column) is not None]
        if len({row.identity for row in own}) == 1 and len(own) > 1:
            asked += [(row, others, _least_certain(row, others, bool(better[metric]))) for row, others in _each(own)]
    found = []
    for (row, others, _), p in zip(asked, holm([p for _, _, p in asked]), strict=True):
        if p * columns < ALPHA and row.mean is not None:
            means = {str(other.policy[column]): float(other.mean) for other in others if other.mean is not None}
            found.append(
                Standout(column, str(row.policy[column]), row.metric, kind=row.kind, mean=float(row.mean), n=row.n, others=means, p=min(1.0, p * columns))
            )
    return _few(sorted(found, key=lambda item: (item.metric not in first, item.p, item.metric)))


def too_small_to_tell(rows: Sequence[SignalRow], column: str) -> list[str]:
    """The values of `column` of which nothing is claimed, since no metric has 20 clusters of them, in words."""
    clusters: dict[str, int] = {}
    for row in rows:
        value = row.policy.get(column)
        if value is not None:
            clusters[value] = max(clusters.get(value, 0), row.clusters)
    small = [(value, count) for value, count in sorted(clusters.items()) if 0 < count < LEAST_CLUSTERS]
    return [f"{column} {value}: {plural(count, 'cluster')}, {LEAST_CLUSTERS} are needed" for value, count in small] if len(clusters) > 1 else []


def measured_apart(rows: Sequence[SignalRow], column: str, *, better: Mapping[str, bool | None]) -> list[str]:
    """Of which metrics nothing is claimed of some values of `column`, since these lack their scores more or less often, in words."""
    found = []
    for metric in dict.fromkeys(row.metric for row in rows if better.get(row.metric) is not None):
        own = [row for row in rows if row.metric == metric and row.policy.get(column) is not None and row.mean is not None and row.clusters >= LEAST_CLUSTERS]
        pairs = [(row, other) for place, row in enumerate(own) for other in own[place + 1 :] if row.identity == other.identity]
        apart = [row for row in own if any(row in pair and _other_records(*_worse_first(pair, bool(better[metric])), bool(better[metric])) for pair in pairs)]
        if apart:
            shares = ", ".join(f"{row.policy[column]} has one on {_measured(row).text()}" for row in apart)
            found.append(f"{column} at {metric}, for the shares that have a score differ: {shares}")
    return found


def _worse_first(pair: tuple[SignalRow, SignalRow], higher_is_better: bool) -> tuple[SignalRow, SignalRow]:
    one, other = sorted(pair, key=lambda row: row.mean or 0.0)
    return (one, other) if higher_is_better else (other, one)


def _measured(row: SignalRow) -> MeasuredShare:
    """How many of its records have a score, and why not the rest."""
    return MeasuredShare.of_reasons(row.n, row.unscored)


def _other_records(row: SignalRow, other: SignalRow, higher_is_better: bool) -> bool:
    """Whether the two means may be of other kinds of records: the shares without a score differ, and what is missing could make `row` the better one.

    Records are counted, not clusters: where scores are missing by whole conversations that says too often that the shares differ,
    and a claim is held back. What is not there by design has no end of the scale that bounds it.
    """
    one, two = _measured(row), _measured(other)
    if fisher_p(one.of - one.n, one.of, two.of - two.n, two.of) >= DIFFERS:
        return False
    ends = [end for held in (row, other) for end in (held.worst, held.best) if end is not None]
    if len(ends) < 4 or one.by_design or two.by_design:
        return True
    return max(ends[:2]) >= min(ends[2:]) if higher_is_better else min(ends[:2]) <= max(ends[2:])


def _each(rows: Sequence[SignalRow]) -> list[tuple[SignalRow, list[SignalRow]]]:
    return [(row, [other for other in rows if other is not row]) for row in rows]


def _least_certain(row: SignalRow, others: Sequence[SignalRow], higher_is_better: bool) -> float:
    """The largest of the one-sided p-values against the other values; where one is large already the rest are not asked."""
    least = 0.0
    for other in others:
        least = max(least, _p(row, other, higher_is_better))
        if least > 0.5:
            break
    return least


def _p(row: SignalRow, other: SignalRow, higher_is_better: bool) -> float:
    """How likely `row` looks this much worse than `other` by chance, one-sided; 1 where it does not look worse."""
    assert row.mean is not None and other.mean is not None  # noqa: PT018
    worse = (other.mean - row.mean) if higher_is_better else (row.mean - other.mean)
    if worse <= 0 or _other_records(row, other, higher_is_better):
        return 1.0
    if row.sums is None or other.sums is None:
        return _by_variance(row, other, worse)
    sides = _over_both(row.sums, other.sums)
    counts = np.r_[sides[1], sides[3]]
    column = ColumnFacts.of(row.kind, row.sums.scale, np.r_[sides[0], sides[2]], counts)
    found = permuted_contrast(*sides, rate=column.is_rate, ask_below=2 * ASK_BELOW)
    if found is None or found.p is None or found.p >= 2 * ASK_BELOW:
        return 1.0 if found is None or found.p is None else found.p / 2
    estimate = estimate_change(sides[0], sides[1], sides[2], sides[3], column)
    return found.p / 2 if replace(found, low=estimate.low, high=estimate.high).off_zero else 1.0


def _over_both(one: ClusterSums, other: ClusterSums) -> list["np.ndarray[tuple[int], np.dtype[np.float64]]"]:
    """Sums and counts of two rows over the clusters of both."""
    clusters = np.union1d(one.clusters, other.clusters)
    columns = []
    for side in (one, other):
        at = np.searchsorted(clusters, side.clusters)
        for values in (side.sums, side.counts):
            whole = np.zeros(len(clusters))
            whole[at] = values
            columns.append(whole)
    return columns


def _by_variance(row: SignalRow, other: SignalRow, worse: float) -> float:
    """From means and errors alone: the greater p-value of Welch's t, and of one with the spread of all clusters, as a permutation has it."""
    assert row.se is not None and other.se is not None  # noqa: PT018
    fewest, share = min(row.clusters, other.clusters), row.clusters / (row.clusters + other.clusters)
    variances = (row.clusters * row.se**2, other.clusters * other.se**2)
    spread = share * variances[0] + (1 - share) * variances[1] + share * (1 - share) * worse**2
    errors = (math.hypot(row.se, other.se), math.sqrt(spread * (1 / row.clusters + 1 / other.clusters)))
    return max(float(special.stdtr(fewest - 1, -worse / error)) if error > 0 else 0.0 for error in errors)


def _few(found: Sequence[Standout]) -> list[Standout]:
    counts: dict[str, int] = {}
    kept = []
    for item in found:
        counts[item.value] = counts.get(item.value, 0) + 1
        if counts[item.value] <= MOST_PER_VALUE:
            kept.append(item)
    return sorted(kept, key=lambda item: item.value)
