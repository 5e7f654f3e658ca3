"""Hashed n-grams of many texts at once, from their UTF-8 bytes: what a linear reward model reads beside its dense features.

Texts are lower-cased, and each run of whitespace is one space. A character n-gram is n bytes that lie within one word, a
space before or behind the word included (scikit-learn's char_wb, on bytes); a word is a run of letters, digits and
apostrophes, or one other sign. An n-gram falls into one of 2**bits buckets by 64 bits of a hash that is the same on every machine.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from judgecli import derived

Ints = npt.NDArray[np.int64]
Hashed = npt.NDArray[np.uint64]
Bytes = npt.NDArray[np.uint8]

_SPACE, _WORD, _SIGN = 0, 1, 2
_CLASSES = np.array([_SPACE if byte == 32 else _WORD if byte >= 128 or chr(byte).isalnum() or byte == 39 else _SIGN for byte in range(256)], np.uint8)
_ODD = np.uint64(0x9E3779B97F4A7C15)
_MULTIPLY = np.uint64(0xD6E8FEB86659FD93)
_SHIFT = np.uint64(32)
_LOAD = 8  # bytes of one load


@dataclass(frozen=True)
class Grams:
    """Hashes of n-grams, and the text that each stands in. `total` is their number in each of the N texts."""

    text: Ints
    hashes: Hashed
    total: Ints


@dataclass(frozen=True)
class Spaced:
    """Texts as one run of bytes: each in lower case, whitespace as single spaces, one before and one behind; then padding.

    Text t is `data[offsets[t]:offsets[t + 1]]`.
    """

    data: Bytes
    offsets: Ints

    def __len__(self) -> int:
        return len(self.offsets) - 1


def space(texts: Sequence[str]) -> Spaced:
    """The bytes of texts as n-grams are cut from them. A lone surrogate becomes a question mark."""
    parts = [f" {' '.join(text.lower().split())} ".encode("utf-8", "replace") for text in texts]
    offsets = np.concatenate([[0], np.cumsum([len(part) for part in parts], dtype=np.int64)])
    return Spaced(np.frombuffer(b"".join(parts) + bytes(_LOAD), np.uint8), offsets)


def mix(values: Hashed) -> Hashed:
    """Spread 64 bits over 64 bits, one to one."""
    values = (values ^ (values >> _SHIFT)) * _MULTIPLY
    return values ^ (values >> _SHIFT)


def character_grams(spaced: Spaced, sizes: Sequence[int]) -> Grams:
    """The n-grams of n bytes, 3 to 8, that lie within a word.

    >>> grams = character_grams(space(["a cat"]), (4, 5))     # " cat", "cat ", " cat "
    >>> grams.total.tolist()
    [3]
    """
    end = int(spaced.offsets[-1])
    loads = np.ndarray(end, "<u8", spaced.data, strides=(1,))
    text = np.repeat(np.arange(len(spaced)), np.diff(spaced.offsets))
    spaces = np.flatnonzero(spaced.data[:end] == 32)
    following = np.repeat(spaces[1:], np.diff(spaces)) if len(spaces) else np.zeros(0, np.int64)  # of each byte but the last: the next space after it
    texts, hashes = [], []
    place = np.arange(len(following))
    for size in sizes:
        kept = np.flatnonzero(following - place >= size - 1)  # a space may stand at the end, not before it
        mask = np.uint64((1 << 8 * size) - 1)
        hashes.append(mix((loads[kept] & mask) * _ODD + np.uint64(size)))
        texts.append(text[kept])
    every = np.concatenate(texts)
    return Grams(every, np.concatenate(hashes), np.bincount(every, minlength=len(spaced)))


def word_hashes(spaced: Spaced) -> Grams:
    """The words and signs of each text in their order."""
    end = int(spaced.offsets[-1])
    kinds = _CLASSES[spaced.data[:end]]
    begins, stops = kinds != _SPACE, kinds != _SPACE
    inside = (kinds[1:] == _WORD) & (kinds[:-1] == _WORD)
    begins[1:] &= ~inside
    stops[:-1] &= ~inside
    starts, ends = np.flatnonzero(begins), np.flatnonzero(stops) + 1
    bounds = np.searchsorted(starts, spaced.offsets)
    words = derived.hashes(derived.Block(pa.array([], pa.string()), spaced.data, spaced.offsets, kinds, starts, ends, bounds))
    total = np.diff(bounds)
    return Grams(np.repeat(np.arange(len(total)), total), words.values, total)


def word_grams(words: Grams, size: int) -> Grams:
    """The n-grams of `size` words that follow one another."""
    count = max(len(words.hashes) - size + 1, 0)
    hashes = words.hashes[:count]
    for step in range(1, size):
        hashes = mix(hashes * _ODD + words.hashes[step : step + count])
    whole = words.text[:count] == words.text[size - 1 : size - 1 + count]
    return Grams(words.text[:count][whole], hashes[whole], np.maximum(words.total - size + 1, 0))


def join(parts: Sequence[Grams]) -> Grams:
    """Several kinds of n-grams of the same texts as one."""
    return Grams(np.concatenate([part.text for part in parts]), np.concatenate([part.hashes for part in parts]), np.sum([part.total for part in parts], axis=0))


def distinct(grams: Grams) -> Ints:
    """How many different n-grams each text has."""
    keys = _keys(grams)
    keys.sort()
    fresh = keys[np.concatenate([[True], keys[1:] != keys[:-1]])[: len(keys)]]
    return np.bincount((fresh >> _HASH_BITS).astype(np.int64), minlength=len(grams.total))


def shared(ours: Grams, theirs: Grams) -> Ints:
    """How many n-grams text t of both sides share, for each t; one that repeats counts as often as both have it."""
    left, right = _keys(ours), _keys(theirs)
    left = left[_may_hold(left, right)]  # most of a long output is not in its input
    keys = np.concatenate([left << np.uint64(1), (right << np.uint64(1)) | np.uint64(1)])
    counts = np.zeros(len(ours.total), np.int64)
    if len(left):
        keys.sort()
        grams = keys >> np.uint64(1)
        starts = np.concatenate([[0], np.flatnonzero(grams[1:] != grams[:-1]) + 1])
        second = np.add.reduceat(keys & np.uint64(1), starts).astype(np.int64)
        sizes = np.diff(np.concatenate([starts, [len(keys)]]))
        counts = np.bincount((grams[starts] >> _HASH_BITS).astype(np.int64), np.minimum(second, sizes - second), len(counts)).astype(np.int64)
    return counts


def held_by(words: Grams, others: Grams) -> npt.NDArray[np.bool_]:
    """Of each n-gram of a text whether text t of the other side has it too."""
    keys, known = _keys(words), np.unique(_keys(others))
    held = _may_hold(keys, known)
    some = keys[held]
    if len(some):
        held[held] = known[np.minimum(np.searchsorted(known, some), len(known) - 1)] == some
    return held


_HASH_BITS = np.uint64(43)


def _keys(grams: Grams) -> Hashed:
    """20 bits of text, 43 of hash; the highest bit is free."""
    return (grams.text.astype(np.uint64) << _HASH_BITS) | (grams.hashes >> np.uint64(21))


def _may_hold(keys: Hashed, known: Hashed) -> npt.NDArray[np.bool_]:
    """False where a key is surely not among the known ones: a table of one hash each, seldom wrong."""
    bits = np.uint64(64 - max(10, int(len(known) * 8).bit_length()))
    table = np.zeros(1 << int(64 - bits), bool)
    table[(known * _ODD) >> bits] = True
    return np.asarray(table[(keys * _ODD) >> bits])
