"""How an endpoint is made to answer with one JSON object: json_schema, else json_object, else a tool call, else plain text.

The first question to each model finds out which rung holds, from the endpoint's own refusals and from
whether the reply has the wanted form; the rung is remembered. The messages are the same on every rung:
they say in words what is wanted, and a reply that cannot be read is asked again by judge/asker.py.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import orjson

from judgecli.endpoint.retry import Fault
from judgecli.judge.request import Reply, ReplyMode, Request

RUNGS: tuple[ReplyMode, ...] = ("json_schema", "json_object", "tool", "text")
NAME = "verdict"
FENCE = re.compile(r"^\s*```(?:json)?\s*(.*?)\s*```\s*$", re.DOTALL)
REFUSALS = (400, 404, 415, 422, 501)
DROPPED = ("temperature", "top_p", "seed", "logprobs", "top_logprobs", "frequency_penalty", "presence_penalty")


def form_of(request: Request, mode: ReplyMode) -> dict[str, object]:
    """What a rung adds to the body of the request."""
    if request.schema is None or mode == "text":
        return {}
    if mode == "json_schema":
        return {"response_format": {"type": "json_schema", "json_schema": _named(orjson.dumps(request.schema))}}
    if mode == "json_object":
        return {"response_format": {"type": "json_object"}}
    tool = {"type": "function", "function": {"name": NAME, "description": "Give the verdict.", "parameters": request.schema}}
    return {"tools": [tool], "tool_choice": {"type": "function", "function": {"name": NAME}}}


def fits(reply: Reply, schema: Mapping[str, object]) -> bool:
    """Whether the reply is one JSON object with the keys that the schema requires; json_schema is to answer with nothing around it."""
    found = _whole_object(reply.text or "", fenced=reply.mode in ("text", "json_object"))
    required = schema.get("required")
    return found is not None and (not isinstance(required, list) or set(required) <= set(found))


def tells_something(reply: Reply) -> bool:
    """Whether a reply that does not fit says that the rung does not hold: it is whole, and no refusal."""
    return reply.refusal is None and reply.finish_reason not in ("length", "content_filter")


def refuses_rung(fault: Fault) -> bool:
    """Whether an error may come from the form of the answer that was asked for."""
    return (
        fault.then in ("row", "refused")
        and fault.status in REFUSALS
        and fault.reason != "content_filter"
        and (fault.status != 404 or "support" in fault.message.lower())
    )


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
    if "max_tokens" in parameters and "max_completion_tokens" in message:
        return Adaptation("max_tokens", "max_completion_tokens")
    for name in DROPPED:
        said = fault.param == name or f"'{name}'" in message or f'"{name}"' in message
        if name in parameters and said and any(word in message for word in ("support", "unknown", "unrecognized", "not permitted", "not allowed", "extra")):
            return Adaptation(name)
    return None


@lru_cache(maxsize=64)
def _named(schema: bytes) -> Mapping[str, object]:
    """A schema, as JSON, under its name: one rubric asks thousands of times with the same."""
    found = orjson.loads(schema)
    return {"name": NAME, "strict": _is_strict(found), "schema": found}


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
