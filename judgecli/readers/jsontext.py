"""One line of JSON to one object, with the traps of JSON in Python closed.

- NaN, Infinity and numbers that overflow (1e999): refused as `non_finite`.
- Deeper than `max_depth`: refused as `too_deep`; no RecursionError leaves this file.
- Integers over 64 bit become floats; integers too large for a float become their digits as text.
- Duplicate keys: the last one wins. NUL is kept.
- A lone surrogate escape (`\\ud800`), which UTF-8 cannot hold, becomes the six characters it was written as.
"""

import json
import math
import re
from typing import Any, NoReturn, cast

import orjson

from judgecli.readers.adapter import Object, RefusedLine

# In order: an escaped backslash, a proper pair (both kept), a surrogate on its own (group 1).
_SURROGATE = re.compile(rb"\\\\|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(\\u[dD][89a-fA-F][0-9a-fA-F]{2})")
_STRUCTURE = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|[\[{]|[\]}]', re.DOTALL)


def parse_object(raw: bytes, max_depth: int) -> Object:
    """The JSON object that `raw` holds.

    Raises: Refused (not_json, not_an_object, too_deep, non_finite, bad_encoding).
    """
    try:
        value: Any = orjson.loads(raw)
    except orjson.JSONDecodeError:
        value = _second_look(raw, max_depth)
    if type(value) is not dict:
        raise RefusedLine("not_an_object", f"a JSON {_kind(value)}, where an object was expected")
    if not is_finite(value, max_depth):
        value = _loads(_escape_surrogates(raw).decode())
    return cast(Object, value)


def is_finite(value: Any, max_depth: int) -> bool:
    """Whether no number in `value` is infinite. Raises: Refused("too_deep")."""
    finite = True
    level, depth = [value], 1
    while level:
        if depth > max_depth:
            raise RefusedLine("too_deep", f"nested deeper than {max_depth}")
        below = []
        for node in level:
            for item in node.values() if type(node) is dict else node:
                kind = type(item)
                if kind is str:
                    continue
                if kind is dict or kind is list:
                    below.append(item)
                elif kind is float and item - item != 0:
                    finite = False
        level, depth = below, depth + 1
    return finite


def _second_look(raw: bytes, max_depth: int) -> Any:
    """What the fast parser refused: accept lone surrogates, else name what is wrong."""
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise RefusedLine("bad_encoding", f"byte {error.start} is not UTF-8 (0x{raw[error.start]:02x})") from None
    if _nests_deeper(raw, max_depth):
        raise RefusedLine("too_deep", f"nested deeper than {max_depth}")
    repaired = _escape_surrogates(raw)
    try:
        return orjson.loads(repaired)
    except orjson.JSONDecodeError:
        return _loads(repaired.decode())


def _escape_surrogates(raw: bytes) -> bytes:
    return _SURROGATE.sub(lambda found: b"\\" + found[1] if found[1] else found[0], raw)


def _loads(text: str) -> Any:
    try:
        return json.loads(text, parse_int=_integer, parse_float=_number, parse_constant=_refuse_constant)
    except RecursionError:
        raise RefusedLine("too_deep", "nested too deep to read") from None
    except ValueError as error:
        raise RefusedLine("not_json", str(error)) from None


def _nests_deeper(raw: bytes, max_depth: int) -> bool:
    depth = 0
    for token in _STRUCTURE.finditer(raw):
        first = raw[token.start()]
        if first in b"[{":
            depth += 1
            if depth > max_depth:
                return True
        elif first in b"]}":
            depth -= 1
    return False


def _integer(digits: str) -> int | float | str:
    if len(digits) < 19:
        return int(digits)
    number = float(digits)
    if math.isinf(number):
        return digits
    return int(digits) if -(2**63) <= number < 2**63 else number


def _number(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        _refuse_constant(text)
    return number


def _refuse_constant(text: str) -> NoReturn:
    raise RefusedLine("non_finite", f"the number {text[:40]} is not finite")


def _kind(value: object) -> str:
    return {list: "array", str: "string", bool: "boolean", type(None): "null"}.get(type(value), "number")
