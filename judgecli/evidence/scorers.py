"""Which scorers a run goes by, and whether its logs have what they read."""

import contextlib
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from judgecli import catalog
from judgecli.catalog import Spec
from judgecli.engine.shard import check_options
from judgecli.errors import MissingColumn, UsageError
from judgecli.scorer import Metric
from judgecli.store.query import COMPANIONS, ROW_COLUMNS
from judgecli.store.scope import Scope
from judgecli.store.tables import MetricInfo

if TYPE_CHECKING:
    from judgecli.config.settings import Settings


STORE_COLUMNS = frozenset(["key", "source", "file_id", "prompt_hash", "cluster_hash", "tags", "imported"])  # of no scorer's own


def choose_scorers(typed: Sequence[str] | None, settings: "Settings") -> list[Spec]:
    """The scorers typed after -s, else those of judge.yaml, else the default set; with the scores that the log already holds."""
    if typed:
        specs = [replace(catalog.parse_spec(text), typed=True) for text in typed]
    else:
        configured = [Spec(entry.name, entry.target, dict(entry.options)) for entry in settings.configured_scorers()]
        maps = [settings.map, *(source.map for source in settings.logs)]
        imported = sorted({name for fields in maps for name in fields if name.startswith("score.")})
        specs = (configured or [Spec(name, name) for name in catalog.default_names()]) + [Spec(name, name) for name in imported]
    check_names([spec.name for spec in specs])
    return specs


def check_names(names: Sequence[str]) -> None:
    """Every metric must have columns of its own, also for readers that do not tell upper from lower case. Raises: UsageError."""
    taken: dict[str, str] = {name: f"the column '{name}' of every row" for name in ROW_COLUMNS}
    for name in names:
        for column in (name, *(f"{name}.{kind}" for kind in COMPANIONS)):
            if column.casefold() in taken:
                raise UsageError(f"the metric '{name}' cannot be told from {taken[column.casefold()]}", hint=f"give one another name: -s OTHER={name}")
            taken[column.casefold()] = f"the metric '{name}'"


def bind_all(specs: Sequence[Spec]) -> list[Metric]:
    """Import the scorers and try their options on no rows. Raises: UnknownName, UsageError, EnvironmentFailure."""
    with contextlib.redirect_stdout(sys.stderr):  # what a file of the user prints must not look like a result
        metrics = [catalog.bind(spec) for spec in specs]
        for metric in metrics:
            if metric.code:
                continue  # a file of the user need not bear a batch of no rows
            try:
                check_options(metric)
            except (ValueError, TypeError) as error:
                raise UsageError(f"scorer '{metric.name}': {error}", hint=f"see judge scorers {metric.scorer.name}") from error
    return metrics


def check_fields(metrics: Sequence[Metric], fields: set[str] | None, notes: Sequence[str] = ()) -> None:
    """Before any line is read: no mapping gives a field that a scorer requires. `fields` is None where a format gives its own. Raises: MissingColumn."""
    if fields is not None:
        _require(metrics, frozenset(fields), notes, typed=True)


def check_columns(scope: Scope, metrics: Sequence[Metric], notes: Sequence[str] = ()) -> None:
    """Every column that a scorer requires must hold something in some record of the scope. Raises: MissingColumn, with what `notes` say of it."""
    _require(metrics, frozenset().union(*(shard.present for shard in scope.shards)) - STORE_COLUMNS, notes)


def keep_applicable(scope: Scope, infos: Sequence[MetricInfo], metrics: Sequence[Metric], notes: list[str]) -> list[MetricInfo]:
    """Of the default set what these logs have the columns for; the rest is left out with a note. Raises: MissingColumn where nothing is left."""
    present = frozenset().union(*(shard.present for shard in scope.shards)) - STORE_COLUMNS
    lacking: dict[str, list[str]] = {}
    for metric in metrics:
        column = next((column.source for column in metric.scorer.columns if column.required and column.source not in {"key", *present}), None)
        if column is not None:
            lacking.setdefault(_typed_name(column), []).append(metric.name)
    names = {name for found in lacking.values() for name in found}
    kept = [info for info in infos if info.name not in names]
    if not kept:
        check_columns(scope, metrics, notes)
    notes += [f"left out, for these logs have no {column}: {', '.join(found)}" for column, found in lacking.items()]
    return kept


def _require(metrics: Sequence[Metric], present: frozenset[str], notes: Sequence[str], *, typed: bool = False) -> None:
    for metric in metrics:
        for column in metric.scorer.columns:
            name = _typed_name(column.source)
            if column.required and column.source != "key" and (name if typed else column.source) not in present:
                said = [note for note in notes if f"--map {name}=" in note]  # that what was typed finds nothing
                raise MissingColumn(name, scorer=metric.name, available=sorted(map(_typed_name, present)), notes=said[:2])


def _typed_name(column: str) -> str:
    """A column as --map names it: `tags_country` is typed `tags.country`."""
    for prefix, typed in (("tags_", "tags."), ("imported_label.", "label."), ("imported_", "score.")):
        if column.startswith(prefix):
            return typed + column.removeprefix(prefix)
    return column
