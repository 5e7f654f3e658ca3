"""Words and word n-grams of the output and of the passages it rests on."""

import re
from collections.abc import Iterable, Sequence

# Scripts without spaces between words count a character as a word.
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_WORD = re.compile(rf"[{_UNSPACED}]|[^\W{_UNSPACED}]+")

Gram = tuple[str, ...]


def words_of(text: str) -> list[str]:
    """Lower-case runs of letters, digits and `_`; a character each in scripts without spaces.

    >>> words_of("It cost 5 €, 你好")
    ['it', 'cost', '5', '你', '好']
    """
    return _WORD.findall(text.lower())


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
