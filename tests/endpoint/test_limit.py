"""How much is asked at once: by hand on a clock of our own, then against a server that counts (promises E3, E4)."""

import asyncio
import heapq
import time
from email.utils import formatdate

import pytest
from asking import ask_all, question, quick

from judgecli.endpoint.ask import open_ask
from judgecli.endpoint.limit import Bucket, Limiter, duration_s
from judgecli.judge.request import AskFailed, Reply
from judgecli.serve.fake_judge import FakeJudge, FakeSettings
from judgecli.serve.wire import Response


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1s", 1),
        ("6m0s", 360),
        ("20ms", 0.02),
        ("1h2m3.5s", 3723.5),
        ("0", 0),
        ("1.5", 1.5),
        ("", None),
        (None, None),
        ("soon", None),
        ("1s later", None),
        ("-1s", None),
    ],
)
def test_durations(text, seconds):
    assert duration_s(text) == (None if seconds is None else pytest.approx(seconds))


def test_a_bucket_lets_its_rate_through():
    bucket = Bucket(rate=2.0, burst=1.0)
    assert [bucket.take(1, now=0.0) for _ in range(4)] == [0.0, 0.5, 1.0, 1.5]
    assert bucket.take(1, now=10.0) == 0.0  # the debt is paid, no more than the burst was saved
    assert bucket.take(1, now=10.0) == 0.5


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now

    async def sleep(self, seconds):
        self.now += seconds


def limiter(concurrency=64, **limits):
    clock = Clock()
    return Limiter(concurrency, clock=clock, sleep=clock.sleep, **limits), clock


def test_one_call_until_the_first_answer_then_all():
    limited, _ = limiter()
    assert limited.width == 1
    limited.answered("failed", {}, 0.1)
    assert limited.width == 1
    limited.answered("ok", {}, 0.1)
    assert limited.width == 64


def play(limited, clock, *, ok, limited_answers, seconds=1.1):
    for _ in range(ok):
        limited.answered("ok", {}, 0.1)
    clock.now += seconds
    for _ in range(limited_answers):
        limited.answered("limited", {}, 0.1)


def test_few_429s_narrow_a_little_and_hold_no_pace():
    limited, clock = limiter()
    play(limited, clock, ok=95, limited_answers=5)
    limited.answered("ok", {}, 0.1)
    assert 60 <= limited.width <= 63
    assert limited.pace is None


def test_many_429s_narrow_by_a_third_and_hold_what_was_accepted():
    limited, clock = limiter()
    limited.answered("ok", {}, 0.1)  # opens
    clock.now += 5.0
    limited.answered("ok", {}, 0.1)  # closes the first window, which is long because it holds little
    for _ in range(10):
        limited.answered("ok", {}, 0.1)
    for _ in range(10):
        limited.answered("limited", {}, 0.1)
    clock.now += 2.0
    limited.answered("limited", {}, 0.1)
    assert 40 <= limited.width <= 45  # 64 x 0.7
    assert limited.pace == pytest.approx(0.95 * 10 / 2)  # 10 accepted in 2 s, and a little less


def test_the_pace_is_tried_upwards_and_the_width_recovers():
    limited, clock = limiter(concurrency=4)
    test = [("ok", 0.0)] + [("limited", 0.0)] * 5 + [("limited", 5.0)]
    for outcome, later in test:
        clock.now += later
        limited.answered(outcome, {}, 0.1)
    before = limited.pace
    assert before is not None
    for _ in range(60):
        clock.now += 1.1
        limited.answered("ok", {}, 0.1)
    assert limited.width == 4
    assert limited.pace is None or limited.pace > 2 * before


def test_nothing_remains_holds_new_calls_until_the_reset():
    limited, clock = limiter()

    async def run():
        limited.answered("ok", {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "3s"}, 0.1)
        await limited.acquire(0)
        return clock.now

    assert asyncio.run(run()) == pytest.approx(3.0)


def test_tokens_a_minute_are_counted():
    limited, clock = limiter(tokens_per_minute=6000)  # 100 a second, 10 saved

    async def run():
        limited.answered("ok", {}, 0.1)
        for _ in range(3):
            await limited.acquire(100)
        return clock.now

    assert asyncio.run(run()) == pytest.approx(2.9)


def test_a_cancelled_waiter_leaves_its_slot():
    async def run():
        limited = Limiter(1)
        await limited.acquire(0)
        waiting = [asyncio.create_task(limited.acquire(0)) for _ in range(3)]
        await asyncio.sleep(0)
        limited.release()  # the first waiter has the slot now
        waiting[0].cancel()
        waiting[1].cancel()
        await asyncio.wait_for(waiting[2], 1)
        limited.release()
        limited.close()
        return limited._in_flight

    assert asyncio.run(run()) == 0


def asked_to_wait(headers, rows, **settings):
    """Every row is answered once with 429 and these headers, then well. Returns (early arrivals, shares of the wait that were added)."""

    async def run():
        asked: dict[bytes, float] = {}
        early, late = 0, []

        def script(request):
            nonlocal early
            row = request.body
            now = time.monotonic()
            if row not in asked:
                made, wait = headers()
                asked[row] = now + wait
                return Response(429, b"{}", made)
            early += now < asked[row]
            late.append(now - asked[row])
            return None

        async with FakeJudge(script=script) as fake, open_ask(quick(fake.url, concurrency=64, **settings)) as ask:
            ask.limiter._close_window = lambda _: None  # each call's own wait is looked at, not the pace that is learnt of so many
            found = await ask_all(ask, [question(number) for number in range(rows)])
        assert all(isinstance(result, Reply) for result in found)
        return early, late

    return asyncio.run(run())


@pytest.mark.parametrize(
    "headers",
    [
        lambda: ({"retry-after": "1"}, 1.0),
        lambda: ({"retry-after-ms": "300"}, 0.3),
        lambda: ({"retry-after": formatdate(int(time.time()) + 2, usegmt=True)}, 0.5),
    ],
    ids=["seconds", "milliseconds", "date"],
)
def test_no_request_of_a_thousand_comes_early(headers):
    early, late = asked_to_wait(headers, rows=334)
    assert len(late) == 334
    assert early == 0


def test_junk_and_negative_wishes_do_not_stop_a_call():
    for wish in ("-5", "soon", "", "NaN"):
        early, late = asked_to_wait(lambda wish=wish: ({"retry-after": wish}, 0.0), rows=5)
        assert (early, len(late)) == (0, 5)


def test_no_storm_at_a_rate_limit():
    """64 workers at a server that takes 80 requests a second: at most 1.3 requests for an answer."""

    async def run():
        settings = FakeSettings(limit_per_s=80, retry_after="0.5", latency_ms=20)
        async with FakeJudge(settings) as fake, open_ask(quick(fake.url, concurrency=64)) as ask:
            found = []

            async def worker(first):
                for number in range(first, 600, 64):
                    found.append(await ask(question(number)))

            await asyncio.gather(*(worker(first) for first in range(64)), return_exceptions=True)
            return found, fake.requests, fake.early

    found, requests, early = asyncio.run(run())
    assert early == 0
    assert len(found) >= 590
    assert requests / len(found) <= 1.3


class VirtualTime:
    """A clock that jumps to the next sleeper once nobody can go on."""

    def __init__(self):
        self.now, self.sleepers = 0.0, []

    def __call__(self):
        return self.now

    async def sleep(self, seconds):
        woken = asyncio.get_running_loop().create_future()
        heapq.heappush(self.sleepers, (self.now + seconds, id(woken), woken))
        await woken

    async def run_until(self, end):
        while self.sleepers and self.sleepers[0][0] <= end:
            self.now, _, woken = heapq.heappop(self.sleepers)
            if not woken.done():
                woken.set_result(None)
            for _ in range(10):
                await asyncio.sleep(0)


@pytest.mark.parametrize("allowed", [2, 5, 20, 80])
def test_the_overshoot_is_at_most_a_tenth_of_the_limit(allowed):
    """E4 on a clock of our own: 64 workers, ten minutes, a server that saves up one second of its limit."""

    async def run():
        time_ = VirtualTime()
        limited = Limiter(64, clock=time_, sleep=time_.sleep)
        server = Bucket(allowed, allowed)
        arrived, accepted = [], []

        async def worker():
            while True:
                await limited.acquire(0)
                arrived.append(time_.now)
                fine = server.take(1, time_.now) == 0
                if not fine:
                    server.level += 1  # what is refused costs nothing
                await time_.sleep(0.02)
                if fine:
                    accepted.append(time_.now)
                limited.answered("ok" if fine else "limited", {}, 0.02)
                limited.release()
                if not fine:
                    await time_.sleep(1.0)

        tasks = [asyncio.create_task(worker()) for _ in range(64)]
        for _ in range(200):
            await asyncio.sleep(0)
        await time_.run_until(600.0)
        limited.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return arrived, accepted

    arrived, accepted = asyncio.run(run())
    later = sum(10 <= moment < 600 for moment in arrived)
    assert later <= 1.1 * allowed * 590
    assert len(accepted) >= 0.9 * allowed * 600
    assert len(arrived) / len(accepted) <= 1.3
    busiest = max(sum(start <= moment < start + 20 for moment in arrived) for start in range(30, 580, 10))
    assert busiest <= 1.1 * allowed * 20


def test_after_a_stop_no_slot_is_granted_and_who_waits_is_told():
    async def run():
        limiter = Limiter(1)
        await limiter.acquire(0)
        waiting = [asyncio.create_task(limiter.acquire(0)) for _ in range(3)]
        await asyncio.sleep(0)
        limiter.stop()
        told = await asyncio.gather(*waiting, limiter.acquire(0), return_exceptions=True)
        limiter.release()
        return told, limiter._in_flight

    told, in_flight = asyncio.run(run())
    assert [(type(error), error.reason) for error in told] == [(AskFailed, "cancelled")] * 4
    assert in_flight == 0


def test_a_stop_reaches_who_sleeps_for_a_rate():
    async def run():
        limiter = Limiter(4, requests_per_minute=60)
        limiter._opened, limiter._width = True, 4.0
        await limiter.acquire(0)
        sleeping = asyncio.create_task(limiter.acquire(0))
        await asyncio.sleep(0.05)
        limiter.stop()
        (told,) = await asyncio.gather(sleeping, return_exceptions=True)
        limiter.release()
        return told, limiter._in_flight

    told, in_flight = asyncio.run(run())
    assert isinstance(told, AskFailed)
    assert in_flight == 0
