"""Gate, with a baseline: the candidate's scores paired with what was approved, and the tries kept in the ledger."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypedDict

import numpy as np

from judgecli.config.baseline import Baseline, BaselineMetric, read_baseline
from judgecli.errors import ConfigError, UsageError
from judgecli.evidence.links import AnchorLinks
from judgecli.evidence.rewarded import directions
from judgecli.evidence.sides import read_selection
from judgecli.evidence.windows import ask
from judgecli.evidence.work import Work
from judgecli.pipeline.baseline import StoredBaseline, baseline_folder, evidence_of, stored_scores
from judgecli.pipeline.compare import usual_margin
from judgecli.signal.compare.paired import Pairs, pair_sides
from judgecli.signal.compare.parts import Parts, gather_parts, side_of
from judgecli.signal.compare.rows import ComparedMetric
from judgecli.signal.gate.not_worse import Bar, claim_regressions, judge_not_worse, lucky_pass, without_own
from judgecli.signal.gate.unpaired import Apart, judge_apart, prompts_in_common
from judgecli.signal.gate.verdict import GateEvidence, GateResult
from judgecli.signal.linked import Link, ServedJudge
from judgecli.signal.served import NOT_ONE_MODEL, served_apart
from judgecli.store.attempts import Attempt, note_attempts
from judgecli.store.folder import Store
from judgecli.store.selection import Selection
from judgecli.store.windows_query import WindowReduction

if TYPE_CHECKING:
    from judgecli.config.project import Gate
    from judgecli.config.settings import Settings

Refuse = Callable[[str, str], ConfigError]
NOTHING = gather_parts(np.empty(0, np.int64), np.empty(0, bool), np.empty(0, np.int64), np.empty(0), np.empty(0, bool))


@dataclass(frozen=True)
class Try:
    """The answer of one gate, and what the ledger keeps of it."""

    result: GateResult
    attempt: Attempt
    note: str | None = None


def ask_not_worse(work: Work, selection: Selection, gate: "Gate", name: str, evidence: GateEvidence, refuse: Refuse) -> Try:
    """Answer `not_worse_than` on the selected records. `evidence` is what is known of the metric there.

    Records that stand in the baseline are no candidate: they are left out and counted. Prompts are paired where enough are in common
    (`prompts_in_common`), or as the gate's `paired` says; else two means are compared.
    Raises: ConfigError by `refuse`: no such baseline, a metric that it lacks, another identity, no direction, no margin.
    """
    metric = evidence.summary.name
    baseline, approved = _approved(work.settings, str(gate.not_worse_than), metric, refuse)
    stored = stored_scores(work.settings, baseline, metric)
    candidate, judges = _candidate_of(work, selection, name, metric, approved, stored)
    better = directions(work.settings, {metric: approved.higher_is_better})[metric]
    if better is None:
        raise refuse(
            f"nothing says which way is better for '{metric}'", "let a term of the reward say so (higher_is_better), or gate it with at_least or at_most"
        )
    scale = (approved.range[0], approved.range[1])
    link = _link(work, metric, baseline, candidate, better, refuse)
    common, enough = prompts_in_common(stored.parts, candidate.parts)
    paired = (enough or not candidate.parts.records) if gate.paired is None else gate.paired
    margin = gate.margin if gate.margin is not None else usual_margin(scale)
    margin = margin if paired or gate.unpaired_margin is None else gate.unpaired_margin
    if margin is None:
        raise refuse(f"'{metric}' has an open scale, so 2 % of its range is no number", "give a margin, in units of the metric")
    if link is not None and not paired:
        raise refuse(
            f"another judge scored '{metric}' than in baseline '{baseline.name}', and they are linked on the same prompts only; {common:,} are in common",
            f"score with what the baseline was scored with, or approve anew: judge baseline approve {baseline.name}",
        )
    subject = ComparedMetric(metric, candidate.identity, approved.kind, scale, better, margin)
    bar = Bar(name, baseline.name, subject, margin=margin, measured=work.settings.measured, strict=gate.strict, where=gate.where)
    pairs = _pairs(stored.parts, candidate, sliced=gate.where is not None)
    why: Why = {"unscored": candidate.unscored, "pending": candidate.pending, "dead_endpoint": evidence.dead_endpoint}
    if paired:
        result = replace(judge_not_worse(bar, pairs, link=link, **why), paired=True, common=common)
    else:
        sides = Apart(stored.parts, candidate.parts, common, forced=gate.paired is False)
        result = judge_apart(bar, sides, left_out=candidate.left_out, **why)
    asked = f"{metric}{'' if gate.where is None else f' [{gate.where}]'}"
    shown = evidence_of(pairs.b if paired else candidate.parts, subject.identity)
    return Try(
        without_own(result, selection.on, candidate.left_out),
        Attempt(baseline.scores, asked, _policies_of(work, selection), shown, result.verdict),
        None if link is not None else _served_note(name, baseline, judges),
    )


class Why(TypedDict):
    """What else is known of the candidate's cells."""

    unscored: Mapping[str, int]
    pending: int
    dead_endpoint: bool


@dataclass(frozen=True)
class GateCandidate:
    """The records that are held against a baseline, and how many stand in it themselves (`left_prompts`: theirs)."""

    parts: Parts
    identity: str
    served: tuple[str, ...]
    scale: tuple[float | None, float | None]
    unscored: Mapping[str, int]
    pending: int
    left_out: int
    left_prompts: np.ndarray


def _candidate_of(
    work: Work, selection: Selection, name: str, metric: str, approved: BaselineMetric, stored: StoredBaseline
) -> tuple[GateCandidate, Mapping[str, Sequence[str]]]:
    """The candidate, and the models that judged it and the terms of its reward."""
    nobody = np.empty(0, np.int64)
    if metric in selection.metrics:
        part = read_selection(work, name, selection, [metric], newest=True, without=stored.keys)
        measured = part.metrics.get(metric)
        if measured is not None and measured.detail is not None:
            info, detail = measured.info, measured.detail
            found = GateCandidate(
                *(detail.parts, info.identity, measured.served, info.range, detail.unscored, measured.older),
                left_out=detail.left_out,
                left_prompts=detail.left_prompts,
            )
            return found, part.judges
    scale = (approved.range[0], approved.range[1])
    return GateCandidate(NOTHING, approved.identity, tuple(approved.served), scale, {}, 0, left_out=0, left_prompts=nobody), {}


def _link(work: Work, metric: str, baseline: Baseline, candidate: GateCandidate, better: bool, refuse: Refuse) -> Link | None:
    """How the candidate's judge is linked to the baseline's; None where it is the same. Raises: ConfigError by `refuse`."""
    approved = baseline.metrics[metric]
    before, after = ServedJudge(approved.identity, tuple(approved.served)), ServedJudge(candidate.identity, candidate.served)
    scales = {(metric, candidate.identity): (candidate.scale, better), (metric, approved.identity): ((approved.range[0], approved.range[1]), better)}
    link = AnchorLinks(work, scales)(metric, before, after) if before.differs(after) else None
    if isinstance(link, str) and candidate.identity != approved.identity:
        raise refuse(
            f"'{metric}' is measured in another way now ({candidate.identity}) than in baseline '{baseline.name}' ({approved.identity}): "
            f"they cannot be compared; {link}",
            f"approve anew from records that are scored this way: judge baseline approve {baseline.name}; or score with what the baseline was scored with; "
            "or link two judges by frozen outputs that both rate: judge anchors create|rejudge",
        )
    return link if isinstance(link, Link) else None


def _pairs(stored: Parts, candidate: GateCandidate, *, sliced: bool) -> Pairs:
    """The baseline's prompts with the candidate's: all must be asked again; of a slice those that its records, left out or not, were asked."""
    a, b = side_of(stored), side_of(candidate.parts)
    if not sliced or not len(candidate.left_prompts):
        return pair_sides(a, b, absent_is_missing=not sliced)
    asked = np.isin(stored.prompts, np.union1d(b.prompts, candidate.left_prompts))
    found = pair_sides(side_of(stored.taken(asked)), b, absent_is_missing=True)
    return replace(found, only_a=len(a.prompts) - len(found.a.prompts) - found.by_design)


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


def _policies_of(work: Work, selection: Selection) -> str:
    """Who is tried: the policies of the selected records."""
    try:
        with WindowReduction(work.store, selection, [], ask(work.settings, work.settings.policy, "all")) as reduction:
            segments = [cell.segment for cell in reduction.cells().cells]
    except UsageError:  # more policies than a table may have segments
        return selection.on
    names = ["/".join(value for value in segment if value is not None) for segment in segments]
    return " + ".join(name for name in names if name) or selection.on
