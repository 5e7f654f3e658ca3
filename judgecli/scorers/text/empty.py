"""Whether the output says anything at all."""

import numpy as np

from judgecli.arrays import Integers
from judgecli.derived import Block
from judgecli.scorer import scorer


@scorer(kind="rate", range=(0, 1), higher_is_better=False, version=1, default=True)
def empty(output_block: Block) -> Integers:
    """1 where the output is empty or has whitespace only, else 0.

    Columns: output. Returns: 0 or 1. Null: only where the output is (a missing output is not an empty one).
    Source: own; whitespace as Python's `str.isspace` (Unicode).

    >>> empty(["", " \\n", "text", None])
    [1, 1, 0, None]
    """
    return np.asarray(output_block.words == 0, np.int64)
