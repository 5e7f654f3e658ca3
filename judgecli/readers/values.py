"""Values of a log to values of a record: text, numbers, passages, tools, thumbs."""

import json
import math
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import orjson

# Code points that only vary an emoji: skin tones, the variation selectors.
_SKIN = dict.fromkeys((*range(0x1F3FB, 0x1F400), 0xFE0E, 0xFE0F))
_UP = frozenset(
    ("up", "thumbs_up", "thumbsup", "thumbs up", "thumb_up", "upvote", "like", "liked", "positive", "good", "true", "yes", "1", "+1", "1.0", "\U0001f44d")
)
_DOWN = frozenset(
    (
        "down",
        "thumbs_down",
        "thumbsdown",
        "thumbs down",
        "thumb_down",
        "downvote",
        "dislike",
        "disliked",
        "negative",
        "bad",
        "false",
        "no",
        "0",
        "-1",
        "0.0",
        "-1.0",
        "\U0001f44e",
    )
)
_PASSAGE_KEYS = ("text", "content", "page_content", "document", "body", "passage")


def text_of(value: Any) -> str | None:
    """Text as it is; numbers and booleans as their JSON text; a list of text parts joined by line ends; else compact JSON."""
    if value is None or type(value) is str:
        return value
    if is_texts(value):
        return "\n".join(part if isinstance(part, str) else part["text"] for part in value)
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    return compact(value) if isinstance(value, bool | int | float | list | dict) else str(value)


def is_texts(value: Any) -> bool:
    """Whether a value is a list of texts or text parts, which are one text."""
    return isinstance(value, list) and bool(value) and all(_is_text_part(part) for part in value)


def compact(value: Any) -> str:
    """Compact JSON of any value; what JSON has no form for becomes its text."""
    try:
        return orjson.dumps(value, default=str).decode()
    except TypeError:  # integers over 64 bit, keys that are no text, unusual nesting
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)


def number_of(value: Any) -> float | None:
    """A finite number, also from its text; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal) or (isinstance(value, str) and "_" in value):
        return None  # float() would take 1_000
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def structure_of(value: Any) -> Any:
    """Lists and objects that a log holds as JSON text, parsed; anything else as it is."""
    if isinstance(value, str) and value.lstrip()[:1] in ("[", "{"):
        try:
            return orjson.loads(value)
        except orjson.JSONDecodeError:
            return value
    return value


def contexts_of(value: Any) -> list[str] | None:
    """Retrieved passages: a list of texts or of objects that hold one, or a single text."""
    value = structure_of(value)
    if value is None:
        return None
    items = value if isinstance(value, list) else [value]
    return [passage for item in items if (passage := _passage(item)) is not None]


def tools_of(value: Any) -> list[dict[str, str | None]] | None:
    """Tool definitions offered, from OpenAI's form ({type, function: {name, …}}) or flat ones."""
    return _named(structure_of(value), _tool)


def calls_of(value: Any) -> list[dict[str, str | None]] | None:
    """Tool calls expected: names, {name, arguments}, or OpenAI tool calls."""
    return _named(structure_of(value), _call)


def thumb_of(value: Any) -> float | None:
    """1.0 for a thumb up, 0.0 for a thumb down, None for anything else.

    >>> [thumb_of(said) for said in (True, -1, "\N{THUMBS UP SIGN}", "dislike", "4")]
    [1.0, 0.0, 1.0, 0.0, None]
    """
    if isinstance(value, bool | int | float):
        return 1.0 if value == 1 else 0.0 if value in (0, -1) else None
    if not isinstance(value, str):
        return None
    said = value.strip().lower().translate(_SKIN)
    return 1.0 if said in _UP else 0.0 if said in _DOWN else None


def in_words(value: Any) -> bool:
    """Whether a label is a thumb in words, a sign, or true or false: no number, whose -1 and 0 differ from column to column."""
    if isinstance(value, str):
        return number_of(value) is None and thumb_of(value) is not None
    return isinstance(value, bool)


def label_of(value: Any) -> tuple[float | None, str | None]:
    """(value, text) of a label: numbers as they are, thumbs in words and true or false as 1.0 and 0.0, other text as text.

    Whether a number is a thumb or a rating is told by the whole column, where labels are used (labels/rating.py).
    """
    number = number_of(value)
    if number is None:
        number = thumb_of(value)
    return (number, None) if number is not None else (None, text_of(value))


def _is_text_part(part: object) -> bool:
    return isinstance(part, str) or (isinstance(part, dict) and part.get("type") in ("text", "input_text", "output_text") and isinstance(part.get("text"), str))


def _passage(item: Any) -> str | None:
    if isinstance(item, dict):
        found = next((item[key] for key in _PASSAGE_KEYS if isinstance(item.get(key), str)), None)
        return found if found is not None else compact(item)
    return text_of(item)


def _named(value: Any, read: Any) -> list[dict[str, str | None]] | None:
    if value is None:
        return None
    items: Sequence[Any] = value if isinstance(value, list) else [value]
    return [named for item in items if (named := read(item)) is not None]


def _tool(item: Any) -> dict[str, str | None] | None:
    if isinstance(item, str):
        return {"name": item, "description": None, "parameters": None}
    inner = _inner(item)
    if not isinstance(inner, Mapping) or not isinstance(inner.get("name") or inner.get("type"), str):
        return None
    parameters = next((inner[key] for key in ("parameters", "input_schema", "inputSchema") if inner.get(key) is not None), None)
    return {
        "name": inner.get("name") or inner.get("type"),
        "description": text_of(inner.get("description")),
        "parameters": None if parameters is None else text_of(parameters),
    }


def _call(item: Any) -> dict[str, str | None] | None:
    if isinstance(item, str):
        return {"name": item, "arguments": None}
    inner = _inner(item)
    if not isinstance(inner, Mapping) or not isinstance(inner.get("name"), str):
        return None
    arguments = next((inner[key] for key in ("arguments", "args", "input", "kwargs") if inner.get(key) is not None), None)
    return {"name": inner["name"], "arguments": text_of(arguments)}


def _inner(item: Any) -> Any:
    return item["function"] if isinstance(item, Mapping) and isinstance(item.get("function"), Mapping) else item
