"""Conversations of logs to messages of parts (schema.MESSAGE), and back to the two texts that are judged.

Read: OpenAI chat messages (text, part lists, tool_calls, function_call, tool results, refusal,
reasoning_content), Anthropic content blocks, ShareGPT turns ({from, value}), OTel GenAI parts and
LangChain's messages ({type, content}, or as `dumpd` writes them).
"""

from collections.abc import Mapping, Sequence
from typing import Any

from judgecli.readers.adapter import RefusedLine
from judgecli.readers.values import compact, structure_of, text_of

MessagePart = dict[str, str | None]
Message = dict[str, Any]  # {"role": str, "parts": [Part]}

_SHAREGPT_ROLES = {
    "human": "user",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "bing": "assistant",
    "bard": "assistant",
    "function_call": "assistant",
    "observation": "tool",
}
_LANGCHAIN_ROLES = {
    "human": "user",
    "HumanMessage": "user",
    "HumanMessageChunk": "user",
    "ai": "assistant",
    "AIMessage": "assistant",
    "AIMessageChunk": "assistant",
    "system": "system",
    "SystemMessage": "system",
    "tool": "tool",
    "ToolMessage": "tool",
    "function": "function",
    "FunctionMessage": "function",
}
_TEXT_TYPES = frozenset(("text", "input_text", "output_text", "refusal"))
_MEDIA_TYPES = frozenset(
    ("image_url", "input_image", "image", "input_audio", "audio", "file", "input_file", "document", "video_url", "video", "blob", "uri", "media")
)
_DICT_TEXT = ("answer", "text", "content", "value")


def messages_of(value: Any) -> list[Message] | None:
    """The messages of one conversation; a text is one user message. Raises: Refused("unknown_shape")."""
    value = structure_of(value)
    if value is None:
        return None
    if isinstance(value, list) and len(value) == 1 and isinstance(value[0], list):
        value = value[0]  # LangChain keeps a list of conversations
    if isinstance(value, str):
        return [{"role": "user", "parts": [{"type": "text", "text": value}]}]
    if isinstance(value, dict):
        value = [value]
    if not isinstance(value, list):
        raise RefusedLine("unknown_shape", "the messages are no list")
    return [_message(item) for item in value]


def split(messages: Sequence[Message]) -> tuple[list[Message], list[Message]]:
    """(before, from the last assistant message on); the second is empty where no assistant spoke."""
    for at in range(len(messages) - 1, -1, -1):
        if messages[at]["role"] == "assistant":
            return list(messages[:at]), list(messages[at:])
    return list(messages), []


def text_of_message(message: Message) -> str | None:
    """The text parts of a message joined by line ends; None where it has none (a tool call alone)."""
    texts = [part["text"] for part in message["parts"] if part["type"] == "text" and part.get("text") is not None]
    return "\n".join(texts) if texts else None


def last_user_text(messages: Sequence[Message]) -> str | None:
    """The text of the last user message that has one."""
    spoken = (text_of_message(message) for message in reversed(messages) if message["role"] == "user")
    return next((text for text in spoken if text is not None), None)


def said_by(item: Mapping[str, Any]) -> str | None:
    """Who wrote a message, as its object says; None where that is no message."""
    role = item.get("role", item.get("from"))
    if isinstance(role, str):
        return _SHAREGPT_ROLES.get(role, role)
    kind = item.get("type")
    if kind == "constructor" and isinstance(item.get("kwargs"), dict) and isinstance(item.get("id"), list) and item["id"]:
        kind = item["id"][-1]
    return _LANGCHAIN_ROLES.get(kind) if isinstance(kind, str) and ("content" in item or "kwargs" in item) else None


def is_conversation(value: Any) -> bool:
    """Whether a value (or the JSON text of it) is a list of messages that all say who wrote them."""
    value = structure_of(value)
    if isinstance(value, list) and len(value) == 1 and isinstance(value[0], list):
        value = value[0]
    return isinstance(value, list) and bool(value) and all(isinstance(item, dict) and said_by(item) is not None for item in value)


def _message(item: Any) -> Message:
    if isinstance(item, str):
        raise RefusedLine("unknown_shape", "a message is text alone and does not say who wrote it")
    if not isinstance(item, dict):
        raise RefusedLine("unknown_shape", "a message is no object")
    role = said_by(item)
    if role is None:
        raise RefusedLine("unknown_shape", "a message has no role")
    if isinstance(item.get("kwargs"), dict) and "content" not in item:
        item = item["kwargs"]
    parts: list[MessagePart] = []
    for key in ("reasoning_content", "reasoning"):
        if isinstance(item.get(key), str) and item[key]:
            parts.append({"type": "reasoning", "text": item[key]})
            break
    content = item["parts"] if isinstance(item.get("parts"), list) else item.get("content", item.get("value"))
    if role in ("tool", "function"):
        parts.append({"type": "tool_result", "id": text_of(item.get("tool_call_id")), "name": text_of(item.get("name")), "result": _result(content)})
        return {"role": role, "parts": parts}
    parts += _parts(content)
    if isinstance(item.get("refusal"), str) and item["refusal"]:
        parts.append({"type": "text", "text": item["refusal"]})
    calls = item.get("tool_calls") or ([item["function_call"]] if item.get("function_call") else [])
    parts += [_tool_call(call) for call in calls if isinstance(call, dict)] if isinstance(calls, list) else []
    return {"role": role, "parts": parts}


def _parts(content: Any) -> list[MessagePart]:
    if content is None:
        return []
    if isinstance(content, list):
        return [_part(part) for part in content]
    if isinstance(content, dict):
        return [_part(content) if "type" in content else {"type": "text", "text": _dict_text(content)}]
    return [{"type": "text", "text": text_of(content)}]


def _part(part: Any) -> MessagePart:
    if not isinstance(part, dict):
        return {"type": "text", "text": text_of(part)}
    kind = part.get("type")
    if kind in _TEXT_TYPES:
        return {"type": "text", "text": text_of(next((part[key] for key in ("text", "content", "refusal") if part.get(key) is not None), None))}
    if kind in ("tool_call", "tool_use", "function_call", "server_tool_use"):
        return _tool_call(part)
    if kind in ("tool_result", "tool_call_response", "function_call_output"):
        identifier = next((part[key] for key in ("id", "tool_use_id", "call_id") if part.get(key) is not None), None)
        result = next((part[key] for key in ("result", "response", "content", "output") if part.get(key) is not None), None)
        return {"type": "tool_result", "id": text_of(identifier), "name": text_of(part.get("name")), "result": _result(result)}
    if kind in ("thinking", "reasoning"):
        return {"type": "reasoning", "text": text_of(next((part[key] for key in ("thinking", "text", "content") if part.get(key) is not None), None))}
    if kind in _MEDIA_TYPES:
        return _media(part)
    return {"type": "text", "text": _dict_text(part)}


def _tool_call(call: dict[str, Any]) -> MessagePart:
    inner = call["function"] if isinstance(call.get("function"), dict) else call
    arguments = next((inner[key] for key in ("arguments", "input", "args") if inner.get(key) is not None), None)
    identifier = call.get("id") if call.get("id") is not None else call.get("call_id")
    return {"type": "tool_call", "id": text_of(identifier), "name": text_of(inner.get("name")), "arguments": None if arguments is None else text_of(arguments)}


def _result(content: Any) -> str | None:
    return None if content is None else text_of(content)


def _media(part: dict[str, Any]) -> MessagePart:
    """A reference to what was seen or heard: its kind and address, never its bytes (a data: address keeps its kind only)."""
    kind = str(part.get("type"))
    inner = next((part[key] for key in (kind, "source", "file") if isinstance(part.get(key), dict)), part)
    address = next((value for value in (inner.get("url"), inner.get("uri"), part.get("image_url"), inner.get("file_id")) if isinstance(value, str)), None)
    mime = next((inner[key] for key in ("mime_type", "media_type", "mime", "format", "modality") if isinstance(inner.get(key), str)), kind)
    if address is not None and address[:5].lower() == "data:":
        mime, address = address[5:80].partition(";")[0].partition(",")[0] or mime, None
    return {"type": "media", "mime": mime, "uri": address}


def _dict_text(content: dict[str, Any]) -> str:
    """The one obvious text of an object (`{"answer": "…"}`), else its JSON."""
    return next((content[key] for key in _DICT_TEXT if isinstance(content.get(key), str)), None) or compact(content)
