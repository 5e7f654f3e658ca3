"""Traffic between variants: which is best, what the present split loses, what another would have earned."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from judgecli.arrays import Floats, Integers
from judgecli.document import Facts
from judgecli.signal.missing import DIFFERS, MeasuredShare, shares_p
from judgecli.stats.best_arm import ArmPosterior, rank_arms, split_regret
from judgecli.stats.column import ColumnFacts, two_values_of
from judgecli.stats.deciding import estimate_mean
from judgecli.stats.intervals import ClosedScale
from judgecli.stats.off_policy import DecisionLog, doubly_robust, ips, snips, support_of

FOLDS = 5
SCORED, FAILED, WAITING, DESIGN = range(4)
CANNOT_TELL = "cannot tell"
ESTIMATORS = ("ips", "snips", "dr")
MOST_MOVED = 0.05  # of P(best), by what has no score: where more could be, there is no suggestion


@dataclass(frozen=True)
class Choices:
    """N records: the variant of each (a place in `arms`), its value, cluster, stratum (bucket of time and context), and the logged
    chance of the variant that was taken (None: estimated as its share of the stratum).

    `states`: SCORED, or why a record has no value (its value is then not read); None: all are scored."""

    arms: Sequence[str]
    arm: Integers
    values: Floats
    cluster: Integers
    stratum: Integers
    propensity: Floats | None = None
    states: npt.NDArray[np.int8] | None = None

    def kept(self, which: npt.NDArray[np.bool_], values: Floats | None = None) -> "Choices":
        """Some of the records as scored ones, `values` (of all) in place of their own."""
        held = self.values if values is None else values
        chances = None if self.propensity is None else self.propensity[which]
        _, stratum = np.unique(self.stratum[which], return_inverse=True)
        return Choices(self.arms, self.arm[which], held[which], self.cluster[which], stratum, chances)


def allocate(choices: Choices, *, kind: str, scale: ClosedScale, higher_is_better: bool, explore: float = 0.0) -> Facts:
    """P(best), expected regret and the suggested share of every variant; regret of the present split; and IPS, SNIPS and DR of "all to one variant".

    Posteriors are of means over clusters: Beta for a rate, and for a mean whose values all stand at one end of a closed scale; Student's t else. `explore` is
    the least share of each variant in the suggestion; the rest goes by P(best) (Thompson). A variant with fewer than 20 clusters
    has no posterior and is left out, with its reason.

    Records without a value are put to both ends of the scale: where that could move a P(best) by more than 0.05, or the scale has
    no ends, there is no P(best), regret and suggestion; `p_best_low` and `p_best_high` are what it could be, and the limits of the
    policies are the outermost. Records that are not measured by design count so where their share differs between the variants.
    """
    states = np.zeros(len(choices.values), np.int8) if choices.states is None else choices.states
    scored = states == SCORED
    column = ColumnFacts(kind, scale, two_values_of(choices.values[scored]))
    document = _ranked(choices.kept(scored), column, higher_is_better, explore)
    held = _measured(choices, states)
    for row, own in zip(_rows(document), held, strict=True):
        row |= {"of": own.of, "measured": own.to_json(), "share": own.of / len(states)}
    p = _shares_p(choices, ~scored)
    owed = (states == FAILED) | (states == WAITING) | ((states == DESIGN) & (p < DIFFERS))
    whole = MeasuredShare(*(int(np.count_nonzero(states == which)) for which in (SCORED, DESIGN, FAILED, WAITING)))
    document |= {"of": whole.of, "measured": {**whole.to_json(), "p": p}}
    if owed.any():
        _bound(document, choices, scored, owed, column, higher_is_better)
    return document


def _ranked(choices: Choices, column: ColumnFacts, higher_is_better: bool, explore: float) -> Facts:
    """The answer for scored records."""
    rows, beliefs = [], {}
    for place, name in enumerate(choices.arms):
        own = choices.arm == place
        row, belief = _arm(name, choices.values[own], choices.cluster[own], column)
        rows.append(row)
        if belief is not None:
            beliefs[place] = belief
    total = len(choices.values)
    for place, row in enumerate(rows):
        row["share"] = float((choices.arm == place).sum()) / total
    document: Facts = {"n": total, "variants": rows, "regret": None, "reasons": {}}
    document["propensities"] = "logged" if choices.propensity is not None else "estimated"
    document["policies"] = [_policy(choices, place) for place in range(len(choices.arms))]
    if len(beliefs) < 2:
        document["reasons"] = {"regret": "fewer than two variants are known well enough"}
        return document
    standing = rank_arms(list(beliefs.values()), higher_is_better=higher_is_better)
    traffic = np.array([rows[place]["share"] for place in beliefs], dtype=float)
    document["regret"] = split_regret(standing, (traffic / traffic.sum()).tolist())
    for at, place in enumerate(beliefs):
        suggested = explore + (1 - len(beliefs) * explore) * standing.p_best[at]
        rows[place] |= {"p_best": standing.p_best[at], "regret": standing.regret[at], "suggested": suggested}
    return document


def _rows(document: Facts) -> list[Facts]:
    found: list[Facts] = document["variants"]
    return found


def _measured(choices: Choices, states: npt.NDArray[np.int8]) -> list[MeasuredShare]:
    """How many records of each variant have a value, and why not the rest."""
    counts = [np.bincount(choices.arm[states == which], minlength=len(choices.arms)) for which in (SCORED, DESIGN, FAILED, WAITING)]
    return [MeasuredShare(*(int(count[place]) for count in counts)) for place in range(len(choices.arms))]


def _shares_p(choices: Choices, without: npt.NDArray[np.bool_]) -> float:
    """p of the hypothesis that all variants lack their value equally often: each against all others by cluster, after Bonferroni."""
    _, codes = np.unique(choices.cluster, return_inverse=True)
    found = [1.0]
    for place in range(len(choices.arms)):
        own = choices.arm == place
        parts = [np.bincount(codes[side], kept[side], codes.max(initial=-1) + 1).astype(float) for side in (own, ~own) for kept in (without, without | True)]
        found.append(shares_p(*parts))
    return min(1.0, min(found) * (1 if len(choices.arms) <= 2 else len(choices.arms)))


def _bound(document: Facts, choices: Choices, scored: npt.NDArray[np.bool_], owed: npt.NDArray[np.bool_], column: ColumnFacts, higher_is_better: bool) -> None:
    """Puts what is missing to the ends of the scale, and takes back what that could turn."""
    low, high = (0.0, 1.0) if column.kind == "rate" else column.scale
    count = int(np.count_nonzero(owed))
    lost = f"{count:,} record{'' if count == 1 else 's'} without a score"
    rows, ends = _rows(document), None if low is None or high is None else (low, high)
    why = f"{CANNOT_TELL}: {lost} could be anything, for the scale has no ends" if ends is None else None
    if ends is not None:
        worst, best = ends if higher_is_better else ends[::-1]
        for place, row in enumerate(rows):
            chances: list[float | None] = []
            for own, others in ((worst, best), (best, worst)):
                filled = np.where(scored, choices.values, np.where(choices.arm == place, own, others))
                standing = _rows(_ranked(choices.kept(scored | owed, filled), column, higher_is_better, 0.0))
                told = standing[place]["p_best"]
                chances.append(None if told is None else float(str(told)))
            row |= {"p_best_low": chances[0], "p_best_high": chances[1]}
            if chances[0] is None or chances[1] is None or chances[1] - chances[0] > MOST_MOVED:
                why = f"{CANNOT_TELL}: {lost} could turn which variant is the best"
    for row in rows if why is not None else ():
        row |= {"p_best": None, "regret": None, "suggested": None, "reasons": dict.fromkeys(("p_best", "regret", "suggested"), why)}
    if why is not None:
        document |= {"regret": None, "reasons": {"regret": why}}
    if document.get("policies"):
        document["policies"] = _bounded_policies(document, choices, scored, owed, ends, lost)


def _bounded_policies(
    document: Facts, choices: Choices, scored: npt.NDArray[np.bool_], owed: npt.NDArray[np.bool_], ends: tuple[float, float] | None, lost: str
) -> list[Facts]:
    """What each policy would have earned, its limits the outermost of those with all that is missing at either end."""
    found = []
    for place, plain in enumerate(document["policies"]):
        sides = [_policy(choices.kept(scored | owed, np.where(scored, choices.values, end)), place) for end in ends or ()]
        why = f"{lost} could be anything, for the scale has no ends" if not sides else "with the records without a score the log has no support"
        row, reasons = dict(plain), dict(plain["reasons"])
        for name in ESTIMATORS:
            if plain[name] is not None and sides and all(side[name] is not None for side in sides):
                row[name] = _outermost(plain[name], [side[name] for side in sides])
            elif plain[name] is not None:
                row[name], reasons[name] = None, why
        found.append({**row, "reasons": reasons})
    return found


def _outermost(plain: Facts, sides: Sequence[object]) -> Facts:
    limits = {name: [side[name] for side in sides] for name in ("low", "high")}  # type: ignore[index]
    return {
        **plain,
        **{name: None if None in found else pick(found) for (name, found), pick in zip(limits.items(), (min, max), strict=True)},
    }


def _arm(name: str, values: Floats, cluster: Integers, column: ColumnFacts) -> tuple[dict[str, object], ArmPosterior | None]:
    _, codes = np.unique(cluster, return_inverse=True)
    sums, counts = np.bincount(codes, values).astype(float), np.bincount(codes).astype(float)
    found = estimate_mean(sums, counts, column)
    row: dict[str, object] = {"variant": name, "n": len(values), "clusters": len(counts), "mean": found.mean, "low": found.low, "high": found.high}
    row |= {"p_best": None, "regret": None, "suggested": None, "reasons": {}}
    if len(counts) < 2 or found.mean is None or found.se is None or not found.decides:
        why = "fewer than two clusters" if len(counts) < 2 else f"{CANNOT_TELL}: {found.why or 'all values are the same, on an open scale'}"
        row["reasons"] = dict.fromkeys(("p_best", "regret", "suggested"), why)
        return row, None
    if column.is_rate or (found.se == 0 and column.closed is not None):
        assert column.closed is not None
        spread = found.mean * (1 - found.mean) if column.is_rate else 0.0
        trials = min(float(len(values)), spread / found.se**2) if spread > 0 and found.se > 0 else float(len(counts))
        return row, ArmPosterior.of_rate(found.mean, trials, column.closed)
    return row, ArmPosterior.of_limits(found.mean, lambda level: _limits(sums, counts, column, level))


def _limits(sums: Floats, counts: Floats, column: ColumnFacts, level: float) -> tuple[float, float]:
    found = estimate_mean(sums, counts, column, level=level)
    assert found.low is not None
    assert found.high is not None
    return found.low, found.high


def _policy(choices: Choices, target: int) -> Facts:
    """What sending everything to one variant would have earned, or why the log cannot tell."""
    strata, size = int(choices.stratum.max()) + 1, len(choices.arms)
    counts = np.bincount(choices.stratum * size + choices.arm, minlength=strata * size).reshape(strata, size)
    rows = counts.sum(axis=1)
    shares = counts / np.maximum(rows, 1)[:, None]
    taken = choices.arm == target
    chances = shares[choices.stratum, choices.arm] if choices.propensity is None else choices.propensity
    weights = np.where(taken, 1 / chances, 0.0)
    gap = float(rows[shares[:, target] < 1 / len(choices.values)].sum()) / len(choices.values)
    support = support_of(weights, gap, choices.cluster)
    facts: Facts = {"policy": f"all to {choices.arms[target]}", "n": support.n, "ess": support.ess, "max_weight": support.max_weight, "gap": support.gap}
    facts |= {"unsupported": support.unsupported, "mean_weight": support.mean_weight}
    if support.refused:
        return {**facts, "ips": None, "snips": None, "dr": None, "reasons": dict.fromkeys(("ips", "snips", "dr"), support.refused)}
    expected_taken, expected_policy = _model(choices, target)
    log = DecisionLog(choices.values, weights, choices.cluster, expected_taken, expected_policy)
    reasons: dict[str, str] = {}
    for name, estimator in (("ips", ips), ("snips", snips), ("dr", doubly_robust)):
        found = estimator(log)
        facts[name] = {"mean": found.mean, "low": found.low, "high": found.high}
        reasons |= {} if found.why is None else {name: found.why}
    if support.refused_ips:
        return {**facts, "ips": None, "reasons": {**reasons, "ips": support.refused_ips}}
    return {**facts, "reasons": reasons}


def _model(choices: Choices, target: int) -> tuple[Floats, Floats]:
    """What other folds of clusters earned in a record's stratum, with the variant it took and with the target; shrunk to the variant's own mean."""
    _, codes = np.unique(choices.cluster, return_inverse=True)
    fold = codes % FOLDS
    size, strata = len(choices.arms), int(choices.stratum.max()) + 1
    place = choices.stratum * size + choices.arm
    taken, policy = np.zeros(len(place)), np.zeros(len(place))
    for number in range(FOLDS):
        inside, outside = fold == number, fold != number
        sums = np.bincount(place[outside], choices.values[outside], strata * size).reshape(strata, size)
        counts = np.bincount(place[outside], minlength=strata * size).reshape(strata, size)
        overall = sums.sum(axis=0) / np.maximum(counts.sum(axis=0), 1)
        means = (sums + overall) / (counts + 1)
        taken[inside] = means[choices.stratum[inside], choices.arm[inside]]
        policy[inside] = means[choices.stratum[inside], target]
    return taken, policy


def code_strata(parts: Sequence[tuple[object, ...]]) -> Integers:
    """A number for each different stratum, in order of arrival."""
    seen: Mapping[tuple[object, ...], int] = {part: place for place, part in enumerate(dict.fromkeys(parts))}
    return np.array([seen[part] for part in parts], dtype=np.int64)
