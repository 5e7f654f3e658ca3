"""A metric's mean corrected by people's labels, in the metric's own units: PPI++, or Rogan and Gladen's estimate."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from judgecli.arrays import Floats, Integers
from judgecli.stats.intervals import ClosedScale, mean_interval
from judgecli.stats.ppi import Labelled, Rest, ppi_mean
from judgecli.stats.rogan_gladen import rogan_gladen

Origin = Literal["sample", "elsewhere"]

LEAST_LABELS = 10  # clusters with a label, below which no mean is corrected
ASSUMED = {
    "sample": "the labelled records are a random sample of these records",
    "weighted": "each record's chance of being labelled is known",
    "elsewhere": "the judge errs on these records as often as on the labelled ones",
}


@dataclass(frozen=True)
class CorrectedMean:
    """The corrected mean with its 95 % interval; None with the cause in `why`. `labels` of `clusters` were used; `assumed` must hold."""

    mean: float | None
    low: float | None
    high: float | None
    method: str
    labels: int
    assumed: str
    tuning: float | None = None
    why: str | None = None
    clusters: int = 0  # that have a label
    se: float | None = None  # of PPI++ only

    def to_json(self) -> dict[str, object]:
        """DESIGN's `corrected`."""
        found = {name: getattr(self, name) for name in ("mean", "low", "high", "method", "labels", "assumed", "tuning")}
        return {**found, "reasons": {name: self.why for name in ("mean", "low", "high") if found[name] is None and self.why}}


@dataclass(frozen=True)
class Errors:
    """How a 0/1 judge fares on labelled records: right of those that are 1, and of those that are 0.

    Counts are effective ones: where records of a class come in clusters, fewer than the `labels` rows.
    """

    right_1: float
    m1: float
    right_0: float
    m0: float
    labels: int
    clusters: int

    @classmethod
    def of(cls, truth: Floats, judged: Floats, clusters: Integers) -> "Errors":
        """Counted from labelled rows."""
        good = truth == 1
        right_1, m1 = _effective((judged == 1)[good], clusters[good])
        right_0, m0 = _effective((judged != 1)[~good], clusters[~good])
        return cls(right_1, m1, right_0, m0, len(truth), len(np.unique(clusters)))


def _effective(right: npt.NDArray[np.bool_], clusters: Integers) -> tuple[float, float]:
    """How many of a class the judge got right, and of how many, by what the rows are worth."""
    if not len(right):
        return 0.0, 0.0
    known, codes = np.unique(clusters, return_inverse=True)
    size = effective_size(np.bincount(codes, right, len(known)).astype(np.float64), np.bincount(codes).astype(np.float64))
    return float(right.mean()) * size, size


def effective_size(sums: Floats, counts: Floats) -> float:
    """How many independent rows the rows of these clusters are worth for a rate: n over the design effect, at least 1; the number of
    clusters where the rate is 0 or 1, or one cluster holds all.

    >>> effective_size(np.array([1.0, 0.0, 1.0]), np.ones(3)), round(effective_size(np.array([4.0, 0.0, 4.0, 0.0]), np.full(4, 4.0)), 6)
    (3.0, 3.0)
    """
    n = float(counts.sum())
    if (counts == 1).all():
        return n
    share = mean_interval(sums, counts)
    binomial = 0.0 if share.mean is None else share.mean * (1 - share.mean)
    return float(len(counts)) if not share.se or binomial <= 0 else min(n, binomial / share.se**2)


def correct_by_sample(labelled: Labelled, every: Rest, *, scale: ClosedScale = (None, None)) -> CorrectedMean:
    """PPI++ with labels that are a random sample of `every` (sums and counts of all scored records by cluster, labelled ones among them)."""
    weighted = labelled.weights is not None
    n = len(labelled.truth)
    assumed = ASSUMED["weighted" if weighted else "sample"]
    clusters = len(np.unique(labelled.cluster))
    if clusters < LEAST_LABELS:
        return CorrectedMean(
            None,
            None,
            None,
            method="ppi++",
            labels=n,
            assumed=assumed,
            tuning=None,
            why=f"{clusters} labelled clusters; a correction needs {LEAST_LABELS}",
            clusters=clusters,
        )
    found = ppi_mean(labelled, every if weighted else without(every, labelled), scale=scale)
    why = None if found.low is not None else "no label differs from the others, so nothing tells how far the mean may be off"
    mean, low, high = (None if part is None else _within(part, scale) for part in (found.mean, found.low, found.high))
    return CorrectedMean(mean, low, high, method="ppi++", labels=n, assumed=assumed, tuning=found.tuning, why=why, clusters=clusters, se=found.se)


def correct_by_errors(errors: Errors, positives: float, n: float, effective: float) -> CorrectedMean:
    """Rogan and Gladen's rate for `n` records of which the judge said 1 to `positives`; `effective` is how many independent records they are worth."""
    if n <= 0:
        return CorrectedMean(
            None,
            None,
            None,
            method="rogan-gladen",
            labels=errors.labels,
            assumed=ASSUMED["elsewhere"],
            tuning=None,
            why="nothing was scored",
            clusters=errors.clusters,
        )
    found = rogan_gladen(positives / n * effective, effective, right_1=errors.right_1, m1=errors.m1, right_0=errors.right_0, m0=errors.m0)
    return CorrectedMean(
        found.mean,
        found.low,
        found.high,
        method="rogan-gladen",
        labels=errors.labels,
        assumed=ASSUMED["elsewhere"],
        tuning=None,
        why=found.why,
        clusters=errors.clusters,
    )


def without(every: Rest, labelled: Labelled) -> Rest:
    """The records of `every` that have no label, by cluster; clusters without any are left out.

    >>> rest = without(Rest(np.array([3.0, 1.0]), np.array([3.0, 1.0]), np.array([7, 9])), Labelled(np.ones(2), np.ones(2), np.array([7, 9])))
    >>> rest.sums.tolist(), rest.cluster.tolist()
    ([2.0], [7])
    """
    known, codes = np.unique(labelled.cluster, return_inverse=True)
    sums, counts = every.sums.copy(), every.counts.copy()
    place = np.searchsorted(every.cluster, known)
    if len(known) and (place.max(initial=0) >= len(every.cluster) or not np.array_equal(every.cluster[place], known)):
        raise ValueError("a labelled record is not among all records")
    sums[place] -= np.bincount(codes, labelled.judged, len(known))
    counts[place] -= np.bincount(codes, minlength=len(known))
    kept = counts > 0
    return Rest(sums[kept], counts[kept], every.cluster[kept])


def _within(value: float, scale: ClosedScale) -> float:
    low, high = scale
    value = value if low is None else max(low, value)
    return value if high is None else min(high, value)
