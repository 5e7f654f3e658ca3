"""Functions that their annotations declare for one row, as the functions over columns that a scorer is."""

import functools
import inspect
import types
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

ONE = (str, bool, int, float)


def by_row(function: Callable[..., object], columns: Sequence[str]) -> Callable[..., object]:
    """`function` over whole columns, where it is annotated for one row; any other as it is.

    It is for one row where one of `columns` or its return is annotated as one text or number
    (`output: str`, `-> float | None`, `-> Score`) and its return is not annotated as a list.

    >>> def closes(output: str) -> float:
    ...     return float(output.endswith("?"))
    >>> by_row(closes, ["output"])(["So?", "So."])
    [1.0, 0.0]
    """
    if not _is_for_one_row(function, columns):
        return function
    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def awaited(*values: Sequence[object] | None, **options: object) -> list[object]:
            return [await function(*row, **options) for row in _rows(values)]

        return awaited

    @functools.wraps(function)
    def called(*values: Sequence[object] | None, **options: object) -> list[object]:
        return [function(*row, **options) for row in _rows(values)]

    return called


def _rows(values: Sequence[Sequence[object] | None]) -> Iterator[tuple[object, ...]]:
    """The rows of columns; a column that is not there is None in each."""
    count = max((len(column) for column in values if column is not None), default=0)
    return zip(*([None] * count if column is None else column for column in values), strict=True)


def _is_for_one_row(function: Callable[..., object], columns: Sequence[str]) -> bool:
    try:
        hints = typing.get_type_hints(function)
    except Exception:  # noqa: BLE001 - an annotation is code, and one that cannot be read says nothing
        return False
    given = hints.get("return")
    return not _is_many(given) and any(_is_one(hint) for hint in (given, *(hints.get(name) for name in columns)))


def _is_one(hint: object) -> bool:
    """Whether an annotation is that of one text, number or score, or of nothing beside it."""
    union = typing.get_origin(hint) in (typing.Union, types.UnionType)
    parts = [part for part in (typing.get_args(hint) if union else (hint,)) if part is not type(None)]
    return bool(parts) and all(part in ONE or getattr(part, "__name__", "") == "Score" for part in parts)


def _is_many(hint: object) -> bool:
    origin = typing.get_origin(hint) or hint
    return isinstance(origin, type) and issubclass(origin, Iterable) and not issubclass(origin, str | bytes | Mapping)
