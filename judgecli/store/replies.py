"""What judges answered, raw and before anything is read from it: kept once, under the hash of what was asked.

The ledger's own thread looks up and commits for the one event loop: what came while it was busy together. Replies are
durable (synchronous=FULL) before their callers go on.
"""

import asyncio
import base64
import contextlib
import gzip
import json
import queue
import sqlite3
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from operator import attrgetter
from pathlib import Path
from typing import IO, Literal, TypeVar

import zstandard

from judgecli.errors import UsageError
from judgecli.store.ledger import Ledger

Result = TypeVar("Result")
Purpose = Literal["score", "sentinel", "audit", "anchor", "imported"]

GROUP = 64  # replies a commit, at most
TICK_S = 0.004  # how long lookups wait for others
LEVEL = 3
KEYS_A_QUERY = 500


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


class Replies:
    """The replies of a ledger, for one event loop. Closing waits until everything given to `keep` is durable."""

    def __init__(self, path: Path) -> None:
        self._loop = asyncio.get_running_loop()
        self._ledger = Ledger(path)
        self._waiting: queue.SimpleQueue[_Work | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._serve, name="judge-ledger", daemon=True)
        self._thread.start()

    async def __aenter__(self) -> "Replies":
        return self

    async def __aexit__(self, *_: object) -> None:
        self._waiting.put(None)
        await asyncio.to_thread(self._thread.join)
        self._ledger.close()

    async def find(self, key: bytes) -> StoredReply | None:
        """What was answered to this question, if it was ever asked. Raises: StoreError, StoreCorrupt."""
        found = await self._hand("find", key)
        assert found is None or isinstance(found, StoredReply)
        return found

    async def keep(self, reply: StoredReply) -> None:
        """Return when the reply is durable; a later reply to the same question takes its place. A caller that is cancelled gives up waiting, not the reply.

        Raises: EnvironmentFailure (disk full).
        """
        await self._hand("keep", reply)

    async def run(self, work: Callable[[Ledger], Result]) -> Result:
        """Do something else with the ledger in its thread, after what is kept so far."""
        return await self._hand("run", work)  # type: ignore[return-value]

    def _hand(self, kind: str, given: object) -> "asyncio.Future[object]":
        work = _Work(kind, given, self._loop.create_future())
        self._waiting.put(work)
        return work.done

    # In the thread ------------------------------------------------------------------------------

    def _serve(self) -> None:
        ends = False
        while not ends:
            found, ends = self._gather()
            self._finish([work for work in found if work.kind == "find"], self._find_all)
            kept = [work for work in found if work.kind == "keep"]
            for start in range(0, len(kept), GROUP):
                self._finish(kept[start : start + GROUP], self._keep_all)
            for work in found:
                if work.kind == "run":
                    self._finish([work], lambda works: [works[0].given(self._ledger)])  # type: ignore[operator]

    def _gather(self) -> "tuple[list[_Work], bool]":
        """What there is to do, at least one thing, and whether nothing more will come."""
        found = [self._waiting.get()]
        self._take_rest(found)
        if all(work is not None and work.kind == "find" for work in found):  # a reply holds the slot of its call: it never waits
            time.sleep(TICK_S)
            self._take_rest(found)
        return [work for work in found if work is not None], None in found

    def _take_rest(self, found: "list[_Work | None]") -> None:
        with contextlib.suppress(queue.Empty):
            while True:
                found.append(self._waiting.get_nowait())

    def _finish(self, works: "list[_Work]", do: "Callable[[list[_Work]], Sequence[object]]") -> None:
        """Do some work and hand each its result, or the error to all of them."""
        if not works:
            return
        results: Sequence[object] = ()
        failure: BaseException | None = None
        try:
            results = do(works)
        except BaseException as error:  # noqa: BLE001 - whoever waits for it gets it
            failure = error
        self._loop.call_soon_threadsafe(_deliver, works, results, failure)

    def _find_all(self, works: "list[_Work]") -> list[object]:
        found = find_replies(self._ledger, [bytes(work.given) for work in works])  # type: ignore[call-overload]
        return [found.get(work.given) for work in works]  # type: ignore[call-overload]

    def _keep_all(self, works: "list[_Work]") -> list[object]:
        with self._ledger.transaction() as connection:
            keep_replies(connection, [work.given for work in works])  # type: ignore[misc]
        return [None] * len(works)


@dataclass(frozen=True, slots=True)
class _Work:
    kind: str
    given: object
    done: "asyncio.Future[object]"


def _deliver(works: Sequence[_Work], results: Sequence[object], failure: BaseException | None) -> None:
    for place, work in enumerate(works):
        if work.done.done():  # nobody waits for it any more
            continue
        if failure is not None:
            work.done.set_exception(failure)
        else:
            work.done.set_result(results[place])


COLUMNS = "key, body, mode, rubric, model, served, tokens_in, tokens_out, tokens_cached, cost, finish, draw, time, run_id, purpose, target"
_PLACES = f"({','.join('?' * 16)})"
_AFTER_BODY = attrgetter(*[field.name for field in fields(StoredReply)][2:])


def find_replies(ledger: Ledger, keys: Sequence[bytes]) -> dict[bytes, StoredReply]:
    """The replies to these questions, by key. Raises: StoreCorrupt."""
    found: dict[bytes, StoredReply] = {}
    for start in range(0, len(keys), KEYS_A_QUERY):
        part = keys[start : start + KEYS_A_QUERY]
        rows = ledger.rows(f"SELECT {COLUMNS} FROM replies WHERE key IN ({','.join('?' * len(part))})", part)
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
        # One statement for all of them: every statement gives the interpreter to the event loop and must get it back.
        connection.execute(f"INSERT OR REPLACE INTO replies ({COLUMNS}) VALUES {','.join([_PLACES] * len(part))}", values)
    if paid:
        sums: dict[tuple[object, ...], list[float]] = {}
        for reply in replies:
            spent = sums.setdefault((reply.run_id, reply.rubric, reply.model, reply.served_model or "", reply.purpose), [0, 0, 0, 0, 0.0, 0])
            for place, amount in enumerate((1, reply.tokens_in, reply.tokens_out, reply.tokens_cached, reply.cost or 0.0, int(reply.cost is None))):
                spent[place] += amount
        connection.executemany(
            "INSERT INTO spend VALUES (?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT DO UPDATE SET calls = calls + excluded.calls, "
            "tokens_in = tokens_in + excluded.tokens_in, tokens_out = tokens_out + excluded.tokens_out, "
            "tokens_cached = tokens_cached + excluded.tokens_cached, cost = cost + excluded.cost, unpriced = unpriced + excluded.unpriced",
            [(*whose, *spent) for whose, spent in sums.items()],
        )


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
    while rows := ledger.rows(f"SELECT {COLUMNS} FROM replies WHERE key > ? ORDER BY key LIMIT {KEYS_A_QUERY}", (last,)):
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


def _from_line(line: dict[str, object]) -> StoredReply:
    raw = base64.b64decode(str(line["raw_base64"]), validate=True) if "raw_base64" in line else str(line["raw"]).encode()
    known = {field.name for field in fields(StoredReply)} - {*HIDDEN, *BYTES}
    rest = {name: value for name, value in line.items() if name in known}
    key = bytes.fromhex(str(line["key"]))
    if len(key) != 32:
        raise ValueError(f"a key has 64 hex digits, not {2 * len(key)}")
    return StoredReply(key, raw, purpose="imported", **{"mode": "json_schema", **rest})  # type: ignore[arg-type]


def import_replies(ledger: Ledger, replies: Sequence[StoredReply], *, redact: Callable[[bytes], bytes] | None = None) -> int:
    """Add replies that the ledger does not hold yet; returns how many were new. What was paid here is never replaced."""
    held = find_replies(ledger, [reply.key for reply in replies])
    new = list({reply.key: reply if redact is None else replace(reply, raw=redact(reply.raw)) for reply in replies if reply.key not in held}.values())
    with ledger.transaction() as connection:
        keep_replies(connection, new, paid=False)
    return len(new)
