"""uvicorn's HTTP connection, ended when no whole request head comes in time: idle sockets and slow heads cost nothing for long."""

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol


def impatient(idle_s: float) -> type[asyncio.Protocol]:
    """A protocol class whose connections end after `idle_s` (at most half as long again) without a request under way or begun."""

    class Impatient(H11Protocol):
        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._last: object = None
            self._quiet = 0
            self._look: asyncio.TimerHandle | None = self.loop.call_later(idle_s / 2, self._check)

        def connection_lost(self, exc: Exception | None) -> None:
            if self._look is not None:
                self._look.cancel()
                self._look = None
            super().connection_lost(exc)

        def _check(self) -> None:
            cycle = self.cycle
            busy = cycle is not None and not cycle.response_complete
            self._quiet = 0 if busy or cycle is not self._last else self._quiet + 1
            self._last = cycle
            if self._quiet >= 2:
                self.transport.abort()
                return
            self._look = self.loop.call_later(idle_s / 2, self._check)

    return Impatient
