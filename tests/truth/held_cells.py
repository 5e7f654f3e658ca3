"""What held before and must go on holding: rates and normal data."""

import numpy as np
from cell import Cell
from textbook import rate_interval

from judgecli.stats.intervals import mean_interval


def _covers_rate(n: int, rate: float):
    def run(rng: np.random.Generator) -> bool:
        found = rate_interval((rng.random(n) < rate).astype(float), np.ones(n))
        return found.low is not None and found.high is not None and found.low <= rate <= found.high

    return run


def _covers_mean(clusters: int, rows: int, between: float):
    def run(rng: np.random.Generator) -> bool:
        sums = rows * between * rng.normal(size=clusters) + rng.normal(size=(clusters, rows)).sum(1)
        found = mean_interval(sums, np.full(clusters, float(rows)))
        return found.low is not None and found.high is not None and found.low <= 0.0 <= found.high

    return run


CELLS = [
    *(
        Cell("a 95 % interval of a rate covers it", f"rate {rate}, n = {n}", _covers_rate(n, rate), at_least=0.91, of="answered")
        for n in (20, 50, 200)
        for rate in (0.5, 0.9)
    ),
    *(
        Cell("a 95 % interval of a mean covers it", f"normal, {clusters} clusters of {rows}", _covers_mean(clusters, rows, 1.0), at_least=0.92, of="answered")
        for clusters in (20, 100)
        for rows in (1, 5)
    ),
]
