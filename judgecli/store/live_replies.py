"""The replies of a ledger for one event loop: what is kept outlives the process at once, and the ledger has it soon after.

    keep -> journal (written, not forced to the disk) -> ledger, in groups, within COMMIT_S (forced: synchronous=FULL)

All work with the ledger is done in one thread, so that neither a disk nor another process that writes stops the event loop.
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TypeVar

from judgecli.store.journal import Journal, commit, forget, open_journal
from judgecli.store.ledger import Ledger
from judgecli.store.replies import StoredReply, find_replies

Result = TypeVar("Result")

COMMIT_S = 0.05
MOST_WAITING = 1_000  # replies that the ledger has not taken yet; beyond them `keep` waits
JOURNAL_BYTES = 8 << 20  # then a new one is begun


class Replies:
    """The replies of a ledger, for one event loop. Closing waits until all that was kept is in the ledger."""

    def __init__(self, path: Path) -> None:
        self._loop = asyncio.get_running_loop()
        self._ledger = Ledger(path)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="judge-ledger")
        self._sought: list[_Sought] = []  # as long as there are any, _look_up is due
        self._waiting: list[StoredReply] = []  # kept, and not handed to the ledger
        self._fresh: dict[bytes, StoredReply] = {}  # kept, and not in the ledger
        self._journal: Journal | None = None
        self._full: list[Journal] = []  # to be removed after the next commit
        self._due: asyncio.TimerHandle | None = None
        self._committing: asyncio.Task[None] | None = None
        self._failed = False  # the last commit: what it held waits on, and is in the journal

    async def __aenter__(self) -> "Replies":
        return self

    async def __aexit__(self, *_: object) -> None:
        try:
            await self.durable()
            if self._journal is not None:
                self._full, self._journal = [*self._full, self._journal], None
            await self.run(self._remove_full)
        finally:
            await asyncio.to_thread(self._thread.shutdown)
            self._ledger.close()
            for journal in (*self._full, *([self._journal] if self._journal else [])):
                journal.leave()

    async def find(self, key: bytes) -> StoredReply | None:
        """What was answered to this question, if it was ever asked. Raises: StoreError, StoreCorrupt."""
        if (fresh := self._fresh.get(key)) is not None:
            return fresh
        done: asyncio.Future[StoredReply | None] = self._loop.create_future()
        self._sought.append((key, done))
        if len(self._sought) == 1:
            self._loop.call_soon(self._look_up)
        return await done

    async def keep(self, reply: StoredReply) -> None:
        """Return when the reply outlives this process; a later reply to the same question takes its place.

        Nothing is lost where the caller is cancelled. Raises: EnvironmentFailure (disk full), StoreBusy.
        """
        if self._journal is None:
            self._journal = open_journal(self._ledger.path.parent)
        if self._journal is not None:
            self._journal.append(reply)
        self._waiting.append(reply)
        self._fresh[reply.key] = reply
        if self._failed or self._journal is None or len(self._waiting) > MOST_WAITING:
            await self.durable()
        else:
            self._commit_later()

    async def durable(self) -> None:
        """Return when the ledger has all that was kept so far, so that a power cut does not take it. Raises: EnvironmentFailure, StoreBusy."""
        while self._fresh:
            await asyncio.shield(self._commit_now())  # a caller that is cancelled does not stop a commit half-way

    async def run(self, work: Callable[[Ledger], Result]) -> Result:
        """Do something else with the ledger, in its thread."""
        return await self._loop.run_in_executor(self._thread, work, self._ledger)

    def _look_up(self) -> None:
        """Look up together what was sought in this turn of the event loop."""
        sought, self._sought = self._sought, []
        looking = self._loop.run_in_executor(self._thread, find_replies, self._ledger, [key for key, _ in sought])
        looking.add_done_callback(partial(_tell, sought))

    def _commit_later(self) -> None:
        if self._due is None and (self._committing is None or self._committing.done()):
            self._due = self._loop.call_later(COMMIT_S, self._commit_now)

    def _commit_now(self) -> "asyncio.Task[None]":
        """The commit that is under way, else one that begins now."""
        if self._committing is None or self._committing.done():
            if self._due is not None:
                self._due.cancel()
                self._due = None
            self._committing = self._loop.create_task(self._commit())
            self._committing.add_done_callback(lambda task: task.cancelled() or task.exception())  # whoever keeps or waits next meets it again
        return self._committing

    async def _commit(self) -> None:
        replies, self._waiting = self._waiting, []
        if self._journal is not None and self._journal.size >= JOURNAL_BYTES:
            self._full, self._journal = [*self._full, self._journal], None
        journals = [*self._full, *([self._journal] if self._journal else [])]
        marks = [(journal.path.name, journal.size) for journal in journals]
        try:
            await self.run(lambda ledger: commit(ledger, replies, marks))
        except BaseException:
            self._waiting, self._failed = [*replies, *self._waiting], True
            raise
        self._failed = False
        for reply in replies:
            if self._fresh.get(reply.key) is reply:
                del self._fresh[reply.key]
        if self._full:
            await self.run(self._remove_full)
        if self._waiting:
            self._due = self._loop.call_later(COMMIT_S, self._commit_now)

    def _remove_full(self, ledger: Ledger) -> None:
        """Remove the journals all of which is in the ledger; in the thread, while no commit begins."""
        while self._full:
            forget(ledger, self._full.pop().remove())


_Sought = tuple[bytes, "asyncio.Future[StoredReply | None]"]  # a key, and where what is found goes


def _tell(sought: Sequence[_Sought], looking: "asyncio.Future[dict[bytes, StoredReply]]") -> None:
    failure = looking.exception()
    for key, done in sought:
        if done.done():  # nobody waits for it any more
            continue
        if failure is not None:
            done.set_exception(failure)
        else:
            done.set_result(looking.result().get(key))
