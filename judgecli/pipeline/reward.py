"""The reward of judge.yaml: planned from its metrics, stored as a metric of its own, its normalisers frozen."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
import pyarrow.compute as pc

from judgecli import outputs
from judgecli.config.lock import lock_text, read_lock
from judgecli.errors import UsageError
from judgecli.evidence.rewarded import lock_path, needed_metrics, plan_reward, plan_stored
from judgecli.evidence.work import Work, open_work
from judgecli.reward.normalise import Frozen, measure
from judgecli.store.folder import Store
from judgecli.store.query import Reduction
from judgecli.store.selection import Selection
from judgecli.store.tables import MetricInfo

if TYPE_CHECKING:
    from judgecli.config.settings import Settings


def freeze_reward(work: Work, on: str | None = None) -> dict[str, object]:
    """Take the distribution of every metric that a frozen normaliser reads, and write judge.lock.

    An entry whose statistics are what they were keeps its date, so freezing twice changes nothing. Returns {"lock",
    "changed", "normalisers": {metric: facts}}. Raises: ConfigError, UsageError, Incomplete (fewer than 100 values).
    """
    reward = work.settings.project.reward
    if reward is None:
        raise UsageError("there is no reward in judge.yaml", hint="write one under reward:, see docs/reward.md")
    path = lock_path(work.settings)
    before = read_lock(path) if path.exists() else {}
    selection = work.select(on)
    spec = plan_stored(work.settings, selection.metrics)
    wanted = [term.metric for term in spec.terms if term.method != "range"]
    taken = {name: _freeze_metric(work.store, selection, name) for name in wanted}
    kept = {
        name: before[name] if name in before and replace(before[name], frozen=entry.frozen, on=entry.on) == entry else entry for name, entry in taken.items()
    }
    changed = kept != before
    if changed:
        outputs.publish(path, lambda file: file.write(lock_text(kept).encode()), makes="judge.lock")
    facts = {
        name: {**{key: value for key, value in vars(entry).items() if key != "quantiles"}, "changed": kept[name] != before.get(name)}
        for name, entry in kept.items()
    }
    return {"lock": str(path), "changed": changed, "normalisers": facts}


def _freeze_metric(store: Store, selection: Selection, name: str) -> Frozen:
    info = selection.metric(name)
    scope = replace(selection.scope, shards=selection.shards_of[info.name, info.identity])
    values, times = [np.empty(0)], []
    with Reduction(store, scope, [(info.name, info.identity)], where=selection.where) as reduction:
        for table in reduction.records(["time"], [name]):
            scored = table.filter(table.column(name).is_valid())
            values.append(scored.column(name).to_numpy())
            times += [time for time in pc.min_max(scored.column("time")).as_py().values() if time is not None]
    scores = np.concatenate(values)
    mean, sd, quantiles = measure(name, scores)
    first, last = (choose(times).astimezone(UTC).isoformat() if times else None for choose in (min, max))
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return Frozen(info.identity, len(scores), mean, sd=sd, quantiles=quantiles, first=first, last=last, on=selection.on, frozen=now)


def describe_reward(settings: "Settings") -> dict[str, object]:
    """The reward of judge.yaml as data (`RewardSpec.to_json`), with where its normalisers were frozen.

    Goes by the metrics of the store where it has them all, else by the scorers of judge.yaml. Raises: ConfigError, UsageError.
    """
    if settings.project.reward is None:
        raise UsageError("there is no reward in judge.yaml", hint="write one under reward:, see docs/reward.md")
    spec = plan_reward(settings, _known_metrics(settings))
    assert spec is not None
    lock = read_lock(lock_path(settings))
    used = {term.metric: lock[term.metric] for term in spec.terms if term.method != "range" and term.normaliser is not None}
    facts = {name: {key: value for key, value in vars(entry).items() if key != "quantiles"} for name, entry in used.items()}
    return {**spec.to_json(), "frozen": facts, "lock": str(lock_path(settings))}


def _known_metrics(settings: "Settings") -> dict[str, MetricInfo]:
    """The metrics that the reward may be made of: those that are stored, else those that a run would give."""
    from judgecli.engine.worker import metric_info
    from judgecli.evidence.scorers import bind_all, choose_scorers

    if (settings.store / "ledger.db").exists():
        with open_work(settings) as work:
            found = {name: infos[0] for name, infos in work.select().metrics.items()}
        if needed_metrics(settings) <= found.keys():
            return found
    return {metric.name: metric_info(metric) for metric in bind_all(choose_scorers(None, settings))}
