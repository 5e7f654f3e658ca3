"""Corrected means of the cells of signals: labelled records joined to what the store sums of all."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from judgecli.errors import UnknownName, UsageError
from judgecli.labels.consensus import Truths, settle_labels
from judgecli.labels.correct import CorrectedMean, Errors, Origin, correct_by_errors, correct_by_sample
from judgecli.signal.cells import Cells, MetricCells, Window
from judgecli.signal.windows import SignalRow
from judgecli.stats.intervals import rate_interval
from judgecli.stats.ppi import Labelled, Rest
from judgecli.store.folder import Store
from judgecli.store.labels import read_given
from judgecli.store.query import cluster_column
from judgecli.store.selection import Selection
from judgecli.store.tables import MetricInfo
from judgecli.store.windows_query import Question, WindowReduction

if TYPE_CHECKING:
    from judgecli.config.project import Aligned
    from judgecli.config.settings import Settings

UNKNOWN_SCALE = "its labels are not known to be on its scale: label_scale, or same_units"


def corrected_cells(
    reduction: WindowReduction, cells: Cells, place: int, truths: Truths, *, origin: Origin, errors: Errors | None, cluster: str | None
) -> Mapping[int, CorrectedMean]:
    """The corrected mean of metric `place` in each cell that has a score. Labels must be in the metric's units.

    `origin` sample: PPI++ with the labels of the cell; elsewhere: Rogan-Gladen with `errors` of the judge, for metrics that are 0 or 1.
    """
    metric = cells.metrics[place]
    scored = set(np.unique(metric.cells[metric.counts > 0]).tolist())
    if origin == "elsewhere":
        assert errors is not None
        return {cell: _by_errors(metric, cell, errors) for cell in sorted(scored)}
    keys = pa.table({"key": pa.array(truths.keys, pa.binary(16)), "place": pa.array(range(len(truths.keys)), pa.int64())})
    reduction.label("labelled", keys)
    query = f"SELECT w, seg, cluster, v{place} AS value, labelled.place AS place "
    query += f"FROM ROWS AS chosen JOIN labelled ON chosen.key = labelled.key WHERE v{place} IS NOT NULL ORDER BY labelled.place"
    of_row, table = reduction.select(["key", f"{cluster_column(cluster)} AS cluster"], [place], query)
    at, value = table.column("place").to_numpy(), table.column("value").to_numpy()
    clusters = table.column("cluster").to_numpy()
    found = {}
    for cell in sorted(scored):
        rows = of_row == cell
        chances = truths.chances[at[rows]]
        weights = 1 / chances if rows.any() and not np.isnan(chances).any() and np.ptp(chances) > 0 else None
        every = _every(metric, cell)
        found[cell] = correct_by_sample(Labelled(truths.values[at[rows]], value[rows], clusters[rows], weights), every, scale=metric.scale)
    return found


def _every(metric: MetricCells, cell: int) -> Rest:
    kept = (metric.cells == cell) & (metric.counts > 0)
    return Rest(metric.sums[kept], metric.counts[kept].astype(float), metric.clusters[kept])


def _by_errors(metric: MetricCells, cell: int, errors: Errors) -> CorrectedMean:
    every = _every(metric, cell)
    n, positives = float(every.counts.sum()), float(every.sums.sum())
    share = rate_interval(every.sums, every.counts)
    binomial = positives / n * (1 - positives / n)
    effective = float(len(every.counts)) if not share.se or binomial <= 0 else min(n, binomial / share.se**2)
    return correct_by_errors(errors, positives, n, effective)


def correct_rows(store: Store, reduction: WindowReduction, cells: Cells, rows: Sequence[SignalRow], settings: "Settings") -> tuple[list[SignalRow], list[str]]:
    """The rows with `corrected` where judge.yaml aligns their metric (PPI++), and why a metric has none."""
    found: dict[tuple[str, str, object, tuple[str | None, ...]], CorrectedMean] = {}
    notes = []
    for name, said in settings.project.align.items():
        try:
            truths = settle_labels(read_given(store, said.label, said.raters)[0])
        except UnknownName as error:
            notes += [f"{name} is not corrected: {error}"] if any(info.name == name for info in reduction.metrics) else []
            continue
        for place, info in enumerate(reduction.metrics):
            if info.name == name and info.kind != "category" and truths.categories is None:
                own, same_units = _in_units(truths, info, said)
                if not same_units:
                    notes.append(f"{name} is not corrected: {UNKNOWN_SCALE}")
                    continue
                for cell, mean in corrected_cells(reduction, cells, place, own, origin="sample", errors=None, cluster=settings.cluster).items():
                    at = cells.cells[cell]
                    found[name, info.identity, None if at.window is None else cells.window.start(at.window), at.segment] = mean
    changed = []
    for row in rows:
        mean_of = found.get((row.metric, row.identity, row.window_start, tuple(row.policy.values())))
        changed.append(row if mean_of is None else replace(row, corrected=mean_of.to_json()))
    return changed, notes


def correct_whole(store: Store, selection: Selection, info: MetricInfo, settings: "Settings") -> CorrectedMean | str:
    """The corrected mean (PPI++) of one identity of a metric that judge.yaml aligns, over all selected records; or why there is none.

    The same as `correct_rows` gives for `--window all` without columns.
    """
    said = settings.project.align[info.name]
    try:
        truths, same_units = _in_units(settle_labels(read_given(store, said.label, said.raters)[0]), info, said)
    except (UnknownName, UsageError) as error:
        return str(error)
    if not same_units:
        return UNKNOWN_SCALE
    held = replace(selection, metrics={**selection.metrics, info.name: (info,)})
    with WindowReduction(store, held, [info.name], Question((), Window.of("all"), settings.cluster)) as reduction:
        cells = reduction.cells()
        place = places_of(cells.metrics, info.name, info.identity)
        means = corrected_cells(reduction, cells, place, truths, origin="sample", errors=None, cluster=settings.cluster)
    return next(iter(means.values()), "nothing was scored")


def _in_units(truths: Truths, info: MetricInfo, said: "Aligned") -> tuple[Truths, bool]:
    """The labels on the metric's scale by what judge.yaml says of them, and whether they are. Raises: UsageError."""
    from judgecli.pipeline.aligning import Alignment, labels_in_units

    scale = (said.label_scale[0], said.label_scale[1]) if said.label_scale else None
    return labels_in_units(truths, info, Alignment(said.label, label_scale=scale, same_units=said.same_units))


def places_of(cells: Sequence[MetricCells], name: str, identity: str) -> int:
    """Where a metric stands among those of the cells."""
    return next(place for place, metric in enumerate(cells) if (metric.name, metric.identity) == (name, identity))
