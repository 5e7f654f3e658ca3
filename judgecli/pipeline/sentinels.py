"""The sentinels of a run: asked after its records, paid and counted, and never a result."""

import random
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass

from judgecli.config.judges import Sentinels
from judgecli.engine.remote import gather_scores
from judgecli.judge import sentinels
from judgecli.judge.request import Row
from judgecli.judge.rubric import Rubric
from judgecli.judge.sentinels import ALARM, FROM_CALLS
from judgecli.scorer import Score

__all__ = ["FROM_CALLS", "SentinelReport", "ask_sentinels", "how_many"]


@dataclass(frozen=True)
class SentinelReport:
    """How a judge took the sentinels of one run: `passed` of `asked` (those with a verdict) got a good score."""

    drawn: int
    asked: int
    passed: int
    kinds: Mapping[str, tuple[int, int]]  # passed, asked

    @property
    def alarm(self) -> bool:
        """Whether more than a tenth got a good score."""
        return self.asked > 0 and self.passed / self.asked > ALARM

    def to_json(self) -> dict[str, object]:
        """For the `judge` shape."""
        kinds = {name: {"passed": passed, "asked": asked} for name, (passed, asked) in self.kinds.items()}
        return {"drawn": self.drawn, "asked": self.asked, "passed": self.passed, "alarm": self.alarm, "kinds": kinds}


def sentinel_row(row: Row) -> Row:
    """A record as a sentinel is made of it: where answers are compared, the first of them is the rival."""
    answers = row.get("outputs")
    if not isinstance(answers, list) or not answers:
        return row
    return {**{name: value for name, value in row.items() if name != "outputs"}, "reference": answers[0]}


def how_many(rubric: Rubric, calls: int, wanted: Sentinels) -> int:
    """How many sentinels a run of so many calls carries; none where the rubric must let every kind pass."""
    if wanted == "off" or not calls or not sentinels.can_carry(rubric):
        return 0
    return sentinels.sentinel_count(calls) if wanted is None else wanted


async def ask_sentinels(rubric: Rubric, rows: Sequence[Row], count: int, score: Callable[[Row], Coroutine[object, object, Score]]) -> SentinelReport:
    """Judge sentinels made of these rows, drawn anew in every run so that nobody learns them. Raises: JudgeUnavailable."""
    shuffled = list(rows)
    random.SystemRandom().shuffle(shuffled)
    drawn = sentinels.make_sentinels(rubric, shuffled, count)
    scores = await gather_scores(score(sentinel.row) for sentinel in drawn)
    kinds: dict[str, tuple[int, int]] = {}
    for sentinel, found in zip(drawn, scores, strict=True):
        let_pass = sentinels.passed(rubric, found)
        if let_pass is not None:
            passed, asked = kinds.get(sentinel.kind, (0, 0))
            kinds[sentinel.kind] = (passed + let_pass, asked + 1)
    passed, asked = (sum(pair[place] for pair in kinds.values()) for place in (0, 1))
    return SentinelReport(len(drawn), asked, passed, kinds)
