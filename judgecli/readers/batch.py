"""Records on their way into a shard: which are new, and the hashes that statistics group by."""

import hashlib
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from judgecli.readers.log import digest_of


def number_repeats(keys: list[bytes], seen: set[bytes]) -> list[bytes]:
    """Give repeated lines of one file keys of their own: the n-th repeat of K is the hash of K and n. Adds to `seen`."""
    numbered = []
    for key in keys:
        own, repeat = key, 0
        while own in seen:
            repeat += 1
            own = digest_of(key + repeat.to_bytes(8, "big"))
        seen.add(own)
        numbered.append(own)
    return numbered


def add_hashes(records: pa.Table, file_id: int) -> pa.Table:
    """The records with `file_id`, `prompt_hash` and `cluster_hash` (schema.STORED).

    The prompt is the input in lower case with single spaces. The cluster is the session, else the
    user, else the prompt, else the record itself.
    """
    prompts = [None if text is None else hash_text("p", " ".join(text.casefold().split())) for text in records.column("input").to_pylist()]
    sessions = _hash_repeating(records.column("session"), "s")
    users = _hash_repeating(records.column("user"), "u")
    clusters = [
        session if session is not None else user if user is not None else prompt if prompt is not None else int.from_bytes(key[:8], "little", signed=True)
        for session, user, prompt, key in zip(sessions, users, prompts, records.column("key").to_pylist(), strict=True)
    ]
    ids = pa.array(np.full(records.num_rows, file_id, dtype=np.int32))
    columns = [*records.columns, ids, pa.array(prompts, pa.int64()), pa.array(clusters, pa.int64())]
    return pa.table(columns, names=[*records.column_names, "file_id", "prompt_hash", "cluster_hash"])


def hash_text(kind: str, text: str) -> int:
    """A signed 64-bit hash of a text, apart for each kind."""
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8, person=kind.encode()).digest(), "little", signed=True)


def _hash_repeating(column: pa.ChunkedArray, kind: str) -> Sequence[int | None]:
    if column.null_count == len(column):
        return [None] * len(column)
    known: dict[str | None, int | None] = {None: None}
    found = []
    for text in column.to_pylist():
        if text not in known:
            known[text] = hash_text(kind, text)
        found.append(known[text])
    return found
