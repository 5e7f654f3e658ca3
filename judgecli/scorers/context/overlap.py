"""How much of the output stands in the contexts, and how many contexts it draws on."""

from collections.abc import Sequence

from judgecli.scorer import Score, scorer
from judgecli.scorers.context.passages import held_by, ngrams, positive, words_of


@scorer(kind="number", range=(0, 1), higher_is_better=True, version=2)
def context_overlap(output: Sequence[str], contexts: Sequence[list[str]], *, n: int = 2) -> list[float | None]:
    """Share of the output's word n-grams that some context holds (n-gram precision).

    Columns: output (N texts), contexts (N lists of passages). Returns: N fractions in [0, 1].
    Null where the record has no context or the output fewer than n words.
    Options: n = words in a row (2).
    Words are compared in lower case and composed Unicode form (NFC); each letter of a script without spaces is a word.
    Raises: ValueError if n < 1.
    Source: n-gram precision as in Papineni et al. 2002 (BLEU) without clipping: a repeated n-gram counts each time.

    >>> context_overlap(["the cat sat down"], [["the cat sat"]])
    [0.6666666666666666]
    """
    positive("n", n)
    return [_share_held(words_of(text), passages, n) for text, passages in zip(output, contexts, strict=True)]


@scorer(kind="number", range=(0, 1), higher_is_better=None, version=2)
def context_use(output: Sequence[str], contexts: Sequence[list[str]], *, n: int = 4) -> list[Score | None]:
    """Share of the contexts that the output draws on: it has n words in a row of them.

    Columns: output (N texts), contexts (N lists of passages). Returns: N fractions in [0, 1] that name
    the contexts used, counted from 1.
    Null where no context has n words.
    Options: n = words in a row (4). Contexts of fewer than n words are left out.
    Words are compared in lower case and composed Unicode form (NFC); each letter of a script without spaces is a word.
    Raises: ValueError if n < 1.
    Source: ours.

    >>> context_use(["he said the cat sat down"], [["the cat sat down there", "a dog ran far away"]])
    [Score(value=0.5, label=None, reason=None, explanation='draws on 1 of 2: 1', detail=None)]
    """
    positive("n", n)
    return [_used_share(text, passages, n) for text, passages in zip(output, contexts, strict=True)]


@scorer(kind="number", range=(0, 1), higher_is_better=None, version=2)
def copied_share(output: Sequence[str], contexts: Sequence[list[str]], *, n: int = 8) -> list[float | None]:
    """Share of the output's words that lie in a run of n or more words copied from a context.

    Columns: output (N texts), contexts (N lists of passages). Returns: N fractions in [0, 1].
    Null where the record has no context or the output no word.
    Options: n = the shortest run that counts as copied (8 words).
    Words are compared in lower case and composed Unicode form (NFC); each letter of a script without spaces is a word.
    Raises: ValueError if n < 1.
    Source: extractive fragment coverage of Grusky et al. 2018, arXiv:1804.11283, with a least length.

    >>> copied_share(["well the cat sat down"], [["the cat sat down here"]], n=3)
    [0.8]
    """
    positive("n", n)
    return [_copied(words_of(text), passages, n) for text, passages in zip(output, contexts, strict=True)]


def _share_held(words: list[str], passages: list[str], n: int) -> float | None:
    grams = ngrams(words, n)
    if not passages or not grams:
        return None
    held = held_by(passages, n)
    return sum(gram in held for gram in grams) / len(grams)


def _used_share(text: str, passages: list[str], n: int) -> Score | None:
    grams = set(ngrams(words_of(text), n))
    held = [(number, held_by([passage], n)) for number, passage in enumerate(passages, 1)]
    held = [(number, passage) for number, passage in held if passage]
    if not held:
        return None
    used = [number for number, passage in held if not grams.isdisjoint(passage)]
    listed = ", ".join(map(str, used)) or "none"
    return Score(value=len(used) / len(held), explanation=f"draws on {len(used)} of {len(held)}: {listed}"[:300])


def _copied(words: list[str], passages: list[str], n: int) -> float | None:
    if not passages or not words:
        return None
    held = held_by(passages, n)
    copied = [False] * len(words)
    for start, gram in enumerate(ngrams(words, n)):
        if gram in held:
            copied[start : start + n] = [True] * n
    return sum(copied) / len(words)
