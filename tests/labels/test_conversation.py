"""Records as conversations that a trainer reads."""

import pytest

from judgecli.labels.conversation import Unfit, conversation_of, shared_prompt
from judgecli.readers.messages import messages_of, split


def stored(*messages):
    return messages_of(list(messages))


def user(text):
    return {"role": "user", "content": text}


def assistant(text):
    return {"role": "assistant", "content": text}


SYSTEM = {"role": "system", "content": "Be brief."}
CALL = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Rome"}'}}


def logged(*messages, **more):
    """A record of a whole conversation, as readers split it."""
    before, after = split(stored(*messages))
    text = next((part["text"] for message in after for part in message["parts"] if part["type"] == "text"), None)
    return {"messages": before or None, "output_messages": after or None, "output": text, "input": "?", **more}


@pytest.mark.parametrize(
    ("record", "prompt", "completion"),
    [
        ({"input": "Hi", "output": "Yes?"}, [user("Hi")], [assistant("Yes?")]),
        (logged(SYSTEM, user("Hi"), assistant("Yes?")), [SYSTEM, user("Hi")], [assistant("Yes?")]),
        (logged(user("a"), assistant("b"), user("c"), assistant("d")), [user("a"), assistant("b"), user("c")], [assistant("d")]),
        # an unanswered question at the end is not part of the answer
        (logged(user("a"), assistant("b"), user("c")), [user("a")], [assistant("b")]),
        # messages are the history, input and output stand beside it
        ({**logged(user("a"), assistant("b")), "input": "c", "output": "d"}, [user("a"), assistant("b"), user("c")], [assistant("d")]),
        ({**logged(user("a"), assistant("b"), user("c")), "input": "c", "output": "d"}, [user("a"), assistant("b"), user("c")], [assistant("d")]),
        # the output was mapped from elsewhere: it stands for the last turn
        ({**logged(user("a"), assistant("raw")), "input": "a", "output": "cooked"}, [user("a")], [assistant("cooked")]),
        # a templated question holds the input
        ({"messages": stored(user("Q: a\nContext: z")), "input": "a", "output": "d"}, [user("Q: a\nContext: z")], [assistant("d")]),
        ({"messages": stored(SYSTEM), "input": "a", "output": "d"}, [SYSTEM, user("a")], [assistant("d")]),
        (
            {"messages": stored({"role": "developer", "content": "x"}), "input": "a", "output": "d"},
            [{"role": "system", "content": "x"}, user("a")],
            [assistant("d")],
        ),
    ],
)
def test_who_said_what(record, prompt, completion):
    found = conversation_of(record)
    assert (list(found.prompt), list(found.completion)) == (prompt, completion)


def test_tool_calls_and_results():
    asked = {"role": "assistant", "content": None, "tool_calls": [CALL]}
    record = logged(user("Rome?"), asked, {"role": "tool", "tool_call_id": "c1", "content": "12 C"}, assistant("12 degrees."))
    record["tools"] = [{"name": "weather", "description": None, "parameters": '{"type": "object"}'}]
    found = conversation_of(record)
    call = {"type": "function", "function": {"name": "weather", "arguments": {"city": "Rome"}}}
    assert found.prompt[1:] == ({"role": "assistant", "tool_calls": [call]}, {"role": "tool", "name": "weather", "content": "12 C"})
    assert found.tools == ({"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}},)
    assert "None" not in repr(found)


def test_what_a_tool_said_last_is_not_the_answer():
    asked = {"role": "assistant", "content": "Let me look.", "tool_calls": [CALL]}
    found = conversation_of(logged(user("Rome?"), asked, {"role": "tool", "tool_call_id": "c1", "content": "12 C"}))
    assert [message["role"] for message in found.completion] == ["assistant"]


def test_anthropic_results_leave_the_user_message():
    result = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "ok"}, {"type": "text", "text": "and?"}]}
    use = {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "f", "input": {}}]}
    found = conversation_of(logged(user("a"), use, result, assistant("b")))
    assert found.prompt[2:] == ({"role": "tool", "name": "f", "content": "ok"}, user("and?"))


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({"input": "Hi"}, "no_output"),
        ({"input": "Hi", "output": ""}, "no_output"),
        ({"output": "Yes?"}, "no_prompt"),
        ({"input": "Hi", "output": "Yes?", "error": "timeout"}, "app_error"),
        (logged({"role": "user", "content": [{"type": "image_url", "image_url": {"url": "http://x/y.png"}}]}, assistant("b")), "media"),
        (logged({"role": "critic", "content": "no"}, user("a"), assistant("b")), "unknown_role"),
        (logged(user("a"), {"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": "not json"}}]}), "bad_tool_call"),
        (logged(user("a"), {"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": '{"a": NaN}'}}]}), "bad_tool_call"),
    ],
)
def test_what_cannot_be_trained_on(record, reason):
    with pytest.raises(Unfit) as caught:
        conversation_of(record)
    assert caught.value.reason == reason


def states(*records):
    return len({conversation_of(record).state for record in records})


def test_a_state_is_all_that_the_answer_depends_on():
    assert states({"input": "Hi  there", "output": "a"}, {"input": "hi there", "output": "b"}) == 1
    assert states({"input": "Hi", "output": "a"}, logged(user("Hi"), assistant("b")), logged(SYSTEM, user("Hi"), assistant("c"))) == 1
    assert states({"input": "more", "output": "a"}, logged(user("x"), assistant("y"), user("more"), assistant("b"))) == 2
    assert states({"input": "Hi", "output": "a"}, {"input": "Hi", "output": "a", "contexts": ["passage"]}) == 2
    assert states({"input": "Hi", "output": "a"}, {"input": "Hi", "output": "a", "tools": [{"name": "f", "description": None, "parameters": None}]}) == 2


def test_a_pair_under_two_system_messages_has_none():
    brief, long = logged(SYSTEM, user("Hi"), assistant("a")), logged({**SYSTEM, "content": "Be long."}, user("Hi"), assistant("b"))
    assert shared_prompt(conversation_of(brief), conversation_of(brief)) == (SYSTEM, user("Hi"))
    assert shared_prompt(conversation_of(brief), conversation_of(long)) == (user("Hi"),)
