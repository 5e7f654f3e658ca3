"""Sentence BLEU: word 1- to 4-grams that output and reference share."""

import math
import re
from array import array
from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import count

import numpy as np

from judgecli.scorer import scorer
from judgecli.scorers.canonical import canonical
from judgecli.scorers.reference.shared_ngrams import shared_counts
from judgecli.unspaced import UNSPACED

_ORDER = 4
_MOST_WORDS = (1 << 12) - 1  # different words of a pair that the packed form can number
_SYMBOLS = '{|}~[\\]^_`!"#$%&()*+:;<=>?@/'
_ENTITIES = (("&quot;", '"'), ("&amp;", "&"), ("&lt;", "<"), ("&gt;", ">"))
# mteval's rules: a period or comma is cut off unless a digit stands before it, or after it; a dash after a digit.
_RULES = ((re.compile(r"([^0-9])([\.,])"), r"\1 \2 "), (re.compile(r"([\.,])([^0-9])"), r" \1 \2"), (re.compile(r"([0-9])(-)"), r"\1 \2 "))
# The same for texts where no two of these marks stand together; a rule that begins with its mark is found fast.
_LONE_MARKS = (
    (re.compile(r"\.(?<=[^0-9]\.)"), " . "),
    (re.compile(r",(?<=[^0-9],)"), " , "),
    (re.compile(r"\.(?<=[0-9]\.)(?=[^0-9])"), " . "),
    (re.compile(r",(?<=[0-9],)(?=[^0-9])"), " , "),
    (re.compile(r"-(?<=[0-9]-)"), " - "),
)
_LETTER = re.compile(f"[{UNSPACED}]")
_UNSPACED = re.compile(f"[{UNSPACED}\u3000-\u303f\uff00-\uffef]")
_PAIRS_AT_ONCE = 64
_NUL = "\0"  # parts the texts of a block


@scorer(kind="number", range=(0, 100), higher_is_better=True, version=2)
def bleu(output: Sequence[str], reference: Sequence[str]) -> list[float | None]:
    """Sentence BLEU of the output against the reference, 0 to 100.

    Columns: output, reference (N texts each). Returns: N numbers in [0, 100]: 13a tokens, cased,
    exponential smoothing, effective order.
    Null where the reference has no token.
    Options: none. Texts are compared in composed Unicode form (NFC). Each letter and mark of a script without
    spaces between words (Chinese, Japanese, Thai, Lao, Khmer, Burmese) is a token.
    Source: Papineni et al. 2002, BLEU; equal to sacrebleu.sentence_bleu with its defaults, which gives 0
    where we give null, and to its tokenizer "zh" for Chinese. BLEU was made for corpora: single sentences scatter widely.

    >>> [round(value, 4) for value in bleu(["the cat sat on the mat"], ["the cat is on the mat"])]
    [37.9918]
    """
    results: list[float | None] = []
    for start in range(0, len(output), _PAIRS_AT_ONCE):
        block = slice(start, start + _PAIRS_AT_ONCE)
        results += _scores(list(zip(tokenised(output[block]), tokenised(reference[block]), strict=True)))
    return results


def tokenised(texts: Sequence[str]) -> list[list[str]]:
    """The 13a tokens of mteval, as sacrebleu cuts them.

    >>> tokenised(["It's 3.5%, ok?"])
    [["It's", '3.5', '%', ',', 'ok', '?']]
    """
    texts = [_parted(text) for text in texts]
    if any(_NUL in text for text in texts):
        return [_cut(f" {_spaced(text.rstrip())} ").split() for text in texts]
    spaced = _spaced(f" {_NUL} ".join(text.rstrip() for text in texts))
    return [text.split() for text in _cut(f" {spaced} ").split(_NUL)]


def _parted(text: str) -> str:
    """The text in composed form, with spaces around the letters and marks of scripts that have none between words."""
    if text.isascii():
        return text
    text = canonical(text)
    return _UNSPACED.sub(r" \g<0> ", text) if _LETTER.search(text) else text


def _spaced(text: str) -> str:
    text = text.replace("<skipped>", "").replace("-\n", "").replace("\n", " ")
    if "&" in text:
        for entity, character in _ENTITIES:
            text = text.replace(entity, character)
    for symbol in _SYMBOLS:
        text = text.replace(symbol, f" {symbol} ")
    return text


def _cut(text: str) -> str:
    """Cuts off periods, commas and dashes in texts parted by NUL, each within spaces."""
    if any(marks in text for marks in ("..", ".,", ",.", ",,")):
        if _NUL in text:
            return _NUL.join(map(_cut, text.split(_NUL)))
        for rule, replacement in _RULES:
            text = rule.sub(replacement, text)
        return text
    for rule, replacement in _LONE_MARKS:
        text = rule.sub(replacement, text)
    return text


def _scores(pairs: list[tuple[list[str], list[str]]]) -> list[float | None]:
    packed = [_as_numbers(*pair) for pair in pairs]
    shared = np.zeros((len(pairs), _ORDER), np.int64)
    fast = [index for index, pair in enumerate(packed) if pair is not None]
    shared[fast] = shared_counts([pair for pair in packed if pair is not None], order=_ORDER, width=2)
    for index, pair in enumerate(packed):
        if pair is None:
            shared[index] = _counted(*pairs[index])
    return [_bleu(row, len(ours), len(theirs)) for row, (ours, theirs) in zip(shared.tolist(), pairs, strict=True)]


def _as_numbers(ours: list[str], theirs: list[str]) -> tuple[bytes, bytes] | None:
    numbers: defaultdict[str, int] = defaultdict(count(1).__next__)
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
    for n, found in enumerate(shared):
        total = ours - n
        if total <= 0:
            break
        if found == 0:
            smoothing *= 2
        logs.append(math.log(100 * found / total if found else 100 / (smoothing * total)))
    brevity = 1.0 if ours >= theirs else math.exp(1 - theirs / ours)
    return min(brevity * math.exp(sum(logs) / len(logs)), 100.0)
