"""Texts of scripts that put no space between words: Chinese, Japanese, Thai, Lao, Khmer, Burmese.

There is one rule for them, where letters of these scripts are more than a tenth of a text's characters without spaces (`mostly_unspaced`):
words are not counted, so what counts them is null; repeats within a text are looked for in letters, three of
them for a word (`LETTERS_A_WORD`); and where two texts are compared, each such letter is a word of its own.
"""

import re

import numpy as np
import numpy.typing as npt

# The letters of scripts without spaces between words, as the inside of a class of Python's patterns.
UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f\U00020000-\U00032fff"
)
LETTERS_A_WORD = 3
_LETTER = re.compile(f"[{UNSPACED}]")
_TOKEN = re.compile(rf"[{UNSPACED}]|[^\s{UNSPACED}]+")
_UNSPACED_RANGES = tuple((ord(part[0]), ord(part[-1])) for part in re.findall(".-.", UNSPACED) if ord(part[-1]) < 0x10000)


def mostly_unspaced(text: str) -> bool:
    """Whether letters of scripts without spaces between words are more than a tenth of a text's visible characters.

    >>> mostly_unspaced("今天天气很好"), mostly_unspaced("It is called 你好 there, and nobody knows why.")
    (True, False)
    """
    if text.isascii():
        return False
    letters = len(_LETTER.findall(text))
    return letters > 0 and 10 * letters > sum(map(len, text.split()))


def tokens(text: str) -> list[str]:
    """The letters of scripts without spaces one by one, and the runs of other characters between them and white space."""
    return _TOKEN.findall(text)


def unspaced_letters(data: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
    """True for each byte of UTF-8 that begins a letter of `UNSPACED`; three bytes of padding follow the text."""
    flags = np.zeros(len(data), bool)
    leads = np.flatnonzero(data >= 0xE0)
    leads = leads[data[leads] != 0xE2]  # begins quotes and dashes, and none of these letters
    if not len(leads):
        return flags
    first, second, third = data[leads], data[leads + 1], data[leads + 2]
    point = ((first & 0x0F).astype(np.int64) << 12) | ((second & 0x3F).astype(np.int64) << 6) | (third & 0x3F)
    found = np.zeros(len(leads), bool)
    for low, high in _UNSPACED_RANGES:
        found |= (point >= low) & (point <= high)
    plane = ((first & 0x07).astype(np.int64) << 2) | ((second & 0x30) >> 4)
    beyond = (first >= 0xF0) & ((plane == 2) | ((plane == 3) & ((second & 0x0F) < 3)))
    flags[leads[(found & (first < 0xF0)) | beyond]] = True
    return flags
