"""How much of the output asks back."""

import pyarrow as pa
import pyarrow.compute as pc

from judgecli.arrays import Integers
from judgecli.derived import CLOSER, SENTENCE_BODY, STOP, WHITESPACE, WIDE_STOP, FloatArray, share
from judgecli.scorer import scorer

# A sentence that ends with a question mark. RE2 looks not ahead, so what shows that the marks do
# end it is read too: it is never the letter or digit at which the next sentence begins.
_ENDED = rf"(?:[{CLOSER}]*(?:[{WHITESPACE}{WIDE_STOP}]|\z)|[{CLOSER}]+[{STOP}])"
_QUESTION = rf"{SENTENCE_BODY}(?:[{STOP}]*[?؟][{STOP}]*{_ENDED}|[{WIDE_STOP}]*？)"


@scorer(kind="number", range=(0, 1), higher_is_better=None, version=1, arrow=True)
def question_share(output: pa.StringArray, output_sentences: Integers) -> FloatArray:
    """Share of the output's sentences that end in a question mark.

    Columns: output. Returns: questions / sentences (as `sentences` counts them).
    Null: where the output is, or has no sentence.
    Source: own; ? ؟ and ？ anywhere in the closing marks of a sentence, so "Really?!" is one.

    >>> question_share(["Which one? This.", "..."])
    [0.5, None]
    """
    return share(pc.count_substring_regex(output, _QUESTION), output_sentences)
