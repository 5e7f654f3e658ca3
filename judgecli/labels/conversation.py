"""A record as the conversation that a trainer reads: the messages before the answer, and the answer.

Messages are {"role", "content"} with `tool_calls` (arguments as an object) and tool results
({"role": "tool", "name", "content"}); a key without a value is left out, never null.
Source: OpenAI chat messages as TRL 1.16 takes them (docs/source/dataset_formats.md).
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Message = dict[str, Any]

# The record columns that a conversation is made of.
COLUMNS = ("input", "output", "messages", "output_messages", "contexts", "tools", "error")
_ROLES = {"user": "user", "assistant": "assistant", "system": "system", "developer": "system", "tool": "tool", "function": "tool"}


class Unfit(Exception):
    """This record cannot be trained on; `reason` is a key of pairs.DROPPED."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Conversation:
    """What the model saw (`prompt`, `tools`) and what it answered (`completion`).

    `state` is a 16-byte hash of what the answer depends on: prompt without system messages, in lower
    case with single spaces, tools and contexts. `text` is one of the answer, `question` one of the
    last user message.
    """

    prompt: tuple[Message, ...]
    completion: tuple[Message, ...]
    tools: tuple[Message, ...]
    state: bytes
    text: bytes
    question: bytes


def conversation_of(record: Mapping[str, Any]) -> Conversation:
    """The conversation of one record (COLUMNS). Raises: Unfit where it has no prompt or no answer, or holds what text cannot say."""
    if record.get("error"):
        raise Unfit("app_error")
    before, after = _divided(record)
    prompt, completion = tuple(_messages(before)), tuple(_messages(after))
    if not prompt or prompt[-1]["role"] not in ("user", "tool"):
        raise Unfit("no_prompt")
    if not completion or completion[0]["role"] != "assistant":
        raise Unfit("no_output")
    tools = tuple(_tool(tool) for tool in record.get("tools") or ())
    state = [[_normal(message) for message in prompt if message["role"] != "system"], tools, record.get("contexts") or []]
    question = next((message.get("content", "") for message in reversed(prompt) if message["role"] == "user"), "")
    return Conversation(prompt, completion, tools, _digest(state), _digest([_stripped(message) for message in completion]), _digest(_spaced(question)))


def shared_prompt(chosen: Conversation, rejected: Conversation) -> tuple[Message, ...]:
    """The prompt of a pair: of the chosen answer; without system messages where the two differ in them."""
    if _system(chosen) == _system(rejected):
        return chosen.prompt
    return tuple(message for message in chosen.prompt if message["role"] != "system")


def _system(conversation: Conversation) -> list[Message]:
    return [message for message in conversation.prompt if message["role"] == "system"]


def _divided(record: Mapping[str, Any]) -> tuple[list[Message], list[Message]]:
    """The stored messages before the answer, and the answer.

    Where `output` was mapped by itself, the messages are the history: its last assistant message
    (which readers keep in output_messages) is then a turn of the past, or an older form of the output.
    """
    output, asked = record.get("output"), record.get("input")
    before, after = list(record.get("messages") or ()), list(record.get("output_messages") or ())
    if after and output in (None, _text(after[0])):
        end = next((place for place, message in enumerate(after) if _role(message) in ("user", "system")), len(after))
        while end and _role(after[end - 1]) == "tool":  # what a tool said last is no part of the answer
            end -= 1
        return before or _said("user", asked), after[:end]
    history = before + after
    if not output:
        raise Unfit("no_output")
    if not history:
        return _said("user", asked), _said("assistant", output)
    last = next((_text(message) or "" for message in reversed(history) if _role(message) == "user"), None)
    is_asked = last is not None and (asked is None or asked in last)
    if _role(history[-1]) in ("user", "tool"):
        return history, _said("assistant", output)
    return (before if is_asked else history + _said("user", asked)), _said("assistant", output)


def _said(role: str, text: str | None) -> list[Message]:
    return [{"role": role, "parts": [{"type": "text", "text": text}]}] if text else []


def _role(message: Message) -> str:
    """The role as a trainer has it; one that no template has as it is."""
    return _ROLES.get(message["role"]) or str(message["role"])


def _text(message: Message) -> str | None:
    """The text parts joined by line ends, as readers make `output` of them."""
    texts = [part["text"] for part in message["parts"] or () if part["type"] == "text" and part.get("text") is not None]
    return "\n".join(texts) if texts else None


def _messages(stored: Sequence[Message]) -> list[Message]:
    """Stored messages (schema.MESSAGE) as a trainer reads them; messages that say nothing are left out."""
    called: dict[str, str] = {}  # call id -> name, for results that give the id only
    found = []
    for message in stored:
        role = _ROLES.get(message["role"])
        if role is None:
            raise Unfit("unknown_role")
        parts = message["parts"] or ()
        if any(part["type"] == "media" for part in parts):
            raise Unfit("media")
        calls = [_call(part) for part in parts if part["type"] == "tool_call"]
        called |= {part["id"]: part["name"] for part in parts if part["type"] == "tool_call" and part.get("id") and part.get("name")}
        found += [_result(part, called) for part in parts if part["type"] == "tool_result"]
        text = _text(message)
        if text or calls:
            found.append({"role": role, **({"content": text} if text else {}), **({"tool_calls": calls} if calls else {})})
    return found


def _call(part: Message) -> Message:
    arguments = _object(part.get("arguments") or "{}")
    if arguments is None or not part.get("name"):
        raise Unfit("bad_tool_call")
    return {"type": "function", "function": {"name": part["name"], "arguments": arguments}}


def _result(part: Message, called: Mapping[str, str]) -> Message:
    name = part.get("name") or called.get(part.get("id") or "")
    return {"role": "tool", **({"name": name} if name else {}), "content": part.get("result") or ""}


def _tool(tool: Mapping[str, Any]) -> Message:
    parameters = _object(tool.get("parameters") or '{"type":"object","properties":{}}')
    if parameters is None:
        raise Unfit("bad_tool_call")
    described = {"description": tool["description"]} if tool.get("description") else {}
    return {"type": "function", "function": {"name": tool["name"], **described, "parameters": parameters}}


def _object(text: str) -> Message | None:
    """The JSON object that `text` holds, or None."""
    try:
        found = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _refuse(constant: str) -> None:
    raise ValueError(constant)


def _normal(message: Message) -> Message:
    return {**message, "content": _spaced(message["content"])} if "content" in message else message


def _stripped(message: Message) -> Message:
    return {**message, "content": message["content"].strip()} if "content" in message else message


def _spaced(text: str) -> str:
    return " ".join(text.casefold().split())


def _digest(value: object) -> bytes:
    return hashlib.blake2b(json.dumps(value, sort_keys=True).encode(), digest_size=16).digest()
