"""How long the output is, in words."""

import pyarrow as pa

from judgecli.derived import Block
from judgecli.scorer import scorer


@scorer(kind="number", range=(0, None), higher_is_better=None, version=2, default=True)
def words(output_block: Block) -> pa.Int64Array:
    """Number of words of the output: runs of characters without Unicode whitespace.

    Columns: output. Returns: a count; 0 for an empty text. Null: where the output is, or is mostly in a script
    that puts no space between words (Chinese, Japanese, Thai, Lao, Khmer, Burmese): `characters` measures those.
    Source: own; equal to `len(text.split())` of Python.

    >>> words(["a b c", "", "你好。", None])
    [3, 0, None, None]
    """
    return pa.array(output_block.words, mask=output_block.mostly_unspaced)
