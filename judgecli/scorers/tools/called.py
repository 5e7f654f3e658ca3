"""Whether an agent called the tools it was expected to call, with the arguments expected."""

from collections import Counter
from collections.abc import Sequence
from typing import Literal

from judgecli.scorer import Score, scorer
from judgecli.scorers.tools.calls import Call, CallScope, ExpectedCall, Messages, calls, canonical, trajectories

OrderMode = Literal["exact", "unordered", "subset", "superset"]
Strictness = Literal["strict", "unordered", "subset", "superset"]


@scorer(kind="rate", range=(0, 1), higher_is_better=True, version=1)
def tools_called(
    output_messages: Sequence[Messages],
    expected_tools: Sequence[list[ExpectedCall]],
    messages: Sequence[Messages | None] | None = None,
    *,
    mode: OrderMode = "unordered",
    scope: CallScope = "turn",
) -> list[Score | float]:
    """1 where the names of the tools called agree with those expected, else 0.

    Columns: output_messages, expected_tools, messages (optional). Returns: N rates, 0 or 1; a 0 shows both lists.
    Null: never; an empty list of expected tools expects no call.
    Options: mode: "exact" = same names in the same order, "unordered" = same names as often, "subset" =
    every call was expected, "superset" = every expected call was made; scope (see tool_call_count).
    Raises: ValueError for another mode.
    Source: the trajectory match modes of LangChain agentevals, on names alone.

    >>> call = {"type": "tool_call", "name": "search", "arguments": "{}"}
    >>> tools_called([[{"role": "assistant", "parts": [call]}]], [[{"name": "search", "arguments": None}]])
    [1.0]
    """
    allowed("mode", mode, ("exact", "unordered", "subset", "superset"))
    return [
        _names_agree([call.name for call in calls(one)], [call["name"] for call in expected], mode)
        for one, expected in zip(trajectories(output_messages, messages, scope), expected_tools, strict=True)
    ]


@scorer(kind="number", range=(0, 1), higher_is_better=True, version=1)
def tool_arguments(
    output_messages: Sequence[Messages],
    expected_tools: Sequence[list[ExpectedCall]],
    messages: Sequence[Messages | None] | None = None,
    *,
    scope: CallScope = "turn",
) -> list[Score | float | None]:
    """Share of the expected calls that were made with equal arguments.

    Columns: output_messages, expected_tools, messages (optional). Returns: N fractions in [0, 1]; below 1
    the first expected call that is missing is shown.
    Null where no call is expected. Arguments are compared as JSON: key order and 1 against 1.0 do not
    matter; an expected call without arguments (null) accepts any. Each call made serves one expectation.
    Options: scope (see tool_call_count).
    Source: ours; the comparison is that of Patil et al., Berkeley Function Calling Leaderboard, without its lists of alternatives.

    >>> call = {"type": "tool_call", "name": "add", "arguments": '{"a": 1, "b": 2}'}
    >>> tool_arguments([[{"role": "assistant", "parts": [call]}]], [[{"name": "add", "arguments": '{"b": 2, "a": 1.0}'}]])
    [1.0]
    """
    return [_share_met(calls(one), expected) for one, expected in zip(trajectories(output_messages, messages, scope), expected_tools, strict=True)]


@scorer(kind="rate", range=(0, 1), higher_is_better=True, version=1)
def trajectory_match(
    output_messages: Sequence[Messages],
    expected_tools: Sequence[list[ExpectedCall]],
    messages: Sequence[Messages | None] | None = None,
    *,
    mode: Strictness = "strict",
    scope: CallScope = "turn",
) -> list[float]:
    """1 where the calls made, with their arguments, agree with those expected, else 0.

    Columns: output_messages, expected_tools, messages (optional). Returns: N rates, 0 or 1.
    Null: never; an empty list of expected tools expects no call.
    Options: mode: "strict" = same calls in the same order, "unordered" = same calls, "subset" = every call
    made was expected, "superset" = every expected call was made; scope (see tool_call_count). Arguments
    are compared as in tool_arguments.
    Raises: ValueError for another mode.
    Source: the trajectory match modes of LangChain agentevals.

    >>> call = {"type": "tool_call", "name": "add", "arguments": '{"a": 1}'}
    >>> trajectory_match([[{"role": "assistant", "parts": [call]}]], [[{"name": "add", "arguments": '{"a": 2}'}]])
    [0.0]
    """
    allowed("mode", mode, ("strict", "unordered", "subset", "superset"))
    return [float(_agrees(calls(one), expected, mode)) for one, expected in zip(trajectories(output_messages, messages, scope), expected_tools, strict=True)]


@scorer(kind="rate", range=(0, 1), higher_is_better=False, version=1)
def forbidden_tools(
    output_messages: Sequence[Messages],
    messages: Sequence[Messages | None] | None = None,
    *,
    values: Sequence[str] | str,
    scope: CallScope = "turn",
) -> list[Score | float]:
    """1 where a tool was called that must not be, else 0.

    Columns: output_messages, messages (optional). Returns: N rates, 0 or 1; a 1 names the tools.
    Null: never.
    Options: values (one tool name or a list); scope (see tool_call_count).
    Raises: ValueError where no name is given.
    Source: ours.

    >>> call = {"type": "tool_call", "name": "delete_user", "arguments": "{}"}
    >>> forbidden_tools([[{"role": "assistant", "parts": [call]}]], values="delete_user")
    [Score(value=1.0, label=None, reason=None, explanation='called delete_user', detail=None)]
    """
    forbidden = {values} if isinstance(values, str) else set(values)
    if not forbidden:
        raise ValueError("values must name at least one tool")
    found = [sorted({call.name for call in calls(one)} & forbidden) for one in trajectories(output_messages, messages, scope)]
    return [Score(value=1.0, explanation=f"called {', '.join(names)}"[:300]) if names else 0.0 for names in found]


def allowed(option: str, value: str, choices: Sequence[str]) -> None:
    """Raises: ValueError where the value is none of the choices."""
    if value not in choices:
        raise ValueError(f"{option} must be one of {', '.join(choices)}, got {value!r}")


def _names_agree(made: list[str], expected: list[str], mode: OrderMode) -> Score | float:
    extra, missing = Counter(made) - Counter(expected), Counter(expected) - Counter(made)
    agree = {"exact": made == expected, "unordered": not extra and not missing, "subset": not extra, "superset": not missing}[mode]
    if agree:
        return 1.0
    return Score(value=0.0, explanation=f"called {', '.join(made) or 'nothing'}; expected {', '.join(expected) or 'nothing'}"[:300])


def _meets(call: Call, expected: ExpectedCall) -> bool:
    arguments = expected.get("arguments")
    return call.name == expected["name"] and (arguments is None or call.arguments == canonical(arguments))


def _unmet(made: list[Call], expected: Sequence[ExpectedCall]) -> tuple[list[ExpectedCall], list[Call]]:
    """Expected calls that were not made, and calls made that no expectation used up."""
    left, missing = list(made), []
    # Those with arguments first: one that accepts any must not take the call that another one needs.
    for wanted in sorted(expected, key=lambda call: call.get("arguments") is None):
        match = next((index for index, call in enumerate(left) if _meets(call, wanted)), None)
        if match is None:
            missing.append(wanted)
        else:
            del left[match]
    return missing, left


def _share_met(made: list[Call], expected: list[ExpectedCall]) -> Score | float | None:
    if not expected:
        return None
    missing, _ = _unmet(made, expected)
    if not missing:
        return 1.0
    shown = f"{missing[0]['name']}({missing[0].get('arguments') or ''})"
    return Score(value=1 - len(missing) / len(expected), explanation=f"not made: {shown}"[:300])


def _agrees(made: list[Call], expected: list[ExpectedCall], mode: Strictness) -> bool:
    if mode == "strict":
        return len(made) == len(expected) and all(map(_meets, made, expected))
    missing, left = _unmet(made, expected)
    return {"unordered": not missing and not left, "subset": not left, "superset": not missing}[mode]
