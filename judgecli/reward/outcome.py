"""What a reward says of outputs that nobody logged: the seam between a reward and those who ask for it live (a server, a trainer)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

TEXTS = ("input", "output", "reference")  # the record columns that a live row may bring as text
LISTS = ("contexts",)  # and those that are a list of texts
TAGS = "tags_"  # prefix of a tag's column
Rows = Mapping[str, Sequence[object]]
"""Columns of one length: TEXTS (text or None), LISTS (list of texts or None), tags_NAME (text or None). `output` is always among them."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The reward of one output, or the reason (of schema.REASONS) why it has none. `sd` and `outside` are those of a reward model."""

    reward: float | None
    reason: str | None = None
    sd: float | None = None
    outside: bool | None = None


class LiveReward(Protocol):
    """A reward that can be asked at any time; its definition was fixed when it was made.

    `identity` is 16 hex digits; `columns` are the record columns that it reads, `required` those
    without which it has no value; `range` is the scale of its numbers, None where
    an end is open (a reward model: log-odds).
    """

    @property
    def name(self) -> str: ...

    @property
    def identity(self) -> str: ...

    @property
    def columns(self) -> frozenset[str]: ...

    @property
    def required(self) -> frozenset[str]: ...

    @property
    def range(self) -> tuple[float | None, float | None]: ...

    def rewards(self, rows: Rows) -> list[Outcome]:
        """One outcome a row; rows are independent, and a reward is a finite number."""
        ...

    def close(self) -> None:
        """Let go of connections and threads."""
        ...


def count_rows(rows: Rows) -> int:
    """How many rows the columns hold. Raises: ValueError where they differ in length."""
    lengths = {name: len(values) for name, values in rows.items()}
    if len(set(lengths.values())) > 1:
        raise ValueError(f"columns of different lengths: {lengths}")
    return next(iter(lengths.values()), 0)


def said_missing(outcomes: Sequence[Outcome], *, most: int = 10) -> str | None:
    """Which rows have no reward and why, in one sentence; None where all have one.

    >>> said_missing([Outcome(0.5), Outcome(None, "not_applicable")])
    'row 1 has no reward: not_applicable'
    """
    missing = [(row, outcome.reason) for row, outcome in enumerate(outcomes) if outcome.reward is None]
    if not missing:
        return None
    rows = ", ".join(str(row) for row, _ in missing[:most]) + (f" and {len(missing) - most} more" if len(missing) > most else "")
    reasons = ", ".join(sorted({str(reason) for _, reason in missing}))
    return f"row{'s' if len(missing) > 1 else ''} {rows} ha{'ve' if len(missing) > 1 else 's'} no reward: {reasons}"
