"""How often a reward model prefers what people preferred, with its interval, its calibration, and what length alone would get.

The unit is a pair; pairs of one group (groups.py: one prompt, nearly equal prompts, equal answers) are a cluster. A model that gives both answers
the same reward has not preferred the chosen one, so that counts as wrong (as in RewardBench, TRL and the WMT metrics task), and is counted apart.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from judgecli.arrays import Floats, Integers
from judgecli.reward_model.groups import group_rows
from judgecli.reward_model.length import Length, by_cluster, judge_length
from judgecli.reward_model.preferences import PreferencePair
from judgecli.stats.calibration import brier, ece
from judgecli.stats.column import RATE
from judgecli.stats.deciding import estimate_mean
from judgecli.stats.intervals import Estimate

BARS = 20  # of the margin histogram
BINS = 10  # of the reliability curve
FEWEST = 10  # pairs of a segment that is shown on its own


@dataclass(frozen=True)
class PairSegment:
    """The pairs with one value of a tag. `longer` is what preferring the longer answer would get there."""

    tag: str
    value: str
    n: int
    accuracy: Estimate
    longer: float


@dataclass(frozen=True)
class Threshold:
    """So many of the margins from `low` to `high`, or of the confidences between them: how sure (`mean`), and how often right (`right`)."""

    low: float
    high: float
    n: int
    mean: float | None = None
    right: float | None = None


@dataclass(frozen=True)
class Evaluation:
    """What pairs say of a model. `n` and `clusters` (groups) count pairs with a winner; `label_ties` pairs without one, which nothing else counts.

    `brier` is in [0, 1] and `ece` in [0, 0.5]. `tied_margin` and `margin`
    are the medians of |margin| where people did not and did prefer one.
    """

    n: int
    clusters: int
    accuracy: Estimate
    model_ties: int
    label_ties: int
    ece: float | None
    brier: float | None
    margin: float | None
    tied_margin: float | None
    length: Length
    margins: Sequence[Threshold]
    reliability: Sequence[Threshold]
    segments: Sequence[PairSegment]


def evaluate(
    comparisons: Sequence[PreferencePair],
    chosen: Floats,
    rejected: Floats,
    *,
    groups: Integers | None = None,
    by: Sequence[str] = (),
    better: Callable[[Floats], Floats] = special.expit,
) -> Evaluation:
    """The evaluation of N pairs with the rewards of both answers, by the values of these tags too.

    `groups`: a number a pair, equal where pairs are not independent (None: as `group_rows` finds them). `better` gives P(better) of margins, as
    the model was calibrated. Raises: ValueError on lengths that differ.
    """
    if not (len(comparisons) == len(chosen) == len(rejected)):
        raise ValueError(f"{len(comparisons)} pairs with {len(chosen)} and {len(rejected)} rewards")
    tied = np.array([one.tie for one in comparisons], bool)
    gaps = chosen - rejected
    pairs = [one for one in comparisons if not one.tie]
    margins = gaps[~tied]
    clusters = group_rows(pairs).clusters if groups is None else groups[~tied]
    weights = np.array([one.weight for one in pairs], float)
    right = (margins > 0).astype(float)
    sure = np.asarray(better(margins), float)
    return Evaluation(
        n=len(pairs),
        clusters=len(np.unique(clusters)),
        accuracy=share(right, weights, clusters),
        model_ties=int((margins == 0).sum()),
        label_ties=int(tied.sum()),
        ece=ece(np.concatenate([sure, 1 - sure]), np.concatenate([np.ones(len(pairs)), np.zeros(len(pairs))])) if pairs else None,
        brier=brier(sure, np.ones(len(pairs)), weights) if pairs else None,
        margin=_median(margins),
        tied_margin=_median(gaps[tied]),
        length=judge_length(pairs, margins, weights, clusters),
        margins=_histogram(margins),
        reliability=_reliability(sure, right),
        segments=[segment for tag in by for segment in _segments(tag, pairs, right, weights, clusters)],
    )


def share(values: Floats, weights: Floats, clusters: Integers) -> Estimate:
    """The weighted mean of values in [0, 1] with a Wilson interval on the effective number of rows."""
    return estimate_mean(*by_cluster(values, weights, clusters), RATE)


def available_tags(comparisons: Sequence[PreferencePair], most: int = 30) -> Mapping[str, int]:
    """The tags that could be segmented by, with the number of their values: 2 to `most`, on at least half of the pairs."""
    values: dict[str, set[str]] = {}
    counts: dict[str, int] = {}
    for one in comparisons:
        for tag, value in one.tags.items():
            counts[tag] = counts.get(tag, 0) + 1
            if len(held := values.setdefault(tag, set())) <= most:
                held.add(value)
    return {tag: len(held) for tag, held in sorted(values.items()) if 2 <= len(held) <= most and counts[tag] * 2 >= len(comparisons)}


def _segments(tag: str, pairs: Sequence[PreferencePair], right: Floats, weights: Floats, clusters: Integers) -> list[PairSegment]:
    """Every value of a tag, the largest first; pairs without the tag are those of "-", values with fewer than 10 pairs those of "other"."""
    rows: dict[str, list[int]] = {}
    for place, one in enumerate(pairs):
        rows.setdefault(one.tags.get(tag, "-"), []).append(place)
    rare = [value for value, places in rows.items() if len(places) < FEWEST]
    if len(rare) > 1:
        rows["other"] = sorted([*rows.get("other", []), *(place for value in rare for place in (rows.pop(value) if value != "other" else ()))])
    longer = np.array([float(len(one.chosen) > len(one.rejected)) for one in pairs])
    found = []
    for value, places in sorted(rows.items(), key=lambda item: (-len(item[1]), item[0])):
        at = np.array(places)
        accuracy = share(right[at], weights[at], clusters[at])
        found.append(PairSegment(tag, value, len(at), accuracy, float(np.average(longer[at], weights=weights[at]))))
    return found


def _median(margins: Floats) -> float | None:
    return float(np.median(np.abs(margins))) if len(margins) else None


def _histogram(margins: Floats) -> list[Threshold]:
    """Margins in 20 equal bars over a range symmetric to 0; the outermost hold the 1 % that lie beyond it too."""
    if not len(margins):
        return []
    reach = float(np.quantile(np.abs(margins), 0.99)) or 1.0
    edges = np.linspace(-reach, reach, BARS + 1)
    counts, _ = np.histogram(np.clip(margins, -reach, reach), edges)
    return [Threshold(float(low), float(high), int(count)) for low, high, count in zip(edges[:-1], edges[1:], counts, strict=True)]


def _reliability(sure: Floats, right: Floats) -> list[Threshold]:
    """Bins of equal width over how sure the model is of its choice, from 0.5 to 1; empty bins are left out."""
    confidence = np.maximum(sure, 1 - sure)
    edges = np.linspace(0.5, 1.0, BINS + 1)
    place = np.clip(np.searchsorted(edges, confidence, "right") - 1, 0, BINS - 1)
    return [
        Threshold(float(edges[part]), float(edges[part + 1]), int(inside.sum()), float(confidence[inside].mean()), float(right[inside].mean()))
        for part in range(BINS)
        if (inside := place == part).any()
    ]
