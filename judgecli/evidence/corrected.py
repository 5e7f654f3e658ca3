"""Corrected means of the cells of signals: labelled records joined to what the store sums of all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from judgecli.errors import NoRecords, UnknownName, UsageError
from judgecli.evidence.work import Work
from judgecli.labels.consensus import Truths, settle_labels
from judgecli.labels.correct import ASSUMED, CorrectedMean, Errors, Origin, correct_by_errors, correct_by_sample, effective_size
from judgecli.signal.cells import MetricCells, Window, WindowCells
from judgecli.signal.windows import SignalRow
from judgecli.stats.ppi import Labelled, Rest
from judgecli.store.labels import read_given
from judgecli.store.query import cluster_column
from judgecli.store.selection import Selection
from judgecli.store.tables import MetricInfo
from judgecli.store.windows_query import WindowQuestion, WindowReduction

if TYPE_CHECKING:
    pass
if TYPE_CHECKING:
    from judgecli.config.project import Aligned

UNKNOWN_SCALE = "its labels are not known to be on its scale: label_scale, or same_units"


def corrected_cells(
    reduction: WindowReduction, cells: WindowCells, place: int, truths: Truths, *, origin: Origin, errors: Errors | None, cluster: str | None
) -> Mapping[int, CorrectedMean]:
    """The corrected mean of metric `place` in each cell that has a score. Labels must be in the metric's units.

    `origin` sample: PPI++ with the labels of the cell; elsewhere: Rogan-Gladen with `errors` of the judge, for metrics that are 0 or 1.
    """
    metric = cells.metrics[place]
    scored = set(np.unique(metric.cells[metric.counts > 0]).tolist())
    if origin == "elsewhere":
        assert errors is not None
        return {cell: _by_errors(metric, cell, errors) for cell in sorted(scored)}
    labelled = _labelled(reduction, place, truths, cluster)
    found = {}
    for cell in sorted(scored):
        rows = labelled.cells == cell
        chances = labelled.chances[rows]
        weights = 1 / chances if rows.any() and not np.isnan(chances).any() and np.ptp(chances) > 0 else None
        every = _every(metric, cell)
        found[cell] = correct_by_sample(Labelled(labelled.truth[rows], labelled.judged[rows], labelled.clusters[rows], weights), every, scale=metric.scale)
    return found


@dataclass(frozen=True)
class _LabelledRows:
    """The labelled records that were scored: cell, label, score, cluster, and the chance of being labelled (NaN: not known)."""

    cells: "np.ndarray[Any, np.dtype[np.int64]]"
    truth: "np.ndarray[Any, np.dtype[np.float64]]"
    judged: "np.ndarray[Any, np.dtype[np.float64]]"
    clusters: "np.ndarray[Any, np.dtype[np.int64]]"
    chances: "np.ndarray[Any, np.dtype[np.float64]]"


def _labelled(reduction: WindowReduction, place: int, truths: Truths, cluster: str | None) -> _LabelledRows:
    keys = pa.table({"key": pa.array(truths.keys, pa.binary(16)), "place": pa.array(range(len(truths.keys)), pa.int64())})
    reduction.label("labelled", keys)
    query = f"SELECT w, seg, cluster, v{place} AS value, labelled.place AS place "
    query += f"FROM ROWS AS chosen JOIN labelled ON chosen.key = labelled.key WHERE v{place} IS NOT NULL ORDER BY labelled.place"
    of_row, table = reduction.select(["key", f"{cluster_column(cluster)} AS cluster"], [place], query)
    at = table.column("place").to_numpy()
    return _LabelledRows(of_row, truths.values[at], table.column("value").to_numpy(), table.column("cluster").to_numpy(), truths.chances[at])


def cells_by_errors(reduction: WindowReduction, cells: WindowCells, place: int, truths: Truths, *, cluster: str | None) -> Mapping[int, CorrectedMean]:
    """Rogan and Gladen's rate of each cell that has a score of metric `place`, a rate; none for other metrics.

    The judge's errors are those on all labelled records of the selection, so a cell needs no labels of its own.
    """
    metric = cells.metrics[place]
    if metric.kind != "rate":
        return {}
    labelled = _labelled(reduction, place, truths, cluster)
    scored = sorted(set(np.unique(metric.cells[metric.counts > 0]).tolist()))
    why = _no_errors(labelled)
    if why:
        return dict.fromkeys(
            scored, CorrectedMean(None, None, None, method="rogan-gladen", labels=len(labelled.truth), assumed=ASSUMED["elsewhere"], tuning=None, why=why)
        )
    errors = Errors.of(labelled.truth, labelled.judged, labelled.clusters)
    return {cell: _by_errors(metric, cell, errors) for cell in scored}


def _no_errors(labelled: _LabelledRows) -> str | None:
    """Why the judge's errors cannot be counted."""
    if not np.isin(np.r_[labelled.truth, labelled.judged], (0.0, 1.0)).all():
        return "labels that are not 0 or 1 (or raters who disagree) do not say how often the judge errs"
    if not np.isnan(labelled.chances).any() and len(labelled.chances) and np.ptp(labelled.chances) > 0:
        return "records were labelled with unequal chances, so the judge's errors among them are not those among all"
    return None


def _every(metric: MetricCells, cell: int) -> Rest:
    kept = (metric.cells == cell) & (metric.counts > 0)
    return Rest(metric.sums[kept], metric.counts[kept].astype(float), metric.clusters[kept])


def _by_errors(metric: MetricCells, cell: int, errors: Errors) -> CorrectedMean:
    every = _every(metric, cell)
    return correct_by_errors(errors, float(every.sums.sum()), float(every.counts.sum()), effective_size(every.sums, every.counts))


def correct_rows(work: Work, reduction: WindowReduction, cells: WindowCells, rows: Sequence[SignalRow]) -> tuple[list[SignalRow], list[str]]:
    """The rows with `corrected` (PPI++) and, of a rate, `corrected_by_errors` (Rogan and Gladen) where judge.yaml aligns their metric, and why one has none."""
    found: dict[tuple[str, str, object, tuple[str | None, ...]], tuple[CorrectedMean, CorrectedMean | None]] = {}
    notes = []
    for name, said in work.settings.project.align.items():
        try:
            truths = settle_labels(read_given(work.store, said.label, said.raters)[0])
        except (UnknownName, NoRecords) as error:
            notes += [f"{name} is not corrected: {error}"] if any(info.name == name for info in reduction.metrics) else []
            continue
        for place, info in enumerate(reduction.metrics):
            if info.name == name and info.kind != "category" and truths.categories is None:
                own, same_units = _in_units(truths, info, said)
                if not same_units:
                    notes.append(f"{name} is not corrected: {UNKNOWN_SCALE}")
                    continue
                by_errors = cells_by_errors(reduction, cells, place, own, cluster=work.settings.cluster)
                for cell, mean in corrected_cells(reduction, cells, place, own, origin="sample", errors=None, cluster=work.settings.cluster).items():
                    at = cells.cells[cell]
                    found[name, info.identity, None if at.window is None else cells.window.start(at.window), at.segment] = mean, by_errors.get(cell)
    changed = []
    for row in rows:
        pair = found.get((row.metric, row.identity, row.window_start, tuple(row.policy.values())))
        plain, rate = (None, None) if pair is None else (None if one is None else one.to_json() for one in pair)
        changed.append(row if pair is None else replace(row, corrected=plain, corrected_by_errors=rate))
    return changed, notes


@dataclass(frozen=True)
class CorrectedMeans:
    """A mean as people's labels correct it by PPI++ (or why there is none), and of a rate by the judge's errors too."""

    sample: CorrectedMean | str
    by_errors: CorrectedMean | None = None


def correct_whole(work: Work, selection: Selection, info: MetricInfo) -> CorrectedMeans:
    """The corrected means of one identity of a metric that judge.yaml aligns, over all selected records.

    The same as `correct_rows` gives for `--window all` without columns.
    """
    said = work.settings.project.align[info.name]
    try:
        truths, same_units = _in_units(settle_labels(read_given(work.store, said.label, said.raters)[0]), info, said)
    except (UnknownName, NoRecords, UsageError) as error:
        return CorrectedMeans(str(error))
    if not same_units:
        return CorrectedMeans(UNKNOWN_SCALE)
    held = replace(selection, metrics={**selection.metrics, info.name: (info,)})
    with WindowReduction(work.store, held, [info.name], WindowQuestion((), Window.of("all"), work.settings.cluster)) as reduction:
        cells = reduction.cells()
        place = places_of(cells.metrics, info.name, info.identity)
        means = corrected_cells(reduction, cells, place, truths, origin="sample", errors=None, cluster=work.settings.cluster)
        by_errors = cells_by_errors(reduction, cells, place, truths, cluster=work.settings.cluster)
    return CorrectedMeans(next(iter(means.values()), "nothing was scored"), next(iter(by_errors.values()), None))


def _in_units(truths: Truths, info: MetricInfo, said: "Aligned") -> tuple[Truths, bool]:
    """The labels on the metric's scale by what judge.yaml says of them, and whether they are. Raises: UsageError."""
    from judgecli.evidence.corrected import labels_in_units

    scale = (said.label_scale[0], said.label_scale[1]) if said.label_scale else None
    return labels_in_units(truths, info, said.label, label_scale=scale, same_units=said.same_units)


def places_of(cells: Sequence[MetricCells], name: str, identity: str) -> int:
    """Where a metric stands among those of the cells."""
    return next(place for place, metric in enumerate(cells) if (metric.name, metric.identity) == (name, identity))


def labels_in_units(truths: Truths, info: MetricInfo, label: str, *, label_scale: tuple[float, float] | None, same_units: bool) -> tuple[Truths, bool]:
    """The labels on the metric's scale, and whether they are; `label_scale` and `same_units` as `judge align` was told. Raises: UsageError."""
    low, high = info.range
    if (info.kind == "category") != (truths.categories is not None):
        held = "texts" if truths.categories else "numbers"
        raise UsageError(
            f"'{info.name}' is {'a category' if info.kind == 'category' else 'a number'}, and '{label}' holds {held}",
            hint="align a category with texts, a number with numbers",
        )
    if truths.categories is not None:
        return truths, True
    if label_scale is not None:
        if low is None or high is None:
            raise UsageError(f"'{info.name}' has an open scale, on which labels cannot be put", hint="leave --label-scale out")
        return truths.scaled(label_scale, (low, high)), True
    if low is None or high is None or not len(truths.keys):
        return truths, same_units
    inside = bool(np.nanmin(truths.ratings) >= low and np.nanmax(truths.ratings) <= high)
    return truths, same_units or (inside and not (truths.binary and (low, high) != (0.0, 1.0)))
