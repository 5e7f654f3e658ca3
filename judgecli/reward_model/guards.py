r"""What of an output counts as an answer, and signs that an output was made to be paid without one.

The core of an output leaves out what a reward must not grow with: sentences that were said before, sentences that name nothing, and the
marks of lists, headings and bold type. A model reads its features from the core, so padding and dressing change
nothing there; the guards count what was left out, and each count can only lower a reward (train.py).

A sentence of five words or more names nothing (a heading: of any length) where every word of it is a common function word, or a
word about answers as such or praising them, and at least one is of the latter: "To sum up, all of the above is correct."
Questions and denials are not among them: "I'm not sure what you are asking" says something. The lists are English; an answer in
another language is guarded by its repetitions, marks and emptiness alone. They were written knowing what kinds of tricks `judge
rm audit` plays (padding, praise, openers), so its findings say that these kinds do not pay, not that no trick does.

Sources: Zheng et al. 2024, arXiv:2410.07137 (null answers); Zhao et al. 2025, arXiv:2507.08794 (openers);
Singhal et al. 2024, arXiv:2310.03716 (length); Liu et al. 2025, arXiv:2409.13156 (artefacts).
"""

import re
from collections.abc import Sequence
from functools import cache, lru_cache
from itertools import groupby, islice

import numpy as np

from judgecli.arrays import Floats
from judgecli.reward_model.intact import Lists, intact, lists
from judgecli.reward_model.spacing import plain_lines

# `empty`: no word is left; `opener`: all that is left announces an answer; `short`: 1 at no word to 0 at 4; `left_out`: the share
# that is not in the core, marks apart; `marks`: marks per sentence of the core, beyond 1, at most 1 of them; `cut`: the core ends in the middle of a sentence.
NAMES = ("empty", "opener", "short", "left_out", "marks", "cut")
SHORT = 4
MOST_OPENER = 8  # words
LEAST_WORDS = 5  # of a sentence that names nothing: "That's right." may be an answer
_FUNCTION_TEXT = """
a about above again all already also always am an and any anything are as at be because been before being below between both but by can
could did do does done each else even ever every everything few first for from further had has have having here how i i'm i've if in is it
it's its itself just keep kept last less let let's like made make makes many may me might mind mine more most much must my need needs
neither next no none nor nothing now of off on once one only or other others our out over own per put same say says shall should since so
some something still such take taken than that that's the their them then there these they thing things think this those through to too
under until up upon us very was way ways we well were what when where which while who whole why will with within without would yes yet you
you're your
"""
_FUNCTION = frozenset(_FUNCTION_TEXT.split())
_ABOUT_TEXT = """
absolutely accurate accurately added addition amazing answer answered answers applies apply asked beginning best better certain certainly
change clear clearly complete completely comprehensive conclude conclusion confidence confident content correct correctly course described
detail detailed details exactly excellent explained finally following follows fully good great happy helpful high highest hold holds idea
important instruction instructions matter mention mentioned note noted outstanding part parts perfect perfectly point points possible
process quality question questions rated rating read reading repeat repeated reply request requested response result right said satisfies
saying score sentence short solution solve stated stay stays step steps sum summarise summarize summary sure text thought top true
understand verified word words worth written
"""
_ABOUT = frozenset(_ABOUT_TEXT.split())
SHAPING = (NAMES, sorted(_FUNCTION), sorted(_ABOUT), SHORT, MOST_OPENER, LEAST_WORDS)  # what a model's code is taken over
_KNOWN = _FUNCTION | _ABOUT
_MARKED = re.compile(r"\n(?=[-#*+•0-9])(?:[ \t]*(?:#{1,6}|[-*+•]|\d{1,2}[.)])(?=\s|\Z))+[ \t]*")  # a line that begins with marks
_STARTS = ("I am ", "I'm ", "This is ", "This answer ", "This response ")  # of a sentence, whatever stands before it
_STOPS, _WIDE_STOPS = ".!?", "。！？"  # of a sentence; only the wide ones need no space behind them
_LOOKED_AT = 3  # words
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_UNFINISHED = "_,;(–-"  # or a letter or digit: what a text that was cut ends in
_COLON = (":", "：")


def core(text: str) -> str:
    """The sentences of an output that say something, each once, without marks, a space between them.

    >>> core("## Answer\\n\\n- **It is hot.**\\n- **Drink.**\\n\\nDrink. I am sure that this answer is correct.")
    'It is hot. Drink.'
    """
    return _read(text)[0]


def _read(text: str) -> tuple[str, int, int, int]:
    """The core; its number of sentences; the characters of all sentences, marks apart; and the number of marks."""
    seen: set[str] = set()
    kept: list[str] = []
    bare = text.replace("**", "")
    marks, size = (len(text) - len(bare)) // 4, 0
    for heading, lines in _stretches(bare):
        sentences, marked = _sentences(lines)
        marks += marked
        for sentence, key in zip(sentences, "\n".join(sentences).casefold().split("\n"), strict=True):
            if not sentence:
                continue
            size += len(sentence) + 1
            if key in seen or _names_nothing(key, 1 if heading else LEAST_WORDS):
                continue
            if any(map(str.isalnum, key)):
                seen.add(key)
            kept.append(sentence)
    return " ".join(kept), len(kept), max(size - 1, 0), marks


def _stretches(text: str) -> list[tuple[bool, str]]:
    """Lines that are headings and lines that are none, as many of a kind as follow one another; whether they are headings."""
    if "#" not in text:
        return [(False, text)]
    return [(heading, "\n".join(lines)) for heading, lines in groupby(text.split("\n"), lambda line: line.lstrip()[:1] == "#")]


def _sentences(lines: str) -> tuple[list[str], int]:
    """The sentences of some lines, single-spaced, some of them empty; and how many lines began with marks."""
    text, marks, plain = _unmarked(lines)
    for sign in _STOPS:
        text = text.replace(f"{sign} ", f"{sign}\n")
    for start in _STARTS:
        text = text.replace(f" {start}", f"\n{start}")
    sentences = text.split("\n")
    return sentences if plain else [" ".join(sentence.split()) for sentence in sentences], marks


def _unmarked(lines: str) -> tuple[str, int, bool]:
    """Lines stripped, without marks at their beginning, a break behind each wide stop; how many began with marks; and whether the words are single-spaced."""
    plain = plain_lines(lines)
    if not plain:
        lines = "\n".join([line.strip() for line in lines.split("\n")])
    text, marks = _MARKED.subn("\n", f"\n{lines}")
    if not text.isascii():
        for sign in _WIDE_STOPS:
            if sign in text:
                text, plain = text.replace(sign, f"{sign}\n"), False
    return text[1:], marks, plain


def _names_nothing(sentence: str, least: int) -> bool:
    """Whether a sentence of lower-case letters has at least so many words, all of them known, one of them about answers."""
    first = sentence.split(" ", _LOOKED_AT)[:_LOOKED_AT]  # most sentences have a word there that is not known
    if None in map(_known_words, first):
        return False
    words = list(map(_known_words, sentence.split(" ")))
    if None in words:
        return False
    count, about = (sum(part) for part in zip(*filter(None, words), strict=True))
    return about > 0 and count >= least and not sentence.endswith(("?", "？"))


@lru_cache(1 << 14)
def _known_words(token: str) -> tuple[int, int] | None:
    """How many words stand in what stands between two spaces, and how many of them are about answers; None where one is not known."""
    words = [word.replace("’", "'") for word in _WORD.findall(token)]
    if not all(word in _KNOWN or word.isdecimal() for word in words):
        return None
    return len(words), sum(word in _ABOUT for word in words)


def read(texts: Sequence[str]) -> tuple[list[str], Floats]:
    """The cores of N outputs, and their guards, N x 6: columns `NAMES`, each in [0, 1] and next to 0 for an honest answer of some sentences."""
    if not texts:
        return [], np.zeros((0, len(NAMES)))
    bare = [text.replace("**", "") if "*" in text else text for text in texts]
    lines = [_unmarked(text) for text in bare]
    least = [1 if "#" in text else LEAST_WORDS for text in bare]  # where a heading may stand
    sure, sentences = intact([one[0] for one in lines], least, _lists())
    marks = [one[1] + (len(text) - len(left)) // 4 for text, left, one in zip(texts, bare, lines, strict=True)]
    found = [
        _whole(one[0], one[2], count, marked) if whole and marked <= count else _read(text)
        for text, one, marked, whole, count in zip(texts, lines, marks, sure.tolist(), sentences.tolist(), strict=True)
    ]
    return [left for left, *_ in found], np.array([_guards(*one) for one in found], np.float64)


def _whole(lines: str, plain: bool, sentences: int, marks: int) -> tuple[str, int, int, int]:
    """What `_read` gives of an output with nothing to leave out, from its lines without marks."""
    left = " ".join(filter(None, lines.split("\n")) if plain else lines.split())
    return left, sentences, len(left), marks


@cache
def _lists() -> Lists:
    return lists(_KNOWN, _ABOUT, _STARTS)


def _guards(left: str, sentences: int, size: int, marks: int) -> tuple[float, ...]:
    colon, last = left.endswith(_COLON), left[-1:]
    words = sum(1 for _ in islice(_WORD.finditer(left, 0, 200), MOST_OPENER + 1 if colon else SHORT))
    return (
        words == 0,
        colon and 0 < words <= MOST_OPENER,
        max(0.0, 1 - words / SHORT),
        1 - len(left) / max(size, 1) if len(left) < size else 0.0,
        min(max(0.0, marks / max(sentences, 1) - 1), 1.0),
        last != "" and (last.isalnum() or last in _UNFINISHED),
    )
