"""Log files into the store: each line once, incrementally, under an exclusive lease.

For every file: what has it become since its checkpoint (checkpoint.py)? Then chunks are read, lines
that the store already holds are noted as sightings, the rest is gathered into shards. A shard, its
keys, the sightings, quarantined lines, labels and the checkpoints of the files it covers become
valid in one transaction; a crash before it leaves nothing that counts.
"""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from judgecli.errors import LogError
from judgecli.readers import batch, checkpoint
from judgecli.readers.adapter import adapters
from judgecli.readers.checkpoint import Checkpoint
from judgecli.readers.detect import detect
from judgecli.readers.keying import keyed, keys_in_file, numbered
from judgecli.readers.log import Chunk, Detected, LogFile, Position, Skipped
from judgecli.readers.quarantine import quarantine_line
from judgecli.readers.read import read_log
from judgecli.readers.source import STDIN, looks_like_log
from judgecli.schema import BadLine, Label
from judgecli.store import tables
from judgecli.store.earlier import retire
from judgecli.store.folder import Shard, Store
from judgecli.store.keys import KeyIndex, first_occurrences
from judgecli.store.labels import move_labels
from judgecli.store.ledger import Lease
from judgecli.store.rewrite import drop_given, holds_any

SHARD_ROWS = 50_000
SHARD_BYTES = 64 << 20


class Listener(Protocol):
    """Who wants to know how intake goes on."""

    def advance(self, bytes_read: int, records: int) -> None:
        """So much more was read."""

    def note(self, text: str) -> None:
        """Something a person should know, in one line."""


@dataclass
class _Pending:
    """What is read but not yet valid."""

    tables: list[pa.Table] = field(default_factory=list)
    sightings: list[pa.Table] = field(default_factory=list)
    bad: list[tuple[int, BadLine]] = field(default_factory=list)
    labels: list[Label] = field(default_factory=list)
    files: dict[int, Checkpoint] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        return sum(table.num_rows for table in self.tables)

    @property
    def full(self) -> bool:
        """Whether it is time to make a shard of it."""
        return self.rows >= SHARD_ROWS or sum(table.nbytes for table in self.tables) >= SHARD_BYTES or len(self.bad) >= SHARD_ROWS


class Intake:
    """One run's reading of its log files.

    `on_shard` is told of every new shard as soon as it is valid; `on_plan`, before any line is read,
    of the fields that the logs can give (None: any).
    """

    def __init__(
        self, store: Store, listener: Listener, on_shard: Callable[[Shard], object], on_plan: Callable[[set[str] | None], object] = lambda _: None
    ) -> None:
        self.store = store
        self.listener = listener
        self.on_shard = on_shard
        self.on_plan = on_plan
        self.new_records = 0
        self.skipped: list[Skipped] = []
        self.ratings: set[str] = set()  # known before any line is read
        self._lease = Lease(store.ledger)
        self._pending = _Pending()

    def run(self, logs: Sequence[LogFile]) -> list[Checkpoint]:
        """Bring the store up to these files; returns the reading of each, in order. Raises: LogError, StoreBusy, StoreError."""
        self._names = {log.name for log in logs}
        self._fields: set[str] | None = set()
        self._acquire()
        try:
            plans = [plan for log in logs if (plan := self._plan(log)) is not None]
            self.on_plan(self._fields if plans else None)
            if any(change != "unchanged" for _, change, _ in plans):
                self._load_keys()
                for log, change, known in plans:
                    if change != "unchanged":
                        self._read(log, change, known)
                self._commit()
            self._settle([log for log, _, _ in plans])
        finally:
            self._lease.release()
        return [found for log, _, _ in plans if (found := self._known(log.name)) is not None]

    def _acquire(self) -> None:
        told = False
        while (holder := self._lease.try_acquire()) is not None:
            if not told:
                self.listener.note(f"waiting for another judge (process {holder}) that is reading logs into {self.store.root}")
                told = True
            time.sleep(0.1)

    # What to do with each file ------------------------------------------------------------------

    def _known(self, name: str) -> Checkpoint | None:
        rows = self.store.ledger.rows("SELECT * FROM files WHERE path = ? AND current = 1", (name,))
        with self.store.ledger.readable():
            return Checkpoint.of_row(rows[0]) if rows else None

    def _plan(self, log: LogFile) -> tuple[LogFile, checkpoint.FileChange, Checkpoint | None] | None:
        """What a file has become, or None for a file of a folder that is no log."""
        try:
            known = self._known(log.name)
            change = checkpoint.find_change(log.path, log.asked, known, self._bad_lines(known))
            if known is not None and change in ("unchanged", "appended") and log.shaping.guess and not known.detected.may_guess:
                change = change if detect(log.path, log.shaping).mapping == known.detected.mapping else "reshaped"
            self._note_fields(known.detected if known is not None and change in ("unchanged", "appended") else detect(log.path, log.shaping))
        except LogError as error:
            if log.explicit:
                raise
            self.skipped.append(Skipped(log.path, str(error), looks_like_log(log.path)))
            return None
        return log, change, known

    def _note_fields(self, detected: Detected) -> None:
        """Add the fields that a file may give; a format that is not mapped field by field may give any."""
        self.ratings.update(detected.ratings)
        mapped = detected.mapping and detected.format not in adapters() and "messages" not in detected.mapping
        self._fields = self._fields | set(detected.mapping) if mapped and self._fields is not None else None

    def _bad_lines(self, known: Checkpoint | None) -> list[tuple[int, str]]:
        if known is None:
            return []
        return [(row["offset"], row["digest"]) for row in self.store.ledger.rows("SELECT offset, digest FROM quarantine WHERE file_id = ?", (known.file_id,))]

    # Reading ------------------------------------------------------------------------------------

    def _read(self, log: LogFile, change: checkpoint.FileChange, known: Checkpoint | None) -> None:
        size, mtime_ns = checkpoint.stat_of(log.path)
        if change == "appended" and known is not None:
            reading, detected = self._reopen(known), known.detected
        else:
            detected = detect(log.path, log.shaping)
            if change == "reshaped" and known is not None:
                self._commit()
                self._replace(log, detected)
            reading = self._open(log, detected, known)
        seen = self._seen_keys(reading) if log.keep_duplicates else None
        for chunk in read_log(log.path, log.shaping, detected, reading.position if change == "appended" else None, name=log.name):
            reading = self._take(log, chunk, reading, seen)
            self._lease.renew()
            if self._pending.full:
                self._commit()
        if log.path != STDIN and reading.generation > 1:
            self._commit()
            self._retire(log, reading)
        self._pending.files[reading.file_id] = reading.finished(size, mtime_ns)

    def _retire(self, log: LogFile, reading: Checkpoint) -> None:
        """Let the records of a file go that it holds no more. Its reading is not yet finished: a run stopped here decides again."""
        found = retire(self.store, log.name, reading.file_id, confirm=self._lease.confirm)
        if found is not None and found[0] == "rotated":
            self.listener.note(f"{log.name} was rotated: it goes on after {found[1]:,} earlier records, which stay in the store")
        elif found is not None:
            self._load_keys()
            self.listener.note(f"{log.name} was written anew: {found[1]:,} records that it no longer holds are taken out")

    def _open(self, log: LogFile, detected: Detected, known: Checkpoint | None) -> Checkpoint:
        """A new reading of a file: from its start, with an id of its own."""
        head, head_size = checkpoint.read_head(log.path, detected.encoding) if log.path != "-" else ("", 0)
        generation = known.generation + 1 if known is not None else 1
        with self.store.ledger.transaction() as connection:
            self._lease.confirm(connection)
            connection.execute("UPDATE files SET current = 0 WHERE path = ?", (log.name,))
            cursor = connection.execute(
                "INSERT INTO files (path, generation, current, shaping, detected, head, head_size, position, size, mtime_ns, entries, bad, truncated)"
                " VALUES (?,?,1,?,?,?,?,?,-2,-2,0,0,0)",
                (log.name, generation, log.asked.digest, detected.to_json(), head, head_size, Position().to_json()),
            )
            file_id = int(cursor.lastrowid or 0)
        return Checkpoint(
            file_id,
            path=log.name,
            generation=generation,
            shaping=log.asked.digest,
            detected=detected,
            head=head,
            head_size=head_size,
            position=Position(),
            size=-2,
            mtime_ns=-2,
            entries=0,
            bad=0,
            truncated=False,
        )

    def _reopen(self, known: Checkpoint) -> Checkpoint:
        """Go on with a reading: a last line that was not complete is read again, so it no longer counts."""
        where = (known.file_id, known.position.offset)
        count = self.store.ledger.rows("SELECT count(*) AS n FROM quarantine WHERE file_id = ? AND offset >= ? AND reason = 'partial_line'", where)[0]["n"]
        if count == 0:
            return known
        reading = replace(known, entries=known.entries - count, bad=known.bad - count)
        with self.store.ledger.transaction() as connection:
            self._lease.confirm(connection)
            connection.execute("DELETE FROM quarantine WHERE file_id = ? AND offset >= ? AND reason = 'partial_line'", where)
            connection.execute("UPDATE files SET entries = ?, bad = ?, size = -2 WHERE file_id = ?", (reading.entries, reading.bad, reading.file_id))
        return reading

    def _replace(self, log: LogFile, detected: Detected) -> None:
        """A file whose shaping changed: the records of its lines that were shaped otherwise make way for new ones."""
        seen: list[set[bytes] | None] = [set(), set()] if log.keep_duplicates else [None, None]
        by_line, in_file = [np.empty((0, 2), dtype="<u8")], [np.empty((0, 2), dtype="<u8")]
        for chunk in read_log(log.path, log.shaping, detected, name=log.name):  # a line that is a record of its own in each file has another key
            by_line.append(tables.key_array(numbered(chunk.records, seen[0]).column("key")).copy())
            in_file.append(tables.key_array(numbered(keys_in_file(chunk.records, log.name), seen[1]).column("key")).copy())
        foreign = self._shaped_otherwise(log)
        drop_given(self.store, foreign, KeyIndex.of([*by_line, *in_file]), confirm=self._lease.confirm)
        before, after = (by_line, in_file) if log.by_file else (in_file, by_line)
        move_labels(self.store, np.concatenate(before), np.concatenate(after), foreign, confirm=self._lease.confirm)
        self._load_keys()

    def _shaped_otherwise(self, log: LogFile) -> set[int]:
        """Readings that shaped their lines in another way than this run asks, except those of this run's other files."""
        others = self._names - {log.name}
        rows = self.store.ledger.rows("SELECT file_id, path, current FROM files WHERE shaping != ?", (log.asked.digest,))
        return {row["file_id"] for row in rows if not (row["current"] and row["path"] in others)}

    def _settle(self, logs: Sequence[LogFile]) -> None:
        """Read a file again where lines of it stand in the store as another run's mapping shaped them, or nowhere."""
        for log in logs:
            reading = self._known(log.name)
            seen = self._sighted_keys(reading) if reading is not None else np.empty((0, 2))
            if reading is not None and len(seen) and (self._is_lost(seen) or self._is_shaped_otherwise(log, seen)):
                self._load_keys()
                self._read(log, "reshaped", reading)
                self._commit()

    def _sighted_keys(self, reading: Checkpoint) -> np.ndarray:
        """The keys of this reading's lines whose record another line gave."""
        return tables.key_array(self.store.sightings([reading.file_id]).column("key")).copy()

    def _is_lost(self, seen: np.ndarray) -> bool:
        """Whether a key is neither stored nor forgotten: its record made way for a reading that was then stopped."""
        return not (KeyIndex(self.store.key_files()).contains(seen) | KeyIndex(self.store.tombstone_files()).contains(seen)).all()

    def _is_shaped_otherwise(self, log: LogFile, seen: np.ndarray) -> bool:
        return holds_any(self.store, self._shaped_otherwise(log), KeyIndex.of([seen]))

    def _load_keys(self) -> None:
        self._keys = KeyIndex(self.store.key_files())
        self._forgotten = KeyIndex(self.store.tombstone_files())

    def _was_forgotten(self, keys: pa.Array) -> list[bool]:
        return list(self._forgotten.contains(tables.key_array(keys)).tolist())

    def _seen_keys(self, reading: Checkpoint) -> set[bytes]:
        """The keys that the lines of this reading had so far."""
        seen = {key.tobytes() for key in self._sighted_keys(reading)}
        for shard in self.store.shards():
            if reading.file_id in shard.members:
                table = tables.read_parquet(self.store.records_path(shard.name), ["key", "file_id"])
                seen.update(table.filter(pc.equal(table["file_id"], reading.file_id)).column("key").to_pylist())
        return seen

    def _take(self, log: LogFile, chunk: Chunk, reading: Checkpoint, seen: set[bytes] | None) -> Checkpoint:
        """Sort the rows of a chunk into new records and sightings."""
        records, labels = keyed(chunk.records, chunk.labels, log.name, by_file=log.by_file, forgotten=self._was_forgotten if len(self._forgotten) else None)
        records = numbered(records, seen)
        keys = tables.key_array(records.column("key"))
        forgotten = self._forgotten.contains(keys)
        new = first_occurrences(keys) & ~self._keys.contains(keys) & ~forgotten
        if not new.all():
            self._pending.sightings.append(_sightings(records, ~new, reading.file_id))
        fresh = records if new.all() else records.filter(pa.array(new))
        if fresh.num_rows:
            self._keys.add(keys[new])
            stored = batch.add_hashes(fresh, reading.file_id)
            self._pending.tables.append(log.redact(stored) if log.redact is not None else stored)
        gone = set(records.filter(pa.array(forgotten)).column("key").to_pylist()) if forgotten.any() else set()
        self._pending.labels += [label for label in labels if label.key not in gone]
        self._pending.bad += [(reading.file_id, _redacted(log, bad)) for bad in chunk.bad]
        self.new_records += fresh.num_rows
        self.listener.advance(max(0, chunk.position.offset - reading.position.offset), fresh.num_rows)
        moved = reading.moved(position=chunk.position, entries=records.num_rows + len(chunk.bad), bad=len(chunk.bad), truncated=chunk.truncated)
        self._pending.files[reading.file_id] = moved
        if chunk.truncated:
            self.listener.note(f"{log.name} ends early: {chunk.reason or 'its last line is not complete'}; all whole lines before that are used")
        return moved

    # Making it valid ----------------------------------------------------------------------------

    def _commit(self) -> None:
        """Write what is pending, and make it valid in one transaction."""
        pending, self._pending = self._pending, _Pending()
        if not pending.files:
            return
        table = pa.concat_tables(pending.tables).combine_chunks() if pending.tables else None
        pending.tables.clear()  # the parts are as large as the whole
        shard = self._write_shard(table) if table is not None else None
        sightings = pa.concat_tables(pending.sightings) if pending.sightings else None
        sighted = self._write_sightings(sightings) if sightings is not None else ""
        self._write_quarantine(pending.bad)
        with self.store.ledger.transaction() as connection:
            self._lease.confirm(connection)
            if shard is not None:
                connection.execute(
                    "INSERT INTO shards (name, rows, present, sequence) SELECT ?, ?, ?, COALESCE(MAX(sequence), 0) + 1 FROM shards",
                    (shard.name, shard.rows, json.dumps(sorted(shard.present))),
                )
                connection.executemany("INSERT INTO members VALUES (?,?,?)", [(shard.name, file_id, rows) for file_id, rows in shard.members.items()])
            if sightings is not None:
                connection.executemany("INSERT OR REPLACE INTO sightings VALUES (?,?,?)", [(sighted, *item) for item in _count(sightings).items()])
            connection.executemany(
                "INSERT OR REPLACE INTO quarantine VALUES (?,?,?,?,?)",
                [(file_id, bad.line, bad.offset, bad.digest, bad.reason) for file_id, bad in pending.bad],
            )
            self.store.ledger.add_labels(connection, pending.labels)
            connection.executemany(
                "UPDATE files SET position=?, size=?, mtime_ns=?, entries=?, bad=?, truncated=? WHERE file_id=?",
                [
                    (reading.position.to_json(), reading.size, reading.mtime_ns, reading.entries, reading.bad, reading.truncated, file_id)
                    for file_id, reading in pending.files.items()
                ],
            )
        if shard is not None:
            self._keys.publish(self.store.root / "keys" / f"{shard.name}.keys")
            self.on_shard(shard)

    def _write_shard(self, table: pa.Table) -> Shard:
        name = tables.shard_name(table)
        tables.write_records(self.store.root, name, table)
        return Shard(name, table.num_rows, _count(table), frozenset(tables.present_columns(table)))

    def _write_sightings(self, sightings: pa.Table) -> str:
        name = tables.digest_rows(sightings)
        tables.write_parquet(self.store.root / "sightings" / f"{name}.parquet", sightings)
        return name

    def _write_quarantine(self, bad: Sequence[tuple[int, BadLine]]) -> None:
        """One file a commit: JSON lines that say where each line stands and why it was refused."""
        by_file: dict[int, list[BadLine]] = {}
        for file_id, line in bad:
            by_file.setdefault(file_id, []).append(line)
        for file_id, lines in by_file.items():
            text = "".join(quarantine_line(line) + "\n" for line in lines)
            path = self.store.root / "quarantine" / f"{file_id:06d}-{lines[0].line:010d}.jsonl"
            tables.publish(path, lambda file, text=text: file.write(text.encode()))  # type: ignore[misc]


def _redacted(log: LogFile, bad: BadLine) -> BadLine:
    if log.redact is None:
        return bad
    return replace(bad, excerpt=log.redact.text(bad.excerpt), message=log.redact.text(bad.message))


def _sightings(records: pa.Table, mask: np.ndarray, file_id: int) -> pa.Table:
    rows = records.select(["key", "source"]).filter(pa.array(mask))
    line = pc.struct_field(rows.column("source"), "line")
    return pa.table([rows.column("key"), pa.array(np.full(rows.num_rows, file_id, dtype=np.int32)), line], schema=tables.SIGHTINGS)


def _count(table: pa.Table) -> dict[int, int]:
    ids, counts = np.unique(table.column("file_id").to_numpy(), return_counts=True)
    return dict(zip(ids.tolist(), counts.tolist(), strict=True))
