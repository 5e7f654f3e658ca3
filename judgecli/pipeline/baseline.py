"""Baselines: approved from the scores of a store, read back for the gates that compare with them."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from judgecli import outputs
from judgecli.config.baseline import (
    FOLDER,
    Baseline,
    BaselineMetric,
    baseline_paths,
    baseline_text,
    list_baselines,
    read_baseline,
    read_scores,
)
from judgecli.config.reviewed import table_bytes
from judgecli.errors import ConfigError, Incomplete, UnknownName, UsageError
from judgecli.evidence.rewarded import select_rewarded
from judgecli.evidence.sides import Measured, SideDetail, read_selection
from judgecli.evidence.work import Work
from judgecli.signal.compare.paired import PairSide
from judgecli.signal.compare.parts import Parts
from judgecli.store.folder import Store
from judgecli.store.selection import Selection

if TYPE_CHECKING:
    from judgecli.config.settings import Settings


NONE = np.empty(0, np.uint64)  # no record is left out


@dataclass(frozen=True)
class Approved:
    """What `judge baseline approve` and `show` tell: the baseline, where it lies, whether its files changed just now."""

    baseline: Baseline
    folder: Path
    changed: bool
    notes: Sequence[str] = ()

    def to_json(self) -> dict[str, object]:
        """As data."""
        paths = baseline_paths(self.folder, self.baseline.name)
        sizes = [path.stat().st_size for path in paths]
        return {**self.baseline.model_dump(), "files": [str(path) for path in paths], "bytes": sizes, "changed": self.changed, "notes": list(self.notes)}


def baseline_folder(settings: "Settings") -> Path:
    """Where the baselines lie: in baselines/ beside judge.yaml."""
    return (settings.config or Path("judge.yaml")).parent / FOLDER


def approve_baseline(work: Work, name: str, *, by: str, on: str | None = None, metrics: Sequence[str] | None = None, despite_missing: bool = False) -> Approved:
    """Write baselines/NAME.yaml and NAME.parquet from the scores of `on` (run:last unless named), by prompt.

    Raises: Incomplete where less than `measured` of a metric has a score (unless `despite_missing`), UsageError, UnknownName,
    NoRecords, StoreError, EnvironmentFailure.
    """
    folder = baseline_folder(work.settings)
    yaml_path, scores_path = baseline_paths(folder, name)
    wants_reward = metrics is None or any(metric.startswith("reward.") for metric in metrics)
    selection = select_rewarded(work, on or "run:last") if wants_reward else work.select(on or "run:last")
    for metric in metrics or ():
        if metric not in selection.metrics:
            raise UnknownName("metric of these records", metric, known=selection.metrics)
    part = read_selection(work, name, selection, metrics or list(selection.metrics), newest=True, without=NONE)
    run = _run_of(work.store, selection)
    found = {metric: measured for metric, measured in sorted(part.metrics.items()) if metrics or _detail_of(measured).parts.counts.any()}
    if not found:
        raise UsageError(f"{selection.on}: no metric with a mean has a score", hint="judge score LOGS first")
    short = _short(found, work.settings.measured)
    if short and not despite_missing:
        raise Incomplete(
            f"too little was measured for a baseline: {'; '.join(short)}",
            hint="run judge score again, name the metrics with --metric, or approve --despite-missing",
        )
    raw = table_bytes(_table(found, next(iter(part.metrics.values()))))
    baseline = Baseline(
        judge_baseline=2,
        name=name,
        approved=datetime.now(UTC).isoformat(timespec="seconds"),
        by=by,
        on=selection.on,
        run=run,
        records=part.records,
        prompts=len(_side(next(iter(found.values()))).prompts),
        pair=work.settings.group or "input",
        cluster=work.settings.cluster or "session",
        scores=hashlib.sha256(raw).hexdigest(),
        metrics={metric: _facts(measured) for metric, measured in found.items()},
    )
    before = _before(folder, name) if yaml_path.exists() and scores_path.exists() else None
    if before is not None and before.model_copy(update={"approved": baseline.approved, "by": by, "on": baseline.on, "run": run}) == baseline:
        return Approved(before, folder, False, [f"it was approved before, by {before.by}: nothing changed"])
    folder.mkdir(parents=True, exist_ok=True)
    outputs.publish(scores_path, lambda file: file.write(raw), makes="baselines")
    outputs.publish(yaml_path, lambda file: file.write(baseline_text(baseline).encode()), makes="baselines")
    return Approved(baseline, folder, True, [*short, *_small(found), "commit both files: a gate compares with what was reviewed, never with the latest run"])


def _before(folder: Path, name: str) -> Baseline | None:
    """The baseline of that name as it was approved before; None where its file cannot be used: it is approved anew."""
    try:
        return read_baseline(folder, name)
    except ConfigError:
        return None


def show_baseline(settings: "Settings", name: str) -> Approved:
    """A baseline as it was approved, its scores checked against their hash. Raises: UsageError, ConfigError."""
    folder = baseline_folder(settings)
    baseline = read_baseline(folder, name)
    read_scores(folder, baseline)
    return Approved(baseline, folder, False)


def describe_baselines(settings: "Settings") -> list[dict[str, object]]:
    """All baselines of the project: name, who, when, records. Raises: ConfigError."""
    folder = baseline_folder(settings)
    found = [read_baseline(folder, name) for name in list_baselines(folder)]
    return [{key: getattr(one, key) for key in ("name", "approved", "by", "on", "records", "prompts")} | {"metrics": list(one.metrics)} for one in found]


@dataclass(frozen=True)
class StoredBaseline:
    """The scores of one metric of a baseline, and the short keys of its records, ascending."""

    parts: Parts
    keys: np.ndarray


def stored_scores(settings: "Settings", baseline: Baseline, metric: str) -> StoredBaseline:
    """What a baseline holds of one metric. Raises: ConfigError."""
    table = read_scores(baseline_folder(settings), baseline)
    counts, squares, missing = (table.column(f"{metric}{part}").to_numpy().astype(np.float64) for part in (".n", ".squares", ".missing"))
    sums = np.where(counts > 0, table.column(metric).fill_null(0.0).to_numpy() * counts, 0.0)
    prompts = table.column("prompt")
    keyed = pc.is_valid(prompts).to_numpy()
    parts = Parts(prompts.fill_null(0).to_numpy(), keyed, table.column("cluster").to_numpy(), counts=counts, sums=sums, squares=squares, missing=missing)
    keys = pc.list_flatten(table.column("records")).to_numpy().astype(np.uint64)
    return StoredBaseline(parts, np.unique(keys))


def evidence_of(candidate: PairSide | Parts, identity: str) -> str:
    """The hash of what a candidate showed: the same scores are the same try."""
    digest = hashlib.blake2b(identity.encode(), digest_size=16)
    for column in (candidate.prompts, candidate.counts, candidate.sums, candidate.missing):
        digest.update(np.ascontiguousarray(column).tobytes())
    return digest.hexdigest()


def _side(measured: Measured) -> PairSide:
    return measured.segments[()]


def _detail_of(measured: Measured) -> SideDetail:
    if measured.detail is None:
        raise AssertionError("a baseline was read without its records")
    return measured.detail


def _facts(measured: Measured) -> BaselineMetric:
    side, info, parts = _side(measured), measured.info, _detail_of(measured).parts
    kept = side.counts > 0
    mean = float((side.sums[kept] / side.counts[kept]).mean()) if kept.any() else None
    return BaselineMetric(
        identity=info.identity,
        kind=info.kind,  # type: ignore[arg-type]  # categories have no mean and are left out
        range=list(info.range),
        higher_is_better=info.higher_is_better,
        n=int(parts.counts.sum()),
        missing=int(parts.missing.sum()),
        by_design=int(parts.by_design.sum()),
        mean=mean,
        served=list(measured.served),
    )


def _short(found: Mapping[str, Measured], bar: float) -> list[str]:
    texts = []
    for metric, measured in found.items():
        parts = _detail_of(measured).parts
        scored, lost = int(parts.counts.sum()), int(parts.missing.sum())
        if scored + lost and scored / (scored + lost) < bar:
            texts.append(f"{metric} has {scored:,} of {scored + lost:,} scores")
    return texts


def _small(found: Mapping[str, Measured]) -> list[str]:
    prompts = len(_side(next(iter(found.values()))).prompts)
    if not prompts:
        return ["no record has a prompt: gates compare two means, by cluster"]
    return [f"{prompts} prompts are few: a gate needs 20 clusters for a verdict"] if prompts < 20 else []


def _table(found: Mapping[str, Measured], first_read: Measured) -> pa.Table:
    """One row for each prompt in each cluster: prompt (null: none), cluster, the keys of its records, and the parts of each metric."""
    details, held = [_detail_of(measured) for measured in found.values()], _detail_of(first_read)
    first = held.parts
    offsets = pa.array(np.r_[0, np.cumsum(held.sizes)].astype(np.int32))
    columns = {
        "prompt": pa.array(first.prompts, pa.int64(), mask=~first.keyed),
        "cluster": pa.array(first.clusters, pa.int64()),
        "records": pa.ListArray.from_arrays(offsets, pa.array(held.keys, pa.uint64())),
    }
    for metric, detail in zip(found, details, strict=True):
        parts = detail.parts
        means = np.divide(parts.sums, parts.counts, out=np.zeros(len(parts.counts)), where=parts.counts > 0)
        columns[metric] = pa.array(means, pa.float64(), mask=parts.counts == 0)
        columns[f"{metric}.n"] = pa.array(parts.counts.astype(np.int32), pa.int32())
        columns[f"{metric}.squares"] = pa.array(parts.squares, pa.float64())
        columns[f"{metric}.missing"] = pa.array(parts.missing.astype(np.int32), pa.int32())
    return pa.table(columns)


def _run_of(store: Store, selection: Selection) -> int | None:
    """The number of the run that was selected; None where a filter selected records."""
    if not selection.on.startswith("run:"):
        return None
    name = selection.on.removeprefix("run:")
    if name != "last":
        return int(name)
    rows = store.ledger.rows("SELECT max(run_id) AS run_id FROM runs WHERE finished IS NOT NULL")
    return None if rows[0]["run_id"] is None else int(rows[0]["run_id"])
