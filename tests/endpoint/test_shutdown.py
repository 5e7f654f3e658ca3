"""An endpoint leaves nothing behind: in a script, in a thread, in a loop that runs on, after a cancelled call (promise E8). Warnings are errors here."""

import asyncio
import gc
import threading

from asking import ask_all, question, quick

from judgecli.endpoint.ask import open_ask
from judgecli.serve.fake_judge import FakeJudge, FakeSettings


async def some(slow=False):
    async with FakeJudge(FakeSettings(latency_ms=1)) as fake, open_ask(quick(fake.url, slow=slow)) as ask:
        return len(await ask_all(ask, [question(number) for number in range(5)]))


async def cancelled():
    async with FakeJudge(FakeSettings(latency_ms=5000)) as fake, open_ask(quick(fake.url)) as ask:
        tasks = [asyncio.create_task(ask(question(number))) for number in range(5)]
        await asyncio.sleep(0.1)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return len(asyncio.all_tasks()) - 1 - len(fake._open)  # tasks of ours that still run


def test_runs_leave_nothing(capfd):
    for _ in range(5):
        assert asyncio.run(some()) == 5
        gc.collect()
    assert asyncio.run(some(slow=True)) == 5
    gc.collect()
    assert capfd.readouterr().err == ""


def test_in_a_thread_beside_a_running_loop():
    async def outer():
        found = []
        thread = threading.Thread(target=lambda: found.append(asyncio.run(some())))
        thread.start()
        await asyncio.to_thread(thread.join)
        return [*found, await some()]

    assert asyncio.run(outer()) == [5, 5]


def test_cancelled_calls_end(capfd):
    assert asyncio.run(cancelled()) == 0
    gc.collect()
    assert capfd.readouterr().err == ""
