"""Which answers of one prompt stand side by side to show a change."""

import numpy as np

from judgecli.report import ReportChange
from judgecli.signal.gathering import GatheredRecords
from judgecli.signal.report.side_by_side import pairs_of


def gathered(rows):
    """(version, prompt, value) rows."""
    count = len(rows)
    values = np.array([np.nan if row[2] is None else row[2] for row in rows], float)
    columns = {"version": [row[0] for row in rows]}
    keys = [bytes([place]) * 16 for place in range(count)]
    return GatheredRecords(count, np.arange(count), [None] * count, columns, {"m": values}, {}, keys, [row[1] for row in rows])


def change(difference):
    return ReportChange("m", "version", "v2", "v1", 9, 9, 9, 9, 0.0, 0.0, difference, -1.0, 1.0, 0.001, 0.001, 1.0, True)


ROWS = [("v1", 1, 0.9), ("v1", 1, 0.5), ("v2", 1, 0.2), ("v2", 1, 0.4), ("v1", 2, 0.8), ("v2", 2, 0.0), ("v1", 3, 1.0), ("v2", 4, 0.0), ("v3", 1, 0.0)]


def test_a_drop_shows_the_best_before_and_the_worst_after():
    found = gathered(ROWS)
    assert pairs_of(change(-0.4), found, found.values["m"]) == [(4, 5), (0, 2)]
    assert pairs_of(change(-0.4), found, found.values["m"], most=1) == [(4, 5)]


def test_a_rise_goes_the_other_way_and_unscored_answers_are_never_shown():
    found = gathered([("v1", 1, 0.1), ("v1", 1, None), ("v2", 1, 0.9), ("v2", 1, None), ("v1", 2, 0.9), ("v2", 2, 0.1), ("v1", None, 0.0), ("v2", None, 1.0)])
    assert pairs_of(change(0.4), found, found.values["m"]) == [(0, 2)]  # prompt 2 fell, which does not show a rise


def test_no_common_prompt_gives_nothing():
    found = gathered([("v1", 1, 0.9), ("v2", 2, 0.1)])
    assert pairs_of(change(-0.4), found, found.values["m"]) == []
