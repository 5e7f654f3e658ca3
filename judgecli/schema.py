"""The columns and types of all data: the glossary.

A record is one row of a `RECORDS` table. A cell (record x metric) is exactly one of
`scored`, `unscored(reason)`, `pending`; the reasons are the closed list in `REASONS`.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import pyarrow as pa

RecordKey = bytes  # 16 bytes: 128-bit hash of the raw line (and the choice number)

# One part of a message, after the OTel GenAI shape. `type` is text, tool_call, tool_result,
# reasoning or media; `arguments` and `result` are JSON text; media carries mime and uri only.
PART = pa.struct(
    [
        ("type", pa.string()),
        ("text", pa.string()),
        ("id", pa.string()),
        ("name", pa.string()),
        ("arguments", pa.string()),
        ("result", pa.string()),
        ("mime", pa.string()),
        ("uri", pa.string()),
    ]
)
MESSAGE = pa.struct([("role", pa.string()), ("parts", pa.list_(PART))])
TOOL = pa.struct([("name", pa.string()), ("description", pa.string()), ("parameters", pa.string())])
CALL = pa.struct([("name", pa.string()), ("arguments", pa.string())])
SOURCE = pa.struct([("file", pa.string()), ("line", pa.int64()), ("offset", pa.int64()), ("format", pa.string())])

RECORDS = pa.schema(
    [
        pa.field("key", pa.binary(16), nullable=False),
        ("id", pa.string()),
        ("trace_id", pa.string()),
        ("parent_id", pa.string()),
        ("time", pa.timestamp("us", tz="UTC")),
        ("session", pa.string()),
        ("user", pa.string()),
        ("input", pa.string()),
        ("output", pa.string()),
        ("reasoning", pa.string()),  # what the app's model thought before the output, which is no part of it
        ("messages", pa.list_(MESSAGE)),  # the conversation before the output
        ("output_messages", pa.list_(MESSAGE)),  # from the last assistant message on
        ("contexts", pa.list_(pa.string())),
        ("reference", pa.string()),
        ("model", pa.string()),
        ("prompt_version", pa.string()),
        ("latency_ms", pa.float64()),
        ("tokens_in", pa.float64()),
        ("tokens_out", pa.float64()),
        ("cost_usd", pa.float64()),
        ("finish_reason", pa.string()),
        ("error", pa.string()),
        ("tools", pa.list_(TOOL)),
        ("expected_tools", pa.list_(CALL)),
        ("tags", pa.map_(pa.string(), pa.string())),
        # score.NAME of the log, as JSON text: "null" where the log maps it and this record has none; and under `unread_name`
        # what stands where a number column (latency_ms, ...) has no number although the log has that column.
        ("imported", pa.map_(pa.string(), pa.string())),
        pa.field("source", SOURCE, nullable=False),
    ]
)

# Fields that a mapping may name beside the record columns: tags.NAME, score.NAME, label.NAME.
NUMBER_COLUMNS = ("latency_ms", "tokens_in", "tokens_out", "cost_usd")
TEXT_COLUMNS = (
    "id",
    "trace_id",
    "parent_id",
    "session",
    "user",
    "input",
    "output",
    "reasoning",
    "reference",
    "model",
    "prompt_version",
    "finish_reason",
    "error",
)
FILE = "file"  # the column of a record's log file, as the store names it: in --by, policy: and filters
NOTHING = "null"  # of `imported`: the log has the column, and nothing stands in this record


def unread_name(column: str) -> str:
    """The name in `imported` for what stands in a number column that is no number.

    >>> unread_name("latency_ms")
    'unread:latency_ms'
    """
    return f"unread:{column}"


MAPPABLE = TEXT_COLUMNS + NUMBER_COLUMNS + ("time", "messages", "output_messages", "contexts", "tools", "expected_tools")

ReasonClass = Literal["design", "failed", "waiting"]

# Why a cell has no value. By design: it does not enter coverage. Failed and waiting: it does.
REASONS: dict[str, ReasonClass] = {
    "not_applicable": "design",
    "not_sampled": "design",
    "judge_parse": "failed",
    "judge_truncated": "failed",
    "judge_refused": "failed",
    "content_filter": "failed",
    "timeout": "failed",
    "rate_limited": "failed",
    "connection": "failed",
    "bad_request": "failed",
    "metric_error": "failed",
    "input_missing_field": "failed",
    "injection_suspected": "failed",
    "position_inconsistent": "failed",
    "not_asked": "waiting",
    "budget": "waiting",
    "cancelled": "waiting",
    "auth": "waiting",
}

QuarantineReason = Literal[
    "not_json", "not_an_object", "no_mapped_field", "too_long", "too_deep", "non_finite", "bad_encoding", "bad_time", "partial_line", "unknown_shape"
]


@dataclass(frozen=True, slots=True)
class BadLine:
    """One quarantined line: where it stands, why it was refused, and what it looked like.

    `line` counts from 1; `offset` is in plain (decompressed) bytes; `digest` is the 32-hex-digit
    hash of the raw bytes; `excerpt` is at most 200 characters, control characters escaped.
    """

    file: str
    line: int
    offset: int
    digest: str
    reason: QuarantineReason
    excerpt: str
    message: str  # what exactly was wrong, for a person


@dataclass(frozen=True, slots=True)
class Label:
    """What somebody said of a record: unique by (key, name, rater).

    `value` is a number (thumbs: 1.0 up, 0.0 down) or null where only `label` (text) was given.
    """

    key: RecordKey
    record_id: str | None
    name: str
    value: float | None
    label: str | None
    rater: str
    rater_kind: Literal["human", "user", "model", "code"]
    time: datetime | None
    comment: str | None
    selection_probability: float | None = None  # the chance that this record was chosen for labelling, where it is known


# What the store keeps beside the record: which reading of which file it came from, and two 64-bit
# hashes that statistics group by (the normalised prompt; session, else user, else that prompt).
STORED = (
    RECORDS.append(pa.field("file_id", pa.int32(), nullable=False)).append(pa.field("prompt_hash", pa.int64())).append(pa.field("cluster_hash", pa.int64()))
)
