"""Answers that no sound judge lets pass, put before it to see whether it does.

| kind | is |
|---|---|
| null | nothing: no character, a blank, a dash |
| stub | a single sign, such as ":" |
| opener | the beginning of an answer without the answer, in several languages |
| truncated | the first tenth of the reference |
| swapped | the reference of another request |
| repeated | one line, thirty times |

Sources: null answers, Zheng et al. 2024, arXiv:2410.07137; signs and openers, Zhao et al. 2025,
arXiv:2507.08794; repeated lists, Zheng et al. 2023, arXiv:2306.05685.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from judgecli.judge.request import Row
from judgecli.judge.rubric import Rubric, higher_is_better, metric_range
from judgecli.scorer import Score

PASS = 0.5  # of the scale, from its bad end: a sentinel that gets beyond passed
ALARM = 0.10  # more of them passed: the judge is broken
SHARE, LEAST, FROM_CALLS = 0.02, 20, 200  # how many a run carries
LEAST_WORDS = 12  # of a reference that is cut or swapped
MOST_SHARED = 0.3  # of its words in the reference of another request

KINDS = ("null", "stub", "opener", "truncated", "swapped", "repeated")
NULLS = ("", " ", "-", "\n")
STUBS = (":", ".", ",", ";")
OPENERS = (
    "Thought process:", "Solution:", "Let's solve this step by step.", "Lösung:", "Lösungsweg:", "Respuesta:", "Réponse :", "Risposta:", "Решение:",
    "解答：", "解説：", "풀이:", "الحل:",
)  # fmt: skip
REPEATED = "- It is as the request says.\n" * 30


@dataclass(frozen=True, slots=True)
class Sentinel:
    """A record whose output is a worthless one."""

    kind: str
    row: Row


def sentinel_count(calls: int) -> int:
    """How many sentinels a run of so many calls carries: 2 %, at least 20, none below 200 calls.

    >>> [sentinel_count(calls) for calls in (199, 200, 5_000)]
    [0, 20, 100]
    """
    return max(LEAST, math.ceil(SHARE * calls)) if calls >= FROM_CALLS else 0


def can_carry(rubric: Rubric) -> bool:
    """Whether a worthless output must score badly: the rubric says so, reads the output, and has a number with a good end."""
    low, high = metric_range(rubric.scale)
    return rubric.sentinels and "output" in rubric.inputs and higher_is_better(rubric.scale) is True and low is not None and high is not None


def make_sentinels(rubric: Rubric, rows: Sequence[Row], count: int) -> list[Sentinel]:
    """`count` sentinels of every kind in turn over the rows in turn; those of references only where rows have some to spoil."""
    if not can_carry(rubric):
        return []
    made = [found for kind in KINDS if (found := [Sentinel(kind, {**row, "output": text}) for row, text in _texts(kind, rows)])]
    return [made[place % len(made)][place // len(made) % len(made[place % len(made)])] for place in range(count if made else 0)]


def _texts(kind: str, rows: Sequence[Row]) -> list[tuple[Row, str]]:
    """Each row that can carry a sentinel of this kind, with its output."""
    fixed = {"null": NULLS, "stub": STUBS, "opener": OPENERS, "repeated": (REPEATED,)}.get(kind)
    if fixed is not None:
        return [(row, fixed[place % len(fixed)]) for place, row in enumerate(rows)]
    golds = [(place, gold) for place, row in enumerate(rows) if isinstance(gold := row.get("reference"), str) and len(gold.split()) >= LEAST_WORDS]
    if kind == "truncated":
        return [(rows[place], gold[: len(gold) // 10].rstrip()) for place, gold in golds]
    return [(rows[place], other) for place, gold in golds if (other := _other(place, gold, golds)) is not None]


def _other(place: int, gold: str, golds: Sequence[tuple[int, str]]) -> str | None:
    """The reference of a later row that shares few words with this one."""
    own = _words(gold)
    after = [text for other, text in golds if other > place] + [text for other, text in golds if other < place]
    return next((text for text in after[:50] if len(own & _words(text)) <= MOST_SHARED * len(own)), None)


def _words(text: str) -> set[str]:
    return {word.lower() for word in re.findall(r"\w+", text)}


def passed(rubric: Rubric, score: Score) -> bool | None:
    """Whether a judge let a worthless answer pass: it stands above the middle of the scale. None where there is no verdict."""
    low, high = metric_range(rubric.scale)
    if score.value is None or low is None or high is None:
        return None
    return (score.value - low) / (high - low) > PASS
