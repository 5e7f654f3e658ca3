"""Read and score: logs to records, records to scores, scores to a summary a metric."""

import json
import shlex
import sys
from collections.abc import Iterable, Sequence, Set
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from judgecli import catalog
from judgecli.catalog import Spec
from judgecli.engine.local import Engine, Task, worker_count
from judgecli.engine.worker import metric_info
from judgecli.errors import StoreCorrupt
from judgecli.evidence.reading import NotedProgress, log_files, reading_notes, scope_of_logs
from judgecli.evidence.rewarded import check_frozen, needed_metrics, reward_info, score_reward, store_reward
from judgecli.evidence.scorers import bind_all, check_columns, check_fields, choose_scorers, keep_applicable
from judgecli.evidence.told import ToldMetric, read_told, told_notes
from judgecli.evidence.work import Work
from judgecli.pipeline.destinations import check_destinations
from judgecli.pipeline.judged import NORMALLY, Asking, Judges, judge_records
from judgecli.pipeline.rubrics import is_rubric, read_rubrics
from judgecli.pipeline.score_result import ScoreResult
from judgecli.pipeline.served import read_served
from judgecli.progress import Progress
from judgecli.readers.intake import Intake
from judgecli.readers.source import STDIN
from judgecli.reward_model.remote import is_served
from judgecli.scorer import Metric
from judgecli.signal.summary import MetricSummary, summarise
from judgecli.store import tables, upkeep
from judgecli.store.folder import Shard, Store
from judgecli.store.query import Reduction, cluster_column, held_metrics
from judgecli.store.scope import Scope
from judgecli.store.tables import MetricInfo

if TYPE_CHECKING:
    from judgecli.config.settings import Settings
    from judgecli.readers.checkpoint import Checkpoint


def score_logs(logs: Sequence[str], *, work: Work, scorers: Sequence[str] | None = None, progress: Progress, asking: Asking = NORMALLY) -> ScoreResult:
    """Read the logs into the store, score every record, and summarise each metric over all records of these logs.

    Raises: LogError, NoRecords, UsageError, MissingColumn, StoreError, EnvironmentFailure, JudgeUnavailable, Interrupted.
    """
    settings = work.settings
    cluster_column(settings.cluster)  # a slip there is told before any work
    chosen = choose_scorers(scorers, settings)
    rubrics, served = read_rubrics(chosen, settings), read_served(chosen, settings)
    check_destinations(rubrics, served, asks=asking.replay is None and asking.ask is None)
    specs = [spec for spec in chosen if not is_rubric(spec) and not is_served(spec.target)]
    metrics = bind_all(specs)
    known = {metric.name: metric for metric in (*metrics, *(entry.metric for entry in rubrics), *(entry.metric for entry in served))}
    infos = [metric_info(known[spec.name]) for spec in chosen if known[spec.name].scorer.unit == "record"]
    reward = score_reward(settings, infos, typed=bool(scorers))
    files = log_files(logs, settings)
    size = sum(Path(log.path).stat().st_size for log in files if log.path != STDIN and Path(log.path).exists())
    notes = _left_out(settings, infos) if reward is None else []
    store = work.store
    run_id = store.ledger.start_run(command=shlex.join(sys.argv), logs=logs, now=_now())
    scoring = _Scoring(store, specs, metrics, NotedProgress(progress, notes), worker_count(settings.workers, bytes_to_read=size, scorers=specs))
    try:
        progress.phase("reading", size)
        defaults = not scorers and not settings.configured_scorers()

        def planned(fields: set[str] | None) -> None:
            """What the logs will give is known: is it enough, and do they hold ratings, which are metrics unasked?"""
            if not defaults:
                check_fields(list(known.values()), fields, notes)
            if not scorers:
                infos.extend(scoring.rate(intake.ratings - known.keys()))

        intake = Intake(store, scoring.telling, scoring.score_shard, planned)
        readings = intake.run(files)
        notes += reading_notes(work, intake, readings)
        if settings.keep is not None:
            scoring.engine.drain()  # a shard that waits for its scores must not be replaced under them
            notes += upkeep.expire(store, settings.keep, now=datetime.now(UTC))
        scope = scope_of_logs(store, readings, intake.skipped)
        if defaults:
            infos = keep_applicable(scope, infos, list(known.values()), notes)
        else:
            check_columns(scope, list(known.values()), notes)
        scoring.finish(scope, progress)
    finally:
        scoring.engine.close()
    judge = judge_records(store, scope, Judges(rubrics, served), settings=settings, asking=asking, run_id=run_id, telling=scoring.telling, progress=progress)
    if reward is not None and not reward.unfrozen:
        store_reward(store, scope.shards, reward)
        infos.append(reward_info(reward))
    summaries, told = _summarise(store, scope, infos, settings.cluster, notes, {entry.metric.name for entry in rubrics})
    pairs = [(info.name, info.identity) for info in infos]
    identities = {name: found.identity for name, found in judge.comparisons.items()} | dict(pairs)
    result = _result(settings, scope, summaries, intake=intake, readings=readings, notes=notes, judge=judge, told=told, run_id=run_id, metrics=pairs)
    store.ledger.finish_run(run_id, file_ids=scope.file_ids, metrics=identities, result=json.dumps(result.to_json(), allow_nan=False), now=_now())
    tables.drop_superseded(store.root, [shard.name for shard in scope.shards])
    work.changed()
    if reward is not None:
        check_frozen(reward, settings)  # last: to freeze what is missing, the scores must be there
    return result


def _result(
    settings: "Settings", scope: Scope, summaries: list[MetricSummary], *, intake: Intake, readings: "Sequence[Checkpoint]", **about: Any
) -> ScoreResult:
    """What the run found; `about` as ScoreResult has it."""
    bars: dict[str, Any] = {"measured": settings.measured, "max_bad": settings.max_bad}
    read: dict[str, Any] = {"new_records": intake.new_records, "readings": readings, "skipped": intake.skipped}
    return ScoreResult(settings.store, scope=scope, summaries=summaries, **bars, **read, **about)


def _left_out(settings: "Settings", infos: Sequence[MetricInfo]) -> list[str]:
    """That the reward of judge.yaml is not part of a run whose typed scorers lack some of its metrics."""
    missing = sorted(needed_metrics(settings) - {info.name for info in infos})
    reward = settings.project.reward
    return [f"reward.{reward.name} is left out: it needs {', '.join(missing)} too, which -s does not name"] if reward is not None else []


class _Scoring:
    """The scoring of one run: each shard once, as soon as it is valid."""

    def __init__(self, store: Store, specs: Sequence[Spec], metrics: Sequence[Metric], telling: NotedProgress, workers: int) -> None:
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


def _summarise(
    store: Store, scope: Scope, infos: Sequence[MetricInfo], cluster: str | None, notes: list[str], judges: Set[str]
) -> tuple[list[MetricSummary], dict[str, ToldMetric]]:
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
