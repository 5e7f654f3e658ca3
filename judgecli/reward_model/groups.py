"""Groups of preferences that must stay on one side of every split, since what was learnt of one answers the others.

Two rows belong to one group where they have the same prompt (in one case, with single spaces; of a dialogue: the same first question), where their
prompts are nearly equal (near_equal.py: but for numbers and ids, or sharing 70 % of their shingles), or where an answer of
one is an answer of the other (but for ids). Groups are the connected components of all that.

One refusal under half of the prompts must not make one group of everything. So prompts that are nearly equal, and equal answers, join only
while the group that they make holds at most a fifth of the rows, the rare ones first. Rows that should have been joined
and were not are `loose`: they are learnt from, but never measured.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from judgecli.arrays import Bools, Integers
from judgecli.reward_model.features import opening
from judgecli.reward_model.near_equal import near_pairs, plain, without_ids, without_numbers
from judgecli.reward_model.preferences import GoodOrBad, PreferencePair

StatedPreference = PreferencePair | GoodOrBad

MOST_SHARE = 0.2  # of the rows that a group may come to hold by nearly equal prompts or equal answers
FOLDS = 5


@dataclass(frozen=True)
class Groups:
    """The group of each of N rows, and how it came about.

    `numbers`: 64 bits, the same for the same prompts in any order of rows; `loose`: rows that share a prompt or an answer
    with another group (see above); `clusters`: the groups as an interval counts them, where loose rows go with those that they should have been joined to.
    `prompts` counts different prompts, `by_prompt` and `by_answer` how many fewer groups there are
    since prompts are nearly equal, and since answers are equal.
    """

    numbers: Integers
    loose: Bools
    clusters: Integers
    prompts: int
    by_prompt: int
    by_answer: int

    @property
    def count(self) -> int:
        """How many groups there are."""
        return len(np.unique(self.numbers))


def group_rows(said: Sequence[StatedPreference]) -> Groups:
    """The groups of N comparisons and verdicts. Seconds for 20,000 of them."""
    own = np.array([prompt_number(one) for one in said], np.int64)
    parts = _GroupParts(own)
    prompts = parts.count
    for rows in _near_prompts(said, own):
        parts.join(rows)
    near = parts.count
    for rows in _equal([[hashed(without_ids(plain(text))) for text in _answers(one)] for one in said]):
        parts.join(rows)
    numbers = parts.numbers(own)
    return Groups(numbers, parts.loose >= 0, np.where(parts.loose >= 0, parts.loose, numbers), prompts, prompts - near, near - parts.count)


def fold_of(group: int, seed: int = 0) -> int:
    """The fold of a group, 0 to 4, by the hash of its number alone."""
    return int.from_bytes(hashlib.blake2b(f"{seed}\0{group}".encode(), digest_size=4).digest(), "little") % FOLDS


def prompt_number(one: StatedPreference) -> int:
    """The prompt (of a dialogue its first question) as a number. Where no prompt is known, the texts stand for it."""
    text = plain(opening(one.question or one.prompt))
    return hashed(text or "\0".join(sorted(_answers(one))))


def hashed(text: str) -> int:
    """A text as a number of 64 bits."""
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8).digest(), "little", signed=True)


def _answers(one: StatedPreference) -> tuple[str, ...]:
    return (one.chosen, one.rejected) if isinstance(one, PreferencePair) else (one.output,)


def _near_prompts(said: Sequence[StatedPreference], own: Integers) -> Iterable[Integers]:
    """Sets of rows whose prompts are nearly equal, those that differ by numbers alone first."""
    _, first, place = np.unique(own, return_index=True, return_inverse=True)
    texts = [plain(opening(said[at].question or said[at].prompt)) for at in first]
    masked = [without_numbers(text) for text in texts]
    names: dict[str, int] = {}
    kind = np.array([names.setdefault(text or f"\0{at}", len(names)) for at, text in enumerate(masked)], np.int64)[place]
    rows = _rows_of(kind, len(names))
    yield from sorted((own_rows for own_rows in rows if len(own_rows) > 1), key=len)
    pairs = near_pairs(list(names))
    graph = sparse.coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(len(names), len(names)))
    count, chain = connected_components(graph, directed=False)
    yield from sorted((own_rows for own_rows in _rows_of(chain[kind].astype(np.int64), count) if len(own_rows) > 1), key=len)


def _equal(texts: Sequence[Sequence[int]]) -> Iterable[Integers]:
    """Sets of rows that hold the same answer, the rarest answer first."""
    rows = np.repeat(np.arange(len(texts)), [len(own) for own in texts])
    _, place, counts = np.unique(np.array([text for own in texts for text in own], np.int64), return_inverse=True, return_counts=True)
    shared = counts[place] > 1
    _, place = np.unique(place[shared], return_inverse=True)
    return sorted(([*map(np.unique, _rows_of(place, int(place.max(initial=-1)) + 1, rows[shared]))]), key=len)


def _rows_of(places: Integers, size: int, rows: Integers | None = None) -> list[Integers]:
    """The rows of each of `size` places."""
    order = np.argsort(places, kind="stable")
    found = order if rows is None else rows[order]
    return np.split(found, np.cumsum(np.bincount(places, minlength=size))[:-1]) if size else []


class _GroupParts:
    """Disjoint sets of rows that grow by joining, up to a size."""

    def __init__(self, own: Integers) -> None:
        _, first, place = np.unique(own, return_index=True, return_inverse=True)
        self._parent = first[place].tolist()
        self._size = np.bincount(first[place], minlength=len(own)).tolist()
        self._most = MOST_SHARE * len(own)
        self.loose = np.full(len(own), -1, np.int64)  # the set that was not made, by a number of its own
        self.count = len(first)
        self._refused = -1

    def _root(self, row: int) -> int:
        while self._parent[row] != row:
            self._parent[row] = row = self._parent[self._parent[row]]
        return row

    def join(self, rows: Integers) -> None:
        """Make one set of those of these rows; where it would be too large, the rows are loose instead."""
        roots = sorted({self._root(row) for row in rows.tolist()})
        if len(roots) < 2:
            return
        size = sum(self._size[root] for root in roots)
        if size > self._most:
            self.loose[rows] = self._refused = self._refused + 1
            return
        for root in roots[1:]:
            self._parent[root] = roots[0]
        self._size[roots[0]] = size
        self.count -= len(roots) - 1

    def numbers(self, own: Integers) -> Integers:
        """Of each row the smallest number of its set."""
        roots = np.array([self._root(row) for row in range(len(own))], np.int64)
        least = np.full(len(own), np.iinfo(np.int64).max)
        np.minimum.at(least, roots, own)
        return least[roots]
