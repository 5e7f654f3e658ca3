"""What of a changed mean is change within kinds of rows, and what is another mix of kinds, with errors by cluster."""

from dataclasses import dataclass

import numpy as np
from scipy import special

from judgecli.arrays import Bools, Floats, Integers


@dataclass(frozen=True, slots=True)
class Decomposition:
    """`within` + `mix` = `total`, the mean of current less that of reference.

    `matched` is the share of current rows whose kind can be compared with the other side, `matched_reference` that of reference rows.
    `variances` are those of within and total and their covariance, by cluster; `clusters` is the smaller of the two numbers of clusters.
    `by_kind` is what the moved share of each kind adds to the mix, against the mean of the reference.
    """

    total: float
    within: float
    mix: float
    matched: float
    matched_reference: float
    variances: tuple[float, float, float]
    clusters: int
    by_kind: Floats

    def error(self, within: float, total: float) -> float:
        """The standard error of `within` times the change within plus `total` times the change."""
        own, whole, both = self.variances
        return float(np.sqrt(max(within**2 * own + total**2 * whole + 2 * within * total * both, 0.0)))

    def p_mix_above(self, share: float) -> float:
        """One-sided p of the claim that the mix is more than this share of the change, in its direction."""
        return self._p(self.mix - share * self.total, self.error(-1.0, 1 - share))

    def p_within_above(self, share: float) -> float:
        """The same of the change within."""
        return self._p(self.within - share * self.total, self.error(1.0, -share))

    def _p(self, beyond: float, error: float) -> float:
        beyond *= np.sign(self.total)
        if error <= 0:
            return 0.0 if beyond > 0 else 1.0
        return float(special.stdtr(max(self.clusters - 1, 1), -beyond / error))


def decompose(values: Floats, current: Bools, kinds: Integers, clusters: Integers, *, least_clusters: int = 1) -> Decomposition | None:
    """sum w_R (m_C - m_R) is within, the rest of the change is mix; None where a side is empty.

    Columns: N values (no NaN), which are current, their kinds and clusters (codes from 0 up). A kind with fewer than
    `least_clusters` clusters on a side has no change within: all of it is mix. Errors are those of the linearised estimates, summed
    by cluster, so the weights count as estimated too and clusters on both sides count as the pairs that they are; each carries the
    factor G / (G - 1) of the smaller side.
    Source: Kitagawa 1955; Oaxaca 1973 (reference weights for the change within); Liang & Zeger 1986 (errors by cluster).

    >>> kinds = np.repeat([0, 1, 0, 1], [10, 10, 5, 15])
    >>> values = np.r_[np.repeat([1.0, 0], [8, 2]), np.repeat([1.0, 0], [2, 8]), np.repeat([1.0, 0], [4, 1]), np.repeat([1.0, 0], [3, 12])]
    >>> found = decompose(values, np.arange(40) >= 20, kinds, np.arange(40))
    >>> round(found.total, 6), round(found.within, 6), round(found.mix, 6)
    (-0.15, 0.0, -0.15)
    """
    sides = (~current, current)
    rows = [int(side.sum()) for side in sides]
    if not all(rows):
        return None
    size, width = int(kinds.max()) + 1, int(clusters.max()) + 1
    counts = [np.bincount(kinds[side], minlength=size).astype(np.float64) for side in sides]
    sums = [np.bincount(kinds[side], values[side], size).astype(np.float64) for side in sides]
    means = [np.divide(total, count, out=np.zeros(size), where=count > 0) for total, count in zip(sums, counts, strict=True)]
    both = np.logical_and(*(_clusters_of(kinds[side], clusters[side], size, width) >= least_clusters for side in sides))
    weights = [count / number for count, number in zip(counts, rows, strict=True)]
    moved = np.where(both, means[1] - means[0], 0.0)
    whole = [float(total.sum() / number) for total, number in zip(sums, rows, strict=True)]
    total, within = whole[1] - whole[0], float(weights[0] @ moved)
    of_total = np.where(current, (values - whole[1]) / rows[1], (whole[0] - values) / rows[0])
    kept, own = both[kinds], moved[kinds]
    lever = np.divide(weights[0], counts[1], out=np.zeros(size), where=both)
    of_within = np.where(current, lever[kinds] * (values - means[1][kinds]), (own - within - kept * (values - means[0][kinds])) / rows[0])
    shares = [np.bincount(clusters, influence, width).astype(np.float64) for influence in (of_within, of_total)]
    held = min(int(np.count_nonzero(np.bincount(clusters[side], minlength=width))) for side in sides)
    factor = held / max(held - 1, 1)
    variances = tuple(factor * float(one @ other) for one, other in ((shares[0], shares[0]), (shares[1], shares[1]), (shares[0], shares[1])))
    by_kind = (weights[1] - weights[0]) * (np.where(counts[1] > 0, means[1], means[0]) - whole[0])
    matched = [float(weight[both].sum()) for weight in weights]
    return Decomposition(
        total,
        within,
        total - within,
        matched=matched[1],
        matched_reference=matched[0],
        variances=(variances[0], variances[1], variances[2]),
        clusters=held,
        by_kind=by_kind,
    )


def _clusters_of(kinds: Integers, clusters: Integers, size: int, width: int) -> Integers:
    """How many clusters each kind has."""
    return np.bincount(np.unique(kinds * width + clusters) // width, minlength=size)
