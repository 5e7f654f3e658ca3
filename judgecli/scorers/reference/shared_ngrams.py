"""Counts of the n-grams that two sequences share, for many pairs and all orders in one sort.

A pair becomes two byte strings of small numbers (from 1; 0 ends a text). The `order` numbers from
each position on are packed into 48 bits, so one sort puts equal n-grams of every order side by side.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

_PACKED_BITS = 48
_SIZE_AT_ONCE = 1 << 16  # bytes: what a sort handles within the second-level cache
_PAIRS_AT_ONCE = 1 << 12  # 48 bits of n-gram, 1 of side: 15 are left for the pair

Pair = tuple[bytes, bytes]
Counts = npt.NDArray[np.int64]


def shared_counts(pairs: Sequence[Pair], *, order: int, width: int) -> Counts:
    """How many n-grams each pair shares: a row a pair, a column for each n from 1 to `order`.

    `width` is the bytes a number takes, 1 or 2; numbers fit in 48 / order bits. A repeated n-gram
    counts as often as both sides have it (clipped counts).

    >>> shared_counts([(bytes([1, 2, 1]), bytes([2, 1, 1]))], order=2, width=1).tolist()
    [[3, 1]]
    """
    blocks = [_block(block, order, width) for block in _blocks(pairs)]
    return np.concatenate(blocks) if blocks else np.zeros((0, order), np.int64)


def _blocks(pairs: Sequence[Pair]) -> Iterator[Sequence[Pair]]:
    start = size = 0
    for index, (left, right) in enumerate(pairs):
        size += len(left) + len(right)
        if size > _SIZE_AT_ONCE or index - start == _PAIRS_AT_ONCE - 1:
            yield pairs[start : index + 1]
            start, size = index + 1, 0
    if start < len(pairs):
        yield pairs[start:]


def _block(pairs: Sequence[Pair], order: int, width: int) -> Counts:
    keys = _sorted_keys(pairs, order, width)
    counts = np.zeros((len(pairs), order), np.int64)
    if not keys.size:
        return counts
    bits = _PACKED_BITS // order
    seconds_before = np.concatenate(([0], np.cumsum(keys & np.uint64(1)))).astype(np.int64)
    for n in range(1, order + 1):
        grams = keys >> np.uint64(1 + bits * (order - n))
        starts = np.concatenate(([0], np.flatnonzero(grams[1:] != grams[:-1]) + 1, [len(grams)]))
        second = np.diff(seconds_before[starts])
        shared = np.minimum(second, np.diff(starts) - second)
        some = np.flatnonzero(shared)
        grams, shared = grams[starts[some]], shared[some]
        whole = (grams & np.uint64((1 << bits) - 1)) != 0  # else the text ends before n numbers
        pair = (grams[whole] >> np.uint64(bits * n)).astype(np.int64)
        counts[:, n - 1] = np.bincount(pair, shared[whole], len(pairs))
    return counts


def _sorted_keys(pairs: Sequence[Pair], order: int, width: int) -> npt.NDArray[np.uint64]:
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
    within: npt.NDArray[np.uint64] = keys[numbers != 0]
    within.sort()
    return within
