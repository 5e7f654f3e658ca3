"""Whether an output that should be JSON is."""

import re

import numpy as np

from judgecli.derived import Block
from judgecli.scorer import scorer

# An array may also be a bracketed remark or a citation, as "[1] Smith" or "[sic]"; an object is always meant as JSON.
_LOOKS_LIKE_JSON = re.compile(rb"\{|\[\s*(?:[\[{\"'\]]|-?[0-9][0-9.eE+-]{0,40}\s*(?:,|\]\s*\Z)|(?:true|false|null)\s*[,\]])")


@scorer(kind="rate", range=(0, 1), higher_is_better=True, version=1, default=True)
def json_valid(output_block: Block, *, always: bool = False) -> list[float | None]:
    """1 where the output is one valid JSON value, 0 where it is not; scored only where it looks like JSON.

    Columns: output. Returns: 0 or 1. It looks like JSON where it begins (after whitespace) with {, or
    with [ and a first element. Null: where the output is, or does not look like JSON (unless `always`),
    or nests deeper than the parser follows (1,024 levels).
    Options: always, to score every output. NaN and Infinity are no JSON; duplicate keys are.
    Source: RFC 8259, as read by orjson.

    >>> json_valid(['{"a": 1}', "{'a': 1}", "plain text", "[1] Smith 2020", None])
    [1.0, 0.0, None, None, None]
    """
    block = output_block
    values: list[float | None] = [0.0 if always else None] * len(block)
    for index in _candidates(block, always):
        raw = block.raw(int(index))
        if always or _LOOKS_LIKE_JSON.match(raw.lstrip()):
            values[index] = _valid(raw)
    return values


def _candidates(block: Block, always: bool) -> list[int]:
    """The texts whose first visible byte is { or [."""
    if always or not len(block.starts):
        return list(range(len(block))) if always else []
    first = block.data[block.starts[np.minimum(block.word_offsets[:-1], len(block.starts) - 1)]]
    found: list[int] = np.flatnonzero((block.words > 0) & ((first == ord("{")) | (first == ord("[")))).tolist()
    return found


def _valid(raw: bytes) -> float | None:
    import orjson

    try:
        orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        return None if "depth limit" in str(error) or "recursion" in str(error).lower() else 0.0
    return 1.0
