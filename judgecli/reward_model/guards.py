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

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

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
_MARK = re.compile(r"(?:[ \t]*(?:#{1,6}|[-*+•]|\d{1,2}[.)])(?=\s|$))+[ \t]*")
_MARKING = frozenset("#-*+•0123456789")
_STARTS = ("I am ", "I'm ", "This is ", "This answer ", "This response ")  # of a sentence, whatever stands before it
_BREAKS = (*((f"{sign} ", f"{sign}\n") for sign in ".!?"), *((sign, f"{sign}\n") for sign in "。！？"), *((f" {start}", f"\n{start}") for start in _STARTS))
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_CUT_OFF = re.compile(r"[\w,;(–-]\s*\Z")
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
    for raw in bare.split("\n"):
        line = raw.strip()
        heading = line.startswith("#")
        if line[:1] in _MARKING and (found := _MARK.match(line)):
            line, marks = line[found.end() :], marks + 1
        for old, new in _BREAKS:
            line = line.replace(old, new)
        for part in line.split("\n"):
            sentence = " ".join(part.split())
            if not sentence:
                continue
            size += len(sentence) + 1
            key = sentence.casefold()
            if key in seen or _names_nothing(key, 1 if heading else LEAST_WORDS):
                continue
            if any(map(str.isalnum, key)):
                seen.add(key)
            kept.append(sentence)
    return " ".join(kept), len(kept), max(size - 1, 0), marks


def _names_nothing(sentence: str, least: int) -> bool:
    """Whether a sentence of lower-case letters has at least so many words, all of them known, one of them about answers."""
    count = about = 0
    for found in _WORD.finditer(sentence):
        word = found[0].replace("’", "'")
        if word not in _KNOWN and not word.isdecimal():
            return False
        count, about = count + 1, about + (word in _ABOUT)
    return about > 0 and count >= least and not sentence.endswith(("?", "？"))


def read(texts: Sequence[str]) -> tuple[list[str], Floats]:
    """The cores of N outputs, and their guards, N x 6: columns `NAMES`, each in [0, 1] and next to 0 for an honest answer of some sentences."""
    cores, rows = [], np.zeros((len(texts), len(NAMES)))
    for row, text in zip(rows, texts, strict=True):
        left, sentences, size, marks = _read(text)
        cores.append(left)
        words = len(_WORD.findall(left[:200]))
        row[:] = (
            words == 0,
            0 < words <= MOST_OPENER and left.endswith(_COLON),
            max(0.0, 1 - words / SHORT),
            1 - len(left) / max(size, 1) if len(left) < size else 0.0,
            min(max(0.0, marks / max(sentences, 1) - 1), 1.0),
            _CUT_OFF.search(left[-4:]) is not None,
        )
    return cores, rows
