"""How the shape of a distribution changed: W1, KS and TV with intervals by cluster, PSI and Jensen-Shannon beside them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from judgecli.arrays import Floats
from judgecli.stats.cdf_band import least_gap
from judgecli.stats.distance_bootstrap import distance_limits
from judgecli.stats.distances import distances
from judgecli.stats.divergences import jensen_shannon, stability_index

TENTHS = 10


@dataclass(frozen=True)
class Grouped:
    """Counts of groups of clusters x bins (or categories, named) on both sides; row g is the same group. `start` is the middle of the first bin.

    `cut` tells that values beyond the grid were moved to its ends, which an open scale needs.
    """

    reference: Floats
    current: Floats
    step: float = 1.0
    start: float = 0.0
    cut: bool = False
    categories: Sequence[str] = ()


@dataclass(frozen=True)
class ShapeChange:
    """Distances of the two distributions as they are, their limits free of chance's share by name (estimate, low, high), and the compatibility columns."""

    w1: float | None
    ks: float | None
    tv: float
    limits: Mapping[str, tuple[float, float, float]] | None
    psi: float | None
    js: float | None
    shares: tuple[Sequence[float], Sequence[float]]  # in tenths of the grid, or by category
    edges: Sequence[float] = ()
    categories: Sequence[str] = ()
    cut: bool = False
    certain_ks: float | None = None  # what KS is at least, by bands that hold for any distribution

    def to_json(self) -> dict[str, object]:
        """Distances, limits and shares as plain data."""
        limits = None if self.limits is None else {name: list(found) for name, found in self.limits.items() if self.w1 is not None or name == "tv"}
        return {
            "w1": self.w1,
            "ks": self.ks,
            "tv": self.tv,
            "limits": limits,
            "certain_ks": self.certain_ks,
            "psi": self.psi,
            "js": self.js,
            "shares": {"reference": list(self.shares[0]), "current": list(self.shares[1])},
            "edges": list(self.edges),
            "categories": list(self.categories),
            "cut": self.cut,
        }


def number_shape(grouped: Grouped, clusters: tuple[int, int]) -> ShapeChange:
    """The shape of a number on its grid; `certain_ks` counts each of the `clusters` of a side as one value.

    PSI and Jensen-Shannon are on tenths of the reference, as other tools take them.
    """
    old, new = grouped.reference.sum(axis=0), grouped.current.sum(axis=0)
    found = distances(old, new, step=grouped.step)
    assert found is not None
    edges = _tenths(old)
    old_tenths, new_tenths = (np.add.reduceat(counts, edges) for counts in (old, new))
    tens = np.arange(0, len(old) - 1, max(1, len(old) // TENTHS)) if len(old) > TENTHS else np.arange(len(old))
    shares = tuple([float(share) for share in np.add.reduceat(counts, tens) / counts.sum()] for counts in (old, new))
    return ShapeChange(
        w1=found.w1,
        ks=found.ks,
        tv=found.tv,
        limits=_limits(grouped),
        psi=stability_index(old_tenths, new_tenths),
        js=jensen_shannon(old_tenths, new_tenths),
        shares=(shares[0], shares[1]),
        edges=[grouped.start, *(grouped.start + grouped.step * (float(place) - 0.5) for place in tens[1:]), grouped.start + grouped.step * (len(old) - 1)],
        cut=grouped.cut,
        certain_ks=least_gap(found.ks, *clusters),
    )


def category_shape(grouped: Grouped) -> ShapeChange:
    """The shape of a category: total variation only, for categories have no order."""
    old, new = grouped.reference.sum(axis=0), grouped.current.sum(axis=0)
    found = distances(old, new)
    assert found is not None
    shares = tuple([float(share) for share in counts / counts.sum()] for counts in (old, new))
    return ShapeChange(
        None,
        None,
        found.tv,
        limits=_limits(grouped),
        psi=stability_index(old, new),
        js=jensen_shannon(old, new),
        shares=(shares[0], shares[1]),
        categories=grouped.categories,
    )


def _limits(grouped: Grouped) -> dict[str, tuple[float, float, float]] | None:
    made = distance_limits(grouped.reference, grouped.current, step=grouped.step)
    if made is None:
        return None
    return {name: (float(made[0][place]), float(made[1][place]), float(made[2][place])) for place, name in enumerate(("w1", "ks", "tv"))}


def _tenths(counts: Floats) -> npt.NDArray[np.int64]:
    """The first bin of each tenth of the reference; fewer where many values share a bin."""
    reached = np.cumsum(counts) / counts.sum()
    starts = np.searchsorted(reached, np.arange(TENTHS) / TENTHS, side="right")
    return np.unique(np.minimum(np.r_[0, starts], len(counts) - 1))
