"""Which format, which mapping, and when the tool must ask instead of guess."""

import json

import pytest

from judgecli.errors import LogError, UnknownName, UsageError
from judgecli.readers.detect import detect
from judgecli.readers.log import Detected, Shaping
from judgecli.readers.synonyms import NAMES, guess
from judgecli.schema import MAPPABLE

CHAT = json.dumps({"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]})
PLAIN = json.dumps({"prompt": "q", "completion": "a"})


@pytest.mark.parametrize(
    ("content", "format", "container"),
    [
        (PLAIN, "jsonl", "jsonl"),
        (PLAIN + "\n" + PLAIN, "jsonl", "jsonl"),
        ("\ufeff\n" + PLAIN, "jsonl", "jsonl"),
        ("not json\n" * 3 + (PLAIN + "\n") * 9, "jsonl", "jsonl"),
        ("{broken\n" + (PLAIN + "\n") * 9, "jsonl", "jsonl"),
        ("[1]\n" + (PLAIN + "\n") * 9, "jsonl", "jsonl"),
        (f"[{PLAIN}]", "json", "array"),
        (f"\n [\n{PLAIN},\n{PLAIN}\n]", "json", "array"),
        (json.dumps(json.loads(PLAIN), indent=1), "json", "object"),
        (CHAT, "chat", "jsonl"),
        (f"[{CHAT}]", "chat", "array"),
        ("prompt,completion\na,b\n", "csv", "csv"),
        ("prompt\ncompletion\n", "csv", "csv"),
        ("\n".join([CHAT] * 9 + [PLAIN]), "chat", "jsonl"),
    ],
)
def test_formats(write, content, format, container):
    found = detect(str(write(content, "name.without.meaning")), Shaping())
    assert (found.format, found.container) == (format, container)
    assert Detected.from_json(found.to_json()) == found


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b" \n\r\n\xef\xbb\xbf"[:4], "is empty"),
        (b"\xef\xbb\xbf", "is empty"),
        (b"just some text\nand more of it\n", "no known format"),
        (b"PK\x03\x04zip", "zip archive"),
        ("{}".encode("utf-16"), "UTF-16"),
        (b"SQLite format 3\x00", "SQLite"),
        (b"PAR1 but no more", "Parquet"),
        (b'{"x": 1}\n', "none of the fields"),
        (b'{"runs": [{"output": "a"}]}', "none of the fields"),
        (("\n".join([CHAT, PLAIN] * 5)).encode(), "no one format: .*chat 5 of 10"),
    ],
)
def test_what_is_no_log_says_so(write, content, message):
    with pytest.raises(LogError, match=message) as caught:
        detect(str(write(content)), Shaping())
    assert caught.value.hint


def test_an_envelope_is_named_in_the_hint(write):
    with pytest.raises(LogError) as caught:
        detect(str(write('{"runs": [{"output": "a"}]}')), Shaping())
    assert "'runs'" in caught.value.hint


def test_a_guess_is_refused_where_it_must_be_said(write):
    path = str(write('{"question": "q", "answer": "a", "my key": 1}'))
    with pytest.raises(LogError, match="would have to be guessed") as caught:
        detect(path, Shaping(guess=False))
    assert "--map input=question" in caught.value.hint
    assert "--map output=answer" in caught.value.hint
    said = detect(path, Shaping(guess=False, map={"output": "answer"}))
    assert (said.mapping, said.guessed, said.unmapped) == ({"output": "answer"}, False, ("question", "my key"))
    assert "input=question" in said.notes[0]
    own = detect(str(write('{"input": "q", "output": "a", "ours": 5}')), Shaping(guess=False))
    assert (own.mapping, own.guessed) == ({"input": "input", "output": "output"}, False)
    # Part of a mapping by guess would be another sample of fields in CI than on a desk: other clusters, other intervals.
    with pytest.raises(LogError, match="would have to be guessed"):
        detect(str(write('{"prompt": "q", "output": "a"}')), Shaping(guess=False))


def test_what_the_user_maps_is_not_guessed_again(write):
    found = detect(str(write('{"prompt": "q", "answer": "a", "reference": "r"}')), Shaping(map={"reference": "answer"}))
    assert found.mapping == {"reference": "answer", "input": "prompt"}
    assert found.unmapped == ("reference",)


def test_every_path_that_is_not_read_is_named_also_beside_one_that_is(write):
    line = '{"output": "a", "user": {"id": "u1", "tags": [], "plan": "pro"}, "a.b": 1, "meta": {"x.y": 2, "none": null, "deep": {"er": [1]}}}'
    found = detect(str(write(line)), Shaping())
    assert found.mapping == {"output": "output", "user": "user.id"}
    assert found.unmapped == ("user.plan", '"a.b"', 'meta."x.y"', "meta.deep.er")


@pytest.mark.parametrize(
    ("line", "mapping"),
    [
        (
            {"question": "q", "answer": "a", "meta": {"version": "2", "session_id": "s"}},
            {"input": "question", "output": "answer", "prompt_version": "meta.version", "session": "meta.session_id"},
        ),
        (
            {"req": {"prompt": "q"}, "resp": {"text": "t", "completion": "a", "usage": {"input_tokens": 3, "output": 9}}},
            {"input": "req.prompt", "output": "resp.completion", "tokens_in": "resp.usage.input_tokens"},
        ),
        ({"output": "a", "meta": {"id": "x", "error": "no"}}, {"output": "output"}),
        ({"output": "a", "usage": {"input": 3}}, {"output": "output"}),
        ({"output": "a", "customer": {"id": 7}, "thread": {"id": "t"}}, {"output": "output", "user": "customer.id", "session": "thread.id"}),
        ({"output": "a", "event": {"createdAt": "2026-01-01"}}, {"output": "output", "time": "event.createdAt"}),
        ({"output": "a", "event": {"created": "soon"}}, {"output": "output"}),
        (
            {"data": {"conversation": {"messages": [{"role": "user", "content": "q"}]}}, "reply": "a"},
            {"messages": "data.conversation.messages", "output": "reply"},
        ),
        ({"instruction": "Translate", "input": "Hallo", "output": "Hello"}, {"input": "instruction++input", "output": "output"}),
        (
            {"ai_response": "a", "truth": "t", "retrieval_context": ["r"], "context": ["c"]},
            {"output": "ai_response", "reference": "truth", "contexts": "retrieval_context"},
        ),
    ],
)
def test_nested_names_are_found_by_their_last_part(line, mapping):
    assert guess([line] * 3, {}) == mapping


def test_a_field_that_is_named_loses_no_other(write):
    path = str(write('{"question": "q", "answer": "a", "meta": {"version": "2", "country": "DE"}}'))
    found = detect(path, Shaping(map={"tags.country": "meta.country"}))
    assert found.mapping == {"tags.country": "meta.country", "input": "question", "output": "answer", "prompt_version": "meta.version"}
    assert found.unmapped == ()


def test_a_path_that_finds_nothing_is_noted(write):
    found = detect(str(write(PLAIN)), Shaping(map={"session": "no.such"}))
    assert "--map session=no.such finds nothing" in found.notes[0]


@pytest.mark.parametrize(
    ("column", "values", "field"),
    [
        ("createdAt", ["2026-01-01"], "time"),
        ("Prompt", ["x"], "input"),
        ("date", ["soon"], None),
        ("latency", [1.5], None),
        ("latency_s", [1.5], None),
        ("duration", [1.5], None),
        ("latency_ms", ["fast"], None),
        ("latency_ms", ["15"], "latency_ms"),
        ("user", [{"name": "x"}], None),
        ("thumbs", ["up", -1, None], "label.thumbs"),
        ("feedback", ["it was slow", "up"], None),
        ("rating", [1, 5], "label.rating"),
        ("prompt_tokens", [5], "tokens_in"),
        ("conversation-id", ["c"], "session"),
        ("generator", ["m"], "model"),
        ("output", [None], None),
    ],
)
def test_columns_are_guessed_by_name_and_value(column, values, field):
    mapped = guess([{column: value} for value in values], {})
    assert mapped == ({} if field is None else {field: f'"{column}"' if "." in column else column})


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ({"label": "x"}, "objects (label)"),
        ([{"label": "x"}, {"n": 1}], "objects (lists)"),
    ],
)
def test_an_answer_of_no_known_kind_is_a_question_and_no_text(write, value, says):
    path = str(write(json.dumps({"prompt": "q", "response": value})))
    with pytest.raises(LogError, match="nothing tells which part is the answer") as caught:
        detect(path, Shaping())
    assert says in str(caught.value)
    assert "--map output=response if the JSON itself" in caught.value.hint
    assert detect(path, Shaping(map={"output": "response"})).mapping["output"] == "response"


def test_runs_inside_runs_are_one_answer(write):
    runs = [{"id": "a", "inputs": {"question": "q"}, "outputs": {"output": "x"}}, {"id": "b", "parent_run_id": "a", "inputs": "q", "outputs": {"output": "x"}}]
    path = str(write("\n".join(map(json.dumps, runs))))
    with pytest.raises(LogError, match="would count twice") as caught:
        detect(path, Shaping())
    assert "parent_run_id == null" in caught.value.hint
    assert detect(path, Shaping(map={"parent_id": "parent_run_id"})).mapping["output"] == "outputs"


def test_names_belong_to_real_fields_and_to_one_only():
    assert {name for name in NAMES if "." not in name} <= set(MAPPABLE)
    names = [name for names in NAMES.values() for name in names]
    assert len(names) == len(set(names))


def test_forced_formats(write):
    path = str(write(CHAT))
    assert detect(path, Shaping(format="jsonl", map={"output": "messages.-1.content"})).format == "jsonl"
    assert detect(path, Shaping(format="chat")).format == "chat"
    with pytest.raises(UnknownName, match="no log format is called 'chatty'"):
        detect(path, Shaping(format="chatty"))
    with pytest.raises(UnknownName, match="record field"):
        detect(path, Shaping(map={"answer": "x"}))
    with pytest.raises(UsageError, match="time zone"):
        detect(path, Shaping(zone="Nowhere"))


def test_shapings_differ_by_digest():
    shapings = [
        Shaping(),
        Shaping(format="chat"),
        Shaping(map={"a": "b"}),
        Shaping(zone="Asia/Tokyo"),
        Shaping(max_depth=3),
        Shaping(max_line_bytes=5),
        Shaping(encoding="cp1252"),
    ]
    assert len({shaping.digest for shaping in shapings}) == len(shapings)
    assert Shaping(guess=False).digest == Shaping().digest  # where a mapping comes from is not what it is
    assert Shaping(map={"a": "b", "c": "d"}).digest == Shaping(map={"c": "d", "a": "b"}).digest


def test_the_answer_is_found_inside_an_envelope_that_holds_one(write):
    line = {"request": {"body": {"question": "q"}}, "response": {"status": 200, "body": {"answer": "It is here.", "code": "x1"}}}
    found = detect(str(write(json.dumps(line))), Shaping())
    assert (found.mapping["input"], found.mapping["output"]) == ("request.body.question", "response.body.answer")


def test_two_texts_in_an_envelope_are_a_question_that_names_them(write):
    line = {"prompt": "q", "response": {"status": 200, "body": {"answer": "It is here.", "text": "As a text."}}}
    with pytest.raises(LogError, match="nothing tells which part is the answer") as caught:
        detect(str(write(json.dumps(line))), Shaping())
    assert "--map output=response.body.answer, --map output=response.body.text" in caught.value.hint
    assert "response.status" not in caught.value.hint


@pytest.mark.parametrize(("uids", "field"), [(["a", "b", "c", "d", "e"], "id"), (["a", "b", "a", "b", "a"], "user")])
def test_a_uid_that_comes_again_is_a_user(uids, field):
    assert guess([{"uid": uid, "input": "q", "output": "a"} for uid in uids], {})[field] == "uid"
