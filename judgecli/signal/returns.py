"""Conversations as episodes: the value of each turn of a segment, and the TD errors of its turns.

A state is (segment, turn): V(segment, t) is the decayed mean of the returns G_t of conversations that reached turn t, shrunk to that of all
segments (reward/value.py). The TD error of a turn, delta_t = r_t + gamma V(t + 1) - V(t), with V after the last turn 0, says by how much the
conversation is going better than its like went before. V is what conversations of earlier windows gave, so a first window has none.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from judgecli.arrays import Floats, Integers
from judgecli.reward.advantage import session_return
from judgecli.reward.value import ValueBaseline, decayed_values
from judgecli.signal.cells import WindowCells
from judgecli.signal.units import unit_metric, unit_rows
from judgecli.signal.windows import SignalRow

LAST_TURN = 10  # turns from this one on share one V
FIRST = "no conversation of an earlier window reached this turn"


@dataclass(frozen=True)
class Episode:
    """One conversation: the cell and cluster of its first record, its time in microseconds, and each turn's reward, or None with a reason."""

    cell: int
    cluster: int
    start_us: int | None
    rewards: Sequence[float | None]
    reasons: Sequence[str | None]


@dataclass(frozen=True)
class _Turns:
    """All turns of all episodes: cell, cluster, time, turn (from 1, at most LAST_TURN), whether it is the last, reward and return (NaN: none), reason."""

    cell: Integers
    cluster: Integers
    time: Floats
    turn: Integers
    last: "np.ndarray[tuple[int], np.dtype[np.bool_]]"
    reward: Floats
    returns: Floats
    reasons: Sequence[str | None]


def episode_rows(
    cells: WindowCells, episodes: Sequence[Episode], name: str, identity: str, *, better: bool | None, gamma: float, half_life_us: float, prior: float
) -> list[SignalRow]:
    """session.return.NAME with `value` (V of a first turn, at the window's end) and `advantage` (over V at its start), and session.td_error.NAME.

    The rows of TD errors count turns, in the cell and cluster of their conversation; `extra` has turn_1, turn_2, ... (the mean TD error of
    each turn) and value_1, ... (V at the window's start), turn_10 for all from the tenth on. A turn has none (not_applicable) where V is not known.
    """
    turns = _turns(episodes, gamma)
    values = [_values(cells, turns, turn, half_life_us=half_life_us, prior=prior) for turn in range(1, LAST_TURN + 1)]
    starts = np.cumsum([0, *(len(one.rewards) for one in episodes)])[:-1]
    items = [
        (one.cell, one.cluster, value if np.isfinite(value) else _why_missing(one)) for one, value in zip(episodes, turns.returns[starts].tolist(), strict=True)
    ]
    found = unit_metric(f"session.return.{name}", "session", "number", better, items, scale=(None, None), parameters=[identity, gamma])
    rows = [_valued(row, _baseline(cells, row, values[0])) for row in unit_rows(cells, [found])]
    errors = _errors(turns, values, gamma)
    told = [
        (cell, cluster, float(error) if np.isfinite(error) else reason or "not_applicable")
        for cell, cluster, error, reason in zip(turns.cell.tolist(), turns.cluster.tolist(), errors.tolist(), turns.reasons, strict=True)
    ]
    metric = unit_metric(f"session.td_error.{name}", "turn", "number", better, told, scale=(None, None), parameters=[identity, gamma, half_life_us, prior])
    rows += [_by_turn(cells, row, turns, errors, values) for row in unit_rows(cells, [metric])]
    return rows


def _turns(episodes: Sequence[Episode], gamma: float) -> _Turns:
    lengths = np.array([len(one.rewards) for one in episodes], dtype=np.int64)
    ends = np.cumsum(lengths)
    turn = np.arange(1, int(lengths.sum()) + 1) - np.repeat(ends - lengths, lengths)
    last = np.zeros(len(turn), dtype=bool)
    last[ends - 1] = True

    def spread(values: Sequence[float]) -> np.ndarray:
        return np.repeat(np.array(values), lengths)

    def flat(rows: Sequence[Sequence[float | None]]) -> Floats:
        return np.array([np.nan if value is None else value for row in rows for value in row], dtype=np.float64)

    return _Turns(
        cell=spread([one.cell for one in episodes]).astype(np.int64),
        cluster=np.repeat(np.array([one.cluster for one in episodes], dtype=np.int64), lengths),
        time=spread([float("nan") if one.start_us is None else float(one.start_us) for one in episodes]),
        turn=np.minimum(turn, LAST_TURN),
        last=last,
        reward=flat([one.rewards for one in episodes]),
        returns=flat([session_return(one.rewards, gamma=gamma) for one in episodes]),
        reasons=[reason for one in episodes for reason in one.reasons],
    )


def _why_missing(episode: Episode) -> str:
    """Why a conversation has no return: the reason of its first turn without a reward."""
    return next((reason or "not_asked" for reward, reason in zip(episode.rewards, episode.reasons, strict=True) if reward is None), "not_asked")


def _values(cells: WindowCells, turns: _Turns, turn: int, *, half_life_us: float, prior: float) -> dict[int, ValueBaseline]:
    """V of one turn by cell: at the end of the cell's window, and at its start; none where no conversation reached that turn yet."""
    width, newest = cells.window.width_us, cells.newest
    if newest is None:
        return {}
    kept = [place for place, cell in enumerate(cells.cells) if width is None or cell.window is not None]
    now = newest.timestamp() * 1e6
    ends = [now if width is None else float(cells.window.origin_us + ((cells.cells[place].window or 0) + 1) * width) for place in kept]
    own = (turns.turn == turn) & np.isfinite(turns.returns) & np.isfinite(turns.time) & np.isin(turns.cell, kept)
    end_of = np.zeros(len(cells.cells))
    end_of[kept] = ends
    at = turns.cell[own]
    weights = np.exp2(-np.maximum(end_of[at] - turns.time[own], 0.0) / half_life_us)
    sums, counts = (np.bincount(at, part, len(cells.cells)).astype(np.float64) for part in (weights * turns.returns[own], weights))
    segments = [cells.cells[place].segment for place in kept]
    found = decayed_values(segments, ends, sums[kept], counts[kept], width=float(width or 0), half_life=half_life_us, prior=prior)
    return dict(zip(kept, found, strict=True))


def _errors(turns: _Turns, values: Sequence[dict[int, ValueBaseline]], gamma: float) -> Floats:
    """The TD error of every turn; NaN where its reward, or V before it or after it, is not known."""
    size = 1 + int(turns.cell.max(initial=-1))
    before = np.full((LAST_TURN + 1, size), np.nan)
    for turn, found in enumerate(values, 1):
        for cell, baseline in found.items():
            if cell < size and baseline.before is not None:
                before[turn, cell] = baseline.before
    here = before[turns.turn, turns.cell]
    following = np.where(turns.last, 0.0, before[np.minimum(turns.turn + 1, LAST_TURN), turns.cell])
    errors: Floats = turns.reward + gamma * following - here
    return errors


def _cell_of(cells: WindowCells, row: SignalRow) -> int:
    segment = tuple(row.policy.values())
    return next(
        place
        for place, cell in enumerate(cells.cells)
        if cell.segment == segment and (None if cell.window is None else cells.window.start(cell.window)) == row.window_start
    )


def _baseline(cells: WindowCells, row: SignalRow, values: dict[int, ValueBaseline]) -> ValueBaseline:
    return values.get(_cell_of(cells, row), ValueBaseline(None, None))


def _valued(row: SignalRow, baseline: ValueBaseline) -> SignalRow:
    """The row with V and the advantage over it, or why it has none."""
    advantage = None if row.mean is None or baseline.before is None else row.mean - baseline.before
    reasons = {name: text for name, text in row.reasons.items() if name not in ("value", "advantage")}
    if baseline.value is None:
        reasons["value"] = "no conversation has a return yet, or none has a time"
    if advantage is None:
        reasons["advantage"] = FIRST if row.mean is not None else row.reasons.get("mean", "there is no mean")
    return replace(row, value=baseline.value, advantage=advantage, reasons=reasons)


def _by_turn(cells: WindowCells, row: SignalRow, turns: _Turns, errors: Floats, values: Sequence[dict[int, ValueBaseline]]) -> SignalRow:
    """The row with the mean TD error of each turn, and V before it."""
    cell = _cell_of(cells, row)
    own = (turns.cell == cell) & np.isfinite(errors)
    sums, counts = np.bincount(turns.turn[own], errors[own], LAST_TURN + 1), np.bincount(turns.turn[own], minlength=LAST_TURN + 1)
    extra: dict[str, float | int | None] = {f"turn_{turn}": float(sums[turn] / counts[turn]) for turn in range(1, LAST_TURN + 1) if counts[turn]}
    for turn, found in enumerate(values, 1):
        before = found[cell].before if cell in found else None
        if before is not None:
            extra[f"value_{turn}"] = before
    reasons = {**row.reasons, **({"mean": FIRST} if row.mean is None and "not_applicable" in row.unscored else {})}
    return replace(row, extra={**row.extra, **extra}, reasons=reasons)
