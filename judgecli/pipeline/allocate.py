"""judge allocate: how traffic should be split between the variants of an app."""

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from judgecli.errors import NoRecords, UsageError
from judgecli.evidence.rewarded import directions, select_rewarded
from judgecli.evidence.work import Work
from judgecli.schema import REASONS
from judgecli.signal.allocation import DESIGN, FAILED, SCORED, WAITING, Choices, allocate, code_strata
from judgecli.signal.cells import EPOCH, Window
from judgecli.signal.gathering import column_value
from judgecli.signal.series import policy_label
from judgecli.store.neighbours import check_files_apart
from judgecli.store.query import Reduction, sql_column

if TYPE_CHECKING:
    from collections.abc import Sequence


PROPENSITY = "propensity"  # the tag of a logged chance
MOST_VARIANTS = 50
STATES = {"design": DESIGN, "failed": FAILED, "waiting": WAITING}
ASSUMES = (
    "propensities are estimated as shares of traffic by {window} and {context}: right where who gets which variant does not depend on quality within those"
)


def allocate_traffic(
    work: Work,
    *,
    metric: str | None = None,
    by: "Sequence[str] | None" = None,
    on: str | None = None,
    context: "Sequence[str]" = (),
    window: str = "1d",
    explore: float = 0.0,
) -> dict[str, object]:
    """What `signal.allocation.allocate` says of the variants (default: the policy of judge.yaml) by one metric (default: the reward).

    Chances are those of tags.propensity where every record has one, else shares by `window` and `context` columns.
    Raises: UsageError, UnknownName, NoRecords, StoreError.
    """
    columns = tuple(by) if by is not None else work.settings.policy
    name = metric or (f"reward.{work.settings.project.reward.name}" if work.settings.project.reward else None)
    if name is None:
        raise UsageError("there is no reward in judge.yaml to allocate by", hint="name a metric: --metric rubric.helpfulness")
    if not columns or not 0 <= explore < 1:
        raise UsageError("no column tells variants apart" if not columns else f"--explore {explore:g} is no share", hint="--by model, --explore 0.05")
    for column in (*columns, *context):
        sql_column(column)
    check_files_apart(work.store, [*columns, *context])
    selection = select_rewarded(work, on) if name.startswith("reward.") else work.select(on)
    info = selection.metric(name)
    better = directions(work.settings, {name: info.higher_is_better})[name]
    if info.kind == "category" or better is None:
        raise UsageError(f"no direction of '{name}' is good in itself", hint="name a metric that has one, or bound it by a gate in judge.yaml")
    held = selection.shards_of[info.name, info.identity]
    unasked = tuple(shard for shard in selection.scope.shards if shard not in held)
    plain = dict.fromkeys(column for column in (*columns, *context) if not column.startswith("tags."))
    rows: list[tuple[Any, ...]] = []
    unit = Window.of(window)
    for shards, metrics in ((held, [(info.name, info.identity)]), (unasked, [])):  # records that nobody asked for count as well
        if not shards:
            continue
        scope = replace(selection.scope, shards=tuple(shards))
        with Reduction(work.store, scope, metrics, where=selection.where, cluster=work.settings.cluster) as reduction:
            for table in reduction.records(["key", "cluster_hash", "time", "tags", *plain], [name] if metrics else []):
                rows += [_row(row, name, columns, context, unit) for row in table.to_pylist()]
    if not any(row[2] is not None for row in rows):
        raise NoRecords(f"no record of '{selection.on}' has a score of '{name}'", hint="check --on, and --metric")
    choices = _choices(sorted(rows, key=lambda row: row[0]))
    if len(choices.arms) > MOST_VARIANTS or explore * len(choices.arms) > 1:
        raise UsageError(f"{', '.join(columns)} make {len(choices.arms)} variants", hint=f"at most {MOST_VARIANTS}, and shares of --explore that fit into one")
    found = allocate(choices, kind=info.kind, scale=info.range, higher_is_better=better, explore=explore)
    notes = [] if choices.propensity is not None else [ASSUMES.format(window=window, context=", ".join(context) or "nothing else")]
    asked = {"metric": name, "identity": info.identity, "on": selection.on, "by": list(columns), "higher_is_better": better}
    states = choices.states == SCORED, choices.states != DESIGN
    coverage = float(np.count_nonzero(states[0]) / np.count_nonzero(states[1]))
    return {**asked, **found, "coverage": coverage, "complete": coverage == 1.0, "incomplete": coverage < work.settings.measured, "notes": notes}


def _row(row: dict[str, Any], name: str, columns: "Sequence[str]", context: "Sequence[str]", unit: Window) -> tuple[Any, ...]:
    """key, variant, value, cluster, stratum, propensity, state."""
    variant = policy_label([column_value(row, column) for column in columns])
    stratum = (_bucket(row["time"], unit), *(column_value(row, column) for column in context))
    value, reason = row.get(name), row.get(f"{name}.reason")
    state = SCORED if value is not None else WAITING if reason is None else STATES[REASONS[reason]]
    return row["key"], variant, value, row["cluster_hash"], stratum, _chance(column_value(row, f"tags.{PROPENSITY}")), state


def _bucket(time: datetime | None, unit: Window) -> int | None:
    if time is None or unit.width_us is None:
        return None
    moment = (time - EPOCH).total_seconds() * 1e6 - unit.origin_us
    return int(moment // unit.width_us)


def _chance(text: str | None) -> float | None:
    try:
        chance = float(text) if text is not None else None
    except ValueError:
        return None
    return chance if chance is not None and 0 < chance <= 1 else None


def _choices(rows: "Sequence[tuple[Any, ...]]") -> Choices:
    arms = sorted({row[1] for row in rows})
    place = {arm: number for number, arm in enumerate(arms)}
    chances = [row[5] for row in rows]
    return Choices(
        arms,
        np.array([place[row[1]] for row in rows], dtype=np.int64),
        np.array([0.0 if row[2] is None else row[2] for row in rows], dtype=float),
        cluster=np.array([row[3] for row in rows], dtype=np.int64),
        stratum=code_strata([row[4] for row in rows]),
        propensity=None if None in chances else np.array(chances, dtype=float),
        states=np.array([row[6] for row in rows], dtype=np.int8),
    )
