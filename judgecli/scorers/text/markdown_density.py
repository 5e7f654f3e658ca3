"""How much Markdown the output is laid out with."""

import numpy as np
import pyarrow.compute as pc

from judgecli.derived import Block, FloatArray, share
from judgecli.scorer import scorer

_MARKS = (
    r"(?m)^ {0,3}#{1,6}[ \t]"  # heading
    r"|^[ \t]*(?:[-*+]|[0-9]{1,3}[.)])[ \t]"  # list item
    r"|\*\*[^*\n]+\*\*|__[^_\n]+__"  # bold
    r"|^[ \t]*\|[^\n]*\|[ \t\r]*$"  # row of a table
)


@scorer(kind="number", range=(0, None), higher_is_better=None, version=2)
def markdown_density(output_block: Block) -> FloatArray:
    """Number of Markdown marks (headings, list items, bold spans, table rows) per 100 words of the output.

    Columns: output. Returns: 100 * marks / words. Null: where the output is, has no word, or is mostly in a
    script without spaces between words (see `words`).
    Source: own; the marks follow CommonMark 0.31 and the tables of GitHub Flavored Markdown.

    >>> markdown_density(["# Title\\n- a **bold** item", "plain", ""])
    [50.0, 0.0, None]
    """
    return pc.multiply(share(pc.count_substring_regex(output_block.texts, _MARKS), np.where(output_block.mostly_unspaced, 0, output_block.words)), 100.0)
