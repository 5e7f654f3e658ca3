"""judge align: one metric held against what people said of the same records."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from judgecli.errors import NoRecords, UsageError
from judgecli.evidence.corrected import corrected_cells, labels_in_units, places_of
from judgecli.evidence.rewarded import select_rewarded
from judgecli.evidence.work import Work
from judgecli.judge.audit import family_of
from judgecli.labels.agreement import Agreement, LabelledPairs, ceiling, is_binary, measure_agreement
from judgecli.labels.bias import Lean, bias_of, position_bias
from judgecli.labels.calibrated import calibration_of
from judgecli.labels.consensus import How, Truths, settle_labels
from judgecli.labels.correct import Errors, Origin
from judgecli.signal.cells import Window
from judgecli.store.folder import Store
from judgecli.store.labels import read_given
from judgecli.store.query import Reduction
from judgecli.store.selection import Selection
from judgecli.store.tables import MetricInfo
from judgecli.store.windows_query import WindowQuestion, WindowReduction

if TYPE_CHECKING:
    pass

FEW = 50


@dataclass(frozen=True)
class Alignment:
    """What `judge align` was told.

    `label_scale`: the ends of the scale that people were given, where it is not the metric's own; `same_units`: labels are in the
    units of a metric whose scale is not known; `origin` elsewhere: labels are no random sample of the records; `swapped`: the metric
    with the two answers in reverse order.
    """

    label: str
    kinds: tuple[str, ...] = ("human",)
    on: str | None = None
    by: tuple[str, ...] = ()
    label_scale: tuple[float, float] | None = None
    threshold: float | None = None
    same_units: bool = False
    origin: Origin = "sample"
    consensus: How | None = None
    swapped: str | None = None
    families: tuple[str, ...] = ()
    seed: int = 0


def align_metric(work: Work, metric: str, wanted: Alignment) -> dict[str, object]:
    """DESIGN's `align` shape for one metric and one label name.

    Raises: UnknownName (metric, label), UsageError, NoRecords (no labelled record is among those of `on`), StoreError.
    """
    given, lost = read_given(work.store, wanted.label, wanted.kinds)
    truths = settle_labels(given, wanted.consensus)
    selection = select_rewarded(work, wanted.on) if metric.startswith("reward.") else work.select(wanted.on)
    info = selection.metric(metric)
    truths, same_units = labels_in_units(truths, info, wanted.label, label_scale=wanted.label_scale, same_units=wanted.same_units)
    rows = _read_rows(work, selection, info, truths)
    if not rows.pairs.truth.size and not rows.unscored:
        raise NoRecords(f"no record of '{selection.on}' has a label '{wanted.label}'", hint="check --on, and --label")
    pairs = replace(rows.pairs, same_units=same_units)
    found = measure_agreement(pairs, threshold=wanted.threshold, seed=wanted.seed)
    document = _describe(metric, info, selection, truths=truths, rows=rows, found=found, dropped=lost + truths.dropped, wanted=wanted)
    document |= _human(truths, rows, pairs, same_units)
    document["bias"] = _bias(work.store, info, rows, pairs, wanted)
    document["calibration"], why = calibration_of(pairs, seed=wanted.seed)
    if why:
        found.reasons["calibration"] = why
    document["segments"], document["corrected"] = _corrected(work, selection, info, truths, pairs, wanted)
    if wanted.swapped is not None:
        document["position"] = _position(work, selection, info, truths, wanted)
    return document


@dataclass(frozen=True)
class _AlignedRows:
    """The labelled records that were scored, with their places among the truths, lengths and models; those that were not, by reason."""

    pairs: LabelledPairs
    at: Any
    lengths: Any
    models: Sequence[str | None]
    unscored: Mapping[str, int]


def _read_rows(work: Work, selection: Selection, info: MetricInfo, truths: Truths) -> _AlignedRows:
    place = {key: number for number, key in enumerate(truths.keys)}
    keys = pa.array(truths.keys, pa.binary(16))
    scope = replace(selection.scope, shards=selection.shards_of[info.name, info.identity])
    kept: list[dict[str, Any]] = []
    with Reduction(work.store, scope, [(info.name, info.identity)], where=selection.where, cluster=work.settings.cluster) as reduction:
        for table in reduction.records(["key", "cluster_hash", "model", "output"], [info.name]):
            kept += table.filter(pc.is_in(table["key"], keys)).to_pylist()
    kept.sort(key=lambda row: place[row["key"]])
    scored = [row for row in kept if row[info.name] is not None]
    at = np.array([place[row["key"]] for row in scored], dtype=np.int64)
    truth = truths.values[at]
    nominal = truths.categories is not None
    if nominal:
        names = sorted({*(truths.categories or ()), *(str(row[info.name]) for row in scored)})
        code = {name: float(number) for number, name in enumerate(names)}
        truth = np.array([code[(truths.categories or ())[int(value)]] for value in truth])
        judged = np.array([code[str(row[info.name])] for row in scored], dtype=float)
    else:
        judged = np.array([row[info.name] for row in scored], dtype=float)
    clusters = np.array([row["cluster_hash"] for row in scored], dtype=np.int64)
    lengths = np.array([np.nan if row["output"] is None else float(len(row["output"])) for row in scored], dtype=float)
    unscored = Counter(str(row[f"{info.name}.reason"]) for row in kept if row[info.name] is None)
    return _AlignedRows(
        LabelledPairs(judged, truth, clusters, nominal, info.range), at, lengths, [row["model"] for row in scored], dict(sorted(unscored.items()))
    )


def _describe(
    metric: str, info: MetricInfo, selection: Selection, truths: Truths, rows: _AlignedRows, found: Agreement, dropped: Counter[str], wanted: Alignment
) -> dict[str, Any]:
    n = len(rows.pairs)
    notes = []
    if 0 < n < FEW:
        notes.append(f"{n} labelled records are few: intervals are wide, and none of them is exact")
    if len(selection.metrics[metric]) > 1:
        notes.append(f"'{metric}' was measured in {len(selection.metrics[metric])} ways on these records; only the newest ({info.identity}) is asked about")
    if truths.why:
        notes.append(f"the majority was taken instead of Dawid and Skene's model: {truths.why}")
    if rows.unscored:
        notes.append(f"{sum(rows.unscored.values()):,} labelled records have no score, and are left out of all that follows")
    return {
        "metric": metric,
        "label": wanted.label,
        "identity": info.identity,
        "on": selection.on,
        "n": n,
        "clusters": len(np.unique(rows.pairs.clusters)),
        "raters": len(truths.raters),
        "consensus": truths.method,
        **found.values,
        "intervals": {name: None if limits is None else list(limits) for name, limits in found.intervals.items()},
        "threshold": found.threshold,
        "confusion": found.confusion,
        "unscored": dict(rows.unscored),
        "dropped": dict(sorted(dropped.items())),
        "seed": wanted.seed,
        "notes": notes,
        "reasons": found.reasons,
    }


def _human(truths: Truths, rows: _AlignedRows, pairs: LabelledPairs, same_units: bool) -> dict[str, object]:
    """How far people agree with each other."""
    if pairs.nominal or not same_units or len(truths.raters) < 2:
        return {"ceiling": None}
    return {"ceiling": ceiling(truths.ratings[:, rows.at], pairs.judged, nominal=is_binary(pairs.truth) and is_binary(pairs.judged))}


def _bias(store: Store, info: MetricInfo, rows: _AlignedRows, pairs: LabelledPairs, wanted: Alignment) -> dict[str, object] | None:
    if pairs.nominal or not pairs.same_units or not len(pairs):
        return None
    families = {family_of(name) or name for name in wanted.families}
    if not families:
        asked = store.ledger.rows("SELECT DISTINCT model FROM replies WHERE rubric = ?", (info.identity,))
        families = {family for row in asked if (family := family_of(str(row["model"])))}
    lean = Lean(pairs.judged - pairs.truth, pairs.clusters, rows.lengths, [None if model is None else family_of(model) or model for model in rows.models])
    return bias_of(lean, frozenset(families))


def _corrected(
    work: Work, selection: Selection, info: MetricInfo, truths: Truths, pairs: LabelledPairs, wanted: Alignment
) -> tuple[list[dict[str, object]], dict[str, object]]:
    """The corrected mean of all records, and of each segment beside the raw one."""
    method = "ppi++" if wanted.origin == "sample" else "rogan-gladen"
    why = _cannot_correct(info, truths, pairs, wanted)
    if why:
        return [], {"mean": None, "low": None, "high": None, "method": method, "reasons": dict.fromkeys(("mean", "low", "high"), why)}
    errors = Errors.of(pairs.truth, pairs.judged, pairs.clusters) if wanted.origin == "elsewhere" else None
    held = replace(selection, metrics={**selection.metrics, info.name: (info,)})
    segments: list[dict[str, object]] = []
    for by in dict.fromkeys([(), wanted.by]):
        question = WindowQuestion(by, Window.of("all"), work.settings.cluster, timedelta(days=7), timedelta(days=1))
        with WindowReduction(work.store, held, [info.name], question) as reduction:
            cells = reduction.cells()
            place = places_of(cells.metrics, info.name, info.identity)
            means = corrected_cells(reduction, cells, place, truths, origin=wanted.origin, errors=errors, cluster=work.settings.cluster)
        metric = cells.metrics[place]
        for cell, mean in means.items():
            own = metric.cells == cell
            n = int(metric.counts[own].sum())
            raw = float(metric.totals[cell]) / n
            segments.append({"policy": dict(zip(by, cells.cells[cell].segment, strict=True)), "n": n, "mean": raw, "corrected": mean.to_json()})
    whole, *parts = segments
    return parts, {**whole["corrected"], "raw": whole["mean"], "records": whole["n"]}  # type: ignore[dict-item]


def _cannot_correct(info: MetricInfo, truths: Truths, pairs: LabelledPairs, wanted: Alignment) -> str | None:
    if pairs.nominal:
        return "a category has no mean"
    if not pairs.same_units:
        return "labels and metric are not known to be on one scale: --label-scale LOW,HIGH, or --same-units"
    if wanted.origin == "elsewhere" and not (is_binary(pairs.judged) and is_binary(pairs.truth) and info.kind == "rate"):
        return "labels from elsewhere correct only a metric that is 0 or 1, by labels that are 0 or 1"
    return None if len(truths.keys) else "there are no labels"


def _position(work: Work, selection: Selection, info: MetricInfo, truths: Truths, wanted: Alignment) -> dict[str, object]:
    """Two metrics that say which of two answers is better (1 the first of the record, 0 the second, 0.5 neither), asked in both orders."""
    other = selection.metric(str(wanted.swapped))
    names = [(info.name, info.identity), (other.name, other.identity)]
    shards = [shard for shard in selection.shards_of[names[0]] if shard in selection.shards_of[names[1]]]
    place = {key: number for number, key in enumerate(truths.keys)}
    values: list[tuple[float, float, float]] = []
    with Reduction(work.store, replace(selection.scope, shards=tuple(shards)), names, where=selection.where, cluster=work.settings.cluster) as reduction:
        for table in reduction.records(["key"], [info.name, other.name]):
            for row in table.to_pylist():
                if row["key"] in place and row[info.name] is not None and row[other.name] is not None:
                    values.append((row[info.name], row[other.name], float(truths.values[place[row["key"]]])))
    shown, swapped, truth = zip(*values, strict=True) if values else ((), (), ())
    return {"metric": other.name, **position_bias(shown, swapped, truth)}


def parse_scale(text: str | None) -> tuple[float, float] | None:
    """`1,5` as a scale. Raises: UsageError."""
    if text is None:
        return None
    try:
        low, high = (float(json.loads(part)) for part in text.split(","))
    except (ValueError, TypeError) as error:
        raise UsageError(f"'{text}' is no scale", hint="--label-scale LOW,HIGH, as 1,5") from error
    if not low < high:
        raise UsageError(f"the scale {text} has no width", hint="--label-scale LOW,HIGH, as 1,5")
    return low, high
