"""Slices of the records where a metric is worse than elsewhere, found without naming columns.

A slice is all records that share one value of one trait (traits.py). Its mean is set against that of
all other records, by t and by permutation of clusters (stats/permutation.py): a slice is small beside the rest,
and t alone is too sure where values are skewed or rare. The family of all slices and metrics is held by Benjamini and
Hochberg for the list, by Holm for what a headline may claim.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from judgecli.arrays import Floats, Integers
from judgecli.stats.column import ColumnFacts, two_values_of
from judgecli.stats.contrast import Contrast
from judgecli.stats.deciding import estimate_change
from judgecli.stats.families import benjamini_hochberg, holm
from judgecli.stats.intervals import ClosedScale
from judgecli.stats.permutation import ASK_BELOW, permuted_contrast

MIN_CLUSTERS = 20
ALPHA = 0.025  # a report makes claims of two kinds, changes and slices: together they may be wrong one time in twenty


@dataclass(frozen=True)
class SliceMetric:
    """A metric to look at: one value a record (NaN = unscored, never counted), and which way is better."""

    name: str
    values: Floats
    kind: str
    higher_is_better: bool | None
    scale: ClosedScale = (None, None)

    @property
    def column(self) -> ColumnFacts:
        """What is known of its values."""
        return ColumnFacts(self.kind, self.scale, two_values_of(self.values[~np.isnan(self.values)]))


@dataclass(frozen=True)
class Slice:
    """One slice of one metric against the rest. `effect` is the difference in standard deviations, worse is negative."""

    metric: str
    trait: str
    value: str
    n: int
    of: int
    clusters: int
    mean: float
    rest: float
    difference: float
    low: float
    high: float
    p: float
    q: float
    p_holm: float
    effect: float

    @property
    def worse(self) -> bool:
        """Whether the metric is worse inside."""
        return self.effect < 0


def find_slices(
    subjects: Sequence[SliceMetric], members: Mapping[tuple[str, str], Integers], clusters: Integers, *, min_clusters: int = MIN_CLUSTERS
) -> list[Slice]:
    """Slices that differ from the rest at a false discovery rate of 2.5 %, the worst first.

    Where nothing differs anywhere, any slice at all is listed that rarely. A slice whose own interval allows for no difference is
    never listed, whatever its p-value.
    `members` maps (trait, value) to sorted row numbers; `clusters` holds one code from 0 up a row. A slice and its
    rest need `min_clusters` clusters each; of slices with the same rows the first is kept.
    Metrics without a direction are left out: nothing tells worse from better there.
    """
    distinct = _distinct(members)
    found: list[tuple[SliceMetric, tuple[str, str], int, Contrast, float]] = []
    for subject in subjects:
        if subject.higher_is_better is None or subject.kind == "category":
            continue
        scored = ~np.isnan(subject.values)
        deviation = float(np.std(subject.values[scored])) if scored.any() else 0.0
        if deviation == 0:
            continue
        for key, inside, contrast in _contrasts(subject, scored, distinct, clusters):
            if contrast.clusters >= min_clusters and contrast.p is not None:
                found.append((subject, key, inside, contrast, deviation))
    if not found:
        return []
    p_values = [contrast.p or 0.0 for *_, contrast, _ in found]
    adjusted = zip(found, benjamini_hochberg(p_values), holm(p_values), strict=True)
    slices = [_slice(*item, q=q, p_holm=p_holm) for item, q, p_holm in adjusted if q < ALPHA and item[3].off_zero]
    return sorted(slices, key=lambda item: (item.effect, item.metric, item.trait, item.value))


def _contrasts(
    subject: SliceMetric, scored: npt.NDArray[np.bool_], members: Mapping[tuple[str, str], Integers], clusters: Integers
) -> "list[tuple[tuple[str, str], int, Contrast]]":
    """Each slice of one metric against the rest; sums of the rest are those of all less those of the slice."""
    size = int(clusters.max()) + 1
    values = np.where(scored, subject.values, 0.0)
    all_counts = np.bincount(clusters[scored], minlength=size).astype(float)
    all_sums = np.bincount(clusters, weights=values, minlength=size).astype(np.float64)
    column, found = subject.column, []
    for key, rows in members.items():
        kept = rows[scored[rows]]
        counts = np.bincount(clusters[kept], minlength=size).astype(float)
        sums = np.bincount(clusters[kept], weights=values[kept], minlength=size).astype(np.float64)
        rest = np.where(counts < all_counts, all_sums - sums, 0.0)  # what is left of rounding is no value
        contrast = permuted_contrast(sums, counts, rest, all_counts - counts, rate=column.is_rate)
        if contrast is not None and contrast.p is not None and contrast.p < ASK_BELOW:
            estimate = estimate_change(sums, counts, rest, all_counts - counts, column)
            contrast = replace(contrast, low=estimate.low, high=estimate.high)
        if contrast is not None:
            found.append((key, len(kept), contrast))
    return found


def _distinct(members: Mapping[tuple[str, str], Integers]) -> dict[tuple[str, str], Integers]:
    seen: set[bytes] = set()
    kept = {}
    for key, rows in members.items():
        print_of_rows = rows.tobytes()
        if print_of_rows not in seen:
            seen.add(print_of_rows)
            kept[key] = rows
    return kept


def _slice(subject: SliceMetric, key: tuple[str, str], inside: int, contrast: Contrast, deviation: float, *, q: float, p_holm: float) -> Slice:
    better = 1 if subject.higher_is_better else -1
    return Slice(
        metric=subject.name,
        trait=key[0],
        value=key[1],
        n=inside,
        of=int((~np.isnan(subject.values)).sum()),
        clusters=contrast.clusters,
        mean=contrast.mean_a,
        rest=contrast.mean_b,
        difference=contrast.difference,
        low=contrast.low if contrast.low is not None else contrast.difference,
        high=contrast.high if contrast.high is not None else contrast.difference,
        p=contrast.p or 0.0,
        q=q,
        p_holm=p_holm,
        effect=better * contrast.difference / deviation,
    )
