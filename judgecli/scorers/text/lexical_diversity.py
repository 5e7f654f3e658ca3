"""How varied the words of the output are, whatever its length."""

from collections import Counter
from collections.abc import Sequence

from judgecli.errors import UsageError
from judgecli.scorer import scorer
from judgecli.unspaced import mostly_unspaced


@scorer(kind="number", range=(0, 1), higher_is_better=None, version=2)
def lexical_diversity(output: Sequence[str], output_words: Sequence[list[str]], *, window: int = 50) -> list[float | None]:
    """Moving-average type-token ratio: the mean share of different words in every window of 50 words.

    Columns: output. Returns: a fraction in (0, 1], comparable between texts of any length.
    Words are compared in lower case, without punctuation at their ends; words of punctuation only
    are left out. Null: where the output is, has fewer words than the window, or is mostly in a script without
    spaces between words.
    Options: window, the number of words (at least 1).
    Source: Covington and McFall 2010, Cutting the Gordian knot: the moving-average type-token ratio.

    >>> lexical_diversity(["a b a b", "a b", None], window=3)
    [0.6666666666666666, None, None]
    """
    if window < 1:
        raise UsageError(f"window must be at least 1, got {window}", hint="the usual window is 50 words")
    return [
        None if mostly_unspaced(text) else _moving_ratio([bare for word in words if (bare := _bare(word))], window)
        for text, words in zip(output, output_words, strict=True)
    ]


def _bare(word: str) -> str:
    """The word in lower case, from its first to its last letter or digit; "" where it has none."""
    first, last = 0, len(word)
    while first < last and not word[first].isalnum():
        first += 1
    while last > first and not word[last - 1].isalnum():
        last -= 1
    return word[first:last].lower()


def _moving_ratio(words: list[str], window: int) -> float | None:
    if len(words) < window:
        return None
    inside = Counter(words[:window])
    kinds = total = len(inside)
    for leaving, entering in zip(words, words[window:], strict=False):
        inside[entering] += 1
        kinds += inside[entering] == 1
        inside[leaving] -= 1
        kinds -= inside[leaving] == 0
        total += kinds
    return total / (window * (len(words) - window + 1))
