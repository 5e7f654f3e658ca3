"""Percentile intervals of any statistics by drawing whole clusters."""

from collections.abc import Callable, Mapping

import numpy as np

from judgecli.arrays import Integers

LEAST_CLUSTERS = 10
MOST_UNDEFINED = 0.1


def cluster_bootstrap(
    statistics: Callable[[Integers], Mapping[str, float | None]], clusters: Integers, *, seed: int, draws: int = 1000, level: float = 0.95
) -> dict[str, tuple[float, float] | None]:
    """The 95 % interval of every statistic, by name.

    `statistics` gives the numbers of a sample named by row numbers (a row may be drawn several times); `clusters` holds
    the cluster of each row, any integers. As many clusters as there are, are drawn with replacement. None for a
    statistic with fewer than 10 clusters behind it, or that could not be computed in more than a tenth of the draws.
    Source: Davison & Hinkley 1997, section 3.8; Field & Welsh 2007 (clusters).
    """
    _, codes = np.unique(clusters, return_inverse=True)
    order = np.argsort(codes, kind="stable")
    edges = np.searchsorted(codes[order], np.arange(codes.max() + 2)) if len(codes) else np.zeros(1, dtype=np.int64)
    count = len(edges) - 1
    names = list(statistics(np.arange(len(clusters))))
    if count < LEAST_CLUSTERS:
        return dict.fromkeys(names)
    generator = np.random.Generator(np.random.PCG64(seed))
    sizes = np.diff(edges)
    found: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(draws):
        drawn = generator.integers(0, count, count)
        lengths = sizes[drawn]
        inside = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        for name, value in statistics(order[np.repeat(edges[drawn], lengths) + inside]).items():
            if value is not None:
                found[name].append(value)
    tail = 100 * (1 - level) / 2
    return {name: _limits(values, tail) if len(values) >= (1 - MOST_UNDEFINED) * draws else None for name, values in found.items()}


def _limits(values: list[float], tail: float) -> tuple[float, float]:
    low, high = np.percentile(values, [tail, 100 - tail])
    return float(low), float(high)
