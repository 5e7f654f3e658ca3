"""What a store holds beside the logs of a run: records of another project, and records that stand in two files."""

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from judgecli.errors import UsageError
from judgecli.schema import FILE
from judgecli.store import tables
from judgecli.store.filters import reads_file
from judgecli.store.folder import Store

CONFIG = "config:"  # meta: every judge.yaml that a run of this store had
MOST = 3  # folders that are named


def other_projects(store: Store, file_ids: Sequence[int], config: Path | None, logs: Sequence[str] = ()) -> list[str]:
    """Sentences that name the folders and the judge.yaml that other records of the store come from; none where there are none.

    Logs below the store's own folder are of one project, as are folders that lie in each other and the `logs` of judge.yaml.
    """
    base = store.root.resolve().parent
    rows = store.ledger.rows("SELECT file_id, path, sum(rows) AS rows FROM files JOIN members USING (file_id) WHERE path != '-' GROUP BY file_id, path")
    mine = set(file_ids)
    own = {_folder(row["path"], base) for row in store.ledger.rows("SELECT file_id, path FROM files WHERE path != '-'") if row["file_id"] in mine}
    own |= {Path(re.split(r"[*?\[]", log)[0]).resolve() for log in logs} if own else set()
    foreign: dict[Path, int] = {}
    for row in rows:
        folder = _folder(row["path"], base)
        if own and row["file_id"] not in mine and not any(folder.is_relative_to(one) or one.is_relative_to(folder) for one in own):
            foreign[folder] = foreign.get(folder, 0) + int(row["rows"])
    found = []
    if foreign:
        named = ", ".join(f"{rows:,} of {folder}" for folder, rows in sorted(foreign.items())[:MOST])
        more = f" and of {len(foreign) - MOST:,} more folders" if len(foreign) > MOST else ""
        found.append(f"the store {store.root} also holds records of other logs: {named}{more}; {_ADVICE}")
    others = _other_configs(store, config)
    if others:
        found.append(f"the store {store.root} was used with another judge.yaml too: {', '.join(others[:MOST])}; {_ADVICE}")
    return found


_ADVICE = "what is asked of all records (signals, report, drift) counts them too; --store or store: in judge.yaml gives this project a store of its own"


def _folder(path: str, base: Path) -> Path:
    """The store's own folder for logs below it, else the folder of the log."""
    return Path(path).parent if Path(path).is_absolute() else base


def _other_configs(store: Store, config: Path | None) -> list[str]:
    """The other judge.yaml files of earlier runs; enters this one."""
    if config is None:
        return []
    own = str(config.resolve())
    with store.ledger.transaction() as connection:
        connection.execute("INSERT OR IGNORE INTO meta VALUES (?, '')", (CONFIG + own,))
    known = [str(row["name"]).removeprefix(CONFIG) for row in store.ledger.rows("SELECT name FROM meta WHERE substr(name, 1, ?) = ?", (len(CONFIG), CONFIG))]
    return sorted(path for path in known if path != own and Path(path).exists())


@dataclass(frozen=True)
class Repeated:
    """Lines of some readings whose record another line gave.

    `equal`: of each reading (lines that are equal to an earlier line of it, all its lines that gave records).
    `shared`: (file, other, records) where records of a reading stand in another file too, which gave them first.
    """

    equal: Mapping[int, tuple[int, int]]
    shared: Sequence[tuple[str, str, int]]


def repeated_lines(store: Store, file_ids: Sequence[int]) -> Repeated:
    """What these readings repeat. A file of the store that is not there is passed over: what needs its records says so."""
    wanted = sorted(set(file_ids))
    lines = {file_id: sum(shard.members.get(file_id, 0) for shard in store.shards()) for file_id in wanted}
    seen = store.sightings(wanted)
    if not seen.num_rows:
        return Repeated({file_id: (0, own) for file_id, own in lines.items()}, [])
    times = seen.group_by(["file_id", "key"]).aggregate([([], "count_all")])
    firsts = {**dict.fromkeys(times.column("key").to_pylist()), **_first_files(store, times.column("key"))}
    equal = {file_id: [0, own] for file_id, own in lines.items()}
    counts: Counter[tuple[int, int]] = Counter()
    for file_id, key, count in zip(*(times.column(name).to_pylist() for name in ("file_id", "key", "count_all")), strict=True):
        first = firsts[key]
        equal[file_id][0] += count - (first != file_id)
        equal[file_id][1] += count
        counts[file_id, first or file_id] += first not in (None, file_id)
    paths = {row["file_id"]: str(row["path"]) for row in store.ledger.rows("SELECT file_id, path FROM files")}
    shared = [(paths[file], paths[first], count) for (file, first), count in sorted(counts.items()) if count and paths[file] != paths[first]]
    return Repeated({file_id: (same, own) for file_id, (same, own) in equal.items()}, shared)


def _first_files(store: Store, keys: pa.ChunkedArray) -> dict[bytes, int]:
    """The reading that gave the record of each of these keys."""
    found: dict[bytes, int] = {}
    for shard in store.shards():
        try:
            table = tables.read_parquet(store.records_path(shard.name), ["key", "file_id"])
        except FileNotFoundError:
            continue
        table = table.filter(pc.is_in(table.column("key"), value_set=keys.combine_chunks()))
        found.update(zip(table.column("key").to_pylist(), table.column("file_id").to_pylist(), strict=True))
    return found


def check_files_apart(store: Store, columns: Collection[str | None], where: str | None = None) -> None:
    """Refuse to tell files apart, by these columns or by checked SQL, where records stand in two of them and count with the first alone.

    Then no number of one file is right. Raises: UsageError.
    """
    if FILE not in columns and not reads_file(where or ""):
        return
    current = [row["file_id"] for row in store.ledger.rows("SELECT file_id FROM files WHERE current = 1")]
    shared = repeated_lines(store, current).shared
    if shared:
        file, first, count = shared[0]
        raise UsageError(
            f"records cannot be told apart by file: {count:,} of {file} also stand in {first} and count once, with the first",
            hint="write policy: [file] into judge.yaml and run judge score on the logs again: equal lines then count in each file",
        )
