"""What is known of a log file from earlier runs, and what it has become since: unchanged, appended, or rewritten."""

import os
import sqlite3
from collections import deque
from dataclasses import dataclass, replace
from typing import Literal

from judgecli.errors import LogError
from judgecli.readers.log import Detected, Position, Shaping, digest_of
from judgecli.readers.read import supports_append
from judgecli.readers.source import STDIN, open_plain

HEAD_BYTES = 4096
WINDOW_BYTES = 1 << 20
ENTRY_BREAKS = 64  # how many line breaks back the last entry (a CSV row with line breaks in its cells) is looked for

FileChange = Literal["new", "unchanged", "appended", "rewritten", "reshaped"]


@dataclass(frozen=True)
class Checkpoint:
    """One reading of one log file: how it was read, how far, and what came of it."""

    file_id: int
    path: str
    generation: int
    shaping: str
    detected: Detected
    head: str
    head_size: int
    position: Position
    size: int
    mtime_ns: int
    entries: int
    bad: int
    truncated: bool

    @classmethod
    def of_row(cls, row: sqlite3.Row) -> "Checkpoint":
        """The checkpoint in a row of the ledger's `files`."""
        return cls(
            file_id=row["file_id"],
            path=row["path"],
            generation=row["generation"],
            shaping=row["shaping"],
            detected=Detected.from_json(row["detected"]),
            head=row["head"],
            head_size=row["head_size"],
            position=Position.from_json(row["position"]),
            size=row["size"],
            mtime_ns=row["mtime_ns"],
            entries=row["entries"],
            bad=row["bad"],
            truncated=bool(row["truncated"]),
        )

    def moved(self, *, position: Position, entries: int, bad: int, truncated: bool) -> "Checkpoint":
        """This reading after some more entries."""
        return replace(self, position=position, entries=self.entries + entries, bad=self.bad + bad, truncated=truncated)

    def finished(self, size: int, mtime_ns: int) -> "Checkpoint":
        """This reading at the end of the file as it stood when reading began."""
        return replace(self, size=size, mtime_ns=mtime_ns)


def equal_lines_note(path: str, detected: Detected, equal: int, lines: int) -> str | None:
    """What is said of lines that are the same as others of their file and carry neither id nor time; None where there is nothing to say."""
    if not equal or "id" in detected.mapping or "time" in detected.mapping:
        return None
    return (
        f"{path}: {equal:,} of {lines:,} lines are equal to another line and carry neither id nor time, so a copied line cannot be told from an event that "
        f"happened again: each counts once, {lines - equal:,} in all; --keep-duplicates counts all {lines:,}"
    )


def stat_of(path: str) -> tuple[int, int]:
    """Size and mtime of a file; (-1, -1) for standard input. Raises: LogError."""
    if path == STDIN:
        return -1, -1
    try:
        found = os.stat(path)
    except OSError as error:
        raise LogError(f"cannot read {path}: {error.strerror}", hint="check the name and the permissions") from error
    return found.st_size, found.st_mtime_ns


def read_head(path: str, encoding: str | None = None) -> tuple[str, int]:
    """Hash and size of the first bytes of a file (plain)."""
    with open_plain(path, encoding) as stream:
        head = _read_up_to(stream, HEAD_BYTES)
    return digest_of(head).hex(), len(head)


def find_change(path: str, shaping: Shaping, known: Checkpoint | None, bad_lines: list[tuple[int, str]]) -> FileChange:
    """What a file has become since its checkpoint. `bad_lines` holds offset and digest of its quarantined lines."""
    if known is None:
        return "new"
    if known.shaping != shaping.digest:
        return "reshaped"
    size, mtime_ns = stat_of(path)
    if path == STDIN:
        return "rewritten"
    if (size, mtime_ns) == (known.size, known.mtime_ns):
        return "unchanged"
    if not supports_append(known.detected) or not _begins_alike(path, known) or not _holds_bad_lines(path, known, bad_lines):
        return "rewritten"
    if not known.detected.mapping and known.entries == known.bad:
        return "rewritten"  # nothing readable was there to detect a mapping from
    return "appended"


def _begins_alike(path: str, known: Checkpoint) -> bool:
    """Whether the first bytes and the last entry before the checkpoint still stand where they stood."""
    with open_plain(path, known.detected.encoding) as stream:
        if digest_of(_read_up_to(stream, known.head_size)).hex() != known.head:
            return False
    if known.position.offset == 0:
        return True
    tail, following = _read_around(path, known.position.offset, known.detected.encoding)
    if tail is None or not _ends_with(tail.removesuffix(b"\n"), known.position.last_line_digest):
        return False
    return tail.endswith(b"\n") or following in (b"", b"\n", b"\r")  # a last entry without a line break may have grown since


def _ends_with(tail: bytes, digest: str) -> bool:
    """Whether the last entry of these bytes has this hash; an entry may hold line breaks of its own (CSV)."""
    body = tail.removesuffix(b"\r")
    place = len(body)
    for _ in range(ENTRY_BREAKS):
        place = body.rfind(b"\n", 0, place)
        if digest_of(body[place + 1 :]).hex() == digest:
            return True
        if place < 0:
            break
    return False


def _read_around(path: str, offset: int, encoding: str | None) -> tuple[bytes | None, bytes]:
    """Up to a window of the plain bytes before `offset` (None where the file is shorter), and the byte after."""
    window = min(offset, WINDOW_BYTES)
    with open_plain(path, encoding) as stream:
        if stream.seekable():
            stream.skip(offset - window)
            found = _read_up_to(stream, window)
            return (found if len(found) == window else None), _read_up_to(stream, 1)
        kept: deque[bytes] = deque()
        held, left = 0, offset
        while left and (block := stream.read(min(left, 1 << 20))):
            kept.append(block)
            held, left = held + len(block), left - len(block)
            while held - len(kept[0]) >= window:
                held -= len(kept.popleft())
        return (b"".join(kept)[-window:] if not left else None), _read_up_to(stream, 1)


def _holds_bad_lines(path: str, known: Checkpoint, bad_lines: list[tuple[int, str]]) -> bool:
    """Whether every quarantined line still stands where it stood: a repaired one means that the file was edited."""
    if not bad_lines:
        return True
    with open_plain(path, known.detected.encoding) as stream:
        kept, begin = b"", 0  # a window of the plain bytes, and where it begins: a compressed file is walked through once
        for offset, digest in sorted(bad_lines):
            if stream.seekable():
                stream.skip(offset)
                kept, begin = b"", offset
            while begin + len(kept) < offset and (block := stream.read(min(WINDOW_BYTES, offset - begin - len(kept)))):
                kept, begin = block, begin + len(kept)
            kept, begin = kept[offset - begin :], offset
            kept += _read_up_to(stream, WINDOW_BYTES - len(kept))
            if not _begins_with(kept, digest, known.detected.container):
                return False
    return True


def _begins_with(window: bytes, digest: str, container: str) -> bool:
    """Whether an entry with this hash stands at the start of the window (a line that may reach beyond it is taken to)."""
    if container == "jsonl":
        line = window.split(b"\n", 1)[0]
        return len(line) >= WINDOW_BYTES - 1 or digest_of(line.removesuffix(b"\r")).hex() == digest
    lines = [line.removesuffix(b"\r") for line in window.split(b"\n", ENTRY_BREAKS)[:ENTRY_BREAKS]]
    return any(digest_of(b"\n".join(lines[: end + 1]).removesuffix(b"\r")).hex() == digest for end in range(len(lines)))


def _read_up_to(stream: object, size: int) -> bytes:
    parts = []
    while size > 0 and (block := stream.read(size)):  # type: ignore[attr-defined]
        parts.append(block)
        size -= len(block)
    return b"".join(parts)
