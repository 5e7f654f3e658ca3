"""chrF: character n-grams that output and reference share."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from judgecli.arrays import Integers
from judgecli.scorer import scorer
from judgecli.scorers.canonical import all_canonical
from judgecli.scorers.reference.shared_ngrams import shared_counts

_ORDER = 6
# Encodings of a byte a character, and what is white space in them: cp1252 has the quotes and dashes that latin-1 lacks.
_WHITE = tuple((name, b"".join(bytes([byte]) for byte in range(256) if bytes([byte]).decode(name, "replace").isspace())) for name in ("latin-1", "cp1252"))
_RECALL_WEIGHT = 4.0  # beta = 2, squared


@scorer(kind="number", range=(0, 100), higher_is_better=True, version=2)
def chrf(output: Sequence[str], reference: Sequence[str]) -> list[float | None]:
    """F-score (beta 2) of the character 1- to 6-grams that output and reference share, 0 to 100.

    Columns: output, reference (N texts each). Returns: N numbers in [0, 100]; white space is left out.
    Null where the reference holds nothing but white space.
    Options: none. Texts are compared in composed Unicode form (NFC).
    Source: Popovic 2015, chrF; equal to sacrebleu's sentence chrF2 (nc:6 nw:0) of composed texts, which gives 0 where we give null.

    >>> [round(value, 4) for value in chrf(["the cat"], ["the hat"])]
    [28.0556]
    """
    shared, ours, theirs = shared_characters(all_canonical(output), all_canonical(reference))
    return [score if wanted else None for score, wanted in zip(_scores(shared, ours, theirs), theirs.tolist(), strict=True)]


def shared_characters(output: Sequence[str], reference: Sequence[str]) -> tuple[Integers, Integers, Integers]:
    """How many character 1- to 6-grams each pair of texts shares (a column for each n), and how many characters both sides have, white space left out.

    >>> [counts.tolist() for counts in shared_characters(["a b"], ["abc"])]
    [[[2, 1, 0, 0, 0, 0]], [2], [3]]
    """
    packed = [_as_bytes(*pair) for pair in zip(output, reference, strict=True)]
    sizes = np.array([(len(pair[0]), len(pair[1])) if pair else (0, 0) for pair in packed], np.int64).reshape(-1, 2)
    counts = np.zeros((len(packed), _ORDER), np.int64)
    counts[[pair is not None for pair in packed]] = shared_counts([pair for pair in packed if pair is not None], order=_ORDER, width=1)
    for index, pair in enumerate(packed):
        if pair is None:
            text, wanted = _visible(output[index]), _visible(reference[index])
            counts[index], sizes[index] = _counted(text, wanted), (len(text), len(wanted))
    return counts, sizes[:, 0], sizes[:, 1]


def _visible(text: str) -> str:
    return "".join(text.split())


def _as_bytes(text: str, wanted: str) -> tuple[bytes, bytes] | None:
    """Both texts without white space, with a byte from 1 for each character; None where they have over 255 different ones."""
    for encoding, white in _WHITE:
        try:
            left, right = text.encode(encoding).translate(None, white), wanted.encode(encoding).translate(None, white)
        except UnicodeEncodeError:
            continue
        if b"\0" not in left and b"\0" not in right:
            return left, right
    text, wanted = _visible(text), _visible(wanted)
    letters = set(text) | set(wanted)
    if len(letters) > 255:
        return None
    table = str.maketrans({letter: chr(number) for number, letter in enumerate(letters, 1)})
    return text.translate(table).encode("latin-1"), wanted.translate(table).encode("latin-1")


def _counted(text: str, wanted: str) -> list[int]:
    """The same counts the long way: for texts of more than 255 different characters."""
    shared = []
    for n in range(1, _ORDER + 1):
        ours, theirs = (Counter(side[start : start + n] for start in range(len(side) - n + 1)) for side in (text, wanted))
        shared.append(sum((ours & theirs).values()))
    return shared


def _scores(shared: Integers, ours: Integers, theirs: Integers) -> list[float]:
    orders = np.arange(_ORDER)
    total_ours = np.maximum(ours.reshape(-1, 1) - orders, 0)
    total_theirs = np.maximum(theirs.reshape(-1, 1) - orders, 0)
    both = (total_ours > 0) & (total_theirs > 0)
    used = np.maximum(both.sum(axis=1), 1)
    precision = np.where(both, shared / np.maximum(total_ours, 1), 0).sum(axis=1) / used
    recall = np.where(both, shared / np.maximum(total_theirs, 1), 0).sum(axis=1) / used
    weighted = _RECALL_WEIGHT * precision + recall
    scores: list[float] = (100 * (1 + _RECALL_WEIGHT) * precision * recall / np.where(weighted > 0, weighted, 1)).tolist()
    return scores
