"""Best of n: how good the output is that a reward model picks among n samples of one prompt, and what that costs in KL.

Where N samples a prompt are at hand, every n up to N is the mean over all subsets of n samples, so no draw is
made. Source of the law: Gao et al. 2023, arXiv:2210.10760; of pass@n: Chen et al. 2021, arXiv:2107.03374.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np

from judgecli.arrays import Floats
from judgecli.stats.column import ColumnFacts
from judgecli.stats.deciding import estimate_mean
from judgecli.stats.intervals import Estimate

Candidates = tuple[int, ...]

MOST_SUBSETS = 2000  # for the majority: beyond, every so many of them


@dataclass(frozen=True)
class BestChoice:
    """The outputs of one prompt. `gold`: how good each is, in [0, 1] (1 and 0 for right and wrong); `answers`: what each says in short,

    for majority votes; `scores`: rewards that the row holds. All are as long as `outputs`.
    """

    prompt: str
    outputs: Sequence[str]
    gold: Sequence[float]
    answers: Sequence[str] | None = None
    scores: Sequence[float] | None = None
    id: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    source: str = ""


@dataclass(frozen=True)
class SelectionPoint:
    """One n of the curve. `best`: mean gold of the output picked by reward; `first` of one taken blindly; `majority` of the most common

    answer (None without answers); `passed` of the best there is (pass@n). `kl` in nats; `prompts` that have at least n outputs.
    """

    n: int
    prompts: int
    kl: float
    best: Estimate
    first: Estimate
    majority: Estimate | None
    passed: Estimate


def kl_of_best(n: int) -> float:
    """KL divergence in nats of best-of-n from the policy that it samples: log n - (n - 1) / n.

    Exact where rewards are continuous, else an upper bound.

    >>> round(kl_of_best(8), 4)
    1.2044
    """
    return math.log(n) - (n - 1) / n


def curve(choices: Sequence[BestChoice], rewards: Sequence[Sequence[float]]) -> list[SelectionPoint]:
    """The curve for n = 1, 2, 4, ... and the largest number of outputs that every prompt has; empty without prompts of two outputs."""
    many = [(choice, np.array(own, float)) for choice, own in zip(choices, rewards, strict=True) if len(choice.outputs) > 1]
    if not many:
        return []
    most = min(len(choice.outputs) for choice, _ in many)
    sizes = sorted({*(2**power for power in range(most.bit_length())), most})
    return [_point(n, many) for n in sizes]


def _point(n: int, many: Sequence[tuple[BestChoice, Floats]]) -> SelectionPoint:
    golds = [np.array(choice.gold, float) for choice, _ in many]
    best = [best_of(gold, own, n) for gold, (_, own) in zip(golds, many, strict=True)]
    voted = all(choice.answers is not None for choice, _ in many)
    majority = [majority_of(gold, choice.answers or (), n) for gold, (choice, _) in zip(golds, many, strict=True)] if voted else None
    return SelectionPoint(
        n=n,
        prompts=len(many),
        kl=kl_of_best(n),
        best=_mean(best),
        first=_mean([float(gold.mean()) for gold in golds]),
        majority=None if majority is None else _mean(majority),
        passed=_mean([passed_of(gold, n) for gold in golds]),
    )


def best_of(gold: Floats, rewards: Floats, n: int) -> float:
    """Mean gold of the output with the highest reward among n of these, over all subsets; equal rewards are drawn by lot.

    >>> best_of(np.array([1.0, 0.0]), np.array([2.0, 1.0]), 2), best_of(np.array([1.0, 0.0]), np.array([1.0, 1.0]), 2)
    (1.0, 0.5)
    """
    _, place = np.unique(-rewards, return_inverse=True)
    lot = np.bincount(place, gold) / np.bincount(place)  # the mean gold of equal rewards
    return float(_top_shares(len(gold), n) @ lot[np.sort(place)])


def passed_of(gold: Floats, n: int) -> float:
    """Mean over all subsets of n of the best gold in it; for right and wrong that is pass@n = 1 - C(N - c, n) / C(N, n)."""
    return float(_top_shares(len(gold), n) @ np.sort(gold)[::-1])


def _top_shares(total: int, n: int) -> Floats:
    """For each rank (the best first) the share of the subsets of n out of `total` in which it is the best: C(total - rank, n - 1) / C(total, n)."""
    return np.array([math.comb(total - rank, n - 1) / math.comb(total, n) for rank in range(1, total + 1)])


def majority_of(gold: Floats, answers: Sequence[str], n: int) -> float:
    """Mean gold of the most common answer among n, over all subsets; of equally common ones that which was given first.

    The gold of an answer is that of the first output in the subset that gives it.
    """
    subsets = math.comb(len(answers), n)
    step = -(-subsets // MOST_SUBSETS)
    found = [_vote(gold, answers, rows) for number, rows in enumerate(combinations(range(len(answers)), n)) if number % step == 0]
    return float(np.mean(found))


def _vote(gold: Floats, answers: Sequence[str], rows: Candidates) -> float:
    counts: dict[str, int] = {}
    for row in rows:
        counts[answers[row]] = counts.get(answers[row], 0) + 1
    winner = max(counts, key=lambda answer: counts[answer])  # the first of equals: dicts keep their order
    return float(gold[next(row for row in rows if answers[row] == winner)])


def _mean(values: Sequence[float]) -> Estimate:
    """The mean over prompts; exact figures of one prompt are one cluster."""
    sums = np.array(values, float)
    return estimate_mean(sums, np.ones(len(sums)), ColumnFacts("number", (0.0, 1.0)))
