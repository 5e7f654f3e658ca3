"""What units other than records are made of: the turns of sessions, the groups of prompts, a sample of outputs."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from judgecli.store.folder import Store
from judgecli.store.query import cluster_column, sql_column
from judgecli.store.windows_query import WindowReduction

SAMPLE = 200  # outputs of a cell, by the hash of the record
GROUPED = 60  # outputs of a cell, by the hash of the prompt, so that outputs to one prompt come together
INPUT_CHARACTERS = 2_000
OUTPUT_CHARACTERS = 4_000


IN_ORDER = "WHERE session IS NOT NULL ORDER BY session, time NULLS LAST, line, place, data.key"
PLACED = ("key", "session", "time", "cluster_hash AS cluster", "source.line AS line", "source.offset AS place")


def session_rewards(reduction: WindowReduction, metrics: Sequence[int]) -> tuple[np.ndarray, pa.Table]:
    """The records of sessions, by session and time: session, cluster, moment (microseconds) and v, r of the metrics; the cell of each."""
    values = "".join(f", v{metric}, r{metric}" for metric in metrics)
    query = f"SELECT w, seg, session, cluster, epoch_us(time) AS moment{values} FROM ROWS AS data {IN_ORDER}"
    return reduction.select(PLACED, metrics, query)


def session_turns(store: Store, reduction: WindowReduction) -> tuple[np.ndarray, pa.Table]:
    """The records of sessions, by session and time: session, input, output, error, up, down, cluster; the cell of each."""
    reduction.label("thumbs", _thumbs(store))
    texts = (f"left(input, {INPUT_CHARACTERS}) AS input", "left(trim(output), 1) AS output", "error")
    query = (
        "SELECT data.*, COALESCE(thumbs.up, 0) AS up, COALESCE(thumbs.down, 0) AS down "
        f"FROM ROWS AS data LEFT JOIN thumbs ON thumbs.target = data.key {IN_ORDER}"
    )
    return reduction.select([*PLACED, *texts], (), query)


def _thumbs(store: Store) -> pa.Table:
    rows = store.ledger.rows(
        "SELECT target, sum(value > 0.5) AS up, sum(value <= 0.5) AS down FROM labels WHERE rater_kind = 'user' AND value IS NOT NULL GROUP BY target"
    )
    return pa.table(
        {
            "target": pa.array([row["target"] for row in rows], pa.binary(16)).cast(pa.binary()),
            "up": pa.array([row["up"] for row in rows], pa.int64()),
            "down": pa.array([row["down"] for row in rows], pa.int64()),
        }
    )


def prompt_groups(reduction: WindowReduction, metrics: Sequence[int], group: str | None) -> tuple[np.ndarray, pa.Table]:
    """The prompts of each cell: prompt, n, and of each metric n, how many are 1, how many are neither 0 nor 1, least and most."""
    prompt = prompt_column(group)
    parts = "".join(
        f", count(v{m}) AS n{m}, count(*) FILTER (v{m} = 1) AS c{m}, count(*) FILTER (v{m} NOT IN (0, 1)) AS o{m}, min(v{m}) AS l{m}, max(v{m}) AS h{m}"
        for m in metrics
    )
    columns = [f"{prompt} AS prompt"]
    return reduction.select(columns, metrics, f"SELECT w, seg, prompt, count(*) AS n{parts} FROM ROWS WHERE prompt IS NOT NULL GROUP BY w, seg, prompt")


def prompt_column(group: str | None, *, option: str = "group:") -> str:
    """The SQL of what tells one prompt from another, a 64-bit number that is the same on every machine; null where a record has none."""
    if group in (None, "input"):
        return "prompt_hash"
    return f"CAST(md5_number_lower({sql_column(str(group), option=option)}) >> 1 AS BIGINT)"


def paired_values(
    reduction: WindowReduction, metric: int, group: str | None, cluster: str | None, *, option: str, keys: bool = False
) -> tuple[np.ndarray, pa.Table]:
    """Every record: its cell, and prompt (null: none), cluster, value and reason of one metric; with `keys` also its key."""
    columns = [f"{prompt_column(group, option=option)} AS prompt", f"{cluster_column(cluster)} AS cluster", *(["key"] if keys else [])]
    key = ", key" if keys else ""
    return reduction.select(columns, [metric], f"SELECT w, seg, prompt, cluster, v{metric} AS value, r{metric} AS reason{key} FROM ROWS")


def selected_keys(reduction: WindowReduction) -> pa.ChunkedArray:
    """The keys of all selected records."""
    return reduction.select(["key"], (), "SELECT w, seg, key FROM ROWS")[1].column("key").cast(pa.binary(16))


def compared_records(reduction: WindowReduction, keys: Sequence[bytes]) -> dict[bytes, tuple[int, int]]:
    """Of those of these records that are selected, the cell and the segment."""
    reduction.label("compared", pa.table({"member": pa.array(keys, pa.binary(16)).cast(pa.binary())}))
    of_cell, table = reduction.select(["key"], (), "SELECT w, seg, key FROM ROWS WHERE key IN (SELECT member FROM compared)")
    keys_found, segments = table.column("key").to_pylist(), table.column("seg").to_pylist()
    return {key: (cell, segment) for key, cell, segment in zip(keys_found, of_cell.tolist(), segments, strict=True)}


def output_sample(reduction: WindowReduction) -> tuple[np.ndarray, pa.Table]:
    """Up to 200 outputs of each cell in an order that follows from their hashes: output, prompt, by_prompt (of the sample by prompt), by_key."""
    columns = ["key", "prompt_hash AS prompt", f"left(output, {OUTPUT_CHARACTERS}) AS output"]
    query = (
        "SELECT w, seg, output, prompt, by_key, by_prompt FROM (SELECT *, row_number() OVER (PARTITION BY w, seg ORDER BY key) AS by_key, "
        "row_number() OVER (PARTITION BY w, seg ORDER BY prompt NULLS LAST, key) AS by_prompt FROM ROWS WHERE output IS NOT NULL) "
        f"WHERE by_key <= {SAMPLE} OR by_prompt <= {GROUPED} ORDER BY w, seg, by_key"
    )
    return reduction.select(columns, (), query)
