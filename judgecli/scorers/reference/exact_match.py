"""Whether the output is the reference, and how far their words agree (SQuAD)."""

import re
import string
from collections import Counter
from collections.abc import Sequence

from judgecli.scorer import scorer
from judgecli.scorers.canonical import canonical
from judgecli.unspaced import UNSPACED

_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)
_WIDE_MARKS = re.compile(
    "[\u3000-\u3004\u3008-\u303f\u30fb\uff01-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65\u2014\u2018-\u201d\u2026]+"
)  # punctuation of these scripts
_LETTER = re.compile(f"[{UNSPACED}]")
_LETTERS = re.compile(rf"[{UNSPACED}]|[^\s{UNSPACED}]+")
_ARTICLES = re.compile(r"\b(?:a|an|the)\b")


@scorer(kind="rate", range=(0, 1), higher_is_better=True, version=2)
def exact_match(output: Sequence[str], reference: Sequence[str], *, raw: bool = False) -> list[float]:
    """1 where the output equals the reference after SQuAD normalisation, else 0.

    Columns: output, reference (N texts each). Returns: N rates, 0 or 1.
    Null: never. Options: raw = compare the texts as they are, also as they are encoded.
    Normalised: lower case, ASCII punctuation and the articles a, an, the left out, white space joined, composed Unicode form (NFC).
    Source: Rajpurkar et al. 2016, arXiv:1606.05250 (SQuAD). We differ where normalisation leaves nothing
    of the reference ("A", "?!"): then articles, and punctuation if need be, are kept on both sides.

    >>> exact_match(["The cat.", "a dog", "The"], ["cat", "cat", "A"])
    [1.0, 0.0, 0.0]
    """
    if raw:
        return [float(text == wanted) for text, wanted in zip(output, reference, strict=True)]
    return [float(_same(text, wanted)) for text, wanted in zip(output, reference, strict=True)]


@scorer(kind="number", range=(0, 1), higher_is_better=True, version=2)
def token_f1(output: Sequence[str], reference: Sequence[str]) -> list[float | None]:
    """F1 of the words that output and reference share, after SQuAD normalisation.

    Columns: output, reference (N texts each). Returns: N fractions in [0, 1].
    Null where normalisation leaves no word of the reference, with its articles kept if need be.
    Options: none. Texts are compared in composed Unicode form (NFC). Each letter of a script without spaces between
    words (Chinese, Japanese, Thai, Lao, Khmer, Burmese) is a word.
    Source: Rajpurkar et al. 2016, arXiv:1606.05250 (SQuAD). We differ where the reference is articles
    only: they are kept then, on both sides.

    >>> token_f1(["the black cat", "dog"], ["A cat", "cat"])
    [0.6666666666666666, 0.0]
    """
    return [_f1(text, wanted) for text, wanted in zip(output, reference, strict=True)]


def normalised(text: str) -> str:
    """A text as the SQuAD script compares it."""
    return " ".join(_ARTICLES.sub(" ", canonical(text).lower().translate(_NO_PUNCTUATION)).split())


def _with_articles(text: str) -> str:
    return " ".join(canonical(text).lower().translate(_NO_PUNCTUATION).split())


def _same(text: str, wanted: str) -> bool:
    for form in (normalised, _with_articles):
        if (form_wanted := form(wanted)) != "":
            return form(text) == form_wanted
    return canonical(text).split() == canonical(wanted).split()


def _f1(text: str, wanted: str) -> float | None:
    form = normalised if normalised(wanted) else _with_articles
    words, words_wanted = _words(form(text)), _words(form(wanted))
    if not words_wanted:
        return None
    shared = sum((Counter(words) & Counter(words_wanted)).values())
    return 2 * shared / (len(words) + len(words_wanted))


def _words(form: str) -> list[str]:
    """The words of a normalised text; letters one by one where a script has no spaces between words."""
    if form.isascii() or not _LETTER.search(form):
        return form.split()
    return _LETTERS.findall(_WIDE_MARKS.sub(" ", form))
