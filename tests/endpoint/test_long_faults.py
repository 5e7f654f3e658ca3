"""E2, E4, E5 and E8 at the size that the promises name: for `make test-long`."""

import asyncio
import gc
import threading
import time

import pytest
from asking import answers, ask_all, question, quick
from test_shutdown import cancelled, some

from judgecli.endpoint.ask import open_ask
from judgecli.judge.request import Reply
from judgecli.serve.fake_judge import FakeJudge, FakeSettings

pytestmark = pytest.mark.long


def test_ten_thousand_calls_in_a_soup_of_faults():
    """E2: 30 % mixed faults, 16 in flight: 99.5 % answered, each as without faults, the rest named."""
    faults = {"429": 0.06, "500": 0.06, "reset": 0.05, "stall": 0.01, "drip": 0.01, "truncated": 0.06, "gzip_cut": 0.03, "empty": 0.02}

    clean = asyncio.run(answers(FakeSettings(), 10_000, idle_s=0.5, total_s=1.0, concurrency=16))
    soup = asyncio.run(answers(FakeSettings(faults=faults, retry_after="0.05"), 10_000, idle_s=0.5, total_s=1.0, concurrency=16))
    answered = [(a, b) for a, b in zip(clean, soup, strict=True) if isinstance(b, Reply)]
    assert all(a.raw == b.raw for a, b in answered)
    assert len(answered) >= 9_950
    assert {b.reason for b in soup if not isinstance(b, Reply)} <= {"connection", "timeout", "rate_limited", "judge_parse"}


def test_no_storm_at_five_requests_a_second():
    """E4: two minutes of 64 workers at a limit of 5 a second: after 10 s at most 10 % beyond the limit, at most 1.3 requests for an answer."""
    arrived = []

    async def run():
        settings = FakeSettings(limit_per_s=5, retry_after="1", latency_ms=20)
        async with FakeJudge(settings, script=lambda _: arrived.append(time.monotonic())) as fake, open_ask(quick(fake.url, concurrency=64)) as ask:
            found, todo, ends = [], iter(range(10**6)), time.monotonic() + 120

            async def worker():
                for number in todo:
                    if time.monotonic() > ends:
                        return
                    found.append(await ask(question(number)))

            await asyncio.gather(*(worker() for _ in range(64)), return_exceptions=True)
            return len(found), fake.requests, fake.early

    started = time.monotonic()
    found, requests, early = asyncio.run(run())
    later = [moment for moment in arrived if started + 10 <= moment < started + 120]
    assert early == 0
    assert found >= 0.9 * 5 * 120
    assert requests / found <= 1.3
    assert len(later) <= 1.1 * 5 * 110


def test_hangs_take_no_longer_than_themselves():
    """E5: of 1,000 calls 5 % hang once. The ideal is their work shared among the slots, hangs cut at the deadline and asked again."""

    async def run():
        settings = FakeSettings(latency_ms=100, faults={"stall": 0.05})
        async with FakeJudge(settings) as fake, open_ask(quick(fake.url, idle_s=2.0, total_s=2.0, concurrency=16)) as ask:
            await ask(question(10**6))
            started = time.monotonic()
            found = await ask_all(ask, [question(number) for number in range(1_000)])
            return found, fake.by_fault["stall"], time.monotonic() - started

    found, hangs, took = asyncio.run(run())
    assert all(isinstance(result, Reply) for result in found)
    ideal = ((1_000 + hangs) * 0.1 + hangs * 2.0) / 16
    assert 20 <= hangs <= 90
    assert took <= 1.2 * ideal + 2.0  # the deadline of the last call


def in_a_thread():
    found = []
    thread = threading.Thread(target=lambda: found.append(asyncio.run(some())))
    thread.start()
    thread.join()
    return found[0]


async def beside_a_thread():
    return await asyncio.to_thread(in_a_thread)


@pytest.mark.parametrize("way", [lambda: asyncio.run(some()), lambda: asyncio.run(cancelled()) + 5, in_a_thread, lambda: asyncio.run(beside_a_thread())])
def test_two_hundred_shutdowns_leave_nothing(way, capfd):
    """E8: as a script, cancelled, in a thread, in a thread beside a running loop; a ResourceWarning fails the test."""
    for _ in range(50):
        assert way() == 5
    gc.collect()
    assert capfd.readouterr().err == ""
