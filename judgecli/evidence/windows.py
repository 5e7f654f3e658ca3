"""The rows of signals: every metric of the records in every window and segment, corrected by labels and linked across judges."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from judgecli.evidence.links import AnchorLinks
from judgecli.evidence.rewarded import directions, select_rewarded
from judgecli.evidence.units import episode_rows_of
from judgecli.evidence.work import Work
from judgecli.signal.cells import Window, WindowCells, duration
from judgecli.signal.linked import link_rows
from judgecli.signal.windows import SignalRow, window_signals
from judgecli.store.selection import Selection
from judgecli.store.windows_query import WindowQuestion, WindowReduction

if TYPE_CHECKING:
    from judgecli.config.settings import Settings


def record_rows(
    work: Work, reduction: WindowReduction, cells: WindowCells, *, sums: bool = False
) -> tuple[list[SignalRow], list[str], list[dict[str, object]]]:
    """The rows of records, what could not be corrected by labels, and where a judge changed. With `sums`, rows keep their sums by cluster."""
    half_life = duration(work.settings.project.value.half_life).total_seconds() * 1e6
    rows = window_signals(cells, half_life_us=half_life, prior=work.settings.project.value.prior, sums=sums)
    uncorrected: list[str] = []
    if work.settings.project.align:
        from judgecli.evidence.corrected import correct_rows

        rows, uncorrected = correct_rows(work, reduction, cells, rows)
    infos = {(info.name, info.identity): info for info in reduction.metrics}
    aims = directions(work.settings, {info.name: info.higher_is_better for info in infos.values()})
    links = AnchorLinks(work, {key: (info.range, aims[info.name]) for key, info in infos.items()})
    linked = link_rows(rows, links, [info.identity for info in reduction.metrics])
    return list(linked.rows), uncorrected, [change.to_json() for change in linked.changes]


def conversation_signals(work: Work, *, by: Sequence[str], window: str, on: str | None) -> list[SignalRow]:
    """Returns with value and advantage, and TD errors, of the reward of judge.yaml (session.return.NAME, session.td_error.NAME); none without one.

    Raises: as compute_signals.
    """
    reward = work.settings.project.reward
    if reward is None:
        return []
    name = f"reward.{reward.name}"
    selection = select_signalled(work, on, None)
    if name not in selection.metrics:
        return []
    with WindowReduction(work.store, selection, [name], ask(work.settings, tuple(by), window)) as reduction:
        cells = reduction.cells()
        newest = [place for place, info in enumerate(reduction.metrics) if info == selection.metric(name)]
        return episode_rows_of(reduction, cells, newest, work.settings) if cells.cells else []


def select_signalled(work: Work, on: str | None, metrics: Sequence[str] | None) -> Selection:
    """The records; with the reward of judge.yaml, unless only other metrics are wanted."""
    wants_reward = metrics is None or any(name.startswith("reward.") for name in metrics)
    return select_rewarded(work, on) if wants_reward else work.select(on)


def ask(settings: "Settings", by: Sequence[str], window: str) -> WindowQuestion:
    """The question that the settings make of these columns and this window. Raises: UsageError."""
    project = settings.project
    lateness = project.alarms.lateness if project.alarms is not None else "1d"
    return WindowQuestion(by, Window.of(window), settings.cluster, duration(project.value.half_life), duration(lateness))
