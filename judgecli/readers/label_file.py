"""Labels that somebody gave elsewhere: a CSV or JSON-lines file, one label a row.

{"id": "r17", "name": "helpful", "value": 4, "rater": "anna", "time": "2026-09-01T10:00:00Z"}

`id` (as logged) or `key` (32 hex digits) says which record; where several records share an id, `model` and
`prompt_version` say which of them. `value` is a number or a thumb, `label` a text. `name`, `rater`, `rater_kind`,
`time`, `comment` and `selection_probability` (the chance that this record was chosen for labelling) are optional.
"""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal, get_args

import orjson

from judgecli import outputs
from judgecli.errors import LogError, UsageError
from judgecli.readers.times import BadTime, micros
from judgecli.readers.values import label_of, number_of, text_of

RaterKind = Literal["human", "user", "model", "code"]
WHICH = ("model", "prompt_version")  # tell records of one id apart
KNOWN = frozenset(("id", "key", "name", "value", "label", "rater", "rater_kind", "time", "comment", "selection_probability", *WHICH))
_KEY = re.compile(r"[0-9a-fA-F]{32}")


@dataclass(frozen=True, slots=True)
class LabelRow:
    """One label of a file: of the record with this key, or with this id and these columns."""

    line: int
    key: bytes | None
    id: str | None
    which: Mapping[str, str]
    name: str
    value: float | None
    label: str | None
    rater: str
    rater_kind: RaterKind
    time: datetime | None
    comment: str | None
    selection_probability: float | None


@dataclass
class LabelFile:
    """What a file holds: its labels in order, the rows that are none by reason with the first line of each, and columns that mean nothing here."""

    rows: list[LabelRow] = field(default_factory=list)
    bad: Counter[str] = field(default_factory=Counter)
    first: dict[str, int] = field(default_factory=dict)
    unknown: set[str] = field(default_factory=set)


class _Bad(Exception):
    """This row is no label."""


def read_label_file(path: Path, *, name: str | None, rater: str | None, kind: RaterKind = "human") -> LabelFile:
    """The labels of a .csv, .tsv, .jsonl or .ndjson file; `name`, `rater` and `kind` are for rows that do not say.

    A row without a value, with a number that is none, or that names no record is counted in `bad`, never guessed at.
    Raises: LogError (no such file, not text), UsageError (another suffix).
    """
    found = LabelFile()
    for line, row in _rows(path):
        try:
            if not isinstance(row, Mapping):
                raise _Bad("not_an_object")
            found.unknown.update(str(column) for column in row if column not in KNOWN)
            found.rows.append(_label(line, row, name, rater or path.stem, kind))
        except _Bad as bad:
            found.bad[str(bad)] += 1
            found.first.setdefault(str(bad), line)
    return found


def _rows(path: Path) -> Iterator[tuple[int, Any]]:
    try:
        outputs.reads(path, "a file of labels")
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise LogError(f"cannot read {path}: {error.strerror}", hint="name a file of labels") from error
    except UnicodeDecodeError as error:
        raise LogError(f"{path} is no UTF-8 text (byte {error.start})", hint="save it as UTF-8") from error
    suffix = path.suffix.lower()
    if suffix in (".csv", ".tsv"):
        reader = csv.DictReader(io.StringIO(text, newline=""), delimiter="\t" if suffix == ".tsv" else ",", strict=True)
        try:
            for row in reader:
                wrong = None in row or None in row.values()
                yield reader.line_num, None if wrong else {column: cell if cell.strip() else None for column, cell in row.items()}
        except csv.Error as error:
            raise LogError(f"{path}, line {reader.line_num}: {error}", hint="mend the quotes of that row") from error
    elif suffix in (".jsonl", ".ndjson"):
        for number, line in enumerate(text.split("\n"), 1):
            if line.strip():
                yield number, _json(line)
    else:
        raise UsageError(f"cannot tell what '{path.name}' is", hint="labels are read from .csv, .tsv, .jsonl or .ndjson")


def _json(line: str) -> Any:
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        return None


def _label(line: int, row: Mapping[str, Any], name: str | None, rater: str, kind: RaterKind) -> LabelRow:
    said = text_of(row.get("name")) or name
    if not said:
        raise _Bad("no_name")
    key, identity = text_of(row.get("key")), text_of(row.get("id"))
    if key is not None and not _KEY.fullmatch(key):
        raise _Bad("bad_key")
    if key is None and identity is None:
        raise _Bad("no_record_named")
    value, label = _said(row)
    given = text_of(row.get("rater_kind")) or kind
    if given not in get_args(RaterKind):
        raise _Bad("unknown_rater_kind")
    return LabelRow(
        line=line,
        key=bytes.fromhex(key) if key else None,
        id=identity,
        which={column: text for column in WHICH if (text := text_of(row.get(column))) is not None},
        name=said,
        value=value,
        label=label,
        rater=text_of(row.get("rater")) or rater,
        rater_kind=given,  # type: ignore[arg-type]
        time=_time(row.get("time")),
        comment=text_of(row.get("comment")),
        selection_probability=_chance(row.get("selection_probability")),
    )


def _said(row: Mapping[str, Any]) -> tuple[float | None, str | None]:
    """The number and the text; a `value` that is text is a label."""
    value, text = label_of(row.get("value"))
    own = text_of(row.get("label"))
    if value is None and text is None and own is None:
        raise _Bad("no_value")
    if value is None and text is not None and text.strip().lower() in ("nan", "inf", "-inf", "infinity", "-infinity"):
        raise _Bad("not_finite")
    return value, own if own is not None else text


def _time(given: Any) -> datetime | None:
    if given is None:
        return None
    try:
        moment = micros(given)
    except BadTime as error:
        raise _Bad("bad_time") from error
    return None if moment is None else datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=moment)


def _chance(given: Any) -> float | None:
    if given is None:
        return None
    chance = number_of(given)
    if chance is None or not 0 < chance <= 1:
        raise _Bad("bad_selection_probability")
    return chance
