"""A report cut down to what a page can hold: windows first, then policies, charts, metrics, examples. What is left out is said."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from judgecli.renderers.alarms import sort_alarms
from judgecli.report import Report, Series


@dataclass(frozen=True)
class SizeLimits:
    """How many of each a page shows at most."""

    windows: int
    policies: int
    charts: int
    metrics: int
    examples: int
    lines: int  # of headline, notes, gates and what is partial, each


LEVELS = (
    SizeLimits(400, 12, 40, 200, 5, 100),
    SizeLimits(60, 12, 40, 200, 5, 100),
    SizeLimits(24, 12, 25, 100, 5, 60),
    SizeLimits(24, 6, 25, 100, 5, 40),
    SizeLimits(12, 6, 12, 60, 3, 20),
    SizeLimits(12, 3, 6, 30, 2, 12),
    SizeLimits(6, 2, 1, 12, 1, 8),
    SizeLimits(6, 2, 1, 6, 1, 4),
)


def fitted(report: Report, limits: SizeLimits) -> Report:
    """The report within these limits, with a note for everything that was left out. Partial metrics come first."""
    names = _metrics_kept(report, limits)
    drawn = set(_first([name for name in (report.subject, *names) if name in names], limits.charts))
    policies = list(report.policies[: limits.policies])
    series = [line for line in report.series if line.metric in drawn and line.policy in policies]
    told = [
        _note("windows of each line are drawn", max((len(line.points) for line in series), default=0), limits.windows),
        _note("policies are drawn", len(report.policies), limits.policies),
        _note("metrics are drawn", len(names), limits.charts),
        _note("metrics are shown", len(report.metrics), len(names)),
        _note("notes are shown", len(report.notes), limits.lines),
        _note("sentences are shown", len(report.headline), limits.lines),
        _note("gates are shown", len(report.gates), limits.lines),
        _note("changes of a judge are shown", len(report.judge_changes), limits.lines),
        _note("alarms are shown", len(report.alarms), limits.lines),
        _note("partial metrics are listed", len(report.partial), limits.lines),
    ]
    left_out = [note for note in told if note]
    return replace(
        report,
        headline=report.headline[: limits.lines],
        partial=report.partial[: limits.lines],
        gates=report.gates[: limits.lines],
        alarms=sort_alarms(report.alarms)[: limits.lines],
        metrics=[summary for summary in report.metrics if summary.name in names],
        measures=[item for item in report.measures if item.name in names],
        changes=[item for item in report.changes if item.metric in names],
        slices=[item for item in report.slices if item.metric in names],
        conversations=[item for item in report.conversations if item.policy in policies][: limits.lines],
        judge_changes=report.judge_changes[: limits.lines],
        policies=policies,
        series=[_thinned(line, limits.windows) for line in series],
        standings=[item for item in report.standings if item.metric in drawn and item.policy in policies],
        distributions=[item for item in report.distributions if item.metric in drawn],
        contrasts=report.contrasts[: limits.examples],
        quarantine=dict(list(report.quarantine.items())[: limits.lines]),
        methods=report.methods[: max(limits.lines, 8)],
        worst=report.worst[: limits.examples],
        best=report.best[: limits.examples],
        notes=[*report.notes[: limits.lines], *([f"to keep the page small, {', '.join(left_out)}; the JSON report has everything"] if left_out else [])],
    )


def _metrics_kept(report: Report, limits: SizeLimits) -> set[str]:
    """The subject, then what is partial, then what changed, then the rest."""
    partial = [summary.name for summary in report.metrics if summary.coverage not in (None, 1.0)]
    order = [
        report.subject,
        *partial[: limits.metrics // 2],
        *(item.metric for item in report.changes[: limits.metrics]),
        *(summary.name for summary in report.metrics),
    ]
    known = {summary.name for summary in report.metrics}
    return set(_first([name for name in order if name is not None and name in known], limits.metrics))


def _first(names: Sequence[str], most: int) -> list[str]:
    return list(dict.fromkeys(names))[:most]


def _thinned(line: Series, most: int) -> Series:
    """Every so many windows, each as it was: intervals of merged windows cannot be had from the windows' own."""
    step = -(-len(line.points) // most)
    return line if step <= 1 else replace(line, points=line.points[::step])


def _note(what: str, there: int, most: int) -> str:
    return f"{most:,} of {there:,} {what}" if there > most else ""
