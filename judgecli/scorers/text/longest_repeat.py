"""How long the longest span is that the output says twice: degeneration into loops."""

from collections.abc import Sequence

import numpy as np

from judgecli.arrays import Integers
from judgecli.scorer import scorer


@scorer(kind="number", range=(0, 1), higher_is_better=False, version=2)
def longest_repeat(output_words: Sequence[list[str]]) -> list[float | None]:
    """Length of the longest run of words that occurs twice in the output, divided by the output's words.

    Columns: output. Returns: a fraction in [0, 1); the two places may overlap, so a text stuck in a
    loop comes close to 1. Null: where the output is, or has no word.
    In scripts without spaces between words (Chinese, Japanese, Thai) it goes by letters.
    Source: own; the longest repeated substring, over words (Karp, Miller and Rosenberg 1972, whose
    naming of windows by doubling is the algorithm).

    >>> longest_repeat(["a b c a b", "a a a a", "a b", "", None])
    [0.4, 0.75, 0.0, None, None]
    """
    return [_longest_repeat(words) / len(words) if words else None for words in output_words]


def _longest_repeat(words: list[str]) -> int:
    numbers: dict[str, int] = {}
    names = np.array([numbers.setdefault(word, len(numbers)) for word in words], np.int64)
    length, low = 1, names  # low: the names of all windows of `length` words; equal names, equal windows
    if not _has_twice(low):
        return 0
    while 2 * length <= len(words) and _has_twice(doubled := _pair(low, length)):
        length, low = 2 * length, np.unique(doubled, return_inverse=True)[1]
    known, above = length, min(2 * length, len(words))  # a repeat of `known` words exists, of `above` none
    while above - known > 1:
        middle = (known + above) // 2
        if _has_twice(_pair(low, middle - length)):
            known = middle
        else:
            above = middle
    return known


def _pair(names: Integers, shift: int) -> Integers:
    """Names of the windows that two windows `shift` apart cover together."""
    return names[: len(names) - shift] * (int(names.max()) + 1) + names[shift:]


def _has_twice(names: Integers) -> bool:
    return len(np.unique(names)) < len(names)
