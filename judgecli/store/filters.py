"""Selecting records: one boolean SQL expression over record columns and tags, or a shortcut.

    "model = 'gpt-4' and time < '2026-10-01'"        prompt_version=v3        7d        30d..7d        2026-10-01..2026-10-08

The expression is parsed by DuckDB and its tree checked: columns of a record, constants, operators
and a short list of functions; no subquery, no table, no file. It then runs with external access off.
"""

import json
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa

from judgecli.errors import UsageError
from judgecli.schema import FILE, NUMBER_COLUMNS, TEXT_COLUMNS

COLUMNS = frozenset([*TEXT_COLUMNS, *NUMBER_COLUMNS, "time", FILE]) - {"reasoning"}  # which shards of an older store lack
OF_FILE = f"source.file AS {FILE}"
OPERATORS = {"+", "-", "*", "/", "%", "||", "~~", "!~~", "~~*", "!~~*"}
TEXT_FUNCTIONS = {
    "lower",
    "upper",
    "length",
    "trim",
    "ltrim",
    "rtrim",
    "starts_with",
    "ends_with",
    "contains",
    "prefix",
    "suffix",
    "substring",
    "substr",
    "replace",
}
NUMBER_FUNCTIONS = {"abs", "round", "floor", "ceil", "coalesce", "nullif", "greatest", "least"}
TIME_FUNCTIONS = {"year", "month", "day", "hour", "minute", "second", "dayofweek", "date_trunc", "date_part", "datepart", "strftime"}
LOOKUPS = {"struct_extract", "map_extract", "map_extract_value", "element_at", "array_extract", "regexp_matches"}  # what tags['country'] and ~ become
FUNCTIONS = OPERATORS | TEXT_FUNCTIONS | NUMBER_FUNCTIONS | TIME_FUNCTIONS | LOOKUPS
NODES = {"CONSTANT", "COLUMN_REF", "COMPARISON", "CONJUNCTION", "OPERATOR", "BETWEEN", "CASE", "CAST", "FUNCTION", "TYPE"}
TYPES = {"VARCHAR", "TEXT", "STRING", "INTEGER", "INT", "BIGINT", "DOUBLE", "FLOAT", "BOOLEAN", "BOOL", "DATE", "TIMESTAMP", "TIMESTAMPTZ"}
TYPES |= {"TIMESTAMP WITH TIME ZONE"}
AND_OR = re.compile(r"\s(?:and|or)\s", re.IGNORECASE)
SHORTCUT = re.compile(r"(?P<column>[A-Za-z_][\w.]*)=(?P<value>[^'\"=<>()]+)")
AGE = re.compile(r"(?:(?P<start>\d+(?:\.\d+)?[hdw])\.\.)?(?P<end>\d+(?:\.\d+)?[hdw])")
DAY = r"\d{4}-\d{2}(?:-\d{2})?"
SPAN = re.compile(rf"(?P<first>{DAY})(?:\.\.(?P<last>{DAY})?)?|\.\.(?P<end>{DAY})")
HINT = "write a condition over record columns, as \"model = 'gpt-4' and time < '2026-10-01'\", or COLUMN=VALUE, or 7d, or 2026-10-01..2026-10-08"


def compile_filter(text: str, *, newest: datetime | None) -> str:
    """The checked SQL of a filter; ages count back from the newest record, days and months are those of UTC. Raises: UsageError."""
    shortcut = SHORTCUT.fullmatch(text.strip())
    if shortcut:
        return _equality(shortcut["column"], shortcut["value"].strip(), text)
    age = AGE.fullmatch(text.strip())
    if age:
        return _ages(age["start"], age["end"], newest)
    span = SPAN.fullmatch(text.strip())
    if span:
        return _days(span["first"], span["last"] or span["end"], text)
    _check(_parse(text), text)
    return text


def is_shortcut(text: str) -> bool:
    """Whether a text is COLUMN=VALUE, an age or a span of days, and so no name of anything else."""
    return any(form.fullmatch(text) for form in (SHORTCUT, AGE, SPAN))


def _days(first: str | None, last: str | None, text: str) -> str:
    """The SQL of a day or month, or of a span from one on and up to another, which is excluded as in `alarms.reference`."""
    try:
        start, end = (None if day is None else datetime.fromisoformat(day if len(day) > 7 else f"{day}-01") for day in (first, last))
    except ValueError as error:
        raise UsageError(f"the filter {text!r} names a day that is none", hint=HINT) from error
    if first is not None and start is not None and ".." not in text:
        end = start + timedelta(days=1) if len(first) > 7 else (start + timedelta(days=32)).replace(day=1)
    if start is not None and end is not None and start >= end:
        raise UsageError(f"the filter {text!r} holds no day", hint="the last day of a span is excluded, as in 2026-10-01..2026-10-08 for seven days")
    moments = [(">=", start), ("<", end)]
    return " AND ".join(f"time {sign} TIMESTAMPTZ '{moment.isoformat()}+00:00'" for sign, moment in moments if moment is not None)


def _equality(column: str, value: str, text: str) -> str:
    """The SQL of COLUMN=VALUE: as text, or as a number where the column holds numbers."""
    sql = _column(column, text)
    if column == "time" or AND_OR.search(value):
        raise UsageError(f"the filter {text!r} is no COLUMN=VALUE", hint=HINT)
    if column not in NUMBER_COLUMNS:
        return f"CAST({sql} AS VARCHAR) = '{value.replace(chr(39), chr(39) * 2)}'"
    try:
        return f"{sql} = CAST('{float(value)!r}' AS DOUBLE)"
    except ValueError as error:
        raise UsageError(f"the filter {text!r} compares numbers with '{value}'", hint=f"write {column}=NUMBER") from error


def reads_file(condition: str) -> bool:
    """Whether checked SQL may read the column `file`."""
    return re.search(rf"\b{FILE}\b", re.sub(r"'(?:[^']|'')*'", "", condition)) is not None


def mask_of(table: pa.Table, condition: str) -> np.ndarray:
    """For each record, whether the checked condition holds (null counts as no). Raises: UsageError where it cannot be evaluated."""
    import duckdb

    connection = _parser().cursor()
    try:
        connection.register("records", table.append_column("row_number", pa.array(np.arange(table.num_rows))))
        tags = ", tags AS tags" if "tags" in table.column_names else ""
        columns = ", ".join(f'"{name}"' for name in sorted(COLUMNS & set(table.column_names)))
        columns += f", {OF_FILE}" if "source" in table.column_names else ""
        connection.execute("SET TimeZone = 'UTC'")  # a time that names no zone is UTC, whatever the machine's own
        source = f"(SELECT row_number, {columns}{tags} FROM records)"
        kind = connection.execute(f"DESCRIBE SELECT ({condition}) FROM {source}").fetchall()[0][1]
        if kind != "BOOLEAN":
            raise UsageError(f"the filter is no condition: it gives {kind}, neither true nor false", hint=HINT)
        rows = connection.execute(f"SELECT row_number FROM {source} WHERE ({condition})").fetchnumpy()["row_number"]
    except duckdb.Error as error:
        raise UsageError(f"the filter cannot be evaluated: {str(error).splitlines()[0]}", hint=HINT) from error
    finally:
        connection.close()
    mask = np.zeros(table.num_rows, dtype=bool)
    mask[np.asarray(rows, dtype=np.int64)] = True
    return mask


@cache
def _parser() -> Any:
    """A database that only parses; opening one takes 20 ms."""
    import duckdb

    return duckdb.connect(config={"enable_external_access": "false", "threads": 1})


def _parse(text: str) -> Mapping[str, object]:
    import duckdb

    connection = _parser().cursor()
    try:
        row = connection.execute("SELECT json_serialize_sql(?)", [f"SELECT ({text})"]).fetchone()
    except (duckdb.Error, UnicodeError) as error:
        raise UsageError(f"cannot read the filter {text!r}: {str(error).splitlines()[0]}", hint=HINT) from error
    finally:
        connection.close()
    tree: dict[str, Any] = json.loads(row[0]) if row else {"error": True}
    if tree.get("error") or len(tree["statements"]) != 1:
        raise UsageError(f"cannot read the filter {text!r}: {tree.get('error_message', 'more than one statement')}", hint=HINT)
    node = tree["statements"][0]["node"]
    if node["type"] != "SELECT_NODE" or len(node["select_list"]) != 1 or (node.get("from_table") or {}).get("type") != "EMPTY":
        raise UsageError(f"the filter {text!r} is more than one condition", hint=HINT)
    if any(node.get(part) for part in ("where_clause", "having", "qualify", "group_expressions", "sample")) or node.get("modifiers"):
        raise UsageError(f"the filter {text!r} is more than one condition", hint=HINT)
    return dict(node["select_list"][0])


def _check(tree: object, text: str) -> None:
    """Walk the tree; everything that is not on the list is refused."""
    if isinstance(tree, list):
        for item in tree:
            _check(item, text)
    elif isinstance(tree, dict):
        if "class" in tree:
            _check_node(tree, text)
        for name, value in tree.items():
            if name not in ("value", "cast_type"):
                _check(value, text)


def _check_node(node: Mapping[str, object], text: str) -> None:
    kind = str(node["class"])
    if kind not in NODES:
        raise UsageError(f"the filter {text!r} holds a {kind.lower().replace('_', ' ')}, which filters do not have", hint=HINT)
    if kind == "COLUMN_REF":
        names = node["column_names"]
        _column(".".join(map(str, names)) if isinstance(names, list) else str(names), text)
    if kind == "TYPE" and str(node["type_name"]).upper() not in TYPES:
        raise UsageError(f"the filter {text!r} casts to {node['type_name']}, which filters do not have", hint=HINT)
    if kind == "FUNCTION" and str(node["function_name"]).lower() not in FUNCTIONS:
        raise UsageError(f"the filter {text!r} calls {node['function_name']}, which filters do not have", hint=HINT)


def _column(name: str, text: str) -> str:
    """The SQL of a column as a person types it."""
    if name in COLUMNS:
        return f'"{name}"'
    if name.startswith("tags."):
        return f"tags['{name.removeprefix('tags.')}']"
    if name == "tags":
        return name
    raise UsageError(f"the filter {text!r} reads '{name}', which is no column of a record", hint=f"columns: {', '.join(sorted(COLUMNS))}, tags['NAME']")


def _ages(start: str | None, end: str, newest: datetime | None) -> str:
    if newest is None:
        return "false"  # no record has a time
    try:
        moments = {name: f"TIMESTAMPTZ '{(newest - _age(age)).isoformat()}'" for name, age in (("start", start), ("end", end)) if age is not None}
    except OverflowError as error:
        raise UsageError(f"an age of {start or end} reaches beyond the calendar", hint="write a smaller one, as 30d") from error
    return f"time > {moments['end']}" if start is None else f"time > {moments['start']} AND time <= {moments['end']}"


def _age(text: str) -> timedelta:
    return timedelta(hours=float(text[:-1]) * {"h": 1.0, "d": 24.0, "w": 168.0}[text[-1]])
