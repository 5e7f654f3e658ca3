"""Whether the output starts with, ends with or is one of given texts."""

from collections.abc import Sequence

from judgecli.scorer import scorer
from judgecli.scorers.format.contains import folded, phrases


@scorer(kind="rate", range=(0, 1), higher_is_better=True, version=2)
def starts_with(output: Sequence[str], *, values: Sequence[str] | str, ignore_case: bool = False) -> list[float]:
    """1 where the output starts with one of the values, else 0.

    Columns: output (N texts; white space around it does not count). Returns: N rates, 0 or 1.
    Null: never. Texts and values are compared in composed Unicode form (NFC).
    Options: values (one text or a list); ignore_case.
    Raises: ValueError where no value, or an empty one, is given.
    Source: none; plain prefix test.

    >>> starts_with(["Dear Ann", " dear Bob"], values="Dear")
    [1.0, 0.0]
    """
    wanted = tuple(phrases(values, ignore_case))
    return [float(text.strip().startswith(wanted)) for text in folded(output, ignore_case)]


@scorer(kind="rate", range=(0, 1), higher_is_better=True, version=2)
def ends_with(output: Sequence[str], *, values: Sequence[str] | str, ignore_case: bool = False) -> list[float]:
    """1 where the output ends with one of the values, else 0.

    Columns: output (N texts; white space around it does not count). Returns: N rates, 0 or 1.
    Null: never. Texts and values are compared in composed Unicode form (NFC).
    Options: values (one text or a list); ignore_case.
    Raises: ValueError where no value, or an empty one, is given.
    Source: none; plain suffix test.

    >>> ends_with(["Is it so? ", "It is."], values=["?", "!"])
    [1.0, 0.0]
    """
    wanted = tuple(phrases(values, ignore_case))
    return [float(text.strip().endswith(wanted)) for text in folded(output, ignore_case)]


@scorer(kind="rate", range=(0, 1), higher_is_better=True, version=2)
def equals_any(output: Sequence[str], *, values: Sequence[str] | str, ignore_case: bool = False) -> list[float]:
    """1 where the output is one of the values, else 0.

    Columns: output (N texts; white space around it does not count). Returns: N rates, 0 or 1.
    Null: never. Texts and values are compared in composed Unicode form (NFC).
    Options: values (one text or a list); ignore_case.
    Raises: ValueError where no value, or an empty one, is given.
    Source: none; plain equality.

    >>> equals_any(["yes\\n", "Yes.", "no"], values=["yes", "no"])
    [1.0, 0.0, 1.0]
    """
    wanted = {value.strip() for value in phrases(values, ignore_case)}
    return [float(text.strip() in wanted) for text in folded(output, ignore_case)]
