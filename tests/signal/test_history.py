"""What a chart remembers: every item once, fine where it is new."""

import numpy as np

from judgecli.signal.alarms.history import A_DAY, FINE, MOST, add_day, pieces_since, rows_of

DAY = 86_400_000_000


def test_pieces_of_a_day_by_hand():
    time, x = np.arange(5) * 10, np.array([0.0, 1.0, 1.0, 0.0, 1.0])
    assert rows_of(time, x, 2 * x, 1.5, 2) == [[0.0, 2.0, 1.0, 2.0, 1.5], [20.0, 3.0, 2.0, 4.0, 1.5]]
    assert len(rows_of(time, x, x, 1.0, 64)) == 5
    assert rows_of(time[:0], x[:0], x[:0], 1.0, 8) == []


def test_nothing_is_lost_and_old_days_are_joined():
    chance, history, days, total, items = np.random.default_rng(1), [], [], 0.0, 0
    for day in range(200):
        n = int(chance.integers(1, 50))
        x = chance.random(n)
        total, items = total + x.sum(), items + n
        add_day(history, day * DAY + np.arange(n), x, x, 1.0, days)
    assert len(history) <= MOST
    assert len(days) == FINE
    assert sum(days) <= FINE * A_DAY
    assert sum(row[1] for row in history) == items
    assert abs(sum(row[2] for row in history) - total) < 1e-9
    assert [row[0] for row in history] == sorted(row[0] for row in history)
    assert {row[0] % DAY for row in history[: -sum(days)]} == {0.0}  # whole days


def test_what_came_before_a_restart_is_left_out():
    history, days = [], []
    for day in range(3):
        add_day(history, day * DAY + np.arange(4), np.ones(4), np.ones(4), 1.0, days)
    assert pieces_since(history, [], DAY + 3).moment.tolist() == [2 * DAY + place for place in range(4)]
