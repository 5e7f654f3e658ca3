"""How far a metric agrees with people: every measure that its kind allows, with intervals, and how far people agree themselves.

A measure that does not apply is None, with the cause in `reasons`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from judgecli.arrays import Floats, Integers
from judgecli.stats.auc import auc
from judgecli.stats.cluster_bootstrap import LEAST_CLUSTERS, cluster_bootstrap
from judgecli.stats.cohen_kappa import cohen_kappa, confusion_table
from judgecli.stats.column import RATE
from judgecli.stats.correlation import correlation
from judgecli.stats.deciding import estimate_mean
from judgecli.stats.gwet_ac1 import gwet_ac1
from judgecli.stats.intervals import ClosedScale
from judgecli.stats.intraclass import intraclass
from judgecli.stats.krippendorff_alpha import AlphaLevel, krippendorff_alpha
from judgecli.stats.pabak import pabak

MEASURES = ("agreement", "kappa", "weighted_kappa", "linear_kappa", "ac1", "pabak", "alpha", "spearman", "pearson", "kendall", "icc")
MOST_LEVELS = 20  # different values of labels and metric together, above which they are no levels
MANY = 2_000  # rows above which fewer bootstrap samples are drawn
DRAWS = {False: 500, True: 200}
NUMERIC = ("weighted_kappa", "linear_kappa", "spearman", "pearson", "kendall", "icc")


@dataclass(frozen=True)
class LabelledPairs:
    """N labelled and scored records: what the metric gave, what people said, the cluster of each.

    `nominal`: both are places in one list of categories. `scale` is that of the metric; `same_units` tells
    whether labels are on it.
    """

    judged: Floats
    truth: Floats
    clusters: Integers
    nominal: bool = False
    scale: ClosedScale = (None, None)
    same_units: bool = True

    def __len__(self) -> int:
        return len(self.truth)


@dataclass
class Agreement:
    """The measures by name, their 95 % intervals, and why those are None that are."""

    values: dict[str, float | None] = field(default_factory=dict)
    intervals: dict[str, tuple[float, float] | None] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    threshold: float | None = None
    confusion: dict[str, int] | None = None


def measure_agreement(pairs: LabelledPairs, *, threshold: float | None = None, seed: int = 0) -> Agreement:
    """Every measure on these pairs. Where labels are 0 or 1 and the metric is not, it counts as 1 from `threshold` on
    (default: the middle of its scale).

    Intervals come from drawing whole clusters (500 samples; 200 above 2,000 rows), of AUROC from DeLong's variance by
    cluster, of sensitivity and specificity from Wilson's with the effective number of rows.
    """
    found = Agreement(threshold=threshold)
    if len(pairs) == 0:
        found.values = dict.fromkeys((*MEASURES, "auroc", "sensitivity", "specificity"))
        found.reasons = dict.fromkeys(found.values, "no record has both a score and a label")
        return found
    binary = is_binary(pairs.truth) and not pairs.nominal
    if binary:
        found.threshold = threshold if threshold is not None else _middle(pairs)
    shape = _shape(pairs, binary, found)
    found.values = dict(_measures(pairs.judged, pairs.truth, shape))
    found.intervals = dict(
        cluster_bootstrap(lambda at: _measures(pairs.judged[at], pairs.truth[at], shape), pairs.clusters, seed=seed, draws=DRAWS[len(pairs) > MANY])
    )
    few = len(np.unique(pairs.clusters)) < LEAST_CLUSTERS
    for name in MEASURES:
        if found.values[name] is None:
            found.reasons.setdefault(name, "one side has a single value")
        elif found.intervals[name] is None:
            found.reasons[f"intervals.{name}"] = f"fewer than {LEAST_CLUSTERS} clusters" if few else "too few samples have both values"
    _classify(pairs, binary, found)
    return found


def is_binary(values: Floats) -> bool:
    """Whether all are 0 or 1."""
    return bool(np.isin(values, (0.0, 1.0)).all())


@dataclass(frozen=True)
class _PairShape:
    """What may be measured, decided once on all rows: the levels of both sides (None: no levels), and the threshold that makes the metric 0 or 1."""

    levels: Floats | None
    threshold: float | None
    nominal: bool
    units: bool


def _middle(pairs: LabelledPairs) -> float | None:
    """From where a metric counts as 1; of one that is 0 or 1, above a half."""
    low, high = pairs.scale
    if is_binary(pairs.judged):
        return 0.5
    return None if low is None or high is None else (low + high) / 2


def _shape(pairs: LabelledPairs, binary: bool, found: Agreement) -> _PairShape:
    if pairs.nominal:
        found.reasons |= dict.fromkeys(NUMERIC, "categories have no order")
        return _PairShape(np.arange(max(pairs.judged.max(), pairs.truth.max()) + 1), None, True, True)
    if not pairs.same_units:
        found.reasons |= dict.fromkeys(("alpha", "icc"), "labels and metric are not known to be on one scale: --label-scale LOW,HIGH, or --same-units")
    if binary:
        found.reasons |= dict.fromkeys(("weighted_kappa", "linear_kappa"), "labels are 0 or 1: see kappa")
        if found.threshold is None:
            found.reasons |= dict.fromkeys(("agreement", "kappa", "ac1", "pabak"), "the metric has no middle: say from where it counts as good, --threshold X")
            return _PairShape(None, None, False, pairs.same_units)
        return _PairShape(np.array([0.0, 1.0]), found.threshold, False, pairs.same_units)
    levels = np.unique(np.r_[pairs.judged, pairs.truth])
    if len(levels) <= MOST_LEVELS and pairs.same_units:
        return _PairShape(levels, None, False, True)
    why = f"{len(levels)} different values are no levels" if pairs.same_units else "labels and metric are not known to be on one scale"
    found.reasons |= dict.fromkeys(("agreement", "kappa", "weighted_kappa", "linear_kappa", "ac1", "pabak"), why)
    return _PairShape(None, None, False, pairs.same_units)


def _measures(judged: Floats, truth: Floats, shape: _PairShape) -> Mapping[str, float | None]:
    """Every measure of a sample; None where it does not apply."""
    found: dict[str, float | None] = dict.fromkeys(MEASURES)
    if shape.levels is not None:
        said = judged if shape.threshold is None else (judged >= shape.threshold).astype(float)
        codes = [np.searchsorted(shape.levels, side) for side in (said, truth)]
        size = len(shape.levels)
        table = confusion_table(codes[0], codes[1], size)
        found |= {"agreement": float(np.trace(table) / len(truth)), "kappa": cohen_kappa(table).mean, "ac1": gwet_ac1(table), "pabak": pabak(table)}
        if shape.threshold is None and not shape.nominal:
            levels = shape.levels.tolist()
            found["weighted_kappa"] = cohen_kappa(table, weights="quadratic", levels=levels).mean
            found["linear_kappa"] = cohen_kappa(table, weights="linear", levels=levels).mean
        judged = said if shape.nominal else judged
    if shape.units:
        found["alpha"] = krippendorff_alpha(np.array([judged, truth]), "nominal" if shape.nominal else "interval")
    if not shape.nominal:
        found |= {"spearman": correlation(judged, truth, "spearman"), "pearson": correlation(judged, truth, "pearson")}
        found["kendall"] = correlation(judged, truth, "kendall")
        found["icc"] = intraclass(np.column_stack([judged, truth])).mean if shape.units else None
    return found


def _classify(pairs: LabelledPairs, binary: bool, found: Agreement) -> None:
    """AUROC, sensitivity, specificity and the four counts, where labels are 0 or 1."""
    names = ("auroc", "sensitivity", "specificity")
    found.values |= dict.fromkeys(names)
    if not binary:
        found.reasons |= dict.fromkeys(names, "labels are not 0 or 1")
        return
    positive = pairs.truth == 1
    _, clusters = np.unique(pairs.clusters, return_inverse=True)
    area = auc(pairs.judged, positive, clusters)
    if area is None:
        found.reasons["auroc"] = "every label is the same"
    else:
        found.values["auroc"] = area.auc
        found.intervals["auroc"] = None if area.low is None or area.high is None else (area.low, area.high)
    if found.threshold is None:
        found.reasons |= dict.fromkeys(names[1:], "the metric has no middle: say from where it counts as good, --threshold X")
        return
    said = pairs.judged >= found.threshold
    found.confusion = {
        "true_positive": int((said & positive).sum()),
        "false_positive": int((said & ~positive).sum()),
        "false_negative": int((~said & positive).sum()),
        "true_negative": int((~said & ~positive).sum()),
    }
    for name, rows, right in (("sensitivity", positive, said), ("specificity", ~positive, ~said)):
        if not rows.any():
            found.reasons[name] = "every label is the same"
            continue
        _, own = np.unique(clusters[rows], return_inverse=True)
        rate = estimate_mean(np.bincount(own, right[rows]).astype(float), np.bincount(own).astype(float), RATE)
        found.values[name] = rate.mean
        found.intervals[name] = None if rate.low is None or rate.high is None else (rate.low, rate.high)


def ceiling(ratings: Floats, judged: Floats, *, nominal: bool) -> dict[str, float | int | None]:
    """How far people agree with each other, and the metric with each of them, on the records that two or more of them rated.

    `ratings` is R raters x N records (NaN: said nothing), `judged` the metric's values in the same units. `alpha` is that among
    people; `judge_alpha` the mean alpha of the metric with each rater, weighted by records: at or above `alpha` the metric
    is as good as another person.
    """
    shared = (~np.isnan(ratings)).sum(axis=0) >= 2
    measure: AlphaLevel = "nominal" if nominal else "interval"
    found: dict[str, float | int | None] = {"raters": int((~np.isnan(ratings)).any(axis=1).sum()), "n": int(shared.sum()), "alpha": None, "judge_alpha": None}
    if not shared.any():
        return found
    found["alpha"] = krippendorff_alpha(ratings[:, shared], measure)
    weighed = []
    for own in ratings[:, shared]:
        rows = ~np.isnan(own)
        alpha = krippendorff_alpha(np.array([judged[shared][rows], own[rows]]), measure) if rows.any() else None
        if alpha is not None:
            weighed.append((alpha, int(rows.sum())))
    if weighed:
        found["judge_alpha"] = sum(alpha * count for alpha, count in weighed) / sum(count for _, count in weighed)
    return found
