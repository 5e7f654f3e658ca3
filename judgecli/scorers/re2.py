"""RE2 patterns over a batch of texts: linear in the text whatever the pattern (Arrow's engine).

RE2 has no look-around and no back-references; its \\w, \\d and \\s are ASCII.
"""

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc


def matches(texts: Sequence[str], pattern: str, *, ignore_case: bool = False) -> list[bool]:
    """Whether the pattern occurs in each text. Raises: ValueError for a pattern RE2 cannot read."""
    try:
        found = pc.match_substring_regex(pa.array(texts, pa.large_string()), pattern, ignore_case=ignore_case)
    except pa.ArrowInvalid as error:
        raise unreadable(pattern, error) from error
    return list(found.to_pylist())


def counts(texts: Sequence[str], pattern: str, *, ignore_case: bool = False) -> list[int]:
    """How often the pattern occurs in each text, without overlap. Raises: ValueError as `matches`."""
    try:
        found = pc.count_substring_regex(pa.array(texts, pa.large_string()), pattern, ignore_case=ignore_case)
    except pa.ArrowInvalid as error:
        raise unreadable(pattern, error) from error
    return list(found.to_pylist())


def unreadable(pattern: str, error: Exception) -> ValueError:
    """The error for a pattern that RE2 refuses, with RE2's own words."""
    return ValueError(f"pattern {pattern!r} cannot be read ({error}); patterns are RE2: no look-around, no back-references")
