"""Characters in the output that do not show, or that change how what follows shows."""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence

from judgecli.scorer import Score, scorer

# C0 and C1 without tab and line ends; soft hyphen, zero width, bidi, invisible operators, fillers, tag characters.
# The joiners U+200C and U+200D are letters of Persian, Indic scripts and emoji, and are not here.
_HIDDEN = re.compile(
    "[\x00-\x08\x0b\x0e-\x1f\x7f-\x84\x86-\x9f\u00ad\u061c\u115f\u1160\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb\U000e0001\U000e0020-\U000e007f]"
)
_FLAG = re.compile("\U0001f3f4[\U000e0020-\U000e007e]{1,10}\U000e007f")  # England, Scotland, Wales: a black flag and tags
_NAMES = {"\x1b": "ESCAPE", "\x00": "NULL", "\x08": "BACKSPACE", "\x7f": "DELETE"}


@scorer(kind="number", range=(0, None), higher_is_better=False, version=1)
def control_characters(output: Sequence[str]) -> list[Score | float]:
    """Number of control, zero-width, bidirectional and tag characters in the output.

    Columns: output (N texts). Returns: N counts; the explanation names up to 5 kinds by code point.
    Null: never. Options: none. Tab, line feed, carriage return, form feed and the joiners U+200C and U+200D
    are not counted, nor are the tags of flag emoji.
    Source: Unicode UTS 39 and UAX 9; Boucher and Anderson 2021, arXiv:2111.00169 (Trojan Source).

    >>> control_characters(["plain", "a\\u202eb"])
    [0.0, Score(value=1.0, label=None, reason=None, explanation='U+202E RIGHT-TO-LEFT OVERRIDE x 1', detail=None)]
    """
    return [_counted(text) for text in output]


def _counted(text: str) -> Score | float:
    if text.isascii() and text.isprintable():
        return 0.0
    found = Counter(_HIDDEN.findall(_FLAG.sub("", text)))
    if not found:
        return 0.0
    kinds = ", ".join(f"U+{ord(character):04X} {_name(character)} x {count}" for character, count in found.most_common(5))
    return Score(value=float(found.total()), explanation=kinds)


def _name(character: str) -> str:
    return _NAMES[character] if character in _NAMES else unicodedata.name(character, "CONTROL")
