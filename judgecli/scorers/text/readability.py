"""How easy the output is to read, by the length of its sentences and words (English)."""

import numpy as np

from judgecli.arrays import Bools, Integers
from judgecli.derived import LETTER, VOWEL, Block, FloatArray, share
from judgecli.scorer import scorer

_NOT_BEFORE_ES = np.array([chr(byte) not in "cgsxzh" for byte in range(256)])
_NOT_BEFORE_ED = np.array([chr(byte) not in "dt" for byte in range(256)])


@scorer(kind="number", range=(None, None), higher_is_better=None, version=2, default=True)
def flesch_reading_ease(output_block: Block, output_sentences: Integers) -> FloatArray:
    """Flesch reading ease of the output: about 0 (very hard) to 100 (very easy), unbounded. English only.

    Columns: output. Returns: 206.835 - 1.015 * words/sentences - 84.6 * syllables/words; a word counts
    where it holds a letter a-z. Null: where the output is, has no such word, or is mostly in a script without spaces.
    Syllables of a word: its groups of the vowels a e i o u y; one less for a silent ending, if
    that leaves one: e after a consonant (not consonant + le), es after a consonant other than c g s
    x z h, ed after a consonant other than d t. At least one.
    Source: Flesch 1948, A new readability yardstick; sentences as `sentences` counts them.

    >>> [round(value, 2) for value in flesch_reading_ease(["The cat sat on the mat. It was made of jade."])]
    [116.65]
    """
    words, syllables = _words_and_syllables(output_block)
    return _formula(words, syllables, output_sentences, 206.835, -1.015, -84.6)


@scorer(kind="number", range=(None, None), higher_is_better=None, version=2)
def flesch_kincaid_grade(output_block: Block, output_sentences: Integers) -> FloatArray:
    """Flesch-Kincaid grade of the output: the years of US schooling it asks for. English only.

    Columns: output. Returns: 0.39 * words/sentences + 11.8 * syllables/words - 15.59, with words and
    syllables as in flesch_reading_ease. Null: where the output is, has no word with a letter
    a-z, or is mostly in a script without spaces.
    Source: Kincaid et al. 1975, Derivation of new readability formulas for Navy enlisted personnel.

    >>> [round(value, 3) for value in flesch_kincaid_grade(["The cat sat on the mat. It was made of jade."])]
    [-1.645]
    """
    words, syllables = _words_and_syllables(output_block)
    return _formula(words, syllables, output_sentences, -15.59, 0.39, 11.8)


def _formula(words: Integers, syllables: Integers, sentences: Integers, constant: float, per_sentence: float, per_word: float) -> FloatArray:
    words_or_one = np.maximum(words, 1)
    return share((constant + per_sentence * words / np.maximum(sentences, 1) + per_word * syllables / words_or_one) * words_or_one, words)


def _words_and_syllables(block: Block) -> tuple[Integers, Integers]:
    """For each text the number of words with a letter a-z, and of their syllables."""
    letter, vowel = (block.classes & LETTER) > 0, (block.classes & VOWEL) > 0
    begins = vowel.copy()
    begins[1:] &= ~vowel[:-1]
    inner = block.offsets[1:-1]
    begins[inner] = vowel[inner]  # the text before may end in a vowel
    groups = _counts_before(begins)
    letters = _counts_before(letter)
    syllables = groups[block.ends] - groups[block.starts]
    spoken = letters[block.ends] > letters[block.starts]
    last = np.flatnonzero(letter)[letters[block.ends] - 1] if letter.any() else block.starts
    syllables = np.maximum(syllables - _silent(block, last, letter & ~vowel), 1) * spoken
    return np.where(block.mostly_unspaced, 0, _sums(spoken.astype(np.int64), block)), _sums(syllables, block)


def _silent(block: Block, last: Integers, consonant: Bools) -> Bools:
    """True for each word whose last letters are a silent e, es or ed. `last` is where the last letter stands."""
    data, length = block.data | 0x20, last - block.starts + 1
    first, second, third = data[last], data[last - 1], data[last - 2]  # from the end; the word may be shorter
    second_consonant, third_consonant = consonant[last - 1] & (length >= 2), consonant[last - 2] & (length >= 3)
    e = (first == ord("e")) & second_consonant & ~((second == ord("l")) & third_consonant)
    suffix = (second == ord("e")) & third_consonant
    es = (first == ord("s")) & suffix & _NOT_BEFORE_ES[third]
    ed = (first == ord("d")) & suffix & _NOT_BEFORE_ED[third]
    return np.asarray(e | es | ed)


def _counts_before(flags: Bools | Integers) -> Integers:
    counts = np.zeros(len(flags) + 1, np.int64)
    np.cumsum(flags, out=counts[1:])
    return counts


def _sums(values: Integers, block: Block) -> Integers:
    before = _counts_before(values)[block.word_offsets]
    return before[1:] - before[:-1]
