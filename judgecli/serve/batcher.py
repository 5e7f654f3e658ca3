"""Many small requests as few large calls of a reward: what arrives while one call runs is the next one."""

import asyncio
import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from judgecli.reward.outcome import LiveReward, Outcome, Rows, count_rows

BROKEN = Outcome(None, "metric_error")  # the reward raised, or gave a number that is not finite


@dataclass(frozen=True, slots=True)
class _Waiting:
    rows: Rows
    size: int
    done: "asyncio.Future[list[Outcome]]"


class Batcher:
    """Asks a reward for the rows of all requests that wait, at most `most_rows` at a time (more where one request has more).

    A call runs in a thread of its own, one at a time, since a reward need not bear two. `wait_s` is how long a first request
    waits for others. A call that raises is made again request by request: only the request that raises has no rewards (`metric_error`).
    """

    def __init__(self, reward: LiveReward, *, most_rows: int, wait_s: float, on_batch: Callable[[int, int], object]) -> None:
        self._reward, self._most_rows, self._wait_s, self._on_batch = reward, most_rows, wait_s, on_batch
        self._queue: asyncio.Queue[_Waiting] = asyncio.Queue()
        self._left: _Waiting | None = None
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="judge-reward")
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to serve, in the running loop."""
        self._task = asyncio.create_task(self._serve())

    async def stop(self) -> None:
        """End; what still waits is cancelled."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._left is not None:
            self._left.done.cancel()
        while not self._queue.empty():
            self._queue.get_nowait().done.cancel()
        self._thread.shutdown(wait=True, cancel_futures=True)

    async def rewards(self, rows: Rows) -> list[Outcome]:
        """The outcomes of one request's rows."""
        waiting = _Waiting(rows, count_rows(rows), asyncio.get_running_loop().create_future())
        self._queue.put_nowait(waiting)
        return await waiting.done

    async def _serve(self) -> None:
        while True:
            batch = await self._gather()
            loop = asyncio.get_running_loop()
            try:
                found = await loop.run_in_executor(self._thread, self._ask, [waiting.rows for waiting in batch])
            except asyncio.CancelledError:
                for waiting in batch:
                    waiting.done.cancel()
                raise
            self._on_batch(len(batch), sum(waiting.size for waiting in batch))
            for waiting, outcomes in zip(batch, found, strict=True):
                if not waiting.done.done():
                    waiting.done.set_result(outcomes)

    async def _gather(self) -> list[_Waiting]:
        """The next batch: one request at least."""
        first = self._left or await self._queue.get()
        self._left = None
        batch, size = [first], first.size
        if self._queue.empty() and self._wait_s:
            await asyncio.sleep(self._wait_s)
        while size < self._most_rows and not self._queue.empty():
            waiting = self._queue.get_nowait()
            if size + waiting.size > self._most_rows:
                self._left = waiting
                break
            batch.append(waiting)
            size += waiting.size
        return batch

    def _ask(self, requests: Sequence[Rows]) -> list[list[Outcome]]:
        """In the thread."""
        sizes = [count_rows(rows) for rows in requests]
        try:
            found = self._reward.rewards(merge(requests))
            if len(found) != sum(sizes):
                raise ValueError(f"{len(found)} outcomes for {sum(sizes)} rows")
        except Exception:  # noqa: BLE001 - one request's failure must not be its neighbours'
            return [self._ask([rows])[0] for rows in requests] if len(requests) > 1 else [[BROKEN] * sizes[0]]
        starts = [sum(sizes[:place]) for place in range(len(sizes))]
        found = [outcome if outcome.reward is None or math.isfinite(outcome.reward) else BROKEN for outcome in found]
        return [found[start : start + size] for start, size in zip(starts, sizes, strict=True)]


def merge(requests: Sequence[Rows]) -> Rows:
    """The rows of several requests under each other; a column that a request lacks is None in its rows.

    >>> merge([{"output": ["a"]}, {"output": ["b"], "input": ["q"]}])
    {'output': ['a', 'b'], 'input': [None, 'q']}
    """
    names = dict.fromkeys(name for rows in requests for name in rows)
    sized = [(rows, count_rows(rows)) for rows in requests]
    return {name: [value for rows, size in sized for value in rows.get(name, [None] * size)] for name in names}
