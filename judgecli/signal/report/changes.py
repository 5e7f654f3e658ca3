"""How each policy differs from the one before it, metric by metric."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from judgecli.arrays import Integers
from judgecli.report import ReportChange
from judgecli.signal.gate.verdict import plural
from judgecli.signal.gathering import GatheredRecords
from judgecli.signal.missing import DIFFERS, shares_p
from judgecli.signal.report.slices import MIN_CLUSTERS, SliceMetric
from judgecli.stats.column import ColumnFacts
from judgecli.stats.deciding import estimate_change
from judgecli.stats.families import holm
from judgecli.stats.permutation import permuted_contrast

MOST_VALUES = 12  # of a column: the most frequent ones are compared
MOST_NAMED = 5


@dataclass(frozen=True)
class _PolicyPair:
    """Two values of a column: the rows of each (after, before), and their clusters as codes from 0 up."""

    column: str
    after: str
    before: str
    rows: tuple[Integers, Integers]
    codes: tuple[Integers, Integers]
    clusters: int


def find_changes(gathered: GatheredRecords, subjects: Sequence[SliceMetric]) -> list[ReportChange]:
    """Every value of every policy column against the value before it in time, for each metric.

    Values are ordered by the median time of their records, then by name. Both sides need 20 clusters. A p-value is the greater of
    those of t and of the permutation of clusters (stats/permutation.py). p-values are corrected after Holm over all that is returned; a
    difference without an interval (a constant on an open scale) is not.
    The largest effect (in standard deviations) first.
    """
    pairs = [pair for name in gathered.columns for pair in _pairs(gathered, name)]
    deviations = {subject.name: _deviation(subject) for subject in subjects}
    measured = [subject for subject in subjects if deviations[subject.name] > 0]
    columns = {subject.name: subject.column for subject in measured}
    raw = [found for pair in pairs for subject in measured if (found := _change(pair, subject, columns[subject.name], deviations[subject.name]))]
    corrected = holm([item.p for item in raw]) if raw else []
    changes = [ReportChange(**{**vars(item), "p_holm": p}) for item, p in zip(raw, corrected, strict=True)]
    return sorted(changes, key=lambda item: (-abs(item.effect), item.metric, item.column, item.after))


@dataclass(frozen=True)
class Untold:
    """A value beside the value before it, of a metric that gives no difference between them: how many have a score, and p of equal shares."""

    metric: str
    column: str
    after: str
    before: str
    n_after: int
    of_after: int
    n_before: int
    of_before: int
    missing_p: float


def find_untold(gathered: GatheredRecords, subjects: Sequence[SliceMetric], changes: Sequence[ReportChange]) -> list[Untold]:
    """The shares of scores where there is no change to tell them with: a metric that is the same wherever it was measured may be missing on one side."""
    told = {(change.metric, change.column, change.after) for change in changes}
    found = []
    for pair in (pair for name in gathered.columns for pair in _pairs(gathered, name)):
        if min(len(np.unique(codes)) for codes in pair.codes) < MIN_CLUSTERS:
            continue
        for subject in subjects:
            scored = [~np.isnan(subject.values[rows]) for rows in pair.rows]
            known = subject.kind != "category" and any(kept.any() for kept in scored)
            if known and (subject.name, pair.column, pair.after) not in told:
                (n_after, of_after), (n_before, of_before) = ((int(kept.sum()), len(kept)) for kept in scored)
                found.append(
                    Untold(
                        subject.name,
                        pair.column,
                        pair.after,
                        before=pair.before,
                        n_after=n_after,
                        of_after=of_after,
                        n_before=n_before,
                        of_before=of_before,
                        missing_p=_missing_p(pair, scored),
                    )
                )
    return found


def too_small(gathered: GatheredRecords) -> list[str]:
    """Of which values of the policy columns nothing is claimed, since they have fewer than 20 clusters, in words."""
    found = []
    for name, column in gathered.columns.items():
        small = [(value, len(np.unique(gathered.clusters[rows]))) for value, rows in _rows_of(column).items()]
        named = [f"{value} ({plural(clusters, 'cluster')})" for value, clusters in sorted(small) if clusters < MIN_CLUSTERS]
        if named and len(small) > 1:
            more = f" and {len(named) - MOST_NAMED} more" if len(named) > MOST_NAMED else ""
            found.append(f"cannot tell how these values of {name} differ, {MIN_CLUSTERS} clusters are needed: {', '.join(named[:MOST_NAMED])}{more}")
    return found


def _deviation(subject: SliceMetric) -> float:
    """Of the scored values; 0 where there is none."""
    scored = subject.values[~np.isnan(subject.values)]
    return float(np.std(scored)) if len(scored) and subject.kind != "category" else 0.0


def _rows_of(column: Sequence[str | None]) -> dict[str, Integers]:
    """The rows of each value of a column."""
    number = {value: place for place, value in enumerate(dict.fromkeys(column))}
    codes = np.fromiter((number[value] for value in column), dtype=np.int64, count=len(column))
    order = np.argsort(codes, kind="stable")
    edges = np.searchsorted(codes[order], np.arange(len(number) + 1))
    return {value: order[edges[place] : edges[place + 1]] for value, place in number.items() if value is not None}


def _pairs(gathered: GatheredRecords, column: str) -> list[_PolicyPair]:
    """Neighbouring values (earlier, later) of a column."""
    rows = _rows_of(gathered.columns[column])
    times = np.array([np.nan if time is None else time for time in gathered.times], dtype=np.float64)
    kept = sorted(rows, key=lambda value: (-len(rows[value]), value))[:MOST_VALUES]
    middles = {value: float(np.median(known)) if len(known := times[rows[value]][~np.isnan(times[rows[value]])]) else float("inf") for value in kept}
    ordered = sorted(kept, key=lambda value: (middles[value], value))
    return [_pair(gathered, column, after, before, rows) for before, after in itertools.pairwise(ordered)]


def _pair(gathered: GatheredRecords, column: str, after: str, before: str, rows: Mapping[str, Integers]) -> _PolicyPair:
    sides = (rows[after], rows[before])
    clusters, codes = np.unique(gathered.clusters[np.concatenate(sides)], return_inverse=True)
    codes = codes.ravel()
    return _PolicyPair(column, after, before, sides, (codes[: len(sides[0])], codes[len(sides[0]) :]), len(clusters))


def _change(pair: _PolicyPair, subject: SliceMetric, column: ColumnFacts, deviation: float) -> ReportChange | None:
    values = [subject.values[rows] for rows in pair.rows]
    scored = [~np.isnan(side) for side in values]
    parts = []
    for side, kept, codes in zip(values, scored, pair.codes, strict=True):
        parts += [np.bincount(codes[kept], side[kept], pair.clusters), np.bincount(codes[kept], minlength=pair.clusters).astype(float)]
    contrast = permuted_contrast(*parts, rate=column.is_rate)
    if contrast is None or contrast.p is None or contrast.clusters < MIN_CLUSTERS:
        return None
    estimate = estimate_change(parts[0], parts[1], parts[2], parts[3], column)
    if estimate.low is None or estimate.high is None:
        return None
    missing_p = _missing_p(pair, scored)
    told = subject.higher_is_better is not None and contrast.difference != 0 and missing_p >= DIFFERS
    worse = (contrast.difference < 0) == subject.higher_is_better if told else None
    return ReportChange(
        metric=subject.name,
        column=pair.column,
        after=pair.after,
        before=pair.before,
        n_after=int(scored[0].sum()),
        of_after=len(values[0]),
        n_before=int(scored[1].sum()),
        of_before=len(values[1]),
        mean_after=contrast.mean_a,
        mean_before=contrast.mean_b,
        difference=contrast.difference,
        low=estimate.low,
        high=estimate.high,
        p=contrast.p,
        p_holm=contrast.p,
        effect=contrast.difference / deviation,
        worse=worse,
        missing_p=missing_p,
    )


def _missing_p(pair: _PolicyPair, scored: Sequence[npt.NDArray[np.bool_]]) -> float:
    """p of the hypothesis that both sides lack their score equally often: where they do not, the means are of other kinds of records."""
    if all(kept.all() for kept in scored):
        return 1.0
    parts = []
    for codes, kept in zip(pair.codes[::-1], scored[::-1], strict=True):
        parts += [np.bincount(which, minlength=pair.clusters).astype(float) for which in (codes[~kept], codes)]
    return shares_p(*parts)
