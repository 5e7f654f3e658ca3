"""How much is asked at once: concurrency that adapts (AIMD), rates that the user or the endpoint sets, and a pace learnt from 429s.

Until the first answer one call is in flight: a wrong key costs one request, not a wave of them (a few,
where the first takes longer than some seconds). Then the full width at once. A 429 narrows it a little, a second with many of them (over 15 %) narrows it by
a third and holds the pace to what was accepted in that second; both recover while answers come. No
429 stops the calls of others. `x-ratelimit-remaining-*: 0` holds new calls until its reset.
"""

import asyncio
import re
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from judgecli.judge.request import AskFailed

CallOutcome = Literal["ok", "limited", "failed"]
MANY = 0.15  # share of 429s in a window that shows a rate limit rather than noise
BARREN_S = 20.0  # a window without any acceptance is as long as this
FULL, SLOW_S = 20, 5.0  # a window of fewer answers says little, so it waits for more, at most so long
FEW = 3  # fewer 429s in a window than this show nothing
NARROW = 0.7
BELOW = 0.95  # of what was accepted: refused calls come back on top
FLOOR = 0.5  # of what many 429s taught: a second that the server saved up doubles what it takes in the first
SEARCH, NEAR = 0.1, 0.007  # a second: how fast a learnt pace is tried upwards, before and after it met the limit a second time
CLEAN_S = 40.0  # so long without any 429 and it is searched again: what was learnt is far too low. At NEAR a server that saves up 1 s is met after 25 s
LONGEST_HOLD_S = 60.0
FIRST_S = 3.0  # a first answer that takes longer lets others start, doubling up to FIRST_WIDTH
FIRST_WIDTH = 8
DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|h|m|s)")
UNIT_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


@dataclass(slots=True)
class Bucket:
    """A token bucket that may go into debt: `take` answers the seconds until what was taken is paid for."""

    rate: float  # a second
    burst: float
    level: float = field(init=False)
    updated: float = 0.0

    def __post_init__(self) -> None:
        self.level = self.burst

    def take(self, amount: float, now: float) -> float:
        self.level = min(self.burst, self.level + max(0.0, now - self.updated) * self.rate) - amount
        self.updated = now
        return max(0.0, -self.level / self.rate)


@dataclass(slots=True)
class _RateWindow:
    """What was answered since `start`; the pace is what came from the first acceptance on: a wave of refusals says nothing of it."""

    start: float = 0.0
    first_ok: float | None = None
    ok: int = 0
    limited: int = 0

    def is_over(self, now: float, least_s: float) -> bool:
        if self.first_ok is None:
            return now - self.start >= BARREN_S
        seconds = now - self.first_ok
        return seconds >= least_s and (self.ok + self.limited >= FULL or seconds >= SLOW_S)


class Limiter:
    """Grants slots for single requests: `acquire`, then `answered` with how it went, and `release`."""

    def __init__(
        self,
        concurrency: int,
        *,
        requests_per_minute: float | None = None,
        tokens_per_minute: float | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._most = concurrency
        self._width = 1.0
        self._opened = self._stopped = False
        self._clock, self._sleep = clock, sleep
        self._requests = _per_minute(requests_per_minute)
        self._tokens = _per_minute(tokens_per_minute)
        self._pace: Bucket | None = None
        self._hold_until = 0.0
        self._window = _RateWindow()
        self._near = False  # the pace met the limit
        self._clean_s = 0.0  # since the last window with a 429
        self._learnt = 0.0  # the least accepted a second in a window of many 429s
        self._turn = asyncio.Lock()  # one call waits for the pace, the others for it: a new pace holds at once
        self._latency_s = 0.0
        self._in_flight = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._widening: asyncio.TimerHandle | None = None

    @property
    def width(self) -> int:
        """How many requests may be in flight now."""
        return max(1, int(self._width))

    @property
    def pace(self) -> float | None:
        """Requests a second that a learnt pace allows; None: as fast as answers come."""
        return None if self._pace is None else self._pace.rate

    async def acquire(self, tokens: float) -> None:
        """Wait for a slot, then for the rates; `tokens` is what the request is thought to use. Raises: AskFailed (cancelled) after `stop`."""
        self._check()
        if not self._opened and self._widening is None:
            self._widening = asyncio.get_running_loop().call_later(FIRST_S, self._widen)
        if self._in_flight >= self.width:
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
            try:
                await turn  # the slot comes with it
            except asyncio.CancelledError:
                if turn.done() and not turn.cancelled() and turn.exception() is None:
                    self.release()
                raise
        else:
            self._in_flight += 1
        try:
            while (wait := self._hold_until - self._clock()) > 0:
                await self._sleep(wait)
            if self._pace is None:
                await self._wait(tokens)
            else:
                async with self._turn:
                    await self._wait(tokens)
            self._check()
        except BaseException:
            self.release()
            raise

    def stop(self) -> None:
        """Grant no slot any more: who waits for one is told so."""
        self._stopped = True
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_exception(_stopped())

    def _check(self) -> None:
        if self._stopped:
            raise _stopped()

    async def _wait(self, tokens: float) -> None:
        if (wait := self._take(tokens)) > 0:
            await self._sleep(wait)

    def release(self) -> None:
        """Give the slot back."""
        self._in_flight -= 1
        self._wake()

    def answered(self, outcome: CallOutcome, headers: Mapping[str, str], latency_s: float) -> None:
        """Learn from one answer: its outcome, its x-ratelimit headers, its time."""
        now = self._clock()
        if outcome == "ok":
            self._latency_s += 0.1 * (latency_s - self._latency_s) if self._latency_s else latency_s
            self._window.ok += 1
            if self._window.first_ok is None:
                self._window.first_ok = now
            if not self._opened:
                self._opened, self._width = True, float(self._most)
            elif self._width < self._most:
                self._width = min(self._most, self._width + 1 / self._width)
        elif outcome == "limited":
            self._window.limited += 1
        if "x-ratelimit-remaining-requests" in headers or "x-ratelimit-remaining-tokens" in headers:
            self._hold(headers, now)
        if self._window.is_over(now, max(1.0, self._latency_s)):
            self._close_window(now)
        if self._waiting:
            self._wake()

    def close(self) -> None:
        """Forget the timer that widens before the first answer."""
        if self._widening is not None:
            self._widening.cancel()

    def _widen(self) -> None:
        if not self._opened and self._width < min(FIRST_WIDTH, self._most):
            self._width = min(self._width * 2, FIRST_WIDTH, self._most)
            self._widening = asyncio.get_running_loop().call_later(FIRST_S, self._widen)
            self._wake()

    def _take(self, tokens: float) -> float:
        now = self._clock()
        wait = self._requests.take(1, now) if self._requests else 0.0
        if self._tokens:
            wait = max(wait, self._tokens.take(tokens, now))
        if self._pace:
            wait = max(wait, self._pace.take(1, now))
        return wait

    def _close_window(self, now: float) -> None:
        window, self._window = self._window, _RateWindow(now)
        seconds = max(now - (window.start if window.first_ok is None else window.first_ok), 1e-3)
        total = window.ok + window.limited
        self._clean_s = 0.0 if window.limited else self._clean_s
        if window.limited == 0 or total == 0:
            self._grow(seconds)
        elif window.limited >= FEW and window.limited / total > MANY:
            self._width = max(1.0, self._width * NARROW)
            self._hold_pace(window.ok / seconds, now)
        else:
            self._width = max(1.0, self._width - 1)
            self._lower_pace(window.ok / max(now - window.start, 1e-3))

    def _hold_pace(self, accepted: float, now: float) -> None:
        """Ask no faster than was accepted; nothing accepted at all is for the Retry-After of each call to wait out."""
        if accepted > 0:
            rate = accepted * BELOW
            self._learnt = min(self._learnt or accepted, accepted)
            if self._pace is None:
                self._pace = Bucket(rate, 1.0, updated=now)
            else:  # the same bucket: calls that sleep already have their turn in it
                self._near = True
                self._pace.rate = min(self._pace.rate, rate)
                self._pace.burst = 1.0

    def _lower_pace(self, accepted: float) -> None:
        """Go back below what is accepted where few 429s show that the search met the limit, not far below what many 429s taught: noise would ratchet."""
        if self._pace is not None:
            self._near = True
            self._pace.rate = min(self._pace.rate, BELOW * max(accepted, FLOOR * self._learnt))
            self._pace.burst = 1.0

    def _grow(self, seconds: float) -> None:
        if self._pace is not None:
            self._clean_s += seconds
            self._pace.rate *= (1 + (NEAR if self._near and self._clean_s <= CLEAN_S else SEARCH)) ** min(seconds, 5.0)
            self._pace.burst = max(1.0, self._pace.rate * 0.1)
            if self._pace.level >= self._pace.burst and self._width >= self._most:
                self._pace = None  # it holds nothing back any more

    def _hold(self, headers: Mapping[str, str], now: float) -> None:
        """Hold new calls where the endpoint says that nothing remains until a reset."""
        for what in ("requests", "tokens"):
            if headers.get(f"x-ratelimit-remaining-{what}", "").strip() == "0":
                reset = duration_s(headers.get(f"x-ratelimit-reset-{what}"))
                if reset is not None:
                    self._hold_until = max(self._hold_until, now + min(reset, LONGEST_HOLD_S))

    def _wake(self) -> None:
        while self._waiting and self._in_flight < self.width:
            turn = self._waiting.popleft()
            if not turn.done():
                self._in_flight += 1
                turn.set_result(None)


def _stopped() -> AskFailed:
    return AskFailed("cancelled", "the run stops before this question was sent")


def _per_minute(limit: float | None) -> Bucket | None:
    """A bucket for a limit a minute that lets a tenth of a second through at once, at least one."""
    return None if limit is None else Bucket(limit / 60, max(1.0, limit / 600))


def duration_s(text: str | None) -> float | None:
    """Seconds in `6m0s`, `20ms`, `1h2m` or `1.5`; None for anything else.

    >>> duration_s("6m0s"), duration_s("20ms"), duration_s("soon")
    (360.0, 0.02, None)
    """
    if not text:
        return None
    text = text.strip()
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return float(text)
    if not re.fullmatch(f"({DURATION.pattern})+", text):
        return None
    return sum(float(number) * UNIT_S[unit] for number, unit in DURATION.findall(text))
