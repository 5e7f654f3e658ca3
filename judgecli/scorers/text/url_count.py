"""How many web addresses the output names."""

import pyarrow as pa
import pyarrow.compute as pc

from judgecli.derived import WHITESPACE
from judgecli.scorer import scorer

_URL = rf"(?i)(?:\b(?:https?|ftp)://|\bwww\.[a-z0-9-]+\.)[^{WHITESPACE}<>\"']+"


@scorer(kind="number", range=(0, None), higher_is_better=None, version=1, arrow=True)
def url_count(output: pa.StringArray) -> pa.Array:
    """Number of URLs in the output: http, https, ftp, or a bare `www.` name.

    Columns: output. Returns: a count; an address named twice counts twice. Null: only where the output is.
    Source: own; the schemes of RFC 3986 that people are given to click on. E-mail addresses do not count.

    >>> url_count(["see https://example.org/a and www.example.com.", "none", None])
    [2, 0, None]
    """
    return pc.count_substring_regex(output, _URL)
