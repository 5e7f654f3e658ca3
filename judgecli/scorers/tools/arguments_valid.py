"""Whether an agent's tool calls fit the tools that it was offered."""

import json
from collections.abc import Sequence

import jsonschema_rs

from judgecli.scorer import Score, scorer
from judgecli.scorers.format.json_schema import error_of, validator_of
from judgecli.scorers.tools.calls import CallScope, ContentPart, Messages, Tool, parts, trajectories


@scorer(kind="number", range=(0, 1), higher_is_better=True, version=1)
def tool_arguments_valid(
    output_messages: Sequence[Messages], tools: Sequence[list[Tool]], messages: Sequence[Messages | None] | None = None, *, scope: CallScope = "turn"
) -> list[Score | float | None]:
    """Share of the tool calls that name an offered tool and give arguments its schema allows.

    Columns: output_messages, tools (those offered), messages (optional). Returns: N fractions in [0, 1];
    below 1 the first fault is shown.
    Null where no call was made. A tool without a schema takes any JSON object; one whose schema cannot
    be used leaves the record unscored with reason metric_error.
    Options: scope (see tool_call_count).
    Source: JSON Schema, as the tool definitions of OpenAI, Anthropic and MCP use it.

    >>> call = {"type": "tool_call", "name": "add", "arguments": '{"a": 1}'}
    >>> tool = {"name": "add", "parameters": '{"required": ["a"]}'}
    >>> tool_arguments_valid([[{"role": "assistant", "parts": [call]}]], [[tool]])
    [1.0]
    """
    known: dict[str, jsonschema_rs.Validator] = {}  # the same few schemas come with every record
    return [
        _valid_share(list(parts(one, "tool_call")), offered, known) for one, offered in zip(trajectories(output_messages, messages, scope), tools, strict=True)
    ]


def _valid_share(made: list[ContentPart], offered: list[Tool], known: dict[str, jsonschema_rs.Validator]) -> Score | float | None:
    if not made:
        return None
    schemas = {tool["name"]: tool.get("parameters") or '{"type": "object"}' for tool in offered}
    faults = []
    for call in made:
        name = call.get("name") or ""
        if name not in schemas:
            faults.append(f"{name}: no such tool")
            continue
        try:
            fault = _fault(call.get("arguments") or "{}", schemas[name], known)
        except ValueError as error:
            return Score(reason="metric_error", explanation=f"{name}: {error}"[:300])
        if fault is not None:
            faults.append(f"{name}: {fault}")
    return Score(value=1 - len(faults) / len(made), explanation=faults[0][:300]) if faults else 1.0


def _fault(arguments: str, schema: str, known: dict[str, jsonschema_rs.Validator]) -> str | None:
    if schema not in known:
        known[schema] = validator_of(schema)
    try:
        value = json.loads(arguments)
    except (ValueError, RecursionError):
        return "arguments are no JSON"
    return error_of(value, known[schema])
