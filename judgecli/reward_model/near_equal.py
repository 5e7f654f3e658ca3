"""Texts that are nearly equal: the same but for ids and numbers, or of five-character shingles that overlap by 70 %.

Sources: Broder 1997 (shingles, resemblance, sketches of the smallest hashes); Leskovec, Rajaraman & Ullman 2020, chapter 3 (bands).
"""

import re
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from judgecli.arrays import Hashes, Integers

SHINGLE = 5  # characters
ALIKE = 0.7  # of two sets of shingles: what they share over what either has
SKETCH = 128  # smallest hashes of a text, which stand for all of its shingles
FEWEST_SHINGLES = 8  # of a text; shorter ones are equal or not
BOILERPLATE = 0.5  # what stands in more than this share of the texts says nothing about any of them
FEWEST_TEXTS = 20  # below, nothing is boilerplate
BANDS, ROWS = 16, 4  # two texts that share 70 % meet in a band with a chance of 99 %, with 80 % of 99.98 %
ROUNDS = 8  # of one band: a text is held against so many others at most
CHARACTERS = 4_000_000  # read at once
FEWEST_WORDS = 4  # that must be left beside ids and numbers
ID_DIGITS = 5

_WITH_DIGIT = re.compile(r"[^\s\d]*\d\S*")
_WORD = re.compile(r"[^\W\d_]+")


def plain(text: str) -> str:
    """The text in one case and with single spaces."""
    return " ".join(text.split()).casefold()


def without_numbers(text: str) -> str:
    """A plain text with every word that holds a digit replaced by #; as it is where fewer than four other words would be left, or fewer than two for each #.

    >>> without_numbers("please look at order ab-4711"), without_numbers("what is 2 + 2?")
    ('please look at order #', 'what is 2 + 2?')
    """
    return _or_text(_WITH_DIGIT.sub("#", text), text)


def without_ids(text: str) -> str:
    """A plain text with every word that holds five digits or more replaced by #; as it is where too little would be left, as above.

    >>> without_ids("your order 471-1233 was sent in 2 parts")
    'your order # was sent in 2 parts'
    """
    masked = _WITH_DIGIT.sub(lambda word: "#" if sum(letter.isdigit() for letter in word[0]) >= ID_DIGITS else word[0], text)
    return masked if masked is text else _or_text(masked, text)


def _or_text(masked: str, text: str) -> str:
    left = len(_WORD.findall(masked))
    return masked if left >= FEWEST_WORDS and 2 * masked.count("#") <= left else text


def near_pairs(texts: Sequence[str]) -> Integers:
    """(P, 2) places of texts that overlap by 70 % and more: enough of them to join all that are near, not every single pair.

    What more than half of 20 or more texts share, such as a template around every question, is left out of all. Texts of fewer than
    eight other shingles are near to none. Deterministic; of 100 pairs that share 70 % one is missed, of those that share more, fewer.
    """
    hashes, owner = _own(*_sketches(texts), len(texts))
    held, place = np.unique(owner, return_inverse=True)
    if len(held) < 2:
        return np.zeros((0, 2), np.int64)
    _, column = np.unique(hashes, return_inverse=True)
    sets = sparse.csr_matrix((np.ones(len(column), np.float32), (place, column)))
    linked, found = np.arange(len(held)), np.zeros((0, 2), np.int64)
    for keys in _bands(hashes, np.flatnonzero(np.diff(place, prepend=-1))):
        found = np.vstack([found, _meetings(keys, linked, sets)])
        graph = sparse.coo_array((np.ones(len(found)), (found[:, 0], found[:, 1])), shape=(len(held), len(held)))
        linked = connected_components(graph, directed=False)[1]
    return np.asarray(held[found], np.int64)


def _sketches(texts: Sequence[str]) -> tuple[Hashes, Integers]:
    """Of each text the smallest hashes of its shingles, ascending, and whose they are."""
    hashes, owners, start = [], [], 0
    sizes = np.cumsum([len(text) for text in texts])
    while start < len(texts):
        done = int(sizes[start - 1]) if start else 0
        end = max(start + 1, int(np.searchsorted(sizes, done + CHARACTERS, "right")))
        own, owner = _sketch(texts[start:end])
        hashes.append(own)
        owners.append(owner + start)
        start = end
    return (np.concatenate(hashes), np.concatenate(owners)) if hashes else (np.zeros(0, np.uint64), np.zeros(0, np.int64))


def _sketch(texts: Sequence[str]) -> tuple[Hashes, Integers]:
    letters = np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.uint64)
    sizes = np.array([len(text) for text in texts], np.int64)
    counts = np.maximum(sizes - SHINGLE + 1, 0)
    owner = np.repeat(np.arange(len(texts)), counts)
    first = np.arange(counts.sum()) + np.repeat(np.cumsum(sizes) - sizes - (np.cumsum(counts) - counts), counts)
    value = np.zeros(len(first), np.uint64)
    for step in range(SHINGLE):
        value = value * np.uint64(0x100000001B3) + letters[first + step]
    value = _mixed(value)
    # Twice the sketch is left of a long text before it is sorted: which ones depends on the hashes alone.
    limit = np.minimum(2.0 * SKETCH / np.maximum(counts, 1), 1.0)
    kept = value <= (limit * (2.0**64 - 2048)).astype(np.uint64)[owner]
    value, owner = value[kept], owner[kept]
    order = np.lexsort((value, owner))
    value, owner = value[order], owner[order]
    fresh = np.r_[True, (np.diff(owner) != 0) | (value[1:] != value[:-1])] if len(value) else np.zeros(0, bool)
    value, owner = value[fresh], owner[fresh]
    kept = _rank_within(owner) < SKETCH
    return value[kept], owner[kept]


def _mixed(value: Hashes) -> Hashes:
    """The bits spread over all 64 (the finaliser of SplitMix64)."""
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))


def _rank_within(groups: Integers) -> Integers:
    """The place of each row among those of its group; the groups ascend."""
    starts = np.flatnonzero(np.diff(groups, prepend=-1))
    return np.arange(len(groups)) - np.repeat(starts, np.diff(starts, append=len(groups)))


def _own(hashes: Hashes, owner: Integers, texts: int) -> tuple[Hashes, Integers]:
    """Without what more than half of the texts share, and without texts of which too little is left."""
    if texts >= FEWEST_TEXTS:
        _, place, counts = np.unique(hashes, return_inverse=True, return_counts=True)
        rare = counts[place] <= BOILERPLATE * texts
        hashes, owner = hashes[rare], owner[rare]
    long = np.bincount(owner, minlength=texts)[owner] >= FEWEST_SHINGLES
    return hashes[long], owner[long]


def _bands(hashes: Hashes, starts: Integers) -> Iterator[Hashes]:
    """A key a text for each band: texts with equal keys have the same smallest hash under all of its permutations."""
    factors = _mixed(np.arange(1, 2 * BANDS * ROWS + 1, dtype=np.uint64)).reshape(BANDS, ROWS, 2)
    for band in factors:
        key = np.zeros(len(starts), np.uint64)
        for factor, shift in band:
            key = _mixed(key ^ np.minimum.reduceat((hashes ^ shift) * (factor | np.uint64(1)), starts))
        yield key


def _meetings(keys: Hashes, linked: Integers, sets: sparse.csr_matrix) -> Integers:
    """Pairs with equal keys that are near: everyone against the first of its key, then those that are not near against the first of themselves, and so on."""
    found, open_ = [np.zeros((0, 2), np.int64)], np.arange(len(keys))
    for _ in range(ROUNDS):
        _, first, place = np.unique(keys[open_], return_index=True, return_inverse=True)
        heads = open_[first][place]
        rest = linked[open_] != linked[heads]
        open_, heads = open_[rest], heads[rest]
        if not len(open_):
            break
        near = _alike(sets, heads, open_)
        found.append(np.stack([heads[near], open_[near]], axis=1))
        open_ = open_[~near]
    return np.concatenate(found)


def _alike(sets: sparse.csr_matrix, left: Integers, right: Integers) -> npt.NDArray[np.bool_]:
    """Whether the sketches of N pairs of texts overlap enough."""
    sizes = np.diff(sets.indptr)
    parts = [slice(at, at + 5000) for at in range(0, len(left), 5000)]
    shared = np.concatenate([np.asarray(sets[left[part]].multiply(sets[right[part]]).sum(axis=1)).ravel() for part in parts])
    return np.asarray(shared >= ALIKE * (sizes[left] + sizes[right] - shared), bool)
