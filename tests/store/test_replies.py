"""Replies: what is kept is found, in any order and company; the two steps of keeping; a busy, full or failing ledger."""

import asyncio
import errno
import os
import sqlite3
import threading
import time
from contextlib import closing

import pytest

import judgecli.store.replies as module
from judgecli.errors import EnvironmentFailure, StoreBusy
from judgecli.store.ledger import Ledger
from judgecli.store.replies import GROUP, Replies, StoredReply, find_replies, spend_of


def reply(number: int, raw: bytes = b"{}", **more: object) -> StoredReply:
    values: dict = {"tokens_in": 7, "tokens_out": 2, "cost": 0.25, "run_id": 1, "time": "2026-11-27T00:00:00.000+00:00"} | more
    return StoredReply(number.to_bytes(32, "big"), raw, "json_schema", "rubric", "model", "served", **values)


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "ledger.db"
    Ledger(path).close()
    return path


def test_what_is_kept_together_is_found_one_by_one_and_paid_once(path):
    count = 3 * GROUP + 5

    async def run():
        async with Replies(path) as replies:
            assert await asyncio.gather(*(replies.find(reply(number).key) for number in range(count))) == [None] * count
            await asyncio.gather(*(replies.keep(reply(number, b"%d" % number)) for number in range(count)))
            found = await asyncio.gather(*(replies.find(reply(number).key) for number in reversed(range(count + 1))))
            spent = await replies.run(spend_of)
        return found, spent

    found, (spent,) = asyncio.run(run())
    assert found == [None, *(reply(number, b"%d" % number) for number in reversed(range(count)))]
    assert (spent.calls, spent.tokens_in, spent.tokens_out, spent.cost_usd, spent.unpriced) == (count, 7 * count, 2 * count, 0.25 * count, 0)


def test_a_later_reply_takes_the_place_and_both_were_paid(path):
    async def run():
        async with Replies(path) as replies:
            await asyncio.gather(replies.keep(reply(1, b"old")), replies.keep(reply(1, b"new", cost=None)))
            return await replies.find(reply(1).key), await replies.run(spend_of)

    found, (spent,) = asyncio.run(run())
    assert found is not None
    assert found.raw == b"new"
    assert (spent.calls, spent.cost_usd, spent.unpriced) == (2, 0.25, 1)


def test_a_caller_that_is_cancelled_gives_up_waiting_not_the_reply(path):
    async def run():
        async with Replies(path) as replies:
            keeping = [asyncio.create_task(replies.keep(reply(number))) for number in range(3)]
            await asyncio.sleep(0)
            keeping[1].cancel()
            return await asyncio.gather(*keeping, return_exceptions=True)

    first, second, third = asyncio.run(run())
    assert (first, third) == (None, None)
    assert isinstance(second, asyncio.CancelledError)
    with closing(Ledger(path)) as ledger:
        assert len(find_replies(ledger, [reply(number).key for number in range(3)])) == 3


def test_closing_writes_what_nobody_has_waited_for_yet(path):
    async def run():
        async with Replies(path) as replies:
            tasks = [asyncio.create_task(replies.keep(reply(number))) for number in range(2 * GROUP)]
            await asyncio.sleep(0)
        return tasks

    asyncio.run(run())
    with closing(Ledger(path)) as ledger:
        assert len(find_replies(ledger, [reply(number).key for number in range(2 * GROUP)])) == 2 * GROUP


def test_a_written_reply_is_seen_by_other_processes_before_it_is_durable(path):
    async def run():
        async with Replies(path) as replies:
            await replies.keep(reply(1))
            assert replies._written.is_set()  # and not durable
            with closing(Ledger(path)) as other:
                return find_replies(other, [reply(1).key])

    assert list(asyncio.run(run())) == [reply(1).key]


# A busy ledger ------------------------------------------------------------------------------------


def hold(path, seconds: float) -> threading.Event:
    """Hold the write lock from another connection; returns an event that is set once it is held."""
    held = threading.Event()

    def run():
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            held.set()
            time.sleep(seconds)
            other.execute("ROLLBACK")

    threading.Thread(target=run, daemon=True).start()
    return held


def test_while_another_process_writes_the_event_loop_goes_on(path):
    async def run():
        ticks = 0

        async def tick():
            nonlocal ticks
            while True:
                await asyncio.sleep(0.005)
                ticks += 1

        async with Replies(path) as replies:
            assert await asyncio.to_thread(hold(path, 0.5).wait, 5)
            ticking = asyncio.create_task(tick())
            assert await replies.find(reply(1).key) is None  # reading does not wait
            began = time.monotonic()
            await asyncio.gather(*(replies.keep(reply(number)) for number in range(5)))
            waited = time.monotonic() - began
            ticking.cancel()
        return ticks, waited

    ticks, waited = asyncio.run(run())
    assert waited > 0.2
    assert ticks > 10


def test_a_ledger_that_stays_busy_is_told_and_can_be_used_after(path, monkeypatch):
    monkeypatch.setattr(module, "BUSY_TIMEOUT_S", 0.05)

    async def run():
        async with Replies(path) as replies:
            assert await asyncio.to_thread(hold(path, 0.6).wait, 5)
            failed = await asyncio.gather(*(replies.keep(reply(number)) for number in range(3)), return_exceptions=True)
            await asyncio.sleep(0.7)
            await replies.keep(reply(7))
            return failed, await replies.find(reply(7).key)

    failed, found = asyncio.run(run())
    assert [type(error) for error in failed] == [StoreBusy] * 3
    assert found == reply(7)


def test_many_writers_lose_nothing(path):
    async def run(first: int):
        async with Replies(path) as replies:
            await asyncio.gather(*(replies.keep(reply(number)) for number in range(first, first + 100)))

    threads = [threading.Thread(target=asyncio.run, args=(run(100 * each),)) for each in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    with closing(Ledger(path)) as ledger:
        assert len(find_replies(ledger, [reply(number).key for number in range(600)])) == 600
        assert [spent.calls for spent in spend_of(ledger)] == [600]


# Faults -------------------------------------------------------------------------------------------


def test_a_commit_that_fails_is_told_to_all_of_its_group_and_to_nobody_else(path, monkeypatch):
    keep, broken = module.keep_replies, [True]

    def failing(connection, replies, **more):
        if broken:
            raise sqlite3.OperationalError("database or disk is full")
        keep(connection, replies, **more)

    monkeypatch.setattr(module, "keep_replies", failing)

    async def run():
        async with Replies(path) as replies:
            failed = await asyncio.gather(*(replies.keep(reply(number)) for number in range(3)), return_exceptions=True)
            broken.clear()
            await replies.keep(reply(3))
            return failed, await replies.find(reply(1).key), await replies.find(reply(3).key)

    failed, lost, found = asyncio.run(run())
    assert all(isinstance(error, EnvironmentFailure) and "full" in str(error) for error in failed)
    assert lost is None
    assert found == reply(3)


def test_a_disk_that_does_not_take_what_was_written_stops_further_calls(path, monkeypatch):
    def failing(_descriptor):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    async def run():
        async with Replies(path) as replies:
            await replies.keep(reply(1))
            monkeypatch.setattr(os, "fsync", failing)
            with pytest.raises(EnvironmentFailure, match="cannot write"):
                await replies.durable()
            await replies.keep(reply(2))
            for _ in range(100):  # the regular sync meets it too
                await asyncio.sleep(0.01)
                if replies._syncing.done():
                    break
            with pytest.raises(EnvironmentFailure):
                await replies.keep(reply(3))
            monkeypatch.undo()

    asyncio.run(run())
    with closing(Ledger(path)) as ledger:
        assert set(find_replies(ledger, [reply(number).key for number in (1, 2, 3)])) == {reply(1).key, reply(2).key}


def test_without_a_write_ahead_log_every_commit_is_forced(path):
    with closing(Ledger(path)) as ledger:
        ledger._connection.execute("PRAGMA journal_mode=DELETE")
        ledger.never_wait()
        assert ledger._connection.execute("PRAGMA synchronous").fetchone()[0] == 2
        ledger.sync(checkpoint=True)  # there is nothing to force


def test_a_checkpoint_moves_the_log_into_the_database(path, monkeypatch):
    monkeypatch.setattr(module, "CHECKPOINT_REPLIES", 50)

    async def run():
        async with Replies(path) as replies:
            await asyncio.gather(*(replies.keep(reply(number, os.urandom(2000))) for number in range(200)))
            before = path.stat().st_size
            await replies.durable()
            return before, path.stat().st_size

    before, after = asyncio.run(run())
    assert after > before + 200 * 2000
