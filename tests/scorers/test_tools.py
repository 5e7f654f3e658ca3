import gzip
import json
from pathlib import Path

import pytest

from judgecli.scorer import Score
from judgecli.scorers.tools.arguments_valid import tool_arguments_valid
from judgecli.scorers.tools.called import forbidden_tools, tool_arguments, tools_called, trajectory_match
from judgecli.scorers.tools.calls import canonical
from judgecli.scorers.tools.counts import loop, steps, tool_call_count, tool_error_share

DATA = Path(__file__).parents[2] / "../shared/data/agents/tau_bench_gpt-4o_airline.jsonl.gz"


def value(item):
    return item.value if isinstance(item, Score) else item


def call(name, **arguments):
    return {"type": "tool_call", "name": name, "arguments": json.dumps(arguments)}


def says(role, *parts):
    return {"role": role, "parts": list(parts)}


def text(words):
    return {"type": "text", "text": words}


def result(words):
    return {"type": "tool_result", "result": words}


def expects(name, **arguments):
    return {"name": name, "arguments": json.dumps(arguments)}


EARLIER = [says("user", text("hi")), says("assistant", call("old")), says("user", text("next")), says("assistant", call("a")), says("user", result("5"))]
LATER = [says("assistant", call("b"), call("c")), says("assistant", text("done"))]


@pytest.mark.parametrize(("scope", "count", "turns"), [("turn", 3.0, 3.0), ("all", 4.0, 4.0)])
def test_the_turn_starts_where_the_user_last_spoke(scope, count, turns):
    assert tool_call_count([LATER], [EARLIER], scope=scope) == [count]
    assert steps([LATER], [EARLIER], scope=scope) == [turns]


def test_messages_before_are_optional():
    assert tool_call_count([LATER, LATER], [EARLIER, None]) == [4.0, 2.0]
    assert tool_call_count([LATER]) == [2.0]
    assert tool_call_count([None, []]) == [None, 0.0]


def test_an_unknown_scope_is_refused():
    with pytest.raises(ValueError, match="turn or all, got 'last'"):
        steps([LATER], scope="last")


@pytest.mark.parametrize(
    ("made", "expected", "exact", "unordered", "subset", "superset"),
    [
        ("ab", "ab", 1, 1, 1, 1),
        ("ba", "ab", 0, 1, 1, 1),
        ("a", "ab", 0, 0, 1, 0),
        ("abb", "ab", 0, 0, 0, 1),
        ("", "", 1, 1, 1, 1),
        ("a", "", 0, 0, 0, 1),
        ("", "a", 0, 0, 1, 0),
        ("ac", "ab", 0, 0, 0, 0),
    ],
)
def test_tools_called_and_trajectory_match_by_hand(made, expected, exact, unordered, subset, superset):
    done = [[says("assistant", *(call(name) for name in made))]]
    wanted = [[{"name": name, "arguments": "{}"} for name in expected]]
    for mode, rate in {"exact": exact, "unordered": unordered, "subset": subset, "superset": superset}.items():
        assert value(tools_called(done, wanted, mode=mode)[0]) == rate
        assert trajectory_match(done, wanted, mode="strict" if mode == "exact" else mode) == [rate]


def test_tools_called_shows_what_differs():
    (item,) = tools_called([[says("assistant", call("a"))]], [[expects("b")]])
    assert item.explanation == "called a; expected b"


@pytest.mark.parametrize("scorer", [tools_called, trajectory_match])
def test_an_unknown_mode_is_refused(scorer):
    with pytest.raises(ValueError, match="got 'any'"):
        scorer([LATER], [[]], mode="any")


@pytest.mark.parametrize(
    ("made", "expected", "share"),
    [
        ([call("f", x=1)], [expects("f", x=1.0)], 1.0),
        ([call("f", x=1)], [expects("f", x=2)], 0.0),
        ([call("f", x=1)], [expects("f", x=True)], 0.0),
        ([call("f", x="1")], [expects("f", x=1)], 0.0),
        ([call("f", x=1)], [{"name": "f", "arguments": None}], 1.0),
        ([call("g", x=1)], [{"name": "f", "arguments": None}], 0.0),
        # The expectation that takes any arguments must not use up the call that the other one needs.
        ([call("f", x=1), call("f", x=2)], [{"name": "f", "arguments": None}, expects("f", x=1)], 1.0),
        ([call("f", x=1)], [expects("f", x=1), expects("f", x=1)], 0.5),
        ([], [expects("f")], 0.0),
        ([call("f")], [], None),
    ],
)
def test_tool_arguments_by_hand(made, expected, share):
    assert [value(item) for item in tool_arguments([[says("assistant", *made)]], [expected])] == [share]


@pytest.mark.parametrize(
    ("arguments", "form"),
    [(None, "{}"), ("", "{}"), ('{"b":1.0,"a":[true]}', '{"a": [true], "b": 1}'), ("not json", "not json"), ("[" * 1_025, "[" * 1_025)],
)
def test_canonical_arguments(arguments, form):
    assert canonical(arguments) == form


@pytest.mark.parametrize(
    ("results", "share"),
    [
        ([], None),
        (["ok"], 0.0),
        (["Error: no"], 1.0),
        (['{"error": "no"}', '{"error": null}'], 0.5),
        (['{"status": "error"}'], 1.0),
        (['"Error: quoted"'], 1.0),
        (["errors were not seen", "[1, 2]", None, "Traceback (most recent call last)"], 0.25),
    ],
)
def test_tool_error_share_by_hand(results, share):
    assert tool_error_share([[says("tool", *map(result, results))]]) == [share]


@pytest.mark.parametrize(
    ("made", "repeats", "explanation"),
    [
        ("", None, None),
        ("abc", 0.0, None),
        ("aa", 1.0, "a x 2"),
        ("xababab", 2.0, "a, b x 3"),
        ("aba", 0.0, None),
        ("aaaa", 3.0, "a x 4"),
        ("abcdeabcde", 1.0, "a, b, c, d, e x 2"),
        ("abcdefabcdef", 0.0, None),  # a circle of six is not looked for
    ],
)
def test_loop_by_hand(made, repeats, explanation):
    (item,) = loop([[says("assistant", *map(call, made))]])
    assert value(item) == repeats
    assert explanation is None or item.explanation == explanation


def test_loop_looks_at_arguments():
    assert loop([[says("assistant", call("f", x=1), call("f", x=2))]]) == [0.0]


def test_forbidden_tools_by_hand():
    done = [[says("assistant", call("rm"), call("ls"))], [says("assistant", call("ls"))]]
    assert [value(item) for item in forbidden_tools(done, values=["rm", "dd"])] == [1.0, 0.0]
    with pytest.raises(ValueError, match="at least one tool"):
        forbidden_tools(done, values=[])


def test_the_calls_of_tau_bench_are_all_counted():
    if not DATA.exists():
        pytest.skip(f"{DATA} is not here")
    rows = [json.loads(line)["traj"] for line in gzip.decompress(DATA.read_bytes()).splitlines()]
    conversations = [
        [
            says(
                message["role"],
                *({"type": "tool_call", "name": one["function"]["name"], "arguments": one["function"]["arguments"]} for one in message.get("tool_calls") or ()),
            )
            for message in row
        ]
        for row in rows
    ]
    assert sum(tool_call_count(conversations, scope="all")) == 1164


ADD = {"name": "add", "description": None, "parameters": '{"type": "object", "required": ["a"], "properties": {"a": {"type": "integer"}}}'}
ANY = {"name": "any", "description": None, "parameters": None}


@pytest.mark.parametrize(
    ("made", "share", "said"),
    [
        ([call("add", a=1)], 1.0, None),
        ([call("add", a="1"), call("add", a=1)], 0.5, 'add: $.a: "1" is not of type "integer"'),
        ([call("add")], 0.0, 'add: $: "a" is a required property'),
        ([call("sub")], 0.0, "sub: no such tool"),
        ([call("any", x=1)], 1.0, None),
        ([{"type": "tool_call", "name": "any", "arguments": "[1]"}], 0.0, 'any: $: [1] is not of type "object"'),
        ([{"type": "tool_call", "name": "add", "arguments": "{"}], 0.0, "add: arguments are no JSON"),
        ([], None, None),
    ],
)
def test_tool_arguments_valid_by_hand(made, share, said):
    (item,) = tool_arguments_valid([[says("assistant", *made)]], [[ADD, ANY]])
    assert (value(item), getattr(item, "explanation", None)) == (share, said)


def test_a_tool_whose_schema_cannot_be_used_leaves_the_record_unscored():
    (item,) = tool_arguments_valid([[says("assistant", call("add", a=1))]], [[{"name": "add", "parameters": '{"type": 5}'}]])
    assert (item.value, item.reason) == (None, "metric_error")
