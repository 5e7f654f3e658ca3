"""Columns computed once per batch and shared by many scorers.

A derived column is named COLUMN_KIND: `output_words` is the kind `words` of the column `output`.
A kind is a function from the texts of a batch (no nulls) to one item per text, or to one object
that describes all of them (`block`: the packed bytes and where the words are; `hashes`: one number
a word; `sentences`: one count a text). What a kind itself reads is named in `KINDS`.

A word is what `str.split()` gives: a run of characters without whitespace, Unicode's included. All
of it is done on the UTF-8 bytes, so that no Python string is made for a text that came from Arrow.

Scripts that put no space between words have a rule of their own: see judgecli.unspaced.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from judgecli.arrays import Bools, Bytes, Hashes, Integers
from judgecli.errors import UsageError
from judgecli.unspaced import LETTERS_A_WORD, mostly_unspaced, tokens, unspaced_letters

Cache = dict[str, object]
FloatArray: TypeAlias = pa.DoubleArray

# What Python's str.split() takes for whitespace, as the inside of an RE2 character class.
WHITESPACE = r"\x{9}-\x{d}\x{1c}-\x{20}\x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}"
STOP, WIDE_STOP, CLOSER = ".!?…؟।۔", "。！？｡", r"\"'”’)\]}»*_`"
SENTENCE_BODY = rf"[\pL\pN](?:[^\n{STOP}{WIDE_STOP}]|[{STOP}]+[{CLOSER}]*[^{WHITESPACE}{CLOSER}{STOP}{WIDE_STOP}])*"
SENTENCE_END = rf"(?:[{STOP}]+[{CLOSER}]*|[{WIDE_STOP}]+[{CLOSER}]*)?"

SPACE, LETTER, VOWEL, DIGIT, UPPER, VISIBLE, WIDE = 1, 2, 4, 8, 16, 32, 64  # class bits of a byte; VISIBLE: no whitespace; WIDE: not ASCII
_PADDING = 8  # zero bytes after the texts, so that an 8-byte load at the last word stays inside
_LONG_WORD = 64  # bytes; longer words are rare and are hashed one by one
_TEXTS_PER_SORT = 4096  # 12 bits of a sort key say which text


def _class_of(byte: int) -> int:
    if byte >= 128:
        return WIDE
    char = chr(byte)
    vowel = char.lower() in "aeiouy"
    bits = {SPACE: char.isspace(), VISIBLE: not char.isspace(), LETTER: char.isalpha(), VOWEL: vowel, DIGIT: char.isdigit(), UPPER: char.isupper()}
    return sum(bit for bit, holds in bits.items() if holds)


_CLASSES = bytes(_class_of(byte) for byte in range(256))


@dataclass(frozen=True)
class Block:
    """The texts of a batch as packed UTF-8 bytes, with what many scorers ask of them.

    `data` holds the bytes of all texts one after the other, then padding; text t is
    `data[offsets[t]:offsets[t + 1]]`. `classes` gives the class bits of every byte.
    `starts` and `ends` say where each word begins and ends in `data`; the words of text t are
    `word_offsets[t]:word_offsets[t + 1]` of them.
    """

    texts: pa.StringArray
    data: Bytes
    offsets: Integers
    classes: Bytes
    starts: Integers
    ends: Integers
    word_offsets: Integers

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @cached_property
    def words(self) -> Integers:
        """Number of words of each text."""
        return np.diff(self.word_offsets)

    @cached_property
    def ascii(self) -> Bools:
        """True for each text that has no character beyond ASCII."""
        return np.asarray(self.count(WIDE) == 0)

    def count(self, bits: int) -> Integers:
        """Number of bytes of each text that have one of the class bits."""
        return np.diff(np.searchsorted(np.flatnonzero(self.classes & bits), self.offsets))

    def count_where(self, bits: int, holds: Callable[[str], bool]) -> Integers:
        """Number of characters of each text for which `holds` is true; `bits` says the same of ASCII."""
        counts = self.count(bits)
        for index in np.flatnonzero(~self.ascii):
            counts[index] = sum(map(holds, self.text(int(index))))
        return counts

    @cached_property
    def unspaced(self) -> Bools:
        """True for each byte that begins a letter of a script without spaces between words."""
        return unspaced_letters(self.data)

    @cached_property
    def mostly_unspaced(self) -> Bools:
        """True for each text that `mostly_unspaced` is true of."""
        found = np.flatnonzero(self.unspaced)
        if not len(found):
            return np.zeros(len(self), bool)
        letters = np.diff(np.searchsorted(found, self.offsets))
        flags = np.zeros(len(self), bool)
        for index in np.flatnonzero(letters):
            part = slice(self.offsets[index], self.offsets[index + 1])
            begins = (self.data[part] & 0xC0) != 0x80
            flags[index] = 10 * letters[index] > np.count_nonzero(begins & ((self.classes[part] & SPACE) == 0))
        return flags

    def text(self, index: int) -> str:
        """Text number `index` as a Python string."""
        return self.raw(index).decode()

    def raw(self, index: int) -> bytes:
        """The UTF-8 bytes of text number `index`."""
        return self.data[self.offsets[index] : self.offsets[index + 1]].tobytes()


@dataclass(frozen=True)
class WordHashes:
    """A 64-bit number for each word of a block, equal for equal words.

    Different words collide with probability 2**-64. n-grams are compared by 52 bits within one
    text: for a text of m n-grams the chance of one false repeat is below m * m / 2**53, that is
    5e-10 for 2,000 words and 1e-6 for 100,000.
    """

    values: Hashes
    word_offsets: Integers
    letters: Bools  # texts of scripts without spaces: their values are of letters, LETTERS_A_WORD of them for a word

    def distinct(self, n: int) -> tuple[Integers, Integers]:
        """For each text the number of different word n-grams, and of all of them."""
        found, total = self._in_words(n)
        if self.letters.any():
            found[self.letters], total[self.letters] = self._only(self.letters)._in_words(LETTERS_A_WORD * n)
        return found, total

    def _only(self, texts: Bools) -> "WordHashes":
        sizes = np.diff(self.word_offsets)
        return WordHashes(self.values[np.repeat(texts, sizes)], np.concatenate([[0], np.cumsum(sizes[texts])]), texts[texts])

    def _in_words(self, n: int) -> tuple[Integers, Integers]:
        total = np.maximum(np.diff(self.word_offsets) - (n - 1), 0)
        found = np.zeros(len(total), np.int64)
        for first in range(0, len(total), _TEXTS_PER_SORT):
            part = slice(first, first + _TEXTS_PER_SORT)
            found[part] = self._distinct(n, self.word_offsets[first : first + _TEXTS_PER_SORT + 1], total[part])
        return found, total

    def _distinct(self, n: int, word_offsets: Integers, total: Integers) -> Integers:
        words = self.values[word_offsets[0] : word_offsets[-1]]
        if len(words) < n:
            return np.zeros(len(total), np.int64)
        grams = words[: len(words) - n + 1]
        for step in range(1, n):
            grams = _mix(grams * _ODD + words[step : len(words) - n + 1 + step])
        text = np.repeat(np.arange(len(total), dtype=np.uint64), np.diff(word_offsets))[: len(grams)]
        keys = (text << np.uint64(52)) | (grams >> np.uint64(12))
        if n > 1:  # the last n - 1 words of a text start no n-gram
            position = np.arange(len(grams)) - np.repeat(word_offsets[:-1] - word_offsets[0], np.diff(word_offsets))[: len(grams)]
            keys = keys[position < np.repeat(total, np.diff(word_offsets))[: len(grams)]]
        keys.sort()
        ends = np.concatenate([[0], np.cumsum(total)])
        fresh = np.ones(len(keys), np.int64)
        fresh[1:] = keys[1:] != keys[:-1]
        counts: Integers = np.diff(np.concatenate([[0], np.cumsum(fresh)])[ends])
        return counts


def lower(texts: Sequence[str]) -> list[str]:
    """Each text in lower case."""
    return [text.lower() for text in texts]


def words(texts: Sequence[str]) -> list[list[str]]:
    """Each text split at whitespace; one that is mostly unspaced into letters as well."""
    return [tokens(text) if mostly_unspaced(text) else text.split() for text in texts]


def block(arrow: pa.StringArray) -> Block:
    """The bytes of all texts, their classes and their words (see `Block`)."""
    data, offsets = _packed(arrow)
    classes = np.frombuffer(data.tobytes().translate(_CLASSES), np.uint8)
    space = (classes & SPACE).astype(bool)
    if (classes & WIDE).any():
        classes, space = _wide_spaces(data, classes.copy(), space)
    space[offsets[-1] :] = True
    begins, stops = ~space, ~space
    begins[1:] &= space[:-1]
    stops[:-1] &= space[1:]
    filled = offsets[:-1][np.diff(offsets) > 0]  # a text begins a word even where the one before ends in one
    begins[filled] = ~space[filled]
    last = offsets[1:][np.diff(offsets) > 0] - 1
    stops[last] = ~space[last]
    starts = np.flatnonzero(begins)
    return Block(arrow, data, offsets, classes=classes, starts=starts, ends=np.flatnonzero(stops) + 1, word_offsets=np.searchsorted(starts, offsets))


def _packed(arrow: pa.StringArray) -> tuple[Bytes, Integers]:
    """The bytes of the texts with padding behind, and where each begins."""
    if len(arrow) == 0:
        return np.zeros(_PADDING, np.uint8), np.zeros(1, np.int64)
    width = np.int64 if pa.types.is_large_string(arrow.type) else np.int32
    _, positions, values = arrow.buffers()
    offsets = np.frombuffer(positions, width)[arrow.offset : arrow.offset + len(arrow) + 1].astype(np.int64)
    size = int(offsets[-1] - offsets[0])
    data = np.zeros(size + _PADDING, np.uint8)
    if size:
        data[:size] = np.frombuffer(values, np.uint8)[offsets[0] : offsets[-1]]
    return data, offsets - offsets[0]


def _wide_spaces(data: Bytes, classes: Bytes, space: Bools) -> tuple[Bytes, Bools]:
    """Mark the bytes of whitespace beyond ASCII; UTF-8 makes the patterns unambiguous."""
    leads = np.flatnonzero((data == 0xC2) | ((data >= 0xE1) & (data <= 0xE3)))
    first, second, third = data[leads], data[leads + 1], data[leads + 2]
    two = (first == 0xC2) & ((second == 0x85) | (second == 0xA0))
    general = (third <= 0x8A) | (third == 0xA8) | (third == 0xA9) | (third == 0xAF)
    three = ((first == 0xE2) & (second == 0x80) & general) | ((first == 0xE2) & (second == 0x81) & (third == 0x9F))
    three |= ((first == 0xE1) & (second == 0x9A) & (third == 0x80)) | ((first == 0xE3) & (second == 0x80) & (third == 0x80))
    for found, length in ((leads[two], 2), (leads[three], 3)):
        for step in range(length):
            space[found + step] = True
            classes[found + step] |= SPACE
    return classes, space


_ODD = np.uint64(0x9E3779B97F4A7C15)
_MULTIPLY = np.uint64(0xD6E8FEB86659FD93)
_SHIFT = np.uint64(32)
_LOW_BYTES = np.array([(1 << 8 * count) - 1 for count in range(9)], np.uint64)  # keeps the first `count` bytes of a load


def _mix(values: Hashes) -> Hashes:
    values = (values ^ (values >> _SHIFT)) * _MULTIPLY
    return values ^ (values >> _SHIFT)


def _pieces(block: Block) -> tuple[Integers, Integers, Integers]:
    """Where words begin and end, and the words of each text; in mostly unspaced texts each letter is one."""
    if not block.mostly_unspaced.any():
        return block.starts, block.ends, block.word_offsets
    letters = np.flatnonzero(block.unspaced)
    letters = letters[block.mostly_unspaced[np.searchsorted(block.offsets, letters, side="right") - 1]]
    after = letters + np.where(block.data[letters] >= 0xF0, 4, 3)
    cuts = np.union1d(letters, after[after < block.offsets[-1]])
    cuts = cuts[(block.classes[cuts] & SPACE) == 0]
    place = np.searchsorted(block.starts, cuts)
    fresh = np.append(block.starts, -1)[place] != cuts
    starts = np.insert(block.starts, place[fresh], cuts[fresh])
    word = np.searchsorted(block.starts, starts, side="right") - 1
    ends = np.minimum(block.ends[word], np.append(starts[1:], len(block.data)))
    return starts, ends, np.searchsorted(starts, block.offsets)


def hashes(block: Block) -> WordHashes:
    """One number a word, from its bytes alone (see `WordHashes`)."""
    starts, ends, word_offsets = _pieces(block)
    return WordHashes(hash_pieces(block.data, starts, ends), word_offsets, block.mostly_unspaced)


def hash_pieces(data: Bytes, starts: Integers, ends: Integers) -> Hashes:
    """One number a piece of these bytes (padded, see `Block`), equal for equal pieces."""
    loads = np.ndarray(len(data) - _PADDING + 1, "<u8", data, strides=(1,))
    lengths = ends - starts
    values = _mix((loads[starts] & _LOW_BYTES[np.minimum(lengths, 8)]) * _ODD + lengths.astype(np.uint64))
    rest = np.flatnonzero((lengths > 8) & (lengths <= _LONG_WORD))
    for step in range(8, _LONG_WORD, 8):
        if not len(rest):
            break
        left = lengths[rest] - step
        values[rest] = _mix(values[rest] * _ODD + (loads[starts[rest] + step] & _LOW_BYTES[np.minimum(left, 8)]))
        rest = rest[left > 8]
    for index in np.flatnonzero(lengths > _LONG_WORD):
        word = data[starts[index] : ends[index]].tobytes()
        values[index] = int.from_bytes(blake2b(word, digest_size=8).digest(), "little")
    return values


def sentences(arrow: pa.StringArray) -> Integers:
    """Number of sentences of each text.

    A sentence begins at a letter or digit. It ends at a run of . ! ? … ؟ । ۔ (and closing quotes,
    brackets or marks) that whitespace or the end of the text follows, at a run of 。！？｡ wherever
    it stands, at a line break, or at the end of the text. Abbreviations are not known: "e.g. this"
    ends one.
    """
    counts: Integers = np.asarray(pc.count_substring_regex(arrow, SENTENCE_BODY + SENTENCE_END), np.int64)
    return counts


def share(part: npt.ArrayLike, whole: npt.ArrayLike, *, least: float = 1) -> FloatArray:
    """part / whole for each row; null where `whole` is below `least`."""
    divisor = np.asarray(whole, np.float64)
    small = divisor < least
    values: FloatArray = pa.array(np.asarray(part, np.float64) / np.where(small, 1.0, divisor), pa.float64(), mask=small)
    return values


# Kind -> the function and what it reads: `list` (Python strings), `arrow` (one Arrow array) or another kind.
KINDS: dict[str, tuple[Callable[..., object], str]] = {
    "lower": (lower, "list"),
    "words": (words, "list"),
    "block": (block, "arrow"),
    "hashes": (hashes, "block"),
    "sentences": (sentences, "arrow"),
}
TEXT = ("input", "output", "reference")


def source_of(name: str) -> str:
    """The record column that a column name is read from: `output_words` -> `output`."""
    column, _, kind = name.rpartition("_")
    return column if column in TEXT and kind in KINDS else name


def derive(name: str, texts: object, cache: Cache | None = None) -> object:
    """The derived column `name` of these texts (a list, or an Arrow array, without nulls).

    `cache` keeps every kind that was needed on the way, by column name; hand the same dict to
    every call on the same texts, and another one for other texts.
    """
    cache = {} if cache is None else cache
    if name not in cache:
        column, _, kind = name.rpartition("_")
        if kind in ("list", "arrow"):
            cache[name] = to_list(texts) if kind == "list" else to_arrow(texts)
        else:
            function, reads = KINDS[kind]
            cache[name] = function(derive(f"{column}_{reads}", texts, cache))
    return cache[name]


def to_list(values: object) -> list[object]:
    """Plain Python items of a list or an Arrow array."""
    return list(values.to_pylist()) if hasattr(values, "to_pylist") else list(values)  # type: ignore[call-overload]


def to_arrow(texts: object) -> pa.StringArray:
    """The texts as one Arrow string array (utf8, or large_utf8 over 2 GB); no copy where they are one already.

    Raises: UsageError where a text is null or cannot be written as UTF-8 (a lone surrogate).
    """
    array = texts if isinstance(texts, pa.Array | pa.ChunkedArray) else _array_of(texts)
    if not (pa.types.is_string(array.type) or pa.types.is_large_string(array.type)):
        array = array.cast(pa.string())
    if isinstance(array, pa.ChunkedArray):
        array = pa.concat_arrays((array if array.nbytes < 2**31 else array.cast(pa.large_string())).chunks or [pa.array([], pa.string())])
    if array.null_count:
        raise UsageError(f"{array.null_count} of {len(array)} texts are null", hint="a derived column is made of the rows that have a text")
    return array


def _array_of(texts: object) -> pa.Array | pa.ChunkedArray:
    try:
        return pa.array(texts, pa.string())
    except UnicodeEncodeError as error:
        raise UsageError(f"a text cannot be written as UTF-8: {error.reason} at character {error.start}", hint="replace lone surrogates") from error
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise UsageError(f"these are not texts: {error}", hint="give a list of str") from error
