"""Words and word n-grams of the output and of the passages it rests on."""

import re
from collections.abc import Iterable, Sequence

from judgecli.scorers.canonical import canonical
from judgecli.unspaced import UNSPACED

# Vowel signs and accents are no word characters to `\w`, but belong to the word: Indic, Arabic, Hebrew, combining accents.
_MARKS = "\u0300-\u036f\u0591-\u05bd\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06dc\u0900-\u0963\u0980-\u0dff"
_WORD = re.compile(rf"[{UNSPACED}]|(?:[^\W{UNSPACED}]|[{_MARKS}])+")

Gram = tuple[str, ...]


def words_of(text: str) -> list[str]:
    """Lower-case runs of letters, digits and `_` in composed form; a character each in scripts without spaces.

    >>> words_of("It cost 5 €, 你好")
    ['it', 'cost', '5', '你', '好']
    """
    return _WORD.findall(canonical(text).lower())


def ngrams(words: Sequence[str], n: int) -> list[Gram]:
    """The runs of n words, in order, repeats kept."""
    return list(zip(*(words[start:] for start in range(n)), strict=False))


def held_by(texts: Iterable[str], n: int) -> set[Gram]:
    """Every run of n words of any of the texts."""
    return {gram for text in texts for gram in ngrams(words_of(text), n)}


def positive(name: str, value: int) -> int:
    """The value. Raises: ValueError where it is below 1."""
    if value < 1:
        raise ValueError(f"{name} must be at least 1, got {value}")
    return value
