"""Conversations as the unit: turns, repeats, corrections, thumbs, abandonment. Their returns are in returns.py."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

# What people say when the answer before was wrong. English; other languages count as no correction.
_CORRECTION = re.compile(
    r"^\W*(?:no\b(?! problem| worries| thanks)|nope\b|wrong\b|incorrect\b|actually\b|not (?:that|this|what)\b)"
    r"|\bnot what i (?:asked|meant|wanted)\b|\bi (?:meant|said|asked for)\b|\b(?:that|this|it)(?:'s| is) (?:wrong|incorrect|not right|not correct)\b"
    r"|\byou (?:misunderstood|got (?:it|that) wrong|forgot)\b|\btry again\b",
    re.IGNORECASE,
)
_WORD = re.compile(r"\w+")
SAME = 0.8  # share of words in common from which a question counts as asked again


@dataclass(frozen=True, slots=True)
class SessionTurn:
    """One record of a session."""

    input: str | None
    output: str | None
    error: str | None
    thumbs: tuple[int, int]  # up, down


@dataclass(frozen=True, slots=True)
class SessionMetrics:
    """One conversation. Thumbs are None where nobody gave any."""

    turns: int
    user_repeats: int
    user_corrections: int
    thumbs_up: int | None
    thumbs_down: int | None
    abandoned: bool


def measure_session(turns: Sequence[SessionTurn]) -> SessionMetrics:
    """The metrics of one conversation, its turns in order of time.

    user_repeats: inputs that share at least 80 % of their words with the input before. user_corrections:
    inputs after the first that say so in common English phrases. abandoned: the last turn has an error or
    no output, or its input was itself a repeat or a correction, after which the user said no more.
    """
    repeats = [False, *(is_repeat(before.input, turn.input) for before, turn in pairwise(turns))]
    corrections = [False, *(is_correction(turn.input) for turn in turns[1:])]
    up, down = (sum(turn.thumbs[side] for turn in turns) for side in (0, 1))
    last = turns[-1]
    return SessionMetrics(
        turns=len(turns),
        user_repeats=sum(repeats),
        user_corrections=sum(corrections),
        thumbs_up=up if up + down else None,
        thumbs_down=down if up + down else None,
        abandoned=not (last.output or "").strip() or last.error is not None or repeats[-1] or corrections[-1],
    )


def is_repeat(before: str | None, text: str | None) -> bool:
    """Whether a user asks the same again.

    >>> is_repeat("How do I boil rice?", "how do i boil RICE"), is_repeat("rice?", "pasta?")
    (True, False)
    """
    first, second = (set(_WORD.findall((part or "").casefold())) for part in (before, text))
    return bool(first and second) and len(first & second) >= SAME * len(first | second)


def is_correction(text: str | None) -> bool:
    """Whether a user says that the answer before was wrong.

    >>> is_correction("No, I meant brown rice"), is_correction("No problem, thanks"), is_correction("And for four?")
    (True, False, False)
    """
    return text is not None and _CORRECTION.search(text) is not None
