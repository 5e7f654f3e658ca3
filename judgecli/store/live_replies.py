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

from judgecli.errors import EnvironmentFailure
from judgecli.store.journal import Journal, commit, open_journal, remove
from judgecli.store.ledger import Ledger
from judgecli.store.replies import StoredReply, find_replies

LiveResult = TypeVar("LiveResult")

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
        self._committing: asyncio.Future[None] | None = None
        self._closed = False
        self._no_room = False  # for a journal, as far as is known
        self._failed = False  # the last commit: what it held waits on, and is in the journal

    async def __aenter__(self) -> "Replies":
        return self

    async def __aexit__(self, *_: object) -> None:
        try:
            while self._fresh:  # what is kept while the ledger takes the rest, too
                await self.durable()
        finally:
            self._closed = True
            if self._due is not None:
                self._due.cancel()
            journals = self._journals()
            self._full, self._journal = [], None
            await asyncio.shield(asyncio.to_thread(self._shut, journals, whole=not self._fresh))

    def _shut(self, journals: Sequence[Journal], *, whole: bool) -> None:
        """End in a thread what is under way; journals that the ledger has as a `whole` go, others are left to the next process."""
        self._thread.shutdown()
        if whole:
            _remove(self._ledger, journals)
        else:
            for journal in journals:
                journal.close()
        self._ledger.close()

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
        if self._closed:
            raise RuntimeError("a reply came after the ledger was closed")
        is_safe = self._put_down(reply)
        self._waiting.append(reply)
        self._fresh[reply.key] = reply
        if self._failed or not is_safe or len(self._waiting) > MOST_WAITING:
            await self.durable()
        elif self._due is None and self._committing is None:
            self._due = self._loop.call_later(COMMIT_S, self._commit)

    async def durable(self) -> None:
        """Return when the ledger has all that was kept so far, so that a power cut does not take it. Raises: EnvironmentFailure, StoreBusy."""
        mine = dict(self._fresh)
        while any(self._fresh.get(key) is reply for key, reply in mine.items()):
            await asyncio.shield(self._commit())  # a caller that is cancelled leaves the others their commit

    async def run(self, work: Callable[[Ledger], LiveResult]) -> LiveResult:
        """Do something else with the ledger, in its thread."""
        return await self._loop.run_in_executor(self._thread, work, self._ledger)

    def _look_up(self) -> None:
        """Look up together what was sought in this turn of the event loop."""
        sought, self._sought = self._sought, []
        looking = self._loop.run_in_executor(self._thread, find_replies, self._ledger, [key for key, _ in sought])
        looking.add_done_callback(partial(_tell, sought))

    def _put_down(self, reply: StoredReply) -> bool:
        """Write a reply to the journal; False where that cannot be done, and the ledger alone can make it safe."""
        try:
            if self._journal is None and not self._no_room:
                self._journal = open_journal(self._ledger.path.parent)
            if self._journal is not None:
                self._journal.append(reply)
        except EnvironmentFailure:
            self._no_room = True
            self._retire_journal()  # nobody knows what stands at its end
        return self._journal is not None

    def _retire_journal(self) -> None:
        self._full, self._journal = self._journals(), None

    def _journals(self) -> list[Journal]:
        """Every journal that holds what may not be in the ledger."""
        return [*self._full, *([self._journal] if self._journal is not None else [])]

    def _commit(self) -> "asyncio.Future[None]":
        """The commit that is under way, else one that begins now."""
        if self._committing is not None:
            return self._committing
        if self._due is not None:
            self._due.cancel()
            self._due = None
        replies, self._waiting = self._waiting, []
        if self._journal is not None and self._journal.size >= JOURNAL_BYTES:
            self._retire_journal()
        full = list(self._full)
        marks = [(journal.path.name, journal.size) for journal in self._journals()]
        working = self._loop.run_in_executor(self._thread, commit, self._ledger, replies, marks)
        self._committing = self._loop.create_future()
        working.add_done_callback(partial(self._committed, replies, full, self._committing))
        return self._committing

    def _committed(self, replies: list[StoredReply], full: list[Journal], told: "asyncio.Future[None]", working: "asyncio.Future[None]") -> None:
        """What follows from a commit; no task, for whoever ends the tasks of the event loop must not end this half-way."""
        self._committing = None
        failure = working.exception()
        self._failed = failure is not None
        self._no_room &= self._failed
        if failure is not None:
            self._waiting = [*replies, *self._waiting]
            told.set_exception(failure)
            told.exception()  # whoever keeps a reply next meets it again
            return
        for reply in replies:
            if self._fresh.get(reply.key) is reply:
                del self._fresh[reply.key]
        told.set_result(None)
        if self._closed:
            return
        if full:
            self._full = self._full[len(full) :]
            self._loop.run_in_executor(self._thread, partial(_remove, self._ledger, full))
        if self._waiting and self._due is None:
            self._due = self._loop.call_later(COMMIT_S, self._commit)


def _remove(ledger: Ledger, journals: Sequence[Journal]) -> None:
    for journal in journals:
        remove(ledger, journal.path)
        journal.close()


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
