"""Replies for an event loop: what is kept is found, in any company; the two steps of keeping; a busy, full or failing ledger."""

import asyncio
import os
import sqlite3
import threading
import time
from contextlib import closing

import pytest

import judgecli.store.live_replies as module
from judgecli.errors import EnvironmentFailure
from judgecli.store.journal import take_over
from judgecli.store.ledger import Ledger
from judgecli.store.live_replies import Replies
from judgecli.store.replies import GROUP, StoredReply, find_replies, spend_of


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
            await replies.durable()
            again = await asyncio.gather(*(replies.find(reply(number).key) for number in reversed(range(count + 1))))
            assert again == found
            spent = await replies.run(spend_of)
        return found, spent

    found, (spent,) = asyncio.run(run())
    assert found == [None, *(reply(number, b"%d" % number) for number in reversed(range(count)))]
    assert (spent.calls, spent.tokens_in, spent.tokens_out, spent.cost_usd, spent.unpriced) == (count, 7 * count, 2 * count, 0.25 * count, 0)


def test_a_later_reply_takes_the_place_and_both_were_paid(path):
    async def run():
        async with Replies(path) as replies:
            await asyncio.gather(replies.keep(reply(1, b"old")), replies.keep(reply(1, b"new", cost=None)))
            await replies.durable()
            return await replies.find(reply(1).key), await replies.run(spend_of)

    found, (spent,) = asyncio.run(run())
    assert found is not None
    assert found.raw == b"new"
    assert (spent.calls, spent.cost_usd, spent.unpriced) == (2, 0.25, 1)


def test_who_waits_for_it_to_be_durable_and_is_cancelled_does_not_stop_the_commit(path):
    async def run():
        async with Replies(path) as replies:
            await replies.keep(reply(1))
            waiting = [asyncio.create_task(replies.durable()) for _ in range(3)]
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            waiting[0].cancel()
            ended = await asyncio.gather(*waiting, return_exceptions=True)
            return ended, await replies.run(spend_of)

    (first, *rest), (spent,) = asyncio.run(run())
    assert isinstance(first, asyncio.CancelledError)
    assert rest == [None, None]
    assert spent.calls == 1


def test_closing_writes_what_nobody_has_waited_for_yet(path):
    async def run():
        async with Replies(path) as replies:
            tasks = [asyncio.create_task(replies.keep(reply(number))) for number in range(2 * GROUP)]
            await asyncio.sleep(0)
        return tasks

    asyncio.run(run())
    with closing(Ledger(path)) as ledger:
        assert len(find_replies(ledger, [reply(number).key for number in range(2 * GROUP)])) == 2 * GROUP


def test_what_was_just_kept_is_found_though_the_ledger_lacks_it(path):
    async def run():
        async with Replies(path) as replies:
            await replies.keep(reply(1))
            with closing(Ledger(path)) as other:
                held = find_replies(other, [reply(1).key])
            found = await replies.find(reply(1).key)
            await replies.durable()
            with closing(Ledger(path)) as other:
                return held, found, find_replies(other, [reply(1).key])

    assert asyncio.run(run()) == ({}, reply(1), {reply(1).key: reply(1)})


def test_the_ledger_has_it_soon_without_a_word(path):
    async def run():
        async with Replies(path) as replies:
            await replies.keep(reply(1))
            for _ in range(200):
                await asyncio.sleep(0.01)
                with closing(Ledger(path)) as other:
                    if find_replies(other, [reply(1).key]):
                        return True
        return False

    assert asyncio.run(run())


# A busy ledger ------------------------------------------------------------------------------------


def slow_commits(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    commit = module.commit

    def slowly(*given):
        time.sleep(seconds)
        commit(*given)

    monkeypatch.setattr(module, "commit", slowly)


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


def test_while_another_process_writes_replies_are_kept_and_the_event_loop_goes_on(path):
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
            began = time.monotonic()
            await asyncio.gather(*(replies.keep(reply(number)) for number in range(5)))
            kept = time.monotonic() - began
            await replies.durable()
            durable = time.monotonic() - began
            ticking.cancel()
        return ticks, kept, durable

    ticks, kept, durable = asyncio.run(run())
    assert kept < 0.2 < durable
    assert ticks > 10


def test_a_ledger_that_takes_nothing_holds_back_what_is_kept(path, monkeypatch):
    monkeypatch.setattr(module, "MOST_WAITING", 10)

    async def run():
        async with Replies(path) as replies:
            assert await asyncio.to_thread(hold(path, 0.4).wait, 5)
            began = time.monotonic()
            for number in range(12):
                await replies.keep(reply(number))
            return time.monotonic() - began

    assert asyncio.run(run()) > 0.2


def test_without_locks_on_files_a_reply_is_in_the_ledger_before_it_counts_as_kept(path, monkeypatch):
    monkeypatch.setattr(module, "open_journal", lambda _: None)

    async def run():
        async with Replies(path) as replies:
            await replies.keep(reply(1))
            with closing(Ledger(path)) as other:
                return find_replies(other, [reply(1).key])

    assert list(asyncio.run(run())) == [reply(1).key]


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


def test_what_a_commit_could_not_store_is_kept_and_told_to_the_next_caller(path, monkeypatch):
    commit, broken = module.commit, [True]

    def failing(ledger, replies, marks):
        if broken:
            raise EnvironmentFailure("database or disk is full", hint="free some")
        commit(ledger, replies, marks)

    monkeypatch.setattr(module, "commit", failing)

    async def run():
        async with Replies(path) as replies:
            await asyncio.gather(*(replies.keep(reply(number)) for number in range(3)))
            with pytest.raises(EnvironmentFailure, match="full"):
                await replies.durable()
            with pytest.raises(EnvironmentFailure, match="full"):
                await replies.keep(reply(3))
            broken.clear()
            await replies.keep(reply(4))
            await replies.durable()
            return await replies.run(spend_of)

    assert [spent.calls for spent in asyncio.run(run())] == [5]
    with closing(Ledger(path)) as ledger:
        assert len(find_replies(ledger, [reply(number).key for number in range(5)])) == 5
    assert not list(path.parent.glob("journal-*"))


def test_a_ledger_that_cannot_be_written_to_the_end_leaves_its_journal(path, monkeypatch):
    def failing(*_):
        raise EnvironmentFailure("database or disk is full", hint="free some")

    async def run():
        async with Replies(path) as replies:
            await asyncio.gather(*(replies.keep(reply(number)) for number in range(3)))

    with monkeypatch.context() as patch:
        patch.setattr(module, "commit", failing)
        with pytest.raises(EnvironmentFailure, match="full"):
            asyncio.run(run())
    with closing(Ledger(path)) as ledger:
        assert take_over(ledger) == 3
        assert [spent.calls for spent in spend_of(ledger)] == [3]


def test_a_journal_that_is_full_is_replaced_and_removed(path, monkeypatch):
    monkeypatch.setattr(module, "JOURNAL_BYTES", 1_000)
    names = set()

    async def run():
        async with Replies(path) as replies:
            for number in range(40):
                await replies.keep(reply(number, os.urandom(100)))
                names.update(path.parent.glob("journal-*"))
                if number % 4 == 3:
                    await replies.durable()
            return len(list(path.parent.glob("journal-*")))

    assert asyncio.run(run()) <= 2
    assert len(names) >= 3
    with closing(Ledger(path)) as ledger:
        assert len(find_replies(ledger, [reply(number).key for number in range(40)])) == 40
        assert ledger.rows("SELECT count(*) FROM meta WHERE name LIKE 'journal-%'")[0][0] == 0


def test_a_reply_that_the_journal_cannot_take_goes_straight_to_the_ledger(path, monkeypatch):
    def full(*_):
        raise EnvironmentFailure("cannot write", hint="free some")

    async def run():
        async with Replies(path) as replies:
            await replies.keep(reply(1))
            with monkeypatch.context() as patch:
                patch.setattr(module.Journal, "append", full)
                await replies.keep(reply(2))
                patch.setattr(module, "open_journal", full)
                await replies.keep(reply(3))
            with closing(Ledger(path)) as other:
                held = set(find_replies(other, [reply(number).key for number in range(5)]))
            await replies.keep(reply(4))
            return held

    assert asyncio.run(run()) == {reply(number).key for number in (1, 2, 3)}
    with closing(Ledger(path)) as ledger:
        assert take_over(ledger) == 0
        assert [spent.calls for spent in spend_of(ledger)] == [4]
    assert not list(path.parent.glob("journal-*"))


def test_who_asks_for_what_was_kept_does_not_wait_for_what_comes_after(path, monkeypatch):
    slow_commits(monkeypatch, 0.02)

    async def run():
        async with Replies(path) as replies:

            async def go_on():
                number = 0
                while True:
                    await replies.keep(reply(number))
                    await asyncio.sleep(0.001)
                    number += 1

            going = asyncio.create_task(go_on())
            try:
                for _ in range(5):
                    await asyncio.sleep(0.01)
                    await asyncio.wait_for(replies.durable(), 5)
            finally:
                going.cancel()

    asyncio.run(run())


def test_ending_the_tasks_of_the_event_loop_commits_nothing_twice(path):
    async def run():
        async with Replies(path) as replies:
            await replies.keep(reply(1))
            waiting = asyncio.create_task(replies.durable())
            await asyncio.sleep(0)
            for task in asyncio.all_tasks() - {asyncio.current_task()}:
                task.cancel()
            await asyncio.gather(waiting, return_exceptions=True)

    asyncio.run(run())
    with closing(Ledger(path)) as ledger:
        assert [spent.calls for spent in spend_of(ledger)] == [1]


def test_what_is_kept_while_the_ledger_is_closed_is_not_lost(path, monkeypatch):
    """Workers that nobody waited for go on while the last commit runs: what `keep` took is in the ledger, what it did not take it refused."""
    kept, refused = [], []

    slow_commits(monkeypatch, 0.03)

    async def run():
        async def go_on(first):
            for number in range(first, first + 400):
                try:
                    await replies.keep(reply(number))
                except RuntimeError:
                    refused.append(number)
                    return
                kept.append(number)
                await asyncio.sleep(0.001 if number % 400 < 60 else 0.05)

        async with Replies(path) as replies:
            tasks = [asyncio.create_task(go_on(1000 * worker)) for worker in range(4)]
            await asyncio.sleep(0.1)
        await asyncio.gather(*tasks)

    asyncio.run(run())
    assert refused
    with closing(Ledger(path)) as ledger:
        assert take_over(ledger) == 0
        assert len(find_replies(ledger, [reply(number).key for number in kept])) == len(kept)
        assert [spent.calls for spent in spend_of(ledger)] == [len(kept)]


def test_closing_that_is_cancelled_leaves_nobody_waiting_and_loses_nothing(path, monkeypatch):
    slow_commits(monkeypatch, 0.1)
    monkeypatch.setattr(module, "JOURNAL_BYTES", 1)

    async def run():
        async def close():
            async with Replies(path) as replies:
                opened.append(replies)
                for number in range(5):
                    await replies.keep(reply(number))

        opened = []
        closing_task = asyncio.create_task(close())
        await asyncio.sleep(0.05)
        waiting = asyncio.create_task(opened[0].durable())
        await asyncio.sleep(0)
        closing_task.cancel()
        await asyncio.gather(closing_task, return_exceptions=True)
        await asyncio.wait_for(asyncio.gather(waiting, return_exceptions=True), 5)

    asyncio.run(run())
    with closing(Ledger(path)) as ledger:
        take_over(ledger)
        assert [spent.calls for spent in spend_of(ledger)] == [5]
    assert not list(path.parent.glob("journal-*"))
