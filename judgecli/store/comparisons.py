"""Comparisons of answers to one prompt: they belong to several records at once, so they stand in the ledger and in no score file.

A row is one unit (pair, or list of a prompt) of one metric: the keys of its records one after the
other, which text each of them gave, and a value or a reason. What judges answered is in `replies`;
these rows can be made again from it without a call.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa

from judgecli.store.ledger import Ledger

KEY_BYTES = 16
TOLD = ("label", "explanation", "detail", "served_model")
COLUMNS = "key, metric, unit, prompt, members, places, value, label, reason, explanation, detail, served_model"


@dataclass(frozen=True, slots=True)
class KeptComparison:
    """One comparison as it is stored. `members` are record keys in the order shown; `places` tells which text each gave, from 1."""

    key: bytes
    metric: str
    unit: str
    prompt: int
    members: tuple[bytes, ...]
    places: tuple[int, ...]
    value: float | None = None
    label: str | None = None
    reason: str | None = "not_asked"
    explanation: str | None = None
    detail: str | None = None
    served_model: str | None = None


def claim_comparisons(ledger: Ledger, identity: str, units: Sequence[KeptComparison], run_id: int) -> None:
    """Enter units as `not_asked` where they are new."""
    with ledger.transaction() as connection:
        connection.executemany(
            "INSERT OR IGNORE INTO comparisons (identity, key, metric, unit, prompt, members, places, reason, run_id) VALUES (?,?,?,?,?,?,?,'not_asked',?)",
            [(identity, unit.key, unit.metric, unit.unit, unit.prompt, b"".join(unit.members), bytes(unit.places), run_id) for unit in units],
        )


def write_comparisons(ledger: Ledger, identity: str, keys: Sequence[bytes], scores: pa.Table, run_id: int) -> None:
    """Store the states of units, one row a key. `scores` has the columns of a score file (NAME, NAME.reason, ...)."""
    name = scores.column_names[0]
    columns = [scores.column(name).to_pylist(), scores.column(f"{name}.reason").to_pylist()]
    columns += [scores.column(f"{name}.{kind}").to_pylist() if f"{name}.{kind}" in scores.column_names else [None] * len(keys) for kind in TOLD]
    with ledger.transaction() as connection:
        connection.executemany(
            "UPDATE comparisons SET value = ?, reason = ?, label = ?, explanation = ?, detail = ?, served_model = ?, run_id = ? WHERE identity = ? AND key = ?",
            [(*row, run_id, identity, key) for row, key in zip(zip(*columns, strict=True), keys, strict=True)],
        )


def read_comparisons(ledger: Ledger, identity: str) -> Iterator[KeptComparison]:
    """All comparisons of one identity of a metric, ordered by key. Raises: StoreCorrupt."""
    last = b""
    while rows := ledger.rows(f"SELECT {COLUMNS} FROM comparisons WHERE identity = ? AND key > ? ORDER BY key LIMIT 10000", (identity, last)):
        with ledger.readable():
            yield from map(_read, rows)
        last = bytes(rows[-1]["key"])


def find_comparisons(ledger: Ledger, identity: str, keys: Sequence[bytes]) -> dict[bytes, KeptComparison]:
    """Those of these units that the ledger knows, by key. Raises: StoreCorrupt."""
    found: dict[bytes, KeptComparison] = {}
    for start in range(0, len(keys), 500):
        part = keys[start : start + 500]
        rows = ledger.rows(f"SELECT {COLUMNS} FROM comparisons WHERE identity = ? AND key IN ({','.join('?' * len(part))})", (identity, *part))
        with ledger.readable():
            found |= {bytes(row["key"]): _read(row) for row in rows}
    return found


def compared_metrics(ledger: Ledger) -> list[tuple[str, str, str]]:
    """(name, identity, unit) of every metric that has comparisons."""
    return [(row[0], row[1], row[2]) for row in ledger.rows("SELECT DISTINCT metric, identity, unit FROM comparisons ORDER BY metric, identity")]


def _read(row: sqlite3.Row) -> KeptComparison:
    members = bytes(row["members"])
    if len(members) % KEY_BYTES or len(members) // KEY_BYTES != len(row["places"]) or (row["value"] is None) == (row["reason"] is None):
        raise ValueError("a comparison has no whole keys, or no state")
    keys = tuple(members[start : start + KEY_BYTES] for start in range(0, len(members), KEY_BYTES))
    told = {name: row[name] for name in ("value", "reason", *TOLD)}
    return KeptComparison(bytes(row["key"]), row["metric"], row["unit"], row["prompt"], keys, tuple(row["places"]), **told)


def drop_comparisons(connection: sqlite3.Connection, gone: set[bytes]) -> list[bytes]:
    """Delete, inside a transaction, the comparisons that hold one of these records; returns their keys."""
    lost = [
        (row[0], bytes(row[1]))
        for row in connection.execute("SELECT identity, key, members FROM comparisons")
        if any(bytes(row[2][start : start + KEY_BYTES]) in gone for start in range(0, len(row[2]), KEY_BYTES))
    ]
    connection.executemany("DELETE FROM comparisons WHERE identity = ? AND key = ?", lost)
    return [key for _, key in lost]
