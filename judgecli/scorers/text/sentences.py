"""How many sentences the output has."""

from judgecli.arrays import Integers
from judgecli.scorer import scorer


@scorer(kind="number", range=(0, None), higher_is_better=None, version=1, default=True)
def sentences(output_sentences: Integers) -> Integers:
    """Number of sentences of the output.

    Columns: output. Returns: a count; 0 for a text without letter or digit. Null: only where the output is.
    A sentence begins at a letter or digit and ends at . ! ? (with closing quotes) before whitespace,
    at a CJK full stop, at a line break or at the end; abbreviations such as "e.g." end one too.
    Source: own rule, written out in `judgecli.derived.sentences`.

    >>> sentences(["It is 3.5 m long. Is it? Yes", "- one\\n- two", ""])
    [3, 2, 0]
    """
    return output_sentences
