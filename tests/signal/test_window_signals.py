"""Signals by window: values by hand, an independent oracle, the same answer whatever the sharding and the zone."""

import os
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from opened import compute_signals
from scipy import stats as oracle

from judgecli.errors import NoRecords, UnknownName, UsageError
from judgecli.schema import REASONS
from judgecli.signal.cells import EPOCH, Window, WindowCell, WindowCells
from judgecli.signal.units import unit_metric
from judgecli.signal.windows import SignalRow, window_signals
from judgecli.stats.column import ColumnFacts
from judgecli.stats.deciding import estimate_mean
from judgecli.store.folder import Store

sys.path.insert(0, str(Path(__file__).parent))
from stores import NUMBER, OPEN, RATE, add_shard, at, make_store, settings_of

ZONES = (
    *("UTC", "America/New_York", "America/Los_Angeles", "America/St_Johns", "America/Sao_Paulo", "Europe/London", "Europe/Berlin"),
    *("Europe/Moscow", "Africa/Cairo", "Africa/Lagos", "Asia/Tehran", "Asia/Kolkata", "Asia/Kathmandu", "Asia/Shanghai", "Asia/Tokyo"),
    *("Australia/Adelaide", "Australia/Lord_Howe", "Pacific/Auckland", "Pacific/Chatham", "Pacific/Kiritimati"),
)


def row(time_: str | None, model: str | None, cluster: int, quality: float | str, **more: Any) -> dict[str, Any]:
    return {"time": None if time_ is None else at(time_), "model": model, "cluster": cluster, "quality": quality, **more}


def found(root: Path, *, window: str = "1d", **given_: Any) -> list[SignalRow]:
    options = {name: given_.pop(name) for name in ("by", "on", "metrics") if name in given_}
    return list(compute_signals(settings_of(root, **given_), window=window, **options).rows)


HAND = [
    row("2026-09-07 00:00", "a", 1, 1.0),
    row("2026-09-07 10:00", "a", 1, 1.0),
    row("2026-09-07 11:00", "a", 2, 0.0),
    row("2026-09-07 12:00", "a", 2, 0.0),
    row("2026-09-07 13:00", "a", 3, 0.5),
    row("2026-09-07 23:59", "a", 3, 0.5),
    row("2026-09-08 00:00", "a", 4, "timeout"),
    row("2026-09-08 01:00", "a", 5, 0.25),
    row("2026-09-08 02:00", "a", 6, "not_applicable"),
    row(None, "a", 7, 1.0),
    row("2026-09-07 09:00", None, 8, 0.75),
]


def test_rows_by_hand(tmp_path: Path) -> None:
    rows = found(make_store(tmp_path / "s", HAND, [NUMBER]))
    assert [(one.window_start, one.policy["model"], one.n) for one in rows] == [
        (None, "a", 1),
        (at("2026-09-07 00:00"), None, 1),
        (at("2026-09-07 00:00"), "a", 6),
        (at("2026-09-08 00:00"), "a", 1),
    ]
    first, last = rows[2], rows[3]
    # three clusters of two: sums 2, 0, 1, mean 1/2, residuals 1, -1, 0: SE^2 = 3/2 * 2 / 36
    assert (first.mean, first.clusters, first.unscored) == (0.5, 3, {})
    assert first.se == pytest.approx((1 / 12) ** 0.5, rel=1e-15)
    assert (first.low, first.high) == (0.0, 1.0)  # 4.303 standard errors either way, cut at the scale
    assert (first.worst, first.best) == (0.5, 0.5)
    assert (last.mean, last.se, last.low, last.clusters) == (0.25, None, None, 1)
    assert last.unscored == {"not_applicable": 1, "timeout": 1}
    assert (last.worst, last.best) == (0.125, 0.625)  # what is not applicable enters no bound
    assert last.reasons["low"] == "all rows are of one cluster"


def test_value_and_advantage_by_hand(tmp_path: Path) -> None:
    rows = [row("2026-09-07 00:00", "a", 1, 1.0), row("2026-09-08 00:00", "a", 2, 0.0)]
    project = {"value": {"half_life": "1d", "prior": 0}}
    first, second = found(make_store(tmp_path / "s", rows, [NUMBER]), project=project)
    assert (first.value, first.advantage) == (1.0, None)
    assert first.reasons["advantage"] == "nothing was scored before this window"
    # at the end of the second day the first value is two half-lives old, the second one: (1/4 * 1 + 1/2 * 0) / (3/4)
    assert second.value == pytest.approx(1 / 3, rel=1e-12)
    assert second.advantage == -1.0
    assert second.extra == {}  # one cluster has no lower limit to fall short of


def test_a_small_segment_is_drawn_to_the_value_of_all(tmp_path: Path) -> None:
    rows = [row("2026-09-07 00:00", "a", number, 1.0) for number in range(3)] + [row("2026-09-07 00:00", "b", 9, 0.0)]
    project = {"value": {"half_life": "1d", "prior": 1}}
    a, b = found(make_store(tmp_path / "s", rows, [NUMBER]), project=project)
    # each weighs 1/2 at the end of the day; V of all = 3/4: a = (1.5 + 0.75) / 2.5, b = (0 + 0.75) / 1.5
    assert (a.value, b.value) == (pytest.approx(0.9), pytest.approx(0.5))


def test_regret_is_against_the_best_lower_limit(tmp_path: Path) -> None:
    rows = [row("2026-09-07 00:00", "sure", number, 0.8 + 0.1 * (number % 2)) for number in range(40)]
    rows += [row("2026-09-07 00:00", "lucky", 100, 1.0), row("2026-09-07 00:00", "lucky", 101, 0.9)]
    rows += [row("2026-09-08 00:00", "bad", 200 + number, 0.2 + 0.1 * (number % 2)) for number in range(40)]
    by = {one.policy["model"]: one for one in found(make_store(tmp_path / "s", rows, [NUMBER]))}
    assert (by["sure"].regret, by["lucky"].regret) == (0.0, 0.0)
    mark = by["bad"].regret_mark
    assert (mark["policy"], mark["mean"]) == ({"model": "sure"}, pytest.approx(0.85))
    assert by["bad"].regret == pytest.approx(mark["limit"] - by["bad"].mean, rel=1e-12)
    assert 0.75 < mark["limit"] < by["sure"].low  # three policies were asked, so their limits hold together


def test_two_lucky_records_set_no_mark(tmp_path: Path) -> None:
    rows = [row("2026-09-07 00:00", "steady", number, 0.7 + 0.1 * (number % 2)) for number in range(500)]
    rows += [row("2026-09-07 00:00", "lucky", 1000 + number, 0.9) for number in range(2)]
    by = {one.policy["model"]: one for one in found(make_store(tmp_path / "s", rows, [NUMBER]))}
    assert (by["steady"].regret, by["steady"].regret_mark["policy"]) == (0.0, {"model": "steady"})


def test_without_a_policy_that_is_known_there_is_no_regret(tmp_path: Path) -> None:
    rows = [row("2026-09-07 00:00", name, start + number, 0.5 + 0.1 * (number % 2)) for name, start in (("a", 0), ("b", 100)) for number in range(19)]
    one, other = found(make_store(tmp_path / "s", rows, [NUMBER]))
    assert (one.regret, other.regret, one.regret_mark) == (None, None, None)
    assert "20 clusters" in one.reasons["regret"]
    assert "regret_mark" not in one.to_json()


def test_one_policy_has_a_shortfall_against_its_first_window(tmp_path: Path) -> None:
    rows = [row("2026-09-07 00:00", "a", number, 0.8 + 0.1 * (number % 2)) for number in range(40)]
    rows += [row("2026-09-08 00:00", "a", 100 + number, 0.5) for number in range(4)]
    first, second = found(make_store(tmp_path / "s", rows, [NUMBER]))
    assert (first.regret, second.regret) == (None, None)
    assert first.extra["shortfall"] == 0.0
    values = 0.8 + 0.1 * (np.arange(40) % 2)
    assert second.extra["shortfall"] == pytest.approx(estimate_mean(values, np.ones(40), ColumnFacts("number", NUMBER.range)).low - 0.5, rel=1e-9)


def test_a_metric_that_was_never_asked_is_not_asked(tmp_path: Path) -> None:
    root = make_store(tmp_path / "s", [row("2026-09-07 00:00", "a", 1, 1.0)], [NUMBER])
    with Store(root) as store:
        add_shard(store, "f" * 24, [row("2026-09-07 01:00", "a", 2, 0.0)], 1, [], 2)
    (one,) = found(root)
    assert (one.n, one.unscored, one.worst, one.best, one.partial) == (1, {"not_asked": 1}, 0.5, 1.0, True)
    assert compute_signals(settings_of(root), window="1d").to_json()["complete"] is False


def test_identities_never_share_a_row(tmp_path: Path) -> None:
    root = make_store(tmp_path / "s", [row("2026-09-07 00:00", "a", 1, 1.0)], [NUMBER])
    with Store(root) as store:
        add_shard(store, "f" * 24, [row("2026-09-07 01:00", "a", 2, 0.0)], 1, [replace(NUMBER, identity="zzzz", version=2)], 2)
    rows = found(root)
    assert sorted((one.identity, one.n, one.mean, one.unscored == {}) for one in rows) == [("aaaa", 1, 1.0, True), ("zzzz", 1, 0.0, True)]


def test_late_and_final_go_by_arrival(tmp_path: Path) -> None:
    root = make_store(tmp_path / "s", [row("2026-09-07 10:00", "a", 1, 1.0), row("2026-09-09 10:00", "a", 2, 1.0)], [NUMBER])
    with Store(root) as store:
        add_shard(store, "f" * 24, [row("2026-09-07 11:00", "a", 3, 1.0), row("2026-09-09 11:00", "a", 4, 1.0)], 2, [NUMBER], 2)
    monday, wednesday = found(root)
    assert (monday.late, monday.final, monday.n) == (1, True, 2)
    assert (wednesday.late, wednesday.final) == (0, False)


@pytest.mark.parametrize(
    ("window", "text", "start", "end"),
    [
        ("1d", "2026-09-07 23:59", "2026-09-07 00:00", "2026-09-08 00:00"),
        ("1w", "2026-09-13 23:59", "2026-09-07 00:00", "2026-09-14 00:00"),
        ("1w", "2026-09-14 00:00", "2026-09-14 00:00", "2026-09-21 00:00"),
        ("1h", "2024-02-29 12:30", "2024-02-29 12:00", "2024-02-29 13:00"),
        ("30d", "1970-01-30 23:59", "1970-01-01 00:00", "1970-01-31 00:00"),
        ("1d", "1969-12-31 23:59", "1969-12-31 00:00", "1970-01-01 00:00"),
        ("1w", "1969-12-29 00:00", "1969-12-29 00:00", "1970-01-05 00:00"),
    ],
)
def test_windows_are_of_utc_and_weeks_start_on_monday(tmp_path: Path, window: str, text: str, start: str, end: str) -> None:
    (one,) = found(make_store(tmp_path / "s", [row(text, "a", 1, 1.0)], [NUMBER]), window=window)
    assert (one.window_start, one.window_end) == (at(start), at(end))


def test_the_year_9999_has_a_window_without_an_end(tmp_path: Path) -> None:
    (one,) = found(make_store(tmp_path / "s", [row("9999-12-31 23:59", "a", 1, 1.0)], [NUMBER]))
    assert (one.window_start, one.window_end, one.final) == (at("9999-12-31 00:00"), None, False)


def test_errors_name_the_way_out(tmp_path: Path) -> None:
    root = make_store(tmp_path / "s", [row("2026-09-07 10:00", f"m{number}", number, 1.0) for number in range(201)], [NUMBER])
    with pytest.raises(UsageError, match="201 segments") as caught:
        found(root)
    assert "--by" in caught.value.hint
    for wrong in ({"window": "1 day"}, {"window": "0d"}, {"by": ["nope"]}, {"by": ["key"]}, {"cluster": "nope"}):
        with pytest.raises(UsageError):
            found(root, **wrong)
    with pytest.raises(UnknownName):
        found(root, metrics=["nope"])
    assert len(found(root, by=[])) == 1


def test_a_selection_without_records_says_so(tmp_path: Path) -> None:
    with pytest.raises(NoRecords, match="model=nobody"):
        found(make_store(tmp_path / "s", HAND, [NUMBER]), on="model=nobody")


def test_a_filter_selects_before_anything_is_counted(tmp_path: Path) -> None:
    (one,) = found(make_store(tmp_path / "s", HAND, [NUMBER], cuts=[3, 8]), on="model = 'a' and time >= '2026-09-07 12:00' and time < '2026-09-08'")
    assert (one.n, one.clusters, one.mean) == (3, 2, pytest.approx(1 / 3))


def test_tags_and_clusters_with_quotes(tmp_path: Path) -> None:
    rows = [row("2026-09-07 10:00", "a", 1, 1.0, tags=[('it\'s "x"', "y'; --")], user=user) for user in ("u", "u", "w", None)]
    (one,) = found(make_store(tmp_path / "s", rows, [NUMBER]), by=['tags.it\'s "x"'], cluster="user")
    assert one.policy == {'tags.it\'s "x"': "y'; --"}
    assert one.clusters == 3  # u, w, and the record without a user by its stored cluster


CELLS = st.one_of(st.floats(0, 1), st.integers(0, 10).map(lambda number: number / 10), st.sampled_from(sorted(REASONS)))
TIMES = st.one_of(st.none(), st.integers(-3 * 86_400, 9 * 86_400).map(lambda seconds: EPOCH + timedelta(seconds=seconds)))
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "time": TIMES,
            "model": st.sampled_from(["a", "b", None]),
            "cluster": st.integers(-3, 6),
            "quality": CELLS,
            "right": st.sampled_from([0.0, 1.0, 1.0, "timeout"]),
            "cost": st.one_of(st.floats(0, 1e15), st.just("budget")),
        }
    ),
    min_size=1,
    max_size=40,
)
FEW = settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


def measured(rows: list[dict[str, Any]], cuts: list[int], window: str = "1d") -> list[dict[str, object]]:
    with tempfile.TemporaryDirectory() as folder:
        made = found(make_store(Path(folder) / "s", rows, [NUMBER, RATE, OPEN], cuts=cuts), window=window)
    return [{name: value for name, value in one.to_json().items() if name != "late"} for one in made]


@FEW
@given(ROWS, st.lists(st.integers(1, 39), max_size=5), st.sampled_from(["1d", "1w", "all"]), st.randoms(use_true_random=False))
def test_the_sharding_changes_no_digit(rows: list[dict[str, Any]], cuts: list[int], window: str, chance: Any) -> None:
    numbered = [{**one, "key": number} for number, one in enumerate(rows)]
    shuffled = chance.sample(numbered, len(numbered))
    assert measured(shuffled, cuts, window) == measured(numbered, [], window)


@FEW
@given(ROWS, st.lists(st.integers(1, 39), max_size=3))
def test_an_independent_oracle_agrees(rows: list[dict[str, Any]], cuts: list[int]) -> None:
    frame = pd.DataFrame(rows)
    frame["day"] = [None if one["time"] is None else one["time"].strftime("%Y-%m-%d") for one in rows]
    made = {(one["window_start"] and str(one["window_start"])[:10], one["policy"]["model"], one["metric"]): one for one in measured(rows, cuts)}  # type: ignore[index]
    expected = set()
    for (day, model), part in frame.groupby(["day", "model"], dropna=False):
        for metric in ("quality", "right", "cost"):
            place = (None if pd.isna(day) else day, None if pd.isna(model) else model, metric)
            expected.add(place)
            numbers = {value for value in frame[metric] if not isinstance(value, str)}
            check_cell(made[place], part.assign(value=part[metric]), is_rate=numbers <= {0.0, 1.0})
    assert set(made) == expected


def check_cell(one: dict[str, Any], part: pd.DataFrame, *, is_rate: bool) -> None:
    is_reason = part["value"].map(lambda value: isinstance(value, str))
    assert {name for name, value in one.items() if value is None} - {"window_start", "window_end"} == set(one["reasons"])
    assert one["unscored"] == part.loc[is_reason, "value"].value_counts().to_dict()
    scored = part[~is_reason].astype({"value": float})
    assert (one["n"], one["clusters"]) == (len(scored), scored["cluster"].nunique())
    if scored.empty:
        assert (one["mean"], one["low"], one["advantage"]) == (None, None, None)
        return
    mean = scored["value"].mean()
    assert one["mean"] == pytest.approx(mean, rel=1e-9, abs=1e-11)
    groups = scored.assign(residual=scored["value"] - mean).groupby("cluster")["residual"].sum()
    if len(groups) > 1:
        se = (len(groups) / (len(groups) - 1) * (groups**2).sum()) ** 0.5 / len(scored)
        assert one["se"] == pytest.approx(se, rel=1e-6, abs=1e-9 * max(1.0, abs(mean)))
        if one["metric"] == "cost" and not is_rate:  # t, moved out on the side of a long tail; none where all values are equal
            limit = mean + oracle.t.ppf(0.975, len(groups) - 1) * se
            assert one["high"] is None if scored["value"].nunique() == 1 else one["high"] >= limit - 1e-6 * max(1.0, abs(limit))
    missing = sum(count for reason, count in one["unscored"].items() if REASONS[reason] != "design")
    ends = [(scored["value"].sum() + missing * end) / (len(scored) + missing) for end in (0.0, 1.0)]
    if one["metric"] != "cost":
        assert [one["worst"], one["best"]] == [pytest.approx(end, rel=1e-9, abs=1e-11) for end in ends]
    elif missing:
        assert (one["worst"], one["best"]) == (None, pytest.approx(ends[0], rel=1e-9, abs=1e-11))


def test_a_cell_that_loses_its_score_leaves_the_mean_of_the_rest() -> None:
    """I7, 2,000 cells: some scores become unscored; the rest give the same mean to the last digit, n and bounds move exactly."""
    chance = np.random.default_rng(7)
    size = 2_000
    items = [(cell, int(cluster), float(value)) for cell in range(size) for cluster, value in zip(range(6), chance.random(6).round(3), strict=True)]
    lost = chance.random(len(items)) < 0.3
    failed = [(cell, cluster, "timeout" if gone else value) for (cell, cluster, value), gone in zip(items, lost, strict=True)]
    kept = [item for item, gone in zip(items, lost, strict=True) if not gone]
    with_holes, without = ({one.policy["cell"]: one for one in _pure(some, size)} for some in (failed, kept))
    for cell in range(size):
        one, gone = with_holes[str(cell)], int(lost[6 * cell : 6 * cell + 6].sum())
        assert one.n == 6 - gone
        assert one.unscored == ({"timeout": gone} if gone else {})
        rest = without.get(str(cell))
        if rest is None:
            assert one.mean is None
            continue
        assert (one.mean, one.se, one.low, one.high) == (rest.mean, rest.se, rest.low, rest.high)
        total = rest.mean * rest.n
        assert one.worst == pytest.approx(total / 6, rel=1e-12)
        assert one.best == pytest.approx((total + gone) / 6, rel=1e-12)


def _pure(items: list[tuple[int, int, float | str]], size: int) -> list[SignalRow]:
    metric = unit_metric("quality", "record", "number", True, items, scale=(0.0, 1.0))
    padded = {name: np.pad(getattr(metric, name), (0, size - len(metric.totals))) for name in ("totals", "decayed_sums", "decayed_counts")}
    cells = [WindowCell(0, (str(cell),), 6, 0) for cell in range(size)]
    whole = WindowCells(("cell",), Window.of("1d"), datetime(2026, 1, 1, tzinfo=UTC), timedelta(days=1), cells, [replace(metric, **padded)])
    return window_signals(whole, half_life_us=1.0, prior=0.0)


def test_twenty_zones_give_one_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [row(f"2026-03-{day:02d} {hour:02d}:30", "a", day, hour / 24) for day in (28, 29, 30) for hour in range(0, 24, 3)]
    root = make_store(tmp_path / "s", rows, [NUMBER])
    answers = set()
    try:
        for zone in ZONES:
            monkeypatch.setenv("TZ", zone)
            time.tzset()
            answers.add(str([one.to_json() for one in found(root)]))
    finally:
        monkeypatch.undo()
        time.tzset()
    assert len(answers) == 1
    outputs = {_in_zone(root, zone) for zone in ("UTC", "Pacific/Chatham", "America/St_Johns")}
    assert len(outputs) == 1
    assert '"n": 8' in outputs.pop()


def _in_zone(root: Path, zone: str) -> str:
    command = [sys.executable, "-m", "judgecli", "--store", str(root), "signals", "--json", "--by", "model"]
    return subprocess.run(command, capture_output=True, text=True, check=True, cwd=root.parent, env={**os.environ, "TZ": zone}).stdout
