"""Training files: written beside their target, read again and checked, then renamed; the manifest last.

pairs.jsonl  pairs.validation.jsonl  pairs.manifest.json     an export is complete where its manifest stands
"""

import hashlib
import os
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import orjson

from judgecli import outputs
from judgecli.errors import EnvironmentFailure, UsageError
from judgecli.exporters.format import ExportFormat, ExportRow

TRAIN, VALIDATION = "train", "validation"
_LINE_ENDS = re.compile("[\u0085\u2028\u2029]")  # what some readers of lines take for an end


@dataclass(frozen=True, slots=True)
class Written:
    """One file of an export."""

    path: Path
    split: str
    records: int
    bytes: int
    sha256: str

    def to_json(self) -> dict[str, object]:
        """As the manifest says it: the name without its folder, so that the folder may move."""
        return {"path": self.path.name, "split": self.split, "records": self.records, "bytes": self.bytes, "sha256": self.sha256}


def paths_of(target: Path) -> tuple[dict[str, Path], Path]:
    """The files of an export by split, and its manifest. Raises: UsageError where `target` is no .jsonl."""
    if target.suffix != ".jsonl":
        raise UsageError(f"-o {target}: training files are JSON lines", hint=f"name it {target.with_suffix('.jsonl')}")
    return {TRAIN: target, VALIDATION: target.with_suffix(".validation.jsonl")}, target.with_suffix(".manifest.json")


def write_export(target: Path, rows: Iterable[tuple[str, ExportRow]], kind: ExportFormat, *, standard: bool) -> list[Written]:
    """Write the rows (split, row) in their order; returns the files that hold any. The old manifest is gone then.

    Raises: EnvironmentFailure (disk, folder, or a line that is not as it should be when read again): the old files stand.
    """
    paths, manifest = paths_of(target)
    drafts = {split: path.with_name(f".{path.name}.{os.getpid()}.part") for split, path in paths.items()}
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        for path in (*paths.values(), manifest):
            outputs.check(path)
        ours = outputs.check_document(manifest, "format")  # what stands there is an earlier export
        with drafts[TRAIN].open("wb") as train, drafts[VALIDATION].open("wb") as validation:
            for split, row in rows:
                (train if split == TRAIN else validation).write(line_of(row))
            for file in (train, validation):
                file.flush()
                os.fsync(file.fileno())
        written = [_checked(drafts[split], path, split, kind, standard=standard) for split, path in paths.items()]
        manifest.unlink(missing_ok=True)
        for found in written:
            if found.records:
                outputs.settle(drafts[found.split], found.path)
            elif found.split == TRAIN:
                outputs.refuse_empty(found.path)
            elif ours:
                found.path.unlink(missing_ok=True)  # of an earlier export: it would be taken for a part of this one
    except OSError as error:
        raise EnvironmentFailure(
            f"cannot write {target}: {error.strerror or error}", hint="check the folder and free space, and run the same command again"
        ) from error
    finally:
        for draft in drafts.values():
            with suppress(OSError):
                draft.unlink(missing_ok=True)
    return [found for found in written if found.records]


def write_manifest(target: Path, document: Mapping[str, Any]) -> Path:
    """Write the manifest of an export; its presence says that the files are complete. Raises: EnvironmentFailure."""
    _, path = paths_of(target)
    draft = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with draft.open("wb") as file:
            file.write(orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
            file.flush()
            os.fsync(file.fileno())
        outputs.settle(draft, path)
    except OSError as error:
        raise EnvironmentFailure(f"cannot write {path}: {error.strerror or error}", hint="free some space and run the same command again") from error
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
    return path


def line_of(row: ExportRow) -> bytes:
    """A row as one line of strict JSON; the text is untouched, save that line separators are escapes."""
    return (_LINE_ENDS.sub(lambda found: f"\\u{ord(found[0]):04x}", orjson.dumps(row).decode()) + "\n").encode()


def _checked(draft: Path, path: Path, split: str, kind: ExportFormat, *, standard: bool) -> Written:
    """What a written file holds, every line read again."""
    digest, count = hashlib.sha256(), 0
    with draft.open("rb") as file:
        for count, line in enumerate(file, 1):
            digest.update(line)
            wrong = _problem(line, kind, standard=standard)
            if wrong:
                raise EnvironmentFailure(
                    f"line {count} of {path.name}, read again, is no {kind.name}: {wrong}",
                    hint="the old files were kept; this is a bug of the format or the disk",
                )
        size = _size(file)
    return Written(path, split, count, size, digest.hexdigest())


def _problem(line: bytes, kind: ExportFormat, *, standard: bool) -> str | None:
    try:
        row = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        return f"no JSON ({error})"
    if not isinstance(row, dict) or any(value is None for value in row.values()):
        return "no object, or one with nulls"
    return kind.check(row, standard)


def _size(file: IO[bytes]) -> int:
    return os.fstat(file.fileno()).st_size
