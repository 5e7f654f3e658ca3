"""A server with an event loop and a thread of its own, for tests that call from outside any loop."""

import asyncio
import contextlib
import threading


@contextlib.contextmanager
def in_thread(server):
    """The server (an async context manager), entered while this is."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    asyncio.run_coroutine_threadsafe(server.__aenter__(), loop).result(10)
    try:
        yield server
    finally:
        asyncio.run_coroutine_threadsafe(server.__aexit__(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
