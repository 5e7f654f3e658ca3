"""The records of one side by prompt and cluster: what a baseline keeps, and what both a paired and an unpaired comparison are made of."""

from dataclasses import dataclass, replace

import numpy as np

from judgecli.arrays import Bools, Floats, Integers
from judgecli.signal.compare.paired import SEVERAL, PairSide, gather_side
from judgecli.signal.missing import MeasuredShare, Shares, shares_p


@dataclass(frozen=True)
class Parts:
    """One item for each prompt in each cluster, ascending by both; records without a prompt (`keyed` false) come last, by cluster.

    n and sum of the values, their squares around the mean of the part, and how many are missing (failed or waiting).
    `design`: how many have no value by design; None: one for each part that has neither a value nor a missing one.
    """

    prompts: Integers
    keyed: Bools
    clusters: Integers
    counts: Floats
    sums: Floats
    squares: Floats
    missing: Floats
    design: Floats | None = None

    @property
    def by_design(self) -> Floats:
        """By part, how many records have no value by design."""
        return (self.counts + self.missing == 0).astype(np.float64) if self.design is None else self.design

    @property
    def measured(self) -> MeasuredShare:
        """How many of all records have a value, and why not the rest; what waits counts as failed."""
        return MeasuredShare(int(self.counts.sum()), int(self.by_design.sum()), int(self.missing.sum()))

    @property
    def owed(self) -> "Parts":
        """The same with what has no value by design as missing."""
        return replace(self, missing=self.missing + self.by_design, design=np.zeros(len(self.counts)))

    @property
    def records(self) -> int:
        """Values and missing ones."""
        return int(self.counts.sum() + self.missing.sum())

    def taken(self, kept: Bools) -> "Parts":
        """Some of them."""
        counts, sums, squares, missing = (column[kept] for column in (self.counts, self.sums, self.squares, self.missing))
        return Parts(
            self.prompts[kept], self.keyed[kept], self.clusters[kept], counts=counts, sums=sums, squares=squares, missing=missing, design=self.by_design[kept]
        )

    @property
    def zeros_and_ones(self) -> bool:
        """Whether every value is 0 or 1, as v^2 = v says of each part up to rounding."""
        means = np.divide(self.sums, self.counts, out=np.zeros(len(self.counts)), where=self.counts > 0)
        raw = self.squares + self.counts * means**2
        return bool(self.counts.any() and ((means >= 0) & (means <= 1)).all() and np.abs(raw - self.sums).max(initial=0.0) <= 1e-9)


def part_codes(prompts: Integers, keyed: Bools, clusters: Integers) -> tuple[Integers, Integers]:
    """The part of each record (codes from 0), and one record of each part."""
    filled = np.where(keyed, prompts, 0)
    order = np.lexsort((clusters, filled, ~keyed))
    columns = (filled[order], clusters[order], keyed[order])
    new = np.ones(len(order), dtype=bool)
    if len(order):
        new[1:] = np.logical_or.reduce([np.diff(column) != 0 for column in columns])
    codes = np.empty(len(order), dtype=np.int64)
    codes[order] = np.cumsum(new) - 1
    return codes, order[new]


def gather_parts(prompts: Integers, keyed: Bools, clusters: Integers, values: Floats, missing: Bools) -> Parts:
    """From records (NaN: no value, and `missing` whether it should have one); the same in any order of them."""
    codes, firsts = part_codes(prompts, keyed, clusters)
    found = gather_side(codes, clusters, values, missing)
    where = (np.where(keyed, prompts, 0)[firsts], keyed[firsts], clusters[firsts])
    return Parts(*where, counts=found.counts, sums=found.sums, squares=found.squares, missing=found.missing, design=found.design)


def side_of(parts: Parts) -> PairSide:
    """The same by prompt, without the records that have none."""
    kept = slice(0, int(np.count_nonzero(parts.keyed)))
    prompts, clusters, counts, sums = parts.prompts[kept], parts.clusters[kept], parts.counts[kept], parts.sums[kept]
    distinct, place = np.unique(prompts, return_inverse=True)
    size = len(distinct)
    whole, total, missing, design = (np.bincount(place, which, size).astype(np.float64) for which in (counts, sums, parts.missing[kept], parts.by_design[kept]))
    means = np.divide(total, whole, out=np.zeros(size), where=whole > 0)
    own = np.divide(sums, counts, out=np.zeros(len(counts)), where=counts > 0)
    squares = np.bincount(place, parts.squares[kept] + counts * (own - means[place]) ** 2, size).astype(np.float64)
    starts = np.searchsorted(prompts, distinct)
    ends = np.r_[starts[1:], len(prompts)] - 1 if size else starts
    one = starts == ends
    return PairSide(
        distinct,
        whole,
        total,
        squares=squares,
        missing=missing,
        clusters=np.where(one, clusters[starts], SEVERAL),
        parts=(prompts, clusters, counts, sums),
        design=design,
    )


@dataclass(frozen=True)
class Clustered:
    """One side by cluster, ascending: n and sum of its values, and how many are missing."""

    clusters: Integers
    counts: Floats
    sums: Floats
    missing: Floats


def by_cluster(parts: Parts) -> Clustered:
    """All records of a side by cluster, those without a prompt too."""
    clusters, place = np.unique(parts.clusters, return_inverse=True)
    counts, sums, missing = (np.bincount(place, which, len(clusters)).astype(np.float64) for which in (parts.counts, parts.sums, parts.missing))
    return Clustered(clusters, counts, sums, missing)


def compare_parts(a: Parts, b: Parts) -> Shares:
    """How much of each side has a score, with the test by cluster of whether the shares differ."""
    clusters = np.union1d(a.clusters, b.clusters)
    found = []
    for side in (a, b):
        place, without = np.searchsorted(clusters, side.clusters), side.missing + side.by_design
        found += [np.bincount(place, which, len(clusters)).astype(np.float64) for which in (without, without + side.counts)]
    return Shares(a.measured, b.measured, shares_p(*found))
