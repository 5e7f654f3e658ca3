"""Where a change is and whose doing: what the logged columns and the inputs of two sides say of it."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from judgecli.evidence.work import Work
from judgecli.signal.drift.cause import DriftCause, Inputs, find_cause
from judgecli.signal.drift.local import LocalChange, find_local
from judgecli.signal.drift.logged import Logged, LoggedColumn, Switched, coded, input_columns, switched
from judgecli.signal.drift.report import JUDGE, attributed
from judgecli.signal.drift.rows import DriftEvidence, DriftRow, Margins, compare
from judgecli.signal.drift.sample import DriftSample
from judgecli.store.drift_query import DriftReduction, Sides, kind_columns
from judgecli.store.query import sql_column

if TYPE_CHECKING:
    import pyarrow as pa

    from judgecli.signal.drift.texts import TextDrift
    from judgecli.store.selection import Selection

APP_COLUMNS = ("model", "prompt_version")  # variants of the app, also where `policy:` does not name them
MOST_LOOKED_AT = 12  # metrics whose local change is measured on all records
ALIKE = 0.9  # share of inputs that are one text once numbers are taken out: such inputs cannot show another kind of question
NOT_READ, NO_INPUT = "the inputs were not read (--no-text)", "the records have no input"
ALL_ALIKE = "the inputs are nearly all alike, so they cannot show another kind of question"
_FILLING = re.compile(r"[\W\d_]+")


class DriftCauses:
    """The logged columns of two sides, and what they say of each metric."""

    def __init__(self, work: Work, selection: "Selection", reduction: DriftReduction, rows: tuple[int, int], by: Sequence[str]) -> None:
        self._store, self._selection, self._settings, self._reduction = work.store, selection, work.settings, reduction
        self._app = {*work.settings.policy, *APP_COLUMNS}
        self.names = list(dict.fromkeys([*kind_columns(selection), *by]))
        self._traffic = [name for name in by if name not in self._app]
        self.places = [m for m, info in enumerate(reduction.metrics) if info.kind != "category" and info == selection.metric(info.name)]
        self.logged = self._logged(reduction.logged(self.names, self.places, rows))
        self._inputs: Logged | None = None
        self._sample: DriftSample | None = None

    def _logged(self, table: "pa.Table") -> Logged:
        columns = [table.column(f"c{place}").to_pylist() for place in range(len(self.names))]
        side, cluster, prompt = (_numbers(table, name) for name in ("side", "cluster", "prompt"))
        _, clusters = np.unique(cluster, return_inverse=True)
        prompts = np.unique(prompt, return_inverse=True)[1] if prompt.all() else None
        values = {self._reduction.metrics[m].name: _numbers(table, f"v{m}") for m in self.places}
        return Logged(side == 1, clusters, self._coded(columns), values, prompts)

    def _coded(self, columns: Sequence[Sequence[str | None]]) -> list[LoggedColumn]:
        made = [coded(name, values, app=name in self._app) for name, values in zip(self.names, columns, strict=True)]
        if len(self._traffic) > 1:
            asked = [columns[self.names.index(name)] for name in self._traffic]
            joint = [", ".join("none" if value is None else value for value in row) for row in zip(*asked, strict=True)]
            made.append(coded(", ".join(self._traffic), joint))
        return [column for column in made if column is not None]

    # Where ---------------------------------------------------------------------------------------

    def local_rows(self, rows: Sequence[DriftRow], spans: Mapping[str, float | None], margins: Margins) -> tuple[list[DriftRow], list[float]]:
        """The rows with those of the segments that the search found, and the p-values of searches that found none."""
        names = [self._reduction.metrics[m].name for m in self.places]
        singles = replace(self.logged, columns=[column for column in self.logged.columns if column.name in self.names])
        searched = {name: made for name in names if (made := find_local(singles, name)).tried}
        best = sorted((name for name, made in searched.items() if made.p < 0.05), key=lambda name: (searched[name].p, name))[:MOST_LOOKED_AT]
        others = [made.p for name, made in searched.items() if name not in best]
        kept = list(rows)
        for name in best:
            made = searched[name]
            segment = {str(made.column): made.value}
            place = next((at for at, row in enumerate(kept) if (row.metric, row.what, dict(row.segment)) == (name, "value", segment)), None)
            whole = next(row for row in rows if row.metric == name and row.what == "value" and row.overall)
            found = self._measured(whole, made, spans.get(name), margins) if place is None else replace(kept[place], local=made)
            if place is not None and found is not None:
                kept[place] = found
            elif found is not None:
                kept.append(found)
            if place is not None or found is None:
                others.append(made.p)
        return kept, others

    def _measured(self, whole: DriftRow, made: LocalChange, span: float | None, margins: Margins) -> DriftRow | None:
        """The row of a segment that was found, of all its records; p is at least that of the search."""
        column = sql_column(str(made.column))
        own = f"({column}) IS NULL" if made.value is None else "({}) = '{}'".format(column, made.value.replace("'", "''"))
        sides = self._reduction.sides
        narrow = Sides(f"({sides.reference}) AND {own}", f"({sides.current}) AND {own}", sides.names)
        with DriftReduction(self._store, self._selection, [whole.metric], narrow, by=(), cluster=self._settings.cluster) as reduction:
            reduction.facts()
            evidence = next((item for item in reduction.evidence() if item.metric == whole.metric), None)
        if evidence is None:
            return None
        asked: DriftEvidence = replace(evidence, segment={str(made.column): made.value}, span=span, higher_is_better=whole.higher_is_better)
        row = compare(asked, margins)[0]
        return replace(row, local=made, asked=False, p=None if row.p is None else max(row.p, made.p))

    # Whose doing ---------------------------------------------------------------------------------

    def read(self, sample: DriftSample) -> None:
        """Take the sample of texts in: language and length of its inputs, beside what is logged."""
        columns = self._coded([[record[f"c{place}"] for record in sample.records] for place in range(len(self.names))])
        told = input_columns([record["input"] for record in sample.records])
        self._sample, self._inputs = sample, Logged(sample.current, sample.clusters, [*columns, *told], sample.values)

    def attribute(self, row: DriftRow, found: "TextDrift | None", span: float | None, judges: str | None) -> DriftRow:
        """A row that drifted with whose doing it is. `found` is what the input texts of all records say; `judges` tells where scores are not by one judge."""
        if row.verdict != "drift" or row.what != "value" or row.change is None or row.low is None or row.high is None:
            return row
        judged = None if judges is None else f"{JUDGE}, {judges}"
        if row.kind == "category":
            return attributed(row, DriftCause(None, judged or "a category has no mean to take apart"))
        tables, sample = [table for table in (self.logged, self._inputs) if table is not None], self._sample
        if row.segment:
            tables = [table.part(own) for table in tables if (own := table.where(row.segment)) is not None]
            sample, found = self._part(sample, row.segment)
        least = min(abs(row.low), abs(row.high))
        return attributed(row, find_cause(tables, row.metric, input_evidence(sample, found), change=row.change, least=least, span=span, judged=judged))

    def _part(self, sample: DriftSample | None, segment: Mapping[str, str | None]) -> "tuple[DriftSample | None, TextDrift | None]":
        own = None if self._inputs is None else self._inputs.where(segment)
        if sample is None or own is None:
            return None, None
        records = [record for record, inside in zip(sample.records, own.tolist(), strict=True) if inside]
        part = DriftSample(sample.current[own], sample.clusters[own], records, {})
        return part, input_drift(part)

    def switches(self) -> list[Switched]:
        """The variants of the app that answer more or less than before, unless the sides are named by them."""
        named = " ".join(self._reduction.sides.names)
        return [item for item in switched(self.logged) if item.column not in named]


def _numbers(table: "pa.Table", name: str) -> "np.ndarray[tuple[int], np.dtype[Any]]":
    """A column without nulls; to_numpy would import pandas."""
    column = table.column(name).combine_chunks()
    kind = np.dtype(column.type.to_pandas_dtype())
    return np.frombuffer(column.buffers()[1], dtype=kind)[column.offset : column.offset + len(column)] if len(column) else np.empty(0, dtype=kind)


def input_drift(sample: DriftSample) -> "TextDrift | None":
    """How well the inputs of a sample tell the sides apart; None where it has none."""
    return text_drift_of(sample, "input")


def text_drift_of(sample: DriftSample, name: str) -> "TextDrift | None":
    """The same of one of its texts."""
    from judgecli.signal.drift.texts import text_drift  # brings scipy.sparse and scipy.optimize

    kept = np.array([bool(record[name]) for record in sample.records], dtype=bool)
    if not kept.any():
        return None
    return text_drift(
        [record[name] for record in sample.records if record[name]], sample.current[kept], np.unique(sample.clusters[kept], return_inverse=True)[1]
    )


def input_evidence(sample: DriftSample | None, found: "TextDrift | None") -> Inputs:
    """What the inputs of a sample say of the traffic."""
    if sample is None:
        return Inputs(why=NOT_READ)
    texts = [record["input"] for record in sample.records if record["input"]]
    if not texts:
        return Inputs(why=NO_INPUT)
    if len(texts) < ALIKE * len(sample.records):
        return Inputs(why=f"{len(sample.records) - len(texts):,} of {len(sample.records):,} records looked at have no input")
    if found is None or found.auc is None or found.auc.high is None:
        return Inputs()
    if found.p is None or found.p >= 0.05:
        common = Counter(_FILLING.sub(" ", text.casefold()) for text in texts).most_common(1)[0][1]
        if common >= ALIKE * len(texts):
            return Inputs(why=ALL_ALIKE)
    return Inputs(found.auc.auc, found.auc.high, found.p)
