"""Parsed entries to one Arrow table of records, column by column."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

import pyarrow as pa

from judgecli.readers import times
from judgecli.readers.adapter import Object, RefusedLine
from judgecli.readers.answers import converse, part_reasoning, unwrap
from judgecli.readers.decimals import read_number
from judgecli.readers.mapping import Getter
from judgecli.readers.values import calls_of, compact, contexts_of, in_words, label_of, number_of, text_of, tools_of
from judgecli.schema import NOTHING, NUMBER_COLUMNS, RECORDS, SOURCE, TEXT_COLUMNS, Label, unread_name

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ACCEPTED = ("input", "output", "messages", "output_messages", "error")  # a call that failed is a record, with its error
_STRUCTURED: dict[str, Callable[[Any], Any]] = {"contexts": contexts_of, "tools": tools_of, "expected_tools": calls_of}


@dataclass
class Entries:
    """The parsed entries of one chunk, in parallel lists; `raw` is kept for those refused later."""

    objects: list[Object] = field(default_factory=list)
    keys: list[bytes] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    offsets: list[int | None] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)

    def without(self, rows: Mapping[int, RefusedLine]) -> "Entries":
        """The entries whose row is not in `rows`."""
        kept = [row for row in range(len(self.keys)) if row not in rows]
        return Entries(
            [self.objects[row] for row in kept],
            [self.keys[row] for row in kept],
            [self.lines[row] for row in kept],
            [self.offsets[row] for row in kept],
            [self.raw[row] for row in kept],
        )


@dataclass(frozen=True)
class ColumnLayout:
    """How the entries of one file become columns."""

    name: str  # what source.file says
    format: str
    getters: Mapping[str, Getter]  # field -> its values in many objects
    zone: tzinfo = UTC
    day_first: bool | None = None
    named: frozenset[str] = frozenset()  # the fields that a person mapped
    decimals: Mapping[str, str] = field(default_factory=dict)  # field -> how the numbers in its texts are read
    numbers: frozenset[str] = frozenset()  # the number columns that the log has: a record without one lacks it
    ratings: tuple[str, ...] = ()  # label.NAME fields that are metrics too
    signed: tuple[str, ...] = ()  # label.NAME fields in which a word for down is -1


def build(entries: Entries, layout: ColumnLayout) -> tuple[pa.Table, list[Label], dict[int, RefusedLine], Entries]:
    """(records, labels, refused rows, the entries that became records). Refused rows count in the given entries."""
    columns, refused = _columns(entries, layout)
    if refused:
        kept = entries.without(refused)
        columns, _ = _columns(kept, layout)
    else:
        kept = entries
    return _table(columns, kept, layout), _labels(columns, kept, layout.signed), refused, kept


def _columns(entries: Entries, layout: ColumnLayout) -> tuple[dict[str, list[Any]], dict[int, RefusedLine]]:
    """Field -> values in their record form, and what cannot be one."""
    columns = {name: get(entries.objects) for name, get in layout.getters.items()}
    refused: dict[int, RefusedLine] = {}
    if "time" in columns:
        columns["time"], bad = times.column(columns["time"], layout.zone, layout.day_first)
        refused.update({row: RefusedLine("bad_time", message) for row, message in bad.items()})
    for name, rule in layout.decimals.items():
        if name in columns:
            columns[name] = [read_number(value, rule) for value in columns[name]]
    apart = "output_messages" in columns  # the log keeps question and answer apart
    unwrap(columns, refused, layout.named)
    converse(columns, refused, apart=apart)
    part_reasoning(columns)
    for name, convert in _STRUCTURED.items():
        if name in columns:
            columns[name] = [convert(value) for value in columns[name]]
    said = [values for name, values in columns.items() if name in _ACCEPTED or name.startswith(("score.", "label."))]
    if not any(None not in values for values in said):
        for row in range(len(entries.objects)):
            if all(values[row] is None for values in said):
                refused.setdefault(row, RefusedLine("no_mapped_field", f"none of {_shown(layout.getters)} is there"))
    return columns, refused


def _table(columns: Mapping[str, list[Any]], entries: Entries, layout: ColumnLayout) -> pa.Table:
    count = len(entries.keys)
    arrays = []
    for column in RECORDS:
        if column.name == "key":
            arrays.append(pa.array(entries.keys, column.type))
        elif column.name == "source":
            arrays.append(_source(entries, layout))
        elif column.name == "tags":
            arrays.append(_tags(columns, count, column.type))
        elif column.name == "imported":
            arrays.append(_imported(columns, layout, count, column.type))
        elif column.name in columns:
            arrays.append(_array(column.name, columns[column.name], column.type))
        else:
            arrays.append(pa.nulls(count, column.type))
    return pa.Table.from_arrays(arrays, schema=RECORDS)


def _array(name: str, values: list[Any], kind: pa.DataType) -> pa.Array:
    if name in TEXT_COLUMNS:
        try:
            return pa.array(values, kind)
        except (pa.ArrowTypeError, pa.ArrowInvalid):
            return pa.array([text_of(value) for value in values], kind)
    if name in NUMBER_COLUMNS:
        return pa.array([number_of(value) for value in values], kind)
    if name == "time":
        return pa.array(values, pa.int64()).cast(kind)
    return pa.array(values, kind)


def _source(entries: Entries, layout: ColumnLayout) -> pa.Array:
    count = len(entries.keys)
    parts = [
        pa.repeat(pa.scalar(layout.name, pa.string()), count),
        pa.array(entries.lines, pa.int64()),
        pa.array(entries.offsets, pa.int64()),
        pa.repeat(pa.scalar(layout.format, pa.string()), count),
    ]
    return pa.StructArray.from_arrays(parts, fields=list(SOURCE))


def _tags(columns: Mapping[str, list[Any]], count: int, kind: pa.DataType) -> pa.Array:
    """tags.NAME as text; null where a record has none."""
    named = {name.removeprefix("tags."): values for name, values in columns.items() if name.startswith("tags.")}
    if not named:
        return pa.nulls(count, kind)
    rows = [[(name, text_of(values[row])) for name, values in named.items() if values[row] is not None] or None for row in range(count)]
    return pa.array(rows, kind)


def _imported(columns: Mapping[str, list[Any]], layout: ColumnLayout, count: int, kind: pa.DataType) -> pa.Array:
    """score.NAME as JSON text, "null" where a record has none; and what stands in number columns that is no number.

    A number column that is empty is told of only where the log has it (`layout.numbers`), and not of a record that carries an
    error: a call that failed took no time and no tokens that could be told.
    """
    named: dict[str, list[str | None]] = {
        name.removeprefix("score."): [_said(value) for value in values] for name, values in columns.items() if name.startswith("score.")
    }
    for name in layout.ratings:  # a rating is a metric too, and what nobody rated lacks nothing
        numbers = [label_of(value)[0] for value in columns.get(name, ())]
        named |= {name: [None if number is None else compact(number) for number in numbers]} if any(one is not None for one in numbers) else {}
    for name in NUMBER_COLUMNS:
        if name in columns:
            named |= _unread(name, columns[name], columns.get("error"), expected=name in layout.numbers)
    if not named:
        return pa.nulls(count, kind)
    return pa.array([[(name, texts[row]) for name, texts in named.items() if texts[row] is not None] or None for row in range(count)], kind)


def _said(value: Any) -> str:
    """A score as JSON text; an empty text says nothing."""
    return NOTHING if _is_blank(value) else compact(value)


def _unread(name: str, values: Sequence[Any], errors: Sequence[Any] | None, *, expected: bool) -> dict[str, list[str | None]]:
    """What stands in a number column of each record where it holds no number; empty where nothing is to be told."""
    rows = [row for row, value in enumerate(values) if number_of(value) is None and (expected or not _is_blank(value))]
    told = {row: _said(values[row]) for row in rows if not (_is_blank(values[row]) and errors is not None and errors[row])}
    return {unread_name(name): [told.get(row) for row in range(len(values))]} if told else {}


def _is_blank(value: Any) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _labels(columns: Mapping[str, list[Any]], entries: Entries, signed: Sequence[str]) -> list[Label]:
    labels = []
    for name, values in columns.items():
        if not name.startswith("label."):
            continue
        for row, given in enumerate(values):
            value, text = label_of(given)
            if value == 0 and name in signed and in_words(given):
                value = -1.0
            if value is None and not text:
                continue
            when = _cell(columns, "time", row)
            labels.append(
                Label(
                    key=entries.keys[row],
                    record_id=text_of(_cell(columns, "id", row)),
                    name=name.removeprefix("label."),
                    value=value,
                    label=text,
                    rater=text_of(_cell(columns, "user", row)) or "user",
                    rater_kind="user",
                    time=None if when is None else _EPOCH + timedelta(microseconds=when),
                    comment=None,
                )
            )
    return labels


def _cell(columns: Mapping[str, list[Any]], name: str, row: int) -> Any:
    return columns[name][row] if name in columns else None


def _shown(names: Sequence[str] | Mapping[str, Any]) -> str:
    return ", ".join(list(names)[:8]) or "the mapped fields"
