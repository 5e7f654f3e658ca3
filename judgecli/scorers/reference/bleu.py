"""Sentence BLEU: word 1- to 4-grams that output and reference share."""

import math
from array import array
from collections import Counter
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from judgecli.scorer import scorer
from judgecli.scorers.reference.shared_ngrams import shared_counts

_ORDER = 4
_MOST_WORDS = (1 << 12) - 1  # different words of a pair that the packed form can number
_SYMBOLS = '{|}~[\\]^_`!"#$%&()*+:;<=>?@/'
_ENTITIES = (("&quot;", '"'), ("&amp;", "&"), ("&lt;", "<"), ("&gt;", ">"))
# A period or comma is cut off unless a digit stands before it, or after it; a dash after a digit.
_CUTS = ((r"([^0-9])([\.,])", r"\1 \2 "), (r"([\.,])([^0-9])", r" \1 \2"), (r"([0-9])(-)", r"\1 \2 "))


@scorer(kind="number", range=(0, 100), higher_is_better=True, version=1)
def bleu(output: Sequence[str], reference: Sequence[str]) -> list[float | None]:
    """Sentence BLEU of the output against the reference, 0 to 100.

    Columns: output, reference (N texts each). Returns: N numbers in [0, 100]: 13a tokens, cased,
    exponential smoothing, effective order.
    Null where the reference has no token.
    Options: none.
    Source: Papineni et al. 2002, BLEU; equal to sacrebleu.sentence_bleu with its defaults, which gives 0
    where we give null. BLEU was made for corpora: single sentences scatter widely.

    >>> [round(value, 4) for value in bleu(["the cat sat on the mat"], ["the cat is on the mat"])]
    [37.9918]
    """
    count = len(output)
    words = tokenised([*output, *reference])
    pairs = list(zip(words[:count], words[count:], strict=True))
    packed = [_as_numbers(*pair) for pair in pairs]
    shared = np.zeros((count, _ORDER), np.int64)
    fast = [index for index, pair in enumerate(packed) if pair is not None]
    shared[fast] = shared_counts([pair for pair in packed if pair is not None], order=_ORDER, width=2)
    for index, pair in enumerate(packed):
        if pair is None:
            shared[index] = _counted(*pairs[index])
    return [_bleu(row, len(ours), len(theirs)) for row, (ours, theirs) in zip(shared.tolist(), pairs, strict=True)]


def tokenised(texts: Sequence[str]) -> list[list[str]]:
    """The 13a tokens of mteval, as sacrebleu cuts them.

    >>> tokenised(["It's 3.5%, ok?"])
    [["It's", '3.5', '%', ',', 'ok', '?']]
    """
    # One string for all: a NUL keeps the texts apart, and texts that hold one go alone.
    if any("\0" in text for text in texts):
        return [_cut([_spaced(text)])[0].split() for text in texts]
    return [text.split() for text in _cut(_spaced("\0".join(text.rstrip() for text in texts)).split("\0"))]


def _spaced(text: str) -> str:
    text = text.rstrip().replace("<skipped>", "").replace("-\n", "").replace("\n", " ")
    if "&" in text:
        for entity, character in _ENTITIES:
            text = text.replace(entity, character)
    for symbol in _SYMBOLS:
        text = text.replace(symbol, f" {symbol} ")
    return text


def _cut(texts: list[str]) -> list[str]:
    cut = pa.array([f" {text} " for text in texts], pa.large_string())
    for pattern, replacement in _CUTS:
        cut = pc.replace_substring_regex(cut, pattern, replacement)
    return list(cut.to_pylist())


class _Numbers(dict[str, int]):
    """A number from 1 for every word."""

    def __missing__(self, word: str) -> int:
        number = self[word] = len(self) + 1
        return number


def _as_numbers(ours: list[str], theirs: list[str]) -> tuple[bytes, bytes] | None:
    numbers = _Numbers()
    number = numbers.__getitem__
    left, right = list(map(number, ours)), list(map(number, theirs))
    return (array("H", left).tobytes(), array("H", right).tobytes()) if len(numbers) <= _MOST_WORDS else None


def _counted(ours: list[str], theirs: list[str]) -> list[int]:
    """The same counts the long way: for pairs of more than 4,095 different words."""
    shared = []
    for n in range(1, _ORDER + 1):
        left, right = (Counter(zip(*(side[start:] for start in range(n)), strict=False)) for side in (ours, theirs))
        shared.append(sum((left & right).values()))
    return shared


def _bleu(shared: list[int], ours: int, theirs: int) -> float | None:
    if theirs == 0:
        return None
    if not any(shared):
        return 0.0
    smoothing, logs = 1.0, []
    for n, count in enumerate(shared):
        total = ours - n
        if total <= 0:
            break
        if count == 0:
            smoothing *= 2
        logs.append(math.log(100 * count / total if count else 100 / (smoothing * total)))
    brevity = 1.0 if ours >= theirs else math.exp(1 - theirs / ours)
    return min(brevity * math.exp(sum(logs) / len(logs)), 100.0)
