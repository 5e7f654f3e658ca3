"""The store's folder: made private at birth, opened with checks, read as snapshots.

.judge/  ledger.db  records/  scores/  keys/  sightings/  quarantine/  .gitignore
"""

import contextlib
import json
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from judgecli.errors import EnvironmentFailure, StoreCorrupt, StoreError
from judgecli.store import tables
from judgecli.store.journal import take_over
from judgecli.store.ledger import Ledger, lost_hint

FOLDERS = ("records", "scores", "keys", "sightings", "quarantine")


@dataclass(frozen=True)
class Shard:
    """A live record shard: `members` counts its rows by file, `present` lists the columns that hold something."""

    name: str
    rows: int
    members: dict[int, int]
    present: frozenset[str]


class Store:
    """An open store. Raises on opening: StoreError, StoreCorrupt, EnvironmentFailure."""

    def __init__(self, root: Path, *, create: bool = True) -> None:
        self.root = root
        self._databases: dict[str, Any] = {}  # by the memory that each may take
        if re.match(r"[a-z][a-z0-9+]+://", str(root).replace(":/", "://")):
            raise StoreError(f"the store {root} is not a local folder", hint="object stores come in a later version; name a folder with --store DIR")
        if not (root / "ledger.db").exists() and not create:
            raise StoreError(f"there is no store at {root}", hint="judge score LOGS makes one; or name another with --store DIR")
        self._make_folders()
        self._check_ledger()
        with contextlib.suppress(OSError):  # private before SQLite makes its files beside it, which take its permissions over
            os.close(os.open(root / "ledger.db", os.O_WRONLY | os.O_CREAT, 0o600))
        self.ledger = Ledger(root / "ledger.db")
        os.chmod(root / "ledger.db", 0o600)
        with contextlib.suppress(EnvironmentFailure):  # a full disk or another writer: reading goes on, and who asks a judge does it first
            take_over(self.ledger)

    def _make_folders(self) -> None:
        try:
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not (self.root / "ledger.db").exists():  # a store is born here: private, also in a folder that was there and under any umask
                os.chmod(self.root, 0o700)
            for folder in FOLDERS:
                if not (self.root / folder).is_dir():
                    (self.root / folder).mkdir(mode=0o700, exist_ok=True)
                    os.chmod(self.root / folder, 0o700)
            ignore = self.root / ".gitignore"
            if not ignore.exists():
                ignore.write_text("*\n")
        except OSError as error:
            raise EnvironmentFailure(
                f"cannot make the store {self.root}: {error.strerror}", hint="check the permissions, free space, or name another with --store DIR"
            ) from error

    def _check_ledger(self) -> None:
        """Where there are records, an empty or missing ledger is a loss, not a birth."""
        path = self.root / "ledger.db"
        empty = not path.exists() or path.stat().st_size == 0
        if empty and not path.with_name("ledger.db-wal").exists() and any(not found.name.startswith(".") for found in (self.root / "records").iterdir()):
            raise StoreCorrupt(f"{path} is {'empty' if path.exists() else 'missing'}, but the store holds records", hint=lost_hint(path))

    def __enter__(self) -> "Store":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the ledger and the databases that were opened for queries."""
        for database in self._databases.values():
            database.close()
        self.ledger.close()

    def connect(self, *, memory: str = "80%") -> Any:
        """A DuckDB connection of its own; those of a store with one limit share a database in memory, for opening one takes 20 ms.

        `memory` bounds them together; what needs more is spilled to the store's .duckdb folder.
        """
        if memory not in self._databases:
            import duckdb

            database = self._databases[memory] = duckdb.connect()
            database.execute("SET temp_directory = ?", [str(self.root / ".duckdb")])
            database.execute("SET threads = 2")
            database.execute(f"SET memory_limit = '{memory}'")  # of the database: another connection's limit would become everybody's
        connection = self._databases[memory].cursor()
        connection.execute("SET preserve_insertion_order = true")
        connection.execute("SET TimeZone = 'UTC'")  # a filter's time that names no zone is UTC, whatever the machine's own
        return connection

    def shards(self) -> list[Shard]:
        """The live shards in the order of their arrival."""
        members: dict[str, dict[int, int]] = {}
        for row in self.ledger.rows("SELECT shard, file_id, rows FROM members"):
            members.setdefault(row["shard"], {})[row["file_id"]] = row["rows"]
        found = self.ledger.rows("SELECT name, rows, present FROM shards ORDER BY sequence, name")
        with self.ledger.readable():
            return [Shard(row["name"], row["rows"], members.get(row["name"], {}), frozenset(json.loads(row["present"]))) for row in found]

    def records_path(self, shard: str) -> Path:
        """Where a shard's records stand."""
        return self.root / "records" / f"{shard}.parquet"

    def key_files(self) -> list[Path]:
        """The key files of the live shards."""
        return [self.root / "keys" / f"{row['name']}.keys" for row in self.ledger.rows("SELECT name FROM shards")]

    def tombstone_files(self) -> list[Path]:
        """The key files of forgotten records."""
        return [self.root / "keys" / f"{row['name']}.keys" for row in self.ledger.rows("SELECT name FROM tombstones")]

    def tombstones(self) -> np.ndarray:
        """The keys of all forgotten records, N x 2 uint64."""
        return np.concatenate([np.empty((0, 2), dtype="<u8"), *(tables.read_keys(path) for path in self.tombstone_files())])

    def sightings(self, file_ids: Iterable[int]) -> pa.Table:
        """The lines of these log files whose record another line gave: key, file_id, line. Raises: StoreCorrupt."""
        wanted = set(file_ids)
        rows = self.ledger.rows("SELECT name, file_id FROM sightings")
        parts = [self._read_sightings(name) for name in sorted({row["name"] for row in rows if row["file_id"] in wanted})]
        table = pa.concat_tables([tables.NO_SIGHTINGS, *(part.cast(tables.SIGHTINGS) for part in parts)])
        return table.filter(pa.array(np.isin(table.column("file_id").to_numpy(), list(wanted)))).combine_chunks()

    def _read_sightings(self, name: str) -> pa.Table:
        path = self.root / "sightings" / f"{name}.parquet"
        try:
            return tables.read_parquet(path)
        except FileNotFoundError as error:  # only files that the ledger does not name are ever deleted
            raise StoreCorrupt(
                f"{path} is missing", hint="nothing was overwritten; move the store away and score the logs again, or bring the file back"
            ) from error

    def files_named(self, paths: Iterable[str]) -> list[int]:
        """The ids of the current readings of these log files, in their order."""
        known = {row["path"]: row["file_id"] for row in self.ledger.rows("SELECT path, file_id FROM files WHERE current = 1")}
        return [known[path] for path in paths if path in known]
