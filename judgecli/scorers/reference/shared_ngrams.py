"""Counts of the n-grams that two sequences share, for many pairs and all orders in one sort.

A pair becomes two byte strings of small numbers (from 1; 0 ends a text). The `order` numbers from
each position on are packed into 48 bits, so one sort puts equal n-grams of every order side by side.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from judgecli.arrays import Hashes, Integers

_PACKED_BITS = 48
_SIZE_AT_ONCE = 1 << 16  # bytes: what a sort handles within the second-level cache
_PAIRS_AT_ONCE = 1 << 12  # 48 bits of n-gram, 1 of side: 15 are left for the pair

TextPair = tuple[bytes, bytes]
_ODD = np.uint64(0x9E3779B97F4A7C15)


def shared_counts(pairs: Sequence[TextPair], *, order: int, width: int) -> Integers:
    """How many n-grams each pair shares: a row a pair, a column for each n from 1 to `order`.

    `width` is the bytes a number takes, 1 or 2; numbers fit in 48 / order bits. A repeated n-gram
    counts as often as both sides have it (clipped counts).

    >>> shared_counts([(bytes([1, 2, 1]), bytes([2, 1, 1]))], order=2, width=1).tolist()
    [[3, 1]]
    """
    blocks = [_block(block, order, width) for block in _blocks(pairs)]
    return np.concatenate(blocks) if blocks else np.zeros((0, order), np.int64)


def _blocks(pairs: Sequence[TextPair]) -> Iterator[Sequence[TextPair]]:
    start = size = 0
    for index, (left, right) in enumerate(pairs):
        size += len(left) + len(right)
        if size > _SIZE_AT_ONCE or index - start == _PAIRS_AT_ONCE - 1:
            yield pairs[start : index + 1]
            start, size = index + 1, 0
    if start < len(pairs):
        yield pairs[start:]


def _block(pairs: Sequence[TextPair], order: int, width: int) -> Integers:
    keys, bits = _keys(pairs, order, width), _PACKED_BITS // order
    counts = np.zeros((len(pairs), order), np.int64)
    first = 1
    if order > 1 and bits <= 8:  # so few numbers that they are counted without a sort, and most pairs of them are on one side only
        counts[:, 0] = _shared_numbers(keys >> np.uint64(bits * (order - 1)), keys & np.uint64(1), len(pairs), bits)
        keys, first = keys[_may_share(keys >> np.uint64(1 + bits * (order - 2)), keys & np.uint64(1))], 2
    keys.sort()
    for n in range(first, order + 1):
        if not keys.size:
            break
        grams = keys >> np.uint64(1 + bits * (order - n))
        starts = np.concatenate(([0], np.flatnonzero(grams[1:] != grams[:-1]) + 1))
        sizes = np.diff(starts, append=len(grams))
        second = np.add.reduceat(keys & np.uint64(1), starts).astype(np.int64)
        shared = np.minimum(second, sizes - second)
        some = np.flatnonzero(shared)
        found = grams[starts[some]]
        whole = (found & np.uint64((1 << bits) - 1)) != 0  # else the text ends before n numbers
        counts[:, n - 1] = np.bincount((found[whole] >> np.uint64(bits * n)).astype(np.int64), shared[some[whole]], len(pairs))
        keys = keys[np.repeat(shared > 0, sizes)]  # what is not shared is not when it is longer
    return counts


def _shared_numbers(cells: Hashes, sides: Hashes, pairs: int, bits: int) -> Integers:
    """How many numbers each pair shares. `cells`: pair, number, and a bit that says nothing."""
    found = np.bincount(((cells & ~np.uint64(1)) | sides).astype(np.int64), minlength=pairs << bits + 1).reshape(pairs, -1, 2)
    return np.asarray(np.minimum(found[:, :, 0], found[:, :, 1]).sum(axis=1))


def _may_share(grams: Hashes, sides: Hashes) -> npt.NDArray[np.bool_]:
    """False where the other side has surely no such n-gram: a table of one flag each, seldom wrong."""
    bits = max(10, len(grams).bit_length() + 2)
    slots = (((grams * _ODD) >> np.uint64(64 - bits) << np.uint64(1)) | sides).astype(np.int64)
    table = np.zeros(2 << bits, np.bool_)
    table[slots] = True
    return np.asarray(table[slots ^ 1])


def _keys(pairs: Sequence[TextPair], order: int, width: int) -> Hashes:
    """Pair, n-gram and side of every position, in that order from the highest bit."""
    end = bytes(width * (order - 1))
    numbers = np.frombuffer(end.join([side for pair in pairs for side in pair] + [b""]), np.uint8 if width == 1 else np.uint16).astype(np.uint64)
    sizes = [len(side) // width + order - 1 for pair in pairs for side in pair]
    bits = _PACKED_BITS // order
    packed = numbers << np.uint64(bits * (order - 1))
    for ahead in range(1, order):
        packed[:-ahead] |= numbers[ahead:] << np.uint64(bits * (order - 1 - ahead))
    sides = np.repeat(np.arange(len(sizes), dtype=np.uint64), sizes)
    keys = (sides >> np.uint64(1) << np.uint64(_PACKED_BITS + 1)) | (packed << np.uint64(1)) | (sides & np.uint64(1))
    return np.asarray(keys[numbers != 0])
