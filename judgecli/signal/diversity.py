"""How alike the outputs of one corpus are: on samples of one size, so that more or longer outputs change nothing.

Every output enters with its first 50 words. Samples are drawn by the hash of the record, so they are
the same in every run. distinct-n, self-BLEU and compression all depend on length
(arXiv:2507.15092); here each sees the same number of words.
"""

import zlib
from collections import Counter
from collections.abc import Hashable, Sequence
from typing import NamedTuple

CUT = 50  # words of an output
BUDGET = 1_000  # words of the sample for distinct-n and compression
BLEU_SAMPLE = 40  # outputs that are held against each other
BLEU_WORDS = 20  # words of each
OPENER = 8  # words
ENOUGH = 10  # outputs that a share or a mean over outputs needs

Words = Sequence[str]


class MeasuredDiversity(NamedTuple):
    """One number a corpus, and from how many outputs it was made."""

    value: float
    outputs: int


def cut_words(text: str) -> list[str]:
    """The first words of an output, in lower case."""
    return text.casefold().split(None, CUT)[:CUT]


def budgeted(outputs: Sequence[Words]) -> list[list[str]] | None:
    """The first outputs up to exactly `BUDGET` words, or None where there are fewer."""
    taken: list[list[str]] = []
    left = BUDGET
    for words in outputs:
        taken.append(list(words[:left]))
        left -= len(taken[-1])
        if left == 0:
            return taken
    return None


def distinct_n(outputs: Sequence[Words], n: int) -> MeasuredDiversity | None:
    """Share of different n-grams among all n-grams of the budget, 0 to 1; 1 = nothing is said twice. Source: arXiv:1510.03055."""
    sample = budgeted(outputs)
    if sample is None:
        return None
    grams = [gram for words in sample for gram in _ngrams(words, n)]
    return MeasuredDiversity(len(set(grams)) / len(grams), len(sample)) if grams else None


def compression_ratio(outputs: Sequence[Words]) -> MeasuredDiversity | None:
    """Bytes of the budget over its bytes compressed (zlib 9); the higher, the more alike. Source: arXiv:2403.00553."""
    sample = budgeted(outputs)
    if sample is None:
        return None
    text = "\n".join(" ".join(words) for words in sample).encode("utf-8", "surrogatepass")
    return MeasuredDiversity(len(text) / len(zlib.compress(text, 9)), len(sample))


def self_bleu(outputs: Sequence[Words]) -> MeasuredDiversity | None:
    """Mean BLEU-4 of up to 40 outputs, each against the others, on their first 20 words; 0 to 1, the higher the more alike.

    Outputs with fewer words are left out, so no brevity penalty enters. Counts of 2- to 4-grams are smoothed by 1.
    Source: Zhu et al. 2018, arXiv:1802.01886; smoothing of Lin & Och 2004.
    """
    sample = [tuple(words[:BLEU_WORDS]) for words in outputs if len(words) >= BLEU_WORDS][:BLEU_SAMPLE]
    if len(sample) < ENOUGH:
        return None
    scores = [1.0] * len(sample)
    for n in range(1, 5):
        counts = [Counter(_ngrams(words, n)) for words in sample]
        most = _two_most(counts)
        for place, own in enumerate(counts):
            hits = sum(min(count, most[gram][1] if most[gram][0] == (count, place) else most[gram][0][0]) for gram, count in own.items())
            smooth = 1 if n > 1 else 0
            precision = (hits + smooth) / (sum(own.values()) + smooth)
            scores[place] *= precision**0.25
    return MeasuredDiversity(sum(scores) / len(scores), len(sample))


def _two_most(counts: Sequence[Counter[tuple[str, ...]]]) -> dict[tuple[str, ...], tuple[tuple[int, int], int]]:
    """Of each n-gram the highest count with the output that has it, and the highest of the others."""
    found: dict[tuple[str, ...], tuple[tuple[int, int], int]] = {}
    for place, own in enumerate(counts):
        for gram, count in own.items():
            first, second = found.get(gram, ((0, -1), 0))
            found[gram] = ((count, place), first[0]) if count > first[0] else (first, max(second, count))
    return found


def opener_share(outputs: Sequence[Words]) -> MeasuredDiversity | None:
    """Share of outputs that open with one of the 10 most common first 8 words, 0 to 1; outputs with fewer words are left out.

    Only openers that come twice or more count, so a small sample of different outputs gives 0.
    """
    openers = Counter(tuple(words[:OPENER]) for words in outputs if len(words) >= OPENER)
    total = sum(openers.values())
    return MeasuredDiversity(sum(count for _, count in openers.most_common(10) if count > 1) / total, total) if total >= ENOUGH else None


def novelty(outputs: Sequence[Words], reference: Sequence[Words]) -> MeasuredDiversity | None:
    """Mean of 1 - the greatest likeness (Jaccard of word 3-grams) to any reference output, 0 to 1; 1 = nothing like it was said before."""
    own, before = _shingled(outputs), _shingled(reference)
    if len(own) < ENOUGH or len(before) < ENOUGH:
        return None
    return MeasuredDiversity(sum(1.0 - max(_jaccard(one, other) for other in before) for one in own) / len(own), len(own))


def spread(outputs: Sequence[Words], prompts: Sequence[Hashable | None], *, same_prompt: bool) -> MeasuredDiversity | None:
    """Mean of 1 - likeness over pairs of outputs to one prompt (`same_prompt`) or to two, 0 to 1; None where fewer than 10 pairs exist."""
    shingled = [(_shingles(words), prompt) for words, prompt in zip(outputs, prompts, strict=True) if len(words) >= 3 and prompt is not None]
    distances = [
        1.0 - _jaccard(one, other)
        for place, (one, prompt) in enumerate(shingled)
        for other, other_prompt in shingled[:place]
        if (prompt == other_prompt) == same_prompt
    ]
    return MeasuredDiversity(sum(distances) / len(distances), len(shingled)) if len(distances) >= ENOUGH else None


def _shingled(outputs: Sequence[Words]) -> list[frozenset[tuple[str, ...]]]:
    return [_shingles(words) for words in outputs if len(words) >= 3]


def _shingles(words: Words) -> frozenset[tuple[str, ...]]:
    return frozenset(_ngrams(words, 3))


def _jaccard(one: frozenset[tuple[str, ...]], other: frozenset[tuple[str, ...]]) -> float:
    shared = len(one & other)
    return shared / (len(one) + len(other) - shared)


def _ngrams(words: Words, n: int) -> list[tuple[str, ...]]:
    return list(zip(*(words[start:] for start in range(n)), strict=False))
