"""judge rubric audit: probes made of the records of a log, put to a judge, and what they say about it."""

import asyncio
import contextlib
import hashlib
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib import resources
from statistics import fmean
from typing import TYPE_CHECKING

from judgecli import catalog
from judgecli.engine.columns import needed_columns, read_columns
from judgecli.engine.remote import gather_scores, run_async
from judgecli.errors import UnknownName, UsageError
from judgecli.evidence.reading import read_scope
from judgecli.evidence.scorers import check_columns
from judgecli.evidence.work import Work
from judgecli.judge.audit import family_of, scale_share
from judgecli.judge.probes import Attack, Probe, make_probes, read_attacks
from judgecli.judge.request import Ask, Reply, Request, Row
from judgecli.judge.sentinels import can_carry
from judgecli.pipeline.asking import Budget, Counts, LedgerAsk
from judgecli.pipeline.judging import JudgePlan
from judgecli.pipeline.rubrics import JudgeEntry, endpoint_of, plan_judges, read_rubrics
from judgecli.pipeline.sentinels import ask_sentinels
from judgecli.pipeline.sheets import rows_of_scope
from judgecli.progress import Progress
from judgecli.readers.redact import Redactor, redactor
from judgecli.scorer import Score
from judgecli.store import tables
from judgecli.store.folder import Store
from judgecli.store.labels import read_thumbs
from judgecli.store.live_replies import Replies
from judgecli.store.query import held_metrics
from judgecli.store.scope import Scope

if TYPE_CHECKING:
    from judgecli.judge.audit import Finding
    from judgecli.pipeline.sentinels import SentinelReport

RECORDS = 100
REPEATS = 3
SENTINELS = 60
LABEL_KINDS = ("human", "user")


@dataclass(frozen=True)
class AuditPlan:
    """What an audit asks: how many records it looks at, how often it asks each again, how many sentinels it puts in."""

    records: int = RECORDS
    repeats: int = REPEATS
    sentinels: int = SENTINELS
    dry_run: bool = False


def load_attacks() -> list[Attack]:
    """The attacks that ship with the package."""
    from judgecli.config.document import read_document

    source = resources.files("judgecli.judge").joinpath("attacks.yaml")
    return read_attacks(read_document(source.read_bytes(), file="attacks.yaml").data)


def audit_rubric(name: str, logs: Sequence[str], *, work: Work, plan: AuditPlan, progress: Progress, ask: Ask | None = None) -> dict[str, object]:
    """Findings about the judge of one rubric on records of these logs. `ask` is asked in place of an endpoint.

    Replies are kept and never asked for twice, sentinels aside; no score is stored.
    Raises: UsageError, MissingColumn, LogError, NoRecords, JudgeUnavailable.
    """
    entry = read_rubrics([catalog.parse_spec(f"rubric:{name}")], work.settings, against="reference")[0]
    if entry.judge.rubric.scale.kind == "listwise":
        raise UsageError(
            f"'{entry.judge.rubric.name}' compares lists, of which a log has none to probe with", hint="audit a rubric that judges one answer, or 'preference'"
        )
    scope = read_scope(work, logs, progress=progress)
    check_columns(scope, [entry.metric])
    rows = _read_rows(work.store, scope, entry, plan.records)
    probes = list(make_probes(entry.judge.rubric, rows, load_attacks(), repeats=plan.repeats))
    document = _describe(entry, rows, probes, plan)
    if plan.dry_run:
        return document
    run_id = work.store.ledger.start_run(command=shlex.join(sys.argv), logs=logs, now=datetime.now(UTC).isoformat(timespec="microseconds"))
    progress.phase("auditing", len(probes))
    asked = plan_judges([entry], work.store.ledger, ask=ask)[0]
    budget = Budget(work.settings.judge.max_calls, work.settings.judge.max_cost)
    return document | run_async(
        _Audit(work.store, asked, entry, budget=budget, run_id=run_id, progress=progress, redact=redactor(work.settings.redact)).run(
            rows, probes, plan.sentinels
        )
    )


def _describe(entry: JudgeEntry, rows: Sequence[Row], probes: Sequence[Probe], plan: AuditPlan) -> dict[str, object]:
    calls = (len(probes) + plan.sentinels * can_carry(entry.judge.rubric)) * entry.judge.calls_per_record()
    return {"rubric": entry.judge.rubric.name, "models": list(entry.judge.models), "records": len(rows), "probes": len(probes), "calls_at_most": calls}


class _Audit:
    """The asking of one audit."""

    def __init__(
        self, store: Store, plan: JudgePlan, entry: JudgeEntry, budget: Budget, run_id: int, progress: Progress, redact: Redactor | None = None
    ) -> None:
        self.redact = redact
        self.store = store
        self.plan = plan
        self.entry = entry
        self.budgets = (budget, plan.budget)
        self.run_id = run_id
        self.progress = progress
        self.counts = Counts()

    async def run(self, rows: Sequence[Row], probes: Sequence[Probe], sentinels: int) -> dict[str, object]:
        """Ask everything, then say what it means. Raises: JudgeUnavailable."""
        endpoint = endpoint_of(self.plan)
        async with Replies(self.store.ledger.path) as replies, endpoint.open() as send:
            slots = asyncio.Semaphore(endpoint.concurrency)
            identity = self.plan.metric.identity
            self.through = LedgerAsk(
                replies=replies,
                rubric=identity,
                send=send,
                price=self.plan.price,
                budgets=self.budgets,
                slots=slots,
                counts=self.counts,
                run_id=self.run_id,
                purpose="audit",
                redact=self.redact,
            )
            scores = await gather_scores(self._score(probe) for probe in probes)
            report = None
            if sentinels and can_carry(self.entry.judge.rubric):
                columns = [{name: value for name, value in row.items() if name not in ("model", "label", "others")} for row in rows]
                report = await ask_sentinels(self.entry.judge.rubric, columns, sentinels, self._sentinel)
        return self._document(rows, list(zip(probes, scores, strict=True)), report)

    async def _score(self, probe: Probe) -> Score:
        ask = self.through.for_row(b"")
        score = await self.plan.score(probe.row, with_draw(ask, probe.draw))
        self.progress.advance(0, 1)
        return ask.settle(score)

    async def _sentinel(self, row: Row) -> Score:
        ask = self.through.for_row(b"")
        return ask.settle(await self.plan.score(row, ask))

    def _document(self, rows: Sequence[Row], judged: Sequence[tuple[Probe, Score]], report: "SentinelReport | None") -> dict[str, object]:
        from judgecli.judge.audit import audit, rate

        findings: list[Finding] = audit(self.entry.judge.rubric, self.entry.judge.models, rows, judged)
        if report is not None:
            families = {**report.kinds, "all": (report.passed, report.asked)}
            findings += [rate("sentinel", kind, passed, asked, "worthless answers that got a good score") for kind, (passed, asked) in families.items()]
        waiting = [score.reason for _, score in judged if score.reason in ("budget", "timeout", "rate_limited", "connection", "not_asked", "auth", "cancelled")]
        reasons = {reason: sum(score.reason == reason for _, score in judged) for reason in sorted({score.reason for _, score in judged if score.reason})}
        return {
            "findings": [finding.to_json() for finding in findings],
            "defects": [" ".join(filter(None, (finding.name, finding.kind))) for finding in findings if finding.defect],
            "unscored": reasons,
            "complete": not waiting,
            "judge": {"calls": self.counts.calls, "cached": self.counts.cached, "cost_usd": None if self.counts.unpriced else round(self.counts.cost_usd, 9)},
        }


def with_draw(ask: Ask, draw: int) -> Ask:
    """The same questions asked once more: under another key, so that the ledger keeps both replies."""
    if draw == 0:
        return ask

    async def again(request: Request) -> Reply:
        key = hashlib.blake2b(request.key + draw.to_bytes(4, "big"), digest_size=32).digest()
        return await ask(replace(request, draw=request.draw + draw, key=key))

    return again


def _by_others(store: Store, shard: str, entry: JudgeEntry) -> dict[bytes, float]:
    """Record -> what judges of other families said of it under this rubric, the mean of their places on the scale."""
    own = {family_of(model) for model in entry.judge.models}
    found: dict[bytes, list[float]] = {}
    for (name, identity), (path, _) in held_metrics(store.root, shard).items():
        if name != entry.metric.name or identity == entry.metric.identity:
            continue
        scores = tables.read_parquet(path)
        if f"{name}.served_model" not in scores.column_names:
            continue
        keys = tables.read_parquet(store.records_path(shard), ["key"]).column("key").to_pylist()
        for key, value, served in zip(keys, scores.column(name).to_pylist(), scores.column(f"{name}.served_model").to_pylist(), strict=True):
            families = {family_of(model) for model in str(served or "").split(", ")}
            share = scale_share(entry.judge.rubric, Score(value=value)) if isinstance(value, float) and families.isdisjoint({*own, None}) else None
            if share is not None:
                found.setdefault(key, []).append(share)
    return {key: fmean(shares) for key, shares in found.items()}


def _read_rows(store: Store, scope: Scope, entry: JudgeEntry, count: int) -> list[Row]:
    """`count` records of a scope, the same in every audit: those with the smallest keys that hold what the metric needs."""
    metric = entry.metric
    labels: dict[bytes, bool] = {}
    with contextlib.suppress(UsageError, UnknownName):  # several kinds of labels: none is taken for praise
        labels = {key: said[-1][1] for key, said in read_thumbs(store, LABEL_KINDS).of.items()}
    required = [column.name for column in metric.scorer.columns if column.required]
    found: list[tuple[bytes, Row]] = []
    for shard in scope.shards:
        wanted = sorted({*needed_columns([metric]), "key", "file_id", "model"})
        records = tables.read_parquet(store.records_path(shard.name), wanted).combine_chunks()
        own = rows_of_scope(records, scope)
        columns = {name: array.to_pylist() for name, array in read_columns(records, metric.scorer).items()}
        others = _by_others(store, shard.name, entry)
        keys, models = records.column("key").to_pylist(), records.column("model").to_pylist()
        for place, key in enumerate(keys):
            row = {name: values[place] for name, values in columns.items()}
            if own[place] and all(row[name] not in (None, "") for name in required):
                found.append((key, {**row, "model": models[place], "label": labels.get(key), "others": others.get(key)}))
        found = sorted(found, key=lambda pair: pair[0])[:count]
    return [row for _, row in found]
