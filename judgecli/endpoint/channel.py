"""The way to one endpoint that all its calls share: slots, retries, the circuit, counts; whatever is asked over it."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from judgecli.endpoint.limit import Limiter
from judgecli.endpoint.retry import Circuit, Retry
from judgecli.endpoint.sender import HttpAnswer, SendFailed
from judgecli.endpoint.settings import EndpointSettings, Secrets


@dataclass(slots=True)
class ChannelCounts:
    """What was sent and came back: `calls` HTTP requests, `answered` replies with usage, `retries` repeats, `limited` 429s."""

    calls: int = 0
    answered: int = 0
    retries: int = 0
    limited: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    tokens_cached: int = 0


class Channel:
    """Sends the attempts of calls, each in a slot of its own. With `holds` an answer keeps its slot until `release`."""

    def __init__(self, settings: EndpointSettings, *, holds: bool = False) -> None:
        self.settings, self.holds = settings, holds
        self._held: Counter[bytes] = Counter()  # slots of answers, by key
        self.counts = ChannelCounts()
        self.circuit = Circuit(settings.shown())
        self.limiter = Limiter(settings.concurrency, requests_per_minute=settings.requests_per_minute, tokens_per_minute=settings.tokens_per_minute)
        self._trusted = asyncio.Event()
        self._trusted.set()

    async def call(
        self,
        send: Callable[[int], Awaitable[HttpAnswer]],
        *,
        size: int,
        secrets: Callable[[], Secrets],
        renew: Callable[[], Awaitable[bool]],
        check: Callable[[HttpAnswer], str | None],
        key: bytes = b"",
    ) -> HttpAnswer:
        """The first good answer to what `send` sends on its attempt 1, 2, ...; `size` in bytes; the rest as in `Retry`.

        `key` names the call for `release`; a call that fails holds nothing.
        Raises: RowFailed (this call), JudgeUnavailable (every call).
        """
        retry = Retry(self.settings, self.circuit, secrets, renew)
        try:
            return await retry.run(lambda number: self._attempt(send, size, number, key), check)
        except BaseException:
            self.release(key)
            raise
        finally:
            self.counts.retries += retry.retries
            self._trusted.set()  # this call is over, one way or the other; an open circuit stops those that waited

    def release(self, key: bytes) -> None:
        """Free the slots that the answers to a call hold; nothing where they hold none."""
        for _ in range(self._held.pop(key, 0)):
            self.limiter.release()

    def stop(self) -> None:
        """Send nothing any more; what was sent gets its answer."""
        self.limiter.stop()

    async def _attempt(self, send: Callable[[int], Awaitable[HttpAnswer]], size: int, number: int, key: bytes) -> HttpAnswer:
        """One HTTP request in a slot of its own, which an answer may hold."""
        await self._enter(size / 4 if self.settings.tokens_per_minute else 0.0, first=number == 1)
        started = time.monotonic()
        held = False
        try:
            self.circuit.check()  # it may have opened while this call waited
            self.counts.calls += 1
            answer = await send(number)
            if answer.status == 401:
                self._trusted.clear()  # before the slot is free: nobody starts until the key is renewed or given up
            elif answer.status < 300:
                self._trusted.set()
                if held := self.holds:
                    self._held[key] += 1
        except SendFailed:
            self.limiter.answered("failed", {}, time.monotonic() - started)
            raise
        finally:
            if not held:
                self.limiter.release()
        limited = answer.status == 429
        self.counts.limited += limited
        self.limiter.answered("limited" if limited else "ok" if answer.status < 300 else "failed", answer.headers, time.monotonic() - started)
        return answer

    async def _enter(self, tokens: float, *, first: bool) -> None:
        """A slot; a first attempt gets none while another call finds out whether the key still holds."""
        while True:
            if first:
                await self._trusted.wait()
            await self.limiter.acquire(tokens)
            if not first or self._trusted.is_set():
                return
            self.limiter.release()
