"""Bodies and replies of served reward models, by hand and by hostile shape."""

import base64
import json
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from judgecli.errors import UsageError
from judgecli.reward_model.remote import (
    AskedRewards,
    RewardUnreadable,
    body_of,
    check_address,
    named_served,
    question_key,
    read_reward,
    render,
    served_metric,
    split_reply,
    takes_many,
    wire_of,
)  # fmt: skip

ROWS = [AskedRewards("Refunds?", "30 days.", "gold"), AskedRewards(None, "Hi")]


def test_bodies_by_hand():
    messages = [{"role": "user", "content": "Refunds?"}, {"role": "assistant", "content": "30 days."}]
    assert body_of("vllm-classify", ROWS[:1], model="rm", template=None) == {"model": "rm", "messages": messages, "use_activation": False}
    assert body_of("vllm-classify", ROWS[1:], model=None, template=None) == {"messages": [{"role": "assistant", "content": "Hi"}], "use_activation": False}
    texts = ["Q Refunds? A 30 days.", "Q  A Hi"]
    assert body_of("vllm-classify", ROWS, model="rm", template="Q {input} A {output}") == {"model": "rm", "input": texts, "use_activation": False}
    pooling = {"model": "rm", "input": texts, "task": "classify", "encoding_format": "float", "use_activation": False}
    assert body_of("vllm-pooling", ROWS, model="rm", template="Q {input} A {output}") == pooling
    assert body_of("tei-predict", ROWS, model="rm", template=None) == {"inputs": [["Refunds?", "30 days."], ["", "Hi"]], "raw_scores": True, "truncate": True}
    assert body_of("tei-predict", ROWS, model=None, template="{output}")["inputs"] == [["30 days."], ["Hi"]]
    openrlhf = {"query": ["Refunds?30 days.", "Hi"], "prompts": ["Refunds?", ""], "labels": ["gold", None]}
    assert body_of("openrlhf", ROWS, model="rm", template=None) == openrlhf


def test_which_protocols_carry_many():
    assert [takes_many(wire, None) for wire in ("vllm-classify", "vllm-pooling", "tei-predict", "openrlhf")] == [False, False, True, True]
    assert takes_many("vllm-classify", "{output}")


@given(st.text(), st.text())
def test_a_text_is_never_filled_twice(question, output):
    assert render(AskedRewards(question, output), "<{input}|{output}>") == f"<{question}|{output}>"


@pytest.mark.parametrize(
    ("url", "wire"),
    [
        ("http://127.0.0.1:8000/classify", "vllm-classify"),
        ("https://host/x/pooling/", "vllm-pooling"),
        ("http://host/predict", "tei-predict"),
        ("http://host/get_reward", "openrlhf"),
        ("http://host", None),
        ("http://classify", None),
        ("http://host/v1/score", None),
    ],
)
def test_the_path_names_the_protocol(url, wire):
    assert wire_of(url) == wire


PACKED = base64.b64encode(struct.pack("<f", 1.5)).decode()


@pytest.mark.parametrize(
    ("reply", "reward"),
    [
        ({"data": [{"index": 0, "probs": [-3.25], "num_classes": 1}], "model": "m"}, -3.25),
        ({"data": [{"index": 0, "data": [0.5]}]}, 0.5),
        ({"data": [{"index": 0, "data": PACKED}]}, 1.5),
        ([[{"score": 2, "label": "LABEL_0"}]], 2.0),
        ([{"score": 2.5, "label": "LABEL_0"}], 2.5),
        ({"rewards": [7.0], "scores": [1.0]}, 7.0),
    ],
)
def test_one_reply_of_each_protocol(reply, reward):
    (piece,) = split_reply(json.dumps(reply).encode(), 1)
    assert read_reward(piece) == reward


WRONG = [
    {"data": [{"index": 0, "probs": [0.1, 0.9]}]},
    {"data": [{"index": 0, "probs": []}]},
    {"data": [{"index": 0, "probs": None}]},
    {"data": [{"index": 0, "probs": [None]}]},
    {"data": [{"index": 0, "probs": ["0.5"]}]},
    {"data": [{"index": 0, "probs": [True]}]},
    {"data": [{"index": 0, "probs": 0.5}]},
    {"data": [{"index": 0, "data": [[0.1], [0.2]]}]},
    {"data": [{"index": 0, "data": [0.1, 0.2]}]},
    {"data": [{"index": 0, "data": "no base64!"}]},
    {"data": [{"index": 0, "data": base64.b64encode(b"12345").decode()}]},
    {"data": [{"index": 0, "data": base64.b64encode(struct.pack("<f", float("nan"))).decode()}]},
    {"data": [{"index": 0, "data": base64.b64encode(struct.pack("<2f", 1, 2)).decode()}]},
    {"data": [{"index": 0}]},
    {"data": [{"index": 1, "probs": [0.5]}]},
    {"data": [{"probs": [0.5]}]},
    {"data": []},
    {"data": {}},
    {"rewards": []},
    {"rewards": [[0.5]]},
    {"rewards": [0.5, 0.6]},
    {"rewards": 0.5},
    {"error": "x"},
    [],
    [[]],
    [[{"label": "x"}]],
    [[{"score": 0.1}, {"score": 0.2}]],
    [0.5],
    [[0.5]],
    "0.5",
    0.5,
    None,
]


@pytest.mark.parametrize("reply", WRONG, ids=lambda reply: json.dumps(reply)[:40])
def test_anything_else_gives_no_number(reply):
    with pytest.raises(RewardUnreadable):
        read_reward(split_reply(json.dumps(reply).encode(), 1)[0])


@pytest.mark.parametrize("raw", [b"", b"{", b"NaN", b'{"rewards": [NaN]}', b'{"rewards": [Infinity]}', b'{"rewards": [1e999]}', b"\xff", b"<html>"])
def test_what_is_no_json_gives_no_number(raw):
    with pytest.raises(RewardUnreadable):
        read_reward(split_reply(raw, 1)[0])


json_values = st.recursive(st.none() | st.booleans() | st.floats() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
    st.sampled_from(["data", "rewards", "probs", "index", "score", "model"]), inner, max_size=3), max_leaves=12)  # fmt: skip


@settings(max_examples=300)
@given(json_values, st.integers(1, 3))
def test_no_shape_breaks_the_reader(value, count):
    try:
        found = [read_reward(piece) for piece in split_reply(json.dumps(value).encode(), count)]
    except RewardUnreadable:
        return
    assert len(found) == count
    assert all(isinstance(reward, float) for reward in found)


def test_rows_come_back_by_their_index():
    reply = {"model": "m", "data": [{"index": 2, "probs": [2.0]}, {"index": 0, "probs": [0.0]}, {"index": 1, "probs": [1.0]}]}
    assert [read_reward(piece) for piece in split_reply(json.dumps(reply).encode(), 3)] == [0.0, 1.0, 2.0]
    assert [json.loads(piece)["model"] for piece in split_reply(json.dumps(reply).encode(), 3)] == ["m"] * 3
    for indices in ([0, 0, 1], [1, 2, 3], [0, 1]):
        with pytest.raises(RewardUnreadable):
            split_reply(json.dumps({"data": [{"index": index, "probs": [1.0]} for index in indices]}).encode(), 3)


def test_identity_follows_what_decides_the_numbers():
    def identity(target="rm:http://a/classify", **options):
        return served_metric("x", target, options).identity

    assert identity() == identity("rm:http://a/classify/")
    assert len({identity(), identity("rm:http://b/classify"), identity(model="m"), identity(model="n"), identity(model="m", template="{output}")}) == 5
    assert identity(model="m") == identity("rm:http://b/classify", model="m")  # the same model may move


def test_keys_tell_questions_apart():
    rows = [AskedRewards("a", "b"), AskedRewards("ab", ""), AskedRewards(None, "b"), AskedRewards("", "b"), AskedRewards("a", "b", "c"), AskedRewards("a", "c")]
    assert len({question_key("i", row) for row in rows}) == len(rows)
    assert question_key("i", rows[0]) != question_key("j", rows[0])
    assert len(question_key("i", AskedRewards("\ud800", "b"))) == 32


@pytest.mark.parametrize("url", ["ftp://a/x", "file:///x/JUDGE_MARK", "http://user:pw@host/classify", "http://host/classify?key=1", "http://host/#x"])
def test_addresses_that_are_refused(url):
    with pytest.raises(UsageError):
        check_address(url)


def test_a_served_model_needs_a_name():
    assert named_served("x", "rm:http://a/classify") == "x"
    with pytest.raises(UsageError, match="name of its own"):
        named_served(None, "rm:http://a/classify")
