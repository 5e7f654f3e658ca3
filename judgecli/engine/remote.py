"""The asyncio seam: scorers that wait for something (a judge, a model server) rather than compute.

A scorer may be an `async def`; it gets the same columns and returns the same items. `score_rows`
keeps a bounded number of rows in flight, for scorers that ask once a row.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from judgecli.errors import JudgeUnavailable
from judgecli.scorer import Score, ScoreLike

RemoteRow = TypeVar("RemoteRow")
RemoteResult = TypeVar("RemoteResult")


def run_async(work: Coroutine[object, object, RemoteResult]) -> RemoteResult:
    """Run a coroutine to its end, also where a loop is already running in this thread (a notebook)."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    with ThreadPoolExecutor(max_workers=1) as thread:
        return thread.submit(asyncio.run, work).result()


async def score_rows(ask: Callable[[RemoteRow], Awaitable[ScoreLike]], rows: Sequence[RemoteRow], *, in_flight: int = 32) -> list[ScoreLike]:
    """Ask once for every row, at most `in_flight` at a time; returns one item a row, in order.

    A row whose call raises becomes `metric_error` with the message; `timeout` and `connection`
    where the exception says so. Raises: JudgeUnavailable, after which no further call is made.
    """
    slots = asyncio.Semaphore(in_flight)

    async def one(row: RemoteRow) -> ScoreLike:
        async with slots:
            try:
                return await ask(row)
            except JudgeUnavailable:
                raise
            except TimeoutError as error:
                return Score(reason="timeout", explanation=str(error)[:200] or "no answer in time")
            except ConnectionError as error:
                return Score(reason="connection", explanation=f"{type(error).__name__}: {error}"[:200])
            except Exception as error:  # noqa: BLE001 - one row's failure is that row's state
                return Score(reason="metric_error", explanation=f"{type(error).__name__}: {error}"[:200])

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(row)) for row in rows]
    return [task.result() for task in tasks]


async def gather_scores(scoring: Iterable[Coroutine[object, object, RemoteResult]]) -> list[RemoteResult]:
    """The results in order; what raises first ends the others, and is raised when they have ended."""
    tasks = [asyncio.ensure_future(one) for one in scoring]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
