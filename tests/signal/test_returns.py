"""Value of turns and TD errors of conversations: by hand, telescoping to return minus value, and without what is not known."""

import json
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from opened import compute_signals
from stores import NUMBER, make_store, settings_of

from judgecli.renderers.signals import signals_page
from judgecli.renderers.terminal import Page
from judgecli.signal.cells import Window, WindowCell, WindowCells
from judgecli.signal.returns import Episode, episode_rows

DAY = 86_400_000_000
FOREVER = 1e30


def cells_of(*cells, newest=20):
    """Days as windows; each cell is (day, segment)."""
    end = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=newest)
    return WindowCells(("model",), Window.of("1d"), end, timedelta(days=1), [WindowCell(day, (segment,), 5, 0) for day, segment in cells], [])


def episode(cell, day, *rewards, cluster=None, reasons=()):
    """A conversation at noon of a day."""
    given = list(reasons) or [None] * len(rewards)
    return Episode(cell, hash((cell, rewards)) % 1000 if cluster is None else cluster, day * DAY + DAY // 2, rewards, given)


def rows_of(cells, episodes, *, gamma=0.5, half_life_us=FOREVER, prior=0.0, better=True):
    found = episode_rows(cells, episodes, "q", "id", better=better, gamma=gamma, half_life_us=half_life_us, prior=prior)
    return {(row.metric, (row.window_start - datetime(1970, 1, 1, tzinfo=UTC)).days, row.policy["model"]): row for row in found}


def test_td_errors_by_hand():
    """Day 1: rewards 1, 1 and 0, 1 give G = 1.5, 1 and 0.5, 1, so V1 = 1 and V2 = 1. Day 2: 1, 0: delta = 1 + 0.5 - 1, then 0 - 1."""
    cells = cells_of((1, "a"), (2, "a"))
    made = rows_of(cells, [episode(0, 1, 1.0, 1.0), episode(0, 1, 0.0, 1.0), episode(1, 2, 1.0, 0.0)])
    errors, returns = made["session.td_error.q", 2, "a"], made["session.return.q", 2, "a"]
    assert (errors.n, errors.mean) == (2, pytest.approx(-0.25))
    assert errors.extra == {"turn_1": pytest.approx(0.5), "turn_2": pytest.approx(-1.0), "value_1": pytest.approx(1.0), "value_2": pytest.approx(1.0)}
    assert (returns.mean, returns.advantage, returns.value) == (1.0, pytest.approx(0.0), pytest.approx(1.0))
    assert errors.extra["turn_1"] + 0.5 * errors.extra["turn_2"] == pytest.approx(returns.advantage)  # they telescope to G - V
    first = made["session.td_error.q", 1, "a"]
    assert (first.n, first.mean, first.unscored, first.extra) == (0, None, {"not_applicable": 4}, {})
    assert first.reasons["mean"] == "no conversation of an earlier window reached this turn"


def test_value_halves_with_the_half_life():
    """A conversation of day 1 at noon has weight 1/2 against one of day 2 at noon, seen from the end of day 2: (0 / 2 + 1) / 1.5."""
    cells = cells_of((1, "a"), (2, "a"), (3, "a"))
    made = rows_of(cells, [episode(0, 1, 0.0), episode(1, 2, 1.0), episode(2, 3, 1.0)], half_life_us=float(DAY))
    assert made["session.return.q", 2, "a"].value == pytest.approx(1 / 1.5)
    assert made["session.td_error.q", 3, "a"].mean == pytest.approx(1 - 1 / 1.5)


def test_segments_have_values_of_their_own_and_share_by_the_prior():
    cells = cells_of((1, "a"), (1, "b"), (2, "a"), (2, "b"))
    given = [episode(0, 1, 1.0), episode(1, 1, 0.0), episode(2, 2, 1.0), episode(3, 2, 1.0)]
    apart = rows_of(cells, given)
    assert [apart["session.td_error.q", 2, name].mean for name in "ab"] == [pytest.approx(0.0), pytest.approx(1.0)]
    shared = rows_of(cells, given, prior=1.0)  # V = (own + 1 x 0.5) / 2
    assert [shared["session.td_error.q", 2, name].mean for name in "ab"] == [pytest.approx(0.25), pytest.approx(0.75)]


def test_a_turn_without_reward_has_no_error_and_leaves_the_others_theirs():
    cells = cells_of((1, "a"), (2, "a"))
    lost = episode(1, 2, 1.0, None, 1.0, reasons=(None, "timeout", None))
    made = rows_of(cells, [episode(0, 1, 1.0, 1.0, 1.0), lost], gamma=1.0)
    errors, returns = made["session.td_error.q", 2, "a"], made["session.return.q", 2, "a"]
    assert (errors.n, errors.unscored) == (2, {"timeout": 1})
    assert errors.extra["turn_1"] == pytest.approx(1 + 2 - 3)
    assert errors.extra["turn_3"] == pytest.approx(1 - 1)
    assert (returns.n, returns.unscored, returns.advantage) == (0, {"timeout": 1}, None)


def test_longer_than_any_before_is_not_known():
    cells = cells_of((1, "a"), (2, "a"))
    errors = rows_of(cells, [episode(0, 1, 1.0), episode(1, 2, 1.0, 1.0)])["session.td_error.q", 2, "a"]
    assert (errors.n, errors.unscored) == (0, {"not_applicable": 2})  # V of a second turn is asked for by both


def test_turns_from_the_tenth_on_share_one_value():
    cells = cells_of((1, "a"), (2, "a"))
    errors = rows_of(cells, [episode(0, 1, *[1.0] * 12), episode(1, 2, *[1.0] * 12)], gamma=0.0)["session.td_error.q", 2, "a"]
    assert (errors.n, errors.mean) == (12, pytest.approx(0.0))
    assert sorted(errors.extra, key=str) == sorted([f"{part}_{turn}" for turn in range(1, 11) for part in ("turn", "value")], key=str)


def test_td_errors_telescope_whatever_the_rewards():
    draw = np.random.default_rng(2)
    cells = cells_of((1, "a"), (2, "a"))
    before = [episode(0, 1, *draw.random(5).tolist()) for _ in range(30)]
    after = [episode(1, 2, *draw.random(5).tolist(), cluster=number) for number in range(30)]
    made = rows_of(cells, before + after, gamma=0.9)
    errors, returns = made["session.td_error.q", 2, "a"], made["session.return.q", 2, "a"]
    assert sum(0.9 ** (turn - 1) * errors.extra[f"turn_{turn}"] for turn in range(1, 6)) == pytest.approx(returns.advantage)


def test_records_without_time_and_one_window_have_none():
    whole = WindowCells(("model",), Window.of("all"), datetime(1970, 1, 9, tzinfo=UTC), timedelta(days=1), [WindowCell(None, ("a",), 5, 0)], [])
    found = episode_rows(whole, [Episode(0, 1, 5 * DAY, (1.0,), (None,))], "q", "id", better=True, gamma=1.0, half_life_us=FOREVER, prior=0.0)
    assert [(row.metric, row.n, row.value) for row in found] == [("session.return.q", 1, 1.0), ("session.td_error.q", 0, None)]
    timeless = episode_rows(whole, [Episode(0, 1, None, (1.0,), (None,))], "q", "id", better=True, gamma=1.0, half_life_us=FOREVER, prior=0.0)
    assert timeless[0].value is None
    assert "none has a time" in timeless[0].reasons["value"]


def two_days(folder, second):
    """Four conversations of two turns a day: 0.5 and 0.5 on the first, `second` on the next."""
    rows = []
    for day in (7, 8):
        for number in range(4):
            for turn in range(2):
                time = datetime(2026, 9, day, 10, turn, tzinfo=UTC)
                base = {"time": time, "session": f"s{day}-{number}", "input": "x", "output": "y", "model": "a", "cluster": day * 10 + number, "prompt_hash": 1}
                rows.append({**base, "quality": 0.5 if day == 7 else second[turn]})
    return make_store(folder / "s", rows, [NUMBER], cuts=[3])


def test_signals_and_their_page(tmp_path):
    root = two_days(tmp_path, (1.0, 0.0))
    given = settings_of(root, project={"value": {"gamma": 1.0, "prior": 0}})
    found = compute_signals(given, window="1d", units=["session"], metrics=["quality"])
    errors = [row for row in found.rows if row.metric == "session.td_error.quality"]
    assert [(row.n, row.mean) for row in errors] == [(0, None), (8, pytest.approx(0.0))]  # 1 + 0.5 - 1, then 0 - 0.5
    assert errors[1].extra["turn_2"] == pytest.approx(-0.5)
    page = signals_page(json.loads(json.dumps(found.to_json())), Page(160))
    assert "(n counts turns of sessions)" in page
    assert "by turn   a 2026-09-08 open  1: 0.5, 2: -0.5" in page


def test_the_report_has_conversations_where_there_is_a_reward(tmp_path):
    from opened import build_report

    from judgecli.renderers.report_html import report_html
    from judgecli.renderers.report_markdown import report_markdown

    root = two_days(tmp_path, (0.75, 0.0))
    project = {"value": {"gamma": 1.0, "prior": 0, "half_life": "1d"}, "reward": {"name": "all", "terms": {"quality": {"weight": 1}}}}
    report = build_report(settings_of(root, project=project), window="1d")
    (found,) = report.conversations
    assert (found.metric, found.policy, found.n, found.of, found.mean, found.turns_n) == ("reward.all", "a", 8, 8, pytest.approx(0.875), 8)
    assert (found.td_error, found.turns) == (pytest.approx(-0.125), {1: pytest.approx(0.25), 2: pytest.approx(-0.5)})
    assert found.value == pytest.approx((1.0 / 2 + 0.75) / 1.5, abs=1e-4)
    page, twin = report_html(report), report_markdown(report)
    assert "Conversations" in page
    assert "1: +0.25, 2: -0.5" in page
    assert "1: +0.25, 2: -0.5" in twin.replace("\\", "")
    assert json.loads(json.dumps(report.to_json()))["conversations"][0]["turns"] == {"1": pytest.approx(0.25), "2": pytest.approx(-0.5)}
    assert build_report(settings_of(root), window="1d").conversations == []
