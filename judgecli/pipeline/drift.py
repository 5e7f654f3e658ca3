"""Drift: the records of a store that one filter names against those of another."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from judgecli.errors import NoRecords, UsageError
from judgecli.evidence.causes import DriftCauses, text_drift_of
from judgecli.evidence.rewarded import directions, needed_metrics, select_rewarded
from judgecli.evidence.work import Work
from judgecli.renderers.drift_html import drift_html
from judgecli.renderers.drift_markdown import drift_markdown
from judgecli.renderers.safe import json_text
from judgecli.renderers.text_file import publish_text
from judgecli.signal.diversity import cut_words
from judgecli.signal.drift.corpus import corpus_drift
from judgecli.signal.drift.report import Drift, DriftExample, SideText, corpus_row, headline, overall_verdict, ranked, switched_sentence, text_row
from judgecli.signal.drift.rows import ALPHA, MIN_CLUSTERS, DriftRow, Margins, compare, decide
from judgecli.signal.drift.sample import DriftSample, carriers
from judgecli.signal.served import NOT_ONE_MODEL, served_apart
from judgecli.store.drift_query import DriftReduction, Sides, side_condition
from judgecli.store.selection import Selection

if TYPE_CHECKING:
    from judgecli.signal.drift.texts import TextDrift

CURRENT, REFERENCE, OTHERS = "7d", "30d..7d", "all other records"
EXAMPLED = 3  # metrics with examples


def choose_sides(work: Work, selection: Selection, reference: str | None, current: str | None) -> Sides:
    """What is compared: both as named; one named, against all other records; none, the newest 7 days against `alarms.reference` (30d..7d).

    Raises: UsageError, UnknownName.
    """
    if reference is None and current is None:
        alarms = work.settings.project.alarms
        reference, current = (alarms.reference if alarms else None) or REFERENCE, CURRENT
    if reference is None or current is None:
        named = side_condition(work.store, selection, str(reference or current))
        return Sides(named, f"NOT ({named})", (reference, OTHERS)) if reference else Sides(f"NOT ({named})", named, (OTHERS, str(current)))
    return Sides(side_condition(work.store, selection, reference), side_condition(work.store, selection, current), (reference, current))


def find_drift(
    work: Work,
    *,
    reference: str | None = None,
    current: str | None = None,
    by: Sequence[str] = (),
    metrics: Sequence[str] | None = None,
    margins: Margins | None = None,
    texts: bool = True,
    any_dependence: bool = False,
) -> Drift:
    """What changed from the reference to the current records: every metric (default: all that they have), over all and by segment of `by`.

    `texts`: also read a sample of inputs and outputs (words, diversity, examples, kinds of traffic). `any_dependence`: q after
    Benjamini and Yekutieli. Raises: UsageError, UnknownName, NoRecords, StoreError, and what a reward raises.
    """
    wanted = margins or Margins()
    with np.errstate(over="ignore", invalid="ignore"):
        wants_reward = metrics is None or any(name.startswith("reward.") for name in metrics)
        selection = select_rewarded(work, None) if wants_reward else work.select()
        names = list(dict.fromkeys(metrics)) if metrics else sorted(selection.metrics, key=lambda name: (not name.startswith("reward."), name))
        _check_margins(wanted, names)
        sides = choose_sides(work, selection, reference, current)
        with DriftReduction(work.store, selection, names, sides, by=tuple(dict.fromkeys(by)), cluster=work.settings.cluster) as reduction:
            answer = _DriftWork(work, selection, reduction, wanted)
            answer.apart = _judged_apart(work, selection, names, reduction)
            return answer.run(by, texts=texts, any_dependence=any_dependence)


def _judged_apart(work: Work, selection: Selection, names: Sequence[str], reduction: DriftReduction) -> dict[str, str]:
    """The metrics (of rewards also their terms) whose scores are not all by one served model, with what was served on each side."""
    parts = needed_metrics(work.settings) & set(selection.metrics)
    terms = {name: sorted(parts) if name.startswith("reward.") else [name] for name in names}
    told = _served_apart(selection, reduction)
    more = sorted({term for own in terms.values() for term in own} - set(names))
    if more:
        with DriftReduction(work.store, selection, more, reduction.sides, by=(), cluster=work.settings.cluster) as other:
            told |= _served_apart(selection, other)
    found = {name: "; ".join(f"{term} ({told[term]})" for term in own if term in told) for name, own in terms.items()}
    return {name: said for name, said in found.items() if said}


def _served_apart(selection: Selection, reduction: DriftReduction) -> dict[str, str]:
    """By metric, under its newest identity."""
    newest = [(place, info.name) for place, info in enumerate(reduction.metrics) if info == selection.metric(info.name)]
    said = {name: served_apart(dict(zip(("before", "now"), reduction.served(place), strict=True))) for place, name in newest}
    return {name: told for name, told in said.items() if told is not None}


def _check_margins(margins: Margins, names: Sequence[str]) -> None:
    for name, amount in margins.amounts.items():
        if name not in names:
            raise UsageError(f"--margin {name}={amount:g}: no metric that is compared is called '{name}'", hint=f"one of {', '.join(names[:12])}")


class _DriftWork:
    """The queries of one answer."""

    def __init__(self, work: Work, selection: Selection, reduction: DriftReduction, margins: Margins) -> None:
        self.apart: Mapping[str, str] = {}
        self._work, self._settings, self._selection, self._reduction, self._margins = work, work.settings, selection, reduction, margins
        self._facts = reduction.facts()
        self._sides = [SideText(name, fact.rows, fact.first, fact.last) for name, fact in zip(reduction.sides.names, self._facts, strict=True)]
        for side, name in zip(self._sides, ("reference", "current"), strict=True):
            if not side.rows:
                raise NoRecords(f"no {name} records: {side.name}", hint=f"name them with --{name}; judge store info shows what the store holds")

    def run(self, by: Sequence[str], *, texts: bool, any_dependence: bool) -> Drift:
        """Everything."""
        rows, spans = self._metric_rows()
        columns = DriftCauses(self._work, self._selection, self._reduction, (self._facts[0].rows, self._facts[1].rows), by)
        rows, others = columns.local_rows(rows, spans, self._margins)
        sample = self._sample(columns) if texts else None
        found: dict[str, TextDrift] = {}
        if sample is not None:
            found = {name: made for name in ("output", "input") if (made := text_drift_of(sample, name)) is not None}
            rows += [text_row(name, made) for name, made in found.items()]
            rows += self._corpus(sample)
            columns.read(sample)
        decided = _localised(decide(rows, alpha=ALPHA, any_dependence=any_dependence, others=others))
        judged = [
            columns.attribute(row, found.get("input"), spans.get(row.metric), self.apart.get(row.metric)) if row.overall or row.found else row
            for row in decided
        ]
        ordered, switches = ranked(judged), columns.switches()
        verdict, family = overall_verdict(ordered), sum(row.p is not None for row in rows) + len(others)
        return Drift(
            verdict=verdict,
            headline=headline(ordered, verdict, self._since(), family=family, switches=switches),
            rows=ordered,
            reference=self._sides[0],
            current=self._sides[1],
            by=tuple(by),
            margin=self._margins.share,
            alpha=ALPHA,
            family=family,
            correction="Benjamini-Yekutieli" if any_dependence else "Benjamini-Hochberg",
            complete=not any(row.partial for row in ordered),
            texts=found,
            examples=self._examples(sample, ordered),
            notes=[*self._notes(ordered, sample, texts=texts), *([] if verdict == "drift" else map(switched_sentence, switches))],
            switched=switches,
        )

    def _metric_rows(self) -> tuple[list[DriftRow], dict[str, float | None]]:
        """The rows of all metrics, and over what width the values of each spread."""
        better = directions(self._settings, {info.name: info.higher_is_better for info in self._reduction.metrics})
        rows: list[DriftRow] = []
        spans: dict[str, float | None] = {}
        for evidence in self._reduction.evidence():
            asked = replace(evidence, higher_is_better=better[evidence.metric])
            rows += compare(asked, self._margins)
            spans[evidence.metric] = evidence.span
            del evidence, asked  # the next is made before the loop would let go of it
        return rows, spans

    def _sample(self, columns: DriftCauses) -> DriftSample:
        places = columns.places
        table = self._reduction.sample(columns.names, places, (self._facts[0].rows, self._facts[1].rows))
        values = {self._reduction.metrics[m].name: np.asarray(table.column(f"v{m}").to_numpy(), dtype=np.float64) for m in places}
        records = table.drop_columns([f"v{m}" for m in places]).to_pylist()
        _, codes = np.unique(table.column("cluster").to_numpy(), return_inverse=True)
        return DriftSample(table.column("side").to_numpy() == 1, codes.astype(np.int64), records, values)

    def _corpus(self, sample: DriftSample) -> list[DriftRow]:
        sides = []
        for current in (False, True):
            own = [number for number in np.flatnonzero(sample.current == current).tolist() if sample.records[number]["output"]]
            sides.append([(int(sample.clusters[number]), cut_words(sample.records[number]["output"])) for number in own])
        if not sides[0] or not sides[1]:
            return []
        counts, clusters = (len(sides[0]), len(sides[1])), (len({code for code, _ in sides[0]}), len({code for code, _ in sides[1]}))
        return [corpus_row(shift, counts, clusters) for shift in corpus_drift(sides[0], sides[1])]

    def _examples(self, sample: DriftSample | None, rows: Sequence[DriftRow]) -> list[DriftExample]:
        if sample is None:
            return []
        chosen = [row for row in rows if row.verdict == "drift" and row.what == "value" and row.overall and row.kind != "category"]
        return [example for row in chosen[:EXAMPLED] for example in carriers(sample, row)]

    def _since(self) -> datetime | None:
        """When the current records begin, where all of them are later than the reference."""
        old, new = self._facts
        return new.first if old.last is not None and new.first is not None and new.first > old.last else None

    def _notes(self, rows: Sequence[DriftRow], sample: DriftSample | None, *, texts: bool) -> list[str]:
        notes = []
        for name, infos in self._selection.metrics.items():
            if len(infos) > 1 and any(row.metric == name for row in rows):
                notes.append(
                    f"{name} was measured in {len(infos)} ways; only identity {infos[0].identity[:12]} is compared, records of another count as not measured"
                )
        notes += [f"{NOT_ONE_MODEL}: {said}; a change may be the judge's; judge anchors can tell" for said in dict.fromkeys(self.apart.values())]
        if sample is not None and len(sample.records) < sum(side.rows for side in self._sides):
            notes.append(f"texts, kinds of traffic, diversity and examples are of a sample of whole clusters: {len(sample.records):,} records")
        if not texts:
            notes.append("texts were not read (--no-text)")
        if sample is not None and all(record["input"] is None for record in sample.records):
            notes.append("the records have no input, so a change can be called the traffic's, never the app's")
        if any(row.clusters < MIN_CLUSTERS for row in rows if row.segment):
            notes.append(f"segments with fewer than {MIN_CLUSTERS} clusters on a side are inconclusive")
        if any(row.shape is not None and row.shape.cut for row in rows):
            notes.append("for W1, values of an open scale far outside its 1 to 99 % range are moved to the ends of a grid three times as wide")
        return notes


def _localised(rows: Sequence[DriftRow]) -> list[DriftRow]:
    """The rows without segments that were found and then did not drift; where one did, the row over all records says so too."""
    held = {row.metric: row.local for row in rows if row.found and row.verdict == "drift"}
    kept = [row for row in rows if row.asked or row.verdict == "drift"]
    return [replace(row, local=held[row.metric]) if row.overall and row.what == "value" and row.metric in held else row for row in kept]


def write_drift(found: Drift, path: Path) -> None:
    """Write the answer to a file: .html, .md or .json by its suffix. Raises: UsageError (another suffix), EnvironmentFailure."""
    from judgecli.pipeline.report import report_format

    kind = report_format(path)
    publish_text(path, drift_html(found) if kind == "html" else drift_markdown(found) if kind == "markdown" else json_text(found.to_json()) + "\n")
