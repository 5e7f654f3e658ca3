"""Hashed n-grams of many outputs, each in its bucket: what sums over them need, without a matrix; and the matrix, for a fit."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from judgecli.arrays import Floats, Integers
from judgecli.reward_model import ngrams

_CELLS = 1 << 19  # of a table that stays in the processor's cache


@dataclass(frozen=True)
class BucketRun:
    """N-grams of one block: their `columns` in the order of the texts, those of text t `bounds[t]:bounds[t + 1]`, and what each counts in a text, `unit` N."""

    columns: Integers
    bounds: Integers
    unit: Floats


@dataclass(frozen=True)
class Buckets:
    """The value of a text in a bucket is the number of its n-grams there over the root of 1 + the number of n-grams of their block.

    `size`: N texts; `width`: the number of buckets, 0 = none. Blocks do not share buckets.
    """

    size: int
    width: int
    runs: Sequence[Sequence[BucketRun]]  # by block

    @classmethod
    def of(cls, bits: int, blocks: Sequence[Sequence[ngrams.Grams]], totals: Sequence[Integers]) -> "Buckets":
        """2**bits buckets a block, by the highest bits of each hash. `totals`: by block, how many n-grams each text has."""
        runs = [
            [BucketRun((grams.hashes >> np.uint64(64 - bits)).astype(np.int64) + (place << bits), grams.bounds, 1 / np.sqrt(1 + total)) for grams in block]
            for place, (block, total) in enumerate(zip(blocks, totals, strict=True))
        ]
        return cls(len(totals[0]), len(blocks) << bits, runs)

    def sums(self, weights: Floats) -> Floats:
        """The sum over buckets of value times weight, of each text."""
        found = np.zeros(self.size)
        for block in self.runs:
            for run in block:
                found += run.unit * _sums(weights[run.columns], run.bounds)
        return found

    def squares(self, weights: Floats) -> Floats:
        """The sum over buckets of squared value times weight, of each text."""
        found = np.zeros(self.size)
        for block in self.runs:
            for run in block:
                found += run.unit**2 * _sums(weights[run.columns], run.bounds)  # as if each stood in a bucket of its own
        for text, column, count in self._several():
            unit = np.array([block[0].unit for block in self.runs])[column // (self.width // len(self.runs)), text]
            found += np.bincount(text, (count * count - count) * unit**2 * weights[column], self.size)
        return found

    def _several(self) -> Iterator[tuple[Integers, Integers, Integers]]:
        """The buckets that several n-grams of one text fall into: text, column and number, for some texts at a time.

        Each n-gram writes its place into the cell of its bucket; who reads another place there is not alone.
        """
        runs = [run for block in self.runs for run in block]
        cells = [np.repeat(np.arange(self.size) * self.width, np.diff(run.bounds)) + run.columns for run in runs]
        step = max(1, _CELLS // max(self.width, 1))
        table = np.empty(step * self.width, np.int32)
        for start in range(0, self.size if runs else 0, step):
            end = min(start + step, self.size)
            some = np.concatenate([own[run.bounds[start] : run.bounds[end]] for own, run in zip(cells, runs, strict=True)]) - start * self.width
            places = np.arange(len(some), dtype=np.int32)
            table[some] = places
            last = table[some]
            more = np.bincount(last[last != places], minlength=1)
            several = np.flatnonzero(more)
            cell = some[several]
            yield start + cell // self.width, cell % self.width, more[several] + 1

    def matrix(self) -> sparse.csr_matrix:
        """N x width."""
        if not self.width:
            return sparse.csr_matrix((self.size, 0))
        runs = [run for block in self.runs for run in block]
        text = np.concatenate([np.repeat(np.arange(self.size), np.diff(run.bounds)) for run in runs])
        column = np.concatenate([run.columns for run in runs])
        counts = sparse.csc_matrix(sparse.coo_matrix((np.ones(len(text)), (text, column)), (self.size, self.width)))  # equal places are added up
        found = sparse.csr_matrix(counts)
        unit = np.column_stack([block[0].unit for block in self.runs])
        found.data *= unit[np.repeat(np.arange(self.size), np.diff(found.indptr)), found.indices // (self.width // len(self.runs))]
        return found


def _sums(values: Floats, bounds: Integers) -> Floats:
    """The sum of each part of some values, 0 of an empty one."""
    found, some = np.zeros(len(bounds) - 1), bounds[1:] > bounds[:-1]
    if some.any():
        found[some] = np.add.reduceat(values, bounds[:-1][some])
    return found
