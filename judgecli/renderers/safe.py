"""Hostile text made harmless for where it goes: a terminal, a CSV file, a JSON document."""

import math
import re
from collections.abc import Mapping, Sequence

# C0 except newline and tab, DEL, C1, soft hyphen, bidi and zero-width controls, line and paragraph
# separators, interlinear and tag characters, lone surrogates (which no encoder takes).
_INVISIBLE = "\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f"
_UNSAFE = re.compile(f"[\x00-\x08\x0b-\x1f{_INVISIBLE}\ud800-\udfff]")
_UNSAFE_IN_JSON = re.compile(f"[{_INVISIBLE}]")

# What a spreadsheet takes for a formula or a command, also behind blanks, quotes and invisible characters.
_FORMULA = re.compile(rf"^[\s\x00-\x20'\"`{_INVISIBLE}]*[=+\-@|%\t\r\n＝＋－＠｜％−]|^[\t\r\n]")
_PLAIN_NUMBER = re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?")


def terminal_text(text: str) -> str:
    r"""`text` with every control character written out, newline and tab kept.

    >>> terminal_text("a\x1b[31mb\u202ec\nd")
    'a\\x1b[31mb\\u202ec\nd'
    """
    return _UNSAFE.sub(_escaped, text)


def terminal_line(text: str, *, limit: int | None = None) -> str:
    r"""`text` on one line (newline as \n, tab as \t), cut to `limit` characters with an ellipsis."""
    cut = text if limit is None or len(text) <= limit else text[: limit - 1] + "…"
    return terminal_text(cut).replace("\n", "\\n").replace("\t", "\\t")


def _escaped(found: re.Match[str]) -> str:
    code = ord(found[0])
    if found[0] == "\r":
        return "\\r"
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def csv_cell(value: object) -> object:
    """`value`, with a leading apostrophe where a spreadsheet would run it. Numbers are untouched.

    >>> csv_cell("=1+1"), csv_cell("-1.5"), csv_cell("-Infinity"), csv_cell(-2)
    ("'=1+1", '-1.5', "'-Infinity", -2)
    """
    if isinstance(value, str) and _FORMULA.match(value) and not _PLAIN_NUMBER.fullmatch(value):
        return f"'{value}"
    return value


def json_text(document: object, *, indent: bool = True) -> str:
    """`document` as strict JSON: no NaN, no infinity, control and bidi characters as escapes.

    Raises: ValueError naming the place of a number that is not finite (a bug: such a number is a null with a reason).
    """
    import orjson

    _refuse_not_finite(document, "$")
    text = orjson.dumps(_encodable(document), option=orjson.OPT_INDENT_2 if indent else 0).decode()
    return _UNSAFE_IN_JSON.sub(_json_escaped, text)


def json_line(row: Mapping[str, object]) -> bytes:
    """One row of Arrow values (finite, encodable) as one line of JSON, escaped as `json_text` does."""
    import orjson

    return (_UNSAFE_IN_JSON.sub(_json_escaped, orjson.dumps(row).decode()) + "\n").encode()


def _json_escaped(found: re.Match[str]) -> str:
    units = found[0].encode("utf-16-be")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))


def _refuse_not_finite(value: object, place: str) -> None:
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{value} at {place} is not a number that JSON has")
    if isinstance(value, Mapping):
        for key, item in value.items():
            _refuse_not_finite(item, f"{place}.{key}")
    elif isinstance(value, Sequence) and not isinstance(value, str | bytes):
        for position, item in enumerate(value):
            _refuse_not_finite(item, f"{place}[{position}]")


def _encodable(value: object) -> object:
    """`value` with lone surrogates written out: UTF-8 has no form for them."""
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, Mapping):
        return {str(_encodable(str(key))): _encodable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_encodable(item) for item in value]
    return value
