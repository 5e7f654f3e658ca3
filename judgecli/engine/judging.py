"""The cells of judge metrics, filled as verdicts arrive: many rows in flight in one event loop, in the order of shards.

A sheet is one metric of one shard. `judge_rows` takes rows from the sheets as they come and hands each
finished sheet on; it never waits for a sheet to end before it begins the next.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

import numpy as np
import pyarrow as pa

from judgecli.arrays import Bools
from judgecli.engine.columns import read_columns
from judgecli.engine.shard import CODES, OPEN, SERVED, ShardCells, fill_one, open_cells
from judgecli.errors import JudgeError
from judgecli.judge.request import AskFailed
from judgecli.schema import REASONS
from judgecli.scorer import Metric, Score

# A reply may come the next time; every other failure is what the endpoint or its reply says, and stays.
RETRIED = frozenset({"timeout", "rate_limited", "connection"} | {reason for reason, kind in REASONS.items() if kind == "waiting"})
FAILED = frozenset(reason for reason, kind in REASONS.items() if kind == "failed") - {"input_missing_field"}
BURST = 16  # rows begun together: the second of them costs half of the first
ROWS_A_BATCH = 500  # rows made into Python values at a time


class Sheet:
    """The cells of one judge metric for one shard. `todo` lists the rows to ask about, `left` counts those not settled yet."""

    def __init__(
        self,
        shard: str,
        records: pa.Table,
        metric: Metric,
        *,
        before: pa.Table | None,
        wanted: Bools,
        sampled: Bools,
        retried: frozenset[str],
        reread: bool = False,
    ) -> None:
        """`before` holds the cells of an earlier run; `wanted` are the rows of this run; `sampled` those that a sample takes in.

        `retried` are the reasons to ask again for; with `reread` every verdict is read again, and one without a reply stays.
        """
        self.shard = shard
        self.metric = metric
        self.wanted = wanted
        category = metric.scorer.kind == "category"
        fresh = open_cells(records, metric.scorer)
        self.cells = fresh if before is None else ShardCells.read(before, metric.name, category=category)
        self._before = ShardCells.read(before, metric.name, category=category) if before is not None and reread else None
        self._settle_before(fresh.codes == OPEN, wanted, sampled, retried, reread)
        self.todo = np.flatnonzero(self.cells.codes == OPEN)
        self.left = len(self.todo)
        self.keys = records.column("key")
        self._columns = read_columns(records, metric.scorer)

    def _settle_before(self, askable: Bools, wanted: Bools, sampled: Bools, retried: frozenset[str], reread: bool) -> None:
        """Open what must be asked, close what must not: the same answer whatever runs came before."""
        codes = self.cells.codes
        self.again = askable & np.isin(codes, [CODES[reason] for reason in FAILED - RETRIED])  # there is a reply, and it was no verdict
        again = (np.isin(codes, [CODES[reason] for reason in retried]) | ((codes != CODES["not_sampled"]) & reread)) & wanted
        for row in np.flatnonzero(askable & (again | ((codes == CODES["not_sampled"]) & sampled))):
            self.cells.reopen(int(row))
        for row in np.flatnonzero(askable & ~sampled & (codes != CODES["not_sampled"])):
            self._close(int(row), "not_sampled")
        for row in np.flatnonzero((codes == OPEN) & ~wanted):
            self._close(int(row), "not_asked")

    def _close(self, row: int, reason: str) -> None:
        self.cells.reopen(row)
        self.cells.refuse(row, reason)

    def records(self) -> "Iterator[tuple[int, bytes, dict[str, object]]]":
        """Row, record key and the columns that the metric reads, for each row to ask about."""
        for start in range(0, len(self.todo), ROWS_A_BATCH):
            rows = self.todo[start : start + ROWS_A_BATCH]
            places = pa.array(rows)
            columns = {name: array.take(places).to_pylist() for name, array in self._columns.items()}
            keys = self.keys.take(places).to_pylist()
            for place, row in enumerate(rows.tolist()):
                yield row, keys[place], {name: values[place] for name, values in columns.items()}

    def settle(self, row: int, score: Score, served_model: str | None) -> bool:
        """Fill one cell; whether it was the last."""
        if self._before is not None and score.reason == "not_asked":
            self.cells.take(row, self._before)
        else:
            fill_one(self.cells, row, score, self.metric.scorer)
        if served_model is not None:
            self.cells.tell(SERVED, row, served_model)
        self.left -= 1
        return self.left == 0

    def table(self, reason: str = "not_asked") -> pa.Table:
        """The columns of the score file; what is still open waits for `reason`."""
        for row in np.flatnonzero(self.cells.codes == OPEN):
            self.cells.refuse(int(row), reason)
        return pa.table(self.cells.columns(self.metric.name))

    def waiting(self) -> dict[str, int]:
        """How many cells of this run wait, by reason."""
        codes = self.cells.codes[self.wanted]
        counts = {reason: int((codes == CODES[reason]).sum()) for reason, kind in REASONS.items() if kind == "waiting"}
        return {reason: count for reason, count in counts.items() if count}


@dataclass(frozen=True, slots=True)
class Asked:
    """One row to judge: the record's key and the columns that its metric reads."""

    sheet: Sheet
    row: int
    key: bytes
    record: Mapping[str, object]

    @property
    def again(self) -> bool:
        """Whether an earlier reply was no verdict, so that the ledger's is not wanted."""
        return bool(self.sheet.again[self.row])


Verdict = tuple[Score, str | None]
"""What a judge says of a row, and the model that was served."""


async def judge_rows(
    sheets: AsyncIterator[Sheet],
    judge: Callable[[Asked], Awaitable[Verdict]],
    *,
    on_sheet: Callable[[Sheet], Awaitable[object]],
    in_flight: int,
    stop: asyncio.Event,
    drain_s: float,
    on_stop: Callable[[], object] = lambda: None,
) -> None:
    """Judge every row of the sheets, at most `in_flight` at a time; hand each sheet on when its last row is settled.

    Once `stop` is set or a row raises, no row is begun, `on_stop` is called, and the rows in flight have `drain_s` to end. Raises: what
    `judge` raises (JudgeUnavailable, a full disk), after the others ended; AskFailed and bugs of a scorer are the state of their row.
    """
    rows = _Bursts(in_flight)

    async def feed() -> None:
        async for sheet in sheets:
            if sheet.left == 0:
                await on_sheet(sheet)
            await rows.hand_out(Asked(sheet, row, key, record) for row, key, record in sheet.records())
        rows.end()

    async def work() -> None:
        while not stop.is_set() and (asked := await rows.take()) is not None:
            if stop.is_set():
                return
            score, served = await _settled(judge, asked)
            if asked.sheet.settle(asked.row, score, served):
                await on_sheet(asked.sheet)

    feeding = asyncio.create_task(feed())

    def close() -> None:
        feeding.cancel()
        rows.drop()
        rows.end()
        on_stop()

    await run_until({feeding, *(asyncio.create_task(work()) for _ in range(in_flight))}, stop, drain_s, close)


class _Bursts:
    """Hands rows to workers when BURST of them are idle: the same step of many rows in a row takes half the time of one between two replies."""

    def __init__(self, workers: int) -> None:
        self._workers, self._idle = workers, 0
        self._waiting: asyncio.Queue[Asked | None] = asyncio.Queue()
        self._changed = asyncio.Event()

    async def take(self) -> Asked | None:
        """The next row of a worker that is idle; None once there is none."""
        self._idle += 1
        self._changed.set()
        return await self._waiting.get()

    async def hand_out(self, rows: Iterator[Asked]) -> None:
        """Return when every row has a worker."""
        while burst := list(islice(rows, min(BURST, self._workers))):
            while self._idle < len(burst):
                self._changed.clear()
                await self._changed.wait()
            self._idle -= len(burst)
            for asked in burst:
                self._waiting.put_nowait(asked)

    def drop(self) -> None:
        """Take back what no worker has begun."""
        while not self._waiting.empty():
            self._waiting.get_nowait()

    def end(self) -> None:
        """Tell the workers, after what was handed out, that there is no more."""
        for _ in range(self._workers):
            self._waiting.put_nowait(None)


async def _settled(judge: Callable[[Asked], Awaitable[Verdict]], asked: Asked) -> Verdict:
    try:
        return await judge(asked)
    except AskFailed as error:
        return Score(reason=error.reason, explanation=str(error)[:200]), None
    except (JudgeError, OSError, MemoryError):
        raise
    except Exception as error:  # noqa: BLE001 - one row's failure is that row's state
        return Score(reason="metric_error", explanation=f"{type(error).__name__}: {error}"[:200]), None


async def run_until(tasks: "set[asyncio.Task[None]]", stop: asyncio.Event, drain_s: float, on_stop: Callable[[], object]) -> None:
    """Wait for the tasks; when one raises or `stop` is set, give the others `drain_s` to end, for what they wait for is paid."""
    stopping = asyncio.create_task(stop.wait())
    running: set[asyncio.Task[object]] = {*tasks}
    failures: list[BaseException] = []
    try:
        while running and not stop.is_set() and not failures:
            done, _ = await asyncio.wait({*running, stopping}, return_when=asyncio.FIRST_COMPLETED)
            running -= done
            failures += _failures(done)
        if running:
            on_stop()
            done, running = await asyncio.wait(running, timeout=drain_s)
            failures += _failures(done)
    finally:
        for task in (stopping, *running):
            task.cancel()
        await asyncio.gather(stopping, *running, return_exceptions=True)
    if failures:
        raise failures[0]


def _failures(done: "Iterable[asyncio.Task[object]]") -> list[BaseException]:
    return [error for task in done if not task.cancelled() and (error := task.exception()) is not None]
