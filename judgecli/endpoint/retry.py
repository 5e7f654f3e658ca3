"""The one retry layer: what an answer means, whether and when to ask again, and when to stop the run.

| answer | what happens | reason in the end |
|---|---|---|
| 2xx with a readable reply | done | |
| 2xx without one (empty, cut, HTML, an error object) | again | judge_parse |
| 408, 5xx | again | timeout, connection |
| 409, 425, 429 | again, after Retry-After | rate_limited |
| 429 or 402 that says the quota is used up | the run stops | |
| 400, 413, 422 and other 4xx | this row stops | bad_request, content_filter |
| 401 | once more with renewed headers, then the run stops | auth |
| 403, 404 | the run stops before the first success; later this row, and the run after ten in a row | auth, bad_request |
| no connection, reset, cut | again | connection |
| too late | again | timeout |
| certificate, redirect elsewhere, proxy | the run stops | |

`x-should-retry` of the server overrides the table for single rows. At most `attempts` tries and
`call_s` seconds a call; the same error three times (429 and lost connections apart) stops the row earlier.
"""

import asyncio
import random
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Literal

import orjson

from judgecli.endpoint.sender import HttpAnswer, SendFailed
from judgecli.endpoint.settings import EndpointSettings, Secrets
from judgecli.errors import JudgeUnavailable
from judgecli.judge.request import AskFailed

Next = Literal["again", "row", "refused", "renew", "dead"]
SAME_ERROR = 3
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0
HARD_IN_A_ROW = 10  # failures without one success between that open the circuit
GRACE_S = 10.0  # a server that restarts is down for longer than one wave of calls
FIRST_ATTEMPTS = 4  # of a call to an endpoint that has never answered
FIRST_PATIENCE_S = 12.0  # with an address that cannot be reached at all
QUOTA = ("insufficient_quota", "billing_hard_limit_reached", "quota_exceeded", "access_terminated")
FILTERED = ("content_filter", "content_policy_violation", "responsibleaipolicyviolation", "moderation")
CHANGING = re.compile(r"[0-9a-f]{8,}|\d+|req[_-]\w+", re.IGNORECASE)  # ids and times, which differ between equal errors


@dataclass(frozen=True, slots=True)
class Fault:
    """One failed attempt: what to do next, the reason if this was the last, and the wait that the server asked for."""

    then: Next
    reason: str
    message: str
    wait_s: float | None = None
    status: int | None = None
    param: str | None = None  # the parameter that the error names

    @property
    def signature(self) -> str:
        return f"{self.status} {self.reason} {CHANGING.sub('#', self.message)}"


def fault_of(answer: HttpAnswer, *, now: float | None = None) -> Fault | None:
    """What is wrong with an answer; None for a success. `now` is the wall clock, for Retry-After dates."""
    if 200 <= answer.status < 300 and not answer.body.lstrip()[:64].startswith(b'{"error"'):
        return None
    error = error_object(answer.body)
    status = _inner_status(error, answer.status)
    code, message = _code(error), _message(error, status)
    fault = _by_status(status, code, message)
    fault = replace(fault, status=status, param=_param(error), wait_s=retry_after_s(answer.headers, now=now) if fault.then == "again" else None)
    wish = answer.headers.get("x-should-retry")
    if wish == "true" and fault.then == "row":
        return replace(fault, then="again", wait_s=retry_after_s(answer.headers, now=now))
    return replace(fault, then="row") if wish == "false" and fault.then == "again" else fault


def _by_status(status: int, code: str, message: str) -> Fault:
    if status in (429, 402) and any(word in code for word in QUOTA):
        return Fault("dead", "auth", f"the quota of this key is used up: {message}")
    if any(word in code for word in FILTERED):
        return Fault("row", "content_filter", message)
    if status in (409, 425, 429):
        return Fault("again", "rate_limited", message)
    if status == 408:
        return Fault("again", "timeout", message)
    if status in (501, 505) or status >= 600:
        return Fault("row", "bad_request", message)
    if status >= 500:
        return Fault("again", "connection", message)
    if status == 401:
        return Fault("renew", "auth", message)
    if status in (402, 403):
        return Fault("refused", "auth", message)
    if status == 404:
        return Fault("refused", "bad_request", message)
    return Fault("row", "bad_request", message)


def fault_of_failure(failed: SendFailed) -> Fault:
    """What follows from an answer that never came whole."""
    if failed.failure in ("tls", "redirect", "proxy"):
        return Fault("dead", "connection", str(failed))
    if failed.failure == "too_large":
        return Fault("row", "judge_parse", str(failed))
    return Fault("again", "timeout" if failed.failure == "timeout" else "connection", str(failed))


def retry_after_s(headers: Mapping[str, str], *, now: float | None = None) -> float | None:
    """The seconds that the server asks to wait: `retry-after-ms`, else `retry-after` as seconds or an HTTP date; None where it asks nothing usable.

    A date is read against our clock, and against the server's own `date` where the two differ by more than 5 s.
    """
    for name, unit in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        value = _number(headers.get(name))
        if value is not None:
            return value / unit if value >= 0 else None
    moment = _moment(headers.get("retry-after"))
    if moment is None:
        return None
    ours = time.time() if now is None else now
    theirs = _moment(headers.get("date"))
    wait = moment - (theirs if theirs is not None and abs(theirs - ours) > 5 else ours)
    return wait if wait > 0 else None


def _number(text: str | None) -> float | None:
    try:
        value = float(text) if text is not None and text.strip().lower().lstrip("+-") not in ("nan", "inf", "infinity") else None
    except ValueError:
        return None
    return value if value is not None and abs(value) < 1e9 else None


def _moment(text: str | None) -> float | None:
    try:
        found: datetime | None = parsedate_to_datetime(text) if text else None
        return None if found is None else (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def error_object(body: bytes) -> Mapping[str, object] | None:
    """The `error` of a body in OpenAI's form, or of the forms that other servers send."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(document, dict):
        return None
    found = document.get("error", document)
    return found if isinstance(found, dict) else {"message": found} if isinstance(found, str) else None


def _inner_status(error: Mapping[str, object] | None, status: int) -> int:
    """The status that a 200 with an error object means (some routers answer so): its own code, else 502."""
    if status >= 300:
        return status
    code = error.get("code") if error else None
    number = int(code) if isinstance(code, int) or (isinstance(code, str) and code.isdigit()) else 502
    return number if 400 <= number < 600 else 502


def _code(error: Mapping[str, object] | None) -> str:
    inner = error.get("innererror") if error else None
    places = [error or {}, inner if isinstance(inner, dict) else {}]
    return " ".join(str(place.get(name)) for place in places for name in ("code", "type") if place.get(name)).lower()


def _param(error: Mapping[str, object] | None) -> str | None:
    found = (error or {}).get("param")
    return found[:60] if isinstance(found, str) else None


def _message(error: Mapping[str, object] | None, status: int) -> str:
    said = (error or {}).get("message") or (error or {}).get("detail")
    return f"the endpoint answers {status}" + (f": {' '.join(str(said).split())[:200]}" if said else "")


class Circuit:
    """Counts failures that tell of the endpoint rather than of a row; once open, no call is made any more."""

    def __init__(self, shown: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._shown, self._clock = shown, clock
        self._refused = self._failed = 0
        self._failing_since = 0.0
        self.answered = False
        self.cause: JudgeUnavailable | None = None

    def check(self) -> None:
        """Raises: JudgeUnavailable once the circuit is open."""
        if self.cause is not None:
            raise JudgeUnavailable(str(self.cause), hint=self.cause.hint)

    def success(self) -> None:
        self.answered = True
        self._refused = self._failed = 0

    def attempt_failed(self, fault: Fault) -> None:
        """One attempt that could not work for any row: 403, 404, no answer at all."""
        if fault.then != "refused" and fault.status is not None:
            return
        self._since()
        self._refused += 1
        if self._refused >= HARD_IN_A_ROW and (fault.then == "refused" or self._lasts()):
            self.open(fault)

    def row_failed(self, fault: Fault) -> None:
        """One row that got no answer after all its attempts."""
        self._since()
        self._failed += 1
        if not self.answered or (self._failed >= HARD_IN_A_ROW and (fault.reason == "rate_limited" or self._lasts())):
            self.open(fault)

    def row_refused(self, fault: Fault) -> None:
        """One row that the endpoint answered with an error of that row's own; an endpoint that refuses every row is of no use."""
        self._refused = 0
        self._failed = 0 if self.answered else self._failed + 1
        if self._failed >= HARD_IN_A_ROW:
            self.open(fault)

    def _since(self) -> None:
        if self._refused == self._failed == 0:
            self._failing_since = self._clock()

    def _lasts(self) -> bool:
        """Whether it has failed for longer than a restart takes, or never worked."""
        return not self.answered or self._clock() - self._failing_since >= GRACE_S

    def open(self, fault: Fault) -> None:
        """Stop the run with this fault as the cause."""
        if self.cause is None:
            self.cause = JudgeUnavailable(f"{self._shown} cannot be asked: {fault.message}", hint=_way_out(fault))


def _way_out(fault: Fault) -> str:
    if fault.status in (401, 403):
        return "check the key: JUDGE_API_KEY, or the variable that api_key_env names"
    if fault.status == 404:
        return "check --judge-model and --base-url (most endpoints end in /v1)"
    if fault.reason == "rate_limited":
        return "run again later: what was answered is kept and not asked again"
    if fault.then == "dead" and fault.status in (402, 429):
        return "raise the limit of the account, then run again: what was answered is kept"
    return "check --base-url and the network, then run again: what was answered is kept"


TryOnce = Callable[[int], Awaitable[HttpAnswer]]


@dataclass(slots=True)
class Retry:
    """Repeats one call as the table says. `sleep` and `draw` (0 to 1) are given by tests."""

    settings: EndpointSettings
    circuit: Circuit
    secrets: Callable[[], Secrets]
    renew: Callable[[], Awaitable[bool]]  # True: the headers are new, asking again may help
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    draw: Callable[[], float] = random.random
    clock: Callable[[], float] = time.monotonic
    retries: int = 0

    async def run(self, attempt: TryOnce, check: Callable[[HttpAnswer], str | None]) -> HttpAnswer:
        """The first good answer. `check` says what makes a 2xx answer unreadable, None where it can be read.

        Raises: RowFailed (an AskFailed: this call), JudgeUnavailable (every call).
        """
        started, seen, renewed, number = self.clock(), dict[str, int](), False, 0
        while True:
            self.circuit.check()
            number += 1
            answer, fault = await self._try(attempt, check, number)
            if fault is None:
                self.circuit.success()
                assert answer is not None
                return answer
            if fault.then == "renew" and not renewed and await self.renew():
                renewed = True
                continue
            seen[fault.signature] = seen.get(fault.signature, 0) + 1
            pause = self._pause(fault, number, seen[fault.signature], started)
            if pause is None:
                self._give_up(fault, number)
            self.retries += 1
            await self.sleep(pause or 0.0)

    async def _try(self, attempt: TryOnce, check: Callable[[HttpAnswer], str | None], number: int) -> tuple[HttpAnswer | None, Fault | None]:
        answer: HttpAnswer | None = None
        try:
            answer = await attempt(number)
            fault = fault_of(answer)
            wrong = check(answer) if fault is None else None
            if wrong is not None:
                fault = Fault("again", "judge_parse", wrong, status=answer.status)
        except SendFailed as failed:
            fault = fault_of_failure(failed)
        if fault is not None:
            known = self.secrets()
            fault = replace(fault, message=known.scrub(fault.message), param=known.scrub(fault.param or "") or None)
            self.circuit.attempt_failed(fault)
        return answer, fault

    def _pause(self, fault: Fault, number: int, same: int, started: float) -> float | None:
        """Seconds until the next attempt; None: no further one."""
        if fault.then != "again" or number >= self._attempts():
            return None
        chance = fault.reason == "rate_limited" or (fault.reason == "connection" and fault.status is None)  # nothing the row itself brings about
        if same >= SAME_ERROR and not chance and self.circuit.answered:
            return None
        if fault.wait_s is not None:
            pause = fault.wait_s * (1 + 0.15 * self.draw()) + 0.005 * (1 + self.draw())  # never early, at most a fifth late
            if fault.wait_s > self.settings.longest_wait_s:
                return None
        else:
            pause = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** (number - 1)) * self.draw()
        unreached = fault.status is None and fault.reason == "connection" and not self.circuit.answered
        return pause if self.clock() - started + pause <= (FIRST_PATIENCE_S if unreached else self.settings.call_s) else None

    def _attempts(self) -> int:
        return self.settings.attempts if self.circuit.answered else min(self.settings.attempts, FIRST_ATTEMPTS)

    def _give_up(self, fault: Fault, number: int) -> None:
        """Raises: JudgeUnavailable where no call can work, else AskFailed."""
        if fault.then in ("dead", "renew") or (fault.then == "refused" and not self.circuit.answered and fault.reason != "content_filter"):
            self.circuit.open(fault)
        elif fault.then == "again" and fault.reason != "judge_parse":
            self.circuit.row_failed(fault)
        elif fault.then == "row":
            self.circuit.row_refused(fault)
        self.circuit.check()
        waited = (
            f"; it asks to wait {fault.wait_s:.0f} s, longer than {self.settings.longest_wait_s:.0f} s"
            if (fault.wait_s or 0) > self.settings.longest_wait_s
            else ""
        )
        tries = f" (after {number} attempts)" if number > 1 else ""
        raise RowFailed(fault, f"{fault.message}{waited}{tries}")


class RowFailed(AskFailed):
    """AskFailed with the fault it came from, for the ladder."""

    def __init__(self, fault: Fault, message: str) -> None:
        super().__init__(fault.reason, message)
        self.fault = fault
