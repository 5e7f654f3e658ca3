"""What every log format must keep, and the OpenAI formats by hand."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from judgecli.errors import LogError, UnknownName
from judgecli.readers.adapter import RefusedLine, adapter_named, adapters
from judgecli.readers.mapping import check_fields
from judgecli.readers.openai_chat import join_stream, rows
from judgecli.readers.wrapped import kind_of
from judgecli.schema import MAPPABLE

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=5)
    | st.sampled_from(["chat.completion", "user", "data: {}", 'data: {"object": "chat.completion.chunk"}']),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "object",
                    "choices",
                    "message",
                    "messages",
                    "role",
                    "content",
                    "request",
                    "response",
                    "custom_id",
                    "body",
                    "usage",
                    "tool_calls",
                    "function",
                    "delta",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
OBJECTS = st.dictionaries(st.sampled_from(["object", "choices", "request", "response", "custom_id", "messages", "error", "output"]), VALUES, max_size=5)


def test_they_are_found_without_a_list():
    assert list(adapters()) == ["openai_batch", "openai_chat", "chat", "plain"]
    with pytest.raises(UnknownName, match="no log format is called 'openai'"):
        adapter_named("openai")


@pytest.mark.parametrize("name", adapters())
def test_a_sample_is_its_own_format(name):
    adapter = adapters()[name]
    one = json.loads(adapter.sample)
    assert max(adapters().values(), key=lambda other: (other.match(one), -other.order)).name == name
    check_fields(adapter.mapping)
    if adapter.rows:
        (row,) = adapter.rows(one)
        assert set(row) <= set(MAPPABLE)
        assert row["output"] == "Hi"
        assert one == json.loads(adapter.sample)  # the object is left as it was


@pytest.mark.parametrize("name", adapters())
def test_an_adapter_refuses_or_reads_any_object(name, read):
    adapter = adapters()[name]

    @settings(max_examples=200, deadline=None)
    @given(OBJECTS)
    def never_raises(one):
        assert 0 <= adapter.match(one) <= 1
        try:
            log = read(json.dumps(one) + "\n", format=name, map={"tags.x": "x", "score.x": "error"})
        except LogError:
            unknown = [kind_of(value) for value in one.values()].count("unknown")
            assert unknown  # answers that are objects of no known kind
            return
        assert log.records.num_rows + len(log.bad) == max(1, log.records.num_rows)

    never_raises()


def completion(*choices, **more):
    return {"object": "chat.completion", "id": "c1", "created": 1700000000, "model": "m", "choices": list(choices), **more}


def choice(content, **more):
    return {"message": {"role": "assistant", "content": content, **more}, "finish_reason": "stop"}


def test_a_pair_says_what_both_sides_say():
    request = {
        "model": "alias",
        "user": "u",
        "metadata": {"session_id": "s"},
        "messages": [{"role": "system", "content": "Be brief"}, {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}],
        "tools": [{"type": "function", "function": {"name": "f", "description": "d", "parameters": {"type": "object"}}}],
    }
    (row,) = rows(
        {
            "timestamp": "2026-01-01",
            "latency_ms": 12,
            "request": json.dumps(request),
            "response": completion(choice("x"), usage={"prompt_tokens": 3, "completion_tokens": 4}),
        }
    )
    assert (row["id"], row["time"], row["session"], row["user"], row["model"]) == ("c1", "2026-01-01", "s", "u", "m")
    assert (row["input"], row["output"], row["finish_reason"]) == ("a\nb", "x", "stop")
    assert (row["latency_ms"], row["tokens_in"], row["tokens_out"]) == (12.0, 3.0, 4.0)
    assert row["tools"] == [{"name": "f", "description": "d", "parameters": '{"type":"object"}'}]


def test_every_choice_is_a_record_and_shares_no_tokens(read):
    line = json.dumps(completion(choice("a"), choice("b"), choice("a"), usage={"prompt_tokens": 3, "completion_tokens": 9}))
    log = read(line + "\n")
    assert log.column("output") == ["a", "b", "a"]
    assert log.column("tokens_in") == [3.0] * 3
    assert log.column("tokens_out") == [None] * 3
    assert len(set(log.column("key"))) == 3
    assert log.chunks[0].entries == 1


def test_refusals_and_tool_calls():
    refused, called = rows(
        completion(choice(None, refusal="I cannot"), choice(None, tool_calls=[{"id": "t", "type": "function", "function": {"name": "f", "arguments": "{}"}}]))
    )
    assert refused["output"] == "I cannot"
    assert called["output"] is None
    assert called["output_messages"][0]["parts"] == [{"type": "tool_call", "id": "t", "name": "f", "arguments": "{}"}]


def test_a_filtered_choice_without_message_is_a_record_without_output(read):
    pair = {"request": {"messages": [{"role": "user", "content": "hm"}]}, "response": completion({"finish_reason": "content_filter", "index": 0})}
    log = read(json.dumps(pair))
    assert (log.column("output"), log.column("finish_reason"), log.column("input")) == ([None], ["content_filter"], ["hm"])


def chunk(index=0, finish=None, **delta):
    return (
        "data: "
        + json.dumps(
            {"id": "s", "object": "chat.completion.chunk", "created": 5, "model": "m", "choices": [{"index": index, "delta": delta, "finish_reason": finish}]}
        )
        + "\n\n"
    )


def test_a_stream_is_joined_by_choice_and_call():
    call = lambda index, **function: {"tool_calls": [{"index": index, **({"id": f"id{index}"} if "name" in function else {}), "function": function}]}  # noqa: E731
    text = (
        chunk(role="assistant", content="")
        + chunk(content="Hel")
        + chunk(1, content="Bye")
        + chunk(content="lo\u2028")
        + ": ping\n\n"
        + chunk(1, **call(0, name="f", arguments=""))
        + chunk(1, **call(1, name="g", arguments="["))
        + chunk(1, **call(0, arguments="{}"))
        + chunk(1, **call(1, arguments="]"))
        + chunk(finish="stop")
        + chunk(1, finish="tool_calls")
        + 'data: {"object": "chat.completion.chunk", "choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 2}}\n\ndata: [DONE]\n\n'
    )
    first, second = join_stream(text)["choices"]
    assert (first["message"]["content"], first["finish_reason"]) == ("Hello\u2028", "stop")
    assert [(said["id"], said["function"]) for said in second["message"]["tool_calls"]] == [
        ("id0", {"name": "f", "arguments": "{}"}),
        ("id1", {"name": "g", "arguments": "[]"}),
    ]
    assert join_stream(text)["usage"] == {"prompt_tokens": 1, "completion_tokens": 2}


def test_a_damaged_stream_is_refused():
    with pytest.raises(RefusedLine, match="no JSON"):
        rows({"request": {}, "response": chunk(content="a") + 'data: {"object": "chat.compl\n\n'})


def test_batch_failures_are_records_with_what_they_say(read):
    good = json.loads(adapters()["openai_batch"].sample)
    late = {"custom_id": "r-2", "response": {"status_code": 429, "body": {"error": {"message": "slow down"}}}, "error": None}
    expired = {"custom_id": "r-3", "response": None, "error": {"code": "batch_expired", "message": "expired"}}
    log = read("\n".join(json.dumps(line) for line in (good, late, expired)))
    assert (log.detected.format, log.column("id"), log.bad) == ("openai_batch", ["r-1", "r-2", "r-3"], [])
    assert log.column("error") == [None, "status 429: slow down", "batch_expired: expired"]
    assert log.column("output")[1:] == [None, None]


@pytest.mark.parametrize("body", [{"error": {"message": "busy", "code": 429}}, {"error": "busy"}, {"object": "error", "message": "busy"}, {"detail": "busy"}])
def test_a_call_that_failed_is_a_record_with_its_error(read, body):
    request = {"model": "m", "messages": [{"role": "user", "content": "q"}]}
    log = read("\n".join(json.dumps({"id": str(n), "request": request, "response": body if n else completion(choice("x"))}) for n in range(3)))
    assert (log.detected.format, log.bad) == ("openai_chat", [])
    assert log.column("output") == ["x", None, None]
    assert all("busy" in error for error in log.column("error")[1:])
    assert log.column("input") == ["q"] * 3


def test_a_completion_without_object_and_a_list_of_chunks_are_read(read):
    request = {"messages": [{"role": "user", "content": "q"}]}
    bare = {"choices": [{"message": {"role": "assistant", "content": "x"}, "finish_reason": "stop"}], "usage": {"completion_tokens": 4}}
    chunks = [{"object": "chat.completion.chunk", "id": "s", "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]} for text in "ab"]
    log = read("\n".join(json.dumps({"request": request, "response": body}) for body in (bare, chunks)))
    assert (log.detected.format, log.column("output"), log.column("tokens_out")) == ("openai_chat", ["x", "ab"], [4.0, None])


def test_what_stands_beside_an_exchange_is_found(read):
    request = {"messages": [{"role": "user", "content": "q"}]}
    line = {"request": request, "response": completion(choice("x")), "metadata": {"user_id": "u", "app": {"prompt_version": "3"}}, "feedback": {"rating": 4}}
    log = read(json.dumps(line))
    assert (log.column("user"), log.column("prompt_version"), [label.value for label in log.labels]) == (["u"], ["3"], [4.0])
    assert log.detected.guessed


def test_sharegpt_and_content_blocks(read):
    turns = [{"from": "human", "value": "Q"}, {"from": "gpt", "value": "A"}]
    blocks = [
        {"role": "user", "content": [{"type": "text", "text": "look"}, {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}]},
        {"role": "assistant", "content": [{"type": "thinking", "thinking": "hm"}, {"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}}]},
        {"role": "tool", "tool_call_id": "t", "content": "42"},
        {"role": "assistant", "content": "done"},
        {"role": "user", "content": "thanks"},
    ]
    log = read("\n".join(json.dumps(line) for line in ({"conversations": turns}, {"messages": blocks})))
    assert log.column("input") == ["Q", "look"]
    assert log.column("output") == ["A", "done"]
    before, after = log.column("messages")[1], log.column("output_messages")[1]
    assert [part["type"] for message in before for part in message["parts"]] == ["text", "media", "reasoning", "tool_call", "tool_result"]
    assert (before[0]["parts"][1]["mime"], before[0]["parts"][1]["uri"]) == ("image/png", None)
    assert (before[1]["parts"][1]["arguments"], before[2]["parts"][0]["result"]) == ('{"a":1}', "42")
    assert [message["role"] for message in after] == ["assistant", "user"]
