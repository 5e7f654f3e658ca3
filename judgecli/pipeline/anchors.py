"""Anchors: outputs frozen once, judged again in every window, so that a judge that moved is told from an app that did."""

import asyncio
import hashlib
import json
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from judgecli import catalog, outputs
from judgecli.config.anchors import AnchorSet, anchor_folder, anchor_paths, anchor_text, list_anchor_sets, read_anchor_set, read_outputs
from judgecli.config.reviewed import table_bytes
from judgecli.engine.columns import needed_columns, read_columns
from judgecli.engine.judging import RETRIED
from judgecli.engine.remote import gather_scores, run_async
from judgecli.errors import Incomplete, UnknownName, UsageError
from judgecli.evidence.scorers import choose_scorers
from judgecli.evidence.work import Work
from judgecli.judge.audit import scale_share
from judgecli.judge.request import Ask, Row
from judgecli.pipeline.asking import Budget, Counts, LedgerAsk
from judgecli.pipeline.rubric_audit import with_draw
from judgecli.pipeline.rubrics import JudgeEntry, is_rubric, plan_judges, read_rubrics
from judgecli.progress import Progress
from judgecli.readers.redact import redactor
from judgecli.scorer import Score
from judgecli.signal.anchors import ALPHA, FEW, SURE, anchor_shift, attribute, judge_alarms, moved_p
from judgecli.store import tables
from judgecli.store.anchors import JudgedAnchor, keep_anchors, kept_anchors
from judgecli.store.folder import Shard, Store
from judgecli.store.live_replies import Replies
from judgecli.store.query import Reduction
from judgecli.store.replies import import_replies, read_reply_file
from judgecli.store.selection import Selection
from judgecli.store.watching import kept_alarms

if TYPE_CHECKING:
    from judgecli.config.settings import Settings

STRATA = 10
DRAWS_A_WINDOW = 100

Judgement = tuple[Score, str | None]  # and the model that was served


@dataclass(frozen=True)
class AnchorPlan:
    """What `judge anchors create` freezes, and how often each output is judged at the founding."""

    metric: str
    count: int = 100
    repeats: int = 2
    on: str | None = None
    by: str = "unknown"
    dry_run: bool = False


@dataclass(frozen=True)
class RejudgePlan:
    """How a set is judged again: in which window (a date; today unless named), from which replies, whose change is asked about."""

    window: str | None = None
    replay: str | None = None
    live_change: float | None = None
    dry_run: bool = False


@dataclass
class _JudgedAnchors:
    """What was asked, and the scores in the order of the rows, repeat by repeat."""

    scores: list[list[Judgement]]
    counts: Counts
    run_id: int

    def spend(self) -> dict[str, object]:
        """For the `judge` shape."""
        cost = None if self.counts.unpriced else round(self.counts.cost_usd, 9)
        return {"calls": self.counts.calls, "cached": self.counts.cached, "cost_usd": cost}


def create_anchors(work: Work, name: str, plan: AnchorPlan, *, progress: Progress, ask: Ask | None = None) -> dict[str, object]:
    """Freeze outputs over the whole range of their scores, judge each `repeats` times, write anchors/NAME.yaml and NAME.parquet.

    The founding judgements are asked for anew: the scores that outputs were chosen by would make a judge seem to move towards
    the middle. Raises: UsageError (the set exists, no scores), Incomplete (judgements are missing), JudgeUnavailable, EnvironmentFailure.
    """
    folder = anchor_folder(work.settings)
    yaml_path, outputs_path = anchor_paths(folder, name)
    if yaml_path.exists() or outputs_path.exists():
        raise UsageError(f"the anchor set '{name}' exists: what was frozen stays as it is", hint="freeze a new one under another name")
    entry = _entry_of(plan.metric, work.settings)
    selection = work.select(plan.on)
    rows = _choose(work.store, selection, entry, plan.count)
    if plan.dry_run:
        return _dry(name, entry, len(rows), plan.repeats)
    found = _judge(work, entry, [row for _, row in rows], range(1, plan.repeats + 1), progress, ask)
    shares = [[scale_share(entry.judge.rubric, score) for score, _ in scores] for scores in found.scores]
    kept = [(key, row, [share for share in own if share is not None]) for (key, row), own in zip(rows, shares, strict=True) if None not in own]
    waiting = _reasons(found)
    if any(reason in RETRIED for reason in waiting) or len(kept) < 2:
        told = ", ".join(f"{reason} {count}" for reason, count in waiting.items())
        raise Incomplete(
            f"{len(kept)} of {len(rows)} outputs were judged {plan.repeats} times ({told or 'no score'})", hint="run it again: no reply is paid twice"
        )
    raw = table_bytes(_table(kept))
    sd = float(np.sqrt(fmean(float(np.var(own, ddof=1)) for _, _, own in kept)))
    anchors = AnchorSet(
        judge_anchors=1,
        name=name,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        by=plan.by,
        on=selection.on,
        metric=entry.metric.name,
        identity=entry.metric.identity,
        served=sorted({served for scores in found.scores for _, served in scores if served}),
        anchors=len(kept),
        repeats=plan.repeats,
        mean=fmean(fmean(own) for _, _, own in kept),
        sd=sd,
        outputs=hashlib.sha256(raw).hexdigest(),
    )
    folder.mkdir(parents=True, exist_ok=True)
    outputs.publish(outputs_path, lambda file: file.write(raw), makes="anchors")
    outputs.publish(yaml_path, lambda file: file.write(anchor_text(anchors).encode()), makes="anchors")
    notes = [f"{outputs_path.name} holds the texts of {len(kept)} records: commit both files only where these may lie"]
    notes += [f"{len(kept)} anchors are few: they tell little"] if len(kept) < FEW else []
    return {**anchors.model_dump(), "files": [str(yaml_path), str(outputs_path)], "unscored": waiting, "judge": found.spend(), "notes": notes}


def rejudge_anchors(work: Work, name: str, plan: RejudgePlan, *, progress: Progress, ask: Ask | None = None) -> dict[str, object]:
    """Judge a set again by the judge of today, keep z = now - founding of each output, and say whether the judge moved.

    A window is asked about once: again on the same date, only what has no reply yet. Raises: UsageError, ConfigError (the set was
    touched), JudgeUnavailable, EnvironmentFailure.
    """
    if plan.live_change == 0:
        raise UsageError("--live-change 0 is no change, so there is nothing to lay at anybody's door", hint="name by how much the live mean moved, as -0.4")
    window = _window(plan.window)
    folder = anchor_folder(work.settings)
    anchors = read_anchor_set(folder, name)
    outputs = read_outputs(folder, anchors)
    entry = _entry_of(anchors.metric, work.settings)
    rows = [json.loads(text) for text in outputs.column("row").to_pylist()]
    if plan.dry_run:
        return _dry(name, entry, len(rows), 1) | {"window": window.isoformat()}
    replay = plan.replay or (entry.settings.replay if ask is None else None)
    if replay is not None:
        redact = redactor(work.settings.redact)
        import_replies(work.store.ledger, read_reply_file(Path(replay)), redact=redact.reply if redact else None)
    draw = window.toordinal() * DRAWS_A_WINDOW
    found = _judge(work, entry, rows, [draw], progress, ask, asks=replay is None)
    founding = outputs.column("score").to_pylist()
    judged = []
    for place, ((score, served),) in enumerate(found.scores):
        share = scale_share(entry.judge.rubric, score)
        z, reason = (None, score.reason or "not_applicable") if share is None else (share - founding[place], None)
        judged.append(
            JudgedAnchor(
                name, anchors.outputs, window.isoformat(), identity=entry.metric.identity, place=place, z=z, reason=reason, served=served, run_id=found.run_id
            )
        )
    keep_anchors(work.store.ledger, judged)
    document = _told(work.store, anchors, outputs, window.isoformat(), entry, plan.live_change)
    return document | {"judge": found.spend(), "complete": not any(reason in RETRIED for reason in _reasons(found))}


def show_anchors(settings: "Settings", name: str) -> dict[str, object]:
    """A set, checked against its hash, its outputs, and every window in which it was judged. Raises: UsageError, ConfigError."""
    folder = anchor_folder(settings)
    anchors = read_anchor_set(folder, name)
    outputs = read_outputs(folder, anchors)
    windows: list[dict[str, object]] = []
    if (settings.store / "ledger.db").exists():
        with Store(settings.store, create=False) as store:
            windows = _windows(kept_anchors(store.ledger, name, anchors.outputs), anchors)
    samples = [{"row": json.loads(row["row"]), "score": row["score"]} for row in outputs.slice(0, 5).to_pylist()]
    paths = [str(path) for path in anchor_paths(folder, name)]
    return {**anchors.model_dump(), "files": paths, "windows": windows, "sample": samples}


def name_of_set(settings: "Settings", name: str | None) -> str:
    """The named set, or the only one. Raises: UsageError."""
    known = list_anchor_sets(anchor_folder(settings))
    if name is None and len(known) != 1:
        raise UsageError(
            f"there are {len(known)} anchor sets", hint=f"name one of: {', '.join(known[:12])}" if known else "judge anchors create NAME --metric rubric.NAME"
        )
    return name if name is not None else known[0]


def _entry_of(metric: str, settings: "Settings") -> JudgeEntry:
    """The judge of a metric: of judge.yaml, else the rubric of the library. Raises: UsageError, UnknownName."""
    specs = [spec for spec in choose_scorers(None, settings) if spec.name == metric and is_rubric(spec)]
    if not specs and not metric.startswith("rubric."):
        raise UsageError(f"'{metric}' is no metric that a rubric gives", hint="--metric rubric.NAME")
    entry = read_rubrics(specs or [catalog.parse_spec(f"rubric:{metric.removeprefix('rubric.')}")], settings)[0]
    low, high = entry.metric.scorer.range
    if entry.metric.scorer.unit != "record" or low is None or high is None or entry.metric.scorer.higher_is_better is None:
        raise UsageError(f"'{metric}' has no scale from bad to good", hint="anchors need a rubric that puts one answer on a scale with two ends")
    return entry


def _choose(store: Store, selection: Selection, entry: JudgeEntry, count: int) -> list[tuple[bytes, Row]]:
    """`count` outputs, as many of each part of the range of scores as there are; the same for the same records. Raises: UsageError, UnknownName."""
    name = entry.metric.name
    if name not in selection.metrics:
        raise UnknownName("metric of these records", name, known=selection.metrics)
    info = selection.metric(name)
    shards = selection.shards_of[name, info.identity]
    scores: dict[bytes, float] = {}
    with Reduction(store, replace(selection.scope, shards=shards), [(name, info.identity)], where=selection.where) as reduction:
        for table in reduction.records(["key"], [name]):
            scores |= {key: value for key, value in zip(table.column("key").to_pylist(), table.column(name).to_pylist(), strict=True) if value is not None}
    low, high = entry.metric.scorer.range
    width = float(high or 0) - float(low or 0)
    strata: dict[int, list[bytes]] = {}
    for key in sorted(scores, key=lambda one: hashlib.blake2b(one, digest_size=8).digest()):
        strata.setdefault(min(int((scores[key] - float(low or 0)) / width * STRATA), STRATA - 1), []).append(key)
    order = [key for rank in range(max(map(len, strata.values()), default=0)) for _, keys in sorted(strata.items()) for key in keys[rank : rank + 1]]
    rows = _rows_of(store, entry, set(order), shards)
    chosen: dict[str, tuple[bytes, Row]] = {}  # the same question twice would be one reply
    for key in order:
        if key in rows and len(chosen) < count:
            chosen.setdefault(_text(rows[key]), (key, rows[key]))
    if len(chosen) < 2:
        raise UsageError(f"{selection.on}: {len(chosen)} outputs have a score of {name}", hint=f"judge score LOGS -s {entry.spec.target} first")
    return list(chosen.values())


def _rows_of(store: Store, entry: JudgeEntry, wanted: set[bytes], shards: Sequence[Shard]) -> dict[bytes, Row]:
    """What the judge reads of these records."""
    metric, found = entry.metric, dict[bytes, Row]()
    for shard in shards:
        records = tables.read_parquet(store.records_path(shard.name), sorted({*needed_columns([metric]), "key"})).combine_chunks()
        keys = records.column("key").to_pylist()
        places = [place for place, key in enumerate(keys) if key in wanted]
        columns = {name: array.take(pa.array(places, pa.int64())).to_pylist() for name, array in read_columns(records, metric.scorer).items()}
        found |= {keys[place]: {name: values[at] for name, values in columns.items()} for at, place in enumerate(places)}
    return found


def _text(row: Row) -> str:
    return json.dumps(row, sort_keys=True, ensure_ascii=True, default=str)


def _table(kept: Sequence[tuple[bytes, Row, Sequence[float]]]) -> pa.Table:
    return pa.table(
        {
            "key": pa.array([key.hex() for key, _, _ in kept], pa.string()),
            "row": pa.array([_text(row) for _, row, _ in kept], pa.string()),
            "score": pa.array([fmean(own) for _, _, own in kept], pa.float64()),
            "n": pa.array([len(own) for _, _, own in kept], pa.int32()),
            "deviation": pa.array([float(np.std(own, ddof=1)) for _, _, own in kept], pa.float64()),
        }
    )


def _judge(
    work: Work, entry: JudgeEntry, rows: Sequence[Row], draws: Sequence[int], progress: Progress, ask: Ask | None, *, asks: bool = True
) -> _JudgedAnchors:
    """Judge every row once a draw, through the ledger. Raises: JudgeUnavailable, EnvironmentFailure."""
    run_id = work.store.ledger.start_run(command=shlex.join(sys.argv), logs=[], now=datetime.now(UTC).isoformat(timespec="microseconds"))
    plan = plan_judges([entry], work.store.ledger, asks=asks, ask=ask)[0]
    budgets, counts = (Budget(work.settings.judge.max_calls, work.settings.judge.max_cost), plan.budget), Counts()
    progress.phase("judging anchors", len(rows) * len(draws))

    async def judge_all(replies: Replies, send: Ask | None, concurrency: int) -> list[Judgement]:
        slots = asyncio.Semaphore(concurrency)
        through = LedgerAsk(
            replies=replies,
            rubric=entry.metric.identity,
            send=send,
            price=plan.price,
            budgets=budgets,
            slots=slots,
            counts=counts,
            run_id=run_id,
            purpose="anchor",
            redact=redactor(work.settings.redact),
        )

        async def judge_one(row: Row, draw: int) -> Judgement:
            asked = through.for_row(b"")
            score = await plan.score(row, with_draw(asked, draw))
            progress.advance(0, 1)
            return asked.settle(score), asked.served_model

        return await gather_scores(judge_one(row, draw) for row in rows for draw in draws)

    async def run() -> list[Judgement]:
        async with Replies(work.store.ledger.path) as replies:
            if plan.endpoint is None:
                return await judge_all(replies, None, 1)
            async with plan.endpoint.open() as send:
                return await judge_all(replies, send, plan.endpoint.concurrency)

    flat = run_async(run())
    return _JudgedAnchors([flat[at : at + len(draws)] for at in range(0, len(flat), len(draws))], counts, run_id)


def _reasons(found: _JudgedAnchors) -> dict[str, int]:
    """Reason -> judgements without a score."""
    reasons = [score.reason for scores in found.scores for score, _ in scores if score.reason]
    return {reason: reasons.count(reason) for reason in sorted(set(reasons))}


def _dry(name: str, entry: JudgeEntry, rows: int, repeats: int) -> dict[str, object]:
    calls = rows * repeats * entry.judge.calls_per_record()
    return {"name": name, "metric": entry.metric.name, "models": list(entry.judge.models), "anchors": rows, "repeats": repeats, "calls_at_most": calls}


def _window(text: str | None) -> date:
    try:
        return datetime.now(UTC).date() if text is None else date.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"'{text}' is no date", hint="--window 2026-10-01, or leave it out: today") from error


def _windows(judged: Sequence[JudgedAnchor], anchors: AnchorSet) -> list[dict[str, object]]:
    """One row a window and judge: how many anchors, the mean shift with its interval, whether the detector alarmed there."""
    found: dict[str, dict[str, list[JudgedAnchor]]] = {}
    for one in judged:
        found.setdefault(one.identity, {}).setdefault(one.window, []).append(one)
    rows: list[dict[str, object]] = []
    for identity, by_window in found.items():
        series = []
        for window in sorted(by_window):
            own = sorted((one for one in by_window[window] if one.z is not None), key=lambda one: one.place)
            z = np.array([one.z for one in own], dtype=np.float64)
            series.append((z, np.array([one.place for one in own], dtype=np.int64)))
            shift = anchor_shift(np.zeros(len(z)), z) if len(z) > 1 else None
            served = sorted({one.served for one in by_window[window] if one.served})
            counts = {"window": window, "identity": identity, "served": served, "n": len(z), "unscored": len(by_window[window]) - len(z)}
            told = {"shift": None, "low": None, "high": None, "p": None}
            limits = told if shift is None else {"shift": shift.mean, "low": shift.low, "high": shift.high, "p": moved_p(z)}
            rows.append({**counts, **limits, "alarm": None})
        for alarm in judge_alarms(series, sd=anchors.sd, repeats=anchors.repeats, anchors=anchors.anchors):
            rows[len(rows) - len(series) + alarm.window]["alarm"] = alarm.direction
    return sorted(rows, key=lambda row: (str(row["window"]), str(row["identity"])))


def _told(store: Store, anchors: AnchorSet, outputs: pa.Table, window: str, entry: JudgeEntry, live_change: float | None) -> dict[str, object]:
    """What the judgements of a window say, beside those of the windows before."""
    judged = kept_anchors(store.ledger, anchors.name, anchors.outputs)
    rows = [row for row in _windows(judged, anchors) if str(row["window"]) <= window]
    here = next(row for row in rows if row["window"] == window and row["identity"] == entry.metric.identity)
    own = [one for one in judged if one.window == window and one.identity == entry.metric.identity and one.z is not None]
    founding = np.array(outputs.column("score").to_pylist(), dtype=np.float64)[[one.place for one in own]]
    now = founding + np.array([one.z for one in own], dtype=np.float64)
    low, high = entry.metric.scorer.range
    width = (float(high or 0) - float(low or 0)) * (1 if entry.metric.scorer.higher_is_better else -1)
    changes = [("live change", live_change / width)] if live_change else []
    for alarm in kept_alarms(store):
        told = alarm.document
        same = told["metric"] == anchors.metric and told["kind"] == "value" and told.get("identity", entry.metric.identity) == entry.metric.identity
        if same and alarm.closed is None and told["size"] and str(told["since"])[:10] <= window:
            changes.append((f"alarm {alarm.id[:10]}", float(told["size"]) / width))
    causes = []
    for what, size in changes:
        found = attribute(size, founding, now)
        cause, message = (found.cause, found.message) if len(own) >= FEW else ("unclear", f"{len(own)} anchors have a score: {FEW} are needed to tell")
        causes.append({"what": what, "live_shift": size, "cause": cause, "message": message})
    facts: dict[str, object] = {"name": anchors.name, "metric": anchors.metric, "window": window, "identity": entry.metric.identity}
    facts |= {"founding": {key: getattr(anchors, key) for key in ("identity", "created", "served", "mean", "sd", "repeats")}, "anchors": anchors.anchors}
    shift = {key: here[key] for key in ("n", "unscored", "shift", "low", "high", "p", "alarm")}
    return {**facts, **shift, "verdict": _verdict(here, now - founding, same=anchors.identity == entry.metric.identity), "causes": causes, "windows": rows}


def _verdict(here: Mapping[str, object], z: "np.ndarray[Any, np.dtype[np.float64]]", *, same: bool) -> str:
    """shifted: the detector alarmed, this window moved at p < 0.5 %, or at p < 5 % under another judge than at the founding.

    The detector and the test have one false alarm in 200 windows each; 5 % of the same judge cry wolf in one of twenty, so that is
    no verdict. Fewer than 20 anchors are none either: few that agree have no spread to show.
    """
    if here["alarm"] is not None:
        return "shifted"
    if len(z) < FEW:
        return "unclear"
    p = moved_p(z)
    if p < 1 - SURE or (p < ALPHA and not same):
        return "shifted"
    return "unclear" if p < ALPHA else "unchanged"
