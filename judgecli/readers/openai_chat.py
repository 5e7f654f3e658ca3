"""OpenAI chat completions: bare responses, request/response pairs, streamed responses put together.

{"id": "chatcmpl-1", "object": "chat.completion", "created": 1700000000, "model": "gpt-4o",
 "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}]}

A pair is an object with `request` and `response`, each as object or JSON text; the response is a completion (also one without `object`,
as gateways write it), a list of chunks, a stream of server-sent events, or the body of an error: a call that failed is a record
with `error` and no output. Every choice is a record. Where a response has several, its completion tokens belong to all of them
together, so that tokens_out is null.
"""

from collections.abc import Sequence
from typing import Any

import orjson

from judgecli.readers.adapter import Adapter, Object, ReadRow, RefusedLine
from judgecli.readers.messages import last_user_text, messages_of, text_of_message
from judgecli.readers.values import calls_of, number_of, structure_of, text_of, tools_of
from judgecli.readers.wrapped import error_text

_ID = ("id", "request_id", "uid", "uuid", "log_id")
_TIME = ("timestamp", "time", "created_at", "request_time", "start_time", "date", "created", "ts")
_SESSION = ("session_id", "session", "conversation_id", "thread_id")
_USER = ("user_id", "user", "end_user", "safety_identifier")
_VERSION = ("prompt_version",)
_CHUNK = "chat.completion.chunk"


def match(one: Object) -> float:
    """1 for a chat completion, bare or in a pair with a chat request; 0.9 for such a request whose call failed; 0.5 for another pair; else 0."""
    if _is_completion(one):
        return 1.0
    if "request" not in one or "response" not in one:
        return 0.0
    request, response = structure_of(one["request"]), structure_of(one["response"])
    if _is_completion(response) or _is_chunks(response) or (isinstance(response, str) and _CHUNK in response):
        return 1.0
    if isinstance(request, dict) and isinstance(request.get("messages"), list) and (_holds_choices(response) or _failure(response) is not None):
        return 1.0 if _holds_choices(response) else 0.9
    return 0.5 if isinstance(request, dict) and (isinstance(response, dict | list) or _is_stream(response)) else 0.0


def rows(one: Object) -> list[ReadRow]:
    """One row a choice; one with `error` where the call failed. Raises: Refused("unknown_shape") for any other response."""
    if _is_completion(one):
        return rows_of(one, {}, {})
    if "response" not in one:
        raise RefusedLine("unknown_shape", "no chat completion: no response")
    response = structure_of(one["response"])
    if isinstance(response, str) and _CHUNK in response:
        response = join_stream(response)
    elif _is_chunks(response):
        response = join_chunks(response)
    request = structure_of(one.get("request"))
    request = request if isinstance(request, dict) else {}
    failure = _failure(response)
    if failure is not None:
        return [{**_shared(response if isinstance(response, dict) else {}, request, one), "error": failure}]
    if not _holds_choices(response):
        kind = response.get("object") if isinstance(response, dict) else None
        raise RefusedLine("unknown_shape", f"the response is no chat completion but {_named(kind, response)}")
    return rows_of(response, request, one)


def _holds_choices(value: Any) -> bool:
    """A completion, also without `object`: a list of choices with messages."""
    if _is_completion(value):
        return True
    if not isinstance(value, dict) or not isinstance(value.get("choices"), list) or "object" in value:
        return False
    return all(isinstance(choice, dict) and "message" in choice for choice in value["choices"])


def _failure(response: Any) -> str | None:
    """Why a call failed, from the body of its error; None where it did not."""
    if not isinstance(response, dict) or response.get("choices"):
        return None
    error = response.get("error")
    if error:
        return error_text(error)
    if response.get("object") == "error" or ("detail" in response and len(response) <= 2):
        return error_text(response.get("message", response.get("detail")) or "error")
    return None


def rows_of(completion: Object, request: Object, outer: Object) -> list[ReadRow]:
    """One row a choice of a chat completion, with what its request and the object around both say."""
    choices = completion["choices"]
    if not choices:
        raise RefusedLine("unknown_shape", "the chat completion has no choices")
    shared = _shared(completion, request, outer)
    usage = completion.get("usage")
    tokens_out = usage.get("completion_tokens") if isinstance(usage, dict) and len(choices) == 1 else None
    return [{**shared, **_choice(choice), "tokens_out": number_of(tokens_out)} for choice in choices]


def _shared(completion: Object, request: Object, outer: Object) -> ReadRow:
    usage = completion.get("usage")
    said = [outer, request.get("metadata"), completion.get("metadata")]
    before = messages_of(request.get("messages"))
    outer_id = _first([outer], _ID)
    return {
        "id": text_of(outer_id if outer_id is not None else completion.get("id") or None),
        "trace_id": text_of(_first([outer], ("trace_id",))),
        "time": _first([outer], _TIME) if _first([outer], _TIME) is not None else completion.get("created"),
        "session": text_of(_first(said, _SESSION)),
        "user": text_of(_first([*said, request], _USER)),
        "input": last_user_text(before) if before else None,
        "messages": before,
        "model": text_of(completion.get("model") or request.get("model")),
        "prompt_version": text_of(_first(said, _VERSION)),
        "latency_ms": number_of(outer.get("latency_ms", outer.get("duration_ms"))),
        "cost_usd": number_of(outer.get("cost_usd")),
        "tokens_in": number_of(usage.get("prompt_tokens")) if isinstance(usage, dict) else None,
        "tools": tools_of(request.get("tools") or request.get("functions")),
        "expected_tools": calls_of(outer.get("expected_tools")),
    }


def _choice(choice: Any) -> ReadRow:
    message = choice.get("message") if isinstance(choice, dict) else ""
    if message is None and choice.get("finish_reason") == "content_filter":
        return {"output": None, "output_messages": None, "finish_reason": "content_filter"}  # Azure leaves out what it filtered
    if not isinstance(message, dict):
        raise RefusedLine("unknown_shape", "a choice has no message")
    said = messages_of([{"role": "assistant", **{key: value for key, value in message.items() if value is not None}}])
    assert said is not None
    return {"output": text_of_message(said[0]), "output_messages": said, "finish_reason": text_of(choice.get("finish_reason"))}


def join_stream(text: str) -> Object:
    """The chat completion that a stream of server-sent events spells out.

    Content, refusal and reasoning deltas are joined per choice, tool calls per choice and index; id,
    model, finish reason and usage are the last ones given. Raises: Refused where a chunk is no JSON.
    """
    return join_chunks(_chunks(text))


def join_chunks(chunks: Sequence[Any]) -> Object:
    """The chat completion that a list of chunks spells out."""
    whole: Object = {"object": "chat.completion"}
    choices: dict[int, Object] = {}
    for chunk in chunks:
        for key in ("id", "model", "created", "metadata"):
            if chunk.get(key):
                whole[key] = chunk[key]
        usage = chunk.get("usage") or (chunk.get("x_groq") or {}).get("usage")
        if usage:
            whole["usage"] = usage
        for choice in chunk.get("choices") or []:
            if isinstance(choice, dict):
                _add_delta(choices, choice)
    whole["choices"] = [_finished(choices[index]) for index in sorted(choices)]
    return whole


def _chunks(text: str) -> list[Object]:
    found = []
    for line in text.splitlines():
        data = line[5:].strip() if line.startswith("data:") else ""
        if not data or data == "[DONE]":
            continue
        try:
            chunk = orjson.loads(data)
        except orjson.JSONDecodeError as error:
            raise RefusedLine("unknown_shape", f"an event of the stream is no JSON: {error}") from None
        if isinstance(chunk, dict):
            found.append(chunk)
    return found


def _add_delta(choices: dict[int, Object], choice: Object) -> None:
    index = choice.get("index")
    held = choices.setdefault(index if isinstance(index, int) else 0, {"message": {}, "calls": {}, "finish_reason": None})
    delta = choice.get("delta")
    delta = delta if isinstance(delta, dict) else {}
    message = held["message"]
    for key in ("content", "refusal", "reasoning_content", "reasoning"):
        if isinstance(delta.get(key), str):
            message[key] = message.get(key, "") + delta[key]
    if isinstance(delta.get("role"), str) and delta["role"]:
        message["role"] = delta["role"]
    legacy = delta.get("function_call")
    calls = delta.get("tool_calls") or ([{"index": 0, "function": legacy}] if isinstance(legacy, dict) else [])
    for call in calls:
        if isinstance(call, dict):
            _add_call(held["calls"], call)
    held["finish_reason"] = choice.get("finish_reason") or held["finish_reason"]


def _add_call(calls: dict[int, Object], delta: Object) -> None:
    index = delta.get("index")
    call = calls.setdefault(index if isinstance(index, int) else len(calls), {"id": None, "type": "function", "function": {"name": "", "arguments": ""}})
    call["id"] = delta.get("id") or call["id"]
    function = delta.get("function")
    for key in ("name", "arguments"):
        if isinstance(function, dict) and isinstance(function.get(key), str):
            call["function"][key] += function[key]


def _finished(held: Object) -> Object:
    message = held["message"]
    if held["calls"]:
        message["tool_calls"] = [held["calls"][index] for index in sorted(held["calls"])]
        message["content"] = message.get("content") or None  # streams open a tool call with an empty text
    return {"message": message, "finish_reason": held["finish_reason"]}


def _is_completion(value: Any) -> bool:
    return isinstance(value, dict) and value.get("object") == "chat.completion" and isinstance(value.get("choices"), list)


def _is_chunks(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(chunk, dict) and chunk.get("object") == _CHUNK for chunk in value)


def _is_stream(value: Any) -> bool:
    return isinstance(value, str) and value.lstrip().startswith(("data:", "event:", ": "))


def _first(places: list[Any], names: tuple[str, ...]) -> Any:
    """The first present scalar of these names in these objects."""
    for place in places:
        if isinstance(place, dict):
            for name in names:
                value = place.get(name)
                if value is not None and value != "" and not isinstance(value, dict | list):
                    return value
    return None


def _named(kind: Any, response: Any) -> str:
    if isinstance(kind, str):
        return kind
    if isinstance(response, dict):
        return "an error" if "error" in response else "an object with " + ", ".join(list(response)[:5])
    return "a stream of another kind" if _is_stream(response) else f"a {type(response).__name__}"


ADAPTER = Adapter(
    name="openai_chat",
    match=match,
    rows=rows,
    sample='{"id": "chatcmpl-1", "object": "chat.completion", "created": 1700000000, "model": "gpt-4o", '
    '"choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}]}',
    mapping={
        "id": "id|request_id|uid|uuid|log_id|response.id",
        "time": "timestamp|time|created_at|request_time|start_time|date|ts|response.created",
        "input": "request.messages",
        "messages": "request.messages",
        "output": "response.choices.0.message.content",
        "output_messages": "response.choices.0.message",
        "model": "response.model|request.model",
        "session": "session_id|request.metadata.session_id",
        "user": "user|request.user",
        "tools": "request.tools",
        "tokens_in": "response.usage.prompt_tokens",
        "tokens_out": "response.usage.completion_tokens",
        "finish_reason": "response.choices.0.finish_reason",
    },
    order=60,
)
