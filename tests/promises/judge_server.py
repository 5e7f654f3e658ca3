"""A fake judge in a thread, for tests that run the real command line in this process."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from judgecli.serve.fake_judge import FakeJudge, FakeSettings, Script


@contextmanager
def serving(settings: FakeSettings | None = None, script: Script | None = None) -> Iterator[FakeJudge]:
    """A fake judge that answers while the block runs."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="fake-judge")
    thread.start()
    judge = FakeJudge(settings, script)
    try:
        asyncio.run_coroutine_threadsafe(judge.__aenter__(), loop).result(10)
        try:
            yield judge
        finally:
            asyncio.run_coroutine_threadsafe(judge.__aexit__(None, None, None), loop).result(10)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
