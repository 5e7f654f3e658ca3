"""The table of retry.py, row by row, and the arithmetic of waiting."""

import asyncio
import json

import pytest
from asking import quick

from judgecli.endpoint.retry import Circuit, Retry, RowFailed, fault_of, fault_of_failure, retry_after_s
from judgecli.endpoint.sender import HttpAnswer, SendFailed
from judgecli.endpoint.settings import Secrets
from judgecli.errors import JudgeUnavailable

NOW = 1_790_000_000.0  # Mon, 21 Sep 2026 14:13:20 GMT


def answer(status, code="", message="no", **headers):
    return HttpAnswer(
        status, {name.replace("_", "-"): value for name, value in headers.items()}, json.dumps({"error": {"code": code, "message": message}}).encode()
    )


@pytest.mark.parametrize(
    ("given", "then", "reason"),
    [
        (answer(408), "again", "timeout"),
        (answer(409), "again", "rate_limited"),
        (answer(425), "again", "rate_limited"),
        (answer(429), "again", "rate_limited"),
        (answer(429, "insufficient_quota"), "dead", "auth"),
        (answer(402, "insufficient_quota"), "dead", "auth"),
        (answer(500), "again", "connection"),
        (answer(502), "again", "connection"),
        (answer(503), "again", "connection"),
        (answer(504), "again", "connection"),
        (answer(529), "again", "connection"),
        (answer(501), "row", "bad_request"),
        (answer(400), "row", "bad_request"),
        (answer(413), "row", "bad_request"),
        (answer(422), "row", "bad_request"),
        (answer(400, "context_length_exceeded"), "row", "bad_request"),
        (answer(400, "content_filter"), "row", "content_filter"),
        (answer(403, "content_policy_violation"), "row", "content_filter"),
        (answer(401), "renew", "auth"),
        (answer(403), "refused", "auth"),
        (answer(402), "refused", "auth"),
        (answer(404), "refused", "bad_request"),
        (answer(400, x_should_retry="true"), "again", "bad_request"),
        (answer(500, x_should_retry="false"), "row", "connection"),
        (answer(401, x_should_retry="true"), "renew", "auth"),
        (HttpAnswer(502, {}, b"<html>Bad Gateway</html>"), "again", "connection"),
        (HttpAnswer(500, {}, b""), "again", "connection"),
        (HttpAnswer(400, {}, b'{"detail": "no such field"}'), "row", "bad_request"),
        (HttpAnswer(400, {}, b'{"error": "text alone"}'), "row", "bad_request"),
        (HttpAnswer(200, {}, b'{"error": {"code": 429, "message": "slow down"}}'), "again", "rate_limited"),
        (HttpAnswer(200, {}, b'{"error": {"code": "boom", "message": "upstream"}}'), "again", "connection"),
        (HttpAnswer(400, {}, b'{"error": {"innererror": {"code": "ResponsibleAIPolicyViolation"}}}'), "row", "content_filter"),
    ],
)
def test_the_table(given, then, reason):
    fault = fault_of(given)
    assert fault is not None
    assert (fault.then, fault.reason) == (then, reason)


def test_a_good_answer_is_no_fault():
    assert fault_of(HttpAnswer(200, {}, b'{"choices": []}')) is None


@pytest.mark.parametrize(
    ("failure", "then", "reason"),
    [
        ("connect", "again", "connection"),
        ("reset", "again", "connection"),
        ("cut", "again", "connection"),
        ("timeout", "again", "timeout"),
        ("too_large", "row", "judge_parse"),
        ("tls", "dead", "connection"),
        ("redirect", "dead", "connection"),
        ("proxy", "dead", "connection"),
    ],
)
def test_what_never_came_whole(failure, then, reason):
    fault = fault_of_failure(SendFailed(failure, "lost"))
    assert (fault.then, fault.reason) == (then, reason)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0.25"}, 0.25),
        ({"retry-after-ms": "1500"}, 1.5),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"retry-after-ms": "junk", "retry-after": "9"}, 9.0),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": "3600"}, 3600.0),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "1e999"}, None),
        ({"retry-after": ""}, None),
        ({"retry-after": "Mon, 21 Sep 2026 14:13:30 GMT"}, 10.0),
        ({"retry-after": "Mon, 21 Sep 2026 14:13:10 GMT"}, None),  # over already
        ({"retry-after": "Mon, 21 Sep 2026 15:13:30 GMT", "date": "Mon, 21 Sep 2026 15:13:20 GMT"}, 10.0),  # their clock is an hour ahead
        ({"retry-after": "Mon, 99 Sep 2026 14:13:30 GMT"}, None),
        ({}, None),
    ],
)
def test_retry_after(headers, seconds):
    assert retry_after_s(headers, now=NOW) == (None if seconds is None else pytest.approx(seconds))


class Played:
    """Plays answers in turn, the last for ever; keeps the sleeps."""

    def __init__(self, *answers, draw=0.5, answered=True, **settings):
        self.answers, self.sleeps, self.sent, self.now = list(answers), [], 0, 0.0
        self.circuit = Circuit("http://judge", clock=lambda: self.now)
        self.circuit.answered = answered
        self.retry = Retry(quick("http://judge/v1", **settings), self.circuit, Secrets, self.renew, self.sleep, lambda: draw, lambda: self.now)
        self.renewed = 0

    async def renew(self):
        self.renewed += 1
        return True

    async def sleep(self, seconds):
        self.sleeps.append(seconds)
        self.now += seconds

    async def attempt(self, _):
        self.sent += 1
        found = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(found, SendFailed):
            raise found
        return found

    def run(self, check=lambda _: None):
        return asyncio.run(self.retry.run(self.attempt, check))


GOOD = HttpAnswer(200, {}, b"{}")


def test_the_wait_is_as_asked_and_at_most_a_fifth_more():
    for draw in (0.0, 0.5, 1.0):
        played = Played(answer(429, retry_after="2"), GOOD, draw=draw)
        played.run()
        assert 2.0 < played.sleeps[0] <= 2.0 * 1.2


def test_without_a_wish_the_pause_doubles_and_is_drawn():
    played = Played(answer(429), draw=1.0)
    with pytest.raises(RowFailed) as caught:
        played.run()
    assert caught.value.reason == "rate_limited"
    assert played.sleeps == [0.5, 1.0, 2.0, 4.0]
    assert played.sent == 5


def test_a_wait_beyond_the_cap_ends_the_row_with_its_reason():
    played = Played(answer(429, retry_after="3600"))
    with pytest.raises(RowFailed, match="asks to wait 3600 s") as caught:
        played.run()
    assert (played.sent, played.sleeps, caught.value.reason) == (1, [], "rate_limited")


@pytest.mark.parametrize("given", [answer(500), HttpAnswer(503, {}, b"<html>"), SendFailed("timeout", "late")])
def test_the_same_error_three_times_stops_the_row(given):
    played = Played(given, draw=0.0)
    with pytest.raises(RowFailed):
        played.run()
    assert played.sent == 3


def test_ids_and_times_do_not_make_an_error_another():
    played = Played(*(answer(500, message=f"request req_{number} failed at {number}") for number in range(9)), draw=0.0)
    with pytest.raises(RowFailed):
        played.run()
    assert played.sent == 3


def test_an_unreadable_reply_is_asked_again_and_then_judge_parse():
    played = Played(GOOD, draw=0.0)
    with pytest.raises(RowFailed, match="is empty") as caught:
        played.run(check=lambda _: "the reply is empty")
    assert (caught.value.reason, played.sent) == ("judge_parse", 3)


def test_no_attempt_begins_after_the_time_of_the_call():
    played = Played(answer(429, retry_after="40"), call_s=100.0, longest_wait_s=120.0)
    with pytest.raises(RowFailed):
        played.run()
    assert played.now <= 100
    assert played.sent == 3  # at 0, 43 and 86 s


def test_401_renews_once_and_then_stops_the_run():
    played = Played(answer(401))
    with pytest.raises(JudgeUnavailable):
        played.run()
    assert (played.renewed, played.sent) == (1, 2)
    played = Played(answer(401), GOOD)
    assert played.run() is GOOD


@pytest.mark.parametrize(("status", "hint"), [(403, "key"), (404, "--judge-model")])
def test_refusals_stop_the_run_before_the_first_answer(status, hint):
    played = Played(answer(status), answered=False)
    with pytest.raises(JudgeUnavailable) as caught:
        played.run()
    assert played.sent == 1
    assert hint in caught.value.hint


def test_later_a_refusal_is_its_rows_own_until_ten_in_a_row():
    played = Played(answer(403))
    for _ in range(9):
        with pytest.raises(RowFailed):
            played.run()
    with pytest.raises(JudgeUnavailable):
        played.run()


def test_a_success_between_closes_the_count():
    played = Played(*[answer(403)] * 9, GOOD, *[answer(403)] * 9)
    for place in range(19):
        if place == 9:
            played.run()
        else:
            with pytest.raises(RowFailed):
                played.run()


def test_a_restarting_server_does_not_stop_the_run():
    played = Played(SendFailed("connect", "refused"), draw=0.0)
    for _ in range(5):
        with pytest.raises(RowFailed):
            played.run()  # five attempts each, all within a moment
    played.now += 11
    with pytest.raises(JudgeUnavailable):
        played.run()


def test_secrets_do_not_stand_in_messages():
    played = Played(answer(400, message="Incorrect key sk-canary-1234567 given"))
    played.retry.secrets = lambda: Secrets.of(["sk-canary-1234567"])
    with pytest.raises(RowFailed) as caught:
        played.run()
    assert "canary" not in str(caught.value)
    assert "[secret]" in str(caught.value)
