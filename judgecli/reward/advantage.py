"""Advantages within prompt groups, and returns along sessions: what trainers weigh outputs by."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

AdvantageMethod = Literal["grpo", "dr_grpo", "rloo"]


@dataclass(frozen=True)
class GroupAdvantages:
    """One advantage an output, null where it has none, and what the groups can teach.

    `groups` counts prompts with two or more scored outputs, `silent` those of them whose rewards are all equal.
    """

    advantages: list[float | None]
    groups: int
    silent: int

    @property
    def signal_density(self) -> float | None:
        """Share of groups whose rewards differ, 0 to 1; None where there is no group."""
        return (self.groups - self.silent) / self.groups if self.groups else None


def group_advantages(rewards: Sequence[float | None], groups: Sequence[Hashable], *, method: AdvantageMethod = "grpo", eps: float = 1e-4) -> GroupAdvantages:
    """The advantage of each output over the others of its prompt.

    grpo: (r - mean) / (s + eps) with s of n - 1 (eps: TRL 1e-4, verl 1e-6, OpenRLHF 1e-9); dr_grpo: r - mean; rloo: r - mean of
    the others. Null where the reward is, where the group is, and in a group with one reward. A group of equal rewards gives 0.
    Sources: Shao et al. 2024, arXiv:2402.03300; Liu et al. 2025, arXiv:2503.20783; Ahmadian et al. 2024, arXiv:2402.14740.

    >>> group_advantages([1.0, 0.0, 0.5], ["a", "a", "b"], method="rloo").advantages
    [1.0, -1.0, None]
    """
    members: dict[Hashable, list[int]] = {}
    for place, (reward, group) in enumerate(zip(rewards, groups, strict=True)):
        if reward is not None and group is not None:
            members.setdefault(group, []).append(place)
    found: list[float | None] = [None] * len(rewards)
    several = [places for places in members.values() if len(places) > 1]
    silent = 0
    for places in several:
        values = np.array([rewards[place] for place in places], dtype=float)
        is_silent = bool(values.min() == values.max())
        silent += is_silent
        advantages = np.zeros(len(values)) if is_silent else _advantages(values, method, eps)
        for place, advantage in zip(places, advantages.tolist(), strict=True):
            found[place] = advantage
    return GroupAdvantages(found, len(several), silent)


def _advantages(values: np.ndarray, method: AdvantageMethod, eps: float) -> np.ndarray:
    centred: np.ndarray = values - values.mean()
    if method == "dr_grpo":
        return centred
    if method == "rloo":
        return centred * (len(values) / (len(values) - 1))
    return centred / (float(values.std(ddof=1)) + eps)


def session_return(rewards: Sequence[float | None], *, gamma: float = 1.0) -> list[float | None]:
    """G_t = r_t + gamma G_(t+1) of one session, in the order of its turns; null where any reward from t on is.

    >>> session_return([0.0, 1.0, 1.0], gamma=0.5), session_return([1.0, None, 1.0])
    ([0.75, 1.5, 1.0], [None, None, 1.0])
    """
    found: list[float | None] = []
    total: float | None = 0.0
    for reward in reversed(rewards):
        total = None if reward is None or total is None else reward + gamma * total
        found.append(total)
    return found[::-1]
