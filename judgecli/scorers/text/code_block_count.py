"""How many blocks of code the output shows."""

import pyarrow as pa
import pyarrow.compute as pc

from judgecli.scorer import scorer


@scorer(kind="number", range=(0, None), higher_is_better=None, version=1, arrow=True)
def code_block_count(output: pa.StringArray) -> pa.Array:
    """Number of fenced code blocks of the output; a fence that is never closed opens one too.

    Columns: output. Returns: half the lines that begin with ``` or ~~~, rounded up. Null: only where the output is.
    Source: CommonMark 0.31, section 4.5 (fenced code blocks), without fences inside lists or of other lengths.

    >>> code_block_count(["```py\\nx\\n```\\ntext\\n```", "none", None])
    [2, 0, None]
    """
    fences = pc.count_substring_regex(output, "(?m)^ {0,3}(?:```|~~~)")
    return pc.shift_right(pc.add(fences, 1), 1)
