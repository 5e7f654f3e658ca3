r"""What of an output counts as an answer, and signs that an output was made to be paid without one.

`core` leaves out what a reward must not grow with: sentences that were said before, sentences that name nothing, and the
marks of lists, headings and bold type. A model reads its features from the core, so padding and dressing change
nothing there; `guards` counts what was left out, and each count can only lower a reward (train.py).

A sentence of five words or more names nothing (a heading: of any length) where every word of it is a common function word, or a word about answers as such or praising
them, and at least one is of the latter: "To sum up, all of the above is correct." Questions and denials are not among
them: "I'm not sure what you are asking" says something. The lists are English; an answer in another
language is guarded by its repetitions, marks and emptiness alone. They were written knowing what kinds of tricks `judge rm audit`
plays (padding, praise, openers), so its findings say that these kinds do not pay, not that no trick does.

Sources: Zheng et al. 2024, arXiv:2410.07137 (null answers); Zhao et al. 2025, arXiv:2507.08794 (openers);
Singhal et al. 2024, arXiv:2310.03716 (length); Liu et al. 2025, arXiv:2409.13156 (artefacts).
"""

import re
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

# `empty`: no word is left; `opener`: all that is left announces an answer; `short`: 1 at no word to 0 at 4; `left_out`: the share
# that is not in the core, marks apart; `marks`: marks per sentence, beyond 1, at most 1 of them; `cut`: the core ends in the middle of a sentence.
NAMES = ("empty", "opener", "short", "left_out", "marks", "cut")
SHORT = 4
LEAST_WORDS = 5  # of a sentence that names nothing: "That's right." may be an answer
_FUNCTION = frozenset(
    "a about above again all also already always am an and any anything are as at be because been before being below between both but by can could did do does done each"
    " else even ever every everything few first for from further had has have having here how i i'm i've if in in is it its it's itself just keep kept last less let let's"
    " like made make makes many may me mind might mine more most much must my need needs neither next no none nor nothing now of off on once one only or other others"
    " our out over own per put same say says shall should since so some something still such take taken than that that's the their them then there these they thing things think this those"
    " through to too under until up upon us very was way ways we well were what when where which while who whole why will with within without would yes yet you you're your".split()
)
_ABOUT = frozenset(
    "absolutely accurate accurately added addition answer answered answers apply applies amazing asked beginning best better certain certainly change clear clearly complete completely"
    " comprehensive conclude conclusion confidence confident content correct correctly course described detail detailed details excellent exactly explained finally following follows"
    " fully good great happy helpful high highest hold holds idea important instruction instructions matter mention mentioned note noted outstanding part parts perfect perfectly point points possible"
    " process quality question questions rated rating read reading repeat repeated reply request requested response result right said saying satisfies score sentence short solution solve"
    " stated stay stays step steps sum summarise summarize summary sure text thought top true understand verified words word worth written".split()
)
_MARK = re.compile(r"^(?:[ \t]*(?:#{1,6}|[-*+•]|\d{1,2}[.)])(?=\s|$))+[ \t]*", re.MULTILINE)
_HEADING = re.compile(r"^[ \t]*#{1,6}[ \t]+(.*)$", re.MULTILINE)
_CUTS = re.compile(r"(?<=[.!?。！？])\s+|(?<=[。！？])|\n+|\s+(?=(?:I am|I'm|This (?:is|answer|response)) )")
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_CUT_OFF = re.compile(r"[\w,;(–-]\s*\Z")
_COLON = (":", "：")


def core(text: str) -> str:
    """The sentences of an output that say something, each once, without marks, a space between them.

    >>> core("## Answer\\n\\n- **It is hot.**\\n- **Drink.**\\n\\nDrink. I am sure that this answer is correct.")
    'It is hot. Drink.'
    """
    return " ".join(_kept(text))


def _kept(text: str) -> list[str]:
    seen: set[str] = set()
    kept = []
    bare = _HEADING.sub(lambda found: "" if _names_nothing(found[1].casefold(), least=1) else found[1], text.replace("**", ""))
    for part in _CUTS.split(_MARK.sub("", bare)):
        sentence = " ".join(part.split())
        key = sentence.casefold()
        if not sentence or key in seen or _names_nothing(key):
            continue
        if any(map(str.isalnum, key)):
            seen.add(key)
        kept.append(sentence)
    return kept


def _names_nothing(sentence: str, least: int = LEAST_WORDS) -> bool:
    if sentence.endswith(("?", "？")):
        return False
    words = _WORD.findall(sentence.replace("’", "'"))
    about = sum(word in _ABOUT for word in words)
    return about > 0 and len(words) >= least and all(word in _ABOUT or word in _FUNCTION or word.isdecimal() for word in words)


def guards(texts: Sequence[str], cores: Sequence[str]) -> Floats:
    """One row a text with its core, columns `NAMES`, each in [0, 1] and next to 0 for an honest answer of some sentences."""
    rows = np.zeros((len(texts), len(NAMES)))
    for row, text, left in zip(rows, texts, cores, strict=True):
        words = len(_WORD.findall(left[:200]))
        plain = " ".join(_MARK.sub("", text.replace("**", "")).split())
        marks = text.count("**") / 2 + len(_MARK.findall(text))
        sentences = max(1, sum(left.count(sign) for sign in ".!?。！？"))
        row[:] = (
            float(words == 0),
            float(0 < words <= 8 and left.rstrip().endswith(_COLON)),
            max(0.0, 1 - words / SHORT),
            max(0.0, 1 - len(left) / max(len(plain), 1)),
            min(max(0.0, marks / sentences - 1), 1.0),
            float(bool(_CUT_OFF.search(left))),
        )
    return rows
