"""What a report rests on: the queries of one selection of records."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from judgecli.arrays import Floats, Integers
from judgecli.errors import StoreBusy, UnknownName, UsageError
from judgecli.evidence.windows import ask, record_rows
from judgecli.evidence.work import Work
from judgecli.report import ContrastText, ReportChange, ReportExample
from judgecli.signal.cells import WindowCells
from judgecli.signal.gathering import READ, GatheredRecords, Gatherer, column_value
from judgecli.signal.report.headline import important
from judgecli.signal.report.side_by_side import pairs_of
from judgecli.signal.series import policy_label
from judgecli.signal.summary import MetricSummary, Reduced, summarise
from judgecli.signal.windows import SignalRow
from judgecli.store.cell_sums import CellRows, ValueSpread, plain_array, segments_of, spread
from judgecli.store.filters import COLUMNS
from judgecli.store.folder import Shard
from judgecli.store.query import Reduction, cluster_column
from judgecli.store.selection import Selection
from judgecli.store.tables import MetricInfo
from judgecli.store.windows_query import WindowReduction, cells_together

if TYPE_CHECKING:
    pass

SAMPLE = 200_000  # records, drawn by whole clusters, that slices, changes and distributions look at
MOST_POINTS = 2_400  # of all series together: what a page can hold
WINDOWS = {"1h": 1 / 24, "1d": 1.0, "1w": 7.0, "30d": 30.0, "90d": 90.0, "360d": 360.0}
EXAMPLES = 5
FIRST = 500  # records among which five different prompts are, or the log repeats itself
EXCERPT = 600
TRAIT_COLUMNS = ("key", "prompt_hash", "cluster_hash", "time", "session", "input", "model", "prompt_version", "finish_reason", "tags")
EXAMPLE_COLUMNS = ("id", "time", "model", "prompt_version", "tags", "input", "output", "source")


@dataclass(frozen=True)
class MeasuredReport:
    """What was summed and drawn. `overall` and `timed` are signals by policy, over all time and by window; `span` the first and the last time."""

    summaries: list[MetricSummary]
    gathered: GatheredRecords
    overall: list[SignalRow]
    timed: list[SignalRow]
    judge_changes: list[dict[str, object]]
    window: str
    span: tuple[int, int] | None


class ReportEvidence:
    """The queries of one report."""

    def __init__(self, work: Work, selection: Selection, by: Sequence[str]) -> None:
        self.work, self.store, self.selection, self.by, self.cluster = work, work.store, selection, by, work.settings.cluster
        self.infos: dict[str, MetricInfo] = {name: found[0] for name, found in selection.metrics.items()}
        self.notes = [
            f"{name} was measured in {len(found)} ways; identity {found[0].identity[:12]} alone is shown, records without it are pending"
            for name, found in selection.metrics.items()
            if len(found) > 1
        ]
        self.total = self._count(selection.scope.shards)

    def check(self, metric: str | None) -> None:
        """Raises: UsageError where nothing is selected, UnknownName for a metric or column that does not exist."""
        if not self.total:
            raise UsageError(f"no record matches {self.selection.on!r}", hint="judge store info shows what the store holds; leave --on out for all records")
        if metric is not None and metric not in self.infos:
            raise UnknownName("metric of these records", metric, known=self.infos)
        cluster_column(self.cluster)  # is it one at all?
        for name in self.by:
            if not name.startswith("tags.") and name not in COLUMNS:
                raise UnknownName("record column", name, known=[*COLUMNS, "tags.NAME"])

    def _open(self, shards: Sequence[Shard], names: Sequence[str], where: str | None = None) -> Reduction:
        conditions = [f"({text})" for text in (self.selection.where, where) if text]
        metrics = [(name, self.infos[name].identity) for name in names]
        scope = replace(self.selection.scope, shards=tuple(shards))
        return Reduction(self.store, scope, metrics, where=" AND ".join(conditions) or None, cluster=self.cluster)

    def _count(self, shards: Sequence[Shard]) -> int:
        with self._open(shards, ()) as reduction:
            return reduction.count()

    def _shards_of(self, name: str) -> tuple[Shard, ...]:
        return tuple(self.selection.shards_of[name, self.infos[name].identity])

    def counts(self) -> dict[str, int]:
        """The conservation law of the scope, and how many of its records are selected."""
        lines = self.selection.scope.counts
        names = ("lines", "accepted", "quarantined", "duplicate", "forgotten")
        return {**{name: getattr(lines, name) for name in names}, "selected": self.total}

    def scope(self) -> dict[str, Any]:
        """What was selected and how many, as fields of a Report."""
        return {"selection": self.selection.on, "counts": self.counts()}

    def measure(self, window: str | None, most: int) -> "MeasuredReport":
        """All that is summed over the records, by policy and window and as a whole, and the sample: from one reading of the scores.

        `window`: None takes one that fits the time span, for `most` policies at most.
        """
        names = sorted(self.infos, key=lambda name: (not name.startswith("reward."), name))
        with ExitStack() as stack:

            def question(by: Sequence[str], window: str) -> WindowReduction:
                return stack.enter_context(WindowReduction(self.store, self.selection, names, ask(self.work.settings, by, window)))

            overall, whole = question(self.by, "all"), question((), "all")
            whole.decays = False
            rows = overall.read_rows(self.by)
            known = rows.moments[~rows.timeless]
            span = (int(known.min()), int(known.max())) if len(known) else None
            lines = min(most, len(segments_of(rows, range(len(self.by)))[1])) * len(names)
            chosen = window or fitting_window(span, lines)
            timed = overall if chosen == "all" else question(self.by, chosen)
            sampled, spreads, values = self._sampled(rows), dict[int, ValueSpread](), dict[int, Floats]()

            def keep(m: int, of_rows: Floats) -> None:
                missing = np.isnan(of_rows)
                spreads[m], values[m] = spread(of_rows[~missing] if missing.any() else of_rows), of_rows[sampled]

            cells = cells_together(list(dict.fromkeys([whole, overall, timed])), rows=rows, seen=keep)
            newest = {info.name: place for place, info in enumerate(whole.metrics) if info == self.infos[info.name]}
            summaries = [self._summary(cells[0], newest[name], spreads[newest[name]]) for name in self.infos]
            drawn = {name: values[place] if self.infos[name].kind != "category" else np.full(len(sampled), np.nan) for name, place in newest.items()}
            gathered = self._gather(overall, rows, sampled, drawn)
            over_all, _, changes = record_rows(self.work, overall, cells[1])
            over_time = over_all
            if timed is not overall:
                over_time, _, changes = record_rows(self.work, timed, cells[2])
        return MeasuredReport(summaries, gathered, over_all if names else [], timed=over_time if names else [], judge_changes=changes, window=chosen, span=span)

    def _summary(self, cells: WindowCells, place: int, spread: ValueSpread) -> MetricSummary:
        """One metric over the selection; records of shards that do not hold it are pending."""
        metric = cells.metrics[place]
        info = self.infos[metric.name]
        reasons = dict(metric.reasons.get(0, {}))
        scored = int(metric.counts.sum())
        missing = self.total - scored - sum(reasons.values())
        if missing:
            reasons["not_asked"] = reasons.get("not_asked", 0) + missing
        if info.kind == "category":
            with self._open(self._shards_of(metric.name), [metric.name]) as reduction:
                reduced = Reduced(
                    np.empty(0),
                    np.empty(0),
                    0.0,
                    smallest=None,
                    median=None,
                    largest=None,
                    scored=scored,
                    reasons=reasons,
                    categories=reduction.categories(metric.name),
                )
        else:
            there = metric.counts > 0
            ends = (spread.smallest, spread.median, spread.largest)
            reduced = Reduced(metric.sums[there], metric.counts[there].astype(float), float(metric.totals[0]), *ends, scored, reasons, {}, metric.two_values)
        return summarise(metric.name, info.identity, kind=info.kind, scale=info.range, higher_is_better=info.higher_is_better, reduced=reduced)

    def _sampled(self, rows: CellRows) -> Integers:
        """The places of the records that slices, changes and distributions look at: all, or whole clusters by their hash."""
        if self.total <= SAMPLE:
            return np.arange(rows.count)
        share = SAMPLE / self.total
        self.notes.append(f"slices, changes and distributions look at a sample of {share:.1%} of the clusters (about {SAMPLE:,} records)")
        return np.flatnonzero((rows.clusters & 1048575) < self._limit())

    def _limit(self) -> int:
        return int(SAMPLE / self.total * 1048576) if self.total > SAMPLE else 1048576

    def _gather(self, reduction: WindowReduction, rows: CellRows, sampled: Integers, values: Mapping[str, Floats]) -> GatheredRecords:
        """The sample with traits and values."""
        gatherer = Gatherer(self.by, list(self.infos))
        if not len(sampled):
            return gatherer.finish()
        texts = [name for name in TRAIT_COLUMNS if name not in ("cluster_hash", "time")]
        wanted = [*(f"{name} AS {name}" for name in texts), f"{cluster_column(self.cluster)} AS cluster_hash", "epoch_us(time) AS time"]
        table = reduction.records(wanted, f"(cluster_hash & 1048575) < {self._limit()}")
        if table.num_rows != len(sampled) or not np.array_equal(plain_array(table.column("cluster_hash")), rows.clusters[sampled]):
            raise StoreBusy("the store changed while this report was reading it", hint="run the same command again")
        given = [name for name in table.column_names if name in READ or (table.column(name).null_count < table.num_rows and name not in self.by)]
        columns = {name: table.column(name).to_pylist() for name in given}
        for place, name in enumerate(self.by):
            named = np.array([*rows.names[place], None], dtype=object)
            columns[name] = named[rows.codes[place][sampled]].tolist()
        gatherer.add(columns, values)
        return gatherer.finish()

    def _by_columns(self) -> list[str]:
        return [name if name in TRAIT_COLUMNS else f'"{name}"' for name in self.by if not name.startswith("tags.")]

    def answers(self, subject: str | None, up: bool | None, changes: Sequence[ReportChange], gathered: GatheredRecords) -> dict[str, Any]:
        """The records that a report shows, as its fields."""
        worst, best = self.examples(subject, up)
        return {"worst": worst, "best": best, "contrasts": self.contrasts(changes, gathered), "quarantine": self.quarantine()}

    def examples(self, subject: str | None, up: bool | None) -> tuple[list[ReportExample], list[ReportExample]]:
        """The worst and the best records of the subject, each prompt once; none where it has no direction (`up` is None)."""
        if subject is None or up is None or self.infos[subject].kind == "category":
            return [], []
        return self._extreme(subject, "ASC" if up else "DESC"), self._extreme(subject, "DESC" if up else "ASC")

    def _extreme(self, subject: str, direction: str) -> list[ReportExample]:
        quoted = '"' + subject.replace('"', '""') + '"'
        found: dict[object, tuple[bytes, float]] = {}
        with self._open(self._shards_of(subject), [subject]) as reduction:
            for batch in reduction.records(["key", "prompt_hash"], [subject], order=f"{quoted} {direction} NULLS LAST, key", most=FIRST, batch_rows=FIRST):
                for key, prompt, value in zip(*(batch.column(name).to_pylist() for name in ("key", "prompt_hash", subject)), strict=True):
                    if value is not None and len(found) < EXAMPLES:
                        found.setdefault(prompt, (key, value))
        wanted = dict(found.values())
        rows = self._rows(subject, list(wanted))
        return [_example(rows[key], value, self.by) for key, value in wanted.items() if key in rows]

    def _rows(self, metric: str, keys: Sequence[bytes]) -> dict[bytes, dict[str, Any]]:
        """The records with these keys, as an example shows them."""
        if not keys:
            return {}
        listed = ", ".join(f"from_hex('{key.hex()}')" for key in keys)
        with self._open(self._shards_of(metric), (), f"key IN ({listed})") as reduction:
            columns = _unique(["key", *EXAMPLE_COLUMNS, *self._by_columns()])
            return {row["key"]: row for batch in reduction.records(columns) for row in batch.to_pylist()}

    def contrasts(self, changes: Sequence[ReportChange], gathered: GatheredRecords) -> list[ContrastText]:
        """Answers side by side for the most important change for the worse whose two sides answered one prompt; else for the better."""
        for change in sorted(important(changes), key=lambda item: item.worse is not True):
            values = gathered.values[change.metric]
            pairs = pairs_of(change, gathered, values)
            rows = self._rows(change.metric, [gathered.keys[row] for pair in pairs for row in pair])
            found = []
            for pair in pairs:
                sides = [_example(rows[gathered.keys[row]], float(values[row]), self.by) for row in pair if gathered.keys[row] in rows]
                if len(sides) == 2:
                    found.append(ContrastText(change.metric, change.column, *sides))
            if found:
                return found
        return []

    def quarantine(self) -> dict[str, int]:
        """The quarantined lines of the scope by reason, the most frequent first."""
        marks = ",".join("?" * len(self.selection.scope.file_ids))
        query = f"SELECT reason, count(*) AS n FROM quarantine WHERE file_id IN ({marks}) GROUP BY 1 ORDER BY 2 DESC, 1"
        return {row["reason"]: row["n"] for row in self.store.ledger.rows(query, self.selection.scope.file_ids)}


def fitting_window(span: tuple[int, int] | None, lines: int) -> str:
    """The smallest window that keeps all series within MOST_POINTS and a chart within 40 windows."""
    if span is None:
        return "all"
    days = (span[1] - span[0]) / 86_400e6
    most = max(4.0, min(40.0, MOST_POINTS / max(lines, 1)))
    return next((name for name, length in WINDOWS.items() if days / length < most), "all")


def _unique(names: Sequence[str]) -> list[str]:
    return list({name.strip('"'): name for name in reversed(names)}.values())[::-1]


def _example(row: Mapping[str, Any], value: float, by: Sequence[str]) -> ReportExample:
    source = row.get("source") or {}
    return ReportExample(
        key=row["key"].hex(),
        id=row["id"],
        time=row["time"],
        policy=policy_label([column_value(row, name) for name in by]),
        value=value,
        input=None if row["input"] is None else row["input"][:EXCERPT],
        output=None if row["output"] is None else row["output"][:EXCERPT],
        input_length=len(row["input"] or ""),
        output_length=len(row["output"] or ""),
        file=source.get("file"),
        line=source.get("line"),
    )
