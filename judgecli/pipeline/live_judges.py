"""Judges asked live: an event loop in a thread of its own, the ledger as ever, one answer for one question.

What was asked once is taken from the ledger, so a trainer that shows the same output twice pays once.
"""

import asyncio
import shlex
import sys
import threading
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

import pyarrow as pa

from judgecli.engine.columns import read_columns
from judgecli.engine.shard import OPEN, ShardCells, fill_one, open_cells
from judgecli.errors import JudgeUnavailable, UsageError
from judgecli.judge.request import Ask, AskFailed
from judgecli.pipeline.asking import Budget, Counts, LedgerAsk
from judgecli.pipeline.destinations import check_destinations
from judgecli.pipeline.judged import Judges
from judgecli.pipeline.judging import JudgePlan
from judgecli.pipeline.rubrics import plan_judges
from judgecli.pipeline.served import plan_served
from judgecli.readers.redact import redactor
from judgecli.scorer import Metric, Score
from judgecli.store.folder import Store
from judgecli.store.live_replies import Replies

if TYPE_CHECKING:
    from judgecli.config.settings import Settings

Result = TypeVar("Result")
LIVE = bytes(16)  # the record key of an output that was never logged
CLOSING_S = 10.0


class LiveJudges:
    """The judges of one reward, open until `close`. Not for many threads at once."""

    def __init__(self, judges: Judges, settings: "Settings") -> None:
        """Raises: UsageError (a sampled rubric), JudgeUnavailable (no key, no address)."""
        check_destinations(judges.rubrics, judges.served)
        samples = {entry.metric.name: entry.settings.sample for entry in judges.rubrics} | {entry.metric.name: entry.sample for entry in judges.served}
        sampled = next((name for name, sample in samples.items() if sample < 1), None)
        if sampled is not None:
            raise UsageError(f"'{sampled}' judges a sample, and a live reward needs every row", hint="set sample: 1 for it, or make the term optional")
        self.metrics: list[Metric] = [*(rubric.metric for rubric in judges.rubrics), *(model.metric for model in judges.served)]
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="judge-live", daemon=True)
        self._thread.start()
        self._stack = AsyncExitStack()
        self._asks: dict[str, tuple[JudgePlan, LedgerAsk]] = {}
        self._store = Store(settings.store)
        self._redact = redactor(settings.redact)
        try:
            self._wait(self._open(judges, settings))
        except BaseException:
            self.close()
            raise

    def cells(self, records: pa.Table) -> list[pa.Table]:
        """NAME, NAME.reason a metric, for every record. An endpoint that cannot be asked at all leaves them waiting (`auth`, `not_asked`)."""
        return self._wait(self._judge(records))

    def close(self) -> None:
        """Close endpoints, ledger and thread."""
        if self._loop.is_closed():
            return
        try:
            asyncio.run_coroutine_threadsafe(self._stack.aclose(), self._loop).result(CLOSING_S)
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(CLOSING_S)
            self._loop.close()
            self._store.ledger.close()

    def _wait(self, work: Coroutine[object, object, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _open(self, judges: Judges, settings: "Settings") -> None:
        ledger = self._store.ledger
        run_id = ledger.start_run(command=shlex.join(sys.argv), logs=[], now=datetime.now(UTC).isoformat(timespec="microseconds"))
        whole = Budget(settings.judge.max_calls, settings.judge.max_cost)
        self._replies = replies = await self._stack.enter_async_context(Replies(ledger.path))
        sends: dict[int, tuple[Ask, asyncio.Semaphore]] = {}
        for plan in (*plan_judges(judges.rubrics, ledger), *plan_served(judges.served)):
            send: Ask | None = None
            slots = asyncio.Semaphore(1)
            if plan.endpoint is not None:
                if id(plan.endpoint) not in sends:
                    sends[id(plan.endpoint)] = (await self._stack.enter_async_context(plan.endpoint.open()), asyncio.Semaphore(2 * plan.endpoint.concurrency))
                send, slots = sends[id(plan.endpoint)]
            ask = LedgerAsk(
                replies=replies,
                rubric=plan.metric.identity,
                send=send,
                price=plan.price,
                budgets=(whole, plan.budget),
                slots=slots,
                counts=Counts(),
                run_id=run_id,
                redact=self._redact,
            )
            self._asks[plan.metric.name] = (plan, ask)

    async def _judge(self, records: pa.Table) -> list[pa.Table]:
        tables = list(await asyncio.gather(*(self._judge_metric(plan, ask, records) for plan, ask in self._asks.values())))
        await self._replies.durable()
        return tables

    async def _judge_metric(self, plan: JudgePlan, ask: LedgerAsk, records: pa.Table) -> pa.Table:
        metric = plan.metric
        cells: ShardCells = open_cells(records, metric.scorer)
        columns = {name: array.to_pylist() for name, array in read_columns(records, metric.scorer).items()}
        asked = [row for row in range(records.num_rows) if cells.codes[row] == OPEN]
        scores = await asyncio.gather(*(_score(plan, ask, {name: values[row] for name, values in columns.items()}) for row in asked))
        for row, score in zip(asked, scores, strict=True):
            fill_one(cells, row, score, metric.scorer)
        return pa.table({name: array for name, array in cells.columns(metric.name).items() if name in (metric.name, f"{metric.name}.reason")})


async def _score(plan: JudgePlan, ask: LedgerAsk, record: dict[str, object]) -> Score:
    try:
        asks = ask.for_row(LIVE)
        return asks.settle(await plan.score(record, asks))
    except AskFailed as error:
        return Score(reason=error.reason)
    except JudgeUnavailable:
        return Score(reason="not_asked")
    except Exception as error:  # noqa: BLE001 - one row's failure is that row's state
        return Score(reason="metric_error", explanation=type(error).__name__)
