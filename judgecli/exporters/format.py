"""The contract of a training format: one file with a `FORMAT`, found without a list to edit."""

import functools
import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Literal

import orjson

import judgecli.exporters
from judgecli.errors import UnknownName

ExportRow = dict[str, Any]  # one line of the file
ExportMessage = dict[str, Any]
ROLES = ("system", "user", "assistant", "tool")


@dataclass(frozen=True, slots=True)
class ExportItem:
    """What a format makes a line of: a pair (`worse` is the rejected answer), or one answer that is `good` or not.

    Messages are as a trainer reads them (labels/conversation.py); `provenance` names source,
    basis, records and reward; `margin` is the gap of a pair.
    """

    prompt: tuple[ExportMessage, ...]
    answer: tuple[ExportMessage, ...]
    tools: tuple[ExportMessage, ...]
    provenance: Mapping[str, object]
    worse: tuple[ExportMessage, ...] = ()
    margin: float = 0.0
    good: bool = True


@dataclass(frozen=True)
class ExportFormat:
    """A training format.

    `unit` says what an item is. `row` makes the line of an item; with `standard` texts in the place of
    messages. `check` says what is wrong with a line that was read again: None, or one sentence.
    `sample` is one real line.
    """

    name: str
    definition: str
    trainers: str
    unit: Literal["pair", "example"]
    row: Callable[[ExportItem, bool], ExportRow]
    check: Callable[[ExportRow, bool], str | None]
    sample: str


@functools.cache
def formats() -> dict[str, ExportFormat]:
    """Every format by name: the files of this package that declare a FORMAT, then entry points."""
    modules = sorted(module.name for module in pkgutil.iter_modules([str(Path(judgecli.exporters.__path__[0]))]))
    loaded = [importlib.import_module(f"judgecli.exporters.{name}") for name in modules]
    found = [module.FORMAT for module in loaded if isinstance(getattr(module, "FORMAT", None), ExportFormat)]
    found += [entry.load() for entry in entry_points(group="judgecli.exporters")]
    return {one.name: one for one in sorted(found, key=lambda one: one.name)}


def format_named(name: str) -> ExportFormat:
    """The format of this name. Raises: UnknownName."""
    if name not in formats():
        raise UnknownName("training format", name, known=formats())
    return formats()[name]


def is_plain(item: ExportItem) -> bool:
    """Whether an item is one question and its answer in text alone, as --standard can write it."""
    return len(item.prompt) == 1 and not item.tools and all(len(answer) == 1 and answer[0].keys() == {"role", "content"} for answer in _answers(item))


def plain_answer(messages: tuple[ExportMessage, ...]) -> str:
    """An answer as text; trainers put it directly behind the prompt, so it starts with a line end of its own."""
    return f"\n{messages[0]['content']}"


def _answers(item: ExportItem) -> list[tuple[ExportMessage, ...]]:
    return [item.answer, item.worse] if item.worse else [item.answer]


def check_messages(value: object, *, ends: tuple[str, ...] = (), starts: tuple[str, ...] = ()) -> str | None:
    """What is wrong with a list of messages: roles, contents, tool calls, nulls; None where nothing is."""
    if not isinstance(value, list) or not value:
        return "is no list of messages"
    for message in value:
        wrong = _check_message(message)
        if wrong:
            return wrong
    if ends and value[-1]["role"] not in ends:
        return f"ends with {value[-1]['role']}, not with {' or '.join(ends)}"
    if starts and value[0]["role"] not in starts:
        return f"starts with {value[0]['role']}, not with {' or '.join(starts)}"
    return None


def _check_message(message: object) -> str | None:
    if not isinstance(message, dict) or message.get("role") not in ROLES:
        return "holds a message without a known role"
    if not message.keys() <= {"role", "content", "name", "tool_calls"} or not message.keys() & {"content", "tool_calls"}:
        return f"holds a message with the keys {', '.join(message)}"
    if not isinstance(message.get("content", ""), str) or not isinstance(message.get("name", ""), str):
        return "holds a content that is no text"
    calls = message.get("tool_calls", [])
    if not isinstance(calls, list) or not all(_is_call(call) for call in calls):
        return "holds a tool call without name and arguments"
    return None


def _is_call(call: object) -> bool:
    function = call.get("function") if isinstance(call, dict) else None
    return isinstance(function, dict) and isinstance(function.get("name"), str) and isinstance(function.get("arguments"), dict)


def provenance_text(item: ExportItem) -> str:
    """Where a line came from, as JSON text: loaders infer types, and would read a version such as 2026-10-01 as a time."""
    return orjson.dumps(item.provenance).decode()


def check_provenance(row: ExportRow) -> str | None:
    """What is wrong with `judge`, which says where a line came from."""
    try:
        said = orjson.loads(row["judge"])
    except (orjson.JSONDecodeError, TypeError):
        return "judge is no JSON text"
    return None if isinstance(said, dict) and said.get("source") else "judge names no source"


def check_tools(row: ExportRow) -> str | None:
    """What is wrong with `tools`, a list of tools as JSON text; nothing where the line has none."""
    try:
        tools = orjson.loads(row.get("tools", "[]"))
    except (orjson.JSONDecodeError, TypeError):
        return "tools is no JSON text"
    return None if isinstance(tools, list) and all(isinstance(tool, dict) for tool in tools) else "tools is no list of tools"
