"""The answer, and the question, inside the objects that libraries wrap around them; each is known by its kind, never by guess.

{"role": "assistant", "content": "Hi"}                                     a message, or a list of them
{"choices": [{"message": {"role": "assistant", "content": "Hi"}}]}          a chat completion
{"object": "response", "output": [{"type": "message", "content": [...]}]}   a response of the Responses API
{"generations": [[{"text": "Hi", "message": {...}}]]}                       LangChain's result of a model
{"lc": 1, "type": "constructor", "id": [..., "AIMessage"], "kwargs": {...}}  a message as LangChain dumps it
{"candidates": [{"content": {"role": "model", "parts": [{"text": "Hi"}]}}]}  Gemini
{"output": "Hi"}, {"answer": {"text": "Hi"}}                                an object around one text
{"error": {"message": "busy"}}, {}                                          a call that failed: no answer
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from judgecli.readers.adapter import RefusedLine
from judgecli.readers.messages import Message, is_conversation, last_user_text, messages_of, said_by, split, text_of_message
from judgecli.readers.values import is_texts, structure_of, text_of

MOST_LAYERS = 5  # of objects around one text
ANSWERS = ("text", "content", "answer", "output", "outputs", "response", "result", "completion", "generated_text", "reply", "final_output", "message")
QUESTIONS = ("question", "input", "inputs", "query", "prompt", "text", "content", "message", "user_input", "instruction", "raw")
_ITEMS = frozenset(("message", "reasoning", "function_call", "function_call_output", "web_search_call", "file_search_call", "custom_tool_call", "mcp_call"))
_WRAPPERS = ('"role"', '"choices"', '"generations"', '"candidates"', '"kwargs"', '"output"')  # one of them is in every kind that JSON text may hold

_OWN_KEYS = frozenset(("choices", "generations", "candidates", "object", "messages", "role", "from", "type", "content"))


@dataclass(frozen=True)
class WrappedText:
    """What an object says: the app's messages (none: no answer), why there is none, how it ended; `plain`: a text in an object, and no message."""

    messages: Sequence[Message] = ()
    error: str | None = None
    finish_reason: str | None = None
    plain: bool = False

    @property
    def text(self) -> str | None:
        """The text of its first message that has one."""
        return next((text for message in self.messages if (text := text_of_message(message)) is not None), None)


def answer_in(value: Any, *, layers: int = MOST_LAYERS) -> WrappedText | None:
    """What the app said in an object or a list; None where its kind is not known, or the value is a text.

    Raises: Refused where the kind is known and its messages cannot be read.
    """
    if isinstance(value, list):
        return _of_list(value, layers)
    if not isinstance(value, dict) or layers == 0:
        return None
    found = _of_known(value)
    if found is not None:
        return found
    if not value:
        return WrappedText()
    if value.get("error") and not any(value.get(key) for key in ANSWERS):
        return WrappedText(error=error_text(value["error"]))
    return _around(value, layers)


def _of_known(value: Mapping[str, Any]) -> WrappedText | None:
    """A kind that is told by keys of its own."""
    if value.keys().isdisjoint(_OWN_KEYS):  # the objects of an app's own making, most of all
        return None
    if isinstance(value.get("choices"), list):
        return _choice(value["choices"])
    if isinstance(value.get("generations"), list):
        return _generation(value["generations"])
    if isinstance(value.get("candidates"), list):
        return _candidate(value["candidates"])
    if value.get("object") == "response" and isinstance(value.get("output"), list):
        return _items(value["output"])
    if isinstance(value.get("messages"), list) and _are_messages(value["messages"]):
        return WrappedText(split(messages_of(value["messages"]) or [])[1])
    if said_by(value) is not None and ("content" in value or "parts" in value or "kwargs" in value or "tool_calls" in value):
        return WrappedText([_as_assistant(message) for message in messages_of([value]) or []], finish_reason=text_of(value.get("stop_reason")))
    if isinstance(value.get("content"), list) and value["content"] and all(isinstance(part, dict) and "type" in part for part in value["content"]):
        return WrappedText(messages_of([{"role": "assistant", "content": value["content"]}]) or [], finish_reason=text_of(value.get("stop_reason")))
    return None


def _of_list(value: Sequence[Any], layers: int) -> WrappedText | None:
    if not value:
        return WrappedText()
    if _are_messages(value):
        return WrappedText(split(messages_of(list(value)) or [])[1])
    if all(isinstance(item, dict) and item.get("type") in _ITEMS for item in value):
        return _items(value)
    if all(isinstance(item, list) for item in value) and len(value) == 1:
        return answer_in(value[0], layers=layers - 1)
    if len(value) == 1 and isinstance(value[0], dict) and "type" not in value[0]:
        return answer_in(value[0], layers=layers - 1)
    return None


def _around(value: Mapping[str, Any], layers: int) -> WrappedText | None:
    """An object around one answer, by the first name that holds one."""
    for key in ANSWERS:
        inner = value.get(key)
        if isinstance(inner, str):
            return WrappedText(_assistant(inner), plain=True)
        if isinstance(inner, dict | list) and inner:
            found = answer_in(inner, layers=layers - 1)
            if found is not None:
                return found
    return WrappedText() if any(key in value and not value[key] for key in ANSWERS) else None


def _choice(choices: Sequence[Any]) -> WrappedText:
    """The first choice of a chat completion, or of a legacy completion (`text`)."""
    first = choices[0] if choices and isinstance(choices[0], dict) else {}
    ended = text_of(first.get("finish_reason"))
    message = first.get("message") if isinstance(first.get("message"), dict) else first.get("delta")
    if isinstance(message, dict):
        return WrappedText(messages_of([{**message, "role": "assistant"}]) or [], finish_reason=ended)
    return WrappedText(_assistant(first["text"]) if isinstance(first.get("text"), str) else [], finish_reason=ended)


def _generation(generations: Sequence[Any]) -> WrappedText:
    first = generations[0] if generations else None
    first = first[0] if isinstance(first, list) and first else first
    if not isinstance(first, dict):
        return WrappedText()
    info = first.get("generation_info")
    ended = text_of(info.get("finish_reason")) if isinstance(info, dict) else None
    message = first.get("message")
    if isinstance(message, dict) and said_by(message) is not None:
        return WrappedText([_as_assistant(one) for one in messages_of([message]) or []], finish_reason=ended)
    return WrappedText(_assistant(first["text"]) if isinstance(first.get("text"), str) else [], finish_reason=ended)


def _candidate(candidates: Sequence[Any]) -> WrappedText:
    first = candidates[0] if candidates and isinstance(candidates[0], dict) else {}
    content = first.get("content")
    parts = content.get("parts") if isinstance(content, dict) else None
    ended = text_of(first.get("finish_reason", first.get("finishReason")))
    return WrappedText(
        messages_of([{"role": "assistant", "parts": [_gemini(part) for part in parts]}]) or [] if isinstance(parts, list) else [], finish_reason=ended
    )


def _gemini(part: Any) -> Any:
    if not isinstance(part, dict) or "type" in part:
        return part
    call = part.get("function_call", part.get("functionCall"))
    if isinstance(call, dict):
        return {"type": "tool_call", "name": call.get("name"), "arguments": call.get("args")}
    return {"type": "reasoning" if part.get("thought") else "text", "text": part.get("text")}


def _items(items: Sequence[Any]) -> WrappedText:
    """The output items of a response: messages, reasoning and calls as parts of one message."""
    parts: list[Any] = []
    for item in items:
        kind = item.get("type") if isinstance(item, dict) else None
        if kind == "message":
            content = item.get("content")
            parts += content if isinstance(content, list) else [{"type": "text", "text": content}]
        elif kind == "reasoning":
            parts += [{"type": "reasoning", "text": part.get("text")} for part in item.get("summary") or [] if isinstance(part, dict)]
        elif kind is not None and kind.endswith("_call"):
            parts.append({**item, "type": "tool_call", "name": item.get("name", kind)})
    return WrappedText(messages_of([{"role": "assistant", "content": parts}]) or [] if parts else [])


def answers_of(value: Any) -> int:
    """How many answers an object holds beside each other: the choices of a completion, the candidates of Gemini; else 1."""
    inner = unpacked(value)
    held = [inner.get(key) for key in ("choices", "candidates")] if isinstance(inner, dict) else []
    return next((len(items) for items in held if isinstance(items, list)), 1)


def kind_of(value: Any) -> str:
    """text, wrapped (an object or JSON text that holds an answer) or unknown."""
    inner = unpacked(value)
    if not isinstance(inner, dict | list) or is_texts(inner):
        return "text"
    try:
        return "unknown" if answer_in(inner) is None else "wrapped"
    except RefusedLine:
        return "unknown"


def question_in(value: Any, *, layers: int = MOST_LAYERS) -> tuple[str | None, list[Message] | None] | None:
    """(the last user text, the messages) of an object or list that holds a question; None where its kind is not known, or the value is a text."""
    if isinstance(value, list):
        if _are_messages(value):
            messages = messages_of(value) or []
            return last_user_text(messages), messages
        return question_in(value[0], layers=layers - 1) if len(value) == 1 and isinstance(value[0], list) and layers else None
    if not isinstance(value, dict) or layers == 0:
        return None
    if said_by(value) is not None and ("content" in value or "kwargs" in value):
        return question_in([value], layers=layers - 1)
    if isinstance(value.get("messages"), list) and value["messages"]:
        return question_in(value["messages"], layers=layers - 1)
    for key in QUESTIONS:
        inner = structure_of(value.get(key)) if key == "raw" else value.get(key)
        if isinstance(inner, str) and inner:
            return inner, None
        if isinstance(inner, dict | list) and inner and (found := question_in(inner, layers=layers - 1)) is not None:
            return found
    return (None, None) if not value else None


def unpacked(value: Any) -> Any:
    """JSON text that holds one of the kinds above, parsed; anything else as it is: an answer that is JSON stays the text that it is."""
    if type(value) is not str or value.lstrip()[:1] not in ("[", "{") or not any(mark in value for mark in _WRAPPERS):
        return value
    try:
        found = orjson.loads(value)
    except orjson.JSONDecodeError:
        return value
    if isinstance(found, list):
        return found if _are_messages(found) or (found and all(isinstance(item, dict) and item.get("type") in _ITEMS for item in found)) else value
    return found if isinstance(found, dict) and (_has_own_keys(found) or _are_messages(found.get("messages"))) else value


def _has_own_keys(value: Mapping[str, Any]) -> bool:
    if said_by(value) is not None:
        return "content" in value or "parts" in value or "kwargs" in value or "tool_calls" in value
    if value.get("object") == "response":
        return isinstance(value.get("output"), list)
    return any(isinstance(value.get(key), list) and value[key] and isinstance(value[key][0], dict | list) for key in ("choices", "generations", "candidates"))


def error_text(error: Any) -> str:
    """An error in words: its message with its code, else its JSON."""
    if not isinstance(error, Mapping):
        return text_of(error) or "error"
    message, code = (text_of(error.get(key)) for key in ("message", "code"))
    if message is None:
        return text_of(dict(error)) or "error"
    return message if code is None or code in message else f"{code}: {message}"


def _are_messages(value: Any) -> bool:
    return isinstance(value, list) and is_conversation(value)


def _assistant(text: str) -> list[Message]:
    return [{"role": "assistant", "parts": [{"type": "text", "text": text}]}]


def _as_assistant(message: Message) -> Message:
    return {**message, "role": "assistant"} if message["role"] in ("model", "ai") else message
