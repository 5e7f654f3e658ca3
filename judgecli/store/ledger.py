"""The ledger: what cost money or a person, and what is valid in the store. SQLite, WAL, synchronous=FULL.

Tables: `files` (one row a reading of a log file, with its checkpoint), `shards` (the live record
shards), `members` (rows of a file in a shard), `sightings` (lines whose record another line already
gave), `tombstones`, `quarantine`, `labels`, `runs`, `leases`, and of judges (replies.py) `replies`
(one raw answer a question), `spend` (calls, tokens and cost of each run) and `comparisons` (comparisons.py). A shard, its keys and the
checkpoints that it covers become valid in one transaction.

A ledger of an older schema is copied to ledger-vN.db before it is changed, in one transaction.
"""

import json
import os
import re
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from judgecli.errors import EnvironmentFailure, StoreBusy, StoreCorrupt, StoreError
from judgecli.schema import Label

CREDENTIALS = re.compile(r"//[^/\s@'\"]*@")
SCHEMA_VERSION = 3  # 2: replies, spend; 3: attempts, monitor, anchors
APPLICATION = 0x6A756467  # "judg": tells our file from another program's
BUSY_TIMEOUT_S = 60.0
CACHE_KB = 16_000
CHECKPOINT_PAGES = 8_000  # of 4 kB

TABLES = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS files (
    file_id INTEGER PRIMARY KEY, path TEXT NOT NULL, generation INTEGER NOT NULL, current INTEGER NOT NULL,
    shaping TEXT NOT NULL, detected TEXT NOT NULL, head TEXT NOT NULL, head_size INTEGER NOT NULL,
    position TEXT NOT NULL, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
    entries INTEGER NOT NULL, bad INTEGER NOT NULL, truncated INTEGER NOT NULL, UNIQUE (path, generation));
CREATE TABLE IF NOT EXISTS shards (name TEXT PRIMARY KEY, rows INTEGER NOT NULL, present TEXT NOT NULL, sequence INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS members (shard TEXT NOT NULL, file_id INTEGER NOT NULL, rows INTEGER NOT NULL, PRIMARY KEY (shard, file_id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS sightings (name TEXT NOT NULL, file_id INTEGER NOT NULL, rows INTEGER NOT NULL, PRIMARY KEY (name, file_id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS tombstones (name TEXT PRIMARY KEY, keys INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS quarantine (
    file_id INTEGER NOT NULL, line INTEGER NOT NULL, offset INTEGER NOT NULL, digest TEXT NOT NULL, reason TEXT NOT NULL,
    PRIMARY KEY (file_id, offset, line, digest)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS labels (
    target BLOB NOT NULL, name TEXT NOT NULL, rater TEXT NOT NULL, unit TEXT NOT NULL, record_id TEXT, rater_kind TEXT NOT NULL,
    value REAL, label TEXT, comment TEXT, time TEXT, rubric_version TEXT, seconds_taken REAL, shown_order TEXT, selection_probability REAL,
    PRIMARY KEY (target, name, rater)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS runs (
    run_id INTEGER PRIMARY KEY, started TEXT NOT NULL, finished TEXT, command TEXT NOT NULL, logs TEXT NOT NULL, file_ids TEXT NOT NULL,
    metrics TEXT NOT NULL, result TEXT);
CREATE TABLE IF NOT EXISTS leases (name TEXT PRIMARY KEY, holder TEXT NOT NULL, pid INTEGER NOT NULL, heartbeat REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS replies (
    key BLOB PRIMARY KEY, body BLOB NOT NULL, mode TEXT NOT NULL, rubric TEXT NOT NULL, model TEXT NOT NULL, served TEXT,
    tokens_in INTEGER NOT NULL, tokens_out INTEGER NOT NULL, tokens_cached INTEGER NOT NULL, cost REAL, finish TEXT,
    draw INTEGER NOT NULL, time TEXT NOT NULL, run_id INTEGER NOT NULL, purpose TEXT NOT NULL, target BLOB);
CREATE TABLE IF NOT EXISTS spend (
    run_id INTEGER NOT NULL, rubric TEXT NOT NULL, model TEXT NOT NULL, served TEXT NOT NULL, purpose TEXT NOT NULL, calls INTEGER NOT NULL,
    tokens_in INTEGER NOT NULL, tokens_out INTEGER NOT NULL, tokens_cached INTEGER NOT NULL, cost REAL NOT NULL, unpriced INTEGER NOT NULL,
    PRIMARY KEY (run_id, rubric, model, served, purpose)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS attempts (
    baseline TEXT NOT NULL, gate TEXT NOT NULL, candidate TEXT NOT NULL, evidence TEXT NOT NULL, verdict TEXT NOT NULL, time TEXT NOT NULL,
    PRIMARY KEY (baseline, gate, candidate, evidence)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS comparisons (
    identity TEXT NOT NULL, key BLOB NOT NULL, metric TEXT NOT NULL, unit TEXT NOT NULL, prompt INTEGER NOT NULL, members BLOB NOT NULL, places BLOB NOT NULL,
    value REAL, label TEXT, reason TEXT, explanation TEXT, detail TEXT, served_model TEXT, run_id INTEGER NOT NULL, PRIMARY KEY (identity, key)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS anchors (
    name TEXT NOT NULL, outputs TEXT NOT NULL, window TEXT NOT NULL, identity TEXT NOT NULL, place INTEGER NOT NULL, z REAL, reason TEXT, served TEXT,
    run_id INTEGER NOT NULL, PRIMARY KEY (name, outputs, window, identity, place)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS monitor (plan TEXT NOT NULL, closed INTEGER, state BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS monitor_shards (shard TEXT PRIMARY KEY, first INTEGER, last INTEGER, closed INTEGER) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS alarms (
    id TEXT PRIMARY KEY, chart TEXT NOT NULL, since INTEGER NOT NULL, document TEXT NOT NULL, closed TEXT, comment TEXT, accepted INTEGER NOT NULL, sent TEXT)
    WITHOUT ROWID;
"""


class Ledger:
    """An open ledger.db. Every method is one short transaction, or runs inside `transaction()`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._translated():
            self._connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
            try:
                self._prepare()
            except BaseException:
                self._connection.close()
                raise

    def _prepare(self) -> None:
        connection = self._connection
        connection.row_factory = sqlite3.Row
        version = self._check_origin()  # before anything is written: a file that is not ours stays as it is
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA cell_size_check=ON")
        connection.execute(f"PRAGMA cache_size=-{CACHE_KB}")
        connection.execute(f"PRAGMA wal_autocheckpoint={CHECKPOINT_PAGES}")  # a checkpoint holds up the commits behind it
        if 0 < version < SCHEMA_VERSION:
            self._back_up(version)
        if version < SCHEMA_VERSION:
            with self.transaction():
                for statement in TABLES.split(";\n"):
                    if statement.strip():
                        connection.execute(statement)
                connection.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
                connection.execute(f"PRAGMA application_id={APPLICATION}")

    def _back_up(self, version: int) -> None:
        """Copy a ledger of an older schema to ledger-vN.db; a copy that was cut off is made again. Raises: EnvironmentFailure."""
        target = self.path.with_name(f"{self.path.stem}-v{version}{self.path.suffix}")
        temporary = target.with_name(f".{target.name}.{os.getpid()}-{os.urandom(3).hex()}.tmp")
        try:
            self._connection.execute("VACUUM INTO ?", (str(temporary),))
            temporary.chmod(0o600)
            with closing(sqlite3.connect(temporary)) as copy:
                is_old = copy.execute("PRAGMA user_version").fetchone()[0] == version
            with open(temporary, "rb") as file:
                os.fsync(file.fileno())
            if is_old:  # else another process changed the ledger just now, and made the copy
                os.replace(temporary, target)
        except OSError as error:
            raise EnvironmentFailure(f"cannot write {target}: {error.strerror}", hint="free some disk space; the ledger is as it was") from error
        finally:
            temporary.unlink(missing_ok=True)

    def _check_origin(self) -> int:
        """The schema version of the file. Raises: StoreError where another program or a newer judge made it."""
        tables, application, version = (  # in this order: another process may make the tables just now
            self._connection.execute(query).fetchone()[0] for query in ("SELECT count(*) FROM sqlite_master", "PRAGMA application_id", "PRAGMA user_version")
        )
        if tables and application != APPLICATION:
            raise StoreError(f"{self.path} was not made by judge", hint="name another store with --store DIR; the file was not touched")
        if version > SCHEMA_VERSION:
            raise StoreError(
                f"{self.path} was written by a newer judge (schema {version}, this one knows {SCHEMA_VERSION})",
                hint="upgrade judgecli, or name another store with --store DIR",
            )
        return int(version)

    @contextmanager
    def readable(self) -> Iterator[None]:
        """What is read in here must make sense. Raises: StoreCorrupt where it does not."""
        try:
            yield
        except (ValueError, LookupError, TypeError) as error:  # a row of another shape raises IndexError
            raise StoreCorrupt(f"{self.path} is damaged: {type(error).__name__}: {error}", hint=salvage_hint(self.path)) from error

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """A write transaction: all of it is stored, or nothing."""
        with self._translated():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:  # a full disk has already rolled back
                    self._connection.execute("ROLLBACK")
                raise

    def rows(self, query: str, parameters: Sequence[object] = ()) -> list[sqlite3.Row]:
        """The rows of a read."""
        with self._translated():
            return self._connection.execute(query, parameters).fetchall()

    def close(self) -> None:
        """Close; a half-done transaction is rolled back by SQLite."""
        self._connection.close()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise _explain(error, self.path) from error

    # Labels -------------------------------------------------------------------------------------

    def add_labels(self, connection: sqlite3.Connection, labels: Sequence[Label]) -> None:
        """Store labels inside a transaction; a later one of the same (key, name, rater) replaces the earlier."""
        connection.executemany(
            "INSERT OR REPLACE INTO labels (target, name, rater, unit, record_id, rater_kind, value, label, comment, time, selection_probability) "
            "VALUES (?,?,?,'record',?,?,?,?,?,?,?)",
            [
                (
                    label.key,
                    label.name,
                    label.rater,
                    label.record_id,
                    label.rater_kind,
                    label.value,
                    label.label,
                    label.comment,
                    label.time.isoformat() if label.time else None,
                    label.selection_probability,
                )
                for label in labels
            ],
        )

    # Runs ---------------------------------------------------------------------------------------

    def start_run(self, *, command: str, logs: Sequence[str], now: str) -> int:
        """Note that a run began; returns its id. What a typed address holds before its `@` (user, password) is not kept."""
        command = CREDENTIALS.sub("//***@", command)
        with self.transaction() as connection:
            cursor = connection.execute(
                "INSERT INTO runs (started, command, logs, file_ids, metrics) VALUES (?,?,?,'[]','{}')", (now, command, json.dumps(list(logs)))
            )
            return int(cursor.lastrowid or 0)

    def finish_run(self, run_id: int, *, file_ids: Sequence[int], metrics: dict[str, str], result: str, now: str) -> None:
        """Note what a run covered (files, metric -> identity) and its result as JSON."""
        with self.transaction() as connection:
            connection.execute(
                "UPDATE runs SET finished=?, file_ids=?, metrics=?, result=? WHERE run_id=?",
                (now, json.dumps(list(file_ids)), json.dumps(metrics), result, run_id),
            )


def _explain(error: sqlite3.Error, path: Path) -> EnvironmentFailure:
    """The failure behind an SQLite error, with what to do about it."""
    text = str(error)
    name = getattr(error, "sqlite_errorname", "") or ""
    if "FULL" in name or "disk is full" in text or ("IOERR" in name and "WRITE" in name) or ("IOERR" in name and not _has_space(path)):
        return EnvironmentFailure(f"cannot write {path}: {text}", hint="free some disk space and run the same command again; what was committed is kept")
    if "BUSY" in name or "LOCKED" in name:
        return StoreBusy(f"{path} has been busy for {BUSY_TIMEOUT_S:.0f} s", hint="another judge is writing; run again when it is done")
    if name.startswith("SQLITE_READONLY") or "CANTOPEN" in name or "PERM" in name:
        return StoreError(f"cannot open {path} for writing: {text}", hint="check the permissions of the store's folder, or name another with --store DIR")
    if "CORRUPT" in name or "NOTADB" in name or "malformed" in text:
        return StoreCorrupt(f"{path} is damaged: {text}", hint=salvage_hint(path))
    return StoreError(f"{path}: {text}", hint="judge store verify looks for damage; nothing was overwritten")


def salvage_hint(path: Path) -> str:
    """How to get at what a damaged ledger still holds."""
    recovered = path.with_name("ledger-recovered.db")
    return f"nothing was overwritten; salvage with: sqlite3 {path} .recover | sqlite3 {recovered}; or move the store away and score again"


def lost_hint(path: Path) -> str:
    """What to do where the ledger is gone."""
    return f"put {path.name} back from a copy; or move the store away and score the logs again (labels are lost)"


def _has_space(path: Path) -> bool:
    try:
        free = os.statvfs(path.parent)
    except OSError:
        return True
    return free.f_bavail * free.f_frsize > 1 << 20


class Lease:
    """The exclusive right to change which shards are live; renewed by use, lost after `LIFE_S` without a sign of life."""

    LIFE_S = 60.0
    RENEW_S = 5.0

    def __init__(self, ledger: Ledger, name: str = "intake") -> None:
        self.ledger = ledger
        self.name = name
        self.holder = f"{os.getpid()}-{_process_start(os.getpid())}-{os.urandom(6).hex()}"
        self._renewed = 0.0

    def try_acquire(self) -> int | None:
        """Take the lease if it is free, expired or its holder is gone. Returns None, or the pid that holds it."""
        with self.ledger.transaction() as connection:
            row = connection.execute("SELECT holder, pid, heartbeat FROM leases WHERE name=?", (self.name,)).fetchone()
            if row is not None and row["holder"] != self.holder and _is_held(row):
                return int(row["pid"])
            self._write(connection)
        return None

    def renew(self) -> None:
        """Show a sign of life, at most every few seconds. Raises: StoreBusy where the lease was lost."""
        if time.monotonic() - self._renewed >= self.RENEW_S:
            with self.ledger.transaction() as connection:
                self.confirm(connection)

    def confirm(self, connection: sqlite3.Connection) -> None:
        """Inside a transaction: make sure that we still hold the lease, and renew it."""
        row = connection.execute("SELECT holder FROM leases WHERE name=?", (self.name,)).fetchone()
        if row is None or row["holder"] != self.holder:
            raise StoreBusy("another judge took over the store while this one stood still", hint="run the same command again; nothing is lost")
        self._write(connection)

    def release(self) -> None:
        """Give the lease back."""
        with self.ledger.transaction() as connection:
            connection.execute("DELETE FROM leases WHERE name=? AND holder=?", (self.name, self.holder))

    def _write(self, connection: sqlite3.Connection) -> None:
        connection.execute("INSERT OR REPLACE INTO leases VALUES (?,?,?,?)", (self.name, self.holder, os.getpid(), time.time()))
        self._renewed = time.monotonic()


def _is_held(row: sqlite3.Row) -> bool:
    if time.time() - row["heartbeat"] > Lease.LIFE_S:
        return False
    pid, started = row["holder"].split("-")[:2]
    return bool(started == "unknown" or _process_start(int(pid)) == started)


def _process_start(pid: int) -> str:
    """When a process began, as the kernel counts it: tells a live holder from a number used again."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return "unknown" if not Path("/proc/self/stat").exists() else "gone"
