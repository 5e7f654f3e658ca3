"""Read and score: logs to records, records to scores, scores to a summary a metric."""

import contextlib
import json
import shlex
import sys
from collections.abc import Iterable, Sequence, Set
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from judgecli import catalog
from judgecli.catalog import Spec
from judgecli.engine.local import Engine, Task, worker_count
from judgecli.engine.shard import check_options
from judgecli.engine.worker import metric_info
from judgecli.errors import MissingColumn, NoRecords, StoreCorrupt, UsageError
from judgecli.pipeline.judged import NORMALLY, Asking, Judges, judge_records
from judgecli.pipeline.rewarding import check_frozen, needed_metrics, reward_info, score_reward, store_reward
from judgecli.pipeline.rubrics import is_rubric, read_rubrics
from judgecli.pipeline.score_result import ScoreResult
from judgecli.pipeline.served import read_served
from judgecli.pipeline.telling import Told, read_told, told_notes
from judgecli.readers.checkpoint import Checkpoint, equal_lines_note
from judgecli.readers.intake import Intake, LogFile
from judgecli.readers.log import Shaping, Skipped
from judgecli.readers.redact import redactor
from judgecli.readers.source import STDIN, expand
from judgecli.reward_model.remote import is_served
from judgecli.scorer import Metric
from judgecli.signal.summary import MetricSummary, summarise
from judgecli.store import upkeep
from judgecli.store.folder import Shard, Store
from judgecli.store.neighbours import other_projects, shared_records
from judgecli.store.query import COMPANIONS, ROW_COLUMNS, Reduction, cluster_column, held_metrics
from judgecli.store.scope import Scope, equal_lines, open_scope
from judgecli.store.tables import MetricInfo

if TYPE_CHECKING:
    from judgecli.config.settings import Settings


STORE_COLUMNS = frozenset(["key", "source", "file_id", "prompt_hash", "cluster_hash", "tags", "imported"])  # of no scorer's own


class Progress(Protocol):
    """What the command line shows while a verb works."""

    def phase(self, text: str, total: int | None = None) -> None:
        """Something new begins; `total` in bytes or records where it is known."""

    def advance(self, bytes_read: int, records: int) -> None:
        """So much more is done."""

    def note(self, text: str) -> None:
        """Something a person should know, in one line."""


def score_logs(
    logs: Sequence[str], *, settings: "Settings", scorers: Sequence[str] | None = None, progress: Progress, asking: Asking = NORMALLY
) -> ScoreResult:
    """Read the logs into the store, score every record, and summarise each metric over all records of these logs.

    Raises: LogError, NoRecords, UsageError, MissingColumn, StoreError, EnvironmentFailure, JudgeUnavailable, Interrupted.
    """
    cluster_column(settings.cluster)  # a slip there is told before any work
    chosen = choose_scorers(scorers, settings)
    rubrics = read_rubrics(chosen, settings)
    served = read_served(chosen, settings)
    specs = [spec for spec in chosen if not is_rubric(spec) and not is_served(spec.target)]
    metrics = bind_all(specs)
    known = {metric.name: metric for metric in (*metrics, *(entry.metric for entry in rubrics), *(entry.metric for entry in served))}
    infos = [metric_info(known[spec.name]) for spec in chosen if known[spec.name].scorer.unit == "record"]
    reward = score_reward(settings, infos, typed=bool(scorers))
    files = log_files(logs, settings)
    size = sum(Path(log.path).stat().st_size for log in files if log.path != STDIN and Path(log.path).exists())
    notes = _left_out(settings, infos) if reward is None else []
    with Store(settings.store) as store:
        run_id = store.ledger.start_run(command=shlex.join(sys.argv), logs=logs, now=_now())
        work = _Work(store, specs, metrics, _Telling(progress, notes), worker_count(settings.workers, bytes_to_read=size, scorers=specs))
        try:
            progress.phase("reading", size)
            defaults = not scorers and not settings.configured_scorers()

            def planned(fields: set[str] | None) -> None:
                """What the logs will give is known: is it enough, and do they hold ratings, which are metrics unasked?"""
                if not defaults:
                    check_fields(list(known.values()), fields, notes)
                if not scorers:
                    infos.extend(work.rate(intake.ratings - known.keys()))

            intake = Intake(store, work.telling, work.score_shard, planned)
            readings = intake.run(files)
            notes += _reading_notes(store, intake, readings, settings)
            if settings.keep is not None:
                work.engine.drain()  # a shard that waits for its scores must not be replaced under them
                notes += upkeep.expire(store, settings.keep, now=datetime.now(UTC))
            scope = _open_scope(store, readings, intake.skipped)
            if defaults:
                infos = _applicable(scope, infos, list(known.values()), notes)
            else:
                check_columns(scope, list(known.values()), notes)
            work.finish(scope, progress)
        finally:
            work.engine.close()
        judge = judge_records(store, scope, Judges(rubrics, served), settings=settings, asking=asking, run_id=run_id, telling=work.telling, progress=progress)
        if reward is not None and not reward.unfrozen:
            store_reward(store, scope.shards, reward)
            infos.append(reward_info(reward))
        summaries, told = _summarise(store, scope, infos, settings.cluster, notes, {entry.metric.name for entry in rubrics})
        pairs = [(info.name, info.identity) for info in infos]
        identities = {name: found.identity for name, found in judge.comparisons.items()} | dict(pairs)
        measured, worst = settings.measured, settings.max_bad
        result = ScoreResult(settings.store, scope, intake.new_records, summaries, readings, notes, measured, worst, run_id, pairs, judge, intake.skipped, told)
        store.ledger.finish_run(run_id, file_ids=scope.file_ids, metrics=identities, result=json.dumps(result.to_json(), allow_nan=False), now=_now())
    if reward is not None:
        check_frozen(reward, settings)  # last: to freeze what is missing, the scores must be there
    return result


def _reading_notes(store: Store, intake: Intake, readings: Sequence[Checkpoint], settings: "Settings") -> list[str]:
    """What is told of the files that were read: those left out, how each was understood, lines that are equal, what else the store holds."""
    notes = [f"skipped: {file.message}" for file in intake.skipped]
    notes += [f"{reading.path}: {note}" for reading in readings for note in reading.detected.notes]
    equal = [] if settings.keep_duplicates else [(reading, *equal_lines(store, reading.file_id)) for reading in readings]
    notes += [note for reading, *counts in equal if (note := equal_lines_note(reading.path, reading.detected, *counts)) is not None]
    file_ids = [reading.file_id for reading in readings]
    notes += [f"{count:,} records of {file} also stand in {first}; they count once, with the first" for file, first, count in shared_records(store, file_ids)]
    return notes + _told_bad(store, file_ids) + other_projects(store, file_ids, settings.config, [log.path for log in settings.logs])


def read_scope(store: Store, logs: Sequence[str], *, settings: "Settings", progress: Progress) -> Scope:
    """The records of these logs, read into the store and not scored. Raises: LogError, NoRecords."""
    progress.phase("reading", None)
    intake = Intake(store, _Telling(progress, []), lambda _: None)
    return _open_scope(store, intake.run(log_files(logs, settings)), intake.skipped)


def _left_out(settings: "Settings", infos: Sequence[MetricInfo]) -> list[str]:
    """That the reward of judge.yaml is not part of a run whose typed scorers lack some of its metrics."""
    missing = sorted(needed_metrics(settings) - {info.name for info in infos})
    reward = settings.project.reward
    return [f"reward.{reward.name} is left out: it needs {', '.join(missing)} too, which -s does not name"] if reward is not None else []


def choose_scorers(typed: Sequence[str] | None, settings: "Settings") -> list[Spec]:
    """The scorers typed after -s, else those of judge.yaml, else the default set; with the scores that the log already holds."""
    if typed:
        specs = [catalog.parse_spec(text) for text in typed]
    else:
        configured = [Spec(entry.name, entry.target, dict(entry.options)) for entry in settings.configured_scorers()]
        maps = [settings.map, *(source.map for source in settings.logs)]
        imported = sorted({name for fields in maps for name in fields if name.startswith("score.")})
        specs = (configured or [Spec(name, name) for name in catalog.default_names()]) + [Spec(name, name) for name in imported]
    check_names([spec.name for spec in specs])
    return specs


def check_names(names: Sequence[str]) -> None:
    """Every metric must have columns of its own, also for readers that do not tell upper from lower case. Raises: UsageError."""
    taken: dict[str, str] = {name: f"the column '{name}' of every row" for name in ROW_COLUMNS}
    for name in names:
        for column in (name, *(f"{name}.{kind}" for kind in COMPANIONS)):
            if column.casefold() in taken:
                raise UsageError(f"the metric '{name}' cannot be told from {taken[column.casefold()]}", hint=f"give one another name: -s OTHER={name}")
            taken[column.casefold()] = f"the metric '{name}'"


def bind_all(specs: Sequence[Spec]) -> list[Metric]:
    """Import the scorers and try their options on no rows. Raises: UnknownName, UsageError, EnvironmentFailure."""
    with contextlib.redirect_stdout(sys.stderr):  # what a file of the user prints must not look like a result
        metrics = [catalog.bind(spec) for spec in specs]
        for metric in metrics:
            if metric.code:
                continue  # a file of the user need not bear a batch of no rows
            try:
                check_options(metric)
            except (ValueError, TypeError) as error:
                raise UsageError(f"scorer '{metric.name}': {error}", hint=f"see judge scorers {metric.scorer.name}") from error
    return metrics


def log_files(logs: Sequence[str], settings: "Settings") -> list[LogFile]:
    """The files that these names mean, each with how it is read. Raises: LogError."""
    names = list(logs) or [source.path for source in settings.logs]
    if not names:
        raise UsageError("no logs were named", hint="judge score LOGS...; or name them under `logs:` in judge.yaml")
    base = settings.store.resolve().parent
    redact = redactor(settings.redact)
    found: dict[str, LogFile] = {}
    for pattern in names:
        for path in expand([pattern]):
            source = settings.source(path if path in logs else pattern if not settings.logs else path)
            shaping = Shaping(format=source.format, map=source.map, guess=settings.guess, zone=source.zone or "UTC", encoding=source.encoding)
            found.setdefault(path, LogFile(path, _stored_name(path, base), shaping, path == pattern, settings.keep_duplicates, redact))
    return list(found.values())


def _stored_name(path: str, base: Path) -> str:
    """What the store calls a file: its path from the folder that holds the store, so that the folder may move."""
    if path == STDIN:
        return path
    absolute = Path(path).resolve()
    return str(absolute.relative_to(base)) if absolute.is_relative_to(base) else str(absolute)


class _Telling:
    """Passes progress on and keeps the notes for the result."""

    def __init__(self, progress: Progress, notes: list[str]) -> None:
        self.progress = progress
        self.notes = notes

    def advance(self, bytes_read: int, records: int) -> None:
        self.progress.advance(bytes_read, records)

    def note(self, text: str) -> None:
        self.notes.append(text)
        self.progress.note(text)


class _Work:
    """The scoring of one run: each shard once, as soon as it is valid."""

    def __init__(self, store: Store, specs: Sequence[Spec], metrics: Sequence[Metric], telling: _Telling, workers: int) -> None:
        self.store = store
        self.telling = telling
        self.metrics = list(zip(specs, metrics, strict=True))
        self.engine = Engine(store.root, workers=workers, on_done=self._tell_done)
        self._seen: set[str] = set()
        self._finishing = False

    def rate(self, names: Iterable[str]) -> list[MetricInfo]:
        """Score these ratings of the log too."""
        specs = [Spec(name, name) for name in sorted(names)]
        added = [catalog.bind(spec) for spec in specs]
        self.metrics += zip(specs, added, strict=True)
        return [metric_info(metric) for metric in added]

    def score_shard(self, shard: Shard) -> None:
        """Score what a shard lacks."""
        if shard.name in self._seen:
            return
        self._seen.add(shard.name)
        held = held_metrics(self.store.root, shard.name)
        missing = [spec for spec, metric in self.metrics if (metric.name, metric.identity) not in held]
        if missing:
            self.engine.submit(Task(shard.name, shard.rows, missing))

    def finish(self, scope: Scope, progress: Progress) -> None:
        """Score the rest of the scope."""
        for shard in scope.shards:
            self.score_shard(shard)
        self._finishing = True
        progress.phase("scoring", None)
        self.engine.drain()

    def _tell_done(self, task: Task) -> None:
        if self._finishing:
            self.telling.advance(0, task.rows)


def check_fields(metrics: Sequence[Metric], fields: set[str] | None, notes: Sequence[str] = ()) -> None:
    """Before any line is read: no mapping gives a field that a scorer requires. `fields` is None where a format gives its own. Raises: MissingColumn."""
    if fields is not None:
        _require(metrics, frozenset(fields), notes, typed=True)


def check_columns(scope: Scope, metrics: Sequence[Metric], notes: Sequence[str] = ()) -> None:
    """Every column that a scorer requires must hold something in some record of the scope. Raises: MissingColumn, with what `notes` say of it."""
    _require(metrics, frozenset().union(*(shard.present for shard in scope.shards)) - STORE_COLUMNS, notes)


def _applicable(scope: Scope, infos: Sequence[MetricInfo], metrics: Sequence[Metric], notes: list[str]) -> list[MetricInfo]:
    """Of the default set what these logs have the columns for; the rest is left out with a note. Raises: MissingColumn where nothing is left."""
    present = frozenset().union(*(shard.present for shard in scope.shards)) - STORE_COLUMNS
    lacking: dict[str, list[str]] = {}
    for metric in metrics:
        column = next((column.source for column in metric.scorer.columns if column.required and column.source not in {"key", *present}), None)
        if column is not None:
            lacking.setdefault(_typed_name(column), []).append(metric.name)
    names = {name for found in lacking.values() for name in found}
    kept = [info for info in infos if info.name not in names]
    if not kept:
        check_columns(scope, metrics, notes)
    notes += [f"left out, for these logs have no {column}: {', '.join(found)}" for column, found in lacking.items()]
    return kept


def _require(metrics: Sequence[Metric], present: frozenset[str], notes: Sequence[str], *, typed: bool = False) -> None:
    for metric in metrics:
        for column in metric.scorer.columns:
            name = _typed_name(column.source)
            if column.required and column.source != "key" and (name if typed else column.source) not in present:
                said = [note for note in notes if f"--map {name}=" in note]  # that what was typed finds nothing
                raise MissingColumn(name, scorer=metric.name, available=sorted(map(_typed_name, present)), notes=said[:2])


def _typed_name(column: str) -> str:
    """A column as --map names it: `tags_country` is typed `tags.country`."""
    for prefix, typed in (("tags_", "tags."), ("imported_label.", "label."), ("imported_", "score.")):
        if column.startswith(prefix):
            return typed + column.removeprefix(prefix)
    return column


def _open_scope(store: Store, readings: Sequence[Checkpoint], skipped: Sequence[Skipped]) -> Scope:
    entries, bad = sum(reading.entries for reading in readings), sum(reading.bad for reading in readings)
    scope = open_scope(store, [reading.file_id for reading in readings], entries=entries, bad=bad)
    if scope.counts.accepted == 0 and scope.counts.forgotten:
        raise NoRecords(
            f"the logs hold no records any more: {entries:,} lines, {scope.counts.forgotten:,} of them forgotten",
            hint="keep: in judge.yaml says how old records may be; what judge store forget took stays forgotten in this store",
        )
    if scope.counts.accepted == 0:
        reasons = [f"{row['reason']} {row['n']}" for row in _quarantine_reasons(store, scope.file_ids)]
        seen = f"{entries} lines, none of them a record ({', '.join(reasons)})" if reasons else skipped[0].message if skipped else f"{entries} lines, none kept"
        raise NoRecords(f"the logs hold no records: {seen}", hint="judge inspect LOGS shows what was detected; --map output=PATH names the fields")
    return scope


def _quarantine_reasons(store: Store, file_ids: Sequence[int]) -> list[dict[str, object]]:
    marks = ",".join("?" * len(file_ids))
    query = f"SELECT reason, count(*) AS n FROM quarantine WHERE file_id IN ({marks}) GROUP BY 1 ORDER BY 2 DESC"
    return [dict(row) for row in store.ledger.rows(query, tuple(file_ids))]


def _told_bad(store: Store, file_ids: Sequence[int]) -> list[str]:
    """How many lines were put aside for which reason, and where the first one stands."""
    reasons = [f"{row['reason']} {row['n']:,}" for row in _quarantine_reasons(store, file_ids)]
    marks = ",".join("?" * len(file_ids))
    first = store.ledger.rows(
        f"SELECT path, line FROM quarantine JOIN files USING (file_id) WHERE file_id IN ({marks}) ORDER BY file_id, line LIMIT 1", tuple(file_ids)
    )
    way = "; if the text is not UTF-8, say what it is: --encoding cp1252" if any(reason.startswith("bad_encoding") for reason in reasons) else ""
    return [f"quarantined: {', '.join(reasons)}; the first is {row['path']}:{row['line']}{way}" for row in first]


def _summarise(
    store: Store, scope: Scope, infos: Sequence[MetricInfo], cluster: str | None, notes: list[str], judges: Set[str]
) -> tuple[list[MetricSummary], dict[str, Told]]:
    """A summary a metric, and what is told of it, also in `notes`. `judges` are the metrics that read a text within bounds."""
    with Reduction(store, scope, [(info.name, info.identity) for info in infos], cluster=cluster) as reduction:
        found = [
            summarise(info.name, info.identity, kind=info.kind, scale=info.range, higher_is_better=info.higher_is_better, reduced=reduction.reduce(info.name))
            for info in infos
        ]
        told = read_told(reduction, found, judges)
    for summary in found:
        if summary.cells != scope.counts.accepted:
            raise StoreCorrupt(
                f"the store does not add up: {summary.name} has {summary.cells} cells for {scope.counts.accepted} records",
                hint=f"judge store verify looks for the damage in {store.root}",
            )
    notes += told_notes(told, found)
    return found, told


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")
