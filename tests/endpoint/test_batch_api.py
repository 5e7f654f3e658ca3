"""Batches against a server that has /files and /batches."""

import asyncio

import orjson
import pytest
from asking import KEY, question, quick

from judgecli.endpoint import batch_api
from judgecli.endpoint.batch_api import collect, read_line, state, submit
from judgecli.errors import JudgeUnavailable, UsageError
from judgecli.judge.request import AskFailed, Reply, Request
from judgecli.serve.fake_judge import FakeJudge, FakeSettings


def test_what_is_submitted_is_collected(monkeypatch):
    monkeypatch.setattr(batch_api, "MOST_REQUESTS", 4)
    monkeypatch.setenv("JUDGE_API_KEY", KEY)
    requests = [question(number, temperature=0) for number in range(10)]

    async def run():
        async with FakeJudge(FakeSettings(key=KEY)) as fake:
            ids = await submit(quick(fake.url), requests)
            states = [await state(quick(fake.url), batch_id) for batch_id in ids]
            found = [pair async for batch_id in _each(ids) for pair in _listed([pair async for pair in collect(quick(fake.url), batch_id)])]
            return ids, states, dict(found)

    ids, states, found = asyncio.run(run())
    assert len(ids) == 3  # of 4, 4 and 2
    assert [one.completed for one in states] == [4, 4, 2]
    assert all(one.ended for one in states)
    assert set(found) == {request.key for request in requests}
    assert all(isinstance(reply, Reply) and reply.text and reply.usage.tokens_in for reply in found.values())


async def _each(items):
    for item in items:
        yield item


def _listed(items):
    return items


def test_a_server_without_batches_says_so():
    async def run():
        async with FakeJudge(FakeSettings(key="another-key")) as fake:
            await submit(quick(fake.url), [question(1)])

    with pytest.raises(JudgeUnavailable, match="does not take the batch") as caught:
        asyncio.run(run())
    assert "/batches" in caught.value.hint


def test_a_question_without_a_key_is_refused():
    async def run():
        async with FakeJudge() as fake:
            await submit(quick(fake.url), [Request(({"role": "user", "content": "x"},), None, {"model": "m"})])

    with pytest.raises(UsageError):
        asyncio.run(run())


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ({"custom_id": "aa", "response": {"status_code": 200, "body": {"choices": []}}}, "judge_parse"),
        ({"custom_id": "aa", "response": {"status_code": 429, "body": {"error": {"message": "slow"}}}}, "rate_limited"),
        ({"custom_id": "aa", "response": {"status_code": 400, "body": {"error": {"code": "content_filter"}}}}, "content_filter"),
        ({"custom_id": "aa", "response": None, "error": {"code": "batch_expired"}}, "not_asked"),
        ({"custom_id": "aa", "response": None, "error": {"code": "boom"}}, "bad_request"),
        ({"custom_id": "aa"}, "bad_request"),
    ],
)
def test_lines_without_a_reply_have_a_reason(line, reason):
    key, failed = read_line(orjson.dumps(line), {})
    assert key == b"\xaa"
    assert isinstance(failed, AskFailed)
    assert failed.reason == reason


@pytest.mark.parametrize("line", [b"junk", b"[]", b"{}", b'{"custom_id": 5}', b'{"custom_id": "not hex"}'])
def test_lines_of_others_are_left(line):
    assert read_line(line, {}) is None
