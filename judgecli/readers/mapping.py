r"""Paths into a log's objects: `choices.0.message.content`, `attributes."gen_ai.request.model"`, `answer|response.text`.

A path is dotted; a number is a list position (negative from the end) or, in an object, a key; a
segment with dots is quoted; `A|B` gives the first that exists, that is: is present and not null;
`A++B` gives the texts of both, with an empty line between (an instruction and what it is about).
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from judgecli.errors import UnknownName, UsageError
from judgecli.readers.values import text_of
from judgecli.schema import MAPPABLE

PathStep = tuple[str, int | None]  # the key, and the list position where the segment is an unquoted number
Getter = Callable[[Sequence[Mapping[str, Any]]], list[Any]]  # objects -> one value (or None) an object
BOTH = "++"
OPEN_FIELDS = ("tags.", "score.", "label.")

_PIECES = re.compile(r'"(?:[^"\\]|\\.)*"|\+\+|[^"+]+|[+"]')
_SEGMENT = re.compile(r'"((?:[^"\\]|\\.)*)"|([^."|\s][^."|]*)')


def check_fields(fields: Mapping[str, str]) -> None:
    """Raise UnknownName for a field that no record has, UsageError for a path that does not read."""
    for name, path in fields.items():
        prefix, dot, rest = name.partition(".")
        if name not in MAPPABLE and not (prefix + dot in OPEN_FIELDS and rest):
            raise UnknownName("record field", name, known=(*MAPPABLE, "tags.NAME", "score.NAME", "label.NAME"))
        parse_path(path)


def parse_path(path: str) -> list[list[PathStep]]:
    """The alternatives of a path (and the paths that `++` joins), each a list of steps. Raises: UsageError.

    >>> parse_path('a.-1|"b.c"')
    [[('a', None), ('-1', -1)], [('b.c', None)]]
    """
    joined = _joined(path)
    if len(joined) > 1:
        return [steps for part in joined for steps in parse_path(part)]
    alternatives: list[list[PathStep]] = [[]]
    at, expecting = 0, True
    while at < len(path) or expecting:
        found = _SEGMENT.match(path, at) if expecting else None
        if expecting and found is None:
            raise UsageError(
                f"the path {path!r} cannot be read at character {at + 1}", hint='write it as a.b.0, with quotes around keys that hold dots: a."b.c"'
            )
        if found is not None:
            alternatives[-1].append(_step(found))
            at, expecting = found.end(), False
        elif path[at] == "|":
            alternatives.append([])
            at, expecting = at + 1, True
        elif path[at] == ".":
            at, expecting = at + 1, True
        else:
            raise UsageError(f"the path {path!r} cannot be read at character {at + 1}", hint="quote keys that hold dots, bars or quotes")
    return alternatives


def _joined(path: str, columns: Sequence[str] = ()) -> list[str]:
    """The paths whose texts `A++B` joins; one path where it joins nothing. A `++` in quotes or at an end is part of a key."""
    if BOTH not in path or path in columns:
        return [path]
    parts = [""]
    for piece in _PIECES.findall(path):
        if piece == BOTH:
            parts.append("")
        else:
            parts[-1] += piece
    return [path] if "" in parts else parts


def quoted(key: str) -> str:
    """A top-level key as a path.

    >>> quoted("answer"), quoted("a.b")
    ('answer', '"a.b"')
    """
    return key if _plain_key(key) else '"' + key.replace("\\", "\\\\").replace('"', '\\"') + '"'


def getter(path: str, columns: Sequence[str] = ()) -> Getter:
    """A function that reads `path` from many objects. A name in `columns` (of a flat table) is read as it stands."""
    joined = _joined(path, columns)
    if len(joined) > 1:
        readers = [getter(part, columns) for part in joined]
        return lambda objects: [_both(values) for values in zip(*(read(objects) for read in readers), strict=True)]
    alternatives: list[list[PathStep]] = [[(path, None)]] if path in columns else parse_path(path)
    if len(alternatives) == 1 and len(alternatives[0]) == 1:
        key = alternatives[0][0][0]
        return lambda objects: [one.get(key) for one in objects]
    return lambda objects: [_first(one, alternatives) for one in objects]


def _both(values: Sequence[Any]) -> Any:
    """The texts that are there, an empty line between; a single value as it is."""
    given = [value for value in values if value is not None and value != ""]
    return "\n\n".join(text_of(value) or "" for value in given) if len(given) > 1 else given[0] if given else None


def _first(value: object, alternatives: list[list[PathStep]]) -> Any:
    for steps in alternatives:
        found = _walk(value, steps)
        if found is not None:
            return found
    return None


def _walk(value: Any, steps: list[PathStep]) -> Any:
    for key, position in steps:
        if isinstance(value, dict):
            value = value.get(key)
        elif isinstance(value, list) and position is not None and -len(value) <= position < len(value):
            value = value[position]
        else:
            return None
    return value


def _step(found: re.Match[str]) -> PathStep:
    if found[1] is not None:
        return re.sub(r"\\(.)", r"\1", found[1], flags=re.DOTALL), None
    key = found[2].rstrip()
    return key, int(key) if re.fullmatch(r"-?[0-9]{1,9}", key) else None


def _plain_key(key: str) -> bool:
    return BOTH not in key and bool(re.fullmatch(r'[^."|\s](?:[^."|]*[^."|\s])?', key))
