"""The gates of judge.yaml, asked of the records of a store."""

import dataclasses
import json
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from judgecli.config.document import near_hint
from judgecli.errors import ConfigError, UsageError
from judgecli.evidence.corrected import correct_whole
from judgecli.evidence.rewarded import select_rewarded
from judgecli.evidence.work import Work
from judgecli.pipeline.not_worse import Try, ask_not_worse, settle_tries
from judgecli.schema import REASONS, STORED
from judgecli.signal.gate.corrected import judge_corrected
from judgecli.signal.gate.verdict import Check, CountAs, GateEvidence, GateQuestion, GateResult, judge_measured, judge_threshold, weigh
from judgecli.signal.summary import Reduced, summarise
from judgecli.store.filters import compile_filter, mask_of
from judgecli.store.folder import Shard
from judgecli.store.query import Reduction, cluster_column
from judgecli.store.selection import Selection, newest_time, unread_of
from judgecli.store.tables import MetricInfo

if TYPE_CHECKING:
    from judgecli.config.project import Gate
    from judgecli.config.settings import Settings

EXAMPLE = "write one into judge.yaml, for example  gates: [{metric: refusal, at_most: 0.05}]"
MISSING = [reason for reason, kind in REASONS.items() if kind != "design"]
CELLS = pa.schema([("cluster", pa.int64()), ("value", pa.float64()), ("missing", pa.bool_())])  # missing: failed, or waiting
NOTHING = Reduced(np.empty(0), np.empty(0), 0.0, smallest=None, median=None, largest=None, scored=0, reasons={}, categories={})
UNMEASURED = MetricInfo("", "", "number", (None, None), None, 0)  # what is known of a metric that no record has


def check_gates(work: Work, *, on: str | None = None, inconclusive: CountAs | None = None) -> Check:
    """Ask every gate of judge.yaml of the records of `on`: run:last unless named, run:ID, or a filter.

    A gate judges the newest identity of its metric; records without it are not asked yet, so they are
    missing. Every check has a measured bar over what its gates ask about: a `measured` gate, or
    without one `settings.measured`.
    Raises: UsageError (no gates, an unusable filter), ConfigError (a gate that cannot be asked), StoreError.
    """
    gates = work.settings.project.gates
    if not gates:
        raise UsageError(f"there are no gates in {work.settings.config or 'judge.yaml'}, so there is nothing to check", hint=EXAMPLE)
    answer = work.once(("gates", on or "run:last"), lambda: _answered(work, on or "run:last"))
    return dataclasses.replace(answer, inconclusive=inconclusive)


def _answered(work: Work, on: str) -> Check:
    court = _Court(work, _select(work, on))
    results = court.ask(work.settings.project.gates)
    return Check(_distinct(results), court.selection.on, court.records, None, tuple(court.notes), unread_of(work.store, on))


def _select(work: Work, on: str) -> Selection:
    """The records of `on`, with the reward of judge.yaml where a gate asks about it."""
    reward = work.settings.project.reward
    if reward is None or not any(gate.reward == reward.name or gate.metric == f"reward.{reward.name}" for gate in work.settings.project.gates):
        return work.select(on)
    return select_rewarded(work, on)


class _Court:
    """The evidence of one check, each piece gathered once."""

    def __init__(self, work: Work, selection: Selection) -> None:
        self.work, self.store, self.settings = work, work.store, work.settings
        self.selection = selection
        self.notes: list[str] = []
        if selection.where is not None:
            mask_of(STORED.empty_table(), selection.where)  # is it a condition at all?
        cluster_column(work.settings.cluster)  # is it one at all?
        self.records = self._cells(selection.scope.shards, selection.where).num_rows
        self._evidence: dict[tuple[str, str | None], GateEvidence] = {}

    def ask(self, gates: "Sequence[Gate]") -> list[GateResult]:
        """The answers in the order of judge.yaml; the implicit measured bar last, where no gate sets one for all."""
        answers: dict[int, GateResult] = {}
        asked: dict[tuple[str, str | None], GateEvidence] = {}
        tries: dict[int, Try] = {}
        for position, gate in enumerate(gates):
            if gate.not_worse_than is not None:
                metric = _metric(gate)
                asked[metric, gate.where] = evidence = self._find(position, metric, gate.where)
                tries[position] = self._not_worse(position, gate, evidence)
                answers[position] = tries[position].result
            elif gate.measured is None:
                question = _question(gate)
                asked[question.metric, gate.where] = evidence = self._find(position, question.metric, gate.where)
                self._check_threshold(position, question)
                answers[position] = self._corrected(position, question, evidence) if gate.corrected else judge_threshold(question, evidence)
        for position, gate in enumerate(gates):
            if gate.measured is not None:
                answers[position] = self._measured(position, gate, asked)
        found, notes = settle_tries(self.store, [answers[position] for position in sorted(answers)], tries)
        self.notes += notes
        if not any(gate.measured is not None and gate.where is None for gate in gates):
            bar = self.settings.measured
            found.append(judge_measured(f"measured at least {100 * bar:g} %", bar, _named(asked), implicit=True))
        return found

    def _not_worse(self, position: int, gate: "Gate", evidence: GateEvidence) -> Try:
        """A gate with a baseline, asked of the records of the check, or of its slice."""
        selection = dataclasses.replace(self.selection, where=self._condition(position, gate.where))
        margin = "" if gate.margin is None else f" by more than {gate.margin:g}"
        name = gate.name or f"{_metric(gate)} not worse than {gate.not_worse_than}{margin}{_suffix(gate.where)}"
        return ask_not_worse(self.work, selection, gate, name, evidence, partial(_refused, self.settings, position))

    def _corrected(self, position: int, question: GateQuestion, evidence: GateEvidence) -> GateResult:
        """A gate on the mean as people's labels correct it. Raises: ConfigError where judge.yaml does not align the metric."""
        metric = question.metric
        if metric not in self.settings.project.align:
            hint = f"say which labels: align: {{{metric}: {{label: NAME}}}}; or leave corrected out"
            raise _refused(self.settings, position, f"judge.yaml aligns no labels with '{metric}', so its mean cannot be corrected", hint)
        if not evidence.summary.scored:
            return judge_corrected(question, evidence, "nothing was scored", (None, None))
        info = self.selection.metrics[metric][0]
        selection = dataclasses.replace(self.selection, where=self._condition(position, question.where))
        found = correct_whole(self.work, selection, info)
        if not isinstance(found.sample, str) and found.sample.mean is not None:
            self.notes.append(f"the corrected mean of '{metric}' is right where {found.sample.assumed}")
        return judge_corrected(question, evidence, found.sample, info.range, by_errors=found.by_errors)

    def _measured(self, position: int, gate: "Gate", asked: dict[tuple[str, str | None], GateEvidence]) -> GateResult:
        """A measured gate is about what the others ask; alone, about all that is measured."""
        bar = _share(gate.measured)
        name = gate.name or f"measured at least {100 * bar:g} %{_suffix(gate.where)}"
        metrics = list(dict.fromkeys(metric for metric, _ in asked)) or self._all_metrics()
        found = asked if gate.where is None else {}
        found = found or {(metric, gate.where): self._find(position, metric, gate.where) for metric in metrics}
        return judge_measured(name, bar, _named(found), where=gate.where)

    def _all_metrics(self) -> list[str]:
        return [entry.name for entry in self.settings.scorers] or list(self.selection.metrics)

    def _find(self, position: int, metric: str, where: str | None) -> GateEvidence:
        if (metric, where) not in self._evidence:
            self._evidence[metric, where] = self._gather(position, metric, where)
        return self._evidence[metric, where]

    def _gather(self, position: int, metric: str, where: str | None) -> GateEvidence:
        info = self._info(position, metric)
        condition = self._condition(position, where)
        held = self.selection.shards_of.get((info.name, info.identity), ())
        names = {shard.name for shard in held}
        unasked = self._cells([shard for shard in self.selection.scope.shards if shard.name not in names], condition)
        if not held:
            return _weigh(info, NOTHING, unasked)
        with self._reduction(held, condition, [(info.name, info.identity)]) as reduction:
            reduced = reduction.reduce(metric)
            if info.kind == "category":
                raise _refused(self.settings, position, f"'{metric}' is a category, which has no mean", "ask about a rate or a number")
        asked = self._cells(held, condition, (info.name, info.identity))
        return _weigh(info, reduced, pa.concat_tables([asked, unasked]))

    def _info(self, position: int, metric: str) -> MetricInfo:
        """The newest identity of a metric; of one that these records do not have, that nothing is known. Raises: ConfigError."""
        found = self.selection.metrics.get(metric)
        if found is None:
            known = self._known_metrics()
            if metric not in known:
                raise _refused(self.settings, position, f"there is no metric '{metric}' in this store", near_hint(metric, sorted(known)))
            self.notes.append(f"'{metric}' was not scored for any of these records")
            return dataclasses.replace(UNMEASURED, name=metric)
        if len(found) > 1:
            self.notes.append(f"'{metric}' was measured in {len(found)} ways on these records; only the newest ({found[0].identity}) is asked about")
        return found[0]

    def _known_metrics(self) -> set[str]:
        known = {*self.selection.metrics, *(entry.name for entry in self.settings.scorers)}
        for row in self.store.ledger.rows("SELECT metrics FROM runs WHERE finished IS NOT NULL"):
            known |= set(json.loads(row["metrics"]))
        reward = self.settings.project.reward
        return known | ({f"reward.{reward.name}"} if reward else set())

    def _condition(self, position: int, where: str | None) -> str | None:
        """The selection's own condition and the gate's, as checked SQL. Raises: ConfigError."""
        own = self.selection.where
        if where is None:
            return own
        try:
            compiled = compile_filter(where, newest=newest_time(self.store, self.selection.scope.shards))
            mask_of(STORED.empty_table(), compiled)
        except UsageError as error:
            raise _refused(self.settings, position, str(error), error.hint) from error
        return compiled if own is None else f"({own}) AND ({compiled})"

    def _reduction(self, shards: Sequence[Shard], condition: str | None, metrics: Sequence[tuple[str, str]] = ()) -> Reduction:
        return Reduction(self.store, dataclasses.replace(self.selection.scope, shards=tuple(shards)), metrics, where=condition, cluster=self.settings.cluster)

    def _cells(self, shards: Sequence[Shard], condition: str | None, metric: tuple[str, str] | None = None) -> pa.Table:
        """The records of some shards as cells of a metric (CELLS); without one, as cells that nobody asked for."""
        with self._reduction(shards, condition, [metric] if metric else []) as reduction:
            batches = reduction.records(["cluster_hash"], [metric[0]] if metric else [])
            return pa.concat_tables([CELLS.empty_table(), *(_cells(batch, metric[0] if metric else None) for batch in batches)])

    def _check_threshold(self, position: int, question: GateQuestion) -> None:
        """A threshold beyond the scale is a slip, not a question. Raises: ConfigError."""
        found = self.selection.metrics.get(question.metric)
        low, high = found[0].range if found else (None, None)
        if (low is not None and question.threshold < low) or (high is not None and question.threshold > high):
            scale = f"{'…' if low is None else f'{low:g}'} to {'…' if high is None else f'{high:g}'}"
            raise _refused(
                self.settings, position, f"{question.threshold:g} is outside the scale of '{question.metric}' ({scale})", "give a threshold within it"
            )


def _weigh(info: MetricInfo, reduced: Reduced, cells: pa.Table) -> GateEvidence:
    """The summary with the records that were never asked counted as such, and what each cluster holds."""
    clusters, cluster = np.unique(cells.column("cluster").to_numpy(), return_inverse=True)
    values, missing = cells.column("value").to_numpy(), cells.column("missing").to_numpy()
    order = np.lexsort((values, cluster))  # sums that do not depend on how shards were cut
    scored = np.isfinite(values)
    with np.errstate(over="ignore"):
        sums = np.bincount(cluster[order], np.where(scored, values, 0.0)[order], len(clusters)).astype(np.float64)
    counts, lost = (np.bincount(cluster, which, len(clusters)).astype(np.float64) for which in (scored, missing))
    reasons = dict(reduced.reasons)
    pending = cells.num_rows - reduced.scored - sum(reasons.values())
    if pending:
        reasons["not_asked"] = reasons.get("not_asked", 0) + pending
    whole = dataclasses.replace(reduced, reasons=reasons)
    summary = summarise(info.name, info.identity, kind=info.kind, scale=info.range, higher_is_better=info.higher_is_better, reduced=whole)
    if pending < 0 or counts.sum() != summary.scored or lost.sum() != summary.failed + summary.pending:
        raise AssertionError(f"{info.name}: clusters hold {counts.sum():g} and {lost.sum():g} cells, the summary {summary.scored} and other ones")
    return weigh(summary, info.range, sums=sums, counts=counts, missing=lost, dead_endpoint=_is_dead(reasons, reduced.scored))


def _is_dead(reasons: dict[str, int], scored: int) -> bool:
    """Whether no call could work: the endpoint refused the key, or nobody ever answered."""
    failed = {reason for reason, count in reasons.items() if count and REASONS[reason] == "failed"}
    return bool(reasons.get("auth")) or (not scored and failed == {"connection"})


def _cells(batch: pa.Table, metric: str | None) -> pa.Table:
    """One batch of records as CELLS."""
    labels = batch.column("cluster_hash")
    if metric is None:
        return pa.table([labels, pa.nulls(len(batch), pa.float64()), pa.array(np.ones(len(batch), bool))], schema=CELLS)
    lost = pc.is_in(batch.column(f"{metric}.reason").cast(pa.string()), value_set=pa.array(MISSING))
    return pa.table([labels, batch.column(metric), lost], schema=CELLS)


def _metric(gate: "Gate") -> str:
    return f"reward.{gate.reward}" if gate.reward is not None else str(gate.metric)


def _question(gate: "Gate") -> GateQuestion:
    metric = _metric(gate)
    words = f"at least {gate.at_least:g}" if gate.at_least is not None else f"at most {gate.at_most:g}"
    return GateQuestion(
        gate.name or f"{'corrected ' if gate.corrected else ''}{metric} {words}{_suffix(gate.where)}", metric, gate.at_least, gate.at_most, gate.where
    )


def _suffix(where: str | None) -> str:
    return "" if where is None else f" [{where}]"


def _named(found: dict[tuple[str, str | None], GateEvidence]) -> list[tuple[str, GateEvidence]]:
    return [(f"{metric}{_suffix(where)}", evidence) for (metric, where), evidence in found.items()]


def _share(measured: str | float | None) -> float:
    """`>= 98%` or 0.98 as a share from 0 to 1."""
    if isinstance(measured, str):
        return float(measured.removeprefix(">=").strip().removesuffix("%")) / 100
    return float(measured or 0)


def _distinct(results: Sequence[GateResult]) -> list[GateResult]:
    """The results under names of their own: readers of JUnit files drop the second of two that are called alike."""
    taken: set[str] = set()
    named = []
    for result in results:
        name, number = result.gate, 2
        while name in taken:
            name, number = f"{result.gate} ({number})", number + 1
        taken.add(name)
        named.append(dataclasses.replace(result, gate=name))
    return named


def _refused(settings: "Settings", position: int, message: str, hint: str) -> ConfigError:
    """A gate that cannot be asked, with its place in judge.yaml."""
    named = settings.project.gates[position].name
    text = f"'{named}': {message}" if named else message
    place = f"gates[{position}]"
    return ConfigError(f"{place}: {text}", where=settings.where(place), hint=hint)
