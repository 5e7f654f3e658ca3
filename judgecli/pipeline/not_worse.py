"""Gate, with a baseline: the candidate's scores paired with what was approved, and the tries kept in the ledger."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np

from judgecli.config.baseline import Baseline, BaselineMetric, read_baseline
from judgecli.errors import ConfigError, UsageError
from judgecli.pipeline.baselines import baseline_folder, evidence_of, stored_side
from judgecli.pipeline.linking import AnchorLinks
from judgecli.pipeline.pairing import usual_margin
from judgecli.pipeline.rewarding import directions
from judgecli.pipeline.sides import read_selection
from judgecli.pipeline.signals import ask
from judgecli.signal.compare import Subject
from judgecli.signal.gate import Evidence, GateResult
from judgecli.signal.linked import Judge, Link
from judgecli.signal.not_worse import Bar, claim_regressions, judge_not_worse, lucky_pass
from judgecli.signal.paired import gather_side, pair_sides
from judgecli.signal.served import NOT_ONE_MODEL, served_apart
from judgecli.store.attempts import Attempt, note_attempts
from judgecli.store.folder import Store
from judgecli.store.selection import Selection
from judgecli.store.windows_query import WindowReduction

if TYPE_CHECKING:
    from judgecli.config.project import Gate
    from judgecli.config.settings import Settings

Refuse = Callable[[str, str], ConfigError]
NOTHING = gather_side(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0), np.empty(0, bool))


@dataclass(frozen=True)
class Try:
    """The answer of one gate, and what the ledger keeps of it."""

    result: GateResult
    attempt: Attempt
    note: str | None = None


def ask_not_worse(store: Store, settings: "Settings", selection: Selection, gate: "Gate", name: str, evidence: Evidence, refuse: Refuse) -> Try:
    """Answer `not_worse_than` on the selected records. `evidence` is what is known of the metric there.

    Raises: ConfigError by `refuse`: no such baseline, a metric that it lacks, another identity, no direction, no margin.
    """
    metric = evidence.summary.name
    baseline, approved = _approved(settings, str(gate.not_worse_than), metric, refuse)
    candidate, identity, served, range_ = NOTHING, approved.identity, tuple(approved.served), (approved.range[0], approved.range[1])
    judges: dict[str, tuple[str, ...]] = {}
    if metric in selection.metrics:
        part = read_selection(store, settings, name, selection, [metric], newest=True)
        measured, judges = part.metrics.get(metric), part.judges
        if measured is not None:
            candidate, identity, served, range_ = measured.segments[()], measured.info.identity, measured.served, measured.info.range
    better = directions(settings, {metric: approved.higher_is_better})[metric]
    if better is None:
        raise refuse(
            f"nothing says which way is better for '{metric}'", "let a term of the reward say so (higher_is_better), or gate it with at_least or at_most"
        )
    scale = (approved.range[0], approved.range[1])
    before, after = Judge(approved.identity, tuple(approved.served)), Judge(identity, served)
    scales = {(metric, identity): (range_, better), (metric, approved.identity): (scale, better)}
    link = AnchorLinks(store, settings, scales)(metric, before, after) if before.differs(after) else None
    if isinstance(link, str) and identity != approved.identity:
        raise refuse(
            f"'{metric}' is measured in another way now ({identity}) than in baseline '{baseline.name}' ({approved.identity}): they cannot be compared; {link}",
            f"approve anew from records that are scored this way: judge baseline approve {baseline.name}; or score with what the baseline was scored with; "
            "or link two judges by frozen outputs that both rate: judge anchors create|rejudge",
        )
    held = link if isinstance(link, Link) else None
    margin = gate.margin if gate.margin is not None else usual_margin(scale)
    if margin is None:
        raise refuse(f"'{metric}' has an open scale, so 2 % of its range is no number", "give a margin, in units of the metric")
    bar = Bar(name, baseline.name, Subject(metric, identity, approved.kind, scale, better, margin), margin, settings.measured, gate.strict, gate.where)
    pairs = pair_sides(stored_side(settings, baseline, metric), candidate, absent_is_missing=gate.where is None)
    summary = evidence.summary
    result = judge_not_worse(bar, pairs, unscored=summary.unscored, pending=summary.pending, dead_endpoint=evidence.dead_endpoint, link=held)
    asked = f"{metric}{'' if gate.where is None else f' [{gate.where}]'}"
    return Try(
        result,
        Attempt(baseline.scores, asked, _candidate(store, settings, selection), evidence_of(pairs, identity), result.verdict),
        None if held is not None else _served_note(name, baseline, judges),
    )


def _served_note(gate: str, baseline: Baseline, judges: Mapping[str, Sequence[str]]) -> str | None:
    """That the scores of the metric, or of a term of the reward, are not all by one served model."""
    sides = {name: {f"baseline '{baseline.name}'": baseline.metrics[name].served, "now": now} for name, now in judges.items() if name in baseline.metrics}
    apart = {name: told for name, own in sides.items() if (told := served_apart(own)) is not None}
    said = "; ".join(f"{name} ({told})" for name, told in apart.items())
    return f"'{gate}': {NOT_ONE_MODEL}: {said}; so a difference may be the judge's; judge anchors can tell" if said else None


def _approved(settings: "Settings", name: str, metric: str, refuse: Refuse) -> tuple[Baseline, BaselineMetric]:
    """The baseline, if what tells prompts apart is still the same, and what it says of the metric."""
    try:
        baseline = read_baseline(baseline_folder(settings), name)
    except UsageError as error:
        raise refuse(str(error), error.hint) from error
    if baseline.pair != (settings.group or "input"):
        raise refuse(
            f"baseline '{name}' pairs prompts by {baseline.pair}, judge.yaml by {settings.group or 'input'}", f"approve anew: judge baseline approve {name}"
        )
    if metric not in baseline.metrics:
        raise refuse(f"baseline '{name}' has no '{metric}'", f"it has {', '.join(baseline.metrics)}; approve anew: judge baseline approve {name}")
    return baseline, baseline.metrics[metric]


def settle_tries(store: Store, results: Sequence[GateResult], tries: dict[int, Try]) -> tuple[list[GateResult], list[str]]:
    """The results with Holm's claims and how often this candidate was tried, and a note where that is more than once."""
    if not tries:
        return list(results), []
    counts = note_attempts(store.ledger, [one.attempt for one in tries.values()], now=datetime.now(UTC).isoformat(timespec="seconds"))
    found = claim_regressions(results)
    notes: list[str] = []
    for (place, one), count in zip(tries.items(), counts, strict=True):
        notes += [one.note] if one.note is not None else []
        found[place] = replace(found[place], tries=count, lucky_pass=lucky_pass(count))
        if count > 1:
            notes.append(
                f"'{found[place].gate}': try {count} of {one.attempt.candidate} against baseline '{found[place].baseline}'; "
                f"if each were worse by the margin, one of {count} would pass with a chance of up to {100 * lucky_pass(count):.2g} %"
            )
    return found, notes


def _candidate(store: Store, settings: "Settings", selection: Selection) -> str:
    """Who is tried: the policies of the selected records."""
    try:
        with WindowReduction(store, selection, [], ask(settings, settings.policy, "all")) as reduction:
            segments = [cell.segment for cell in reduction.cells().cells]
    except UsageError:  # more policies than a table may have segments
        return selection.on
    names = ["/".join(value for value in segment if value is not None) for segment in segments]
    return " + ".join(name for name in names if name) or selection.on
