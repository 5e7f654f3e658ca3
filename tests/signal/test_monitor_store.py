"""The monitor on a store: a daily run and a recomputation agree, late rows stay out, and what people do with alarms."""

import json
import zlib
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from opened import close, export_feedback, listed, standing_alarms, watch
from stores import NUMBER, OPEN, add_shard, settings_of

from judgecli.errors import AlarmOpen, ConfigError, UnknownName, UsageError
from judgecli.pipeline import alarms as monitoring
from judgecli.pipeline.export import ExportPlan
from judgecli.renderers.alarms import alarm_text
from judgecli.store import watching
from judgecli.store.folder import Store
from judgecli.store.tables import MetricInfo

BEGIN = datetime(2026, 9, 7, tzinfo=UTC)
ALARMS = {"false_alarm_every": "90d", "lateness": "1d", "reference": "14d"}
METRICS = [NUMBER, OPEN]


def rows_of(days=40, change=25, *, n=30, seed=0, jitter_h=0):
    """Records of an app that gets worse at `change`, in the order of their arrival: conversations, two models, failed cells."""
    chance = np.random.default_rng(seed)
    found = []
    for day in range(days):
        for number in range(n):
            time = BEGIN + timedelta(days=day, seconds=int(chance.integers(0, 86_400)))
            level = 0.8 if day < change else 0.5
            quality = float(np.clip(chance.normal(level, 0.1), 0, 1))
            found.append({
                "key": f"{day}-{number}", "time": time, "model": "ab"[number % 2], "cluster": int(chance.integers(0, 20)) + 100 * day,
                "input": "q", "output": "a", "quality": quality if chance.random() > 0.03 else "judge_parse", "cost": float(chance.lognormal(0, 0.5)),
                "arrival": time + timedelta(hours=float(chance.uniform(0, jitter_h))),
            })  # fmt: skip
    return sorted(found, key=lambda row: (row["arrival"], row["key"]))


def settings_with(root, **alarms):
    return settings_of(root, project={"alarms": {**ALARMS, **alarms}})


def append(root, rows, number, metrics=METRICS):
    with Store(root) as store:
        add_shard(store, f"{number:024x}", rows, 1000 * number, metrics, number + 1)


def state_of(root):
    with Store(root) as store:
        row = store.ledger.rows("SELECT plan, closed, state FROM monitor")[0]
        return row["plan"], row["closed"], zlib.decompress(row["state"])


def deep(found):
    return json.dumps([list(map(dict, found.alarms)), list(map(dict, found.charts)), found.until], default=str)


@pytest.mark.parametrize("seed", [0, 1, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(2, 12))])
def test_any_split_of_days_gives_the_same_state_and_alarms(tmp_path, seed):
    """Records arrive up to 20 hours after their time; shards are cut anywhere, and the monitor looks after every shard, some, or once."""
    rows = rows_of(seed=seed, jitter_h=20)
    chance = np.random.default_rng(seed + 100)
    append(tmp_path / "whole", rows, 0)
    whole = watch(settings_with(tmp_path / "whole"))
    cuts = np.sort(chance.choice(len(rows), int(chance.integers(1, 30)), replace=False))
    for number, part in enumerate(np.split(np.arange(len(rows)), cuts)):
        if len(part):
            append(tmp_path / "daily", [rows[place] for place in part], number)
            if chance.random() < 0.7:
                watch(settings_with(tmp_path / "daily"))
    daily = watch(settings_with(tmp_path / "daily"))
    assert state_of(tmp_path / "daily") == state_of(tmp_path / "whole")
    assert deep(daily) == deep(whole)
    assert any(alarm["metric"] == "quality" and alarm["direction"] == "drop" for alarm in whole.alarms)


def test_a_day_closes_when_the_newest_record_is_one_lateness_later(tmp_path):
    settings = settings_with(tmp_path / "store")
    rows = rows_of(days=3)
    append(tmp_path / "store", rows, 0)
    found = watch(settings)
    assert (found.until, found.days) == ("2026-09-08T00:00:00+00:00", 1)  # the 8th ends less than a day before the newest record
    last = {**rows[-1], "key": "new", "time": BEGIN + timedelta(days=3)}
    append(tmp_path / "store", [last], 1)
    assert watch(settings).until == "2026-09-09T00:00:00+00:00"
    assert watch(settings).days == 0


def test_late_rows_stay_out_and_a_recomputation_agrees(tmp_path):
    """Fifty records of the second day arrive when the store is at day 20: whatever they say, nothing moves."""
    settings, rows = settings_with(tmp_path / "store"), rows_of()
    early = [row for row in rows if row["time"] < BEGIN + timedelta(days=20)]
    append(tmp_path / "store", early, 0)
    watch(settings)
    before = state_of(tmp_path / "store")
    late = [{**row, "key": f"late{place}", "quality": 0.0, "time": BEGIN + timedelta(days=1, minutes=place)} for place, row in enumerate(rows[:50])]
    append(tmp_path / "store", late, 1)
    watch(settings)
    assert state_of(tmp_path / "store") == before
    append(tmp_path / "store", [row for row in rows if row["time"] >= BEGIN + timedelta(days=20)], 2)
    daily = deep(watch(settings)), state_of(tmp_path / "store")
    assert watch(settings_with(tmp_path / "store", false_alarm_every="30d")).days > 30  # another budget: all of it again
    again = watch(settings)
    assert again.days > 30
    assert (deep(again), state_of(tmp_path / "store")) == daily


def test_only_new_shards_are_read(tmp_path, monkeypatch):
    settings, rows = settings_with(tmp_path / "store"), rows_of()
    for number in range(8):
        append(tmp_path / "store", [row for row in rows if 5 * number <= (row["time"] - BEGIN).days < 5 * number + 5], number)
    watch(settings)
    read = []
    real = watching.index_metrics
    monkeypatch.setattr(watching, "index_metrics", lambda store, shards: read.extend(shard.name for shard in shards) or real(store, shards))
    append(tmp_path / "store", [{**rows[-1], "key": f"n{place}", "time": BEGIN + timedelta(days=41, minutes=place)} for place in range(30)], 8)
    watch(settings)
    assert set(read) == {f"{7:024x}"}  # whose last day has closed now; the new one is open still
    read.clear()
    watch(settings)
    assert read == []


def test_another_identity_is_another_chart(tmp_path):
    other = MetricInfo("quality", "zzzz", "number", (0.0, 1.0), True, 2)
    rows = rows_of(change=20)
    append(tmp_path / "store", [row for row in rows if row["time"] < BEGIN + timedelta(days=20)], 0)
    append(tmp_path / "store", [row for row in rows if row["time"] >= BEGIN + timedelta(days=20)], 1, [other, OPEN])
    found = watch(settings_with(tmp_path / "store"))
    assert [alarm for alarm in found.alarms if alarm["metric"] == "quality"] == []
    charts = {
        (chart["identity"], chart["state"]) for chart in found.charts if chart["metric"] == "quality" and chart["kind"] == "value" and not chart["policy"]
    }
    assert charts == {("aaaa", "watching"), ("zzzz", "watching")}


def test_waiting_cells_are_neither_values_nor_missing(tmp_path):
    rows = [{**row, "quality": "budget"} if (row["time"] - BEGIN).days >= 20 else row for row in rows_of(change=99)]
    append(tmp_path / "store", rows, 0)
    assert [alarm for alarm in watch(settings_with(tmp_path / "store")).alarms if alarm["metric"] == "quality"] == []


def test_a_judge_that_fails_is_an_alarm_of_its_own(tmp_path):
    rows = [{**row, "quality": "timeout"} if (row["time"] - BEGIN).days >= 25 and place % 3 == 0 else row for place, row in enumerate(rows_of(change=99))]
    append(tmp_path / "store", rows, 0)
    found = [alarm for alarm in watch(settings_with(tmp_path / "store")).alarms if not alarm["policy"]]
    assert [(alarm["metric"], alarm["kind"], alarm["direction"], alarm["worse"]) for alarm in found] == [("quality", "missing", "rise", True)]


def test_a_fall_in_coverage_is_an_alarm_with_its_numbers(tmp_path):
    """Two in three records of the last days have nothing to score: the mean stands still, the share is told in words."""
    rows = [{**row, "quality": "not_applicable"} if (row["time"] - BEGIN).days >= 25 and place % 3 else row for place, row in enumerate(rows_of(change=99))]
    append(tmp_path / "store", rows, 0)
    (alarm,) = (alarm for alarm in watch(settings_with(tmp_path / "store")).alarms if not alarm["policy"])
    assert (alarm["metric"], alarm["kind"], alarm["direction"], alarm["worse"]) == ("quality", "not_applicable", "rise", None)
    said = alarm_text(alarm)
    assert said.startswith(f"quality has no score more often, {alarm['count']:,.0f} of {alarm['n']} not applicable, from 0 % to ")
    assert alarm["count"] / alarm["n"] == pytest.approx(2 / 3, abs=0.25)
    assert f"since {alarm['since'][:10]}" in said


def test_a_state_of_another_version_is_begun_anew_and_said(tmp_path):
    """The state of an earlier version has another shape: all days are read again, and a note says so once."""
    settings = settings_with(tmp_path / "store")
    append(tmp_path / "store", rows_of(), 0)
    found = deep(watch(settings))
    old = {"closed": 20_000, "charts": [], "traffic": {}, "segments": [], "alarms": []}
    with Store(tmp_path / "store") as store, store.ledger.transaction() as connection:
        connection.execute("UPDATE monitor SET plan = 'of the version before', state = ?", (zlib.compress(json.dumps(old).encode()),))
    renewed = watch(settings)
    assert deep(renewed) == found
    assert "kept by a version that watched otherwise" in renewed.notes[0]
    assert watch(settings).notes == []


def test_a_short_reference_is_said(tmp_path):
    append(tmp_path / "store", rows_of(change=99), 0)
    (note,) = watch(settings_with(tmp_path / "store", reference="2026-10-09..2026-10-13")).notes
    assert "charts have seen fewer than 11 days" in note


def test_alarms_of_an_earlier_version_are_shown(tmp_path):
    """A closed alarm keeps its document, which has no span and no interval: it is shown without them."""
    append(tmp_path / "store", rows_of(), 0)
    settings = settings_with(tmp_path / "store")
    close(settings, ["all"], comment=None, accept=False)
    with Store(tmp_path / "store") as store, store.ledger.transaction() as connection:
        for alarm in watching.kept_alarms(store):
            older = {name: value for name, value in alarm.document.items() if not name.startswith(("since_", "size_")) and name != "count"}
            connection.execute(
                "UPDATE alarms SET id = ?, document = ? WHERE id = ?", ("old" + alarm.id, json.dumps({**older, "id": "old" + alarm.id}), alarm.id)
            )
    older = [alarm for alarm in watch(settings).alarms if alarm["id"].startswith("old")]
    assert older
    assert all("cannot tell better" not in alarm_text(alarm) and "(by " not in alarm_text(alarm) for alarm in older)


def test_records_without_time_or_policy_or_cluster(tmp_path):
    rows = [{**row, "time": None} if place % 5 == 0 else {**row, "model": None if place % 2 else "b"} for place, row in enumerate(rows_of())]
    append(tmp_path / "store", rows, 0)
    found = watch(settings_with(tmp_path / "store"))
    assert {json.dumps(chart["policy"]) for chart in found.charts} == {"{}", '{"model": null}', '{"model": "b"}'}
    append(tmp_path / "other", [{**row, "time": None} for row in rows], 0)
    nothing = watch(settings_with(tmp_path / "other"))
    assert (nothing.until, list(nothing.alarms), nothing.notes) == (None, [], ["no record has a time, so nothing can be watched"])


def test_no_reference_yet_is_said(tmp_path):
    append(tmp_path / "store", rows_of(days=10), 0)
    found = watch(settings_with(tmp_path / "store"))
    assert found.alarms == []
    assert "none of 18 charts has a reference yet" in found.notes[0]
    assert {chart["state"] for chart in found.charts} == {"no reference yet"}


def test_without_alarms_in_judge_yaml_nothing_is_watched(tmp_path):
    append(tmp_path / "store", rows_of(), 0)
    settings = settings_of(tmp_path / "store")
    assert watch(settings) is None
    assert standing_alarms(settings, despite=False) == []
    with pytest.raises(UsageError, match="no alarms"):
        listed(settings)


def test_a_record_of_the_future_can_be_forgotten(tmp_path):
    """A clock that was wrong closes every day; when its record is gone, the monitor begins again as if it had never been."""
    settings, rows = settings_with(tmp_path / "store"), rows_of()
    for number in range(2):
        append(tmp_path / "store", rows[number * 600 : number * 600 + 600], 2 * number)
        if number == 0:
            append(tmp_path / "store", [{**rows[0], "key": "2099", "time": datetime(2099, 1, 1, tzinfo=UTC)}], 1)
            assert watch(settings).until.startswith("2098")
    assert watch(settings).days == 0
    with Store(tmp_path / "store") as store, store.ledger.transaction() as connection:
        connection.execute("DELETE FROM shards WHERE name = ?", (f"{1:024x}",))
    found = deep(watch(settings))
    append(tmp_path / "clean", rows, 0)
    assert found == deep(watch(settings_with(tmp_path / "clean")))


def test_two_at_once_lose_nothing(tmp_path, monkeypatch):
    """Another process finishes between reading and writing: this one begins again from what that one wrote."""
    settings = settings_with(tmp_path / "store")
    append(tmp_path / "store", rows_of(), 0)
    real, calls = watching.write_state, []

    def interrupted(store, before, *rest):
        calls.append(before)
        if len(calls) == 1:
            monkeypatch.setattr(watching, "write_state", real)
            watch(settings)
            monkeypatch.setattr(watching, "write_state", interrupted)
        return real(store, before, *rest)

    monkeypatch.setattr(watching, "write_state", interrupted)
    found = deep(watch(settings))
    assert calls == [None]  # the second attempt had nothing left to do
    monkeypatch.undo()
    assert deep(watch(settings)) == found


def test_a_damaged_state_is_computed_anew(tmp_path):
    settings = settings_with(tmp_path / "store")
    append(tmp_path / "store", rows_of(), 0)
    found, held = deep(watch(settings)), state_of(tmp_path / "store")
    with Store(tmp_path / "store") as store, store.ledger.transaction() as connection:
        connection.execute("UPDATE monitor SET state = ?", (b"\x00broken",))
    assert deep(watch(settings)) == found
    assert state_of(tmp_path / "store") == held


@pytest.mark.parametrize("reference", ["7d..30d", "7d..7d", "2026-09-20..2026-09-07", "2026-02-30..2026-03-07"])
def test_a_reference_that_is_no_span(tmp_path, reference):
    append(tmp_path / "store", rows_of(days=3), 0)
    with pytest.raises(ConfigError, match="is no span of time"):
        watch(settings_with(tmp_path / "store", reference=reference))


@pytest.mark.parametrize(
    ("reference", "last"), [("30d..7d", "2026-09-30"), ("36h", "2026-09-11"), ("2w", "2026-09-21"), ("2026-09-08..2026-09-20", "2026-09-20")]
)
def test_how_long_a_reference_is(tmp_path, reference, last):
    """36 hours are two days, which hold too few items: the reference goes on until there are 50."""
    append(tmp_path / "store", rows_of(), 0)
    charts = watch(settings_with(tmp_path / "store", reference=reference)).charts
    assert next(chart for chart in charts if not chart["policy"] and chart["metric"] == "cost")["reference"]["to"] == last


# What people do -----------------------------------------------------------------------------------


@pytest.fixture
def alarmed(tmp_path):
    append(tmp_path / "store", rows_of(), 0)
    return settings_with(tmp_path / "store")


def test_export_refuses_while_an_alarm_is_open(alarmed, tmp_path):
    """An alarm, refused; despite it, with the alarm in the manifest; closed, written."""
    target = tmp_path / "pairs.jsonl"
    with pytest.raises(AlarmOpen, match=r"alarms? open: quality drop since 2026-10-0") as caught:
        export_feedback(alarmed, "trl-kto", target, ExportPlan(sources=("user",)))
    assert caught.value.exit_code == 1
    assert "--despite-alarm" in caught.value.hint
    assert not target.exists()
    said = export_feedback(alarmed, "trl-kto", target, ExportPlan(sources=("user",), despite_alarm=True))
    assert "alarms were open" in " ".join(said.notes)
    assert {alarm["metric"] for alarm in json.loads(said.manifest.read_text())["alarms"]} == {"quality"}
    close(alarmed, ["all"], comment="seen", accept=False)
    said = export_feedback(alarmed, "trl-kto", target, ExportPlan(sources=("user",)))
    assert json.loads(said.manifest.read_text())["alarms"] == []


def test_closing_keeps_the_alarm_and_the_charts(alarmed):
    first = watch(alarmed)
    name = first.open[0]["id"]
    found = close(alarmed, [name[:6]], comment="known", accept=False)
    alarm = next(alarm for alarm in found.alarms if alarm["id"] == name)
    assert (alarm["state"], alarm["comment"], alarm["accepted"]) == ("closed", "known", False)
    assert found.charts == first.charts
    again = close(alarmed, [name], comment=None, accept=False)
    assert next(alarm for alarm in again.alarms if alarm["id"] == name)["comment"] == "known"
    assert watch(settings_with(alarmed.store, false_alarm_every="60d")).alarms  # a recomputation keeps what people said
    assert next(alarm for alarm in watch(alarmed).alarms if alarm["id"] == name)["state"] == "closed"
    with pytest.raises(UnknownName, match="no alarm is called 'nope'"):
        close(alarmed, ["nope"], comment=None, accept=False)


def test_accepting_takes_the_new_level_as_the_reference(alarmed):
    found = close(alarmed, ["all"], comment=None, accept=True)
    assert found.open == []
    charts = [chart for chart in found.charts if chart["metric"] == "quality" and chart["kind"] == "value"]
    assert {chart["state"] for chart in charts} <= {"no reference yet", "watching"}
    with Store(alarmed.store) as store:
        assert all(alarm.accepted for alarm in watching.kept_alarms(store))


def test_the_direction_of_an_alarm_is_judged_by_its_metric(alarmed):
    assert {alarm["worse"] for alarm in watch(alarmed).alarms if alarm["metric"] == "quality" and alarm["direction"] == "drop"} == {True}


def test_the_rows_of_memory_do_not_change_the_state(alarmed, monkeypatch):
    watch(alarmed)
    whole = state_of(alarmed.store)
    for rows in (1, 37, 250):
        monkeypatch.setattr(monitoring, "ROWS", rows)
        with Store(alarmed.store) as store, store.ledger.transaction() as connection:
            connection.execute("DELETE FROM monitor")
        watch(alarmed)
        assert state_of(alarmed.store) == whole
