"""ROUGE: words, word pairs and the longest common word sequence that output and reference share."""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from itertools import chain

import numpy as np
from rapidfuzz.distance import LCSseq
from rapidfuzz.process import cpdist

from judgecli.scorer import Score, scorer
from judgecli.scorers.canonical import canonical
from judgecli.scorers.context.passages import words_of
from judgecli.scorers.reference.porter import Stems

# Everything but a-z and 0-9 parts words; `encode` below makes of any other script a question mark.
_WORDS_ONLY = bytes(code if chr(code) in "abcdefghijklmnopqrstuvwxyz0123456789" else ord(" ") for code in range(256))
# A letter beyond Latin script; Latin ends at U+024F, and comes again in U+1E00 and in wide forms.
_OTHER_LETTER = re.compile(
    r"[^\W\d_\u0000-\u02ff\u1d00-\u1dbf\u1e00-\u1eff\u2071-\u209c\u2100-\u214f\u2c60-\u2c7f\ua722-\ua7ff\uab30-\uab6f\ufb00-\ufb06\uff21-\uff5a]"
)
_PAIRS_AT_ONCE = 64
# Longest common subsequence takes words x words steps; beyond this a row would hold up all others.
_LARGEST_TABLE = 20_000_000_000
_LETTERS = (range(1, 0xD800), range(0xE000, 0x110000))  # every code point that is a character
_MOST_WORDS = 1_000_000  # of a pair: fewer than there are letters

TokenPairs = Sequence[tuple[list[str], list[str]]]


@scorer(kind="number", range=(0, 1), higher_is_better=True, version=2)
def rouge_1(output: Sequence[str], reference: Sequence[str], *, stemmer: bool = False) -> list[float | None]:
    """F1 of the words that output and reference share (ROUGE-1).

    Columns: output, reference (N texts each). Returns: N fractions in [0, 1].
    Null where the reference has no word.
    Words are runs of a-z and 0-9, as in rouge-score, where all letters of the pair are Latin. Where some are not, words
    are runs of letters and digits, and each letter of a script without spaces (Chinese, Japanese, Thai, Khmer).
    Texts are compared in composed Unicode form (NFC).
    Options: stemmer = compare Porter stems of words of more than 3 letters.
    Source: Lin 2004, ROUGE; equal to the package rouge-score for Latin script, which gives 0 where we give null.

    >>> rouge_1(["the cat sat"], ["the cat is here"])
    [0.5714285714285714]
    """
    return _ngram_f1(_token_pairs(output, reference, stemmer), 1)


@scorer(kind="number", range=(0, 1), higher_is_better=True, version=2)
def rouge_2(output: Sequence[str], reference: Sequence[str], *, stemmer: bool = False) -> list[float | None]:
    """F1 of the pairs of neighbouring words that output and reference share (ROUGE-2).

    Columns: output, reference (N texts each). Returns: N fractions in [0, 1].
    Null where the reference has fewer than two words.
    Words are runs of a-z and 0-9, as in rouge-score, where all letters of the pair are Latin. Where some are not, words
    are runs of letters and digits, and each letter of a script without spaces (Chinese, Japanese, Thai, Khmer).
    Texts are compared in composed Unicode form (NFC).
    Options: stemmer = compare Porter stems of words of more than 3 letters.
    Source: Lin 2004, ROUGE; equal to the package rouge-score for Latin script, which gives 0 where we give null.

    >>> rouge_2(["the cat sat"], ["the cat is here"])
    [0.4]
    """
    return _ngram_f1(_token_pairs(output, reference, stemmer), 2)


@scorer(kind="number", range=(0, 1), higher_is_better=True, version=2)
def rouge_l(output: Sequence[str], reference: Sequence[str], *, stemmer: bool = False) -> list[float | Score | None]:
    """F1 of the longest common subsequence of words of output and reference (ROUGE-L, sentence level).

    Columns: output, reference (N texts each). Returns: N fractions in [0, 1].
    Null where the reference has no word. A pair too long to compare (over a million
    words, or a product of the word counts above 2e10) is unscored with reason metric_error.
    Words are runs of a-z and 0-9, as in rouge-score, where all letters of the pair are Latin. Where some are not, words
    are runs of letters and digits, and each letter of a script without spaces (Chinese, Japanese, Thai, Khmer).
    Texts are compared in composed Unicode form (NFC).
    Options: stemmer = compare Porter stems of words of more than 3 letters.
    Source: Lin 2004, ROUGE; equal to the package rouge-score for Latin script, which gives 0 where we give null.

    >>> rouge_l(["the cat sat on it"], ["the cat lay on it"])
    [0.8]
    """
    results: list[float | Score | None] = []
    for start in range(0, len(output), _PAIRS_AT_ONCE):
        block = slice(start, start + _PAIRS_AT_ONCE)
        results += _lcs_f1(_token_pairs(output[block], reference[block], stemmer))
    return results


def tokens(text: str) -> list[str]:
    """Words as the package rouge-score cuts them.

    >>> tokens("It's 2 o'clock")
    ['it', 's', '2', 'o', 'clock']
    """
    return text.lower().encode("ascii", "replace").translate(_WORDS_ONLY).decode("ascii").split()


def _token_pairs(output: Sequence[str], reference: Sequence[str], stemmer: bool) -> list[tuple[list[str], list[str]]]:
    pairs = [_both(text, wanted) for text, wanted in zip(output, reference, strict=True)]
    if not stemmer:
        return pairs
    stem = Stems().__getitem__
    return [(list(map(stem, words)), list(map(stem, wanted))) for words, wanted in pairs]


def _both(text: str, wanted: str) -> tuple[list[str], list[str]]:
    """The words of both texts, cut by one rule: rouge-score knows no letters but a-z."""
    if (text.isascii() or not _OTHER_LETTER.search(text)) and (wanted.isascii() or not _OTHER_LETTER.search(wanted)):
        return tokens(canonical(text)), tokens(canonical(wanted))
    return words_of(text), words_of(wanted)


def _ngram_f1(pairs: TokenPairs, n: int) -> list[float | None]:
    # A word is a hashable key already; for n > 1 the n-grams are tuples of words.
    grams: Callable[[list[str]], Counter[object]] = Counter if n == 1 else lambda words: Counter(zip(*(words[i:] for i in range(n)), strict=False))
    results: list[float | None] = []
    for words, wanted in pairs:
        total = max(len(words) - n + 1, 0) + len(wanted) - n + 1
        if len(wanted) < n:
            results.append(None)
            continue
        ours, theirs = grams(words), grams(wanted)
        results.append(2 * sum(min(count, theirs[gram]) for gram, count in ours.items() if gram in theirs) / total)
    return results


def _lcs_f1(pairs: TokenPairs) -> list[float | Score | None]:
    fits = [0 < len(words) * len(wanted) <= _LARGEST_TABLE and len(words) + len(wanted) <= _MOST_WORDS for words, wanted in pairs]
    lettered = [_lettered(words, wanted) for (words, wanted), fit in zip(pairs, fits, strict=True) if fit]
    left, right = [text for text, _ in lettered], [wanted for _, wanted in lettered]
    lengths = iter(cpdist(left, right, scorer=LCSseq.similarity, dtype=np.int64).tolist() if left else [])
    return [_f1_of(len(words), len(wanted), lengths if fit else None) for (words, wanted), fit in zip(pairs, fits, strict=True)]


def _lettered(words: list[str], wanted: list[str]) -> tuple[str, str]:
    """Both word lists as texts with a letter for each word: rapidfuzz compares texts fastest."""
    letters: defaultdict[str, str] = defaultdict(map(chr, chain(*_LETTERS)).__next__)
    letter = letters.__getitem__
    return "".join(map(letter, words)), "".join(map(letter, wanted))


def _f1_of(words: int, wanted: int, lengths: Iterator[int] | None) -> float | Score | None:
    if lengths is not None:
        return 2 * next(lengths) / (words + wanted)
    if not wanted:
        return None
    return Score(reason="metric_error", explanation=f"too long to compare: {words} and {wanted} words") if words else 0.0
