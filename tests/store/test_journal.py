"""Journals: whatever ends a process, its replies reach the ledger once, and nothing else does."""

import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from judgecli.errors import EnvironmentFailure
from judgecli.store import journal as module
from judgecli.store.folder import Store
from judgecli.store.journal import HEAD, commit, damaged_journals, open_journal, read, remove, take_over
from judgecli.store.ledger import Ledger
from judgecli.store.replies import StoredReply, find_replies, keep_replies, spend_of
from judgecli.store.upkeep import verify


def reply(number: int, raw: bytes = b"{}", time: str = "2026-11-27T00:00:00.000+00:00", **more: object) -> StoredReply:
    values: dict = {"tokens_in": 7, "cost": 0.5, "run_id": 3} | more
    return StoredReply(number.to_bytes(32, "big"), raw, "json_schema", "rubric", "model", "served", time=time, **values)


@pytest.fixture
def ledger(tmp_path):
    with closing(Ledger(tmp_path / "ledger.db")) as ledger:
        yield ledger


def left_behind(ledger, replies, *, committed: int = 0):
    """The journal of a dead process that put the first of its replies into the ledger."""
    journal = open_journal(ledger.path.parent)
    for number, one in enumerate(replies, 1):
        journal.append(one)
        if number == committed:
            commit(ledger, replies[:committed], [(journal.path.name, journal.size)])
    journal.close()
    return journal.path


def held(ledger, count: int = 20) -> list[int]:
    return sorted(int.from_bytes(key, "big") for key in find_replies(ledger, [reply(number).key for number in range(count)]))


def calls(ledger) -> int:
    return sum(spent.calls for spent in spend_of(ledger))


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@given(
    st.lists(
        st.builds(
            StoredReply,
            key=st.binary(min_size=32, max_size=32),
            raw=st.binary(max_size=200),
            mode=st.sampled_from(["json_schema", "tool", "text"]),
            rubric=TEXTS,
            model=TEXTS,
            served_model=st.none() | TEXTS,
            tokens_in=st.integers(0, 2**40 - 1),
            cost=st.none() | st.floats(0, 1e6, allow_nan=False),
            finish_reason=st.none() | TEXTS,
            purpose=st.sampled_from(["score", "sentinel", "audit", "anchor"]),
            target=st.none() | st.binary(max_size=32),
        ),
        max_size=5,
    )
)
def test_what_is_read_is_what_was_written(tmp_path_factory, replies):
    journal = open_journal(tmp_path_factory.mktemp("journal"))
    for one in replies:
        journal.append(one)
    content = journal.path.read_bytes()
    journal.close()
    found, whole = read(content)
    assert [one for _, one in found] == replies
    assert whole
    assert all(end <= len(content) for end, _ in found)


def test_a_cut_at_any_byte_leaves_the_whole_replies_before_it(tmp_path):
    journal = open_journal(tmp_path)
    replies, ends = [reply(number, b"\n" * number) for number in range(4)], [0]
    for one in replies:
        journal.append(one)
        ends.append(journal.size)
    content = journal.path.read_bytes()
    for cut in range(len(content) + 1):
        whole = sum(end <= cut for end in ends) - 1
        assert read(content[:cut]) == (list(zip(ends[1:], replies, strict=True))[:whole], True)
        assert [one for _, one in read(content[:cut] + bytes(500))[0]] == replies[:whole]  # a file that grew before its bytes came
        assert read(content[: ends[whole]] + bytes(500))[1]
    journal.close()


def test_a_changed_byte_costs_one_reply_and_is_told(tmp_path):
    journal = open_journal(tmp_path)
    replies, ends = [reply(number, b'{"score": 4}') for number in range(3)], [0]
    for one in replies:
        journal.append(one)
        ends.append(journal.size)
    content = journal.path.read_bytes()
    journal.close()
    for place in range(ends[1], ends[2]):
        for bit in (1, 128):
            found, whole = read(bytes(content[:place]) + bytes([content[place] ^ bit]) + bytes(content[place + 1 :]))
            assert not whole
            assert [one for _, one in found] == ([replies[0]] if place < ends[1] + HEAD.size else [replies[0], replies[2]])


def test_what_cannot_be_read_stays_for_a_person_and_the_store_opens(tmp_path):
    root = tmp_path / "store"
    Store(root).ledger.close()
    journal = open_journal(root)
    for number in range(3):
        journal.append(reply(number))
    journal.close()
    content = bytearray(journal.path.read_bytes())
    content[len(content) // 2] ^= 1
    journal.path.write_bytes(content)
    strange = open_journal(root)
    strange.append(reply(4, tokens_in=1 << 63))  # more than SQLite can hold
    strange.close()
    (root / "journal-folder").mkdir()
    for _ in range(2):
        with Store(root) as store:
            assert held(store.ledger) == [0, 2]
            assert calls(store.ledger) == 2
            found = verify(store)
            assert not found["ok"]
            assert sorted(damaged_journals(root)) == sorted(root / f"damaged-{one.path.name}" for one in (journal, strange))


def test_a_full_disk_does_not_keep_a_store_from_being_read(tmp_path, monkeypatch):
    root = tmp_path / "store"
    Store(root).ledger.close()
    journal = open_journal(root)
    journal.append(reply(1))
    journal.close()

    def full(*_, **__):
        raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(module, "keep_replies", full)
        with Store(root) as store:
            assert held(store.ledger) == []
    with Store(root) as store:
        assert held(store.ledger) == [1]


@pytest.mark.parametrize("committed", range(4))
def test_the_rest_of_a_dead_process_is_taken_over_once(ledger, committed):
    path = left_behind(ledger, [reply(number) for number in range(3)], committed=committed)
    assert take_over(ledger) == 3 - committed
    assert (held(ledger), calls(ledger)) == ([0, 1, 2], 3)
    assert not path.exists()
    assert take_over(ledger) == 0
    assert (calls(ledger), ledger.rows("SELECT count(*) FROM meta WHERE name LIKE 'journal-%'")[0][0]) == (3, 0)


def test_a_process_that_dies_while_it_takes_over_pays_nothing_twice(ledger, monkeypatch):
    path = left_behind(ledger, [reply(number) for number in range(3)])

    class Died(BaseException):
        pass

    def die(*_):
        raise Died

    with monkeypatch.context() as patch:
        patch.setattr(module, "remove", die)
        with pytest.raises(Died):
            take_over(ledger)
    assert path.exists()
    assert (held(ledger), calls(ledger)) == ([0, 1, 2], 3)
    assert take_over(ledger) == 0
    assert (path.exists(), calls(ledger)) == (False, 3)


def test_of_two_that_take_over_at_once_one_does(ledger, monkeypatch):
    """The other had opened the file before it was gone."""
    left_behind(ledger, [reply(number) for number in range(3)])
    lock, others = module._lock, []

    def slowly(file):
        if not others:
            others.append(None)
            others[0] = take_over(ledger)
        return lock(file)

    monkeypatch.setattr(module, "_lock", slowly)
    assert (take_over(ledger), others, calls(ledger)) == (0, [3], 3)


def test_damage_is_told_also_where_a_process_died_before_it_told_it(ledger, monkeypatch):
    path = left_behind(ledger, [reply(number) for number in range(5)])
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)

    def fail(*_):
        raise OSError("no")

    with monkeypatch.context() as patch:
        patch.setattr(type(path), "rename", fail)
        assert take_over(ledger) == 4
        assert path.exists()
    assert (take_over(ledger), calls(ledger)) == (0, 4)
    assert [found.read_bytes() for found in damaged_journals(path.parent)] == [bytes(content)]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_does_not_hold_the_journal_of_a_dead_process(tmp_path):
    root = tmp_path / "store"
    Store(root).ledger.close()
    child = int(subprocess.run([sys.executable, "-c", FORKED, str(root)], check=False, timeout=60, stdout=subprocess.PIPE).stdout)
    try:
        with Store(root) as store:
            assert held(store.ledger) == [1]
    finally:
        os.kill(child, signal.SIGKILL)


FORKED = """
import os, signal, sys, time
from pathlib import Path
from judgecli.store.journal import open_journal
from judgecli.store.replies import StoredReply

journal = open_journal(Path(sys.argv[1]))
journal.append(StoredReply((1).to_bytes(32, "big"), b"{}", "text", "r", "m", run_id=1))
child = os.fork()
if child == 0:
    os.close(1)
    time.sleep(60)
    os._exit(0)
time.sleep(0.2)
os.write(1, str(child).encode())
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_the_journal_of_a_live_process_is_left_alone(ledger):
    journal = open_journal(ledger.path.parent)
    journal.append(reply(1))
    assert take_over(ledger) == 0
    assert journal.path.exists()
    commit(ledger, [reply(1)], [(journal.path.name, journal.size)])
    remove(ledger, journal.path)
    journal.close()
    assert (take_over(ledger), calls(ledger)) == (0, 1)


def test_an_older_reply_does_not_take_the_place_of_a_newer_one_but_was_paid(ledger):
    left_behind(ledger, [reply(1, b"old", "2026-11-27T00:00:00.000+00:00"), reply(2, b"new", "2026-11-27T00:00:05.000+00:00")])
    with ledger.transaction() as connection:
        keep_replies(connection, [reply(1, b"newer", "2026-11-27T00:00:01.000+00:00"), reply(2, b"older", "2026-11-27T00:00:01.000+00:00")])
    assert take_over(ledger) == 2
    found = find_replies(ledger, [reply(1).key, reply(2).key])
    assert (found[reply(1).key].raw, found[reply(2).key].raw, calls(ledger)) == (b"newer", b"new", 4)


def test_a_disk_that_takes_half_a_reply_is_told_and_the_journal_stays_whole(ledger, monkeypatch):
    journal, write = open_journal(ledger.path.parent), os.write
    journal.append(reply(1))
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", lambda file, data: write(file, data[: len(data) // 2]))
        with pytest.raises(EnvironmentFailure, match="cannot write"):
            journal.append(reply(2))
    journal.append(reply(3))
    journal.close()
    assert take_over(ledger) == 2
    assert held(ledger) == [1, 3]


def test_a_journal_is_private(tmp_path):
    journal = open_journal(tmp_path)
    assert journal.path.stat().st_mode & 0o777 == 0o600
    journal.close()


KILLED = """
import asyncio, os, signal, sys
from pathlib import Path
from judgecli.store.live_replies import Replies
from judgecli.store.replies import StoredReply

async def run():
    async with Replies(Path(sys.argv[1]) / "ledger.db") as replies:
        for number in range(int(sys.argv[2])):
            await replies.keep(StoredReply(number.to_bytes(32, "big"), b"{}", "text", "r", "m", run_id=1))
            if number % 3 == 0:
                await asyncio.sleep(0.02)
        os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(run())
"""


@pytest.mark.parametrize("count", [1, 5, 19])
def test_a_process_that_is_killed_right_after_it_kept_a_reply_loses_none(tmp_path, count):
    root = tmp_path / "store"
    Store(root).ledger.close()
    done = subprocess.run([sys.executable, "-c", KILLED, str(root), str(count)], check=False, timeout=60)
    assert done.returncode == -signal.SIGKILL
    for _ in range(2):
        with Store(root) as store:
            assert held(store.ledger) == list(range(count))
            assert calls(store.ledger) == count
    assert not list(root.glob("journal-*"))
