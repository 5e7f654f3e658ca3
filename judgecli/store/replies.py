"""What judges answered, raw and before anything is read from it: kept once, under the hash of what was asked.

live_replies.py looks them up and keeps them for an event loop; this module is what stands in the ledger and in files.
"""

import base64
import gzip
import json
import sqlite3
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from operator import attrgetter
from pathlib import Path
from typing import IO, Literal

import zstandard

from judgecli import outputs
from judgecli.errors import UsageError
from judgecli.store.ledger import Ledger

Purpose = Literal["score", "sentinel", "audit", "anchor", "imported"]

GROUP = 64  # replies a statement, at most
LEVEL = 3
KEYS_A_QUERY = 500
LARGEST = 1 << 40  # of any number in a reply, so that sums of them fit into the ledger


@dataclass(frozen=True, slots=True)
class StoredReply:
    """One answer as it was received (`raw`), and what it was an answer to.

    `key` is the hash of what was asked; `rubric` the identity of the metric; `mode` how the verdict
    was asked for; `cost` in USD, None where the price is not known; `target` the key of the record.
    """

    key: bytes
    raw: bytes
    mode: str
    rubric: str
    model: str
    served_model: str | None = None
    tokens_in: int = 0
    tokens_out: int = 0
    tokens_cached: int = 0
    cost: float | None = None
    finish_reason: str | None = None
    draw: int = 0
    time: str = ""
    run_id: int = 0
    purpose: Purpose = "score"
    target: bytes | None = None


@dataclass(frozen=True, slots=True)
class Spend:
    """What one run paid for one rubric and model; `unpriced` calls have no known price and are not in `cost_usd`."""

    rubric: str
    model: str
    served_model: str
    purpose: str
    calls: int
    tokens_in: int
    tokens_out: int
    tokens_cached: int
    cost_usd: float
    unpriced: int


COLUMNS = "key, body, mode, rubric, model, served, tokens_in, tokens_out, tokens_cached, cost, finish, draw, time, run_id, purpose, target"
_SELECT = f"SELECT {COLUMNS} FROM replies"
_PLACES = f"({','.join('?' * len(fields(StoredReply)))})"
_KEEP = f"INSERT OR REPLACE INTO replies ({COLUMNS}) VALUES "
_SPEND = (
    "INSERT INTO spend VALUES (?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT DO UPDATE SET calls = calls + excluded.calls, "
    "tokens_in = tokens_in + excluded.tokens_in, tokens_out = tokens_out + excluded.tokens_out, "
    "tokens_cached = tokens_cached + excluded.tokens_cached, cost = cost + excluded.cost, unpriced = unpriced + excluded.unpriced"
)
_AFTER_BODY = attrgetter(*[field.name for field in fields(StoredReply)][2:])


def find_replies(ledger: Ledger, keys: Sequence[bytes]) -> dict[bytes, StoredReply]:
    """The replies to these questions, by key. Raises: StoreCorrupt."""
    found: dict[bytes, StoredReply] = {}
    for start in range(0, len(keys), KEYS_A_QUERY):
        part = keys[start : start + KEYS_A_QUERY]
        rows = ledger.rows(f"{_SELECT} WHERE key IN ({','.join('?' * len(part))})", part)
        found |= {reply.key: reply for reply in _read_rows(ledger, rows)}
    return found


def _read_rows(ledger: Ledger, rows: Sequence[sqlite3.Row]) -> list[StoredReply]:
    unpack = zstandard.ZstdDecompressor()
    with ledger.readable():
        try:
            return [StoredReply(row[0], unpack.decompress(row[1]), *row[2:]) for row in rows]
        except zstandard.ZstdError as error:
            raise ValueError(f"a reply cannot be unpacked: {error}") from error


def keep_replies(connection: sqlite3.Connection, replies: Sequence[StoredReply], *, paid: bool = True) -> None:
    """Store replies inside a transaction, and where they were `paid` just now add them to what their run spent."""
    pack = zstandard.ZstdCompressor(level=LEVEL)
    for start in range(0, len(replies), GROUP):
        part = replies[start : start + GROUP]
        values = [value for reply in part for value in (reply.key, pack.compress(reply.raw), *_AFTER_BODY(reply))]
        connection.execute(f"{_KEEP}{','.join([_PLACES] * len(part))}", values)
    if paid:
        add_spend(connection, replies)


def add_spend(connection: sqlite3.Connection, replies: Sequence[StoredReply]) -> None:
    """Add replies to what their runs spent, inside a transaction."""
    sums: dict[tuple[object, ...], list[float]] = {}
    for reply in replies:
        spent = sums.setdefault((reply.run_id, reply.rubric, reply.model, reply.served_model or "", reply.purpose), [0, 0, 0, 0, 0.0, 0])
        for place, amount in enumerate((1, reply.tokens_in, reply.tokens_out, reply.tokens_cached, reply.cost or 0.0, int(reply.cost is None))):
            spent[place] += amount
    connection.executemany(_SPEND, [(*whose, *spent) for whose, spent in sums.items()])


def spend_of(ledger: Ledger, run_id: int | None = None) -> list[Spend]:
    """What one run spent, or all runs together, by rubric, model, served model and purpose."""
    chosen = "" if run_id is None else "WHERE run_id = ?"
    sums = ", ".join(f"sum({name})" for name in ("calls", "tokens_in", "tokens_out", "tokens_cached", "cost", "unpriced"))
    rows = ledger.rows(
        f"SELECT rubric, model, served, purpose, {sums} FROM spend {chosen} GROUP BY 1,2,3,4 ORDER BY 1,2,3,4", () if run_id is None else (run_id,)
    )
    return [Spend(*row) for row in rows]


# Files ------------------------------------------------------------------------------------------


def export_replies(ledger: Ledger, out: IO[str], rubrics: Sequence[str] = (), *, redact: Callable[[bytes], bytes] | None = None) -> int:
    """Write replies as JSON lines sorted by key, so that CI can replay them; returns how many.

    `rubrics` are identities; none means all. `redact` is what a body goes through.

    {"key": "9f...", "mode": "json_schema", "rubric": "3c...", "model": "m", "served_model": "m-2", "draw": 0, "raw": "{...}", ...}
    """
    count = 0
    for reply in _all_replies(ledger):
        if reply.purpose in ("score", "anchor", "imported") and (not rubrics or reply.rubric in rubrics):  # sentinels stay unknown
            shown = reply if redact is None else replace(reply, raw=redact(reply.raw))
            out.write(json.dumps(_to_line(shown), ensure_ascii=True, sort_keys=True) + "\n")
            count += 1
    return count


def _all_replies(ledger: Ledger) -> Iterator[StoredReply]:
    last = b""
    while rows := ledger.rows(f"{_SELECT} WHERE key > ? ORDER BY key LIMIT {KEYS_A_QUERY}", (last,)):
        yield from _read_rows(ledger, rows)
        last = bytes(rows[-1][0])


HIDDEN = ("run_id", "target", "purpose")  # of the store they came from
BYTES = ("key", "raw")


def _to_line(reply: StoredReply) -> dict[str, object]:
    line: dict[str, object] = {field.name: getattr(reply, field.name) for field in fields(reply) if field.name not in (*HIDDEN, *BYTES)}
    try:
        body: dict[str, object] = {"raw": reply.raw.decode()}
    except UnicodeDecodeError:
        body = {"raw_base64": base64.b64encode(reply.raw).decode()}
    return {"key": reply.key.hex(), **line, **body}


def read_reply_file(path: Path) -> list[StoredReply]:
    """The replies of a file that `export_replies` wrote (or a person by hand: key, raw, rubric and model are needed), gzipped or not.

    Raises: UsageError with its line.
    """
    try:
        outputs.reads(path, "a file of replies")
        raw = path.read_bytes()
        lines = (gzip.decompress(raw) if raw.startswith(b"\x1f\x8b") else raw).decode().splitlines()
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}", hint="judge replies export FILE writes one") from error
    found = []
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                found.append(_from_line(json.loads(line)))
            except (ValueError, TypeError, KeyError, AttributeError) as error:
                raise UsageError(
                    f"{path}:{number}: not a reply: {type(error).__name__}: {error}"[:300], hint="judge replies export FILE writes such lines"
                ) from error
    return found


def checked(reply: StoredReply) -> StoredReply:
    """The reply, whose values come from a file. Raises: ValueError where the ledger could not hold one of them."""
    for field, value in zip(fields(reply)[2:-1], _AFTER_BODY(reply)[:-1], strict=True):
        if not isinstance(value, str | int | float | None) or (isinstance(value, int) and abs(value) >= LARGEST):
            raise ValueError(f"{field.name} is {value!r}"[:100])
        if isinstance(value, str):
            value.encode()
    return reply


def _from_line(line: dict[str, object]) -> StoredReply:
    raw = base64.b64decode(str(line["raw_base64"]), validate=True) if "raw_base64" in line else str(line["raw"]).encode()
    known = {field.name for field in fields(StoredReply)} - {*HIDDEN, *BYTES}
    rest = {name: value for name, value in line.items() if name in known}
    key = bytes.fromhex(str(line["key"]))
    if len(key) != 32:
        raise ValueError(f"a key has 64 hex digits, not {2 * len(key)}")
    return checked(StoredReply(key, raw, purpose="imported", **{"mode": "json_schema", **rest}))  # type: ignore[arg-type]


def import_replies(ledger: Ledger, replies: Sequence[StoredReply], *, redact: Callable[[bytes], bytes] | None = None) -> int:
    """Add replies that the ledger does not hold yet; returns how many were new. What was paid here is never replaced."""
    held = find_replies(ledger, [reply.key for reply in replies])
    new = list({reply.key: reply if redact is None else replace(reply, raw=redact(reply.raw)) for reply in replies if reply.key not in held}.values())
    with ledger.transaction() as connection:
        keep_replies(connection, new, paid=False)
    return len(new)
