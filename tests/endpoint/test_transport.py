"""What an endpoint may send, over a real connection: every answer ends in one state, no call hangs, a dead endpoint stops the run (promises E1, E5, E6, E7)."""

import asyncio
import gzip
import json
import socket
import time
import zlib

import pytest
from asking import KEY, answers, ask_all, question, quick

from judgecli.endpoint.ask import open_ask
from judgecli.endpoint.settings import EndpointSettings
from judgecli.errors import JudgeUnavailable
from judgecli.judge.request import AskFailed, Reply
from judgecli.serve.fake_judge import FakeJudge, FakeSettings
from judgecli.serve.wire import Response

LARGEST_REPLY = EndpointSettings().largest_reply


def body(content='{"explanation": "e", "score": 3}', finish="stop", **message):
    choice = {"index": 0, "message": {"role": "assistant", "content": content, **message}, "finish_reason": finish}
    return json.dumps({"id": "x", "model": "served", "choices": [choice], "usage": {"prompt_tokens": 7, "completion_tokens": 3}}).encode()


def ok(data=None, **headers):
    return Response(body=body() if data is None else data, headers={name.replace("_", "-"): value for name, value in headers.items()})


def cut(data, keep):
    head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(data)}\r\n\r\n".encode()
    return Response(raw=head + data[:keep], close=True)


def chunked(data, *, end=True):
    return Response(
        raw=b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n%x\r\n%s\r\n" % (len(data), data) + (b"0\r\n\r\n" if end else b""), close=not end
    )


TOOL = [{"id": "1", "type": "function", "function": {"name": "verdict", "arguments": '{"explanation": "e", "score": 2}'}}]

# name -> (what the server sends for ever, the state that the call ends in: text of the reply, or reason of AskFailed)
STATES = {
    "good": (lambda: ok(), '{"explanation": "e", "score": 3}'),
    "good gzip": (lambda: ok(gzip.compress(body()), content_encoding="gzip"), '{"explanation": "e", "score": 3}'),
    "good deflate": (lambda: ok(zlib.compress(body()), content_encoding="deflate"), '{"explanation": "e", "score": 3}'),
    "good chunked": (lambda: chunked(body()), '{"explanation": "e", "score": 3}'),
    "utf-8 named latin-1": (lambda: ok(body("é"), content_type="application/json; charset=latin-1"), "é"),
    "no content type": (lambda: ok(content_type=""), '{"explanation": "e", "score": 3}'),
    "status 201": (lambda: Response(201, body()), '{"explanation": "e", "score": 3}'),
    "prose": (lambda: ok(body("It is good.")), "It is good."),
    "number as text": (lambda: ok(body('{"explanation": "e", "score": "4"}')), '{"explanation": "e", "score": "4"}'),
    "two verdicts": (lambda: ok(body('{"score": 1} {"score": 5}')), '{"score": 1} {"score": 5}'),
    "null content": (lambda: ok(body(None)), None),
    "refusal field": (lambda: ok(body(None, refusal="No.")), None),
    "finish length": (lambda: ok(body('{"explanation": "e', "length")), '{"explanation": "e'),
    "finish content_filter": (lambda: ok(body(None, "content_filter")), None),
    "finish unknown": (lambda: ok(body(finish="eos_reached")), '{"explanation": "e", "score": 3}'),
    "tool call in place of content": (lambda: ok(body(None, tool_calls=TOOL)), None),
    "content parts": (lambda: ok(body([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}])), "ab"),
    "empty body": (lambda: ok(b""), "judge_parse"),
    "blank body": (lambda: ok(b" \n"), "judge_parse"),
    "half JSON": (lambda: ok(body()[:40]), "judge_parse"),
    "JSON list": (lambda: ok(b"[1]"), "judge_parse"),
    "JSON number": (lambda: ok(b"5"), "judge_parse"),
    "no choices": (lambda: ok(b'{"choices": []}'), "judge_parse"),
    "choices null": (lambda: ok(b'{"choices": null}'), "judge_parse"),
    "choice without message": (lambda: ok(b'{"choices": [{"text": "5"}]}'), "judge_parse"),
    "HTML 200": (lambda: ok(b"<html>login</html>", content_type="text/html"), "judge_parse"),
    "event stream": (lambda: ok(b'data: {"choices": [{"delta": {"content": "5"}}]}\n\ndata: [DO', content_type="text/event-stream"), "judge_parse"),
    "UTF-16": (lambda: ok(body().decode().encode("utf-16"), content_type="application/json; charset=utf-16"), "judge_parse"),
    "latin-1 bytes": (lambda: ok(json.dumps({"choices": [{"message": {"content": "é"}}]}, ensure_ascii=False).encode("latin-1")), "judge_parse"),
    "NaN in JSON": (lambda: ok(b'{"choices": [{"message": {"content": "5"}}], "usage": {"prompt_tokens": NaN}}'), "judge_parse"),
    "lone surrogate": (lambda: ok(b'{"choices": [{"message": {"content": "\\ud800"}}]}'), "judge_parse"),
    "gzip cut": (lambda: ok(gzip.compress(body())[:-12], content_encoding="gzip"), "connection"),
    "gzip junk": (lambda: ok(b"not gzip", content_encoding="gzip"), "connection"),
    "brotli unasked": (lambda: ok(b"\x0b", content_encoding="br"), "connection"),
    "body cut": (lambda: cut(body(), 30), "connection"),
    "header only": (lambda: cut(body(), 0), "connection"),
    "chunks cut": (lambda: chunked(body(), end=False), "connection"),
    "reset": (lambda: Response(raw=b"", close=True), "connection"),
    "no HTTP": (lambda: Response(raw=b"hello\r\n\r\n", close=True), "connection"),
    "8 MB reply": (lambda: ok(body("x" * LARGEST_REPLY)), "judge_parse"),
    "gzip just over the limit": (lambda: ok(gzip.compress(b" " * (LARGEST_REPLY + 1)), content_encoding="gzip"), "judge_parse"),
    "HTML 502": (lambda: Response(502, b"<html>Bad Gateway</html>", {"content-type": "text/html"}), "connection"),
    "500": (lambda: Response(500, b'{"error": {"message": "boom"}}'), "connection"),
    "503 empty": (lambda: Response(503), "connection"),
    "429": (lambda: Response(429, b"{}", {"retry-after-ms": "1"}), "rate_limited"),
    "429 for an hour": (lambda: Response(429, b"{}", {"retry-after": "3600"}), "rate_limited"),
    "400": (lambda: Response(400, b'{"error": {"message": "too long", "code": "context_length_exceeded"}}'), "bad_request"),
    "400 filtered": (lambda: Response(400, b'{"error": {"message": "policy", "code": "content_filter"}}'), "content_filter"),
    "413": (lambda: Response(413), "bad_request"),
    "error in a 200": (lambda: ok(b'{"error": {"message": "upstream", "code": 502}}'), "connection"),
    "redirect without an address": (lambda: Response(302), "bad_request"),
    "redirect 303": (lambda: Response(303, b"", {"location": "/v1/other"}), "unavailable"),
    "silence": (lambda: Response(raw=b"", wait_s=60), "timeout"),
    "drip": (lambda: Response(body=body(), pause_s=0.2), "timeout"),
}


@pytest.mark.parametrize("name", STATES)
def test_every_answer_ends_in_one_state(name):
    make, expected = STATES[name]
    quiet = name in ("silence", "drip")

    async def run():
        good = 0

        def script(_):
            nonlocal good
            good += 1
            return ok() if good == 1 else make()  # the endpoint has answered before

        async with FakeJudge(script=script) as fake, open_ask(quick(fake.url, attempts=2, idle_s=0.3, total_s=0.6 if quiet else 5.0)) as ask:
            await ask(question(0))
            try:
                found = await ask(question(1))
                return found.text if isinstance(found, Reply) else found
            except AskFailed as failed:
                return failed.reason
            except JudgeUnavailable:
                return "unavailable"

    assert asyncio.run(run()) == expected


def test_there_are_enough_states():
    assert len(STATES) >= 50  # with the 30 of verdict's own table: E1 asks for 60


@pytest.mark.parametrize("behaviour", ["silence", "drip", "half_open"])
def test_no_call_outlasts_its_deadline(behaviour):
    async def run():
        made = {
            "silence": Response(raw=b"", wait_s=60),
            "drip": Response(body=body(), pause_s=0.05),
            "half_open": Response(raw=b"HTTP/1.1 200 OK\r\n", wait_s=0),
        }

        def script(asked):
            return ok() if asked.body.find(b"record 0.") >= 0 else made[behaviour]

        async with FakeJudge(script=script) as fake, open_ask(quick(fake.url, attempts=1, idle_s=0.5, total_s=1.0)) as ask:
            await ask(question(0))
            started = time.monotonic()
            found = await ask_all(ask, [question(number) for number in range(1, 20)])
            return found, time.monotonic() - started

    found, took = asyncio.run(run())
    assert {getattr(result, "reason", None) for result in found} == {"timeout"}
    assert took <= 2 * (1.0 + 2.0)  # two waves of 16 slots, each within its deadline + 2 s


def test_hangs_hold_nobody_else():
    async def run():
        settings = FakeSettings(latency_ms=5, faults={"stall": 0.05})
        async with FakeJudge(settings) as fake, open_ask(quick(fake.url, idle_s=0.4, total_s=0.8)) as ask:
            return await ask_all(ask, [question(number) for number in range(200)]), fake.by_fault

    found, faults = asyncio.run(run())
    assert faults["stall"] >= 3
    assert all(isinstance(result, Reply) for result in found)


def closed_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def stopped(settings, rows=40):
    """The error that stops a run, how long it took, how many rows were attempted."""

    async def run():
        started = time.monotonic()
        async with open_ask(settings) as ask:
            found = await asyncio.gather(*(ask(question(number)) for number in range(rows)), return_exceptions=True)
            assert {type(error) for error in found} == {JudgeUnavailable}
            return found[0], time.monotonic() - started, ask.counts.calls

    return asyncio.run(run())


@pytest.mark.parametrize("url", ["http://127.0.0.1:{port}/v1", "http://no-such-host.invalid/v1"])
def test_a_dead_endpoint_stops_the_run(url):
    error, took, calls = stopped(quick(url.format(port=closed_port())))
    assert isinstance(error, JudgeUnavailable)
    assert error.exit_code == 4
    assert calls <= 10
    assert took <= 15
    assert len(f"{error}\n{error.hint}".splitlines()) <= 5
    assert "--base-url" in error.hint


@pytest.mark.parametrize(("status", "said"), [(401, "JUDGE_API_KEY"), (403, "JUDGE_API_KEY"), (404, "--judge-model")])
def test_a_bad_key_stops_the_run(status, said, monkeypatch):
    monkeypatch.setenv("JUDGE_API_KEY", KEY)

    async def serve():
        def refuse(asked):
            return Response(status, json.dumps({"error": {"message": f"no: {asked.headers['authorization']}"}}).encode())

        async with FakeJudge(script=refuse) as fake:
            return await asyncio.to_thread(stopped, quick(fake.url))

    error, took, calls = asyncio.run(serve())
    assert isinstance(error, JudgeUnavailable)
    assert calls <= 10
    assert took <= 15
    assert said in error.hint
    assert KEY not in f"{error} {error.hint} {error!r}"


def test_a_dead_endpoint_in_the_middle_of_a_run_stops_it():
    async def run():
        async with FakeJudge() as fake, open_ask(quick(fake.url)) as ask:
            await ask(question(0))
            fake.settings = FakeSettings(key="another")
            with pytest.raises(JudgeUnavailable):
                await ask_all(ask, [question(number) for number in range(1, 100)])
            return ask.counts.calls

    assert asyncio.run(run()) <= 1 + 16 + 1  # the slots that were full, and the renewal


def test_always_500_takes_at_most_five_attempts_a_row():
    async def run():
        def script(asked):
            return ok() if b"record 0." in asked.body else Response(500, b'{"error": {"message": "boom"}}')

        async with FakeJudge(script=script) as fake, open_ask(quick(fake.url)) as ask:
            await ask(question(0))
            found = await ask_all(ask, [question(number) for number in range(1, 6)])
            return found, max(fake.by_key.values())

    found, most = asyncio.run(run())
    assert {result.reason for result in found} == {"connection"}
    assert most <= 5


def test_faults_change_no_reply():
    """E2 in small: whatever comes back under faults is what comes without them."""
    faults = {"429": 0.05, "500": 0.05, "reset": 0.05, "stall": 0.02, "truncated": 0.05, "gzip_cut": 0.05, "empty": 0.03}

    clean = asyncio.run(answers(FakeSettings(), 300, idle_s=0.4, total_s=0.8, concurrency=32))
    soup = asyncio.run(answers(FakeSettings(faults=faults, retry_after="0.05"), 300, idle_s=0.4, total_s=0.8, concurrency=32))
    answered = [(a, b) for a, b in zip(clean, soup, strict=True) if isinstance(b, Reply)]
    assert all(a.raw == b.raw for a, b in answered)
    assert len(answered) >= 298  # 99.5 %
    assert all(b.reason in ("connection", "timeout", "rate_limited", "judge_parse") for b in soup if not isinstance(b, Reply))
