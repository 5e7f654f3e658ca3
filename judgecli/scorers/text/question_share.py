"""How much of the output asks back."""

import pyarrow as pa
import pyarrow.compute as pc

from judgecli.derived import SENTENCE_BODY, SENTENCE_END, FloatArray, sentences, share
from judgecli.scorer import scorer

_OPEN, _SHUT = "\ufdd0", "\ufdd1"  # noncharacters: no text should hold them, and where one does they are taken out first
_ASKED = rf"{_OPEN}[^{_SHUT}?؟？]*[?؟？]"
_SENTENCE = SENTENCE_BODY + SENTENCE_END.replace("(?:", "(", 1)


@scorer(kind="number", range=(0, 1), higher_is_better=None, version=1, arrow=True)
def question_share(output: pa.StringArray) -> FloatArray:
    """Share of the output's sentences that end in a question mark.

    Columns: output. Returns: questions / sentences (as `sentences` counts them).
    Null: where the output is, or has no sentence.
    Source: own; ? \u061f and \uff1f anywhere in the closing marks of a sentence, so "Really?!" is one.

    >>> question_share(["Which one? This.", "..."])
    [0.5, None]
    """
    plain = pc.replace_substring_regex(output, f"[{_OPEN}{_SHUT}]", "")
    ends = pc.replace_substring_regex(plain, _SENTENCE, rf"{_OPEN}\1{_SHUT}")
    return share(pc.count_substring_regex(ends, _ASKED), sentences(output))
