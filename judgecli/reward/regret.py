"""Regret: what a policy lost against the best one that is known."""

from collections.abc import Sequence
from dataclasses import dataclass

from judgecli.stats.intervals import Estimate


@dataclass(frozen=True, slots=True)
class Arm:
    """A policy (the values of its columns) with its mean over all its records; where one of several is chosen, its limits are joint ones (`joint_level`)."""

    policy: tuple[str | None, ...]
    estimate: Estimate


def joint_level(arms: int) -> float:
    """The level of each of so many intervals with which all hold together in 95 % (Bonferroni): the best of many limits is a chosen one.

    >>> joint_level(2)
    0.975
    """
    return 1 - 0.05 / max(1, arms)


def best_arm(arms: Sequence[Arm], *, higher_is_better: bool) -> Arm | None:
    """The policy whose interval ends best on its bad side, so that a lucky handful of records does not win.

    None where no policy is known well enough: its interval must be one that decides (20 clusters at least).

    Source: best arm by lower confidence bound, against the winner's curse (Lattimore & Szepesvari 2020, chapter 7).
    """
    known = [(safe, arm) for arm in arms if arm.estimate.decides and (safe := safe_limit(arm.estimate, higher_is_better=higher_is_better)) is not None]
    if not known:
        return None
    return max(known, key=lambda item: item[0] if higher_is_better else -item[0])[1]


def safe_limit(estimate: Estimate, *, higher_is_better: bool) -> float | None:
    """The limit of the interval on its bad side: what the mean reaches almost surely."""
    return estimate.low if higher_is_better else estimate.high


def lost(estimate: Estimate, against: Estimate | None, higher_is_better: bool | None) -> float | None:
    """How far a mean falls short of the safe limit of another, at least 0; None where either is missing or no direction is good.

    >>> lost(Estimate(0.5, None, None, None), Estimate(0.9, 0.1, 0.7, 1.0), True)
    0.19999999999999996
    """
    if against is None or estimate.mean is None or higher_is_better is None:
        return None
    safe = safe_limit(against, higher_is_better=higher_is_better)
    if safe is None:
        return None
    return max(0.0, safe - estimate.mean if higher_is_better else estimate.mean - safe)
