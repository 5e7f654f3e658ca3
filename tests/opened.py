"""The verbs as tests call them: on settings, each with a project opened for it alone."""

import functools
from collections.abc import Callable
from typing import Any

from judgecli.config.settings import Settings
from judgecli.evidence import labelled
from judgecli.evidence.work import open_work
from judgecli.pipeline import (
    alarms,
    align,
    allocate,
    anchors,
    baseline,
    check,
    compare,
    drift,
    estimating,
    export,
    label,
    replies,
    report,
    rm_train,
    rubric,
    rubric_audit,
    run,
    score,
    signals,
    upkeep,
)


def opened(verb: Callable[..., Any]) -> Callable[..., Any]:
    """The verb with `settings` in place of an open project: the first of the arguments that are settings."""

    @functools.wraps(verb)
    def on_settings(*args: Any, **given: Any) -> Any:
        (settings,) = [item for item in (*args, *given.values()) if isinstance(item, Settings)]
        with open_work(settings, create=verb.__name__ in CREATING) as work:
            named = {"work" if name == "settings" else name: work if item is settings else item for name, item in given.items()}
            return verb(*(work if item is settings else item for item in args), **named)

    return on_settings


CREATING = ("score_logs", "run_loop", "estimate_logs", "audit_rubric", "try_rubric", "rejudge_anchors", "import_replies", "reparse_replies")
read_labelled = opened(labelled.read_labelled)
close = opened(alarms.close)
listed = opened(alarms.listed)
standing_alarms = opened(alarms.standing_alarms)
watch = opened(alarms.watch)
align_metric = opened(align.align_metric)
allocate_traffic = opened(allocate.allocate_traffic)
create_anchors = opened(anchors.create_anchors)
rejudge_anchors = opened(anchors.rejudge_anchors)
approve_baseline = opened(baseline.approve_baseline)
check_gates = opened(check.check_gates)
compare_parts = opened(compare.compare_parts)
find_drift = opened(drift.find_drift)
estimate_logs = opened(estimating.estimate_logs)
export_feedback = opened(export.export_feedback)
import_labels = opened(label.import_labels)
export_replies = opened(replies.export_replies)
import_replies = opened(replies.import_replies)
build_report = opened(report.build_report)
train_linear = opened(rm_train.train_linear)
read = opened(rm_train.read)
try_rubric = opened(rubric.try_rubric)
audit_rubric = opened(rubric_audit.audit_rubric)
run_loop = opened(run.run_loop)
score_logs = opened(score.score_logs)
compute_signals = opened(signals.compute_signals)
store_compact = opened(upkeep.store_compact)
