"""What a reader is asked (`Shaping`), what it found (`Detected`), where it stands (`Position`), what it gives (`Chunk`)."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import pyarrow as pa

from judgecli.readers.redact import Redactor
from judgecli.schema import BadLine, Label

READER_VERSION = 4  # raise it when the same line would give another record: checkpoints then read again


def digest_of(raw: bytes) -> bytes:
    """The 16-byte hash that is the identity of raw bytes: a record's key, a bad line's digest.

    >>> digest_of(b"").hex()
    'cae66941d9efbd404e4d88758ea67670'
    """
    return hashlib.blake2b(raw, digest_size=16).digest()


@dataclass(frozen=True)
class Shaping:
    """What the user asked of the reader; equal digests shape equal records from equal bytes, once the mapping is found."""

    format: str | None = None
    map: Mapping[str, str] = field(default_factory=dict)  # FIELD -> PATH; FIELD in schema.MAPPABLE, or tags.NAME, score.NAME, label.NAME
    guess: bool = True  # whether columns may be mapped by their names' synonyms
    zone: str = "UTC"  # of times that name none
    encoding: str | None = None  # of the text, where it is not UTF-8
    max_line_bytes: int = 64 * 1024 * 1024
    max_depth: int = 200

    @property
    def digest(self) -> str:
        """32 hex digits over READER_VERSION and all of it but `guess`, which says where a mapping comes from and not what it is."""
        said = [READER_VERSION, self.format, sorted(self.map.items()), self.zone, self.max_line_bytes, self.max_depth]
        said += [self.encoding] if self.encoding is not None else []
        return digest_of(json.dumps(said).encode()).hex()


@dataclass(frozen=True)
class LogFile:
    """One file to read: where it is, what the store calls it, and how its lines become records."""

    path: str
    name: str
    shaping: Shaping
    explicit: bool  # named itself, not found in a folder or by a glob
    keep_duplicates: bool = False
    by_file: bool = False  # equal lines of two files are two records
    redact: Redactor | None = None

    @property
    def asked(self) -> Shaping:
        """The shaping, with all else that changes what a line becomes."""
        extra = {"judge.keep_duplicates": "true"} if self.keep_duplicates else {}
        if self.by_file:
            extra["judge.by_file"] = "true"
        if self.redact is not None:
            extra["judge.redact"] = ",".join(self.redact.kinds)
        return replace(self.shaping, map={**self.shaping.map, **extra}) if extra else self.shaping


@dataclass(frozen=True)
class Skipped:
    """A file of a folder or glob that was not read, and why. `is_log`: its name or its content says that it should have been."""

    path: str
    message: str
    is_log: bool


@dataclass(frozen=True)
class Detected:
    """How one file is read. Kept in the checkpoint, so that a growing file keeps its mapping."""

    format: str  # the adapter's name; a mapped plain log is called by its container: jsonl, json, csv, parquet
    container: str  # jsonl, array, object, csv or parquet
    compression: str | None = None  # gz, bz2, xz or zst
    confidence: float = 1.0  # share of the sample that this format won
    mapping: Mapping[str, str] = field(default_factory=dict)  # field -> path in use
    guessed: bool = False  # whether any of it came from synonyms
    may_guess: bool = True  # whether any of it could have
    unmapped: tuple[str, ...] = ()  # paths of scalar values that no field reads
    day_first: bool | None = None  # of dates as 03/04/2026; None: the sample has none
    decimals: Mapping[str, str] = field(default_factory=dict)  # field -> how the numbers in its texts are read (decimals.py)
    delimiter: str | None = None  # csv
    encoding: str | None = None  # of the text, where it is not UTF-8
    columns: tuple[str, ...] = ()  # csv: the names of its columns, from the header
    ratings: tuple[str, ...] = ()  # label.NAME fields whose numbers are more than thumbs
    signed: tuple[str, ...] = ()  # label.NAME fields that hold thumbs in words beside -1: a word for down is -1 in them
    notes: tuple[str, ...] = ()  # for the user, one sentence each
    empty: tuple[str, ...] = ()  # mapped fields of which the sample holds nothing

    def to_json(self) -> str:
        """One line of JSON; `from_json` gives the same object back."""
        return json.dumps(asdict(self), ensure_ascii=True)

    @classmethod
    def from_json(cls, text: str) -> "Detected":
        """The object that `to_json` wrote."""
        said: dict[str, Any] = json.loads(text)
        return cls(**{**said, **{name: tuple(said.get(name, ())) for name in ("unmapped", "columns", "notes", "empty", "ratings", "signed")}})


@dataclass(frozen=True, slots=True)
class Position:
    """Where reading may go on: plain bytes and physical lines already read, and the hash of the last entry's bytes."""

    offset: int = 0
    line: int = 0
    last_line_digest: str = ""

    def to_json(self) -> str:
        """One line of JSON; `from_json` gives the same object back."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Position":
        """The object that `to_json` wrote."""
        return cls(**json.loads(text))


@dataclass
class Chunk:
    """Some consecutive entries of one file: records, labels, and the lines that were refused.

    `position` is where reading goes on after this chunk. `truncated` is set on the last chunk of a
    file that ends early (a cut or damaged compressed file, an unterminated line that does not parse);
    `reason` then says how.
    """

    records: pa.Table
    labels: list[Label]
    bad: list[BadLine]
    position: Position
    truncated: bool = False
    reason: str = ""
    entries: int = 0  # raw entries read: lines, rows, elements (n choices of one line are one entry)
