"""Which keys the store already holds: 8 bytes a key in memory, checked in full against the key files."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from judgecli.store.tables import read_keys


class KeyIndex:
    """A set of 16-byte keys. Sorted arrays of the first 8 bytes are merged as they grow, so a key costs log time.

    Keys are N x 2 little-endian uint64 arrays. A hit on the first 8 bytes is checked against the key
    files and the keys added since, so two keys that share them are told apart.
    """

    def __init__(self, files: Sequence[Path]) -> None:
        self._files = [read_keys(path) for path in files]
        self._pending: list[np.ndarray] = []
        self._levels: list[np.ndarray] = []
        for keys in self._files:
            self._insert(keys[:, 0])

    @classmethod
    def of(cls, keys: Sequence[np.ndarray]) -> "KeyIndex":
        """These keys, from memory."""
        index = cls([])
        index.add(np.concatenate([np.empty((0, 2), dtype="<u8"), *keys]))
        return index

    def __len__(self) -> int:
        """How many keys there are."""
        return sum(len(level) for level in self._levels)

    def add(self, keys: np.ndarray) -> None:
        """Add keys that are not in a file yet."""
        if len(keys):
            ordered = keys[np.lexsort((keys[:, 1], keys[:, 0]))]
            self._pending.append(ordered)
            self._insert(ordered[:, 0])

    def publish(self, path: Path) -> None:
        """The keys added so far now stand in this file: keep them on disk only."""
        self._pending.clear()
        self._files.append(read_keys(path))

    def contains(self, keys: np.ndarray) -> np.ndarray:
        """For each key, whether it is here."""
        prefixes = keys[:, 0]
        maybe = np.zeros(len(keys), dtype=bool)
        for level in self._levels:
            maybe |= _search(level, prefixes)
        found = np.flatnonzero(maybe)
        if len(found):
            maybe[found] = self._contains_exactly(keys[found])
        return maybe

    def _contains_exactly(self, keys: np.ndarray) -> np.ndarray:
        known = np.zeros(len(keys), dtype=bool)
        for array in [*self._files, *self._pending]:
            open_rows = np.flatnonzero(~known)
            if not len(open_rows):
                break
            known[open_rows] = _search_pairs(array, keys[open_rows])
        return known

    def _insert(self, prefixes: np.ndarray) -> None:
        while self._levels and len(self._levels[-1]) <= 2 * len(prefixes):
            prefixes = np.concatenate([self._levels.pop(), prefixes])
        if len(prefixes):
            self._levels.append(np.sort(prefixes, kind="stable"))


def _search(ordered: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    place = np.searchsorted(ordered, wanted)
    place[place == len(ordered)] = 0
    return ordered[place] == wanted if len(ordered) else np.zeros(len(wanted), dtype=bool)


def _search_pairs(ordered: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Whether each wanted pair stands in the sorted pairs; several may share their first half."""
    first = ordered[:, 0]
    low = np.searchsorted(first, wanted[:, 0], side="left")
    high = np.searchsorted(first, wanted[:, 0], side="right")
    hit = np.zeros(len(wanted), dtype=bool)
    single = high == low + 1
    hit[single] = ordered[low[single], 1] == wanted[single, 1]
    for row in np.flatnonzero(high > low + 1):
        hit[row] = bool((ordered[low[row] : high[row], 1] == wanted[row, 1]).any())
    return hit


def first_occurrences(keys: np.ndarray) -> np.ndarray:
    """A mask of the rows that are the first of their key within this batch."""
    order = np.lexsort((np.arange(len(keys)), keys[:, 1], keys[:, 0]))
    ordered = keys[order]
    repeat = np.zeros(len(keys), dtype=bool)
    repeat[1:] = (ordered[1:] == ordered[:-1]).all(axis=1)
    mask = np.ones(len(keys), dtype=bool)
    mask[order[repeat]] = False
    return mask
