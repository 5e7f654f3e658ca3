"""How the output relates to the prompt: words shared, the prompt copied back, the kind of answer asked for."""

import re
from collections.abc import Sequence

from judgecli.scorer import Score, scorer
from judgecli.scorers.context.passages import held_by, ngrams, positive, words_of

_FEWEST_WORDS = 4  # a prompt shorter than this comes back in any answer


@scorer(kind="number", range=(0, 1), higher_is_better=None, version=2)
def prompt_overlap(output: Sequence[str], input: Sequence[str], *, n: int = 2) -> list[float | None]:
    """Share of the output's word n-grams that the prompt holds.

    Columns: output, input (N texts each). Returns: N fractions in [0, 1].
    Null where the output has fewer than n words.
    Options: n = words in a row (2).
    Words are compared in lower case and composed Unicode form (NFC); each letter of a script without spaces is a word.
    Raises: ValueError if n < 1.
    Source: n-gram precision, as context_overlap.

    >>> prompt_overlap(["the cat sat"], ["where is the cat"])
    [0.5]
    """
    positive("n", n)
    return [_held_share(ngrams(words_of(text), n), held_by([prompt], n)) for text, prompt in zip(output, input, strict=True)]


@scorer(kind="number", range=(0, 1), higher_is_better=False, version=2)
def prompt_echo(output: Sequence[str], input: Sequence[str], *, n: int = 8) -> list[float | None]:
    """Share of the prompt that the output copies back: of its runs of n words, those in the output.

    Columns: output, input (N texts each). Returns: N fractions in [0, 1].
    Null where the prompt has fewer than 4 words.
    Options: n = words in a row (8); a prompt of fewer words is one run.
    Words are compared in lower case and composed Unicode form (NFC); each letter of a script without spaces is a word.
    Raises: ValueError if n < 1.
    Source: ours.

    >>> prompt_echo(["You asked: what is the capital of France? Paris."], ["What is the capital of France?"])
    [1.0]
    """
    positive("n", n)
    return [_echo(words_of(prompt), text, n) for text, prompt in zip(output, input, strict=True)]


def _held_share(grams: list[tuple[str, ...]], held: set[tuple[str, ...]]) -> float | None:
    return sum(gram in held for gram in grams) / len(grams) if grams else None


def _echo(prompt: list[str], text: str, n: int) -> float | None:
    if len(prompt) < _FEWEST_WORDS:
        return None
    length = min(n, len(prompt))
    return _held_share(ngrams(prompt, length), held_by([text], length))


_YES_NO = re.compile(
    r"^(?!(?:can|could|will|would|may|might|do|did|have) (?:you|we|i|u|someone|anyone|anybody)\b)"
    r"(?:is|are|was|were|am|do|does|did|can|could|will|would|should|shall|has|have|had|may|might|must|isn't|aren't|don't|doesn't|didn't|can't|won't)\b",
    re.IGNORECASE,
)
_NUMBER = re.compile(
    r"^(?:[\w ,]{0,60}\b)?(?:how (?:many|much|old|far|long|tall|often|big)|what (?:is the )?(?:number|percentage|year|age|amount)|which year)\b", re.IGNORECASE
)
_LIST = re.compile(
    r"\b(?:list|name|give(?: me)?|suggest|provide)\s+"
    r"(?:(?:\d+|two|three|four|five|six|seven|eight|nine|ten|some|several|a few|all|the|of|me|at least|top|different)\s+){1,4}\w*s\b|\blist of\b",
    re.IGNORECASE,
)
_SAYS_YES_NO = re.compile(
    r"\b(?:yes|no|yeah|yep|nope|not|correct|indeed|certainly|absolutely|true|false|it depends|possibly|unlikely|likely|never|always)\b|n't\b", re.IGNORECASE
)
_SAYS_NUMBER = re.compile(
    r"\d|\b(?:zero|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|twenty|thirty|forty|fifty"
    r"|hundred|thousand|million|billion|dozens?|none|half|twice|once|daily|weekly)\b",
    re.IGNORECASE,
)
_ITEM = re.compile(r"^[ \t]*(?:[-*•+]|\d{1,3}[.)])[ \t]", re.MULTILINE)


@scorer(kind="rate", range=(0, 1), higher_is_better=True, version=1)
def answers_question_type(output: Sequence[str], input: Sequence[str]) -> list[Score | None]:
    """1 where a question for yes or no, a number or a list gets an answer of that kind, else 0.

    Columns: output, input (N texts each). Returns: N rates, 0 or 1, with the kind asked as label
    (yes_no, number, list).
    Null where the prompt asks none of these. Options: none.
    Judged is the last question or request of the prompt. Yes or no: a word that affirms, denies or
    hedges in the first 200 characters; number: a digit or number word; list: two marked lines, or two
    commas or semicolons. Questions to
    the model ("can you", "do you have") are requests, not yes or no. Made for English; whether the
    answer is right is not checked.
    Source: ours.

    >>> [(item.value, item.label) for item in answers_question_type(["Yes, it is.", "Blue."], ["Is it?", "How many?"])]
    [(1.0, 'yes_no'), (0.0, 'number')]
    """
    return [_answered(text, asked_for(prompt)) for text, prompt in zip(output, input, strict=True)]


def asked_for(prompt: str) -> str | None:
    """The kind of answer that a prompt asks for: yes_no, number, list or None.

    >>> [asked_for(text) for text in ("Hi. Is it far?", "How many are there?", "List three fruits.", "Why?")]
    ['yes_no', 'number', 'list', None]
    """
    sentences = [part.strip() for part in re.split(r"(?<=[.!?])\s+|\n+", prompt[-2000:]) if part.strip()]
    questions = [sentence for sentence in sentences if sentence.endswith("?")]
    last = questions[-1] if questions else (sentences[-1] if sentences else "")
    if _LIST.search(last):
        return "list"
    if _NUMBER.search(last) and questions:
        return "number"
    return "yes_no" if questions and _YES_NO.search(last) and " or " not in last else None


def _answered(text: str, kind: str | None) -> Score | None:
    if kind is None:
        return None
    if kind == "yes_no":
        given = bool(_SAYS_YES_NO.search(text[:200]))
    elif kind == "number":
        given = bool(_SAYS_NUMBER.search(text))
    else:
        given = len(_ITEM.findall(text)) >= 2 or text.count(",") + text.count(";") >= 2 or len(text.strip().split("\n")) >= 3
    return Score(value=float(given), label=kind)
