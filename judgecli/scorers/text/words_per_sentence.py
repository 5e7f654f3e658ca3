"""How long the sentences of the output are."""

import numpy as np

from judgecli.arrays import Integers
from judgecli.derived import Block, FloatArray, share
from judgecli.scorer import scorer


@scorer(kind="number", range=(0, None), higher_is_better=None, version=2)
def words_per_sentence(output_block: Block, output_sentences: Integers) -> FloatArray:
    """Mean number of words a sentence of the output.

    Columns: output. Returns: words divided by sentences, both as the scorers of that name count them.
    Null: where the output is, has no sentence, or is mostly in a script without
    spaces between words (see `words`).
    Source: own; the first term of the readability formulas (Flesch 1948).

    >>> words_per_sentence(["One two three. Four.", ""])
    [2.0, None]
    """
    return share(output_block.words, np.where(output_block.mostly_unspaced, 0, output_sentences))
