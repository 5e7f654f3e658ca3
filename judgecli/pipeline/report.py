"""The report: everything of a selection as one Report object."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from judgecli import catalog
from judgecli.errors import UnknownName, UsageError
from judgecli.evidence.report import ReportEvidence
from judgecli.evidence.rewarded import directions, select_rewarded
from judgecli.evidence.windows import conversation_signals
from judgecli.evidence.work import Work
from judgecli.pipeline.alarms import watch
from judgecli.renderers.report_html import report_html
from judgecli.renderers.report_markdown import COMMENT_BYTES, report_markdown
from judgecli.renderers.safe import json_text
from judgecli.renderers.text_file import publish_text
from judgecli.report import ConversationSummary, Distribution, MeasureText, Report, ReportChange
from judgecli.signal.gathering import GatheredRecords
from judgecli.signal.report.changes import find_changes, find_untold, too_small
from judgecli.signal.report.distributions import distribution
from judgecli.signal.report.headline import headline, important
from judgecli.signal.report.methods import methods_of
from judgecli.signal.report.onset import Onset, find_onset
from judgecli.signal.report.sentence import verdict_sentence
from judgecli.signal.report.slices import Slice, SliceMetric, find_slices
from judgecli.signal.series import conversations_of, frequent_policies, series_of, standings_of
from judgecli.signal.served import served_notes
from judgecli.signal.summary import MetricSummary
from judgecli.store.tables import MetricInfo

if TYPE_CHECKING:
    from judgecli.config.settings import Settings
    from judgecli.signal.gate.verdict import Check

MOST_POLICIES = 12
MOST_TURNS = 1_000_000  # answers, of which conversations are still put together


def build_report(work: Work, on: str | None = None, *, by: Sequence[str] | None = None, window: str | None = None, metric: str | None = None) -> Report:
    """The report of the records of `on` (None: all; run:last, run:ID, a filter).

    `by` defaults to the policy of judge.yaml, `window` to one that fits the time span, `metric` (what slices and
    examples are about) to the reward; beside it slices look at ratings. Raises: UsageError, UnknownName, StoreError, and what gates and reward raise.
    """
    by = tuple(dict.fromkeys(work.settings.policy if by is None else by))
    with np.errstate(over="ignore", invalid="ignore"):
        evidence = ReportEvidence(work, select_rewarded(work, on), by)
        evidence.check(metric)
        measured = evidence.measure(window, MOST_POLICIES)
        summaries, gathered = measured.summaries, measured.gathered
        better = directions(work.settings, {name: info.higher_is_better for name, info in evidence.infos.items()})
        subjects = [SliceMetric(name, gathered.values[name], info.kind, better[name], info.range) for name, info in evidence.infos.items()]
        changes = find_changes(gathered, subjects)
        chosen = metric or next((name for name in evidence.infos if name.startswith("reward.")), None)
        asked = [item for item in subjects if chosen in (None, item.name) or (metric is None and item.name.startswith("label."))]
        slices, onset = find_slices(asked, gathered.members, gathered.clusters), _onset_in(gathered, subjects)
        subject = chosen or _choose_subject(important(changes), summaries)
        answers = evidence.answers(subject, None if subject is None else better[subject], changes, gathered)
    verdict, notes = _verdict(work, on, complete=all(summary.coverage in (None, 1.0) for summary in summaries))
    policies = frequent_policies(measured.overall, MOST_POLICIES)
    conversations, left_out = _conversations(work, evidence.total, by, measured.window, on, policies)
    first_time, last_time = measured.span or (None, None)
    return Report(
        **verdict,
        headline=headline(
            subject, summaries, changes, slices, by=by, judged=measured.judge_changes, untold=find_untold(gathered, subjects, changes), onset=onset
        ),
        partial=[_partial(summary) for summary in summaries if summary.coverage not in (None, 1.0)],
        **evidence.scope(),
        first_time=_moment(first_time),
        last_time=_moment(last_time),
        by=by,
        window=measured.window,
        subject=subject,
        metrics=summaries,
        policies=policies,
        standings=standings_of(measured.overall, policies, {name: info.identity for name, info in evidence.infos.items()}),
        series=series_of(measured.timed, policies),
        changes=changes,
        distributions=[_distribution(summary, gathered) for summary in summaries],
        slices=slices,
        **answers,
        measures=[_measure(info, work.settings) for info in evidence.infos.values()],
        methods=methods_of(
            summaries,
            changes,
            slices,
            cluster=work.settings.cluster,
            clusters=int(gathered.clusters.max() + 1) if gathered.count else 0,
            gates=len(verdict["gates"]),
            judges=len(measured.judge_changes),
            alarms=_budget(work.settings),
        ),
        notes=[*evidence.notes, *served_notes(measured.timed), *too_small(gathered), *notes, *left_out],
        judge_changes=measured.judge_changes,
        conversations=conversations,
    )


def _onset_in(gathered: GatheredRecords, subjects: Sequence[SliceMetric]) -> Callable[[Slice], Onset | None]:
    """Since when a slice of these records is worse."""
    times = np.array([np.nan if time is None else time for time in gathered.times], dtype=np.float64)
    by_name = {subject.name: subject for subject in subjects}
    return lambda item: find_onset(by_name[item.metric], gathered.members[item.trait, item.value], times)


def _conversations(
    work: Work, answers: int, by: Sequence[str], window: str, on: str | None, policies: Sequence[str]
) -> tuple[list[ConversationSummary], list[str]]:
    """The conversations of each policy, and a note where they are left out."""
    if answers > MOST_TURNS and work.settings.project.reward is not None:
        return [], [f"conversations are left out: {answers:,} answers are too many for a page"]
    whole, timed = (conversation_signals(work, by=by, window=one, on=on) for one in ("all", window))
    return conversations_of(whole, timed, policies), []


def _verdict(work: Work, on: str | None, *, complete: bool) -> tuple[dict[str, Any], list[str]]:
    """What gates and monitor say, as fields of a Report, and their notes."""
    check, watched = _check(work, on), watch(work)
    gates = [] if check is None else [gate.to_json() for gate in check.gates]
    alarms = watched.alarms if watched is not None else ()
    answer = "no gates" if check is None else check.verdict
    sentence = verdict_sentence(answer, gates, alarms, complete=complete, watched=watched is not None)
    notes = list(watched.notes) if watched is not None else []
    if check is not None:
        notes += [*([f"gates were asked of {check.on}"] if on is None else []), *check.notes]
    fields = {"verdict": answer, "complete": complete, "gates": gates, "alarms": alarms, "sentence": sentence.text, "tone": sentence.tone}
    return fields, notes


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


def _budget(settings: "Settings") -> str | None:
    alarms = settings.project.alarms
    return None if alarms is None else f"All charts together give about one false alarm in {alarms.false_alarm_every}."


def _choose_subject(changes: Sequence[ReportChange], summaries: Sequence[MetricSummary]) -> str | None:
    """Without a reward: the metric that got worst, else the first with a direction, else the first."""
    worse = [change.metric for change in changes if change.worse]
    directed = [summary.name for summary in summaries if summary.higher_is_better is not None and summary.estimate.mean is not None]
    return next(iter([*worse, *directed, *(summary.name for summary in summaries)]), None)


def _moment(microseconds: int | None) -> datetime | None:
    return None if microseconds is None else datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)


def _check(work: Work, on: str | None) -> "Check | None":
    from judgecli.pipeline.check import check_gates

    return check_gates(work, on=on) if work.settings.project.gates else None


def _partial(summary: MetricSummary) -> str:
    lacking = [f"{reason} {count:,}" for reason, count in summary.unscored.items() if reason not in ("not_applicable", "not_sampled")]
    lacking += [f"pending {summary.pending:,}"] if summary.pending else []
    return f"{summary.name}: {summary.scored:,} of {summary.cells:,} scored ({', '.join(lacking)})"


def _distribution(summary: MetricSummary, gathered: GatheredRecords) -> Distribution:
    if summary.kind == "category":
        return Distribution(summary.name, summary.scored, categories=dict(summary.categories))
    return distribution(summary.name, gathered.values[summary.name])


def _measure(info: MetricInfo, settings: "Settings") -> MeasureText:
    entry = next((entry for entry in settings.scorers if entry.name == info.name), None)
    target = entry.target if entry else info.name
    setting = ", ".join(f"{name}={value!r}" for name, value in (entry.options if entry else {}).items())
    try:
        definition = catalog.describe(target).definition
    except UnknownName:
        kinds = {"reward": "The reward of judge.yaml.", "score": "A score that the log already held."}
        definition = kinds.get(info.name.partition(".")[0], f"Defined by {target}; judge.yaml does not name a scorer of the library for it.")
    alias = f"{target}: " if target != info.name else ""
    return MeasureText(
        info.name,
        info.identity,
        info.version,
        kind=info.kind,
        range=info.range,
        higher_is_better=info.higher_is_better,
        definition=definition,
        setting=alias + setting if setting else target,
    )
