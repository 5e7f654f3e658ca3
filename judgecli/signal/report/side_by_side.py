"""Which answers show a change: of one prompt, one from before and one from after."""

from collections.abc import Sequence

import numpy as np

from judgecli.arrays import Floats
from judgecli.report import ReportChange
from judgecli.signal.gathering import GatheredRecords

MOST = 3


def pairs_of(change: ReportChange, gathered: GatheredRecords, values: Floats, *, most: int = MOST) -> list[tuple[int, int]]:
    """Rows (before, after) that answer one prompt and lie furthest apart in the direction of the change, each prompt once.

    `values`: N numbers (NaN = unscored) in the order of `gathered`. None where no prompt was answered on both sides.
    """
    up = change.difference > 0
    column = gathered.columns[change.column]
    first, last = (_extremes(gathered, column, value, values, highest=highest) for value, highest in ((change.before, not up), (change.after, up)))
    sign = 1 if up else -1
    gaps = {prompt: sign * float(values[last[prompt]] - values[row]) for prompt, row in first.items() if prompt in last}
    chosen = sorted((prompt for prompt, gap in gaps.items() if gap > 0), key=lambda prompt: (-gaps[prompt], prompt))[:most]
    return [(first[prompt], last[prompt]) for prompt in chosen]


def _extremes(gathered: GatheredRecords, column: Sequence[str | None], wanted: str, values: Floats, *, highest: bool) -> dict[int, int]:
    """By prompt the row with the highest, or lowest, value among those of one policy value; of equals the one with the smallest key."""
    found: dict[int, int] = {}
    for row in np.flatnonzero(~np.isnan(values)).tolist():
        prompt = gathered.prompts[row]
        if column[row] != wanted or prompt is None:
            continue
        other = found.get(prompt)
        if other is None or _rank(gathered, values, row, highest) < _rank(gathered, values, other, highest):
            found[prompt] = row
    return found


def _rank(gathered: GatheredRecords, values: Floats, row: int, highest: bool) -> tuple[float, bytes]:
    return (-float(values[row]) if highest else float(values[row]), gathered.keys[row])
