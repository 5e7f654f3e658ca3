"""Where results may be written: the one place that decides, for every writer.

An output never harms an input. Refused, through links as well: what this command reads (logs, labels, replies, models, the configuration), the
files that people review (judge.lock, baselines, anchors) but for the command that makes them, anything inside a store, a folder, what is no plain
file. A file of another kind than the one that takes its place was not written by this tool, and is replaced only with --force; so is a full
file by an empty one. The target is whole, or as it was.
"""

import json
import os
import re
import stat
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import IO

from judgecli.errors import EnvironmentFailure, Incomplete, UsageError

MARK = "written by judge"  # in every text of ours that has no columns to be known by
OURS = re.compile(rb"(?i)(written|made) by `?judge")
HEAD_BYTES = 64 << 10
_reads: dict[str, str] = {}  # real path -> what it is to this command
_guarded: dict[str, str] = {}  # real path of a folder -> what lies in it
_may_replace = False


def begin(*, replace: bool = False) -> None:
    """A command begins: nothing is read yet. `replace`: --force."""
    global _may_replace
    _reads.clear()
    _guarded.clear()
    _may_replace = replace


def reads(path: str | Path, what: str) -> None:
    """This command reads a file: nothing may be written over it."""
    _reads.setdefault(os.path.realpath(path), what)


def guards(folder: Path, what: str) -> None:
    """The files of this folder are people's: only the command that makes them writes there."""
    _guarded.setdefault(os.path.realpath(folder), what)


def check(path: Path, *, makes: str = "") -> Path:
    """The real path to write to. `makes`: what the command is there to make (a guarded folder's word), or nothing.

    Raises: UsageError (a target that must not be written), EnvironmentFailure (no such folder).
    """
    target = Path(os.path.realpath(path))
    found = _stat(target)
    if found is not None and stat.S_ISDIR(found.st_mode):
        raise UsageError(f"cannot write {path}: it is a folder", hint="name a file")
    if found is not None and not stat.S_ISREG(found.st_mode):
        raise UsageError(f"cannot write {path}: it is no plain file", hint="name a file; where the command knows it, - writes to stdout")
    _refuse_read(path, target, found, makes)
    for guarded, what in _guarded.items():
        if what != makes and target.is_relative_to(guarded):
            raise UsageError(f"cannot write {path}: {what} lie there", hint="name another file with -o")
    for folder in target.parents:
        if (folder / "ledger.db").exists() and (folder / "records").is_dir():
            raise UsageError(f"cannot write {path}: it lies inside the store {folder}", hint="name a file outside the store")
    if not target.parent.is_dir():
        raise EnvironmentFailure(f"cannot write {path}: there is no folder {target.parent}", hint=f"create it: mkdir -p {path.parent}")
    return target


def _refuse_read(path: Path, target: Path, found: os.stat_result | None, makes: str) -> None:
    """Raises: UsageError where the target is, by its path or as a link to the same bytes, what this command reads."""
    for known, what in _reads.items():
        if what == makes:
            continue
        other = None if found is None else _stat(Path(known))
        if str(target) == known or (found is not None and other is not None and os.path.samestat(found, other)):
            raise UsageError(f"cannot write {path}: it is {what} of this command", hint="name another file with -o")


def _stat(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except OSError:
        return None


def publish(path: Path, write: Callable[[IO[bytes]], object], *, makes: str = "") -> None:
    """Write a file under a temporary name, fsync it, put it in its place. Raises: as check and settle, EnvironmentFailure (disk, permissions)."""
    target = check(path, makes=makes)
    temporary = target.with_name(f".{target.name}.{os.getpid()}-{os.urandom(3).hex()}.part")
    try:
        with temporary.open("xb") as out:
            write(out)
            out.flush()
            os.fsync(out.fileno())
        settle(temporary, path, makes=makes)
    except OSError as error:
        raise EnvironmentFailure(f"cannot write {path}: {error.strerror or error}", hint="free space, check permissions, or name another file") from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def settle(temporary: Path, path: Path, *, makes: str = "") -> None:
    """Put a finished file in the place of another, or nowhere. Raises: as check; UsageError where the other was not written by this tool."""
    target = check(path, makes=makes)
    if not _may_replace and target.exists() and target.stat().st_size:
        if not temporary.stat().st_size:
            refuse_empty(path)
        if not makes and not _same_kind(target, temporary):
            raise UsageError(f"{path} exists, and this command did not write it", hint="name another file, or --force to replace it")
    temporary.replace(target)
    handle = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def refuse_empty(path: Path) -> None:
    """Nothing would take the place of something. Raises: Incomplete where the file there is full, unless --force."""
    if not _may_replace and (found := _stat(path)) is not None and found.st_size:
        raise Incomplete(f"{path} holds {found.st_size:,} bytes, and what would take its place is empty", hint="look why nothing is there; or --force")


def check_document(path: Path, key: str) -> bool:
    """Whether a JSON document of ours stands there, known by this key. Raises: UsageError where something else does, unless --force."""
    if not path.exists():
        return False
    try:
        ours = key in _keys(path.read_bytes())
    except (OSError, ValueError):
        ours = False
    if not ours and not _may_replace:
        raise UsageError(f"{path} exists, and this command did not write it", hint="name another file, or --force to replace it")
    return ours


def _same_kind(there: Path, new: Path) -> bool:
    """Whether two files are of one kind, by what stands in them: the columns of rows, the keys of a document, our own mark in a text."""
    kind = there.suffix.lower()
    try:
        if kind == ".parquet":
            import pyarrow.parquet as pq

            return bool(pq.read_schema(there).names == pq.read_schema(new).names)
        heads = [_head(path) for path in (there, new)]
        if kind in (".csv", ".tsv"):
            return _line(heads[0]) == _line(heads[1])
        if kind == ".jsonl":
            return _keys(_line(heads[0])) == _keys(_line(heads[1]))
        if kind == ".json":
            return bool(_keys(there.read_bytes()) & _keys(new.read_bytes()))
        if kind == ".xml":
            return all(b"<testsuites" in head for head in heads)
        return all(OURS.search(head + _tail(path)) for head, path in zip(heads, (there, new), strict=True))
    except (OSError, ValueError):
        return False


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(HEAD_BYTES)


def _tail(path: Path) -> bytes:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 4096))
        return file.read()


def _line(head: bytes) -> bytes:
    return head.partition(b"\n")[0].removeprefix(b"\xef\xbb\xbf").strip()


def _keys(text: bytes) -> set[str]:
    found = json.loads(text or b"{}")
    return set(found) if isinstance(found, dict) else set()


def read_all(paths: Iterable[str | Path], what: str) -> None:
    """`reads` of several."""
    for path in paths:
        reads(path, what)


def allow_replacing(wanted: bool) -> None:
    """--force: files that this tool did not write may be replaced. Never what the command reads, a store, or what people review."""
    global _may_replace
    _may_replace = _may_replace or wanted
