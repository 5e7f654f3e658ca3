"""How much of the output is lines that stood there before."""

import numpy as np

from judgecli.arrays import Integers
from judgecli.derived import Block, FloatArray, share
from judgecli.scorer import scorer


@scorer(kind="number", range=(0, 1), higher_is_better=False, version=1, default=True)
def repeated_lines(output_block: Block) -> FloatArray:
    """Share of the output's lines that repeat an earlier line.

    Columns: output. Returns: a fraction in [0, 1); lines end at a line feed, are compared without the
    whitespace around them, and empty ones do not count. Null: where the output is, or has no line.
    Source: own; the duplicate-line fraction of Rae et al. 2021, arXiv:2112.11446, table A1.

    >>> repeated_lines(["a\\nb\\n\\na", "a", "", None])
    [0.3333333333333333, 0.0, None, None]
    """
    block = output_block
    first = np.union1d(np.searchsorted(block.starts, np.flatnonzero(block.data == ord("\n"))), block.word_offsets)
    first = first[first < len(block.starts)]  # the first word of each line that has one
    begins = block.starts[first]
    stops = block.ends[np.append(first[1:], len(block.starts))[: len(first)] - 1]
    text = np.searchsorted(block.offsets, begins, side="right") - 1
    repeated = np.zeros(len(block), np.int64)
    seen: set[tuple[int, bytes]] = set()
    for line in _of_equal_length(text, stops - begins):
        said = (int(text[line]), block.data[begins[line] : stops[line]].tobytes())
        repeated[text[line]] += said in seen
        seen.add(said)
    return share(repeated, np.bincount(text, minlength=len(block)))


def _of_equal_length(text: Integers, length: Integers) -> Integers:
    """The lines whose text has another line of the same length: only they can be equal."""
    if not len(text):
        return text
    _, group, size = np.unique(text * (int(length.max()) + 1) + length, return_inverse=True, return_counts=True)
    return np.flatnonzero(size[group] > 1)
