"""Window: scores and rewards of the store by window and policy."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from judgecli.errors import NoRecords, UsageError
from judgecli.pipeline.linking import AnchorLinks
from judgecli.pipeline.rewarding import directions, select_rewarded
from judgecli.pipeline.units import comparison_rows, corpus_rows, episode_rows_of, prompt_rows, session_rows
from judgecli.signal.cells import Cells, Window, duration
from judgecli.signal.linked import link_rows
from judgecli.signal.served import served_notes
from judgecli.signal.windows import SignalRow, Signals, window_signals
from judgecli.store.comparisons import compared_metrics
from judgecli.store.folder import Store
from judgecli.store.selection import Selection, select_records
from judgecli.store.windows_query import Question, WindowReduction

if TYPE_CHECKING:
    from judgecli.config.settings import Settings

UNITS = ("record", "session", "prompt", "pair", "corpus")


def compute_signals(
    settings: "Settings",
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
    columns = tuple(dict.fromkeys(settings.policy if by is None else by))
    with Store(settings.store, create=False) as store:
        compared = [one for one in compared_metrics(store.ledger) if one[2] in units and (not metrics or one[0] in metrics)]
        if metrics:
            metrics = [name for name in metrics if name not in {one[0] for one in compared}]
        selection = _select(store, on, metrics, settings)
        names = sorted(selection.metrics, key=lambda name: (not name.startswith("reward."), name)) if metrics is None else list(dict.fromkeys(metrics))
        question = ask(settings, columns, window)
        with WindowReduction(store, selection, names, question) as reduction:
            cells = reduction.cells()
            if not cells.cells:
                raise NoRecords(f"no records: {selection.on}", hint="judge store info shows what the store holds; check --on")
            rows, uncorrected, changes = record_rows(store, reduction, cells, settings, sums=sums) if "record" in units else ([], [], [])
            rewards = [name for name in names if metrics or name.startswith("reward.")]
            if "session" in units:
                newest = [place for place, info in enumerate(reduction.metrics) if info.name in rewards and info == selection.metric(info.name)]
                rows += session_rows(store, reduction, cells, [place for place in newest if reduction.metrics[place].kind != "category"], settings)
            if "prompt" in units:
                rows += prompt_rows(reduction, cells, rewards, settings)
            rows += comparison_rows(store, reduction, cells, compared)
            if "corpus" in units:
                rows += corpus_rows(reduction, cells)
    notes = [*_notes(selection, names), *served_notes(rows), *uncorrected]
    return Signals(rows, columns, window, notes=notes, judge_changes=changes)


def record_rows(
    store: Store, reduction: WindowReduction, cells: Cells, settings: "Settings", *, sums: bool = False
) -> tuple[list[SignalRow], list[str], list[dict[str, object]]]:
    """The rows of records, what could not be corrected by labels, and where a judge changed. With `sums`, rows keep their sums by cluster."""
    half_life = duration(settings.project.value.half_life).total_seconds() * 1e6
    rows = window_signals(cells, half_life_us=half_life, prior=settings.project.value.prior, sums=sums)
    uncorrected: list[str] = []
    if settings.project.align:
        from judgecli.pipeline.correcting import correct_rows

        rows, uncorrected = correct_rows(store, reduction, cells, rows, settings)
    infos = {(info.name, info.identity): info for info in reduction.metrics}
    aims = directions(settings, {info.name: info.higher_is_better for info in infos.values()})
    links = AnchorLinks(store, settings, {key: (info.range, aims[info.name]) for key, info in infos.items()})
    linked = link_rows(rows, links, [info.identity for info in reduction.metrics])
    return list(linked.rows), uncorrected, [change.to_json() for change in linked.changes]


def conversation_signals(settings: "Settings", *, by: Sequence[str], window: str, on: str | None) -> list[SignalRow]:
    """Returns with value and advantage, and TD errors, of the reward of judge.yaml (session.return.NAME, session.td_error.NAME); none without one.

    Raises: as compute_signals.
    """
    reward = settings.project.reward
    if reward is None:
        return []
    name = f"reward.{reward.name}"
    with Store(settings.store, create=False) as store:
        selection = _select(store, on, None, settings)
        if name not in selection.metrics:
            return []
        with WindowReduction(store, selection, [name], ask(settings, tuple(by), window)) as reduction:
            cells = reduction.cells()
            newest = [place for place, info in enumerate(reduction.metrics) if info == selection.metric(name)]
            return episode_rows_of(reduction, cells, newest, settings) if cells.cells else []


def _select(store: Store, on: str | None, metrics: Sequence[str] | None, settings: "Settings") -> Selection:
    """The records; with the reward of judge.yaml, unless only other metrics are wanted."""
    wants_reward = metrics is None or any(name.startswith("reward.") for name in metrics)
    return select_rewarded(store, on, settings) if wants_reward else select_records(store, on)


def ask(settings: "Settings", by: Sequence[str], window: str) -> Question:
    """The question that the settings make of these columns and this window. Raises: UsageError."""
    project = settings.project
    lateness = project.alarms.lateness if project.alarms is not None else "1d"
    return Question(by, Window.of(window), settings.cluster, duration(project.value.half_life), duration(lateness))


def _check_units(units: Sequence[str]) -> None:
    for unit in units:
        if unit not in UNITS:
            raise UsageError(f"--units {unit} is no unit", hint=f"one or more of {', '.join(UNITS)}")


def _notes(selection: Selection, names: Sequence[str]) -> list[str]:
    several = [name for name in names if len(selection.metrics[name]) > 1]
    return [f"{name}: scored with more than one identity; each has rows of its own" for name in several]
