"""How alike output and reference are, letter by letter."""

from collections.abc import Callable, Sequence

import numpy as np
from rapidfuzz.distance import JaroWinkler, Levenshtein
from rapidfuzz.process import cpdist

from judgecli.scorer import Score, scorer
from judgecli.scorers.canonical import all_canonical

# Both take characters x characters steps (64 at a time); beyond this a row would hold up all others.
_LARGEST_TABLE = 20_000_000_000


@scorer(kind="number", range=(0, 1), higher_is_better=True, version=2)
def edit_similarity(output: Sequence[str], reference: Sequence[str]) -> list[float | Score]:
    """1 minus the edit distance of output and reference over the length of the longer one.

    Columns: output, reference (N texts each). Returns: N fractions in [0, 1]; two empty texts are alike: 1.
    Null: never. A pair too long to compare (product of the lengths above 2e10) is unscored, metric_error.
    Options: none. Texts are compared in composed Unicode form (NFC).
    Source: Levenshtein 1966; insertions, deletions and replacements cost 1.

    >>> edit_similarity(["kitten"], ["sitting"])
    [0.5714285714285714]
    """
    return _compared(output, reference, Levenshtein.normalized_similarity)


@scorer(kind="number", range=(0, 1), higher_is_better=True, version=2)
def jaro_winkler(output: Sequence[str], reference: Sequence[str]) -> list[float | Score]:
    """Jaro-Winkler similarity of output and reference: made for names and other short texts.

    Columns: output, reference (N texts each). Returns: N fractions in [0, 1]; two empty texts are alike: 1.
    Null: never. A pair too long to compare (product of the lengths above 2e10) is unscored, metric_error.
    Options: none. Texts are compared in composed Unicode form (NFC).
    Source: Winkler 1990; prefix weight 0.1, as rapidfuzz.

    >>> [round(value, 4) for value in jaro_winkler(["MARTHA"], ["MARHTA"])]
    [0.9611]
    """
    return _compared(output, reference, JaroWinkler.normalized_similarity)


def _compared(output: Sequence[str], reference: Sequence[str], similarity: Callable[..., float]) -> list[float | Score]:
    pairs = list(zip(all_canonical(output), all_canonical(reference), strict=True))
    fits = [len(text) * len(wanted) <= _LARGEST_TABLE for text, wanted in pairs]
    left = [text for (text, _), fit in zip(pairs, fits, strict=True) if fit]
    right = [wanted for (_, wanted), fit in zip(pairs, fits, strict=True) if fit]
    values = iter(cpdist(left, right, scorer=similarity, dtype=np.float64).tolist() if left else [])
    return [
        next(values) if fit else Score(reason="metric_error", explanation=f"too long to compare: {len(text)} and {len(wanted)} characters")
        for (text, wanted), fit in zip(pairs, fits, strict=True)
    ]
