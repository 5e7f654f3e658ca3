"""Whose doing a change is, on worlds whose truth is known by construction: named where the log tells, else left open."""

import numpy as np
import pytest

from judgecli.signal.drift.cause import Inputs, find_cause
from judgecli.signal.drift.local import find_local
from judgecli.signal.drift.logged import Logged, LoggedColumn, coded, input_columns, switched

STILL = Inputs(auc=0.5, high=0.52, p=0.5)
MOVED = Inputs(auc=0.76, high=0.79, p=0.001)


def world(cells, *, app=False, name="tags.kind", more=()) -> Logged:
    """Cells of (current, kind, right answers, all answers); every answer is a cluster of its own."""
    current, kind, value = [], [], []
    for side, own, right, count in cells:
        current += [side] * count
        kind += [own] * count
        value += [1.0] * right + [0.0] * (count - right)
    column = coded(name, kind, app=app)
    return Logged(np.array(current, dtype=bool), np.arange(len(value)), [column, *more], {"m": np.array(value)})


def asked(tables, inputs=STILL, **given):
    values, current = tables[0].values["m"], tables[0].current
    change = float(np.nanmean(values[current]) - np.nanmean(values[~current]))
    return find_cause(tables, "m", inputs, **{"change": change, "least": abs(change) - 0.05, "span": 1.0, **given})


MIX = [(False, "easy", 360, 400), (False, "hard", 40, 100), (True, "easy", 90, 100), (True, "hard", 160, 400)]
APP = [(False, "easy", 270, 300), (False, "hard", 80, 200), (True, "easy", 210, 300), (True, "hard", 40, 200)]


def test_the_mix_of_a_logged_column_is_the_traffic_whatever_the_inputs_say():
    for inputs in (STILL, MOVED, Inputs(why="the records have no input")):
        found = asked([world(MIX)], inputs)
        assert (found.whose, found.sentence) == ("traffic", "the traffic, not the app: more records have tags.kind = hard (20 % before, 80 % now)")
        assert found.parts.within == pytest.approx(0, abs=1e-12)
        assert found.parts.mix == pytest.approx(-0.3)
        assert (found.parts.column, found.parts.value, found.tried) == ("tags.kind", "hard", ["tags.kind"])


def test_a_change_within_every_kind_is_the_apps_only_where_the_inputs_are_still():
    assert (asked([world(APP)]).whose, asked([world(APP)]).sentence) == ("app", "the app, not the traffic")
    for inputs, said in (
        (MOVED, "the input texts changed too (AUC 0.76), and no logged column explains the change"),
        (Inputs(why="the inputs were not read (--no-text)"), "the inputs were not read (--no-text), and no logged column explains the change"),
        (Inputs(), "there are too few inputs to compare, and no logged column explains the change"),
        (Inputs(0.5, 0.6, 0.5), "the input texts may have changed by enough to explain it (AUC up to 0.60), and no logged column explains the change"),
    ):
        found = asked([world(APP)], inputs)
        assert (found.whose, found.sentence) == (None, f"cannot tell app from traffic: {said}")


def test_a_small_change_may_hide_in_what_the_classifier_cannot_exclude():
    """AUC up to 0.53 leaves room for 6 % of the records: enough for a change of 0.05, not for one of 0.3."""
    assert Inputs(0.5, 0.53, 0.5).still(0.3, 1.0)
    assert not Inputs(0.5, 0.53, 0.5).still(0.05, 1.0)
    assert Inputs(0.5, 0.56, 0.5).still(0.4, 1.0)  # beyond the margin, but a third of the change at most
    assert not Inputs(0.5, 0.56, 0.5).still(0.2, 1.0)
    assert not Inputs(0.52, 0.54, 0.01).still(0.3, 1.0)  # they did change


def test_both_and_partly():
    cells = [(False, "easy", 360, 400), (False, "hard", 40, 100), (True, "easy", 150, 200), (True, "hard", 75, 300)]  # 0.15 within, 0.2 by the mix
    found = asked([world(cells)])
    assert found.whose == "both"
    assert found.sentence.startswith(
        "the app and the traffic both: about 57 % of it is the traffic, more records have tags.kind = hard (20 % before, 60 % now)"
    )
    open_one = asked([world(cells)], MOVED)
    assert open_one.whose is None
    assert open_one.sentence.endswith("(more records have tags.kind = hard (20 % before, 60 % now)), the rest may be either")


def test_a_variant_of_the_app_is_no_traffic_and_is_told_as_a_fact():
    """model B answers worse, and answers more: that is no other question."""
    made = world(MIX, app=True, name="model")
    assert asked([made]).whose == "app"
    (item,) = switched(made)
    assert (item.column, item.shares[0]) == ("model", ("easy", pytest.approx(0.8), pytest.approx(0.2)))


@pytest.mark.parametrize("kind", ["sides", "metric"])
def test_a_column_that_restates_the_sides_or_the_metric_explains_nothing(kind):
    made = world(APP)
    told = made.current if kind == "sides" else made.values["m"] > 0
    restating = LoggedColumn("tags.x", told.astype(np.int64), ["0", "1"])
    found = asked([Logged(made.current, made.clusters, [restating], made.values)])
    assert (found.whose, found.tried) == ("app", [])


def test_kinds_too_rare_to_compare_are_no_mix():
    """300 answers, 150 kinds of a tag: what a side lacks by chance is not called other traffic."""
    made = world(APP)
    chance = np.random.default_rng(1)
    rare = LoggedColumn("tags.rare", chance.integers(0, 150, len(made.current)), [str(v) for v in range(150)])
    assert asked([Logged(made.current, made.clusters, [rare], made.values)]).whose == "app"


def test_the_same_prompts_on_both_sides_are_the_app_without_any_text():
    level = np.random.default_rng(2).random(400) < 0.8
    values = np.r_[level, level & (np.arange(400) % 3 > 0)].astype(float)
    prompts = np.tile(np.arange(400), 2)
    made = Logged(np.arange(800) >= 400, prompts, [], {"m": values}, prompts)
    found = asked([made], Inputs(why="the inputs were not read (--no-text)"))
    assert (found.whose, found.parts.column, found.parts.mix) == ("app", "prompt", pytest.approx(0, abs=1e-12))


def test_what_may_be_the_judges_is_never_the_apps():
    assert asked([world(APP)], judged="it may be the judge").whose is None
    assert asked([world(MIX)], judged="it may be the judge").whose == "traffic"


def test_language_and_length_are_columns():
    texts = ["how do I cook this soup for my friends", None, "oui", "wie koche ich eine Suppe mit der Linse"]
    assert {column.name: list(column.values) for column in input_columns(texts)} == {
        "input language": [None, "English", "German", "Latin script, language unsure"],
        "input length": [None, "0 to 2 words", "6 to 10 words"],
    }
    assert input_columns([None, None]) == []


# Where -------------------------------------------------------------------------------------------


def countries(chance, n, loss, *, values=8, where=3):
    side = np.arange(2 * n) % 2 == 1
    column = LoggedColumn("tags.country", chance.integers(0, values, 2 * n), [f"c{value}" for value in range(values)])
    rate = 0.85 - loss * (side & (column.codes == where))
    return Logged(side, np.arange(2 * n), [column], {"m": (chance.random(2 * n) < rate).astype(float)})


def test_a_local_change_is_found_with_what_happened_elsewhere():
    found = find_local(countries(np.random.default_rng(3), 1000, 0.35), "m")
    assert (found.column, found.value, found.tried) == ("tags.country", "c3", 8)
    assert found.p < 1e-4
    assert -0.5 < found.inside < -0.2
    assert found.elsewhere_low < 0 < found.elsewhere_high


def test_a_change_everywhere_is_nowhere_in_particular():
    made = countries(np.random.default_rng(4), 1000, 0.0)
    fallen = np.where(made.current & (np.random.default_rng(5).random(2000) < 0.4), 0.0, made.values["m"])
    assert find_local(Logged(made.current, made.clusters, made.columns, {"m": fallen}), "m").p > 0.05


def test_values_with_few_clusters_are_not_tried():
    made = countries(np.random.default_rng(6), 80, 0.0)
    assert find_local(made, "m").tried == 0  # ten a side
    paired = Logged(made.current, np.arange(160) // 40, made.columns, made.values)
    assert find_local(paired, "m").tried == 0  # four conversations
    assert find_local(Logged(made.current, made.clusters, made.columns, {"m": np.full(160, np.nan)}), "m").tried == 0
