"""What a verdict is worth on its rubric's scale."""

from collections.abc import Mapping, Sequence

from judgecli.judge.rubric import ChecklistScale, StepsScale


def checklist_share(scale: ChecklistScale, answers: Mapping[str, str]) -> float | None:
    """The share of the weight answered yes, of the items that apply. Returns: 0 to 1; null where none applies.

    >>> checklist_share(ChecklistScale(kind="checklist", items=[{"id": "a", "ask": "?", "weight": 3.0}, {"id": "b", "ask": "?"}]), {"a": "yes", "b": "no"})
    0.75
    """
    applying = [item for item in scale.items if answers[item.id] != "not_applicable"]
    whole = sum(item.weight for item in applying)
    return sum(item.weight for item in applying if answers[item.id] == "yes") / whole if applying else None


def steps_value(scale: StepsScale, verdicts: Sequence[str]) -> tuple[float | None, int | None]:
    """The value of the steps' verdicts, and the first bad step counted from 1.

    average_precision: mean over the good places of the share of good ones up to there; 0 where none
    is good (Manning et al. 2008, 8.4, over the retrieved ones). Null where there are no steps.
    """
    first = next((place for place, verdict in enumerate(verdicts, 1) if verdict in scale.bad), None)
    if not verdicts:
        return None, None
    good = [verdict in scale.good for verdict in verdicts]
    if scale.measure == "before_first_bad":
        return (1.0 if first is None else (first - 1) / len(verdicts)), first
    if scale.measure == "share_good":
        return sum(good) / len(good), first
    hits = [sum(good[: place + 1]) / (place + 1) for place, held in enumerate(good) if held]
    return (sum(hits) / len(hits) if hits else 0.0), first


def f1(precision: float, recall: float) -> float:
    """The harmonic mean of both; 0 where both are 0."""
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def ranked_first(shown: Sequence[int], reversed_order: Sequence[int]) -> int | None:
    """The answer that both rankings put first, from 1; null where they differ. The second ranked the answers in reverse order."""
    best, other = shown[0], len(shown) + 1 - reversed_order[0]
    return best if best == other else None
