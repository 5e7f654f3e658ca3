"""How each policy differs from the one before it, metric by metric."""

import itertools
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from judgecli.report import Change
from judgecli.signal.gathering import Gathered
from judgecli.signal.missing import DIFFERS, shares_p
from judgecli.signal.slices import MIN_CLUSTERS, Subject
from judgecli.stats.contrast import Contrast, clustered_contrast
from judgecli.stats.families import holm

MOST_VALUES = 12  # of a column: the most frequent ones are compared


def find_changes(gathered: Gathered, subjects: Sequence[Subject]) -> list[Change]:
    """Every value of every policy column against the value before it in time, for each metric.

    Values are ordered by the median time of their records, then by name. Both sides need 20 clusters.
    p-values are corrected after Holm over all that is returned. The largest effect (in standard deviations) first.
    """
    raw = [found for name in gathered.columns for pair in _pairs(gathered, name) for subject in subjects if (found := _change(gathered, name, pair, subject))]
    corrected = holm([item.p for item in raw]) if raw else []
    changes = [Change(**{**vars(item), "p_holm": p}) for item, p in zip(raw, corrected, strict=True)]
    return sorted(changes, key=lambda item: (-abs(item.effect), item.metric, item.column, item.after))


def _pairs(gathered: Gathered, column: str) -> list[tuple[str, str]]:
    """Neighbouring values (earlier, later) of a column."""
    times: dict[str, list[int]] = {}
    counts: dict[str, int] = {}
    for value, time in zip(gathered.columns[column], gathered.times, strict=True):
        if value is not None:
            counts[value] = counts.get(value, 0) + 1
            if time is not None:
                times.setdefault(value, []).append(time)
    kept = sorted(counts, key=lambda value: (-counts[value], value))[:MOST_VALUES]
    ordered = sorted(kept, key=lambda value: (float(np.median(times[value])) if value in times else float("inf"), value))
    return list(itertools.pairwise(ordered))


def _change(gathered: Gathered, column: str, pair: tuple[str, str], subject: Subject) -> Change | None:
    before, after = pair
    if subject.kind == "category":
        return None
    values = np.array(gathered.columns[column], dtype=object)
    scored = ~np.isnan(subject.values)
    sides = [values == after, values == before]
    contrast = _contrast(gathered, subject, [side & scored for side in sides])
    deviation = float(np.std(subject.values[scored])) if scored.any() else 0.0
    if contrast is None or contrast.p is None or contrast.low is None or contrast.high is None or contrast.clusters < MIN_CLUSTERS or deviation == 0:
        return None
    missing_p = _missing_p(gathered, sides, scored)
    told = subject.higher_is_better is not None and contrast.difference != 0 and missing_p >= DIFFERS
    worse = (contrast.difference < 0) == subject.higher_is_better if told else None
    return Change(
        metric=subject.name,
        column=column,
        after=after,
        before=before,
        n_after=int((sides[0] & scored).sum()),
        of_after=int(sides[0].sum()),
        n_before=int((sides[1] & scored).sum()),
        of_before=int(sides[1].sum()),
        mean_after=contrast.mean_a,
        mean_before=contrast.mean_b,
        difference=contrast.difference,
        low=contrast.low,
        high=contrast.high,
        p=contrast.p,
        p_holm=contrast.p,
        effect=contrast.difference / deviation,
        worse=worse,
        missing_p=missing_p,
    )


def _missing_p(gathered: Gathered, sides: Sequence[npt.NDArray[np.bool_]], scored: npt.NDArray[np.bool_]) -> float:
    """p of the hypothesis that both sides lack their score equally often: where they do not, the means are of other kinds of records."""
    size = int(gathered.clusters.max()) + 1
    parts = [np.bincount(gathered.clusters[which], minlength=size).astype(float) for side in sides[::-1] for which in (side & ~scored, side)]
    return shares_p(*parts)


def _contrast(gathered: Gathered, subject: Subject, sides: Sequence[npt.NDArray[np.bool_]]) -> Contrast | None:
    size = int(gathered.clusters.max()) + 1
    parts = []
    for side in sides:
        codes = gathered.clusters[side]
        parts += [np.bincount(codes, weights=subject.values[side], minlength=size), np.bincount(codes, minlength=size).astype(float)]
    return clustered_contrast(*parts, rate=subject.kind == "rate")
