"""Gates with a baseline where the two sides were asked other prompts: two means by cluster, held against a margin.

Which comparison is made follows from the number of prompts in common alone, before any score is looked at. A difference of
two means also moves with the mix of what was asked, so every answer says that it is one.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from judgecli.signal.drift import Side as MeanSide
from judgecli.signal.drift import change_interval
from judgecli.signal.gate import LEAST_CLUSTERS, GateResult, Verdict, plural
from judgecli.signal.not_worse import Bar, answer_of, relation_to, shown_change
from judgecli.signal.paired import Difference, Scale
from judgecli.signal.parts import Clustered, Parts, by_cluster
from judgecli.stats.power import detectable

LEAST_COMMON = 0.2  # of the prompts of the side that has fewer
Floats = npt.NDArray[np.float64]


def prompts_in_common(baseline: Parts, candidate: Parts) -> tuple[int, bool]:
    """How many prompts both sides were asked, and whether that is enough to pair them: a fifth of those of the smaller side."""
    own, other = (np.unique(parts.prompts[parts.keyed]) for parts in (baseline, candidate))
    common = len(np.intersect1d(own, other, assume_unique=True))
    return common, bool(common) and common >= LEAST_COMMON * min(len(own), len(other))


@dataclass(frozen=True)
class Apart:
    """Both sides of an unpaired comparison; `common` prompts are on both, `forced` where judge.yaml asked for it."""

    baseline: Parts
    candidate: Parts
    common: int
    forced: bool = False

    @property
    def lost(self) -> int:
        """Values that failed or wait, on either side."""
        return int(self.baseline.missing.sum() + self.candidate.missing.sum())

    @property
    def coverage(self) -> float | None:
        """The smaller of the two shares that are scored; None where a side has no record."""
        sides = (self.baseline, self.candidate)
        return min(float(side.counts.sum()) / side.records for side in sides) if all(side.records for side in sides) else None


def measure_apart(old: Clustered, new: Clustered, *, kind: str, scale: Scale, binary: bool) -> Difference:
    """Mean of new minus mean of old over records. `binary`: every value of both is 0 or 1, whatever the kind."""
    clusters = np.union1d(old.clusters, new.clusters)
    sides = []
    for side in (new, old):
        place = np.searchsorted(clusters, side.clusters)
        sums, counts, missing = (np.zeros(len(clusters)) for _ in range(3))
        sums[place], counts[place], missing[place] = side.sums, side.counts, side.missing
        sides.append(MeanSide(sums, counts, missing, float(sums.sum()), int(counts.sum() + missing.sum()), {}))
    rows = [float(side.counts.sum()) for side in sides]
    if not all(rows):
        return Difference(0, 0, None, None, None, None, None, None, None, "none", reasons={"difference": "nothing is scored on one of the sides"})
    means = [float(side.sums.sum()) / count for side, count in zip(sides, rows, strict=True)]
    fewest = min(int(np.count_nonzero(side.counts)) for side in sides)
    found = change_interval(sides[0], sides[1], rate=kind == "rate" or binary, scale=scale)
    known = (int(rows[0]), fewest, means[1], means[0], means[0] - means[1])
    if found.low is None or found.high is None or not np.isfinite([found.low, found.high]).all():
        reasons = dict.fromkeys(("se", "low", "high", "p"), "one side has fewer than two clusters, or values that are too large")
        return Difference(*known, None, None, None, None, "none", reasons=reasons)
    return Difference(*known, found.se, found.low, found.high, found.p, "Newcombe" if kind == "rate" or binary else "Welch")


def judge_apart(bar: Bar, sides: Apart, *, unscored: Mapping[str, int], pending: int, left_out: int, dead_endpoint: bool = False) -> GateResult:
    """Answer one gate without pairs. `unscored` and `pending` count cells of the candidate, `left_out` its records that stand in the baseline."""
    old, new = by_cluster(sides.baseline), by_cluster(sides.candidate)
    kind, scale = bar.subject.kind, bar.subject.scale
    binary = sides.baseline.zeros_and_ones and sides.candidate.zeros_and_ones and scale[0] in (None, 0.0) and scale[1] in (None, 1.0)
    found = measure_apart(old, new, kind=kind, scale=scale, binary=binary)
    worst, best = (_at_end(old, new, kind, scale, up=up, binary=binary) if sides.lost else found for up in (not bar.wanted_up, bar.wanted_up))
    verdict, why = _verdict(bar, sides, found, worst, best, left_out)
    return GateResult(
        gate=bar.gate,
        verdict=verdict,
        value=found.difference,
        low=found.low,
        high=found.high,
        threshold=bar.threshold,
        n=int(sides.candidate.counts.sum()),
        message=f"{why}; {_apart_text(sides)}; {_counted(sides, found)}",
        kind="baseline",
        metric=bar.subject.metric,
        where=bar.where,
        direction="at_least" if bar.wanted_up else "at_most",
        cells=sides.candidate.records,
        clusters=found.clusters,
        worst=None if worst is None else worst.difference,
        best=None if best is None else best.difference,
        unscored=dict(unscored),
        pending=pending,
        coverage=sides.coverage,
        identity=bar.subject.identity,
        dead_endpoint=dead_endpoint,
        reasons=dict(found.reasons),
        baseline=bar.baseline,
        margin=bar.margin,
        detectable=None if found.se is None else detectable(found.se),
        p=found.p,
        method=found.method,
        means={"baseline": found.a, "candidate": found.b},
        paired=False,
        common=sides.common,
    )


def _at_end(old: Clustered, new: Clustered, kind: str, scale: Scale, *, up: bool, binary: bool) -> Difference | None:
    """The difference with every missing value at the end of the scale that makes it largest (`up`) or least; None where the scale has no such end."""
    ends = (scale[0], scale[1]) if up else (scale[1], scale[0])  # of the baseline, of the candidate
    filled = []
    for side, value in zip((old, new), ends, strict=True):
        if side.missing.any() and value is None:
            return None
        filled.append(Clustered(side.clusters, side.counts + side.missing, side.sums + side.missing * (value or 0.0), np.zeros(len(side.clusters))))
    return measure_apart(filled[0], filled[1], kind=kind, scale=scale, binary=binary)


def _verdict(bar: Bar, sides: Apart, found: Difference, worst: Difference | None, best: Difference | None, left_out: int) -> tuple[Verdict, str]:
    if found.difference is None:
        return "incomplete", found.reasons.get("difference", "nothing to compare")
    shown = shown_change(bar, found)
    if (sides.coverage or 0.0) < bar.measured:
        return "incomplete", f"{shown}, but one side has less than {100 * bar.measured:g} % of its scores"
    if found.clusters < LEAST_CLUSTERS:
        few = f"not enough data: {shown} from {plural(found.clusters, 'cluster')} on one side, and a verdict needs {LEAST_CLUSTERS}"
        return ("incomplete" if left_out else "inconclusive"), few
    answer = answer_of(bar, found)
    if answer == "inconclusive":
        undecided = found.reasons.get("low", f"the interval holds {bar.threshold:g}, so these records cannot tell")
        return answer, f"{shown}: {undecided}"
    said = f"{shown} is {relation_to(bar, found, answer)}"
    if not sides.lost:
        return answer, said
    end, lost = worst if answer == "pass" else best, plural(sides.lost, "missing score")
    if end is None:
        return "inconclusive", f"{said}, but {lost} could change that: the scale has no end to hold them against"
    if answer_of(bar, end) != answer:
        return "inconclusive", f"{said}, but {lost} could change that: at the end of the scale they make it {shown_change(bar, end)}"
    return answer, said


def _apart_text(sides: Apart) -> str:
    why = "judge.yaml asks for it" if sides.forced else f"{plural(sides.common, 'prompt')} in common {'is' if sides.common == 1 else 'are'} too few to pair"
    return f"unpaired ({why}): two means by cluster, and another mix of prompts can move this"


def _counted(sides: Apart, found: Difference) -> str:
    new, old = (f"{int(side.counts.sum()):,} of {side.records:,} scored" for side in (sides.candidate, sides.baseline))
    seen = "" if found.se is None else f", could have seen {detectable(found.se):.3g}"
    return f"{new}, in the baseline {old}{seen}"
