"""Which outputs surely have nothing that guards.py leaves out: found for many at once, from their bytes.

Most honest outputs are such, and to read each sentence of theirs takes most of the time of scoring. What is said here is sure one way
only: a text with a sentence that may be a repetition or may name nothing is read in full. So sentences are compared by sums of
numbers of their words, and words are looked up in pieces: runs of ASCII letters and digits.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from judgecli.arrays import Bools, Bytes, Hashes, Integers
from judgecli.reward_model import ngrams
from judgecli.reward_model.spacing import caseless

_PIECE, _STOP, _WIDE = 1, 2, 4
_CLASSES = bytes(_WIDE if byte >= 128 else _PIECE if chr(byte).isalnum() else _STOP if chr(byte) in ".!?" else 0 for byte in range(256))
_LINE, _BLANK, _LAST_DIGIT = 10, 32, 57
_PADDING = 24  # bytes behind the texts, so that loads stay inside
_FOLD = np.uint64(0x2020202020202020)  # makes letters lower-case and leaves digits
_LOW_BYTES = np.array([(1 << 8 * count) - 1 for count in range(9)], np.uint64)
_ODD = np.uint64(0x9E3779B97F4A7C15)
_KNOWN, _ABOUT = 1, 2


@dataclass(frozen=True)
class Lists:
    """What guards.py knows: pieces of words, and how sentences begin wherever they stand."""

    pieces: ngrams.Lookup
    starts: Sequence[bytes]


def lists(known: Collection[str], about: Collection[str], starts: Sequence[str]) -> Lists:
    """Of known words, and those among them that are about answers, the pieces between apostrophes; `starts` begin a sentence behind a space."""
    flags = {piece: _KNOWN for word in known for piece in word.split("'")}
    flags |= {piece: _KNOWN | _ABOUT for word in about for piece in word.split("'")}
    data = np.frombuffer(" ".join(flags).encode() + bytes(_PADDING), np.uint8)
    _, values = _pieces(data, np.frombuffer(data.tobytes().translate(_CLASSES), np.uint8))
    return Lists(ngrams.Lookup.of(values, list(flags.values())), [f" {start}".encode() for start in starts])


def intact(texts: Sequence[str], least: Sequence[int], known: Lists) -> tuple[Bools, Integers]:
    """Of N texts whether surely no sentence repeats another and none names nothing; and how many sentences hold a letter or digit, or fewer.

    The texts are without marks, each line of them is stripped, and a line ends behind each wide stop. `least`: the words that a sentence of
    each must have to name nothing.
    """
    raw = [text.encode("utf-8", "surrogatepass") for text in texts]  # a question mark in its place would end a sentence
    data = np.frombuffer(b"\n".join(raw) + b"\n" + bytes(_PADDING), np.uint8)
    classes = np.frombuffer(data.tobytes().translate(_CLASSES), np.uint8)
    starts, odd = _sentence_starts(data, classes, known.starts)
    places, values = _pieces(data, classes)
    bounds = np.searchsorted(places, starts)
    told = known.pieces.get(values)
    told[data[places] <= _LAST_DIGIT] |= _KNOWN
    count, strange, about = np.diff(bounds), _between(told == 0, bounds), _between(told >= _ABOUT, bounds)
    sums = _between(ngrams.mix(values), bounds)
    ends = np.cumsum([len(part) + 1 for part in raw])
    where = np.searchsorted(ends, starts[:-1], "right")
    sure = np.array([text.isascii() or caseless(text) for text in texts])
    if not all(map(str.isascii, texts)):
        wide = np.flatnonzero(classes == _WIDE)
        sums, count = sums + _wide_sums(data, classes, wide, starts), count + np.diff(np.searchsorted(wide, starts))
    some = np.flatnonzero(count)
    keys = ngrams.mix(sums[some] + where[some].astype(np.uint64) * _ODD)
    sure[where[some[ngrams.alike(keys) != np.arange(len(keys))]]] = False
    sure[where[(strange == 0) & (about > 0) & (count >= np.array(least)[where])]] = False
    sure[np.searchsorted(ends, odd, "right")] = False
    return sure, np.bincount(where[some], minlength=len(texts))


def _sentence_starts(data: Bytes, classes: Bytes, starts: Sequence[bytes]) -> tuple[Integers, Integers]:
    """Where sentences begin, and the end of the last; and places where one way to begin a sentence overlaps itself."""
    size = len(data) - _PADDING
    blank = data == _BLANK
    begins = np.zeros(size + 1, np.bool_)
    begins[0] = True
    begins[1:] = data[:size] == _LINE
    begins[2:] |= (classes[: size - 1] == _STOP) & blank[1:size]
    candidates = np.flatnonzero(blank[: size - 1] & ((data[1:size] == ord("I")) | (data[1:size] == ord("T"))))
    loads = np.ndarray(len(data) - 7, "<u8", data, strides=(1,))
    odd = []
    for start in starts:
        hits = candidates
        for place in range(0, len(start), 8):
            part = start[place : place + 8]
            hits = hits[(loads[hits + place] & _LOW_BYTES[len(part)]) == np.uint64(int.from_bytes(part, "little"))]
        begins[hits + 1] = True
        odd.append(hits[1:][np.diff(hits) == len(start) - 1])
    return np.flatnonzero(begins), np.concatenate(odd)


def _pieces(data: Bytes, classes: Bytes) -> tuple[Integers, Hashes]:
    """Where runs of ASCII letters and digits begin, and a number of each, the same for those that differ in case alone."""
    inside = classes == _PIECE
    changes = np.flatnonzero(inside[1:] != inside[:-1]) + 1
    changes = np.concatenate([np.zeros(int(inside[0]), np.int64), changes])  # behind the texts stands padding
    places, lengths = changes[::2], changes[1::2] - changes[::2]
    loads = np.ndarray(len(data) - 7, "<u8", data, strides=(1,))
    values = (loads[places] | _FOLD) & _LOW_BYTES[np.minimum(lengths, 8)]
    long = np.flatnonzero(lengths > 8)
    rest = (loads[places[long] + 8] | _FOLD) & _LOW_BYTES[np.minimum(lengths[long] - 8, 8)]
    values[long] = ngrams.mix(values[long] * _ODD + rest + lengths[long].astype(np.uint64))
    return places, values


def _wide_sums(data: Bytes, classes: Bytes, wide: Integers, starts: Integers) -> Hashes:
    """Of each sentence a sum over its bytes beyond ASCII, each with the one behind it."""
    pairs = (data[wide].astype(np.uint64) << np.uint64(8)) | np.where(classes[wide + 1] == _WIDE, data[wide + 1], 0).astype(np.uint64)
    return _between(ngrams.mix(pairs * _ODD), np.searchsorted(wide, starts))


def _between(values: npt.NDArray[np.generic], bounds: Integers) -> Hashes:
    """The sums of values between bounds, modulo 2**64."""
    sums = np.zeros(len(values) + 1, np.uint64)
    np.cumsum(values, dtype=np.uint64, out=sums[1:])
    return np.diff(sums[bounds])
