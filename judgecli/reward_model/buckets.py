"""Hashed n-grams of many outputs, each in its bucket: what sums over them need, without a matrix; and the matrix, for a fit."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse

from judgecli.reward_model import ngrams

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Run:
    """N-grams of one block: their `columns` in the order of the texts, those of text t `bounds[t]:bounds[t + 1]`, and what each counts in a text, `unit` N."""

    columns: Ints
    bounds: Ints
    unit: Floats


@dataclass(frozen=True)
class Buckets:
    """The value of a text in a bucket is the number of its n-grams there over the root of 1 + the number of n-grams of their block.

    `size`: N texts; `width`: the number of buckets, 0 = none. Blocks do not share buckets.
    """

    size: int
    width: int
    runs: Sequence[Sequence[Run]]  # by block

    @classmethod
    def of(cls, bits: int, blocks: Sequence[Sequence[ngrams.Grams]], totals: Sequence[Ints]) -> "Buckets":
        """2**bits buckets a block, by the highest bits of each hash. `totals`: by block, how many n-grams each text has."""
        runs = [
            [Run((grams.hashes >> np.uint64(64 - bits)).astype(np.int64) + (place << bits), grams.bounds, 1 / np.sqrt(1 + total)) for grams in block]
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
            text = np.concatenate([np.repeat(np.arange(self.size), np.diff(run.bounds)) for run in block])
            column = np.concatenate([run.columns for run in block])
            first = ngrams.alike(text.astype(np.uint64) * np.uint64(self.width) + column.astype(np.uint64))
            more = np.bincount(first[first != np.arange(len(first))], minlength=len(first))  # n - 1 of a bucket with n of them
            several = np.flatnonzero(more)
            count = more[several]
            found += block[0].unit ** 2 * np.bincount(text[several], (count * count + count) * weights[column[several]], self.size)
        return found

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


def _sums(values: Floats, bounds: Ints) -> Floats:
    """The sum of each part of some values, 0 of an empty one."""
    found = np.add.reduceat(np.append(values, 0.0), bounds[:-1])
    found[bounds[1:] == bounds[:-1]] = 0
    return np.asarray(found, np.float64)
