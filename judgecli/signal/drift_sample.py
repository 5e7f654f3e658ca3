"""What a sample of whole records says of a change: how much of it is another mix of traffic, and which records carry it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from judgecli.signal.drift import DriftRow, Evidence
from judgecli.signal.drift_report import DriftExample
from judgecli.signal.traits import language_guess, length_bucket
from judgecli.stats.decomposition import Decomposition, decompose

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]
EACH = 2  # examples a side and metric
EXCERPT = 1_000  # characters


@dataclass(frozen=True)
class DriftSample:
    """N sampled records: whether current, cluster codes from 0 up, the records, and by metric a value (NaN = none)."""

    current: npt.NDArray[np.bool_]
    clusters: Rows
    records: Sequence[Mapping[str, Any]]
    values: Mapping[str, Floats]


def traffic_kinds(sample: DriftSample) -> Rows | None:
    """The kind of traffic of every record as a code from 0 up: language and length of its input; None where no record has an input."""
    if all(record["input"] is None for record in sample.records):
        return None
    kinds: dict[tuple[str | None, str], int] = {}
    return np.array([kinds.setdefault(_kind(record["input"]), len(kinds)) for record in sample.records], dtype=np.int64)


def traffic_parts(sample: DriftSample, kinds: Rows, metric: str) -> Decomposition | None:
    """Within and mix of one metric over kinds of traffic; None where a side has no value."""
    values, size = sample.values[metric], int(kinds.max()) + 1
    parts = []
    for side in (False, True):
        own = (sample.current == side) & ~np.isnan(values)
        parts += [np.bincount(kinds[own], values[own], size).astype(float), np.bincount(kinds[own], minlength=size).astype(float)]
    return decompose(parts[0], parts[1], parts[2], parts[3])


def _kind(text: str | None) -> tuple[str | None, str]:
    return (None, "no input") if text is None else (language_guess(text), length_bucket(text))


def segment_parts(segments: Sequence[Evidence], columns: Sequence[str]) -> Decomposition | None:
    """Within and mix over the values of these columns of the segments of one metric, from all records; None where there are none."""
    kinds: dict[tuple[str | None, ...], list[float]] = {}
    for item in segments:
        own = kinds.setdefault(tuple(item.segment[name] for name in columns), [0.0] * 4)
        for place, part in enumerate((item.reference.total, item.reference.scored, item.current.total, item.current.scored)):
            own[place] += part
    parts = np.array(list(kinds.values()), dtype=float).reshape(-1, 4)
    return decompose(parts[:, 0], parts[:, 1], parts[:, 2], parts[:, 3])


def carriers(sample: DriftSample, row: DriftRow) -> list[DriftExample]:
    """Records that carry the change of a metric: current ones with values that became more frequent, reference ones with values that became rarer.

    The values are cut into the tenths of the grid; the choice within is by key, so it is the same in every run.
    """
    if row.shape is None or row.metric not in sample.values or not row.shape.edges:
        return []
    gained = np.subtract(row.shape.shares[1], row.shape.shares[0])
    bins = np.searchsorted(np.array(row.shape.edges[1:-1]), sample.values[row.metric], side="right")
    found = []
    for side, place in ((False, int(np.argmin(gained))), (True, int(np.argmax(gained)))):
        own = np.flatnonzero((sample.current == side) & ~np.isnan(sample.values[row.metric]) & (bins == place))
        chosen = sorted(own.tolist(), key=lambda number: sample.records[number]["key"])
        found += [_example(sample.records[number], row.metric, current=side, value=float(sample.values[row.metric][number])) for number in chosen[:EACH]]
    return found


def _example(record: Mapping[str, Any], metric: str, *, current: bool, value: float) -> DriftExample:
    return DriftExample(
        metric=metric,
        side="current" if current else "reference",
        value=value,
        key=record["key"].hex(),
        id=record["id"],
        time=record["time"],
        input=None if record["input"] is None else record["input"][:EXCERPT],
        output=None if record["output"] is None else record["output"][:EXCERPT],
        input_length=record["input_length"] or 0,
        output_length=record["output_length"] or 0,
        file=record["file"],
        line=record["line"],
    )
