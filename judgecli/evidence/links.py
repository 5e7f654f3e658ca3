"""Links between judges: what the anchor sets of a project and the ledger know of two judges of one metric."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from judgecli.arrays import Floats
from judgecli.config.anchors import AnchorSet, anchor_folder, list_anchor_sets, read_anchor_set, read_outputs
from judgecli.errors import JudgeError
from judgecli.evidence.work import Work
from judgecli.signal.anchors import moved_p
from judgecli.signal.linked import NO_ANCHORS, Link, ServedJudge
from judgecli.stats.linear_link import linear_link
from judgecli.stats.tails import unseen_share
from judgecli.store.anchors import JudgedAnchor, kept_anchors

ValueScale = tuple[float | None, float | None]
Scales = Mapping[tuple[str, str], tuple[ValueScale, bool | None]]  # (metric, identity) -> its range, and whether more is better


@dataclass(frozen=True)
class HeldSet:
    """One anchor set with its founding scores (shares of the scale, 1 the good end), how unsure each is, and every judgement since."""

    anchors: AnchorSet
    founding: Floats
    deviation: Floats
    repeats: Floats
    judged: Sequence[JudgedAnchor]

    def scores(self, judge: ServedJudge, *, certain: bool = False) -> tuple[Floats, Floats]:
        """The mean share of each anchor by one judge (NaN: none), and the variance of its noise.

        `certain`: without scores of which the endpoint did not say who gave them. Where judges differ in that alone, such scores would count for both.
        """
        founded = self.founded_by(judge, certain=certain)
        counts = np.where(founded, self.repeats, 0.0)
        sums = counts * self.founding
        for one in self.judged:
            if one.z is not None and _by(judge, one.identity, [one.served or ""], certain=certain):
                counts[one.place] += 1
                sums[one.place] += self.founding[one.place] + one.z
        noise = self.deviation**2 if founded else np.full(len(counts), self.anchors.sd**2)
        with np.errstate(invalid="ignore", divide="ignore"):
            return sums / counts, noise / counts

    def founded_by(self, judge: ServedJudge, *, certain: bool = False) -> bool:
        """Whether the founding scores are this judge's."""
        return _by(judge, self.anchors.identity, self.anchors.served, certain=certain)

    def windows(self, judge: ServedJudge) -> dict[str, dict[int, float]]:
        """The share of each anchor (by its place) in each window in which this judge scored it."""
        found: dict[str, dict[int, float]] = {}
        for one in self.judged:
            if one.z is not None and _by(judge, one.identity, [one.served or ""]):
                found.setdefault(one.window, {})[one.place] = float(self.founding[one.place]) + one.z
        return found


def _by(judge: ServedJudge, identity: str, served: Sequence[str], *, certain: bool = False) -> bool:
    """Whether scores are the judge's; an endpoint that does not say what it serves is taken at its word, unless one must be `certain`."""
    models = {model for model in served if model}
    return judge.identity == identity and (not judge.served or set(judge.served) == models or not (models or certain))


class AnchorLinks:
    """Finds the link between two judges of a metric: of the set whose anchors most were judged by both. `scales` says what a metric's values are."""

    def __init__(self, work: Work, scales: Scales) -> None:
        self._work, self._scales = work, scales
        self._sets: dict[str, list[HeldSet | str]] = {}
        self._links: dict[tuple[str, ServedJudge, ServedJudge], Link | str] = {}

    def __call__(self, metric: str, before: ServedJudge, after: ServedJudge) -> Link | str:
        """The link from `after` back to `before`, or why there is none."""
        key = (metric, before, after)
        if key not in self._links:
            self._links[key] = self._find(*key)
        return self._links[key]

    def held(self, metric: str) -> list[HeldSet]:
        """The anchor sets of a metric that can be used."""
        return [one for one in self._of(metric) if not isinstance(one, str)]

    def _of(self, metric: str) -> list[HeldSet | str]:
        if metric not in self._sets:
            self._sets[metric] = _read_sets(self._work, metric)
        return self._sets[metric]

    def _find(self, metric: str, before: ServedJudge, after: ServedJudge) -> Link | str:
        if metric.startswith("reward."):
            return "a reward is made of several metrics: anchors link the scores of one judge"
        found: list[Link] = []
        reasons: list[str] = []
        for one in self._of(metric):
            linked = one if isinstance(one, str) else self._link(one, metric, before, after)
            if isinstance(linked, str):
                reasons.append(linked)
            else:
                found.append(linked)
        if found:
            return max(found, key=lambda link: link.line.items)
        return "; ".join(reasons) or NO_ANCHORS

    def _link(self, held: HeldSet, metric: str, before: ServedJudge, after: ServedJudge) -> Link | str:
        name = held.anchors.name
        certain = before.identity == after.identity
        (x, noise), (y, _) = held.scores(before, certain=certain), held.scores(after, certain=certain)
        for judge, other, scores in ((before, after, x), (after, before, y)):
            if np.isnan(scores).all():
                return f"the anchor set '{name}' was not judged by {judge.text(other)}: judge anchors rejudge {name}"
        both = np.flatnonzero(~np.isnan(x) & ~np.isnan(y))
        scales = [self._scales.get((metric, judge.identity)) for judge in (before, after)]
        ends = [_ends(scale) for scale in scales if scale is not None]
        if len(ends) < 2 or None in ends:
            return "its scale is not known"
        (bad_x, width_x), (bad_y, width_y) = (end for end in ends if end is not None)
        scale = (min(bad_y, bad_y + width_y), max(bad_y, bad_y + width_y))
        line = linear_link(bad_x + width_x * x[both], bad_y + width_y * y[both], noise[both] * width_x**2)
        if isinstance(line, str):
            return f"anchor set '{name}': {line}"
        if not line.exact:
            return Link(name, before, after, line, scale)
        share = float(unseen_share(np.array([float(line.items)]), 0.95)[0])
        moved = moved_p(y[both] - x[both]) if abs(line.slope - 1) < 1e-9 else None
        return Link(name, before, after, replace(line, unseen=share * abs(width_x)), scale, moved)


def _ends(scale: tuple[ValueScale, bool | None]) -> tuple[float, float] | None:
    """The bad end of a scale, and the way from there to the good one."""
    (low, high), better = scale
    if low is None or high is None or better is None:
        return None
    return (low, high - low) if better else (high, low - high)


def _read_sets(work: Work, metric: str) -> list[HeldSet | str]:
    """The anchor sets of a metric; of one that cannot be used, why."""
    folder = anchor_folder(work.settings)
    found: list[HeldSet | str] = []
    for name in list_anchor_sets(folder):
        try:
            anchors = read_anchor_set(folder, name)
            if anchors.metric != metric:
                continue
            outputs = read_outputs(folder, anchors)
        except JudgeError as error:
            found.append(f"the anchor set '{name}' cannot be used: {error}")
            continue
        founding, deviation, repeats = (outputs.column(column).to_numpy().astype(np.float64) for column in ("score", "deviation", "n"))
        found.append(HeldSet(anchors, founding, deviation, repeats, kept_anchors(work.store.ledger, name, anchors.outputs)))
    return found
