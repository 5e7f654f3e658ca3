"""P4: what was sent and is not durable never exceeds the concurrency, so that is all that a kill can make us ask twice."""

import asyncio
import contextlib

import pytest
from asking import question, quick

from judgecli.endpoint.ask import open_ask
from judgecli.pipeline.asking import Budget, Counts, LedgerAsk
from judgecli.serve.fake_judge import FakeJudge, FakeSettings
from judgecli.serve.wire import Response
from judgecli.store.folder import Store
from judgecli.store.live_replies import Replies


def test_an_answered_question_keeps_its_slot_until_it_is_released():
    async def run():
        async with FakeJudge() as fake, open_ask(quick(fake.url, concurrency=3), holds=True) as ask:
            await ask(question(0))
            ask.release(question(0))
            tasks = [asyncio.create_task(ask(question(number))) for number in range(1, 8)]
            for released in range(5):
                await asyncio.sleep(0.2)
                assert ask.counts.calls == 1 + 3 + released
                ask.release(question(1 + released))
                ask.release(question(1 + released))  # a second time frees nothing
            await asyncio.gather(*tasks)
            for number in range(1, 8):
                ask.release(question(number))
            assert ask.limiter._in_flight == 0

    asyncio.run(run())


@pytest.mark.parametrize("status", [200, 400, 500])
def test_a_question_without_a_reply_holds_no_slot(status):
    """An unreadable body is asked again, an error is none; none of them may starve the others."""

    async def run():
        async with (
            FakeJudge(script=lambda _: Response(status, b"not JSON")) as fake,
            open_ask(quick(fake.url, concurrency=1, attempts=2, total_s=5.0), holds=True) as ask,
        ):
            for number in range(3):
                with contextlib.suppress(Exception):
                    await asyncio.wait_for(ask(question(number)), 10)
            assert ask.limiter._in_flight == 0
            assert not ask.channel._held

    asyncio.run(run())


def test_the_ladder_is_climbed_with_one_slot():
    """A reply of the wrong form makes the probe ask again; with concurrency 1 it must not wait for itself."""

    async def run():
        async with FakeJudge(FakeSettings(personality="faulty")) as fake, open_ask(quick(fake.url, concurrency=1), holds=True) as ask:
            await asyncio.wait_for(ask(question(1)), 10)
            ask.release(question(1))
            assert ask.limiter._in_flight == 0

    asyncio.run(run())


def test_sent_less_durable_never_exceeds_the_concurrency(tmp_path):
    """Commits that take long: the endpoint sees no more questions than can be asked again after a kill."""

    async def run():
        durable = most = 0
        with Store(tmp_path / "store") as store:
            async with (
                FakeJudge() as fake,
                Replies(store.ledger.path) as replies,
                open_ask(quick(fake.url, concurrency=8), holds=True) as ask,
            ):
                keep = replies.keep

                async def slowly(reply):
                    nonlocal durable, most
                    most = max(most, ask.counts.calls - durable)
                    await asyncio.sleep(0.03)
                    await keep(reply)
                    durable += 1

                replies.keep = slowly
                through = LedgerAsk(
                    replies=replies,
                    rubric="r",
                    send=ask,
                    price=lambda *_: None,
                    budgets=(Budget(),),
                    slots=asyncio.Semaphore(16),
                    counts=Counts(),
                    run_id=1,
                    redact=None,
                )
                await asyncio.gather(*(through.find(question(number), b"") for number in range(100)))
        return durable, most

    assert asyncio.run(run()) == (100, 8)
