"""Numbers, names, quotes and citations of the output that no context bears out."""

import re
from collections.abc import Callable, Container, Iterator, Sequence

from judgecli.scorer import Score, scorer
from judgecli.scorers.context.names import Names, entities, shows_names
from judgecli.scorers.context.passages import positive, words_of
from judgecli.scorers.numerals import numbers_in

_LIST_MARK = re.compile(r"^[ \t]*(?:\d{1,3}[.)]|\[\d{1,3}\])[ \t]", re.MULTILINE)
_CITATION = re.compile(r"\[(\d{1,3}(?:[-–]\d{1,3})?(?:\s?[,;]\s?\d{1,3}(?:[-–]\d{1,3})?){0,20})\]|【(\d{1,3})[^】\n]{0,40}】")
_CODE = re.compile(r"```.*?```|`[^`\n]*`", re.DOTALL)
_QUOTES = re.compile(r"\"([^\"\n]{1,2000})\"|„([^„“”\n]{1,2000})[“”]|“([^„“”\n]{1,2000})”|«([^«»\n]{1,2000})»")


@scorer(kind="number", range=(0, None), higher_is_better=False, version=1)
def unsupported_numbers(output: Sequence[str], contexts: Sequence[list[str]]) -> list[Score | float | None]:
    """Number of different numbers in the output that no context holds.

    Columns: output (N texts), contexts (N lists of passages). Returns: N counts that name the numbers.
    Null where the record has no context. An output without numbers has 0.
    Options: none. Compared by value (1,000 is 1000.0). The marks of numbered lists and [1]-style
    citations do not count; a number that follows from the contexts by arithmetic does.
    Source: ours.

    >>> unsupported_numbers(["It rose 5 % to 1,200."], [["From 1142 to 1200."]])
    [Score(value=1.0, label=None, reason=None, explanation='in no context: 5', detail=None)]
    """
    return [_unsupported(_numbers(text), passages, _held_numbers) for text, passages in zip(output, contexts, strict=True)]


@scorer(kind="number", range=(0, None), higher_is_better=False, version=2)
def unsupported_entities(output: Sequence[str], contexts: Sequence[list[str]]) -> list[Score | float | None]:
    """Number of different names and dates in the output that no context holds.

    Columns: output (N texts), contexts (N lists of passages). Returns: N counts that name them.
    Null where the record has no context, or where capital letters tell no names: an output in lower case or in
    capitals alone, in a script without case, or in German, whose nouns all have them. An output without names has 0.
    Options: none. A name is a run of capitalised words; a single one at the start of a sentence, line or
    quote is none. It is held where the contexts have each of its words, in any case, with or without accents (composed
    or not), a title ("Dr") or another ending ("Russian", "Russia"). Dates are held by value: 4 March is March 4. Made for English.
    Measured on 162 labelled texts that shaped nothing: precision 0.97 (0.91 to 0.99), recall 0.91 (0.83 to 0.96).
    Source: ours.

    >>> unsupported_entities(["He met Marie Curie in Paris."], [["Marie Curie was born in Warsaw."]])
    [Score(value=1.0, label=None, reason=None, explanation='in no context: Paris', detail=None)]
    """
    return [_unsupported(list(entities(text)), passages, Names) if shows_names(text) else None for text, passages in zip(output, contexts, strict=True)]


@scorer(kind="number", range=(0, 1), higher_is_better=True, version=2)
def quoted_spans(output: Sequence[str], contexts: Sequence[list[str]], *, min_words: int = 3) -> list[Score | float | None]:
    """Share of the quotes in the output that really stand in a context.

    Columns: output (N texts), contexts (N lists of passages). Returns: N fractions in [0, 1].
    Null where the record has no context or the output no quote of at least `min_words` words.
    Options: min_words (3): shorter quotes are mostly names and irony. Case, punctuation and white space
    do not count; a quote with "..." must have all its parts in one context.
    Raises: ValueError if min_words < 1.
    Source: ours.

    >>> quoted_spans(['It says "the cat sat down" twice.'], [["Then the cat sat down."]])
    [1.0]
    """
    positive("min_words", min_words)
    return [_quoted(text, passages, min_words) for text, passages in zip(output, contexts, strict=True)]


@scorer(kind="number", range=(0, 1), higher_is_better=True, version=1)
def citations_valid(output: Sequence[str], contexts: Sequence[list[str]]) -> list[Score | float | None]:
    """Share of the citation marks in the output that point to an existing context.

    Columns: output (N texts), contexts (N lists of passages). Returns: N fractions in [0, 1]; below 1
    the wrong numbers are named.
    Null where the output has no mark. Where the record has an empty list of contexts every mark is wrong.
    Options: none. Marks are [1], [1, 3], [2-4] and 【1†...】, counted from 1; those in code (backquotes) are none.
    Whether the context bears out what is said is not checked.
    Source: ours.

    >>> citations_valid(["So it is [1], and so [3]."], [["a", "b"]])
    [Score(value=0.5, label=None, reason=None, explanation='no such context: 3', detail=None)]
    """
    return [_citations(text, len(passages)) for text, passages in zip(output, contexts, strict=True)]


def _numbers(text: str) -> list[str]:
    return [f"{number.normalize():f}" for number in numbers_in(_CITATION.sub(" ", _LIST_MARK.sub(" ", text)))]


def _held_numbers(passages: Sequence[str]) -> set[str]:
    return {f"{number.normalize():f}" for passage in passages for number in numbers_in(passage)}


class _Quotes:
    """Says whether the words of a quote stand in a row in one of the passages."""

    def __init__(self, passages: Sequence[str]) -> None:
        self._texts = [f" {' '.join(words_of(passage))} " for passage in passages]

    def __contains__(self, name: object) -> bool:
        wanted = f" {' '.join(words_of(str(name)))} "
        return any(wanted in text for text in self._texts)


def _unsupported(said: Sequence[str], passages: Sequence[str], held_by: Callable[[Sequence[str]], Container[str]]) -> Score | float | None:
    if not passages:
        return None
    held = held_by(passages)
    missing = [one for one in dict.fromkeys(said) if one not in held]
    return Score(value=float(len(missing)), explanation=f"in no context: {', '.join(missing)}"[:300]) if missing else 0.0


def _quoted(text: str, passages: Sequence[str], min_words: int) -> Score | float | None:
    quotes = ["".join(found) for found in _QUOTES.findall(text)]
    quotes = [quote for quote in quotes if len(words_of(quote)) >= min_words]
    if not quotes or not passages:
        return None
    sources = [_Quotes([passage]) for passage in passages]
    wrong = [quote for quote in quotes if not any(all(part in source for part in re.split(r"\.\.\.|…", quote) if words_of(part)) for source in sources)]
    return Score(value=1 - len(wrong) / len(quotes), explanation=f"in no context: {wrong[0]}"[:300]) if wrong else 1.0


def _citations(text: str, contexts: int) -> Score | float | None:
    cited = [number for listed, single in _CITATION.findall(_CODE.sub(" ", text)) for number in _listed(listed or single)]
    if not cited:
        return None
    wrong = [number for number in cited if not 1 <= number <= contexts]
    named = ", ".join(map(str, dict.fromkeys(wrong)))
    return Score(value=1 - len(wrong) / len(cited), explanation=f"no such context: {named}"[:300]) if wrong else 1.0


def _listed(marks: str) -> Iterator[int]:
    for mark in re.split(r"[,;]", marks):
        first, _, last = mark.strip().replace("–", "-").partition("-")
        yield from range(int(first), int(last or first) + 1) if int(last or first) >= int(first) else (int(first), int(last))
