"""Traffic between variants: which is best, what the present split loses, what another would have earned."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from judgecli.stats.best_arm import Posterior, rank_arms, split_regret
from judgecli.stats.column import Column
from judgecli.stats.deciding import estimate_mean
from judgecli.stats.intervals import Scale, interval
from judgecli.stats.off_policy import Log, doubly_robust, ips, snips, support_of

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Document = dict[str, object]
FOLDS = 5


@dataclass(frozen=True)
class Choices:
    """N scored records: the variant of each (a place in `arms`), its value, cluster, stratum (bucket of time and context),
    and the logged chance of the variant that was taken (None: estimated as its share of the stratum)."""

    arms: Sequence[str]
    arm: Integers
    values: Floats
    cluster: Integers
    stratum: Integers
    propensity: Floats | None = None


def allocate(choices: Choices, *, kind: str, scale: Scale, higher_is_better: bool, explore: float = 0.0) -> Document:
    """P(best), expected regret and the suggested share of every variant; regret of the present split; and IPS, SNIPS and DR of "all to one variant".

    Posteriors are of means over clusters: Beta for a rate, and for a mean whose values all stand at one end of a closed scale; Student's t else. `explore` is
    the least share of each variant in the suggestion; the rest goes by P(best) (Thompson). A variant with fewer than two clusters
    has no posterior and is left out, with its reason.
    """
    rows, beliefs = [], {}
    for place, name in enumerate(choices.arms):
        own = choices.arm == place
        row, belief = _arm(name, choices.values[own], choices.cluster[own], kind, scale)
        rows.append(row)
        if belief is not None:
            beliefs[place] = belief
    total = len(choices.values)
    for place, row in enumerate(rows):
        row["share"] = float((choices.arm == place).sum()) / total
    document: Document = {"n": total, "variants": rows, "regret": None, "reasons": {}}
    if len(beliefs) < 2:
        document["reasons"] = {"regret": "fewer than two variants have two clusters or more"}
        return document
    standing = rank_arms(list(beliefs.values()), higher_is_better=higher_is_better)
    traffic = np.array([rows[place]["share"] for place in beliefs], dtype=float)
    document["regret"] = split_regret(standing, (traffic / traffic.sum()).tolist())
    for at, place in enumerate(beliefs):
        suggested = explore + (1 - len(beliefs) * explore) * standing.p_best[at]
        rows[place] |= {"p_best": standing.p_best[at], "regret": standing.regret[at], "suggested": suggested}
    document["propensities"] = "logged" if choices.propensity is not None else "estimated"
    document["policies"] = [_policy(choices, place) for place in range(len(choices.arms))]
    return document


def _arm(name: str, values: Floats, cluster: Integers, kind: str, scale: Scale) -> tuple[dict[str, object], Posterior | None]:
    _, codes = np.unique(cluster, return_inverse=True)
    sums, counts = np.bincount(codes, values).astype(float), np.bincount(codes).astype(float)
    found = interval(sums, counts, rate=kind == "rate", scale=scale)
    row: dict[str, object] = {"variant": name, "n": len(values), "clusters": len(counts), "mean": found.mean, "low": found.low, "high": found.high}
    row |= {"p_best": None, "regret": None, "suggested": None, "reasons": {}}
    if len(counts) < 2 or found.mean is None or found.se is None:
        row["reasons"] = dict.fromkeys(("p_best", "regret", "suggested"), "fewer than two clusters")
        return row, None
    low, high = (0.0, 1.0) if kind == "rate" else scale
    if kind == "rate" or (found.se == 0 and low is not None and high is not None):
        assert low is not None
        assert high is not None
        spread = found.mean * (1 - found.mean) if kind == "rate" else 0.0
        trials = min(float(len(values)), spread / found.se**2) if spread > 0 and found.se > 0 else float(len(counts))
        return row, Posterior.of_rate(found.mean, trials, (low, high))
    if found.se == 0:
        row["reasons"] = dict.fromkeys(("p_best", "regret", "suggested"), "all values are the same, on an open scale")
        return row, None
    column = Column.of(kind, scale, sums, counts)
    known = estimate_mean(sums, counts, column)
    if known.low is None or not known.decides:
        row["reasons"] = dict.fromkeys(("p_best", "regret", "suggested"), known.why or "it has no interval")
        return row, None
    return row, Posterior.of_limits(found.mean, lambda level: _limits(sums, counts, column, level))


def _limits(sums: Floats, counts: Floats, column: Column, level: float) -> tuple[float, float]:
    found = estimate_mean(sums, counts, column, level=level)
    assert found.low is not None
    assert found.high is not None
    return found.low, found.high


def _policy(choices: Choices, target: int) -> Document:
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
    facts: Document = {"policy": f"all to {choices.arms[target]}", "n": support.n, "ess": support.ess, "max_weight": support.max_weight, "gap": support.gap}
    facts |= {"unsupported": support.unsupported, "mean_weight": support.mean_weight}
    if support.refused:
        return {**facts, "ips": None, "snips": None, "dr": None, "reasons": dict.fromkeys(("ips", "snips", "dr"), support.refused)}
    expected_taken, expected_policy = _model(choices, target)
    log = Log(choices.values, weights, choices.cluster, expected_taken, expected_policy)
    for name, estimator in (("ips", ips), ("snips", snips), ("dr", doubly_robust)):
        found = estimator(log)
        facts[name] = {"mean": found.mean, "low": found.low, "high": found.high}
    if support.refused_ips:
        return {**facts, "ips": None, "reasons": {"ips": support.refused_ips}}
    return {**facts, "reasons": {}}


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
