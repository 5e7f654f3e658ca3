"""Records gathered batch by batch into what a report compares: traits, policy, cluster, time and metric values as arrays."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from judgecli.signal.traits import TraitIndex, session_positions

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Gathered:
    """N records as arrays: `values` by metric (NaN = unscored), `columns` by policy column (None = the record has none).

    `clusters` holds one code from 0 up a row, `times` microseconds since 1970 (None = no time).
    """

    count: int
    clusters: Rows
    times: Sequence[int | None]
    columns: Mapping[str, Sequence[str | None]]
    values: Mapping[str, Floats]
    members: Mapping[tuple[str, str], Rows]
    keys: Sequence[bytes] = ()
    prompts: Sequence[int | None] = ()


class Gatherer:
    """Takes batches of records in and gives them as arrays."""

    def __init__(self, by: Sequence[str], metrics: Sequence[str]) -> None:
        self._by, self._metrics = tuple(by), tuple(metrics)
        self._traits = TraitIndex()
        self._clusters: dict[object, int] = {}
        self._codes: list[int] = []
        self._keys: list[bytes] = []
        self._prompts: list[int | None] = []
        self._times: list[int | None] = []
        self._sessions: list[str | None] = []
        self._columns: dict[str, list[str | None]] = {name: [] for name in by}
        self._values: dict[str, list[Floats]] = {name: [] for name in metrics}

    def add(self, records: Iterable[Mapping[str, Any]], values: Mapping[str, Floats]) -> None:
        """Take one batch in; a metric without values here is unscored in all its rows."""
        rows = 0
        for record in records:
            rows += 1
            self._traits.add(record)
            self._codes.append(self._clusters.setdefault(record["cluster_hash"], len(self._clusters)))
            self._times.append(record["time"])
            self._keys.append(record["key"])
            self._prompts.append(record["prompt_hash"])
            self._sessions.append(record["session"])
            for name in self._by:
                self._columns[name].append(column_value(record, name))
        for name in self._metrics:
            self._values[name].append(values.get(name, np.full(rows, np.nan)))

    def finish(self) -> Gathered:
        """All batches as one."""
        for row, position in enumerate(session_positions(self._sessions, self._times)):
            if position is not None:
                self._traits.mark("place in the session", position, row)
        members = {key: np.array(rows, dtype=np.int64) for key, rows in self._traits.members().items()}
        values = {name: np.concatenate([np.empty(0), *parts]) for name, parts in self._values.items()}
        return Gathered(len(self._codes), np.array(self._codes, dtype=np.int64), self._times, self._columns, values, members, self._keys, self._prompts)


def column_value(record: Mapping[str, Any], name: str) -> str | None:
    """What a record holds in a column, or under a tag written tags.NAME, as text."""
    if name.startswith("tags."):
        return next((value for key, value in record.get("tags") or [] if key == name.removeprefix("tags.")), None)
    value = record.get(name)
    return None if value is None else str(value)
