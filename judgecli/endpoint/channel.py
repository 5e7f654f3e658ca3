"""The way to one endpoint that all its calls share: slots, retries, the circuit, counts; whatever is asked over it."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from judgecli.endpoint.limit import Limiter
from judgecli.endpoint.retry import Circuit, Retry
from judgecli.endpoint.sender import Answer, SendFailed
from judgecli.endpoint.settings import EndpointSettings, Secrets


@dataclass(slots=True)
class Counts:
    """What was sent and came back: `calls` HTTP requests, `answered` replies with usage, `retries` repeats, `limited` 429s."""

    calls: int = 0
    answered: int = 0
    retries: int = 0
    limited: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    tokens_cached: int = 0


class Channel:
    """Sends the attempts of calls, each in a slot of its own."""

    def __init__(self, settings: EndpointSettings) -> None:
        self.settings = settings
        self.counts = Counts()
        self.circuit = Circuit(settings.shown())
        self.limiter = Limiter(settings.concurrency, requests_per_minute=settings.requests_per_minute, tokens_per_minute=settings.tokens_per_minute)
        self._trusted = asyncio.Event()
        self._trusted.set()

    async def call(
        self,
        send: Callable[[int], Awaitable[Answer]],
        *,
        size: int,
        secrets: Callable[[], Secrets],
        renew: Callable[[], Awaitable[bool]],
        check: Callable[[Answer], str | None],
    ) -> Answer:
        """The first good answer to what `send` sends on its attempt 1, 2, ...; `size` in bytes; the rest as in `Retry`.

        Raises: RowFailed (this call), JudgeUnavailable (every call).
        """
        retry = Retry(self.settings, self.circuit, secrets, renew)
        try:
            return await retry.run(lambda number: self._attempt(send, size, number), check)
        finally:
            self.counts.retries += retry.retries
            self._trusted.set()  # this call is over, one way or the other; an open circuit stops those that waited

    async def _attempt(self, send: Callable[[int], Awaitable[Answer]], size: int, number: int) -> Answer:
        """One HTTP request in a slot of its own."""
        await self._enter(size / 4 if self.settings.tokens_per_minute else 0.0, first=number == 1)
        started = time.monotonic()
        try:
            self.circuit.check()  # it may have opened while this call waited
            self.counts.calls += 1
            answer = await send(number)
            if answer.status == 401:
                self._trusted.clear()  # before the slot is free: nobody starts until the key is renewed or given up
            elif answer.status < 300:
                self._trusted.set()
        except SendFailed:
            self.limiter.answered("failed", {}, time.monotonic() - started)
            raise
        finally:
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
