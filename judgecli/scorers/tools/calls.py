"""The tool calls of one record: which tools an agent called, with what, and what came back."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypedDict


class ContentPart(TypedDict, total=False):
    """One part of a message (schema.PART)."""

    type: str
    text: str | None
    id: str | None
    name: str | None
    arguments: str | None
    result: str | None


class ChatMessage(TypedDict):
    """One message (schema.MESSAGE)."""

    role: str | None
    parts: list[ContentPart]


class Tool(TypedDict, total=False):
    """A tool definition that was offered (schema.TOOL)."""

    name: str
    description: str | None
    parameters: str | None


class ExpectedCall(TypedDict, total=False):
    """A call that is expected (schema.CALL); arguments None = any."""

    name: str
    arguments: str | None


Messages = list[ChatMessage]
CallScope = Literal["turn", "all"]
SCOPES = ("turn", "all")


@dataclass(frozen=True, slots=True)
class Call:
    """One call: the tool's name and its arguments, in a canonical form so that equal calls are equal."""

    name: str
    arguments: str


def trajectories(output_messages: Sequence[Messages], messages: Sequence[Messages | None] | None, scope: CallScope) -> list[Messages]:
    """The messages in which each record's agent acted.

    "turn": those after the last thing the user said; "all": the whole conversation. A user message
    that only carries tool results is not something the user said.
    Raises: ValueError for another scope.
    """
    if scope not in SCOPES:
        raise ValueError(f"scope must be turn or all, got {scope!r}")
    before = messages if messages is not None else [None] * len(output_messages)
    return [[*_since(earlier or [], scope), *later] for earlier, later in zip(before, output_messages, strict=True)]


def _since(messages: Messages, scope: CallScope) -> Messages:
    if scope == "all":
        return messages
    said = [
        number for number, message in enumerate(messages) if message["role"] == "user" and any(part.get("type") != "tool_result" for part in message["parts"])
    ]
    return messages[said[-1] + 1 :] if said else messages


def parts(conversation: Messages, type: str) -> Iterator[ContentPart]:
    """The parts of one type, in order."""
    return (part for message in conversation for part in message["parts"] or () if part.get("type") == type)


def calls(conversation: Messages) -> list[Call]:
    """The tool calls of a conversation, in order."""
    return [Call(part.get("name") or "", canonical(part.get("arguments"))) for part in parts(conversation, "tool_call")]


def canonical(arguments: str | None) -> str:
    """Arguments as JSON text with sorted keys, no arguments as {}; text that is no JSON as it is.

    >>> canonical('{"b": 1.0, "a": 2}')
    '{"a": 2, "b": 1}'
    """
    if arguments is None or not arguments.strip():
        return "{}"
    try:
        return json.dumps(json.loads(arguments, parse_float=_number), sort_keys=True, ensure_ascii=False)
    except (ValueError, RecursionError):
        return arguments


def _number(text: str) -> float | int:
    value = float(text)
    return int(value) if value.is_integer() and abs(value) < 2**53 else value
