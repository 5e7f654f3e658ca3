"""Parquet and key files of the store: written to a temporary name, fsynced, renamed; never changed in place.

records/<shard>.parquet           one row a record (schema.STORED)
scores/<shard>/<group>-<check>.parquet
                                  same rows, same order: NAME, NAME.reason, and NAME.label,
                                  NAME.explanation, NAME.detail, NAME.served_model where given; identities in the metadata
keys/<shard>.keys                 the shard's 16-byte keys, sorted, and a checksum of them
sightings/<name>.parquet          lines whose record another line already gave: key, file_id, line

A flipped bit must not become a number: the pages of Parquet files carry checksums, which pyarrow
checks; DuckDB does not, so the name of a score file ends with the hash of its bytes, checked on opening.
"""

import hashlib
import io
import json
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import IO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from judgecli.errors import EnvironmentFailure, StoreCorrupt
from judgecli.schema import NOTHING, NUMBER_COLUMNS, STORED, unread_name

SIGHTINGS = pa.schema([pa.field("key", pa.binary(16)), pa.field("file_id", pa.int32()), pa.field("line", pa.int64())])
NO_SIGHTINGS = pa.Table.from_batches([], schema=SIGHTINGS)
REPEATING = ["model", "prompt_version", "finish_reason", "session", "user", "source.file", "source.format", "file_id"]  # worth a dictionary
UNREAD = {unread_name(column): column for column in NUMBER_COLUMNS}  # what `imported` holds beside scores
METRICS = b"judge.metrics"
CHECK_BYTES = 16
SALVAGE = "judge store compact makes damaged keys and scores again; where records are damaged, move the store away and score the logs again"
AGAIN = "run the same command again; what was scored is kept. Said twice, a file is lost: judge store verify names it"


@dataclass(frozen=True)
class MetricInfo:
    """What a score file says of one of its metrics: enough to aggregate it without importing the scorer."""

    name: str
    identity: str
    kind: str
    range: tuple[float | None, float | None]
    higher_is_better: bool | None
    version: int


def private(path: str, flags: int) -> int:
    """An opener for files that only their owner reads, whatever the umask."""
    return os.open(path, flags, 0o600)


def publish(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Write a file under a temporary name, fsync it, rename it. Raises: EnvironmentFailure (disk full, permissions)."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{os.urandom(3).hex()}.tmp")
    try:
        with open(temporary, "wb", opener=private) as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        _sync_folder(path.parent)
    except OSError as error:
        raise EnvironmentFailure(
            f"cannot write {path}: {error.strerror or error}", hint="free some disk space or check permissions, and run the same command again"
        ) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_parquet(path: Path, table: pa.Table, *, dictionary: Sequence[str] = ()) -> None:
    """Publish a table as one Parquet file (zstd 1, one row group)."""
    publish(path, lambda file: _write_pages(file, table, dictionary))


def _write_pages(file: IO[bytes], table: pa.Table, dictionary: Sequence[str]) -> None:
    pq.write_table(
        table,
        file,
        compression="zstd",
        compression_level=1,
        use_dictionary=list(dictionary) or False,
        write_statistics=False,
        write_page_checksum=True,
        row_group_size=1 << 20,
    )


def read_parquet(path: Path, columns: Sequence[str] | None = None) -> pa.Table:
    """Read a Parquet file of the store. A named column of records that is younger than the file is null throughout.

    Raises: StoreCorrupt; FileNotFoundError where another process replaced it.
    """
    try:
        if columns is None:
            return pq.read_table(path, use_threads=False, partitioning=None, page_checksum_verification=True)
        found = pq.read_table(path, columns=list(columns), use_threads=False, partitioning=None, page_checksum_verification=True)
        return _with_columns(found, [name for name in columns if name in STORED.names])
    except FileNotFoundError:
        raise
    except (pa.ArrowException, OSError, ValueError) as error:
        raise StoreCorrupt(f"{path} is damaged: {str(error).splitlines()[0]}", hint=SALVAGE) from error


def as_stored(records: pa.Table) -> pa.Table:
    """Records of any age with the columns of today."""
    return _with_columns(records, STORED.names).select(STORED.names).cast(STORED)


def _with_columns(table: pa.Table, names: Sequence[str]) -> pa.Table:
    for name in names:
        if name not in table.column_names:
            table = table.append_column(STORED.field(name), pa.nulls(table.num_rows, STORED.field(name).type))
    return table


def shard_name(table: pa.Table) -> str:
    """A name that follows from content: the keys in order and where they stand (a reading of a file has one shaping)."""
    return digest_rows(table.select(["key", "file_id"]).append_column("line", pc.struct_field(table.column("source"), "line")))


def digest_rows(table: pa.Table) -> str:
    """A name over the columns key, file_id and line."""
    digest = hashlib.blake2b(key_array(table.column("key")).tobytes(), digest_size=12)
    digest.update(np.ascontiguousarray(table.column("file_id").to_numpy(), dtype="<i4").tobytes())
    digest.update(np.ascontiguousarray(table.column("line").to_numpy(), dtype="<i8").tobytes())
    return digest.hexdigest()


def present_columns(table: pa.Table) -> list[str]:
    """The columns that hold something in any row, with the tags and imported scores by name."""
    found = [name for name in table.column_names if table.column(name).null_count < table.num_rows]
    for column, prefix in (("tags", "tags_"), ("imported", "imported_")):
        if column in found:
            keys = pa.chunked_array([_told_keys(chunk) for chunk in table.column(column).chunks], pa.string()).unique().to_pylist()
            found += sorted(UNREAD.get(key, prefix + key) for key in keys if UNREAD.get(key) not in found)
    return found


def _told_keys(chunk: pa.MapArray) -> pa.Array:
    """The names of a map's entries, apart from those that only say that nothing stands there."""
    return chunk.keys.filter(pc.not_equal(chunk.items, NOTHING))


def write_records(root: Path, name: str, table: pa.Table) -> None:
    """Publish a shard: its records and its sorted keys."""
    write_keys(root / "keys" / f"{name}.keys", key_array(table.column("key")))
    write_parquet(root / "records" / f"{name}.parquet", as_stored(table), dictionary=REPEATING)


def write_keys(path: Path, keys: np.ndarray) -> None:
    """Publish 16-byte keys (N x 2 little-endian uint64), sorted."""
    ordered = keys[np.lexsort((keys[:, 1], keys[:, 0]))]
    held = ordered.tobytes()
    publish(path, lambda file: file.write(held + _check_of(held)))


def read_keys(path: Path) -> np.ndarray:
    """The sorted keys of a file as N x 2 little-endian uint64. Raises: StoreCorrupt."""
    try:
        size = path.stat().st_size
    except FileNotFoundError as error:
        raise StoreCorrupt(f"{path} is missing", hint=SALVAGE) from error
    if size % 16 or size < CHECK_BYTES:
        raise StoreCorrupt(f"{path} is damaged: {size} bytes is no whole number of keys", hint=SALVAGE)
    held = np.memmap(path, dtype="<u8", mode="r").reshape(-1, 2)
    if _check_of(held[:-1].tobytes()) != held[-1].tobytes():
        raise StoreCorrupt(f"{path} is damaged: its checksum is another", hint=SALVAGE)
    return held[:-1]


def _check_of(held: bytes) -> bytes:
    return hashlib.blake2b(held, digest_size=CHECK_BYTES).digest()


def key_array(column: pa.ChunkedArray | pa.Array) -> np.ndarray:
    """A key column as N x 2 little-endian uint64, without copying."""
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if isinstance(array, pa.ChunkedArray):
        array = pa.concat_arrays(array.chunks) if array.num_chunks else pa.array([], pa.binary(16))
    if len(array) == 0:
        return np.empty((0, 2), dtype="<u8")
    return np.frombuffer(array.buffers()[1], dtype="<u8", count=2 * len(array), offset=16 * array.offset).reshape(-1, 2)


def group_name(metrics: Mapping[str, str]) -> str:
    """The name of a score file: follows from its metrics and their identities."""
    return hashlib.blake2b(json.dumps(sorted(metrics.items())).encode(), digest_size=10).hexdigest()


def group_of(path: Path) -> str:
    """The group that a score file belongs to."""
    return path.stem.partition("-")[0]


def generation_of(path: Path) -> int:
    """How many score files of its shard were written before it: of two files of a group the greater one counts, whatever times a copy gives them."""
    number = path.stem.split("-")[1:-1]
    return int(number[0]) if number and number[0].isdecimal() else 0


def _check_in_name(path: Path) -> str:
    return path.stem.rpartition("-")[2]


def write_scores(root: Path, shard: str, table: pa.Table, metrics: Sequence[MetricInfo]) -> str:
    """Publish the scores of one shard as one wide file in place of an earlier one of its group; returns the group's name.

    The file that was newest until now stays until the next is written: somebody may be reading it.
    """
    name = group_name({metric.name: metric.identity for metric in metrics})
    said = {
        metric.name: {
            "identity": metric.identity,
            "kind": metric.kind,
            "range": metric.range,
            "higher_is_better": metric.higher_is_better,
            "version": metric.version,
        }
        for metric in metrics
    }
    folder = root / "scores" / shard
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    dictionary = [column for column in table.column_names if column.endswith((".reason", ".label", ".served_model"))]
    held = io.BytesIO()
    _write_pages(held, table.replace_schema_metadata({METRICS: json.dumps(said).encode()}), dictionary)
    files = sorted(folder.glob("[!.]*-*.parquet"), key=_order)
    before, check = [path for path in files if group_of(path) == name], _check_of(held.getvalue()).hex()
    if not before or _check_in_name(before[-1]) != check:  # the same bytes again: then nothing that is made of them is out of date
        path = folder / f"{name}-{generation_of(files[-1]) + 1 if files else 1}-{check}.parquet"
        publish(path, lambda file: file.write(held.getbuffer()))
        for superseded in before[:-1]:
            superseded.unlink(missing_ok=True)
    return name


def _order(path: Path) -> tuple[int, str]:
    return generation_of(path), path.name


def superseded_files(root: Path, shard: str) -> list[Path]:
    """The score files of a shard that a later one of their group took the place of."""
    newest: dict[str, Path] = {}
    old: list[Path] = []
    for path in sorted((root / "scores" / shard).glob("[!.]*-*.parquet"), key=_order):
        if group_of(path) in newest:
            old.append(newest[group_of(path)])
        newest[group_of(path)] = path
    return old


def contested_groups(root: Path, shard: str) -> list[str]:
    """In words, where two score files claim one group and none of them came later: nothing tells which one counts."""
    claims: dict[tuple[str, int], list[Path]] = {}
    for path in sorted((root / "scores" / shard).glob("[!.]*-*.parquet")):
        claims.setdefault((group_of(path), generation_of(path)), []).append(path)
    return [f"{paths[0]} and {paths[1].name} claim the same scores; delete both, and the next run computes them" for paths in claims.values() if len(paths) > 1]


def drop_superseded(root: Path, shards: Sequence[str]) -> None:
    """Take away what a later file took the place of: that one is durable."""
    for path in (old for shard in shards for old in superseded_files(root, shard)):
        path.unlink(missing_ok=True)


def score_files(root: Path, shard: str) -> dict[Path, list[MetricInfo]]:
    """The score files of a shard, oldest first, with the metrics each holds. Raises: StoreCorrupt."""
    found: dict[Path, list[MetricInfo]] = {}
    for path in sorted((root / "scores" / shard).glob("[!.]*-*.parquet"), key=_order):
        with suppress(FileNotFoundError):  # another process replaced it: then it is not there
            state = path.stat()
            found[path] = list(_checked(path, state.st_ctime_ns, state.st_size, state.st_ino))
    return found


@lru_cache(maxsize=10_000)
def _checked(path: Path, *_state: int) -> tuple[MetricInfo, ...]:
    """`metrics_of` a file that is as it was when this process last read the whole of it."""
    return tuple(metrics_of(path))


def metrics_of(path: Path) -> list[MetricInfo]:
    """The metrics that a score file holds. Raises: StoreCorrupt."""
    try:
        held = path.read_bytes()
        if _check_of(held).hex() != _check_in_name(path):
            raise ValueError("its bytes are not those its name was made from")
        said = json.loads((pq.read_metadata(io.BytesIO(held)).metadata or {})[METRICS])
    except FileNotFoundError:
        raise
    except (pa.ArrowException, OSError, KeyError, ValueError) as error:
        raise StoreCorrupt(
            f"{path} is damaged: {str(error).splitlines()[0]}",
            hint="judge store compact deletes this file; the next run computes its scores again",
        ) from error
    return [MetricInfo(name=name, **{**info, "range": tuple(info["range"])}) for name, info in said.items()]
