"""Drift: the records of a store that one filter names against those of another."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from judgecli.errors import NoRecords, UsageError
from judgecli.pipeline.rewarding import select_rewarded
from judgecli.signal.drift import DriftRow, Margins, compare, decide
from judgecli.store.drift_query import DriftReduction, Sides, side_condition
from judgecli.store.folder import Store

if TYPE_CHECKING:
    from judgecli.config.settings import Settings

CURRENT, REFERENCE = "7d", "30d..7d"


def choose_sides(store: Store, settings: "Settings", reference: str | None, current: str | None) -> Sides:
    """What is compared: both as named; one named, against all other records; none, the newest 7 days against `alarms.reference` (30d..7d).

    Raises: UsageError, UnknownName.
    """
    if reference is None and current is None:
        alarms = settings.project.alarms
        reference, current = (alarms.reference if alarms else None) or REFERENCE, CURRENT
    if reference is None or current is None:
        named = side_condition(store, str(reference or current))
        others = f"NOT ({named})"
        return Sides(named, others, (str(reference), "all other records")) if reference else Sides(others, named, ("all other records", str(current)))
    return Sides(side_condition(store, reference), side_condition(store, current), (reference, current))


def find_drift(
    settings: "Settings",
    *,
    reference: str | None = None,
    current: str | None = None,
    by: Sequence[str] = (),
    metrics: Sequence[str] | None = None,
    margins: Margins = Margins(),
) -> list[DriftRow]:
    with Store(settings.store, create=False) as store:
        selection = select_rewarded(store, None, settings)
        names = list(dict.fromkeys(metrics)) if metrics else list(selection.metrics)
        sides = choose_sides(store, settings, reference, current)
        with DriftReduction(store, selection, names, sides, by=by, cluster=settings.cluster) as reduction:
            facts = reduction.facts()
            rows = [row for evidence in reduction.evidence() for row in compare(evidence, margins)]
    return decide(rows)
