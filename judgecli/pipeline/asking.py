"""The `Ask` of a run: what the ledger remembers is not asked again, what is asked is kept before it is read, and money has an end.

    judge -> LedgerAsk -> (ledger) -> budgets and a slot -> the endpoint's Ask -> (ledger) -> judge

An endpoint that holds the slot of an answered question (endpoint/ask.py) gets it back when the reply is kept: a process that
is killed has never more than `concurrency` questions that were sent and must be asked again.
A question that two rows share, or that is asked twice at once, is one call.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import lru_cache

from judgecli.engine.judging import RETRIED
from judgecli.errors import JudgeUnavailable
from judgecli.judge.reply import ReplyUnreadable, read_reply
from judgecli.judge.request import Ask, AskFailed, Reply, ReplyMode, Request, Usage
from judgecli.readers.redact import Redactor
from judgecli.scorer import Score
from judgecli.store.live_replies import Replies
from judgecli.store.replies import Purpose, StoredReply

Price = Callable[[str, Usage], float | None]
"""What a call cost in USD: by model and tokens; None where the price is not known."""


@dataclass
class Budget:
    """What a run may ask and spend. `cost_usd` counts replies as they come; a call is allowed where the average call still fits."""

    max_calls: int | None = None
    max_cost: float | None = None
    first_cost: float = 0.0  # what the first call may cost, before any was seen
    calls: int = 0
    priced: int = 0
    cost_usd: float = 0.0
    waiting: int = 0  # calls without a reply yet
    _change: asyncio.Event = field(default_factory=asyncio.Event)

    async def begin(self) -> None:
        """Count one call, once it is certain to fit. Raises: AskFailed (budget)."""
        while self.waiting and not self._fits():  # what is under way may turn out cheaper
            self._change.clear()
            await self._change.wait()
        if self.max_calls is not None and self.calls >= self.max_calls:
            raise AskFailed("budget", f"--max-calls {self.max_calls} is used up", hint="run again with a larger --max-calls: what was answered is kept")
        if not self._fits():
            raise AskFailed("budget", f"--max-cost {self.max_cost} USD is used up", hint="run again with a larger --max-cost: what was answered is kept")
        self.calls += 1
        self.waiting += 1

    def end(self, cost: float | None) -> None:
        """A call ended; `cost` is None where no price is known or there was no reply."""
        self.waiting -= 1
        if cost is not None:
            self.cost_usd += cost
            self.priced += 1
        self._change.set()

    def _fits(self) -> bool:
        if self.max_cost is None or (self.max_calls is not None and self.calls >= self.max_calls):
            return True
        average = self.cost_usd / self.priced if self.priced else self.first_cost
        return self.cost_usd + average * (self.waiting + 1) <= self.max_cost * (1 + 1e-9)


@dataclass
class Counts:
    """What was asked of judges in a run. `cost_usd` leaves out `unpriced` calls."""

    calls: int = 0
    cached: int = 0  # questions that were answered before this run
    shared: int = 0  # questions that another record of this run asks too: one call answers them
    failed: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    tokens_cached: int = 0
    cost_usd: float = 0.0
    unpriced: int = 0
    served: dict[str, dict[str, int]] = field(default_factory=dict)  # model asked for -> model served -> replies

    def add(self, reply: StoredReply) -> None:
        """A reply that was paid just now."""
        self.calls += 1
        self.tokens_in += reply.tokens_in
        self.tokens_out += reply.tokens_out
        self.tokens_cached += reply.tokens_cached
        self.cost_usd += reply.cost or 0.0
        self.unpriced += reply.cost is None

    def see(self, model: str, served_model: str | None) -> None:
        """A reply that is used, paid now or before."""
        if served_model:
            served = self.served.setdefault(model, {})
            served[served_model] = served.get(served_model, 0) + 1


@dataclass(kw_only=True)
class LedgerAsk:
    """Asks for one metric through the ledger. `send` None asks nobody: what is not in the ledger waits (`not_asked`)."""

    replies: Replies
    rubric: str  # the identity of the metric
    send: Ask | None
    price: Price
    budgets: Sequence[Budget]
    slots: asyncio.Semaphore
    counts: Counts
    run_id: int
    redact: Redactor | None  # what `redact:` takes out of replies, before they are kept or read: no default, so that no way of asking forgets it
    purpose: Purpose = "score"
    renewed: set[bytes] = field(default_factory=set)  # questions that were asked in this run
    under_way: "dict[bytes, asyncio.Future[Reply]]" = field(default_factory=dict)

    def for_row(self, target: bytes, *, refresh: bool = False) -> "RowAsk":
        """The Ask for one record, which remembers the model that was served. `refresh` asks again for what the ledger holds."""
        return RowAsk(self, target, refresh)

    async def find(self, request: Request, target: bytes, *, refresh: bool = False) -> Reply:
        """The reply from the ledger, from another row that asks the same just now, or from the endpoint. Raises: AskFailed, JudgeUnavailable."""
        if request.key in self.under_way:
            found = await asyncio.shield(self.under_way[request.key])
            self._count_known(request.key in self.renewed)
            return found
        mine: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self.under_way[request.key] = mine
        try:
            stored = None if refresh and request.key not in self.renewed else await self.replies.find(request.key)
            if stored is not None:
                self._count_known(request.key in self.renewed or 0 != stored.run_id == self.run_id)
                found = to_reply(stored)
            else:
                found = await self._pay(request, target)
            mine.set_result(found)
        except BaseException as error:
            if isinstance(error, AskFailed | JudgeUnavailable):
                mine.set_exception(error)
                mine.exception()  # nobody else may be waiting for it
            else:
                mine.cancel()
            raise
        finally:
            del self.under_way[request.key]
        return found

    def _count_known(self, asked_now: bool) -> None:
        """Count a question that cost nothing: asked in this run for another record, or answered before."""
        if asked_now:
            self.counts.shared += 1
        else:
            self.counts.cached += 1

    async def _pay(self, request: Request, target: bytes) -> Reply:
        if self.send is None:
            raise AskFailed("not_asked", "there is no reply to this question")
        stored: StoredReply | None = None
        async with self.slots:
            for place, budget in enumerate(self.budgets):
                try:
                    await budget.begin()
                except AskFailed:
                    for begun in self.budgets[:place]:
                        begun.calls -= 1
                        begun.end(None)
                    raise
            try:
                reply = await self.send(request)
                stored = self._to_store(request, reply, target)
            except AskFailed as error:
                self.counts.failed += 1
                if self.redact is None:
                    raise
                raise AskFailed(error.reason, self.redact.text(str(error)), hint=error.hint) from None  # a server's error may quote the question
            finally:
                for budget in self.budgets:
                    budget.end(stored.cost if stored else None)
        self.counts.add(stored)
        try:
            await self.replies.keep(stored)  # whoever is cancelled here: it is kept all the same
        finally:
            release = getattr(self.send, "release", None)
            if release is not None:
                release(request)
        self.renewed.add(stored.key)
        return reply if stored.raw is reply.raw else to_reply(stored)  # a verdict is read from what was kept

    def _to_store(self, request: Request, reply: Reply, target: bytes) -> StoredReply:
        model, usage = str(request.parameters.get("model", "")), reply.usage
        return StoredReply(
            key=request.key,
            raw=reply.raw if self.redact is None else self.redact.reply(reply.raw),
            mode=reply.mode,
            rubric=self.rubric,
            model=model,
            served_model=reply.served_model,
            tokens_in=usage.tokens_in,
            tokens_out=usage.tokens_out,
            tokens_cached=usage.tokens_cached,
            cost=self.price(model, usage),
            finish_reason=reply.finish_reason,
            draw=request.draw,
            time=now_text(),
            run_id=self.run_id,
            purpose=self.purpose,
            target=target,
        )


def now_text() -> str:
    """The time of a reply to a millisecond, as `datetime.isoformat` writes it."""
    second, part = divmod(time.time_ns() // 1_000_000, 1_000)
    return f"{_second(second)}.{part:03d}+00:00"


@lru_cache(maxsize=2)
def _second(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).isoformat()[:19]


@dataclass
class RowAsk:
    """The Ask that a judge gets for one record."""

    through: LedgerAsk
    target: bytes
    refresh: bool
    served: list[str] = field(default_factory=list)
    failures: list[AskFailed] = field(default_factory=list)  # questions of this record that got no reply

    async def __call__(self, request: Request) -> Reply:
        try:
            found = await self.through.find(request, self.target, refresh=self.refresh)
        except AskFailed as error:
            self.failures.append(error)
            raise
        self.through.counts.see(str(request.parameters.get("model", "")), found.served_model)
        if found.served_model is not None and found.served_model not in self.served:
            self.served.append(found.served_model)
        return found

    def settle(self, score: Score) -> Score:
        """The one rule of failed draws: where a question of this record may get its reply in a later run, there is no score yet, but the reason.

        A score of the other draws or jurors would be another one after the next run.
        """
        failed = next((failure for failure in self.failures if failure.reason in RETRIED), None)
        return score if failed is None else Score(reason=failed.reason, explanation=str(failed)[:300])

    @property
    def served_model(self) -> str | None:
        """The models that answered, a juror each, or None where none said."""
        return ", ".join(sorted(self.served)) or None


def to_reply(stored: StoredReply) -> Reply:
    """What a raw reply says. A body that is no reply has no text: its verdict is unreadable, now and whenever it is parsed again."""
    mode: ReplyMode = stored.mode  # type: ignore[assignment]
    try:
        found = read_reply(stored.raw, mode)
        return found if found.served_model == stored.served_model else replace(found, served_model=stored.served_model)
    except ReplyUnreadable:
        return Reply(text=None, served_model=stored.served_model, raw=stored.raw, mode=mode)
