"""Which column is which, guessed from the names that logs go by and checked against their values."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from judgecli.readers import times
from judgecli.readers.mapping import getter, quoted
from judgecli.readers.values import number_of, thumb_of
from judgecli.schema import NUMBER_COLUMNS

# Field -> names in the order they are preferred. The first name of each record field is its own.
# `latency` and `duration` are missing on purpose: they do not say their unit.
NAMES: dict[str, tuple[str, ...]] = {
    "id": ("id", "uid", "uuid", "request_id", "record_id", "log_id", "example_id", "question_id", "prompt_id"),
    "trace_id": ("trace_id",),
    "parent_id": ("parent_id", "parent_span_id", "parent_run_id"),
    "time": ("time", "timestamp", "tstamp", "ts", "created_at", "created", "datetime", "start_time", "started_at", "request_time", "date"),
    "session": ("session", "session_id", "conversation_id", "thread_id", "chat_id"),
    "user": ("user", "user_id", "end_user", "customer_id"),
    "input": ("input", "prompt", "question", "instruction", "query", "user_input", "user_query", "user_message", "inputs"),
    "output": ("output", "response", "answer", "completion", "generation", "model_output", "prediction", "generated_text", "reply", "outputs"),
    "contexts": ("contexts", "context", "documents", "retrieved_contexts", "retrieved_documents", "passages"),
    "reference": ("reference", "expected", "expected_output", "ground_truth", "target", "ref_answer", "reference_answer", "gold", "gold_answer"),
    "model": ("model", "generator", "model_name", "model_id"),
    "prompt_version": ("prompt_version", "prompt_ver", "template_version", "version"),
    "latency_ms": ("latency_ms", "duration_ms", "response_time_ms", "elapsed_ms", "latency_milliseconds"),
    "tokens_in": ("tokens_in", "prompt_tokens", "input_tokens", "num_prompt_tokens"),
    "tokens_out": ("tokens_out", "completion_tokens", "output_tokens", "num_completion_tokens"),
    "cost_usd": ("cost_usd", "cost", "total_cost", "price_usd"),
    "finish_reason": ("finish_reason", "stop_reason"),
    "error": ("error", "error_message"),
    "tools": ("tools",),
    "expected_tools": ("expected_tools",),
    "label.thumbs": ("thumbs", "thumb", "thumbs_up", "user_feedback", "feedback"),
    "label.rating": ("rating", "user_rating"),
}
_FREE = frozenset(("input", "output", "contexts", "reference", "tools", "expected_tools"))  # any value fits
_TEXT_INSIDE = ("choices.0.message.content", "text", "content", "answer", "output")
_ENOUGH = 0.8  # share of a column's values that must fit


def guess(objects: Sequence[Mapping[str, Any]], taken: Mapping[str, str], *, own_names_only: bool = False, by_name: bool = False) -> dict[str, str]:
    """Field -> path for the top-level columns of these objects, besides those in `taken`.

    `by_name` maps columns without values too (a table that has a header and no rows yet).
    With `own_names_only` only a record field's own name maps it (`input`, not `prompt`): nothing is guessed then.
    """
    keys = list(dict.fromkeys(key for one in objects for key in one))
    free: dict[str, str] = {}
    for key in keys:
        if quoted(key) not in taken.values() and key not in taken.values():
            free.setdefault(key if own_names_only else normalised(key), key)
    mapping: dict[str, str] = {}
    for field, names in NAMES.items():
        if field in taken or (own_names_only and "." in field):
            continue
        for name in names[:1] if own_names_only else names:
            key = free.get(name, "")
            if name in free and (by_name or _fits(field, [one.get(key) for one in objects])):
                mapping[field] = quoted(key) + (_inside([one.get(key) for one in objects]) if field in ("input", "output") else "")
                del free[name]
                break
    return mapping


def _inside(values: Sequence[Any]) -> str:
    """The rest of the path to the text inside values that are objects of a known kind; "" for texts and other objects."""
    given = [value for value in values if value is not None and value != ""]
    if not given or not all(isinstance(value, dict) for value in given):
        return ""
    for path in _TEXT_INSIDE:
        if sum(isinstance(text, str) for text in getter(path)(given)) >= _ENOUGH * len(given):
            return "." + path
    return ""


def normalised(key: str) -> str:
    """A column's name in lower snake case.

    >>> normalised("createdAt"), normalised("Prompt Tokens"), normalised("ID")
    ('created_at', 'prompt_tokens', 'id')
    """
    return re.sub(r"[\s\-]+", "_", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", key.strip())).lower()


def unmapped(objects: Sequence[Mapping[str, Any]], heads: set[str]) -> tuple[str, ...]:
    """Paths of scalar values in some object, at the top or one level below, under no top-level field that a path starts with."""
    found: dict[str, None] = {}
    for one in objects:
        for key, value in one.items():
            if key in heads or value is None or isinstance(value, list):
                continue
            if isinstance(value, dict):
                found |= dict.fromkeys(f"{quoted(key)}.{quoted(name)}" for name, below in value.items() if not isinstance(below, dict | list | None))
            else:
                found[quoted(key)] = None
    return tuple(found)


def _fits(field: str, values: Sequence[Any]) -> bool:
    """Whether the values that are there can be of this field: times that parse, numbers, thumbs, scalars for names."""
    given = [value for value in values if value is not None and value != ""]
    if field in _FREE:
        return any(value is not None for value in values)  # an empty text is a text
    check = _CHECKS.get(field, _is_number if field in NUMBER_COLUMNS else _is_scalar)
    return bool(given) and sum(check(value) for value in given) >= _ENOUGH * len(given)


def _is_time(value: Any) -> bool:
    try:
        return times.micros(value, day_first=True) is not None
    except times.BadTime:
        pass
    try:
        return times.micros(value, day_first=False) is not None
    except times.BadTime:
        return False


def _is_number(value: Any) -> bool:
    return number_of(value) is not None


def _is_scalar(value: Any) -> bool:
    return not isinstance(value, dict | list)


def _is_thumb(value: Any) -> bool:
    return thumb_of(value) is not None


_CHECKS: dict[str, Callable[[Any], bool]] = {"time": _is_time, "label.thumbs": _is_thumb, "label.rating": lambda value: _is_thumb(value) or _is_number(value)}
