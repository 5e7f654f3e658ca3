"""Two files that people review and version as one: a YAML file that says what is frozen, and a Parquet file that its hash locks."""

import hashlib
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from judgecli.config.document import YamlDocument, read_document
from judgecli.errors import ConfigError, EnvironmentFailure, UsageError

NAME = r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}$"
MAX_BYTES = 5_000_000


@dataclass(frozen=True)
class Reviewed:
    """A kind of such files. `what` is its name ("baseline"), `done` what was done to it ("approved"), `make` the command that makes one.

    `example` shows two names; `hint` says what to do where the files do not fit together.
    """

    what: str
    done: str
    make: str
    example: str
    hint: str

    @property
    def one(self) -> str:
        """The name with its article."""
        return f"{'an' if self.what[0] in 'aeiou' else 'a'} {self.what}"

    def paths(self, folder: Path, name: str) -> tuple[Path, Path]:
        """The YAML and the Parquet file. Raises: UsageError for what is no name."""
        if not re.fullmatch(NAME, name):
            raise UsageError(f"'{name}' is no name of {self.one}", hint=f"letters, digits, _ . and -, for example {self.example}")
        return folder / f"{name}.yaml", folder / f"{name}.parquet"

    def names(self, folder: Path) -> list[str]:
        """Those of a project, sorted."""
        return sorted(path.stem for path in folder.glob("*.yaml")) if folder.is_dir() else []

    def document(self, folder: Path, name: str) -> YamlDocument:
        """The YAML file, read but not checked. Raises: UsageError (there is none), ConfigError, EnvironmentFailure."""
        path, _ = self.paths(folder, name)
        try:
            raw = path.read_bytes()
        except FileNotFoundError as error:
            known = ", ".join(self.names(folder)[:12]) or "none yet"
            hint = f"{self.make.replace('NAME', name, 1)}; known: {known}"
            raise UsageError(f"there is no {self.what} '{name}' ({path} does not exist)", hint=hint) from error
        except OSError as error:
            raise EnvironmentFailure(f"cannot read {path}: {error.strerror}", hint="check its permissions") from error
        if len(raw) > MAX_BYTES:
            raise ConfigError(f"{len(raw):,} bytes are more than {self.one} may have", where=f"{path}:1:1", hint=self.hint)
        return read_document(raw, file=str(path))

    def table(self, folder: Path, name: str, digest: str, columns: Sequence[str]) -> pa.Table:
        """These columns of the Parquet file, whose SHA-256 must be `digest`. Raises: ConfigError."""
        path = self.paths(folder, name)[1]
        try:
            raw = path.read_bytes()
        except OSError as error:
            raise ConfigError(f"cannot be read: {error.strerror}", where=str(path), hint=self.hint) from error
        if hashlib.sha256(raw).hexdigest() != digest:
            said = f"is not the file that was {self.done} (its hash is not the one in {path.with_suffix('.yaml').name})"
            raise ConfigError(said, where=str(path), hint=self.hint)
        try:
            return pq.read_table(io.BytesIO(raw), use_threads=False, page_checksum_verification=True).select(list(columns))
        except (pa.ArrowException, KeyError, OSError, ValueError) as error:
            raise ConfigError(f"is damaged: {str(error).splitlines()[0]}", where=str(path), hint=self.hint) from error


def table_bytes(table: pa.Table) -> bytes:
    """The Parquet file of these rows: no time and no name in it, the same for the same rows."""
    out = io.BytesIO()
    pq.write_table(
        table.replace_schema_metadata(None), out, compression="zstd", use_dictionary=False, write_statistics=False, write_page_checksum=True, store_schema=False
    )
    return out.getvalue()
