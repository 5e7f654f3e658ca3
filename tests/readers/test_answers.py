"""What is inside objects, JSON text and reasoning: the answer, the question, and what is neither."""

import json

import pytest

from judgecli.readers.reasoning import split_reasoning
from judgecli.readers.wrapped import answer_in, answers_of, error_text, kind_of, question_in, unpacked

AI = {"lc": 1, "type": "constructor", "id": ["langchain", "schema", "messages", "AIMessage"], "kwargs": {"content": "Hi", "type": "ai"}}
CALL = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"role": "assistant", "content": "Hi"}, "Hi"),
        ({"role": "assistant", "content": [{"type": "text", "text": "Hi"}, {"type": "text", "text": "you"}]}, "Hi\nyou"),
        ([{"role": "user", "content": "q"}, {"role": "assistant", "content": "Hi"}], "Hi"),
        ([{"role": "user", "content": "q"}], None),
        ({"choices": [{"message": {"role": "assistant", "content": "Hi"}}]}, "Hi"),
        ({"choices": [{"text": "Hi"}]}, "Hi"),
        ({"choices": []}, None),
        ({"choices": [{"message": {"content": None, "tool_calls": [CALL]}}]}, None),
        (
            {"object": "response", "output": [{"type": "reasoning", "summary": []}, {"type": "message", "content": [{"type": "output_text", "text": "Hi"}]}]},
            "Hi",
        ),
        ([{"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Hi"}]}], "Hi"),
        ([{"type": "function_call", "name": "f", "arguments": "{}"}], None),
        ({"generations": [[{"text": "Hi", "generation_info": {"finish_reason": "stop"}}]]}, "Hi"),
        ({"generations": [[{"text": "", "message": AI}]]}, "Hi"),
        (AI, "Hi"),
        ({"type": "AIMessageChunk", "content": "Hi"}, "Hi"),
        ({"candidates": [{"content": {"role": "model", "parts": [{"text": "hm", "thought": True}, {"text": "Hi"}]}}]}, "Hi"),
        ({"content": [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "Hi"}], "stop_reason": "end_turn"}, "Hi"),
        ({"message": {"role": "assistant", "content": "Hi"}, "done": True}, "Hi"),
        ({"output": "Hi"}, "Hi"),
        ({"answer": {"text": "Hi"}, "sources": []}, "Hi"),
        ({"output": {"role": "assistant", "content": "Hi"}, "tokenUsage": {}}, "Hi"),
        ({}, None),
        ([], None),
        ({"error": {"message": "busy", "code": 429}}, None),
        ({"output": None, "error": "boom"}, None),
    ],
)
def test_an_answer_is_read_by_the_kind_of_its_object(value, text):
    said = answer_in(value)
    assert said is not None
    assert said.text == text
    assert kind_of(value) == "wrapped"


@pytest.mark.parametrize("value", [{"name": "x", "age": 3}, {"label": {"x": 1}}, [{"n": 1}, {"n": 2}], [[1], [2]], {"confidence": 0.3}])
def test_an_object_of_no_known_kind_is_no_answer(value):
    assert answer_in(value) is None
    assert kind_of(value) == "unknown"


def test_what_else_an_object_says_of_its_answer():
    said = answer_in({"choices": [{"finish_reason": "tool_calls", "message": {"content": None, "tool_calls": [CALL]}}]})
    assert said.finish_reason == "tool_calls"
    assert [part["name"] for message in said.messages for part in message["parts"]] == ["f"]
    assert answer_in({"error": {"message": "busy", "code": 429}}).error == "429: busy"
    assert error_text({"message": "429 busy", "code": 429}) == "429 busy"
    assert error_text({"why": 1}) == '{"why":1}'
    assert answers_of({"choices": [{"message": {}}, {"message": {}}]}) == 2


@pytest.mark.parametrize(
    ("value", "text", "count"),
    [
        ([{"role": "system", "content": "s"}, {"role": "user", "content": "q"}], "q", 2),
        ({"messages": [{"role": "user", "content": "q"}]}, "q", 1),
        ({"messages": [[{**AI, "id": ["x", "HumanMessage"], "kwargs": {"content": "q", "type": "human"}}]]}, "q", 1),
        ({"question": "q", "chat_history": []}, "q", None),
        ({"raw": '[{"role": "user", "content": "q"}]', "label": "l"}, "q", 1),
        ({"input": {"text": "q"}}, "q", None),
    ],
)
def test_a_question_is_read_by_the_kind_of_its_object(value, text, count):
    found = question_in(value)
    assert found is not None
    assert found[0] == text
    assert (None if found[1] is None else len(found[1])) == count


@pytest.mark.parametrize(
    "text", ['{"name": "x"}', '{"answer": "x"}', "[1, 2]", '{"role": "admin"}', '{"choices": ["red", "blue"]}', '[{"role": "x"}, 3]', '{broken "role"']
)
def test_json_that_is_the_answer_itself_stays_a_text(text):
    assert unpacked(text) is text
    assert kind_of(text) == "text"


def test_json_text_of_a_message_is_that_message():
    assert unpacked('{"role": "assistant", "content": "Hi"}') == {"role": "assistant", "content": "Hi"}
    assert kind_of('[{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]') == "wrapped"


@pytest.mark.parametrize(
    ("text", "thought", "answer"),
    [
        ("<think>a</think>b", "a", "b"),
        ("  <think>\na\n</think>\n\nb c", "a", "b c"),
        ("<THINKING>a</THINKING>b", "a", "b"),
        ("<think>a</think><think>b</think>c", "a\n\nb", "c"),
        ("<think>never closed", "never closed", ""),
        ("a</think>b", "a", "b"),
        ("<|channel|>analysis<|message|>a<|end|><|start|>assistant<|channel|>final<|message|>b<|return|>", "a", "b"),
        ("[THINK]a[/THINK]b", "a", "b"),
        ("◁think▷a◁/think▷b", "a", "b"),
        ("b <think>a</think>", None, "b <think>a</think>"),
        ("<thinker>a</thinker>", None, "<thinker>a</thinker>"),
        ("<b>think</b>", None, "<b>think</b>"),
        ("Use `</think>` twice: </think>", None, "Use `</think>` twice: </think>"),
        ("", None, ""),
    ],
)
def test_reasoning_is_split_from_the_answer(text, thought, answer):
    assert split_reasoning(text) == (thought, answer)


def lines(*records):
    return "\n".join(json.dumps(record) for record in records) + "\n"


def test_answers_that_are_objects_are_measured_one_by_one(read):
    text = {"choices": [{"message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}]}
    call = {"choices": [{"message": {"role": "assistant", "content": None, "tool_calls": [CALL]}, "finish_reason": "tool_calls"}]}
    for calls in range(10):  # no share of tool calls changes how the other answers are read
        log = read(lines(*[{"prompt": f"q{n}", "response": call if n < calls else text} for n in range(10)]))
        assert log.column("output") == [None] * calls + ["Hi"] * (10 - calls)
        assert log.column("finish_reason") == ["tool_calls"] * calls + ["stop"] * (10 - calls)
    assert "the text inside is read" in log.detected.notes[0]


def test_a_failed_call_is_a_record_with_its_error(read):
    log = read(lines({"prompt": "a", "response": {"output": "Hi"}}, {"prompt": "b", "response": {}}, {"prompt": "c", "response": {"error": "busy"}}))
    assert log.column("output") == ["Hi", None, None]
    assert log.column("error") == [None, None, "busy"]
    assert not log.bad


def test_one_unknown_object_among_answers_is_put_aside_and_not_measured(read):
    log = read(lines(*[{"prompt": "a", "response": {"output": "Hi"}}] * 4, {"prompt": "b", "response": {"verdict": {"x": 1}}}))
    assert log.column("output") == ["Hi"] * 4
    assert [(bad.line, bad.reason) for bad in log.bad] == [(5, "unknown_shape")]
    assert "an object with verdict" in log.bad[0].message


def test_a_mapping_may_say_that_the_object_itself_is_the_answer(read):
    log = read(lines({"prompt": "a", "response": {"x": 1}}), map={"output": "response"})
    assert log.column("output") == ['{"x":1}']


def test_history_is_no_answer(read):
    history = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}, {"role": "user", "content": "c"}]
    log = read(lines({"messages": history, "response": {"role": "assistant", "content": "d"}}, {"messages": history, "response": None}))
    assert log.column("output") == ["d", None]
    assert log.column("input") == ["c", "c"]
    assert [len(messages) for messages in log.column("messages")] == [3, 3]


def test_an_answer_that_ends_the_conversation_is_no_part_of_the_question(read):
    whole = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    log = read(lines({"messages": whole, "output": "b"}))
    assert [[message["role"] for message in messages] for messages in log.column("messages")] == [["user"]]
    assert log.column("output") == ["b"]


def test_reasoning_has_a_column_of_its_own(read):
    log = read(lines({"input": "q", "output": "<think>hm</think>a"}, {"input": "q", "output": "a"}, {"input": "q", "output": "b", "reasoning": "given"}))
    assert log.column("reasoning") == ["hm", None, "given"]
    assert log.column("output") == ["a", "a", "b"]
    assert "1 of 3 answers looked at begin with the model's reasoning" in log.detected.notes[0]


def test_reasoning_parts_of_a_message_are_reasoning(read):
    message = {"role": "assistant", "reasoning_content": "hm", "content": "a"}
    log = read(lines({"messages": [{"role": "user", "content": "q"}, message]}))
    assert (log.column("reasoning"), log.column("output")) == (["hm"], ["a"])


def test_an_instruction_and_what_it_is_about_are_one_question(read):
    log = read(lines({"instruction": "Translate.", "input": "Hallo", "output": "Hello"}, {"instruction": "Sing.", "input": "", "output": "La"}))
    assert log.column("input") == ["Translate.\n\nHallo", "Sing."]


def test_cells_that_hold_messages_as_json_are_messages(write, read_path):
    table = 'id,input,output\n1,"[{""role"": ""user"", ""content"": ""Open?""}]","{""role"": ""assistant"", ""content"": ""Until six""}"\n'
    log = read_path(write(table, name="log.csv"))
    assert (log.column("input"), log.column("output")) == (["Open?"], ["Until six"])
