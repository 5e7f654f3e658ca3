"""How long the output is, in characters."""

import pyarrow as pa
import pyarrow.compute as pc

from judgecli.scorer import scorer


@scorer(kind="number", range=(0, None), higher_is_better=None, version=1, default=True, arrow=True)
def characters(output: pa.StringArray) -> pa.Array:
    """Number of Unicode code points of the output.

    Columns: output. Returns: a count; 0 for an empty text. Null: only where the output is.
    Source: the Unicode Standard, section 2.4 (code points); equal to Python's `len`.

    >>> characters(["h\u00e9llo", "", None])
    [5, 0, None]
    """
    return pc.utf8_length(output)
