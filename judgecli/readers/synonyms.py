"""Which column is which, guessed from the names that logs go by and checked against their values."""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from judgecli.readers import times
from judgecli.readers.adapter import RefusedLine
from judgecli.readers.decimals import written
from judgecli.readers.mapping import BOTH, parse_path, quoted
from judgecli.readers.messages import is_conversation
from judgecli.readers.values import number_of, thumb_of
from judgecli.readers.wrapped import ANSWERS, QUESTIONS, answer_in, question_in
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
    "messages": ("messages", "traj"),
    "reasoning": ("reasoning", "reasoning_content", "thinking"),
    "input": ("input", "prompt", "question", "instruction", "query", "user_input", "user_query", "user_message", "inputs", "user_prompt"),
    "output": (
        "output",
        "response",
        "answer",
        "completion",
        "generation",
        "model_output",
        "prediction",
        "generated_text",
        "reply",
        "outputs",
        "ai_response",
        "system_output",
        "actual_output",
        "assistant_message",
        "llm_output",
        "final_output",
        "bot_response",
    ),
    "contexts": ("contexts", "retrieval_context", "retrieved_contexts", "retrieved_documents", "context", "documents", "passages"),
    "reference": (
        "reference",
        "expected",
        "expected_output",
        "ground_truth",
        "target",
        "ref_answer",
        "reference_answer",
        "gold",
        "gold_answer",
        "truth",
        "expected_answer",
    ),
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
_ENOUGH = 0.8  # share of a column's values that must fit
MOST_PATHS, DEEPEST = 1000, 6  # of nested names that are looked at
# Of a nested field these stand under the name of what they belong to: `user.id`, never `metadata.id`.
_BELONGING: dict[str, tuple[tuple[str, str], ...]] = {
    "user": tuple((owner, name) for owner in ("user", "customer", "end_user") for name in ("id", "user_id", "uid")),
    "session": tuple((owner, name) for owner in ("session", "conversation", "thread", "chat") for name in ("id", "session_id", "uid")),
    "model": (("model", "name"), ("model", "id")),
}
_NOT_NESTED = frozenset(("id", "error", "tools", "parent_id"))  # too many things have one
_COUNTED = frozenset(("usage", "usage_details", "tokens", "token_usage", "cost", "cost_details", "metrics", "scores", "parameters", "schema", "config"))
_BESIDE_AN_ANSWER = frozenset(("model", "latency_ms", "tokens_in", "tokens_out", "cost_usd", "finish_reason"))  # may stand inside the object that holds it


def guess(objects: Sequence[Mapping[str, Any]], taken: Mapping[str, str], *, own_names_only: bool = False, by_name: bool = False) -> dict[str, str]:
    """Field -> path for the columns of these objects, besides those in `taken`: by names at the top, then by the last part of nested ones.

    `by_name` maps columns without values too (a table that has a header and no rows yet).
    With `own_names_only` only a record field's own name at the top maps it (`input`, not `prompt`): nothing is guessed then.
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
            if name in free and (by_name or _fits(field, [one.get(key) for one in objects])) and not _is_user(field, name, key, objects):
                mapping[field] = quoted(key)
                del free[name]
                break
    if "uid" in free and "user" not in {**taken, **mapping} and not own_names_only:
        mapping["user"] = quoted(free["uid"])
    if mapping.get("input") == "input" and not own_names_only and "instruction" in free and _fits("input", [one.get(free["instruction"]) for one in objects]):
        mapping["input"] = f"{quoted(free['instruction'])}{BOTH}input"  # an instruction and what it is about are one question
    if own_names_only:
        return mapping
    mapping |= _inside_envelopes(objects, mapping)
    return {**mapping, **_nested(objects, {**taken, **mapping})}


def _inside_envelopes(objects: Sequence[Mapping[str, Any]], mapping: Mapping[str, str]) -> dict[str, str]:
    """Where the question or answer lies in an object of no known kind (`response` with status and body): the one text in it that has such a name.

    Two texts with such names are a question to the user, so nothing is found then.
    """
    found = {}
    for field, kind in (("input", question_in), ("output", answer_in)):
        if field not in mapping or BOTH in mapping[field]:
            continue
        top = tuple(key for key, _ in parse_path(mapping[field])[0])
        nodes = nodes_of(objects)
        held = [value for value in nodes[top] if value is not None] if top in nodes else []
        if not held or any(not isinstance(value, dict) or _is_known(kind, value) for value in held):
            continue
        inside = [path for path, values in nodes.items() if path[: len(top)] == top and path != top and _is_answer(field, path, values)]
        if len(inside) == 1:
            found[field] = ".".join(map(quoted, inside[0]))
    return found


def _is_known(kind: Callable[[Any], Any], value: Any) -> bool:
    try:
        return kind(value) is not None
    except RefusedLine:
        return True


def _is_answer(field: str, path: tuple[str, ...], values: Sequence[Any]) -> bool:
    given = [value for value in values if value is not None]
    names = {*NAMES[field], *(QUESTIONS if field == "input" else ANSWERS)}
    return normalised(path[-1]) in names and bool(given) and all(isinstance(value, str) for value in given) and _fits_nested(field, path, values)


def _is_user(field: str, name: str, key: str, objects: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a `uid` comes again on other lines: then it is a user's, not the record's."""
    given = [str(one[key]) for one in objects if one.get(key) is not None] if (field, name) == ("id", "uid") else []
    return len(set(given)) < _ENOUGH * len(given)


def _nested(objects: Sequence[Mapping[str, Any]], taken: Mapping[str, str]) -> dict[str, str]:
    """Fields that no name at the top gives, by the last part of nested paths: the shallowest that fits."""
    held = {tuple(key for key, _ in steps) for path in taken.values() for steps in parse_path(path)}
    answers = [tuple(key for key, _ in steps) for field in ("input", "output", "messages") if field in taken for steps in parse_path(taken[field])]
    nodes = {path: values for path, values in nodes_of(objects).items() if len(path) > 1 and path not in held}
    mapping: dict[str, str] = {}
    for field, names in NAMES.items():
        if field in taken or field in _NOT_NESTED or (field in ("input", "output") and "messages" in {**taken, **mapping}):
            continue
        inside = field in _BESIDE_AN_ANSWER
        open_to = {path: values for path, values in nodes.items() if inside or not any(path[: len(top)] == top for top in answers)}
        found = _by_last_part(field, names, open_to)
        if found is not None:
            mapping[field] = ".".join(map(quoted, found))
            nodes.pop(found)
    return mapping


def _by_last_part(field: str, names: Sequence[str], nodes: Mapping[tuple[str, ...], Sequence[Any]]) -> tuple[str, ...] | None:
    for owner, name in _BELONGING.get(field, ()):
        for path, values in nodes.items():
            if tuple(map(normalised, path[-2:])) == (owner, name) and _fits(field, values):
                return path
    for name in names:
        for path, values in sorted(nodes.items(), key=lambda item: len(item[0])):
            if normalised(path[-1]) == name and _fits(field, values) and _fits_nested(field, path, values):
                return path
    return None


def _fits_nested(field: str, path: tuple[str, ...], values: Sequence[Any]) -> bool:
    """What a nested name must show beside its values: a text is no count, and an object is no text unless its kind is known."""
    if field not in _FREE:
        return True
    if any(normalised(part) in _COUNTED for part in path[:-1]):
        return False
    given = [value for value in values if value is not None]
    return bool(given) and not any(isinstance(value, bool | int | float) for value in given)


def normalised(key: str) -> str:
    """A column's name in lower snake case.

    >>> normalised("createdAt"), normalised("Prompt Tokens"), normalised("ID")
    ('created_at', 'prompt_tokens', 'id')
    """
    return re.sub(r"[\s\-]+", "_", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", key.strip())).lower()


def unmapped(objects: Sequence[Mapping[str, Any]], paths: Collection[str], columns: Collection[str] = ()) -> tuple[str, ...]:
    """Every path of a scalar or a list in some object that no path of a mapping reads, also beside one that it reads.

    What lies inside an object that is read whole counts as read. `columns`: of a flat table, whose names are no paths.
    """
    read = {(path,) if path in columns else tuple(key for key, _ in steps) for path in paths for steps in ([[]] if path in columns else parse_path(path))}
    found = [path for path, values in nodes_of(objects).items() if any(_is_leaf(value) for value in values)]
    return tuple(".".join(map(quoted, path)) for path in found if not any(path[: len(one)] == one or one[: len(path)] == path for one in read))


def _is_leaf(value: Any) -> bool:
    return value is not None and not isinstance(value, dict) and value != []


def texts_in(values: Sequence[Any]) -> list[str]:
    """The paths of texts in objects, those with spaces (sentences, not codes) and those of most characters first."""
    sizes = {}
    for path, found in nodes_of([value for value in values if isinstance(value, dict)]).items():
        texts = [value for value in found if isinstance(value, str)]
        if texts:
            sizes[".".join(map(quoted, path))] = sum(map(len, texts)) * (1 + any(" " in text for text in texts))
    return sorted(sizes, key=lambda path: -sizes[path])


def nodes_of(objects: Sequence[Mapping[str, Any]]) -> dict[tuple[str, ...], list[Any]]:
    """Path -> its value in each object, of all keys down to DEEPEST objects inside each other; lists are not looked into."""
    found: dict[tuple[str, ...], list[Any]] = {}
    for row, one in enumerate(objects):
        _note(one, (), row, len(objects), found)
    return found


def _note(one: Mapping[str, Any], above: tuple[str, ...], row: int, count: int, found: dict[tuple[str, ...], list[Any]]) -> None:
    for key, value in one.items():
        path = (*above, key)
        if path not in found and len(found) >= MOST_PATHS:
            return
        found.setdefault(path, [None] * count)[row] = value
        if isinstance(value, dict) and len(path) < DEEPEST:
            _note(value, path, row, count, found)


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
    return number_of(value) is not None or written(value)


def _is_scalar(value: Any) -> bool:
    return not isinstance(value, dict | list)


def _is_thumb(value: Any) -> bool:
    return thumb_of(value) is not None


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


_CHECKS: dict[str, Callable[[Any], bool]] = {
    "time": _is_time,
    "messages": is_conversation,
    "reasoning": _is_text,
    "label.thumbs": _is_thumb,
    "label.rating": lambda value: _is_thumb(value) or _is_number(value),
}
