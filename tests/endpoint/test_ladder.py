"""Which rung of the ladder holds, found out once a model; parameters that a model refuses."""

import asyncio
import json

import pytest
from asking import SCHEMA, ask_all, question, quick

from judgecli.endpoint.ask import open_ask
from judgecli.endpoint.ladder import RUNGS, fits, form_of
from judgecli.judge.request import AskFailed, Reply, Request
from judgecli.serve.completions import mode_of
from judgecli.serve.fake_judge import FakeJudge, FakeSettings
from judgecli.serve.wire import Response


def play(settings=None, script=None, requests=None, modes=None):
    async def run():
        async with FakeJudge(settings, script) as fake, open_ask(quick(fake.url), modes=modes) as ask:
            return await ask_all(ask, requests or [question(number) for number in range(8)]), fake, ask

    return asyncio.run(run())


@pytest.mark.parametrize("rung", RUNGS)
def test_the_highest_rung_that_holds_is_taken_and_remembered(rung):
    found, fake, ask = play(FakeSettings(modes=(rung,)) if rung == "text" else FakeSettings(modes=(rung, "text")))
    assert {reply.mode for reply in found} == {rung}
    assert list(ask.modes.values()) == [rung]
    assert fake.requests == 8 + RUNGS.index(rung)  # the first question alone went down the ladder


def test_what_was_remembered_is_not_found_out_again():
    modes = {}
    play(FakeSettings(modes=("tool",)), modes=modes)
    name = next(iter(modes))

    async def again():
        async with FakeJudge(FakeSettings(modes=("tool",))) as fake:
            kept = {f"{fake.url} m": modes[name]}
            async with open_ask(quick(fake.url), modes=kept) as ask:
                await ask(question(1))
            return fake.requests

    assert asyncio.run(again()) == 1


def test_a_rung_that_is_ignored_is_left():
    """Many servers take response_format and answer in prose."""

    def script(asked):
        sent = json.loads(asked.body)
        if mode_of(sent) in ("json_schema", "json_object"):
            return Response(body=json.dumps({"choices": [{"message": {"content": "Good."}, "finish_reason": "stop"}], "usage": {"prompt_tokens": 10}}).encode())
        return None

    found, fake, _ = play(script=script)
    assert {reply.mode for reply in found} == {"tool"}
    assert fake.requests == 8 + 2
    assert found[0].usage.tokens_in >= 20  # what finding out cost is counted


def test_prose_on_every_rung_is_left_to_the_verdict():
    found, fake, ask = play(script=lambda _: Response(body=b'{"choices": [{"message": {"content": "Good."}, "finish_reason": "stop"}]}'))
    assert {reply.text for reply in found} == {"Good."}
    assert fake.requests == 8 + 3
    assert list(ask.modes.values()) == ["json_schema"]


def test_a_refusal_says_nothing_of_the_rung():
    found, _, ask = play(FakeSettings(faults={"refusal": 1.0}), requests=[question(number) for number in range(3)])
    assert all(reply.refusal for reply in found)
    assert ask.modes == {}


def test_a_row_that_is_refused_on_every_rung_keeps_its_own_error():
    found, _, _ = play(script=lambda asked: Response(400, b'{"error": {"message": "too long"}}') if b"record 3." in asked.body else None)
    assert [isinstance(reply, AskFailed) for reply in found] == [number == 3 for number in range(8)]
    assert found[3].reason == "bad_request"
    assert "too long" in str(found[3])


def test_free_text_has_no_rung():
    request = Request(({"role": "user", "content": "hello"},), None, {"model": "m"})
    found, fake, ask = play(requests=[request])
    assert (found[0].mode, fake.requests, ask.modes) == ("text", 1, {})


@pytest.mark.parametrize(
    ("refused", "message", "note"),
    [
        ("max_tokens", "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.", "max_completion_tokens"),
        ("temperature", "Unsupported value: 'temperature' does not support 0 with this model.", "without temperature"),
        ("logprobs", "Unrecognized request argument supplied: 'logprobs'", "without logprobs"),
    ],
)
def test_a_refused_parameter_is_changed_once_and_noted(refused, message, note):
    def script(asked):
        return Response(400, json.dumps({"error": {"message": message, "param": refused}}).encode()) if refused in json.loads(asked.body) else None

    requests = [question(number, max_tokens=300, temperature=0, logprobs=True) for number in range(8)]
    found, fake, ask = play(script=script, requests=requests)
    assert all(isinstance(reply, Reply) for reply in found)
    assert fake.requests == 9
    assert len(ask.notes) == 1
    assert note in ask.notes[0]


def test_strict_is_said_only_of_schemas_that_are():
    def strict(schema):
        return form_of(Request((), schema, {}), "json_schema")["response_format"]["json_schema"]["strict"]

    assert strict(SCHEMA)
    assert not strict({**SCHEMA, "required": ["score"]})
    assert not strict({**SCHEMA, "additionalProperties": True})


@pytest.mark.parametrize(
    ("text", "mode", "good"),
    [
        ('{"explanation": "e", "score": 3}', "json_schema", True),
        ('{"score": 3}', "json_schema", False),
        ('```json\n{"explanation": "e", "score": 3}\n```', "json_schema", False),
        ('```json\n{"explanation": "e", "score": 3}\n```', "text", True),
        ('Here: {"explanation": "e", "score": 3}', "text", False),
        ("[1]", "text", False),
        (None, "text", False),
        ("[" * 1_025, "text", False),
    ],
)
def test_what_fits(text, mode, good):
    assert fits(Reply(text, mode=mode), SCHEMA) is good
