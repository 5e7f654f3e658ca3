"""What a step of `judge run` was made from, so that the next run can tell whether there is anything new.

A state is one hash over all that results follow from: the live shards and their score files, the
labels, and what the caller adds (configuration, lock, version). A mark is the state after which a
step was done, with what it said then; it stands in the ledger and may be lost without harm.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence

from judgecli.store.folder import Store

PREFIX = "done:"


def state_of(store: Store, also: Sequence[str] = ()) -> str:
    """32 hex digits: equal where records, scores, labels and `also` are equal."""
    found = hashlib.blake2b(digest_size=16)
    for text in also:
        found.update(f"{len(text)}:{text}".encode("utf-8", "backslashreplace"))
    for shard in store.shards():
        scores = sorted(path.name for path in (store.root / "scores" / shard.name).glob("[!.]*.parquet"))  # a name holds the hash of the bytes
        found.update(json.dumps([shard.name, scores]).encode())
    for row in store.ledger.rows("SELECT target, name, rater, rater_kind, value, label FROM labels ORDER BY target, name, rater"):
        found.update(repr(tuple(row)).encode("utf-8", "backslashreplace"))
    return found.hexdigest()


def read_mark(store: Store, step: str) -> dict[str, object]:
    """What was noted when a step was last done, with its `state`; empty where it never was."""
    rows = store.ledger.rows("SELECT value FROM meta WHERE name = ?", (PREFIX + step,))
    return dict(json.loads(rows[0]["value"])) if rows else {}


def write_mark(store: Store, step: str, state: str, said: Mapping[str, object]) -> None:
    """Note that a step is done for this state, and what it said."""
    with store.ledger.transaction() as connection:
        value = json.dumps({**said, "state": state})
        connection.execute("INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)", (PREFIX + step, value))
