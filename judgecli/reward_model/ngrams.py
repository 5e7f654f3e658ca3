"""Hashed n-grams of many texts at once, from their UTF-8 bytes: what a linear reward model reads beside its dense features.

Texts are lower-cased, and each run of whitespace is one space. A character n-gram is n bytes that lie within one word, a
space before or behind the word included (scikit-learn's char_wb, on bytes); a word is a run of letters, digits and
apostrophes, or one other sign. An n-gram falls into one of 2**bits buckets by 64 bits of a hash that is the same on every machine.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from judgecli import derived
from judgecli.arrays import Bytes, Hashes, Integers
from judgecli.reward_model.spacing import lower_bytes

_SPACE, _WORD, _SIGN = 0, 1, 2
_BLANK = 32
_CLASSES = bytes(_SPACE if byte == _BLANK else _WORD if byte >= 128 or chr(byte).isalnum() or byte == 39 else _SIGN for byte in range(256))
_ODD = np.uint64(0x9E3779B97F4A7C15)
_MULTIPLY = np.uint64(0xD6E8FEB86659FD93)
_SHIFT = np.uint64(32)
_LOAD = 8  # bytes of one load
_HASH_BITS = np.uint64(43)
_FEW = 100  # keys are compared one by one
_LOOKUP_SHIFT = np.uint64(64 - 14)


@dataclass(frozen=True)
class Grams:
    """Hashes of n-grams, those of each text after those of the text before; of text t `hashes[bounds[t]:bounds[t + 1]]`."""

    hashes: Hashes
    bounds: Integers

    @cached_property
    def total(self) -> Integers:
        """The number of n-grams of each text."""
        return np.diff(self.bounds)

    @cached_property
    def text(self) -> Integers:
        """The text that each stands in."""
        return np.repeat(np.arange(len(self.total)), self.total)

    @cached_property
    def keys(self) -> Hashes:
        """Text and n-gram as one number: 20 bits of text, 43 of hash; the highest bit is free."""
        return (self.text.astype(np.uint64) << _HASH_BITS) | (self.hashes >> np.uint64(21))

    def where(self, kept: npt.NDArray[np.bool_]) -> "Grams":
        """Some of them."""
        return Grams(self.hashes[kept], np.searchsorted(np.flatnonzero(kept), self.bounds))


@dataclass(frozen=True)
class Spaced:
    """Texts as one run of bytes: each in lower case, whitespace as single spaces, one before and one behind; then padding.

    Text t is `data[offsets[t]:offsets[t + 1]]`.
    """

    data: Bytes
    offsets: Integers

    def __len__(self) -> int:
        return len(self.offsets) - 1


def space(texts: Sequence[str]) -> Spaced:
    """The bytes of single-spaced texts as n-grams are cut from them. A lone surrogate becomes a question mark."""
    parts = [lower_bytes(text) for text in texts]
    offsets = np.concatenate([[0], np.cumsum([len(part) + 2 for part in parts], dtype=np.int64)])
    return Spaced(np.frombuffer(b" %b %b" % (b"  ".join(parts), bytes(_LOAD)), np.uint8), offsets)


def mix(values: Hashes) -> Hashes:
    """Spread 64 bits over 64 bits, one to one."""
    values = (values ^ (values >> _SHIFT)) * _MULTIPLY
    return values ^ (values >> _SHIFT)


def character_grams(spaced: Spaced, size: int) -> Grams:
    """The n-grams of `size` bytes, 3 to 8, that lie within a word.

    >>> character_grams(space(["a cat"]), 4).total.tolist()     # " cat", "cat "
    [2]
    """
    end = max(int(spaced.offsets[-1]) - size + 1, 0)
    space = spaced.data == _BLANK
    parted = space[1 : end + 1].copy()  # a space may stand at the end, not before it
    for step in range(2, size - 1):
        parted |= space[step : end + step]
    kept = np.flatnonzero(~parted)
    loads = np.ndarray(end, "<u8", spaced.data, strides=(1,))
    hashes = mix((loads[kept] & np.uint64((1 << 8 * size) - 1)) * _ODD + np.uint64(size))
    return Grams(hashes, np.searchsorted(kept, spaced.offsets))


def word_hashes(spaced: Spaced) -> Grams:
    """The words and signs of each text in their order."""
    end = int(spaced.offsets[-1])
    kinds = np.frombuffer(spaced.data[:end].tobytes().translate(_CLASSES), np.uint8)
    begins, stops = kinds != _SPACE, kinds != _SPACE
    word = kinds == _WORD
    apart = ~(word[1:] & word[:-1])
    begins[1:] &= apart
    stops[:-1] &= apart
    starts, ends = np.flatnonzero(begins), np.flatnonzero(stops) + 1
    bounds = np.searchsorted(starts, spaced.offsets)
    return Grams(derived.hash_pieces(spaced.data, starts, ends), bounds)


def word_grams(words: Grams, size: int) -> Grams:
    """The n-grams of `size` words that follow one another."""
    count = max(len(words.hashes) - size + 1, 0)
    hashes = words.hashes[:count]
    for step in range(1, size):
        hashes = mix(hashes * _ODD + words.hashes[step : step + count])
    whole = words.text[:count] == words.text[size - 1 : size - 1 + count]
    return Grams(hashes[whole], np.concatenate([[0], np.cumsum(np.maximum(words.total - size + 1, 0))]))


def alike(keys: npt.NDArray[np.unsignedinteger], *, again: bool = True) -> Integers:
    """For each of N keys the place of one that is equal to it: the same place for all that are equal.

    A table of one place a slot, written and read back, in a few passes where a sort takes many; keys that met another one there try `again` among
    themselves, once: texts may have been written to meet.

    >>> alike(np.array([7, 9, 7], np.uint64)).tolist()
    [2, 1, 2]
    """
    places = np.arange(len(keys), dtype=np.int32)
    slot = ((keys.astype(np.uint64, copy=False) * _ODD) >> np.uint64(64 - _table_bits(len(keys)))).astype(np.int64)
    table = np.empty(1 << _table_bits(len(keys)), np.int32)
    table[slot] = places
    found = table[slot].astype(np.int64)
    wrong = np.flatnonzero(keys[found] != keys)  # never all of them: each slot that was written has one that is right
    if len(wrong) > _FEW:
        if again:
            found[wrong] = wrong[alike(keys[wrong], again=False)]
        else:
            _, first, place = np.unique(keys[wrong], return_index=True, return_inverse=True)
            found[wrong] = wrong[first[place]]
    elif len(wrong):
        known: dict[int, int] = {}
        found[wrong] = [known.setdefault(key, place) for key, place in zip(keys[wrong].tolist(), wrong.tolist(), strict=True)]
    return found


@dataclass(frozen=True)
class Lookup:
    """A table of some numbers, each in a slot of its own, with a small positive number for each."""

    keys: Hashes
    values: Integers
    factor: np.uint64

    @classmethod
    def of(cls, keys: Hashes, values: Sequence[int]) -> "Lookup":
        """The first of many factors is taken that gives each of the different keys its own slot."""
        tried = int(_ODD)
        while len(np.unique((keys * np.uint64(tried)) >> _LOOKUP_SHIFT)) < len(keys):
            tried = tried * int(_MULTIPLY) % 2**64  # odd times odd is odd
        factor = np.uint64(tried)
        slots = (keys * factor) >> _LOOKUP_SHIFT
        table, found = np.zeros(1 << 64 - int(_LOOKUP_SHIFT), np.uint64), np.zeros(1 << 64 - int(_LOOKUP_SHIFT), np.int64)
        table[slots], found[slots] = keys, values
        return cls(table, found, factor)

    def get(self, keys: Hashes) -> Integers:
        """The number of each key, 0 of one that is not in the table."""
        slots = ((keys * self.factor) >> _LOOKUP_SHIFT).astype(np.int64)
        return np.where(self.keys[slots] == keys, self.values[slots], 0)


def distinct(grams: Grams) -> Integers:
    """How many different n-grams each text has."""
    first = alike(grams.keys) == np.arange(len(grams.keys))
    return np.diff(np.searchsorted(np.flatnonzero(first), grams.bounds))


def shared(ours: Grams, theirs: Grams) -> Integers:
    """How many n-grams text t of both sides share, for each t; one that repeats counts as often as both have it."""
    left = ours.keys[_may_hold(ours.keys, theirs.keys)]  # most of a long output is not in its input
    right = theirs.keys[_may_hold(theirs.keys, left)]
    found = alike(np.concatenate([left, right]))
    counts = np.minimum(np.bincount(found[: len(left)], minlength=len(found)), np.bincount(found[len(left) :], minlength=len(found)))
    both = np.flatnonzero(counts)
    text = (np.concatenate([left, right])[both] >> _HASH_BITS).astype(np.int64)
    return np.bincount(text, counts[both], len(ours.total)).astype(np.int64)


def held_by(words: Grams, others: Grams) -> npt.NDArray[np.bool_]:
    """Of each n-gram of a text whether text t of the other side has it too."""
    held = _may_hold(words.keys, others.keys)
    some = np.flatnonzero(held)
    found = alike(np.concatenate([words.keys[some], others.keys]))
    known = np.zeros(len(found), np.bool_)
    known[found[len(some) :]] = True
    held[some] = known[found[: len(some)]]
    return held


def _may_hold(keys: Hashes, known: Hashes) -> npt.NDArray[np.bool_]:
    """False where a key is surely not among the known ones: a table of one flag each, seldom wrong."""
    bits = _table_bits(len(known))
    table = np.zeros(1 << bits, np.bool_)
    table[(known * _ODD) >> np.uint64(64 - bits)] = True
    return np.asarray(table[(keys * _ODD) >> np.uint64(64 - bits)])


def _table_bits(size: int) -> int:
    """Of a table with eight slots or more for each of `size` keys."""
    return max(10, int(8 * size).bit_length())
