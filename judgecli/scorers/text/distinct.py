"""How many of the output's words and word pairs are different ones."""

from judgecli.derived import FloatArray, WordHashes, share
from judgecli.scorer import scorer


@scorer(kind="number", range=(0, 1), higher_is_better=None, version=2, default=True)
def distinct_1(output_hashes: WordHashes) -> FloatArray:
    """Share of different words among the output's words.

    Columns: output. Returns: different / all, case kept; falls with the length of any text.
    Null: where the output is, or has no word.
    In scripts without spaces between words (Chinese, Japanese, Thai, Lao, Khmer, Burmese) three letters in a row
    stand for a word. Words are compared as they are encoded: a composed and a decomposed letter differ.
    Source: Li et al. 2016, arXiv:1510.03055. Words are compared by hash: see `judgecli.derived.WordHashes`.

    >>> distinct_1(["a b a b", "", None])
    [0.5, None, None]
    """
    return share(*output_hashes.distinct(1))


@scorer(kind="number", range=(0, 1), higher_is_better=None, version=2, default=True)
def distinct_2(output_hashes: WordHashes) -> FloatArray:
    """Share of different word pairs among the output's pairs of neighbouring words.

    Columns: output. Returns: different / all, case kept. Null: where the output is, or has fewer than two words.
    In scripts without spaces between words (Chinese, Japanese, Thai, Lao, Khmer, Burmese) three letters in a row
    stand for a word. Words are compared as they are encoded: a composed and a decomposed letter differ.
    Source: Li et al. 2016, arXiv:1510.03055; we divide by the number of pairs, the paper by the number of words.

    >>> distinct_2(["a b a b", "one", None])
    [0.6666666666666666, None, None]
    """
    return share(*output_hashes.distinct(2))
