"""Whether the output keeps to a number of words."""

from collections.abc import Sequence

from judgecli.scorer import Score, scorer
from judgecli.unspaced import mostly_unspaced


@scorer(kind="rate", range=(0, 1), higher_is_better=True, version=2)
def word_limit(output: Sequence[str], output_words: Sequence[list[str]], *, min: int = 0, max: int | None = None) -> list[Score | float | None]:
    """1 where the output has from `min` to `max` words, else 0.

    Columns: output (N texts, split at white space). Returns: N rates, 0 or 1; a 0 shows the count.
    Null where the output is mostly in a script without spaces between words (Chinese, Japanese, Thai, Khmer);
    an empty output has 0 words.
    Options: min (0), max (none), both included.
    Raises: ValueError where max is below min.
    Source: IFEval's number_words, arXiv:2311.07911, which counts words of letters and digits only.

    >>> word_limit(["one two", "one"], min=2)
    [1.0, Score(value=0.0, label=None, reason=None, explanation='1 words', detail=None)]
    """
    if min < 0 or (max is not None and max < min):
        raise ValueError(f"the limits must be 0 <= min <= max, got min {min} and max {max}")
    counts = [None if mostly_unspaced(text) else len(words) for text, words in zip(output, output_words, strict=True)]
    return [None if count is None else _kept(count, min, max) for count in counts]


def _kept(count: int, least: int, most: int | None) -> Score | float:
    return 1.0 if least <= count and (most is None or count <= most) else Score(value=0.0, explanation=f"{count} words")
