"""How an endpoint is made to answer with one JSON object: json_schema, else json_object, else a tool call, else plain text.

The first question to each model finds out which rung holds, from the endpoint's own refusals and from
whether the reply has the wanted form; the rung is remembered. The wish of the lower rungs is written
after the closing instruction of the prompt, so that the prefix stays the same for all records.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from judgecli.endpoint.retry import Fault
from judgecli.judge.request import Message, Mode, Reply, Request

RUNGS: tuple[Mode, ...] = ("json_schema", "json_object", "tool", "text")
NAME = "verdict"
FENCE = re.compile(r"^\s*```(?:json)?\s*(.*?)\s*```\s*$", re.DOTALL)
MOST_STARTS = 200  # places where an object may begin that are tried
MOST_CHARACTERS = 200_000
REFUSALS = (400, 404, 415, 422, 501)
LARGER = 2  # a reply cut by the token limit is asked once more with this much more room
ROOM = ("max_completion_tokens", "max_tokens")
DROPPED = ("temperature", "top_p", "seed", "logprobs", "top_logprobs", "frequency_penalty", "presence_penalty")


def form_of(request: Request, mode: Mode) -> dict[str, object]:
    """What a rung adds to the body of the request."""
    if request.schema is None or mode == "text":
        return {}
    if mode == "json_schema":
        return {"response_format": {"type": "json_schema", "json_schema": {"name": NAME, "strict": _is_strict(request.schema), "schema": request.schema}}}
    if mode == "json_object":
        return {"response_format": {"type": "json_object"}}
    tool = {"type": "function", "function": {"name": NAME, "description": "Give the verdict.", "parameters": request.schema}}
    return {"tools": [tool], "tool_choice": {"type": "function", "function": {"name": NAME}}}


def messages_of(request: Request, mode: Mode, *, again: bool = False) -> Sequence[Message]:
    """The messages, with the wish for JSON after the last where the rung does not carry the schema itself."""
    if request.schema is None or mode in ("json_schema", "tool"):
        return request.messages
    wish = "Answer with one JSON object that follows this JSON Schema, and with nothing else:\n" + json.dumps(
        request.schema, ensure_ascii=False, separators=(",", ":")
    )
    if again:
        wish += "\nNo text before it, no text after it, no code fence."
    last = dict(request.messages[-1])
    content = last.get("content")
    last["content"] = [*content, {"type": "text", "text": wish}] if isinstance(content, list | tuple) else f"{content}\n\n{wish}"
    return (*request.messages[:-1], last)


def fits(reply: Reply, schema: Mapping[str, object]) -> bool:
    """Whether the reply is one JSON object with the keys that the schema requires; json_schema is to answer with nothing around it."""
    found = _whole_object(reply.text or "", fenced=reply.mode in ("text", "json_object"))
    required = schema.get("required")
    return found is not None and (not isinstance(required, list) or set(required) <= set(found))


def tells_something(reply: Reply) -> bool:
    """Whether a reply that does not fit says that the rung does not hold: it is whole, and no refusal."""
    return reply.refusal is None and reply.finish_reason not in ("length", "content_filter")


def needs_repair(reply: Reply) -> bool:
    """Whether a whole reply holds no JSON object at all.

    Two objects, or one in a quotation, are for the verdict to refuse, not to be asked again until one is left.
    """
    return tells_something(reply) and not _holds_object((reply.text or "")[:MOST_CHARACTERS])


def refuses_rung(fault: Fault) -> bool:
    """Whether an error may come from the form of the answer that was asked for."""
    return (
        fault.then in ("row", "refused")
        and fault.status in REFUSALS
        and fault.reason != "content_filter"
        and (fault.status != 404 or "support" in fault.message.lower())
    )


def with_more_room(parameters: Mapping[str, object]) -> dict[str, object] | None:
    """The parameters with a larger token limit; None where none was set."""
    for name in ROOM:
        limit = parameters.get(name)
        if isinstance(limit, int):
            return {**parameters, name: limit * LARGER}
    return None


@dataclass(frozen=True, slots=True)
class Adaptation:
    """A parameter that a model refuses: it goes under another name, or is left out (`renamed` None)."""

    name: str
    renamed: str | None = None

    def apply(self, parameters: Mapping[str, object]) -> dict[str, object]:
        return {self.renamed if name == self.name and self.renamed else name: value for name, value in parameters.items() if name != self.name or self.renamed}

    def __str__(self) -> str:
        return f"asked with {self.renamed} for {self.name}" if self.renamed else f"asked without {self.name}, which the endpoint refuses"


def adaptation(fault: Fault, parameters: Mapping[str, object]) -> Adaptation | None:
    """What to change after an error that names a parameter as unsupported; None where it names none."""
    if fault.status not in (400, 422):
        return None
    message = fault.message.lower()
    named = (fault.document or {}).get("param")
    if "max_tokens" in parameters and "max_completion_tokens" in message:
        return Adaptation("max_tokens", "max_completion_tokens")
    for name in DROPPED:
        said = named == name or f"'{name}'" in message or f'"{name}"' in message
        if name in parameters and said and any(word in message for word in ("support", "unknown", "unrecognized", "not permitted", "not allowed", "extra")):
            return Adaptation(name)
    return None


def _is_strict(schema: Mapping[str, object]) -> bool:
    """Whether a schema meets OpenAI's rules for `strict`: closed, every property required, at every depth."""
    properties = schema.get("properties")
    if isinstance(properties, Mapping):
        required = schema.get("required")
        closed = schema.get("additionalProperties") is False and isinstance(required, list | tuple) and set(required) == set(properties)
        if not closed or not all(_is_strict(inner) for inner in properties.values() if isinstance(inner, Mapping)):
            return False
    items = schema.get("items")
    return not isinstance(items, Mapping) or _is_strict(items)


def _whole_object(text: str, *, fenced: bool) -> Mapping[str, object] | None:
    inside = FENCE.match(text) if fenced else None
    try:
        found = json.loads(inside.group(1) if inside else text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _holds_object(text: str) -> bool:
    decoder, start = json.JSONDecoder(), -1
    for _ in range(MOST_STARTS):
        start = text.find("{", start + 1)
        if start < 0:
            return False
        try:
            decoder.raw_decode(text, start)
        except ValueError:
            continue
        except RecursionError:
            return True
        return True
    return True
