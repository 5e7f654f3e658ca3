"""How long the output is, in words."""

from judgecli.derived import Block, Ints
from judgecli.scorer import scorer


@scorer(kind="number", range=(0, None), higher_is_better=None, version=1, default=True)
def words(output_block: Block) -> Ints:
    """Number of words of the output: runs of characters without Unicode whitespace.

    Columns: output. Returns: a count; 0 for an empty text. Null: only where the output is.
    A text in a script without spaces (Chinese, Japanese, Thai) counts few words.
    Source: own; equal to `len(text.split())` of Python.

    >>> words(["a b c", "", None])
    [3, 0, None]
    """
    return output_block.words
