"""Whether the output holds given phrases: all of them, any of them, none of them."""

from collections.abc import Sequence

from judgecli.scorer import scorer
from judgecli.scorers.canonical import all_canonical


@scorer(kind="rate", range=(0, 1), higher_is_better=True, version=2)
def contains_all(output: Sequence[str], *, values: Sequence[str] | str, ignore_case: bool = False) -> list[float]:
    """1 where the output holds every one of the values, else 0.

    Columns: output (N texts). Returns: N rates, 0 or 1.
    Null: never. Texts and values are compared in composed Unicode form (NFC).
    Options: values (one phrase or a list; matched as plain text, also inside words); ignore_case.
    Raises: ValueError where no value, or an empty one, is given.
    Source: none; plain substring test.

    >>> contains_all(["Dear Ann, thanks", "thanks"], values=["Dear", "thanks"])
    [1.0, 0.0]
    """
    wanted = phrases(values, ignore_case)
    return [float(all(value in text for value in wanted)) for text in folded(output, ignore_case)]


@scorer(kind="rate", range=(0, 1), higher_is_better=True, version=2)
def contains_any(output: Sequence[str], *, values: Sequence[str] | str, ignore_case: bool = False) -> list[float]:
    """1 where the output holds at least one of the values, else 0.

    Columns: output (N texts). Returns: N rates, 0 or 1.
    Null: never. Texts and values are compared in composed Unicode form (NFC).
    Options: values (one phrase or a list; plain text, also inside words); ignore_case.
    Raises: ValueError where no value, or an empty one, is given.
    Source: none; plain substring test.

    >>> contains_any(["yes indeed", "no"], values=["YES", "sure"], ignore_case=True)
    [1.0, 0.0]
    """
    wanted = phrases(values, ignore_case)
    return [float(any(value in text for value in wanted)) for text in folded(output, ignore_case)]


@scorer(kind="rate", range=(0, 1), higher_is_better=True, version=2)
def contains_none(output: Sequence[str], *, values: Sequence[str] | str, ignore_case: bool = False) -> list[float]:
    """1 where the output holds none of the values, else 0.

    Columns: output (N texts). Returns: N rates, 0 or 1.
    Null: never. Texts and values are compared in composed Unicode form (NFC).
    Options: values (one phrase or a list; plain text, also inside words); ignore_case.
    Raises: ValueError where no value, or an empty one, is given.
    Source: none; plain substring test.

    >>> contains_none(["all good", "TODO: write"], values="TODO")
    [1.0, 0.0]
    """
    wanted = phrases(values, ignore_case)
    return [float(not any(value in text for value in wanted)) for text in folded(output, ignore_case)]


def phrases(values: Sequence[str] | str, ignore_case: bool) -> list[str]:
    """The values as a list; numbers that the command line read as such become text again."""
    wanted = [values] if isinstance(values, str | int | float) else list(values)
    if not wanted or any(str(value) == "" for value in wanted):
        raise ValueError(f"values must hold at least one text and no empty one, got {values!r}")
    return folded([str(value) for value in wanted], ignore_case)


def folded(texts: Sequence[str], ignore_case: bool) -> list[str]:
    """The texts in composed Unicode form, without case where asked (Unicode case folding)."""
    composed = all_canonical(texts)
    return [text.casefold() for text in composed] if ignore_case else composed
