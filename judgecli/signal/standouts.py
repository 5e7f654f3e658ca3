"""Which variant is worst at what: found from signals by one column, certain by intervals, without naming any metric."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scipy import special

from judgecli.signal.windows import SignalRow
from judgecli.stats.families import holm

ALPHA = 0.05
LEAST_CLUSTERS = 20  # of a variant; below it an interval does not keep its promise
MOST_PER_VALUE = 2


@dataclass(frozen=True)
class Standout:
    """A value of a column that is worse than every other value on a metric. `others`: their means; `p` is corrected after Holm."""

    column: str
    value: str
    metric: str
    kind: str
    mean: float
    n: int
    others: Mapping[str, float]
    p: float

    def to_json(self) -> dict[str, object]:
        """As a row of JSON."""
        return {
            "column": self.column,
            "value": self.value,
            "metric": self.metric,
            "kind": self.kind,
            "mean": self.mean,
            "n": self.n,
            "others": dict(self.others),
            "p": self.p,
        }


def find_standouts(rows: Sequence[SignalRow], column: str, *, better: Mapping[str, bool | None], first: Sequence[str] = ()) -> list[Standout]:
    """The values of `column` that are worst at something, at most two metrics each, the most certain first.

    Rows: signals by that one column over all time. `better` tells which way is good (metrics without a
    way are left out); metrics in `first` come before others. A value stands out where the difference
    to every other value is certain: its least certain p-value, corrected after Holm over all values and
    metrics, is below 5 %. Standard errors are cluster-robust; variants share few clusters, so their
    difference has the variance of both (a shared cluster makes it smaller, if anything).
    """
    asked: list[tuple[SignalRow, list[SignalRow], float]] = []
    for metric in dict.fromkeys(row.metric for row in rows if better.get(row.metric) is not None):
        own = [row for row in rows if row.metric == metric and row.mean is not None and row.se is not None and row.clusters >= LEAST_CLUSTERS]
        own = [row for row in own if row.policy.get(column) is not None]
        if len({row.identity for row in own}) == 1 and len(own) > 1:
            asked += [(row, others, max(_p(row, other, bool(better[metric])) for other in others)) for row, others in _each(own)]
    found = []
    for (row, others, _), p in zip(asked, holm([p for _, _, p in asked]), strict=True):
        if p < ALPHA and row.mean is not None:
            means = {str(other.policy[column]): float(other.mean) for other in others if other.mean is not None}
            found.append(Standout(column, str(row.policy[column]), row.metric, row.kind, float(row.mean), row.n, means, p))
    return _few(sorted(found, key=lambda item: (item.metric not in first, item.p, item.metric)))


def _each(rows: Sequence[SignalRow]) -> list[tuple[SignalRow, list[SignalRow]]]:
    return [(row, [other for other in rows if other is not row]) for row in rows]


def _p(row: SignalRow, other: SignalRow, higher_is_better: bool) -> float:
    """How likely `row` looks this much worse than `other` by chance, one-sided."""
    assert row.mean is not None and other.mean is not None and row.se is not None and other.se is not None  # noqa: PT018
    worse = (other.mean - row.mean) if higher_is_better else (row.mean - other.mean)
    se = math.hypot(row.se, other.se)
    if se == 0:
        return 0.0 if worse > 0 and min(row.clusters, other.clusters) >= LEAST_CLUSTERS else 1.0
    return float(special.stdtr(min(row.clusters, other.clusters) - 1, -worse / se))


def _few(found: Sequence[Standout]) -> list[Standout]:
    counts: dict[str, int] = {}
    kept = []
    for item in found:
        counts[item.value] = counts.get(item.value, 0) + 1
        if counts[item.value] <= MOST_PER_VALUE:
            kept.append(item)
    return sorted(kept, key=lambda item: item.value)
