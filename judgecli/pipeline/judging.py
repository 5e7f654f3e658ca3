"""Judge metrics of a run: every shard of the scope, every metric, in one event loop of the main process.

A reply outlives the process before it is read and is durable before a score file rests on it, so the score files are
projections: a run that was killed asks again only for what was under way. A shard is judged by one process at a time (a lease in the ledger).
"""

import asyncio
import contextlib
import gc
import signal
import threading
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from typing import Protocol

import pyarrow as pa

from judgecli.config.judges import Sentinels
from judgecli.engine.judging import FAILED, RETRIED, Asked, Sheet, Verdict, judge_rows, run_until
from judgecli.engine.remote import run_async
from judgecli.errors import Interrupted, JudgeUnavailable
from judgecli.evidence.told import CUT
from judgecli.judge.request import Ask, AskFailed
from judgecli.judge.rubric import Rubric
from judgecli.pipeline.asking import Budget, Counts, LedgerAsk, Price
from judgecli.pipeline.comparing import ComparisonPart, comparison_parts
from judgecli.pipeline.sentinels import SentinelReport, ask_sentinels, how_many, sentinel_row
from judgecli.pipeline.sheets import Part, Rivals, Wanted, shard_parts
from judgecli.readers.redact import Redactor
from judgecli.schema import REASONS
from judgecli.scorer import Metric, Score
from judgecli.store.folder import Store
from judgecli.store.journal import take_over
from judgecli.store.ledger import Lease, Ledger
from judgecli.store.live_replies import Replies
from judgecli.store.scope import Scope

DRAIN_S = 3.5  # what is under way at Ctrl-C may take this long; the files of the rest are written in what is left of 5 s
POLL_S = 0.5  # how often a shard is looked at that another process is judging
SEEN = 500  # records of a run that its sentinels are made of
AHEAD = 64  # rows begun beyond the calls under way: they wait for the ledger, which holds no slot


class Telling(Protocol):
    """Where a run says how far it is and what a person should know."""

    def advance(self, bytes_read: int, records: int) -> None:
        """So much more is done."""

    def note(self, text: str) -> None:
        """Something a person should know, in one line."""


@dataclass(frozen=True)
class JudgePlan:
    """One judge metric of a run: how a record is judged, by whom, and how much it may cost.

    `score` turns the columns of a record into a score by means of an Ask, and does nothing else.
    `endpoint` gives the Ask of the endpoint while it is entered (None: nobody is asked); plans that
    share it are asked through one. `sample` is the share of prompts to judge. A metric of another unit than the record
    compares the answers of each prompt; `rivals` says what tells policies apart there.
    """

    metric: Metric
    score: Callable[[Mapping[str, object], Ask], Awaitable[Score]]
    endpoint: "Endpoint | None"
    price: Price
    sample: float = 1.0
    budget: Budget = field(default_factory=Budget)
    sentinels: Sentinels = None
    rubric: Rubric | None = None  # what sentinels are made for
    rivals: Rivals = field(default_factory=Rivals)


class Endpoint(Protocol):
    """Where judges are asked: opened once a run."""

    @property
    def concurrency(self) -> int:
        """How many calls are under way at once."""

    def open(self) -> contextlib.AbstractAsyncContextManager[Ask]:
        """The Ask that sends, while it is entered. Raises: JudgeUnavailable."""


@dataclass(frozen=True)
class JudgeOptions:
    """What a run was told about asking. `budget` is that of the whole run; `retry_failed` asks again where a reply was no verdict."""

    run_id: int = 0
    budget: Budget = field(default_factory=Budget)
    retry_failed: bool = False
    reparse: bool = False  # read the verdict of every cell again from the ledger
    redact: Redactor | None = None


@dataclass
class Compared:
    """The comparisons of one metric in a run: how many units (pairs, lists), of how many prompts, in which state."""

    unit: str
    units: int = 0
    prompts: int = 0
    left_out: int = 0  # answers beyond those that are compared of one prompt
    states: Counter[str] = field(default_factory=Counter)  # `scored`, or a reason -> units
    cut: int = 0  # units judged on a cut text
    identity: str = ""

    @property
    def coverage(self) -> float | None:
        """Scored of all that is not unscored by design; None where that is nothing."""
        asked = sum(count for state, count in self.states.items() if REASONS.get(state) != "design")
        return self.states["scored"] / asked if asked else None

    @property
    def judged(self) -> int:
        """Units that a judge was asked about: scored or failed."""
        return sum(count for state, count in self.states.items() if state == "scored" or REASONS.get(state) == "failed")

    def to_json(self) -> dict[str, object]:
        """units = scored + unscored + pending."""
        waiting = sum(count for state, count in self.states.items() if REASONS.get(state) == "waiting")
        unscored = {state: count for state, count in sorted(self.states.items()) if REASONS.get(state, "waiting") != "waiting"}
        counts = {"units": self.units, "prompts": self.prompts, "left_out": self.left_out}
        return {
            "unit": self.unit,
            **counts,
            "cut": self.cut,
            "scored": self.states["scored"],
            "unscored": unscored,
            "pending": waiting,
            "identity": self.identity,
        }

    def add(self, part: ComparisonPart, cells: pa.Table) -> None:
        """Count the units of a part, by their reasons (null: scored)."""
        name = part.metric.name
        reasons = cells.column(f"{name}.reason").to_pylist()
        if f"{name}.detail" in cells.column_names:
            self.cut += sum(CUT in detail for detail in cells.column(f"{name}.detail").to_pylist() if detail is not None)
        self.units += len(part.units)
        self.prompts += len({unit.prompt for unit in part.units})
        self.left_out += part.left_out
        self.states.update("scored" if reason is None else reason for reason in reasons)


@dataclass
class Judged:
    """What the judges of a run were asked: counts a metric."""

    counts: dict[str, Counts] = field(default_factory=dict)
    waiting: dict[str, int] = field(default_factory=dict)  # reason -> cells of this run that wait
    sentinels: dict[str, SentinelReport] = field(default_factory=dict)
    comparisons: dict[str, Compared] = field(default_factory=dict)


def judge_scope(store: Store, scope: Scope, plans: Sequence[JudgePlan], options: JudgeOptions, telling: Telling) -> Judged:
    """Judge what the shards of a scope lack and publish their score files.

    Raises: JudgeUnavailable, Interrupted, EnvironmentFailure, each after what was answered is in the score files.
    """
    return run_async(_Judging(store, scope, plans, options, telling).run())


class _Judging:
    """The judging of one run."""

    def __init__(self, store: Store, scope: Scope, plans: Sequence[JudgePlan], options: JudgeOptions, telling: Telling) -> None:
        self.store = store
        self.scope = scope
        self.plans = {plan.metric.name: plan for plan in plans}
        self.options = options
        self.telling = telling
        self.result = Judged({plan.metric.name: Counts() for plan in plans})
        self.result.comparisons = {
            plan.metric.name: Compared(plan.metric.scorer.unit, identity=plan.metric.identity) for plan in plans if plan.metric.scorer.unit != "record"
        }
        self.asks: dict[str, LedgerAsk] = {}
        self.seen: dict[str, list[Mapping[str, object]]] = {name: [] for name in self.plans}  # what sentinels are made of
        self.open: dict[int, tuple[Sheet, Part, Lease]] = {}  # by the id of the sheet

    async def run(self) -> Judged:
        """Judge, then publish what is there, whatever ended it."""
        asking = [plan.endpoint.concurrency for plan in self.plans.values() if plan.endpoint is not None]
        in_flight = 2 * max(asking, default=0) + AHEAD
        with _stopping() as (stop, received), _imports_not_searched():
            async with Replies(self.store.ledger.path) as self.replies, AsyncExitStack() as stack:
                await self._open_endpoints(stack)
                renewing = asyncio.create_task(self._renew())
                reason = "cancelled"
                try:
                    sheets = self._sheets(stop)
                    await judge_rows(sheets, self._judge, on_sheet=self._publish, in_flight=in_flight, stop=stop, drain_s=DRAIN_S, on_stop=self._stop_asking)
                    if not received:
                        await run_until({asyncio.create_task(self._ask_sentinels())}, stop, DRAIN_S, self._stop_asking)
                except JudgeUnavailable as error:
                    reason = getattr(error, "reason", "not_asked")
                    raise
                finally:
                    renewing.cancel()
                    await self._close(reason if reason in REASONS else "not_asked")
            if received:
                raise Interrupted(
                    "interrupted; every answer is saved and none will be paid again", hint="run the same command again", signal_number=received[0]
                )
        return self.result

    async def _open_endpoints(self, stack: AsyncExitStack) -> None:
        opened: dict[int, tuple[Ask, asyncio.Semaphore]] = {}
        for name, plan in self.plans.items():
            send, slots = None, asyncio.Semaphore(1)
            if plan.endpoint is not None:
                if id(plan.endpoint) not in opened:
                    opened[id(plan.endpoint)] = (await stack.enter_async_context(plan.endpoint.open()), asyncio.Semaphore(self._slots(plan.endpoint)))
                send, slots = opened[id(plan.endpoint)]
            budgets = (self.options.budget, plan.budget)
            counts, run_id, redact = self.result.counts[name], self.options.run_id, self.options.redact
            self.asks[name] = LedgerAsk(
                replies=self.replies,
                rubric=plan.metric.identity,
                send=send,
                price=plan.price,
                budgets=budgets,
                slots=slots,
                counts=counts,
                run_id=run_id,
                redact=redact,
            )

    def _stop_asking(self) -> None:
        """What waits for a slot is not sent any more: nothing is paid after Ctrl-C, or once the ledger cannot keep a reply."""
        for ask in self.asks.values():
            stop = getattr(ask.send, "stop", None)
            if stop is not None:
                stop()

    def _slots(self, endpoint: "Endpoint") -> int:
        """How many calls may wait for an endpoint or be under way, which it bounds itself; where money is capped none waits, for each counts as spent."""
        capped = [plan.budget.max_cost for plan in self.plans.values() if plan.endpoint is endpoint]
        return endpoint.concurrency if any(cap is not None for cap in (*capped, self.options.budget.max_cost)) else 2 * endpoint.concurrency + AHEAD

    # Rows ---------------------------------------------------------------------------------------

    async def _judge(self, asked: Asked) -> Verdict:
        name = asked.sheet.metric.name
        if len(self.seen[name]) < SEEN:
            self.seen[name].append(sentinel_row(asked.record))
        ask = self.asks[name].for_row(asked.key, refresh=asked.again and self.options.retry_failed)
        score = await self.plans[name].score(asked.record, ask)
        self.telling.advance(0, 1)
        return ask.settle(score), ask.served_model

    async def _ask_sentinels(self) -> None:
        """Ask sentinels of every metric that paid for enough calls; drawn fresh in every run, so that nobody learns them."""
        for name, plan in self.plans.items():
            count = how_many(plan.rubric, self.result.counts[name].calls, plan.sentinels) if plan.rubric is not None else 0
            if not count or plan.rubric is None:
                continue
            through = replace(self.asks[name], purpose="sentinel", under_way={})

            async def score(row: Mapping[str, object], plan: JudgePlan = plan, through: LedgerAsk = through) -> Score:
                try:
                    return await plan.score(row, through.for_row(b"", refresh=True))
                except AskFailed as error:
                    return Score(reason=error.reason)

            self.result.sentinels[name] = await ask_sentinels(plan.rubric, self.seen[name], count, score)

    # Sheets -------------------------------------------------------------------------------------

    async def _sheets(self, stop: asyncio.Event) -> AsyncIterator[Sheet]:
        """What there is to judge, part by part; what another process is judging comes last."""
        later: list[Part] = []
        parts = self._parts()
        while (part := await asyncio.to_thread(next, parts, None)) is not None:
            if await asyncio.to_thread(part.has_work):
                sheet, holder = await self._take(part)
                if sheet is not None:
                    yield sheet
                elif holder:
                    later.append(part)
                    self.telling.note(f"process {holder} is judging {part.metric.name}; waiting for it")
        while later and not stop.is_set():
            await asyncio.sleep(POLL_S)
            part = later.pop(0)
            sheet, holder = await self._take(part)
            if sheet is not None:
                yield sheet
            elif holder:
                later.append(part)

    def _parts(self) -> Iterator[Part]:
        """Records by shard, then comparisons by bucket."""
        records = [plan for plan in self.plans.values() if plan.metric.scorer.unit == "record"]
        yield from shard_parts(self.store, self.scope, [(plan.metric, self._wanted(plan)) for plan in records])
        for plan in self.plans.values():
            if plan.metric.scorer.unit != "record":
                yield from comparison_parts(self.store, self.scope, plan.metric, plan.rivals, self._wanted(plan))

    def _wanted(self, plan: JudgePlan) -> Wanted:
        return Wanted(plan.sample, RETRIED | FAILED if self.options.retry_failed else RETRIED, self.options.reparse)

    async def _take(self, part: Part) -> tuple[Sheet | None, int]:
        """The sheet of a part, or the process that holds it."""

        def acquire(ledger: Ledger) -> tuple[Lease, int | None]:
            lease = Lease(ledger, part.lease)
            holder = lease.try_acquire()
            if holder is None:
                take_over(ledger)  # of a process that died with the part in its hands
            return lease, holder

        lease, holder = await self.replies.run(acquire)
        if holder is not None:
            return None, holder
        await asyncio.to_thread(part.claim, self.options.run_id)
        sheet = await asyncio.to_thread(part.open)
        self.open[id(sheet)] = (sheet, part, lease)
        return sheet, 0

    async def _publish(self, sheet: Sheet, reason: str = "not_asked") -> None:
        """Write a sheet's cells in place of those before, and let other processes have the part."""
        _, part, lease = self.open[id(sheet)]
        await self.replies.durable()  # a score never outlives the reply it was read from
        await asyncio.to_thread(self._write, sheet, part, reason)
        del self.open[id(sheet)]
        await self.replies.run(lambda _: lease.release())

    def _write(self, sheet: Sheet, part: Part, reason: str) -> None:
        cells = sheet.table(reason)
        for found, count in sheet.waiting().items():
            self.result.waiting[found] = self.result.waiting.get(found, 0) + count
        part.write(cells, self.options.run_id)
        if isinstance(part, ComparisonPart):
            self.result.comparisons[part.metric.name].add(part, cells)

    async def _close(self, reason: str) -> None:
        """Publish what did not end: what is open waits for `reason`."""
        for sheet, _, _ in list(self.open.values()):
            await self._publish(sheet, reason)

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(Lease.RENEW_S)
            for _, _, lease in list(self.open.values()):
                await self.replies.run(lambda _, lease=lease: lease.renew())  # type: ignore[misc]


@contextlib.contextmanager
def _imports_not_searched() -> Iterator[None]:
    """Keep the garbage collector out of what was loaded before, and call it seldom: a search through all modules stops every call for a tenth of a second."""
    before, frozen = gc.get_threshold(), gc.get_freeze_count()
    gc.freeze()
    gc.set_threshold(50_000, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
        if not frozen:  # else the program around us keeps its own objects out
            gc.unfreeze()


@contextlib.contextmanager
def _stopping() -> "Iterator[tuple[asyncio.Event, list[int]]]":
    """An event that the first SIGINT or SIGTERM sets; a second one ends the process at once. Does nothing outside the main thread."""
    stop, received = asyncio.Event(), []  # type: tuple[asyncio.Event, list[int]]
    loop = asyncio.get_running_loop()
    if threading.current_thread() is not threading.main_thread():
        yield stop, received
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def stop_now(number: int, _frame: object) -> None:
        received.append(number)
        for each in before:
            signal.signal(each, signal.SIG_DFL)
        loop.call_soon_threadsafe(stop.set)

    for number in before:
        signal.signal(number, stop_now)
    try:
        yield stop, received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
