"""Window: scores and rewards of the store by window and policy."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from judgecli.errors import NoRecords, UsageError
from judgecli.evidence.units import comparison_rows, corpus_rows, prompt_rows, session_rows
from judgecli.evidence.windows import ask, record_rows, select_signalled
from judgecli.evidence.work import Work
from judgecli.signal.served import served_notes
from judgecli.signal.windows import Signals
from judgecli.store.comparisons import compared_metrics
from judgecli.store.selection import Selection
from judgecli.store.windows_query import WindowReduction

if TYPE_CHECKING:
    pass

UNITS = ("record", "session", "prompt", "pair", "corpus")


def compute_signals(
    work: Work,
    *,
    by: Sequence[str] | None = None,
    window: str = "1d",
    on: str | None = None,
    metrics: Sequence[str] | None = None,
    units: Sequence[str] = ("record",),
    sums: bool = False,
) -> Signals:
    """Every metric (default: all of the selected records) in every window and segment.

    `by`: record columns or tags.NAME, default the policy of judge.yaml; `on`: which records (a filter,
    run:last, run:ID; default all); `units`: record, session, prompt, pair, corpus; `sums`: rows of records keep their sums by cluster.
    Raises: UsageError, UnknownName, NoRecords, StoreError, EnvironmentFailure.
    """
    _check_units(units)
    columns = tuple(dict.fromkeys(work.settings.policy if by is None else by))
    compared = [one for one in compared_metrics(work.store.ledger) if one[2] in units and (not metrics or one[0] in metrics)]
    if metrics:
        metrics = [name for name in metrics if name not in {one[0] for one in compared}]
    selection = select_signalled(work, on, metrics)
    names = sorted(selection.metrics, key=lambda name: (not name.startswith("reward."), name)) if metrics is None else list(dict.fromkeys(metrics))
    question = ask(work.settings, columns, window)
    with WindowReduction(work.store, selection, names, question) as reduction:
        cells = reduction.cells()
        if not cells.cells:
            raise NoRecords(f"no records: {selection.on}", hint="judge store info shows what the store holds; check --on")
        rows, uncorrected, changes = record_rows(work, reduction, cells, sums=sums) if "record" in units else ([], [], [])
        rewards = [name for name in names if metrics or name.startswith("reward.")]
        if "session" in units:
            newest = [place for place, info in enumerate(reduction.metrics) if info.name in rewards and info == selection.metric(info.name)]
            rows += session_rows(work, reduction, cells, [place for place in newest if reduction.metrics[place].kind != "category"])
        if "prompt" in units:
            rows += prompt_rows(reduction, cells, rewards, work.settings)
        rows += comparison_rows(work.store, reduction, cells, compared)
        if "corpus" in units:
            rows += corpus_rows(reduction, cells)
    notes = [*_notes(selection, names), *served_notes(rows), *uncorrected]
    return Signals(rows, columns, window, notes=notes, judge_changes=changes)


def _check_units(units: Sequence[str]) -> None:
    for unit in units:
        if unit not in UNITS:
            raise UsageError(f"--units {unit} is no unit", hint=f"one or more of {', '.join(UNITS)}")


def _notes(selection: Selection, names: Sequence[str]) -> list[str]:
    several = [name for name in names if len(selection.metrics[name]) > 1]
    return [f"{name}: scored with more than one identity; each has rows of its own" for name in several]
