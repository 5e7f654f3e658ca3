"""What has no score: how many records of a side, of which class, and whether two sides differ in it.

A mean is of the records that have a score. Where the share that has none differs between two sides, the means are of two
different kinds of records, whatever the reason was: an app must not win by making its bad answers unmeasurable.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import special

from judgecli.arrays import Floats
from judgecli.schema import REASONS

DRAWS = 4_999
SEED = 20_261_203
FEW_KINDS = 64  # of clusters that differ: beyond it their sum is taken for normal
DIFFERS = 0.05  # of the p below which two sides are said to differ


@dataclass(frozen=True)
class MeasuredShare:
    """Of `of` records `n` have a score; the rest by class of its reason (schema.REASONS)."""

    n: int
    by_design: int = 0
    failed: int = 0
    waiting: int = 0

    @property
    def of(self) -> int:
        """All records."""
        return self.n + self.by_design + self.failed + self.waiting

    @classmethod
    def of_reasons(cls, n: int, reasons: Mapping[str, int]) -> "MeasuredShare":
        """From the number of scores and that of each reason why there is none."""
        classes = {"design": 0, "failed": 0, "waiting": 0}
        for reason, count in reasons.items():
            classes[REASONS[reason]] += count
        return cls(n, classes["design"], classes["failed"], classes["waiting"])

    def to_json(self) -> dict[str, int]:
        """As data."""
        return {"n": self.n, "of": self.of, "by_design": self.by_design, "failed": self.failed, "waiting": self.waiting}

    def text(self) -> str:
        """n of N, and why not the rest.

        >>> Measured(133, failed=60, by_design=7).text()
        '133 of 200 (60 failed, 7 by design)'
        """
        why = [f"{count:,} {name}" for name, count in (("failed", self.failed), ("waiting", self.waiting), ("by design", self.by_design)) if count]
        return f"{self.n:,} of {self.of:,}" + (f" ({', '.join(why)})" if why else "")


@dataclass(frozen=True)
class Shares:
    """How much of two sides has a score, and p of the hypothesis that a record of either lacks it equally often; 1 where none lacks it."""

    a: MeasuredShare
    b: MeasuredShare
    p: float

    @property
    def differ(self) -> bool:
        """Whether chance alone would rarely show such a difference."""
        return self.p < DIFFERS

    @property
    def whole(self) -> bool:
        """Whether every record has a score."""
        return self.a.n == self.a.of and self.b.n == self.b.of

    def to_json(self) -> dict[str, object]:
        """As data."""
        return {"a": self.a.to_json(), "b": self.b.to_json(), "p": self.p}

    def text(self, a: str, b: str) -> str:
        """In words, for sides of these names; empty where every record has a score."""
        if self.whole:
            return ""
        told = f"{a} has a score on {self.a.text()}, {b} on {self.b.text()}"
        return told + (f": the shares differ (p = {self.p:.2g})" if self.differ else f" (p = {self.p:.2g})")


def shares_p(a_missing: Floats, a_rows: Floats, b_missing: Floats, b_rows: Floats) -> float:
    """Two-sided p of the hypothesis that the share of records without a score is the same on both sides.

    All four by cluster, a cluster at the same place on both sides (rows 0 where it is on one only). Under the hypothesis a
    cluster on both sides may as well have them exchanged, and those on one side only may as well be dealt anew: a permutation
    of clusters, exact but for its 4,999 draws (+1 rule), normal where clusters are of many kinds. 1 where a side is empty.

    >>> shares_p(np.zeros(200), np.ones(200), np.r_[np.ones(20), np.zeros(180)], np.ones(200)) < 0.001
    True
    """
    total_a, total_b = float(a_rows.sum()), float(b_rows.sum())
    lost = float(a_missing.sum() + b_missing.sum())
    if not total_a or not total_b or not lost or lost == total_a + total_b:
        return 1.0
    share = lost / (total_a + total_b)
    excess_a, excess_b = a_missing - share * a_rows, b_missing - share * b_rows
    both = (a_rows > 0) & (b_rows > 0)
    paired = (excess_b / total_b - excess_a / total_a)[both]
    alone_a, alone_b = excess_a[(a_rows > 0) & ~both], excess_b[(b_rows > 0) & ~both]
    dealt = np.r_[alone_a, alone_b]
    weight = 1 / total_a + 1 / total_b
    usual = len(alone_b) * float(dealt.mean()) if len(dealt) else 0.0
    seen = float(paired.sum()) + weight * (float(alone_b.sum()) - usual)
    flips, flipped = np.unique(np.abs(paired[np.abs(paired) > 1e-15]).round(15), return_counts=True)
    kinds, counts = np.unique(dealt.round(12), return_counts=True)
    if len(flips) + len(kinds) > FEW_KINDS:
        spread = float((dealt**2).mean() - dealt.mean() ** 2) if len(dealt) > 1 else 0.0
        variance = float((paired**2).sum()) + weight**2 * spread * len(alone_a) * len(alone_b) / max(len(dealt) - 1, 1)
        return float(2 * special.ndtr(-abs(seen) / np.sqrt(variance))) if variance > 0 else 1.0
    random = np.random.default_rng(SEED)
    drawn = (2.0 * random.binomial(flipped, 0.5, size=(DRAWS, len(flips))) - flipped) @ flips if len(flips) else np.zeros(DRAWS)
    if len(alone_a) and len(alone_b):
        drawn = drawn + weight * (random.multivariate_hypergeometric(counts, len(alone_b), size=DRAWS, method="marginals") @ kinds - usual)
    return float((1 + np.count_nonzero(np.abs(drawn) >= abs(seen) * (1 - 1e-9) - 1e-15)) / (DRAWS + 1))
