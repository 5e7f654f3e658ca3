"""The columns of a batch of records as scorers name them: plain ones, tags, imported scores."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from judgecli.schema import NOTHING, NUMBER_COLUMNS
from judgecli.scorer import Metric, Scorer


def required_sources(scorer: Scorer) -> tuple[str, ...]:
    """The record columns without which a scorer has nothing to score, in order."""
    return tuple(sorted({column.source for column in scorer.columns if column.required}))


def is_text(texts: pa.Array, text: str) -> np.ndarray:
    return np.asarray(pc.fill_null(pc.equal(texts, text), False).to_numpy(zero_copy_only=False))


def is_valid(array: pa.Array) -> np.ndarray:
    return np.asarray(array.is_valid().to_numpy(zero_copy_only=False))


def read_column(batch: pa.Table, source: str) -> pa.Array:
    """A record column, `tags_NAME` or `imported_NAME`; nulls where the batch has none."""
    for prefix, column in (("tags_", "tags"), ("imported_", "imported")):
        if source.startswith(prefix) and column in batch.column_names:
            found = single(pc.map_lookup(batch.column(column), pa.scalar(source.removeprefix(prefix)), "last"))
            return found if column == "tags" else pc.if_else(pc.equal(found, NOTHING), pa.scalar(None, found.type), found)
    if source not in batch.column_names:
        return pa.nulls(batch.num_rows)
    return single(batch.column(source))


def single(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    return pa.concat_arrays(array.chunks) if isinstance(array, pa.ChunkedArray) else array


def needed_columns(metrics: Sequence[Metric]) -> list[str]:
    """The record columns to load for these metrics."""
    wanted = {"input", "output", "messages", "output_messages", "error"}
    for metric in metrics:
        for column in metric.scorer.columns:
            wanted.add(column.source if not column.source.startswith(("tags_", "imported_")) else column.source.split("_")[0])
            wanted |= {"imported"} if column.source in NUMBER_COLUMNS else set()
    return sorted(wanted)


def read_columns(records: pa.Table, scorer: Scorer) -> dict[str, pa.Array]:
    """The record columns that a scorer reads, one item a row."""
    return {column.source: read_column(records, column.source) for column in scorer.columns}
