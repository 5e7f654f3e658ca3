"""The report: everything of a selection as one Report object."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from judgecli import catalog
from judgecli.errors import UnknownName, UsageError
from judgecli.pipeline.monitoring import watch
from judgecli.pipeline.rewarding import directions, select_rewarded
from judgecli.pipeline.signals import compute_signals
from judgecli.renderers.report_html import report_html
from judgecli.renderers.report_markdown import COMMENT_BYTES, report_markdown
from judgecli.renderers.safe import json_text
from judgecli.renderers.text_file import publish_text
from judgecli.report import Change, Contrast, Distribution, Example, Measure, Report
from judgecli.signal.changes import find_changes
from judgecli.signal.distributions import distribution
from judgecli.signal.gathering import Gathered, Gatherer, column_value
from judgecli.signal.headline import headline, important
from judgecli.signal.methods import methods_of
from judgecli.signal.sentence import verdict_sentence
from judgecli.signal.series import frequent_policies, policy_label, series_of, standings_of
from judgecli.signal.side_by_side import pairs_of
from judgecli.signal.slices import Subject, find_slices
from judgecli.signal.summary import MetricSummary, summarise
from judgecli.store.filters import COLUMNS
from judgecli.store.folder import Shard, Store
from judgecli.store.query import Reduction, cluster_column
from judgecli.store.selection import Selection
from judgecli.store.tables import MetricInfo

if TYPE_CHECKING:
    from judgecli.config.settings import Settings
    from judgecli.signal.gate import Check

SAMPLE = 200_000  # records, drawn by whole clusters, that slices, changes and distributions look at
MOST_POINTS = 2_400  # of all series together: what a page can hold
MOST_POLICIES = 12
EXAMPLES = 5
EXCERPT = 600
WINDOWS = {"1h": 1 / 24, "1d": 1.0, "1w": 7.0, "30d": 30.0, "90d": 90.0, "360d": 360.0}
TRAIT_COLUMNS = ("key", "prompt_hash", "cluster_hash", "time", "session", "input", "model", "prompt_version", "finish_reason", "tags")
EXAMPLE_COLUMNS = ("id", "time", "model", "prompt_version", "tags", "input", "output", "source")


def build_report(
    settings: "Settings", on: str | None = None, *, by: Sequence[str] | None = None, window: str | None = None, metric: str | None = None
) -> Report:
    """The report of the records of `on` (None: all; run:last, run:ID, a filter).

    `by` defaults to the policy of judge.yaml, `window` to one that fits the time span, `metric` (what slices and
    examples are about) to the reward. Raises: UsageError, UnknownName, StoreError, and what gates and reward raise.
    """
    by = tuple(dict.fromkeys(settings.policy if by is None else by))
    with Store(settings.store, create=False) as store, np.errstate(over="ignore", invalid="ignore"):
        work = _Work(store, select_rewarded(store, on, settings), by, settings.cluster)
        work.check(metric)
        summaries = [work.summary(name) for name in work.infos]
        gathered = work.gather()
        better = directions(settings, {name: info.higher_is_better for name, info in work.infos.items()})
        subjects = [Subject(name, gathered.values[name], info.kind, better[name]) for name, info in work.infos.items()]
        changes = find_changes(gathered, subjects)
        chosen = metric or next((name for name in work.infos if name.startswith("reward.")), None)
        slices = find_slices([item for item in subjects if chosen in (None, item.name)], gathered.members, gathered.clusters)
        subject = chosen or _choose_subject(important(changes), summaries)
        worst, best = work.examples(subject, None if subject is None else better[subject])
        contrasts = work.contrasts(changes, gathered)
        quarantine = work.quarantine()
    overall = compute_signals(settings, by=by, window="all", on=on).rows if summaries else []
    policies = frequent_policies(overall, MOST_POLICIES)
    wanted = window or _fitting_window(gathered.times, len(policies) * len(summaries))
    check = _check(settings, on)
    watched = watch(settings)
    times = [time for time in gathered.times if time is not None]
    gates = [] if check is None else [gate.to_json() for gate in check.gates]
    alarms = watched.alarms if watched is not None else ()
    complete = all(summary.coverage in (None, 1.0) for summary in summaries)
    sentence = verdict_sentence("no gates" if check is None else check.verdict, gates, alarms, complete=complete, watched=watched is not None)
    return Report(
        verdict="no gates" if check is None else check.verdict,
        headline=headline(subject, summaries, changes, slices, by=by),
        complete=complete,
        partial=[_partial(summary) for summary in summaries if summary.coverage not in (None, 1.0)],
        selection=work.selection.on,
        counts=work.counts(),
        first_time=_moment(min(times, default=None)),
        last_time=_moment(max(times, default=None)),
        by=by,
        window=wanted,
        subject=subject,
        metrics=summaries,
        policies=policies,
        standings=standings_of(overall, policies, {name: info.identity for name, info in work.infos.items()}),
        series=series_of(compute_signals(settings, by=by, window=wanted, on=on).rows, policies) if summaries else [],
        changes=changes,
        distributions=[_distribution(summary, gathered) for summary in summaries],
        slices=slices,
        worst=worst,
        best=best,
        measures=[_measure(info, settings) for info in work.infos.values()],
        gates=gates,
        alarms=alarms,
        sentence=sentence.text,
        tone=sentence.tone,
        contrasts=contrasts,
        quarantine=quarantine,
        methods=methods_of(
            summaries,
            changes,
            slices,
            cluster=settings.cluster,
            clusters=int(gathered.clusters.max() + 1) if gathered.count else 0,
            gates=len(gates),
            alarms=None if settings.project.alarms is None else _budget(settings.project.alarms.false_alarm_every),
        ),
        notes=[
            *work.notes,
            *(watched.notes if watched is not None else ()),
            *([f"gates were asked of {check.on}"] if check is not None and on is None else []),
            *(check.notes if check is not None else ()),
        ],
    )


def write_report(report: Report, path: Path) -> None:
    """Write the report to a file: .html, .md or .json by its suffix; the target is whole, or as it was.

    Raises: UsageError (another suffix), EnvironmentFailure (folder missing, disk full).
    """
    publish_text(path, render_report(report, report_format(path)))


def report_format(path: Path) -> str:
    """The format that a file's suffix means. Raises: UsageError."""
    if path.name.lower().endswith(".comment.md"):
        return "comment"
    found = {".html": "html", ".htm": "html", ".md": "markdown", ".json": "json"}.get(path.suffix.lower())
    if found is None:
        raise UsageError(f"-o {path}: cannot tell the format from '{path.suffix}'", hint="end the name with .html, .md or .json")
    return found


def render_report(report: Report, format: str) -> str:
    """The report as text in a format: html, markdown, comment (Markdown that fits a comment of a pull request) or json."""
    if format == "html":
        return report_html(report)
    if format == "comment":
        return report_markdown(report, limit=COMMENT_BYTES)
    return report_markdown(report) if format == "markdown" else json_text(report.to_json()) + "\n"


class _Work:
    """The queries of one report."""

    def __init__(self, store: Store, selection: Selection, by: Sequence[str], cluster: str | None) -> None:
        self.store, self.selection, self.by, self.cluster = store, selection, by, cluster
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
            return sum(batch.num_rows for batch in reduction.records(["key"]))

    def _shards_of(self, name: str) -> tuple[Shard, ...]:
        return tuple(self.selection.shards_of[name, self.infos[name].identity])

    def counts(self) -> dict[str, int]:
        """The conservation law of the scope, and how many of its records are selected."""
        lines = self.selection.scope.counts
        names = ("lines", "accepted", "quarantined", "duplicate", "forgotten")
        return {**{name: getattr(lines, name) for name in names}, "selected": self.total}

    def summary(self, name: str) -> MetricSummary:
        """One metric over the selection; records of shards that do not hold it are pending."""
        info, shards = self.infos[name], self._shards_of(name)
        with self._open(shards, [name]) as reduction:
            reduced = reduction.reduce(name)
        missing = self.total - reduced.scored - sum(reduced.reasons.values())
        if missing:
            reduced = replace(reduced, reasons={**reduced.reasons, "not_asked": reduced.reasons.get("not_asked", 0) + missing})
        return summarise(name, info.identity, kind=info.kind, scale=info.range, higher_is_better=info.higher_is_better, reduced=reduced)

    def gather(self) -> Gathered:
        """The records, or a sample of whole clusters, with traits and values."""
        gatherer = Gatherer(self.by, list(self.infos))
        where = None
        if self.total > SAMPLE:
            share = SAMPLE / self.total
            where = f"(cluster_hash & 1048575) < {int(share * 1048576)}"
            self.notes.append(f"slices, changes and distributions look at a sample of {share:.1%} of the clusters (about {SAMPLE:,} records)")
        groups: dict[tuple[str, ...], list[Shard]] = {}
        for shard in self.selection.scope.shards:
            held = tuple(name for name in self.infos if shard in self._shards_of(name))
            groups.setdefault(held, []).append(shard)
        for names, shards in groups.items():
            with self._open(shards, names, where) as reduction:
                for batch in reduction.records(_unique([*TRAIT_COLUMNS, *self._by_columns()]), names):
                    gatherer.add(_records(batch), {name: _numbers(batch, name, self.infos[name]) for name in names})
        return gatherer.finish()

    def _by_columns(self) -> list[str]:
        return [name if name in TRAIT_COLUMNS else f'"{name}"' for name in self.by if not name.startswith("tags.")]

    def examples(self, subject: str | None, up: bool | None) -> tuple[list[Example], list[Example]]:
        """The worst and the best records of the subject, each prompt once; none where it has no direction (`up` is None)."""
        if subject is None or up is None or self.infos[subject].kind == "category":
            return [], []
        return self._extreme(subject, "ASC" if up else "DESC"), self._extreme(subject, "DESC" if up else "ASC")

    def _extreme(self, subject: str, direction: str) -> list[Example]:
        quoted = '"' + subject.replace('"', '""') + '"'
        found: dict[object, tuple[bytes, float]] = {}
        with self._open(self._shards_of(subject), [subject]) as reduction:
            for batch in reduction.records(["key", "prompt_hash"], [subject], order=f"{quoted} {direction} NULLS LAST, key", batch_rows=500):
                for key, prompt, value in zip(*(batch.column(name).to_pylist() for name in ("key", "prompt_hash", subject)), strict=True):
                    if value is not None and len(found) < EXAMPLES:
                        found.setdefault(prompt, (key, value))
                break  # five different prompts are among the first 500, or the log repeats itself
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

    def contrasts(self, changes: Sequence[Change], gathered: Gathered) -> list[Contrast]:
        """Answers side by side for the most important change for the worse whose two sides answered one prompt; else for the better."""
        for change in sorted(important(changes), key=lambda item: item.worse is not True):
            values = gathered.values[change.metric]
            pairs = pairs_of(change, gathered, values)
            rows = self._rows(change.metric, [gathered.keys[row] for pair in pairs for row in pair])
            found = []
            for pair in pairs:
                sides = [_example(rows[gathered.keys[row]], float(values[row]), self.by) for row in pair if gathered.keys[row] in rows]
                if len(sides) == 2:
                    found.append(Contrast(change.metric, change.column, *sides))
            if found:
                return found
        return []

    def quarantine(self) -> dict[str, int]:
        """The quarantined lines of the scope by reason, the most frequent first."""
        marks = ",".join("?" * len(self.selection.scope.file_ids))
        query = f"SELECT reason, count(*) AS n FROM quarantine WHERE file_id IN ({marks}) GROUP BY 1 ORDER BY 2 DESC, 1"
        return {row["reason"]: row["n"] for row in self.store.ledger.rows(query, self.selection.scope.file_ids)}


def _unique(names: Sequence[str]) -> list[str]:
    return list({name.strip('"'): name for name in reversed(names)}.values())[::-1]


def _records(batch: Any) -> Iterator[dict[str, Any]]:
    """The rows of a batch; times as microseconds since 1970."""
    import pyarrow as pa

    columns = {name: batch.column(name) for name in batch.column_names if name != "file_id"}
    columns["time"] = columns["time"].cast(pa.timestamp("us", tz="UTC")).cast(pa.int64())
    lists = {name: column.to_pylist() for name, column in columns.items() if not pa.types.is_floating(column.type) or name in TRAIT_COLUMNS}
    for row in zip(*lists.values(), strict=True):
        yield dict(zip(lists, row, strict=True))


def _numbers(batch: Any, name: str, info: MetricInfo) -> "np.ndarray[Any, np.dtype[np.float64]]":
    if info.kind == "category":
        return np.full(batch.num_rows, np.nan)
    return np.asarray(batch.column(name).to_numpy(), dtype=np.float64)


def _budget(every: str) -> str:
    return f"All charts together give about one false alarm in {every}."


def _choose_subject(changes: Sequence[Change], summaries: Sequence[MetricSummary]) -> str | None:
    """Without a reward: the metric that got worst, else the first with a direction, else the first."""
    worse = [change.metric for change in changes if change.worse]
    directed = [summary.name for summary in summaries if summary.higher_is_better is not None and summary.estimate.mean is not None]
    return next(iter([*worse, *directed, *(summary.name for summary in summaries)]), None)


def _fitting_window(times: Sequence[int | None], lines: int) -> str:
    """The smallest window that keeps all series within MOST_POINTS and a chart within 40 windows."""
    known = [time for time in times if time is not None]
    if not known:
        return "all"
    days = (max(known) - min(known)) / 86_400e6
    most = max(4.0, min(40.0, MOST_POINTS / max(lines, 1)))
    return next((name for name, length in WINDOWS.items() if days / length < most), "all")


def _moment(microseconds: int | None) -> datetime | None:
    return None if microseconds is None else datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)


def _check(settings: "Settings", on: str | None) -> "Check | None":
    from judgecli.pipeline.gating import check_gates

    return check_gates(settings, on=on) if settings.project.gates else None


def _partial(summary: MetricSummary) -> str:
    lacking = [f"{reason} {count:,}" for reason, count in summary.unscored.items() if reason not in ("not_applicable", "not_sampled")]
    lacking += [f"pending {summary.pending:,}"] if summary.pending else []
    return f"{summary.name}: {summary.scored:,} of {summary.cells:,} scored ({', '.join(lacking)})"


def _distribution(summary: MetricSummary, gathered: Gathered) -> Distribution:
    if summary.kind == "category":
        return Distribution(summary.name, summary.scored, categories=dict(summary.categories))
    return distribution(summary.name, gathered.values[summary.name])


def _example(row: Mapping[str, Any], value: float, by: Sequence[str]) -> Example:
    source = row.get("source") or {}
    return Example(
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


def _measure(info: MetricInfo, settings: "Settings") -> Measure:
    entry = next((entry for entry in settings.scorers if entry.name == info.name), None)
    target = entry.target if entry else info.name
    setting = ", ".join(f"{name}={value!r}" for name, value in (entry.options if entry else {}).items())
    try:
        definition = catalog.describe(target).definition
    except UnknownName:
        kinds = {"reward": "The reward of judge.yaml.", "score": "A score that the log already held."}
        definition = kinds.get(info.name.partition(".")[0], f"Defined by {target}; judge.yaml does not name a scorer of the library for it.")
    alias = f"{target}: " if target != info.name else ""
    return Measure(info.name, info.identity, info.version, info.kind, info.range, info.higher_is_better, definition, alias + setting if setting else target)
