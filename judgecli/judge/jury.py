"""Several verdicts on one record as one: draws of one judge, or judges of a jury.

Sources: panel of small judges, Verga et al. 2024, arXiv:2404.18796; effective number of correlated
judges, K / (1 + (K - 1) rho), Kish 1965 (design effect).
"""

from collections import Counter
from collections.abc import Sequence
from statistics import correlation, fmean, median
from typing import Literal

from judgecli.scorer import Score

Combine = Literal["mean", "median", "majority", "all", "any"]
COMBINATIONS: tuple[Combine, ...] = ("mean", "median", "majority", "all", "any")


def combine_values(values: Sequence[float], how: Combine) -> float | None:
    """One number of several. `all` is the smallest, `any` the largest; `majority` the number that more
    than half gave, null without one. Raises: ValueError for no values."""
    if not values:
        raise ValueError("no values to combine")
    if how == "majority":
        value, count = Counter(values).most_common(1)[0]
        return value if 2 * count > len(values) else None
    if how in ("all", "any"):
        return min(values) if how == "all" else max(values)
    return fmean(values) if how == "mean" else median(values)


def combine_labels(labels: Sequence[str]) -> str | None:
    """The name that more than half gave, null without one."""
    name, count = Counter(labels).most_common(1)[0]
    return name if 2 * count > len(labels) else None


def agreement(answers: Sequence[object]) -> float:
    """The share that gave the commonest answer, from 1 / n to 1."""
    return Counter(answers).most_common(1)[0][1] / len(answers)


def jury_score(scores: Sequence[Score], how: Combine) -> Score:
    """The score of a jury from one score a judge.

    A judge without a score leaves the record unscored, with its reason: a jury of other members is
    another metric. Only `majority` bears it, where more than half of all judges still agree.
    """
    missing = next((score for score in scores if score.reason is not None), None)
    if missing is not None and how != "majority":
        return missing
    held = [score for score in scores if score.reason is None]
    explanation = next((score.explanation for score in held if score.explanation), None)
    if held and all(score.value is None for score in held):
        counted = Counter(str(score.label) for score in held).most_common(1)[0]
        if 2 * counted[1] > len(scores):
            return Score(label=counted[0], explanation=explanation)
    elif held:
        values = [score.value for score in held if score.value is not None]
        value = combine_values(values, how) if how != "majority" else next((one for one, n in Counter(values).items() if 2 * n > len(scores)), None)
        if value is not None:
            return Score(value=value, explanation=explanation)
    return missing or Score(reason="judge_parse", explanation="the judges of the jury have no majority")


def effective_judges(columns: Sequence[Sequence[float | None]]) -> float | None:
    """How many independent judges a jury of K is worth: K / (1 + (K - 1) rho), rho their mean correlation.

    `columns` holds one list of scores a judge, records in the same order. Negative correlation counts
    as none. Null with fewer than two judges, or where no pair of them has three records in common and
    scores that vary.
    """
    pairs = []
    for first in range(len(columns)):
        for second in range(first):
            both = [(a, b) for a, b in zip(columns[first], columns[second], strict=True) if a is not None and b is not None]
            if len(both) >= 3 and len({a for a, _ in both}) > 1 and len({b for _, b in both}) > 1:
                pairs.append(correlation([a for a, _ in both], [b for _, b in both]))
    if len(columns) < 2 or not pairs:
        return None
    return len(columns) / (1 + (len(columns) - 1) * max(0.0, fmean(pairs)))
