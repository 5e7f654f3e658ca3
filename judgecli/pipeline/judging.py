"""Judge metrics of a run: every shard of the scope, every metric, in one event loop of the main process.

A reply is durable before it is read, so the score files are projections: a run that was killed asks
again only for what was under way. A shard is judged by one process at a time (a lease in the ledger).
"""

import asyncio
import contextlib
import signal
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
import pyarrow as pa

from judgecli.config.judges import Sentinels
from judgecli.engine.judging import FAILED, RETRIED, Asked, Mask, Sheet, Verdict, judge_rows
from judgecli.engine.remote import run_async
from judgecli.engine.shard import needed_columns
from judgecli.engine.worker import metric_info
from judgecli.errors import Interrupted, JudgeUnavailable
from judgecli.judge.request import Ask, AskFailed
from judgecli.judge.rubric import Rubric
from judgecli.pipeline.asking import Budget, Counts, LedgerAsk, Price
from judgecli.pipeline.sentinels import SentinelReport, ask_sentinels, how_many
from judgecli.schema import REASONS
from judgecli.scorer import Metric, Score
from judgecli.store import tables
from judgecli.store.folder import Shard, Store
from judgecli.store.ledger import Lease, Ledger
from judgecli.store.query import held_metrics
from judgecli.store.replies import Replies
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
    share it are asked through one. `sample` is the share of prompts to judge.
    """

    metric: Metric
    score: Callable[[Mapping[str, object], Ask], Awaitable[Score]]
    endpoint: "Endpoint | None"
    price: Price
    sample: float = 1.0
    budget: Budget = field(default_factory=Budget)
    sentinels: Sentinels = None
    rubric: Rubric | None = None  # what sentinels are made for


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


@dataclass
class Judged:
    """What the judges of a run were asked: counts a metric."""

    counts: dict[str, Counts] = field(default_factory=dict)
    waiting: dict[str, int] = field(default_factory=dict)  # reason -> cells of this run that wait
    sentinels: dict[str, SentinelReport] = field(default_factory=dict)


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
        self.asks: dict[str, LedgerAsk] = {}
        self.seen: dict[str, list[Mapping[str, object]]] = {name: [] for name in self.plans}  # what sentinels are made of
        self.open: dict[tuple[str, str], tuple[Sheet, Lease]] = {}

    async def run(self) -> Judged:
        """Judge, then publish what is there, whatever ended it."""
        asking = [plan.endpoint.concurrency for plan in self.plans.values() if plan.endpoint is not None]
        in_flight = 2 * max(asking, default=0) + AHEAD
        with _stopping() as (stop, received):
            async with Replies(self.store.ledger.path) as self.replies, AsyncExitStack() as stack:
                await self._open_endpoints(stack)
                renewing = asyncio.create_task(self._renew())
                reason = "cancelled"
                try:
                    await judge_rows(self._sheets(stop), self._judge, on_sheet=self._publish, in_flight=in_flight, stop=stop, drain_s=DRAIN_S)
                    if not received:
                        await self._ask_sentinels()
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
            self.asks[name] = LedgerAsk(self.replies, plan.metric.identity, send, plan.price, budgets, slots, self.result.counts[name], self.options.run_id)

    def _slots(self, endpoint: "Endpoint") -> int:
        """How many calls may be handed to an endpoint at once: some to wait out a 429, but none beyond its concurrency where money is capped."""
        capped = [plan.budget.max_cost for plan in self.plans.values() if plan.endpoint is endpoint]
        return endpoint.concurrency * (1 if any(cap is not None for cap in (*capped, self.options.budget.max_cost)) else 2)

    # Rows ---------------------------------------------------------------------------------------

    async def _judge(self, asked: Asked) -> Verdict:
        name = asked.sheet.metric.name
        if len(self.seen[name]) < SEEN:
            self.seen[name].append(asked.record)
        ask = self.asks[name].for_row(asked.key, refresh=asked.again and self.options.retry_failed)
        score = await self.plans[name].score(asked.record, ask)
        self.telling.advance(0, 1)
        for failure in ask.failures:
            if failure.reason in RETRIED:  # a score of the other draws or jurors would be another one after the next run
                return Score(reason=failure.reason, explanation=str(failure)[:300]), ask.served_model
        return score, ask.served_model

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
        """What there is to judge, shard by shard; what another process is judging comes last."""
        later: list[tuple[Shard, JudgePlan]] = []
        for shard in self.scope.shards:
            for plan in self.plans.values():
                if await asyncio.to_thread(self._has_work, shard, plan):
                    sheet, holder = await self._take(shard, plan)
                    if sheet is not None:
                        yield sheet
                    elif holder:
                        later.append((shard, plan))
                        self.telling.note(f"process {holder} is judging {plan.metric.name}; waiting for it")
        while later and not stop.is_set():
            await asyncio.sleep(POLL_S)
            shard, plan = later.pop(0)
            sheet, holder = await self._take(shard, plan)
            if sheet is not None:
                yield sheet
            elif holder:
                later.append((shard, plan))

    async def _take(self, shard: Shard, plan: JudgePlan) -> tuple[Sheet | None, int]:
        """The sheet of a shard, or the process that holds it."""
        name = f"judge:{shard.name}:{plan.metric.name}:{plan.metric.identity}"

        def acquire(ledger: Ledger) -> tuple[Lease, int | None]:
            lease = Lease(ledger, name)
            return lease, lease.try_acquire()

        lease, holder = await self.replies.run(acquire)
        if holder is not None:
            return None, holder
        sheet = await asyncio.to_thread(self._open_sheet, shard, plan)
        self.open[shard.name, plan.metric.name] = (sheet, lease)
        return sheet, 0

    def _retried(self) -> frozenset[str]:
        return RETRIED | FAILED if self.options.retry_failed else RETRIED

    def _has_work(self, shard: Shard, plan: JudgePlan) -> bool:
        """Whether a shard may hold a row to ask about."""
        held = held_metrics(self.store.root, shard.name).get((plan.metric.name, plan.metric.identity))
        if held is None or plan.sample < 1 or self.options.reparse:
            return True
        reasons = tables.read_parquet(held[0], [f"{plan.metric.name}.reason"]).column(0).unique().to_pylist()
        return not (self._retried() | {"not_sampled"}).isdisjoint(reasons)

    def _open_sheet(self, shard: Shard, plan: JudgePlan) -> Sheet:
        return open_sheet(self.store, self.scope, shard, plan.metric, sample=plan.sample, retried=self._retried(), reread=self.options.reparse)

    async def _publish(self, sheet: Sheet, reason: str = "not_asked") -> None:
        """Write a sheet's score file in place of the one before, and let other processes have the shard."""
        _, lease = self.open[sheet.shard, sheet.metric.name]
        await asyncio.to_thread(self._write, sheet, reason)
        del self.open[sheet.shard, sheet.metric.name]
        await self.replies.run(lambda _: lease.release())

    def _write(self, sheet: Sheet, reason: str) -> None:
        table = sheet.table(reason)
        for found, count in sheet.waiting().items():
            self.result.waiting[found] = self.result.waiting.get(found, 0) + count
        tables.write_scores(self.store.root, sheet.shard, table, [metric_info(sheet.metric)])

    async def _close(self, reason: str) -> None:
        """Publish what did not end: what is open waits for `reason`."""
        for sheet, _ in list(self.open.values()):
            await self._publish(sheet, reason)

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(Lease.RENEW_S)
            for _, lease in list(self.open.values()):
                await self.replies.run(lambda _, lease=lease: lease.renew())  # type: ignore[misc]


def open_sheet(store: Store, scope: Scope, shard: Shard, metric: Metric, *, sample: float, retried: frozenset[str], reread: bool = False) -> Sheet:
    """What there is to judge of one shard, with the cells that earlier runs left."""
    columns = sorted({*needed_columns([metric]), "key", "file_id", "prompt_hash"})
    records = tables.read_parquet(store.records_path(shard.name), columns).combine_chunks()
    held = held_metrics(store.root, shard.name).get((metric.name, metric.identity))
    return Sheet(
        shard.name,
        records,
        metric,
        before=tables.read_parquet(held[0]) if held is not None else None,
        wanted=rows_of_scope(records, scope),
        sampled=sampled_rows(records, sample),
        retried=retried,
        reread=reread,
    )


def rows_of_scope(records: pa.Table, scope: Scope) -> Mask:
    """The rows of a shard that belong to the logs of this run."""
    own = np.isin(records.column("file_id").to_numpy(), scope.file_ids)
    if scope.adopted.num_rows:
        adopted = set(scope.adopted.column("key").to_pylist())
        own |= np.fromiter((key in adopted for key in records.column("key").to_pylist()), dtype=bool, count=records.num_rows)
    return np.asarray(own)


def sampled_rows(records: pa.Table, share: float) -> Mask:
    """The rows whose prompt is in the sample: the same in every run, for every metric and every policy."""
    if share >= 1:
        return np.ones(records.num_rows, dtype=bool)
    prompts = records.column("prompt_hash")
    own = tables.key_array(records.column("key"))[:, 0]  # a record without a prompt is drawn by its own key
    known = prompts.is_valid().to_numpy()
    hashes = np.where(known, prompts.fill_null(0).to_numpy().astype(np.uint64), own)
    mixed = (hashes ^ (hashes >> np.uint64(31))) * np.uint64(0x9E3779B97F4A7C15)
    mixed ^= mixed >> np.uint64(29)
    return np.asarray(mixed < np.uint64(min(int(share * 2**64), 2**64 - 1)))


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
