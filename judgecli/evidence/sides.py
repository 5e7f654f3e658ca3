"""Compare, first step: the records of each side under each metric, averaged by prompt."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from judgecli.errors import NoRecords
from judgecli.evidence.rewarded import needed_metrics, select_rewarded
from judgecli.evidence.windows import ask
from judgecli.evidence.work import Work
from judgecli.schema import REASONS
from judgecli.signal.cells import MetricCells
from judgecli.signal.compare.paired import PairSide, gather_side
from judgecli.signal.compare.parts import Parts, gather_parts, part_codes
from judgecli.store import tables
from judgecli.store.selection import Selection
from judgecli.store.tables import MetricInfo
from judgecli.store.units_query import paired_values, selected_keys
from judgecli.store.windows_query import WindowReduction

if TYPE_CHECKING:
    from judgecli.config.settings import Settings

DESIGN, WAITING = ([reason for reason, kind in REASONS.items() if kind == wanted] for wanted in ("design", "waiting"))
SegmentValues = tuple[str | None, ...]


@dataclass(frozen=True)
class Measured:
    """One metric of one side: its newest identity there, each segment's prompts, and how many records have no prompt to pair by."""

    info: MetricInfo
    segments: dict[SegmentValues, PairSide]
    unkeyed: int
    older: int  # records that only have scores of an older identity: they count as missing
    served: tuple[str, ...] = ()  # of a judge: the models that an endpoint said it served
    detail: "SideDetail | None" = None  # where it was asked for


@dataclass(frozen=True)
class SideDetail:
    """What a baseline needs to know of one metric: its records by prompt and cluster, less those that were to be left out.

    `keys`: the short keys of the records, those of each part together (of the first metric alone: all have the same records);
    `sizes`: how many each part has. `left_out` counts the records that were left out, `left_prompts` are their prompts, `unscored` says
    why how many of the others have no score.
    """

    parts: Parts
    keys: np.ndarray
    sizes: np.ndarray
    left_out: int
    left_prompts: np.ndarray
    unscored: dict[str, int]


@dataclass(frozen=True)
class ComparedSide:
    """The records of one side: what they are called, how many, and the metrics that any of them was asked for.

    `judges`: the models that gave the scores of each metric, and of each term of a reward among them, as endpoints say.
    """

    name: str
    selection: Selection
    records: int
    metrics: dict[str, Measured]
    keys: np.ndarray
    judges: dict[str, tuple[str, ...]]


def read_part(work: Work, name: str, on: str, metrics: Sequence[str] | None, by: Sequence[str], pair: str | None) -> ComparedSide:
    """Read one side. `metrics`: only these, else all that have a mean; `pair`: the column that tells prompts apart, else `group:` of judge.yaml.

    A metric is read under the newest identity that these records have any score of. Raises: NoRecords, UsageError.
    """
    wants_reward = metrics is None or any(metric.startswith("reward.") for metric in metrics)
    selection = select_rewarded(work, on) if wants_reward else work.select(on)
    return read_selection(work, name, selection, _ordered(selection) if metrics is None else metrics, by, pair)


def read_selection(
    work: Work,
    name: str,
    selection: Selection,
    metrics: Sequence[str],
    by: Sequence[str] = (),
    pair: str | None = None,
    *,
    newest: bool = False,
    without: np.ndarray | None = None,
) -> ComparedSide:
    """As `read_part`, of records that are selected. `newest`: only the newest identity of each metric, scored or not.

    `without`: short keys of records to leave out; with it (also empty) each metric has its `detail`.
    """
    wanted = [metric for metric in metrics if metric in selection.metrics]
    is_rewarded = any(metric.startswith("reward.") for metric in wanted)
    terms = sorted((needed_metrics(work.settings) & set(selection.metrics)) - set(wanted)) if is_rewarded else []
    with WindowReduction(work.store, selection, [*wanted, *terms], ask(work.settings, by, "all")) as reduction:
        whole = reduction.cells()
        cells = whole.cells
        if not cells:
            raise NoRecords(f"no records: {selection.on}", hint="judge store info shows what the store holds")
        found: dict[str, Measured] = {}
        keys = short_keys(tables.key_array(selected_keys(reduction)))
        for metric in wanted:
            places = [place for place, info in enumerate(reduction.metrics) if info.name == metric and info.kind != "category"]
            for place in places[:1] if newest else places:  # the newest identity stands first
                measured = _read(reduction, place, work.settings, [cell.segment for cell in cells], pair, without)
                measured = replace(measured, served=_served(whole.metrics[place]))
                if found and metric not in found and measured.detail is not None:
                    measured = replace(measured, detail=replace(measured.detail, keys=measured.detail.keys[:0]))
                if metric not in found or _scored(measured):
                    found[metric] = measured
                if _scored(measured):
                    break
        judges = {metric: measured.served for metric, measured in found.items()}
        judges |= {term: next(_served(whole.metrics[at]) for at, info in enumerate(reduction.metrics) if info.name == term) for term in terms}
        return ComparedSide(name, selection, sum(cell.rows for cell in cells), found, keys, judges)


def _served(metric: MetricCells) -> tuple[str, ...]:
    return tuple(sorted({model for models in metric.served.values() for model in models}))


def short_keys(keys: np.ndarray) -> np.ndarray:
    """The first half of record keys (N x 2 uint64), which tells records apart as well."""
    return np.ascontiguousarray(keys[:, 0])


def _ordered(selection: Selection) -> list[str]:
    return sorted(selection.metrics, key=lambda name: (not name.startswith("reward."), name))


def _scored(measured: Measured) -> bool:
    return any(side.counts.any() for side in measured.segments.values())


@dataclass(frozen=True)
class _SideRows:
    """The records of one metric: cell, prompt (0 where not `keyed`), cluster, value (NaN: none), if one is missing, if it waits, reason; key or None."""

    cell: np.ndarray
    keyed: np.ndarray
    prompts: np.ndarray
    clusters: np.ndarray
    values: np.ndarray
    missing: np.ndarray
    waiting: np.ndarray
    reasons: pa.ChunkedArray
    keys: np.ndarray | None

    def taken(self, kept: np.ndarray) -> "_SideRows":
        """Some of them."""
        return _SideRows(
            self.cell[kept],
            self.keyed[kept],
            self.prompts[kept],
            clusters=self.clusters[kept],
            values=self.values[kept],
            missing=self.missing[kept],
            waiting=self.waiting[kept],
            reasons=self.reasons.filter(pa.array(kept)),
            keys=None if self.keys is None else self.keys[kept],
        )


def _read(
    reduction: WindowReduction, place: int, settings: "Settings", segments: Sequence[SegmentValues], pair: str | None, without: np.ndarray | None
) -> Measured:
    option = "--pair" if pair is not None else "group:"
    cell, table = paired_values(reduction, place, pair or settings.group, settings.cluster, option=option, keys=without is not None)
    reason = table.column("reason")
    values = pc.fill_null(table.column("value"), float("nan")).to_numpy()
    missing = pc.fill_null(pc.invert(pc.is_in(reason, value_set=pa.array(DESIGN))), True).to_numpy() & np.isnan(values)
    waits = pc.fill_null(pc.is_in(reason, value_set=pa.array(WAITING)), True).to_numpy() & missing
    keyed = pc.is_valid(table.column("prompt")).to_numpy()
    prompts, clusters = pc.fill_null(table.column("prompt"), 0).to_numpy(), table.column("cluster").to_numpy()
    keys = None if without is None else short_keys(tables.key_array(table.column("key").cast(pa.binary(16))))
    rows, detail = _SideRows(cell, keyed, prompts, clusters=clusters, values=values, missing=missing, waiting=waits, reasons=reason, keys=keys), None
    if without is not None and keys is not None:
        held = np.isin(keys, without)
        left, rows = rows.taken(held), rows.taken(~held)
        detail = _detail(rows, left)
    older = int(np.count_nonzero(np.isnan(rows.values) & pc.is_null(rows.reasons).to_numpy()))
    sides = {}
    for number, segment in enumerate(segments):
        own = rows.keyed & (rows.cell == number)
        sides[segment] = gather_side(
            rows.prompts[own], rows.clusters[own], rows.values[own], rows.missing[own], waiting=int(np.count_nonzero(rows.waiting[own]))
        )
    return Measured(reduction.metrics[place], sides, int(np.count_nonzero(~rows.keyed)), older, detail=detail)


def _detail(rows: _SideRows, left: _SideRows) -> SideDetail:
    parts = gather_parts(rows.prompts, rows.keyed, rows.clusters, rows.values, rows.missing)
    codes, _ = part_codes(rows.prompts, rows.keyed, rows.clusters)
    keys = np.empty(0, np.uint64) if rows.keys is None else rows.keys[np.lexsort((rows.keys, codes))]
    counted = pc.value_counts(rows.reasons.drop_null().cast(pa.string())).to_pylist()
    unscored = {str(one["values"]): int(one["counts"]) for one in counted}
    sizes = np.bincount(codes, minlength=len(parts.prompts))
    return SideDetail(parts, keys, sizes, len(left.keyed), np.unique(left.prompts[left.keyed]), dict(sorted(unscored.items())))
