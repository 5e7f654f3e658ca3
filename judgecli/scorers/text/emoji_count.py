"""How many emoji the output shows."""

import pyarrow as pa
import pyarrow.compute as pc

from judgecli.scorer import scorer

# Characters that are shown as emoji by themselves, and characters of the Basic Multilingual Plane
# that are so only with the variation selector U+FE0F behind.
_ALONE = (
    r"\x{231A}\x{231B}\x{23E9}-\x{23EC}\x{23F0}\x{23F3}\x{25FD}\x{25FE}\x{2614}\x{2615}\x{2648}-\x{2653}\x{267F}\x{2693}\x{26A1}\x{26AA}\x{26AB}"
    r"\x{26BD}\x{26BE}\x{26C4}\x{26C5}\x{26CE}\x{26D4}\x{26EA}\x{26F2}\x{26F3}\x{26F5}\x{26FA}\x{26FD}\x{2705}\x{270A}\x{270B}\x{2728}\x{274C}\x{274E}"
    r"\x{2753}-\x{2755}\x{2757}\x{2795}-\x{2797}\x{27B0}\x{27BF}\x{2B1B}\x{2B1C}\x{2B50}\x{2B55}\x{1F004}\x{1F0CF}\x{1F18E}\x{1F191}-\x{1F19A}\x{1F201}"
    r"\x{1F300}-\x{1F64F}\x{1F680}-\x{1F6FF}\x{1F7E0}-\x{1F7EB}\x{1F90C}-\x{1FAFF}"
)
_SELECTED = r"\x{A9}\x{AE}\x{203C}\x{2049}\x{2122}\x{2139}\x{2190}-\x{2BFF}\x{3030}\x{303D}\x{3297}\x{3299}"
_ONE = rf"(?:[{_ALONE}][\x{{1F3FB}}-\x{{1F3FF}}]?\x{{FE0F}}?|[{_SELECTED}]\x{{FE0F}})"
_EMOJI = rf"[\x{{1F1E6}}-\x{{1F1FF}}]{{2}}|[0-9#*]\x{{FE0F}}?\x{{20E3}}|{_ONE}(?:\x{{200D}}{_ONE})*"


@scorer(kind="number", range=(0, None), higher_is_better=None, version=1, arrow=True)
def emoji_count(output: pa.StringArray) -> pa.Array:
    """Number of emoji in the output; a flag, a keycap or a joined sequence (a family) is one.

    Columns: output. Returns: a count. Null: only where the output is.
    Source: Unicode Technical Standard 51, the sequences of its section 1.4; a text symbol such as
    \u00a9 counts only with the variation selector U+FE0F behind it.

    >>> emoji_count(["\U0001f600 ok \U0001f1eb\U0001f1f7", "plain \u00a9", None])
    [2, 0, None]
    """
    return pc.count_substring_regex(output, _EMOJI)
