"""How much an agent did: calls, steps, failed calls, loops."""

import json
from collections.abc import Sequence

from judgecli.scorer import Score, scorer
from judgecli.scorers.tools.calls import Call, CallScope, Messages, calls, parts, trajectories

_LONGEST_CYCLE = 5
_ERROR_WORDS = ("error", "exception", "traceback", "failed:", "failure:")


@scorer(kind="number", range=(0, None), higher_is_better=None, version=1)
def tool_call_count(output_messages: Sequence[Messages], messages: Sequence[Messages | None] | None = None, *, scope: CallScope = "all") -> list[float]:
    """Number of tool calls that the agent made.

    Columns: output_messages, messages (optional; N conversations each). Returns: N counts.
    Null: never; a conversation without calls has 0.
    Options: scope: "all" = the whole conversation (a trajectory), "turn" = since the user last spoke; the
    other scorers of tools look at the turn unless told otherwise.
    Source: ours.

    >>> call = {"type": "tool_call", "name": "search", "arguments": "{}"}
    >>> tool_call_count([[{"role": "assistant", "parts": [call, call]}]])
    [2.0]
    """
    return [float(len(calls(one))) for one in trajectories(output_messages, messages, scope)]


@scorer(kind="number", range=(0, None), higher_is_better=False, version=1)
def steps(output_messages: Sequence[Messages], messages: Sequence[Messages | None] | None = None, *, scope: CallScope = "turn") -> list[float]:
    """Number of messages that the agent itself wrote: its steps to the answer.

    Columns: output_messages, messages (optional; N conversations each). Returns: N counts.
    Null: never.
    Options: scope (see tool_call_count).
    Source: ours.

    >>> steps([[{"role": "assistant", "parts": []}, {"role": "tool", "parts": []}, {"role": "assistant", "parts": []}]])
    [2.0]
    """
    return [float(sum(message["role"] == "assistant" for message in one)) for one in trajectories(output_messages, messages, scope)]


@scorer(kind="number", range=(0, 1), higher_is_better=False, version=1)
def tool_error_share(
    output_messages: Sequence[Messages], messages: Sequence[Messages | None] | None = None, *, scope: CallScope = "turn"
) -> list[float | None]:
    """Share of the tool results that report an error.

    Columns: output_messages, messages (optional; N conversations each). Returns: N fractions in [0, 1].
    Null where no tool result is logged.
    Options: scope (see tool_call_count).
    An error is a JSON object with a true `error`, `is_error` or `isError` or with status "error", or a
    text that opens with error, exception, traceback, failed: or failure:.
    Source: ours; isError is the field of the Model Context Protocol.

    >>> results = [{"type": "tool_result", "result": "Error: no such user"}, {"type": "tool_result", "result": '{"id": 1}'}]
    >>> tool_error_share([[{"role": "tool", "parts": results}]])
    [0.5]
    """
    return [_error_share([part.get("result") or "" for part in parts(one, "tool_result")]) for one in trajectories(output_messages, messages, scope)]


@scorer(kind="number", range=(0, None), higher_is_better=False, version=1)
def loop(output_messages: Sequence[Messages], messages: Sequence[Messages | None] | None = None, *, scope: CallScope = "turn") -> list[Score | float | None]:
    """How often the agent went round the same circle of calls again, at its worst place.

    Columns: output_messages, messages (optional; N conversations each). Returns: N counts of repeats
    beyond the first time, so 0 = no loop; the explanation names the length of the circle.
    Null where no tool was called.
    Options: scope (see tool_call_count). A circle is 1 to 5 calls, equal in name and arguments
    (key order does not matter), that come again at once.
    Source: ours.

    >>> call = {"type": "tool_call", "name": "search", "arguments": "{}"}
    >>> loop([[{"role": "assistant", "parts": [call, call, call]}]])
    [Score(value=2.0, label=None, reason=None, explanation='search x 3', detail=None)]
    """
    return [_loop(calls(one)) for one in trajectories(output_messages, messages, scope)]


def _error_share(results: list[str]) -> float | None:
    return sum(map(is_error, results)) / len(results) if results else None


def is_error(result: str) -> bool:
    """Whether a tool's result reports an error (see tool_error_share).

    >>> is_error('{"error": null}'), is_error('{"isError": true}'), is_error("Errors are rare"), is_error("Error 404")
    (False, True, False, True)
    """
    text = _text_of(result)
    if not isinstance(text, str):
        return bool(text.get("error") or text.get("is_error") or text.get("isError") or text.get("status") == "error")
    opening = text.lstrip(" \t\r\n\"'[(*#").lower()
    return any(opening.startswith(word) and not opening[len(word) : len(word) + 1].isalpha() for word in _ERROR_WORDS)


def _text_of(result: str) -> str | dict[str, object]:
    try:
        value = json.loads(result)
    except (ValueError, RecursionError):
        return result
    return value if isinstance(value, dict | str) else ""


def _loop(made: list[Call]) -> Score | float | None:
    if not made:
        return None
    repeats, length, end = max((_repeats(made, length) for length in range(1, _LONGEST_CYCLE + 1)), key=lambda found: (found[0], -found[1]))
    if repeats == 0:
        return 0.0
    names = ", ".join(call.name for call in made[end - length + 1 : end + 1])
    return Score(value=float(repeats), explanation=f"{names} x {repeats + 1}"[:300])


def _repeats(made: list[Call], length: int) -> tuple[int, int, int]:
    """The most repeats of a circle of this length: (repeats, length, index of its last call)."""
    best = run = end = 0
    for index in range(length, len(made)):
        run = run + 1 if made[index] == made[index - length] else 0
        if run // length > best:
            best, end = run // length, index
    return best, length, end
