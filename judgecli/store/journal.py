"""Replies that are not in the ledger yet, in a file beside it: written at once, so that a process that is killed loses none.

    journal-4f1c...   for each reply a head (length, CRC-32 of what follows, CRC-32 of these 8 bytes; 4 bytes each, little-endian),
                      then its values as JSON, a line feed, its body

Whoever writes a journal holds a lock on it (flock) as long as it lives. The ledger knows up to where a journal was committed, so
that what a dead process left is taken over exactly once, by the next one that opens the store.
"""

import contextlib
import errno
import os
import struct
import weakref
import zlib
from collections.abc import Sequence
from dataclasses import fields, replace
from operator import attrgetter
from pathlib import Path

import orjson

from judgecli.errors import EnvironmentFailure
from judgecli.store.ledger import Ledger
from judgecli.store.replies import StoredReply, add_spend, checked, find_replies, keep_replies

PREFIX, DAMAGED = "journal-", "damaged-"
HEAD = struct.Struct("<III")
_MARK = "INSERT OR REPLACE INTO meta VALUES (?, ?)"
_VALUES = attrgetter(*[field.name for field in fields(StoredReply)][2:-1])


class Journal:
    """A journal of this process's own. `size` is how far it is written."""

    def __init__(self, path: Path, file: int) -> None:
        self.path, self.size, self._file = path, 0, file
        _OPEN.add(self)

    def append(self, reply: StoredReply) -> None:
        """Write one reply: from here on it outlives this process. Raises: EnvironmentFailure (disk full)."""
        values = orjson.dumps([reply.key.hex(), *_VALUES(reply), None if reply.target is None else reply.target.hex()])
        content = b"\n".join((values, reply.raw))
        record = _head(len(content), zlib.crc32(content)) + content
        try:
            written = os.write(self._file, record)
            if written < len(record):
                os.ftruncate(self._file, self.size)
                raise OSError(errno.ENOSPC, "No space left on device")
        except OSError as error:
            raise _cannot_write(self.path, error) from error
        self.size += written

    def close(self) -> None:
        """Give up the lock: the next process takes over what is not in the ledger."""
        _OPEN.discard(self)
        os.close(self._file)


_OPEN: "weakref.WeakSet[Journal]" = weakref.WeakSet()


def _close_in_child() -> None:
    """A forked child shares the locks of its parent, and would hold them beyond its death."""
    for journal in list(_OPEN):
        journal.close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_close_in_child)


def open_journal(folder: Path) -> Journal | None:
    """A new journal in a folder; None where files cannot be locked. Raises: EnvironmentFailure."""
    while True:
        path = folder / f"{PREFIX}{os.urandom(8).hex()}"
        try:
            file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        except OSError as error:
            raise _cannot_write(path, error) from error
        locked = _lock(file)
        if locked and os.fstat(file).st_nlink:  # else a process that takes over was between the two lines
            return Journal(path, file)
        os.close(file)
        if locked is None:
            path.unlink(missing_ok=True)
            return None


def commit(ledger: Ledger, replies: Sequence[StoredReply], marks: Sequence[tuple[str, int]]) -> None:
    """Put replies into the ledger in one transaction; `marks` tell up to which size it then has all that each journal holds."""
    with ledger.transaction() as connection:
        keep_replies(connection, replies)
        connection.executemany(_MARK, marks)


def remove(ledger: Ledger, path: Path) -> None:
    """Remove a journal all of which is in the ledger, as far as that can be done now: the next process that opens the store does the rest."""
    with contextlib.suppress(OSError, EnvironmentFailure):
        path.unlink(missing_ok=True)
        with ledger.transaction() as connection:
            connection.execute("DELETE FROM meta WHERE name = ?", (path.name,))


def take_over(ledger: Ledger) -> int:
    """Put into the ledger what dead processes left in their journals; returns how many replies. Raises: EnvironmentFailure, StoreBusy.

    What cannot be read of a journal stays beside it, as damaged-journal-...
    """
    return sum(_take_over(ledger, path) for path in sorted(ledger.path.parent.glob(f"{PREFIX}*")) if path.is_file())


def damaged_journals(folder: Path) -> list[Path]:
    """The journals that could not be read to their end."""
    return sorted(folder.glob(f"{DAMAGED}{PREFIX}*"))


def _take_over(ledger: Ledger, path: Path) -> int:
    try:
        file = os.open(path, os.O_RDWR)
    except FileNotFoundError:  # another process was quicker
        return 0
    except OSError as error:
        raise _cannot_write(path, error) from error
    try:
        if not _lock(file) or not os.fstat(file).st_nlink:  # its process lives, or nobody can tell; or another one took it over just now
            return 0
        with open(file, "rb", closefd=False) as content:
            left, whole = _take(ledger, path.name, content.read())
        with contextlib.suppress(OSError):  # one that cannot be renamed is looked at again the next time
            if not whole:
                path.rename(path.with_name(f"{DAMAGED}{path.name}"))
            remove(ledger, path)
        return left
    finally:
        os.close(file)


def _take(ledger: Ledger, name: str, content: bytes) -> tuple[int, bool]:
    """How many replies were new, and whether all could be read."""
    with ledger.transaction() as connection:
        row = connection.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        replies, whole = read(content)  # from its beginning: damage is told also where a process died before it could tell
        left = [reply for end, reply in replies if end > (int(row[0]) if row else 0)]
        known = find_replies(ledger, [reply.key for reply in left])
        newer = [reply for reply in left if reply.key not in known or known[reply.key].time <= reply.time]
        keep_replies(connection, newer, paid=False)
        add_spend(connection, left)
        connection.execute(_MARK, (name, len(content)))
    return len(left), whole


def read(content: bytes) -> tuple[list[tuple[int, StoredReply]], bool]:
    """The replies of a journal, each with the place where it ends, and whether that is all.

    A reply that was cut at the end, or never came to be written (zeros, after a cut of the power), is none; any other that cannot be read is damage.
    """
    found: list[tuple[int, StoredReply]] = []
    start, whole = 0, True
    while start + HEAD.size <= len(content):
        length, check, _ = HEAD.unpack_from(content, start)
        record = content[start + HEAD.size : start + HEAD.size + length]
        if content[start : start + HEAD.size] != _head(length, check) or not length:  # nobody knows where the next one begins
            return found, whole and not any(content[start:])
        if len(record) < length:
            break
        start += HEAD.size + length
        try:
            found.append((start, _reply(record, check)))
        except (ValueError, TypeError):
            whole = False
    return found, whole


def _head(length: int, check: int) -> bytes:
    numbers = struct.pack("<II", length, check)
    return numbers + struct.pack("<I", zlib.crc32(numbers))


def _reply(record: bytes, check: int) -> StoredReply:
    if zlib.crc32(record) != check:
        raise ValueError("other bytes than were written")
    values, _, raw = record.partition(b"\n")
    key, *rest, target = orjson.loads(values)
    return replace(checked(StoredReply(bytes.fromhex(key), raw, *rest)), target=None if target is None else bytes.fromhex(target))


def _lock(file: int) -> bool | None:
    """Whether the lock of an open file is ours now; None where there are no such locks."""
    try:
        import fcntl
    except ImportError:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without them
        return None
    return True


def _cannot_write(path: Path, error: OSError) -> EnvironmentFailure:
    return EnvironmentFailure(f"cannot write {path}: {error.strerror}", hint="free some disk space and run the same command again; what was kept is not lost")
