"""Whether the outputs became more alike: diversity and echo-chamber indicators on blocks of clusters, reference against current.

Each indicator is one number a corpus, so a side is cut into up to ten blocks of clusters, each block large enough for the
fixed size that the indicators need; the blocks are what the interval rests on.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import special

from judgecli.arrays import Floats
from judgecli.signal import diversity
from judgecli.signal.diversity import MeasuredDiversity, Words
from judgecli.stats.column import ColumnFacts
from judgecli.stats.contrast import Contrast, clustered_contrast
from judgecli.stats.deciding import estimate_change

BLOCKS = 10
LEAST_BLOCKS = 4
FLAT = 1e-12  # spread below this share of the values is what rounding left

INDICATORS: dict[str, tuple[bool, Callable[[Sequence[Words]], MeasuredDiversity | None]]] = {  # which way is better, and what is measured
    "distinct_1": (True, lambda outputs: diversity.distinct_n(outputs, 1)),
    "distinct_2": (True, lambda outputs: diversity.distinct_n(outputs, 2)),
    "compression_ratio": (False, diversity.compression_ratio),
    "self_bleu": (False, diversity.self_bleu),
    "opener_share": (False, diversity.opener_share),
}


@dataclass(frozen=True)
class CorpusShift:
    """One indicator on both sides (means over blocks); `contrast` is current minus reference, None with its reason in `why`."""

    name: str
    higher_is_better: bool
    reference: float | None
    current: float | None
    blocks: tuple[int, int]
    contrast: Contrast | None
    why: str | None = None


def corpus_drift(reference: Sequence[tuple[int, Words]], current: Sequence[tuple[int, Words]]) -> list[CorpusShift]:
    """Columns: (cluster, first words) of sampled outputs on both sides. Blocks are made of whole clusters by their number."""
    sides = [_blocks(reference), _blocks(current)]
    found = []
    for name, (better, measure) in INDICATORS.items():
        values = [[made.value for block in blocks if (made := measure(block)) is not None] for blocks in sides]
        found.append(_shift(name, better, values))
    return found


def _blocks(outputs: Sequence[tuple[int, Words]]) -> list[list[Words]]:
    """Ten blocks, clusters dealt to them in turn by their number."""
    numbers = {cluster: place % BLOCKS for place, cluster in enumerate(sorted({cluster for cluster, _ in outputs}))}
    blocks: list[list[Words]] = [[] for _ in range(BLOCKS)]
    for cluster, words in outputs:
        blocks[numbers[cluster]].append(words)
    return blocks


def _shift(name: str, better: bool, values: Sequence[Sequence[float]]) -> CorpusShift:
    counts = (len(values[0]), len(values[1]))
    means = [float(np.mean(own)) if own else None for own in values]
    if min(counts) < LEAST_BLOCKS:
        why = f"too few outputs, or too short ones: {min(counts)} of {BLOCKS} blocks have the size that is needed, {LEAST_BLOCKS} must"
        return CorpusShift(name, better, means[0], current=means[1], blocks=counts, contrast=None, why=why)
    old, new = (np.array(own) for own in values)
    zeros = [np.zeros(count) for count in counts]
    ones = [np.ones(count) for count in counts]
    contrast = clustered_contrast(np.r_[zeros[0], new], np.r_[zeros[0], ones[1]], np.r_[old, zeros[1]], np.r_[ones[0], zeros[1]])
    if contrast is not None and (contrast.se or 0.0) <= FLAT * max(abs(contrast.mean_a), abs(contrast.mean_b)):
        contrast = _flat(contrast, (new, old), bounded=name != "compression_ratio")
    return CorpusShift(name, better, means[0], means[1], counts, contrast)


def _flat(contrast: Contrast, sides: tuple[Floats, Floats], *, bounded: bool) -> Contrast | None:
    """Where the blocks of each side are all alike: what so few cannot exclude on a scale of 0 to 1; None on an open one."""
    if not bounded:
        return None
    values, codes = np.concatenate(sides), np.repeat([0, 1], [len(side) for side in sides])
    found = estimate_change(
        values * (codes == 0), (codes == 0).astype(float), values * (codes == 1), (codes == 1).astype(float), ColumnFacts("number", (0.0, 1.0))
    )
    if found.low is None or found.high is None or found.high <= found.low:
        return None
    change = contrast.difference if abs(contrast.difference) > FLAT else 0.0
    error = (found.high - found.low) / (2 * float(special.ndtri(0.975)))
    fewest = 2 / math.comb(len(values), len(sides[0]))  # no permutation of so few blocks is rarer
    p = max(fewest, float(2 * special.ndtr(-abs(change) / error)))
    return replace(contrast, difference=change, se=error, low=found.low, high=found.high, p=p)
