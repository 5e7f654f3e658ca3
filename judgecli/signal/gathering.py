"""Records gathered batch by batch into what a report compares: traits, policy, cluster, time and metric values as arrays."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from judgecli.arrays import Floats, Integers
from judgecli.signal.traits import TraitIndex, session_positions

GatheredColumns = Mapping[str, Sequence[Any]]
READ = ("cluster_hash", "time", "key", "prompt_hash", "session")  # of every record, beside its traits and the policy


@dataclass(frozen=True)
class GatheredRecords:
    """N records as arrays: `values` by metric (NaN = unscored), `columns` by policy column (None = the record has none).

    `clusters` holds one code from 0 up a row, `times` microseconds since 1970 (None = no time).
    """

    count: int
    clusters: Integers
    times: Sequence[int | None]
    columns: Mapping[str, Sequence[str | None]]
    values: Mapping[str, Floats]
    members: Mapping[tuple[str, str], Integers]
    keys: Sequence[bytes] = ()
    prompts: Sequence[int | None] = ()


class Gatherer:
    """Takes batches of records in and gives them as arrays."""

    def __init__(self, by: Sequence[str], metrics: Sequence[str]) -> None:
        self._by, self._metrics = tuple(by), tuple(metrics)
        self._traits = TraitIndex()
        self._read: dict[str, list[Any]] = {name: [] for name in READ}
        self._columns: dict[str, list[str | None]] = {name: [] for name in by}
        self._values: dict[str, list[Floats]] = {name: [] for name in metrics}

    def add(self, records: GatheredColumns | Iterable[Mapping[str, Any]], values: Mapping[str, Floats]) -> None:
        """Take one batch in, as columns or record by record; a metric without values here is unscored in all its rows."""
        columns = records if isinstance(records, Mapping) else _as_columns(records)
        rows = len(columns["key"]) if columns else 0
        if not rows:
            return
        self._traits.add_columns(columns, rows)
        for name in READ:
            self._read[name] += columns[name]
        for name in self._by:
            self._columns[name] += columns[name] if name in columns else _tagged(columns, name, rows)
        for name in self._metrics:
            self._values[name].append(values.get(name, np.full(rows, np.nan)))

    def finish(self) -> GatheredRecords:
        """All batches as one."""
        clusters, times, keys, prompts, sessions = (self._read[name] for name in READ)
        self._traits.mark_all("place in the session", session_positions(sessions, times))
        members = {key: np.asarray(rows, dtype=np.int64) for key, rows in self._traits.members().items()}
        values = {name: np.concatenate([np.empty(0), *parts]) for name, parts in self._values.items()}
        return GatheredRecords(len(keys), _codes(clusters), times, columns=self._columns, values=values, members=members, keys=keys, prompts=prompts)


def column_value(record: Mapping[str, Any], name: str) -> str | None:
    """What a record holds in a column, or under a tag written tags.NAME, as text."""
    if name.startswith("tags."):
        return next((value for key, value in record.get("tags") or [] if key == name.removeprefix("tags.")), None)
    value = record.get(name)
    return None if value is None else str(value)


def _as_columns(records: Iterable[Mapping[str, Any]]) -> GatheredColumns:
    rows = list(records)
    return {name: [row.get(name) for row in rows] for name in dict.fromkeys(name for row in rows for name in row)}


def _tagged(columns: GatheredColumns, name: str, rows: int) -> list[str | None]:
    """The values of a policy column that is no column of the batch."""
    if not name.startswith("tags."):
        return [None] * rows
    return [column_value({"tags": tags}, name) for tags in columns.get("tags", [None] * rows)]


def _codes(values: Sequence[object]) -> Integers:
    """A code from 0 up for each different value, in the order of their first appearance."""
    number = {value: place for place, value in enumerate(dict.fromkeys(values))}
    return np.fromiter((number[value] for value in values), dtype=np.int64, count=len(values))
