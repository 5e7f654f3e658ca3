"""Whether, or how often, the output matches a pattern of the user."""

from collections.abc import Sequence
from typing import Literal

from judgecli.scorer import scorer
from judgecli.scorers import re2


@scorer(kind="rate", range=(0, 1), higher_is_better=True, version=1)
def regex(output: Sequence[str], *, pattern: str, match: Literal["any", "none", "full"] = "any", ignore_case: bool = False) -> list[float]:
    r"""1 where the output matches the pattern, else 0.

    Columns: output (N texts). Returns: N rates, 0 or 1.
    Null: never.
    The text is read as it is encoded: a pattern with a composed letter does not find a decomposed one.
    Options: pattern (RE2: linear time, no look-around, no back-references); match: "any" = found
    anywhere, "none" = found nowhere, "full" = the whole output; ignore_case.
    Raises: ValueError for a pattern that RE2 cannot read, or an unknown `match`.
    Source: none; RE2 syntax (Cox 2010, Regular Expression Matching in the Wild).

    >>> regex(["costs $5", "free"], pattern=r"\$\d+", match="none")
    [0.0, 1.0]
    """
    if match not in ("any", "none", "full"):
        raise ValueError(f"match must be any, none or full, got {match!r}")
    re2.matches([""], pattern)  # so that a closing bracket too many is not hidden by the wrapping below
    found = re2.matches(output, rf"\A(?:{pattern})\z" if match == "full" else pattern, ignore_case=ignore_case)
    return [float(hit is (match != "none")) for hit in found]


@scorer(kind="number", range=(0, None), higher_is_better=None, version=1)
def regex_count(output: Sequence[str], *, pattern: str, ignore_case: bool = False) -> list[float]:
    r"""How often the pattern occurs in the output, without overlap.

    Columns: output (N texts). Returns: N counts.
    Null: never.
    Options: pattern (RE2, see regex); ignore_case.
    Raises: ValueError for a pattern that RE2 cannot read, or that matches nothing at all ("a*"): no count.
    Source: none; RE2 syntax.

    >>> regex_count(["a1 b22", "none"], pattern=r"\d+")
    [2.0, 0.0]
    """
    if re2.matches([""], pattern)[0]:
        raise ValueError(f"pattern {pattern!r} matches the empty text, so its count means nothing")
    return [float(count) for count in re2.counts(output, pattern, ignore_case=ignore_case)]
