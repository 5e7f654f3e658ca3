"""What a store holds beside the logs of a run: records of another project, and records that stand in two files."""

import re
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from judgecli.store import tables
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


def shared_records(store: Store, file_ids: Sequence[int]) -> list[tuple[str, str, int]]:
    """(file, other, records) where records of these files stand in another file too, which gave them first: they count once, with it."""
    seen = store.sightings(file_ids)
    if not seen.num_rows:
        return []
    second: dict[bytes, set[int]] = {}
    for key, file_id in zip(seen.column("key").to_pylist(), seen.column("file_id").to_pylist(), strict=True):
        second.setdefault(key, set()).add(file_id)
    counts: dict[tuple[int, int], int] = {}
    for shard in store.shards():
        table = tables.read_parquet(store.records_path(shard.name), ["key", "file_id"])
        table = table.filter(pc.is_in(table.column("key"), value_set=pa.array(second, table.schema.field("key").type)))
        for key, first in zip(table.column("key").to_pylist(), table.column("file_id").to_pylist(), strict=True):
            for other in second.get(key, ()):
                if other != first:
                    counts[other, first] = counts.get((other, first), 0) + 1
    paths = {row["file_id"]: str(row["path"]) for row in store.ledger.rows("SELECT file_id, path FROM files")}
    return [(paths[file], paths[first], count) for (file, first), count in sorted(counts.items()) if paths[file] != paths[first]]
