"""What a scorer of one's own did wrong, in words: what it raised and where, what it returned."""

import inspect
import traceback
from collections.abc import Iterable, Mapping, Set
from pathlib import Path

import numpy as np

from judgecli.errors import ScorerBroken
from judgecli.scorer import Scorer

LONGEST = 200  # characters of what is told


def said_of(error: BaseException, scorer: Scorer) -> str:
    """An exception in one line, with the file and line of the scorer that it came from."""
    try:
        said = f"{type(error).__name__}: {error}"[:LONGEST]
    except Exception:  # noqa: BLE001 - even the text of a scorer's error is code of the scorer
        said = type(error).__name__
    hint = "; columns come as lists, one item a row" if isinstance(error, AttributeError | TypeError) and "list" in said else ""
    place = _place_of(error, scorer)
    return f"{said} ({place}{hint})" if place else said


def _place_of(error: BaseException, scorer: Scorer) -> str:
    """`mine.py:6 in boom`: the innermost line in the scorer's own file, else the innermost of all."""
    frames = [(frame.f_code, line) for frame, line in traceback.walk_tb(error.__traceback__)]
    code = getattr(inspect.unwrap(scorer.function), "__code__", None)
    own = [(found, line) for found, line in frames if code is not None and found.co_filename == code.co_filename]
    if not frames:
        return ""
    found, line = (own or frames)[-1]
    name = scorer.name if found.co_name.startswith("<") else found.co_name  # a comprehension or lambda has no name
    return f"{Path(found.co_filename).name}:{line} in {name}"


def check_shape(result: object, rows: int, scorer: Scorer) -> None:
    """Refuse what cannot be one item a row. Raises: ScorerBroken."""
    single = isinstance(result, str | bytes | Mapping | Set | np.generic) or (isinstance(result, np.ndarray) and result.ndim == 0)
    if single or not (isinstance(result, Iterable) or hasattr(result, "to_pylist")):
        raise _broken(scorer, f"{shown(result)} ({type(result).__name__})", rows)


def check_length(found: int, rows: int, scorer: Scorer) -> None:
    """Refuse a list of another length. Raises: ScorerBroken."""
    if found != rows:
        raise _broken(scorer, f"a list of {found:,}", rows)


def _broken(scorer: Scorer, returned: str, rows: int) -> ScorerBroken:
    code = getattr(inspect.unwrap(scorer.function), "__code__", None)
    place = f" ({Path(code.co_filename).name}:{code.co_firstlineno})" if code is not None else ""
    return ScorerBroken(
        f"scorer '{scorer.name}'{place} returned {returned} for {rows:,} rows",
        hint="columns come as lists: return a list of one item a row, in their order; or annotate it as a function of one row, def f(output: str) -> float",
    )


def shown(value: object) -> str:
    """A value as its own text, bounded; only its type where that text raises."""
    try:
        return repr(value)[:80]
    except Exception:  # noqa: BLE001 - the text of a value is code of whoever made it
        return f"a {type(value).__name__}"
