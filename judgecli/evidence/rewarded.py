"""The reward of judge.yaml on the records of a store: planned from their metrics, computed where it lacks, selected with them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from judgecli.catalog import default_names
from judgecli.config.lock import NAME as LOCK
from judgecli.config.lock import read_lock
from judgecli.errors import ConfigError, StoreBusy, UsageError
from judgecli.evidence.work import Work
from judgecli.reward.compose import compose
from judgecli.reward.spec import PREFIX, VERSION, MetricFacts, RewardSpec, build_reward
from judgecli.store import tables
from judgecli.store.folder import Shard, Store
from judgecli.store.query import held_metrics
from judgecli.store.scope import Scope
from judgecli.store.selection import Selection, index_metrics
from judgecli.store.tables import MetricInfo

if TYPE_CHECKING:
    from judgecli.config.settings import Settings


FREEZE = "run judge reward freeze, then the same command again"


def plan_reward(settings: "Settings", metrics: Mapping[str, MetricFacts]) -> RewardSpec | None:
    """The reward of judge.yaml on these metrics (by name); None where it has none. What is not frozen yet is in `unfrozen`.

    Raises: ConfigError with its place: a metric that is not among them, no direction, no scale, a damaged judge.lock.
    """
    reward = settings.project.reward
    if reward is None:
        return None
    return build_reward(reward.name, reward.terms, reward.vetoes, metrics=metrics, frozen=read_lock(lock_path(settings)), where=settings.where)


def plan_stored(settings: "Settings", stored: Mapping[str, Sequence[MetricInfo]]) -> RewardSpec:
    """The reward on the metrics of some records. Raises: as plan_reward, UsageError where a scorer of judge.yaml was not run on them yet."""
    missing = sorted(needed_metrics(settings) - stored.keys())
    if missing and set(missing) <= _provided(settings):
        raise UsageError(
            f"the reward needs {', '.join(missing)}, which these records have no scores of",
            hint="run judge score (without -s: all scorers of judge.yaml), then the same command again",
        )
    spec = plan_reward(settings, {name: infos[0] for name, infos in stored.items()})
    assert spec is not None
    return spec


def needed_metrics(settings: "Settings") -> set[str]:
    """The metrics that the reward of judge.yaml is made of; none where it has no reward."""
    reward = settings.project.reward
    return set() if reward is None else {*reward.terms, *(veto.metric for veto in reward.vetoes)}


def directions(settings: "Settings", declared: Mapping[str, bool | None]) -> dict[str, bool | None]:
    """Which way is better of each of these metrics: as it declares itself, else as a term of the reward takes it, else as gates and vetoes bound it.

    None where nothing says so, or where it is bounded on both sides.
    """
    project = settings.project
    sides: dict[str, set[bool]] = {}
    for bound in (*project.gates, *(project.reward.vetoes if project.reward else ())):
        if bound.metric:
            sides.setdefault(bound.metric, set()).update(side for side, limit in ((True, bound.at_least), (False, bound.at_most)) if limit is not None)
    said: dict[str, bool | None] = {name: found == {True} for name, found in sides.items() if len(found) == 1}
    if project.reward is not None:
        said |= {name: term.higher_is_better for name, term in project.reward.terms.items() if term.higher_is_better is not None}
    return {name: said.get(name) if own is None else own for name, own in declared.items()}


def _provided(settings: "Settings") -> set[str]:
    """The metrics that `judge score` without -s gives."""
    imported = {name for fields in (settings.map, *(log.map for log in settings.logs)) for name in fields if name.startswith("score.")}
    return {entry.name for entry in settings.scorers} | imported | (set() if settings.scorers else set(default_names()))


def lock_path(settings: "Settings") -> Path:
    """Where judge.lock lies: beside judge.yaml."""
    return (settings.config or Path("judge.yaml")).with_name(LOCK)


def check_frozen(spec: RewardSpec, settings: "Settings") -> None:
    """Raises: ConfigError where a normaliser has no frozen statistics, or those of another identity of its metric."""
    path = lock_path(settings)
    for term in spec.terms:
        if term.normaliser is None:
            place = f"reward.terms.{term.metric}"
            known = read_lock(path).get(term.metric)
            why = f"{path} has none" if known is None else f"{path} has those of identity {known.identity}, and the metric is now {term.identity}"
            raise ConfigError(f"{place}: {term.method} needs frozen statistics of '{term.metric}', and {why}", where=settings.where(place), hint=FREEZE)


def reward_info(spec: RewardSpec) -> MetricInfo:
    """What score files say of a reward."""
    assert spec.identity is not None
    return MetricInfo(spec.metric, spec.identity, "number", (0.0, 1.0), True, VERSION)


def ensure_reward(work: Work, selected: Selection | Scope) -> MetricInfo | None:
    """Compute and store the reward of judge.yaml where shards of the selection lack it; what is held is not computed again.

    Goes by the newest identity of each metric. A shard that lacks one of them gets no reward: its records have not been
    asked. Returns name and identity of the reward (`reward.NAME`), None where judge.yaml has no reward or there is no
    record. Select again to see it (`select_rewarded` does both). Raises: ConfigError, StoreBusy.
    """
    scope = selected.scope if isinstance(selected, Selection) else selected
    if work.settings.project.reward is None or not scope.shards:
        return None
    found = selected.metrics if isinstance(selected, Selection) else index_metrics(work.store, scope.shards)[0]
    spec = plan_stored(work.settings, found)
    check_frozen(spec, work.settings)
    if store_reward(work.store, scope.shards, spec):
        work.changed()
    return reward_info(spec)


def select_rewarded(work: Work, on: str | None) -> Selection:
    """`work.select` with the reward of judge.yaml computed; the identity that judge.yaml now means stands first of `reward.NAME`."""
    return work.once(("rewarded", on), lambda: _with_reward(work, on))


def _with_reward(work: Work, on: str | None) -> Selection:
    selection = work.select(on)
    info = ensure_reward(work, selection)
    if info is None:
        return selection
    selection = work.select(on)
    others = tuple(other for other in selection.metrics.get(info.name, ()) if other.identity != info.identity)
    return replace(selection, metrics={**selection.metrics, info.name: (info, *others)})


def store_reward(store: Store, shards: Sequence[Shard], spec: RewardSpec) -> int:
    """Write the reward of every shard that has its metrics and lacks it, or whose metrics are newer; returns how many were written."""
    info, written = reward_info(spec), 0
    for shard in shards:
        held = held_metrics(store.root, shard.name)
        if any(component not in held for component in spec.components):
            continue
        paths = {name: held[name, identity][0] for name, identity in spec.components}
        own = held.get((info.name, info.identity))
        try:
            if own is None or _changed(own[0]) < max(map(_changed, paths.values())):
                tables.write_scores(store.root, shard.name, compose(spec, _read_cells(paths)), [info])
                written += 1
        except FileNotFoundError as error:
            raise StoreBusy("the store changed while the reward was computed", hint=tables.AGAIN) from error
    return written


def _changed(path: Path) -> int:
    return tables.generation_of(path)


def _read_cells(paths: Mapping[str, Path]) -> pa.Table:
    """NAME and NAME.reason of the metrics of one shard, joined by position."""
    columns: dict[str, pa.ChunkedArray] = {}
    for path in dict.fromkeys(paths.values()):
        names = [part for name, own in paths.items() if own == path for part in (name, f"{name}.reason")]
        table = tables.read_parquet(path, names).combine_chunks()
        columns |= {name: table.column(name) for name in names}
    return pa.table(columns)


def score_reward(settings: "Settings", metrics: Sequence[MetricInfo], *, typed: bool) -> RewardSpec | None:
    """The reward that a run with these metrics can give: None where judge.yaml has none, or where the scorers were typed and lack one of its metrics.

    Raises: ConfigError.
    """
    reward = settings.project.reward
    known = {info.name: info for info in metrics}
    if reward is None or (typed and not needed_metrics(settings) <= known.keys()):
        return None
    if (PREFIX + reward.name).casefold() in {name.casefold() for name in known}:
        raise ConfigError(
            f"a scorer is called '{PREFIX}{reward.name}' like the reward", where=settings.where("reward.name"), hint="give one of them another name"
        )
    return plan_reward(settings, known)
