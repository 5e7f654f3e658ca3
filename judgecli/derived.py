"""Columns computed once per batch and shared by many scorers.

A derived column is named COLUMN_KIND: `output_words` is the kind `words` of the column `output`.
A kind is a function from the texts of a batch (no nulls) to one item per text, or to one object
that describes all of them (`block`).
"""

from collections.abc import Callable, Sequence

Kind = Callable[[Sequence[str]], object]


def lower(texts: Sequence[str]) -> list[str]:
    """Each text in lower case."""
    return [text.lower() for text in texts]


def words(texts: Sequence[str]) -> list[list[str]]:
    """Each text split at whitespace."""
    return [text.split() for text in texts]


KINDS: dict[str, Kind] = {"lower": lower, "words": words}
TEXT = ("input", "output", "reference")


def source_of(name: str) -> str:
    """The record column that a column name is read from: `output_words` -> `output`."""
    column, _, kind = name.rpartition("_")
    return column if column in TEXT and kind in KINDS else name


def derive(name: str, texts: object) -> object:
    """The derived column `name` of these texts."""
    return KINDS[name.rpartition("_")[2]](texts)  # type: ignore[arg-type]
