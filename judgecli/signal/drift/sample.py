"""A sample of whole records, and which of them carry a change."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from judgecli.arrays import Floats, Integers
from judgecli.signal.drift.report import DriftExample
from judgecli.signal.drift.rows import DriftRow

EACH = 2  # examples a side and metric
EXCERPT = 1_000  # characters


@dataclass(frozen=True)
class DriftSample:
    """N sampled records: whether current, cluster codes from 0 up, the records, and by metric a value (NaN = none)."""

    current: npt.NDArray[np.bool_]
    clusters: Integers
    records: Sequence[Mapping[str, Any]]
    values: Mapping[str, Floats]


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
