"""Anchors link series: signals, comparisons and gates across judges, by hand; what nothing links stays refused."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from judges import Silent, body
from opened import approve_baseline, build_report, check_gates, compare_parts, compute_signals, create_anchors, rejudge_anchors, score_logs

from judgecli.cli import main
from judgecli.config import load_settings
from judgecli.config.judges import JudgeFlags
from judgecli.config.settings import Flags
from judgecli.errors import ConfigError, UsageError
from judgecli.judge.reply import read_reply
from judgecli.pipeline.anchors import AnchorPlan, RejudgePlan
from judgecli.pipeline.judged import Asking
from judgecli.renderers.compare import compare_markdown, compare_page
from judgecli.renderers.report_html import report_html
from judgecli.renderers.report_markdown import report_markdown
from judgecli.renderers.signals import signals_page, signals_table
from judgecli.renderers.terminal import Page

METRIC = "rubric.helpfulness"


class Rater:
    """A judge that gives the number in the answer and `kind` points more; every second answer one more still, the others one less, if `uneven`."""

    def __init__(self, kind: int = 0, *, uneven: bool = False, served: str = "") -> None:
        self.kind, self.uneven, self.served = kind, uneven, served

    async def __call__(self, request):
        true, place = re.search(r"worth (\d)\. (\d+)", str(request.messages)).groups()
        wave = (1 if int(place) % 2 else -1) if self.uneven else 0
        return read_reply(body(json.dumps({"explanation": "x", "score": int(true) + self.kind + wave}), model=self.served), "json_schema")


class World:
    """Two days of the same 60 prompts with the same answers (worth 1, 2 or 3 of 5), each day judged by a judge of its own."""

    def __init__(self, folder: Path, config: str = "policy: [prompt_version]\n") -> None:
        self.folder = folder
        (folder / "judge.yaml").write_text(config, encoding="utf-8")

    def settings(self, model="gpt-judge"):
        flags = Flags(judge=JudgeFlags(models=(model,)))
        return load_settings(str(self.folder / "judge.yaml"), flags=flags, environment={"JUDGE_STORE": str(self.folder / "store")}, folder=self.folder)

    def day(self, version, ask, *, model="gpt-judge", worse=0, count=60):
        rows = [
            {
                "time": f"2026-09-0{version}T10:00:00Z",
                "prompt_version": f"v{version}",
                "input": f"q{n}",
                "session": f"v{version}-{n}",
                "output": f"worth {1 + (n // 2) % 3 - worse}. {n} on day {version}",
            }
            for n in range(count)
        ]
        path = self.folder / f"v{version}.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        return score_logs([str(path)], settings=self.settings(model), scorers=["rubric:helpfulness"], progress=Silent(), asking=Asking(ask=ask))

    def freeze(self, ask, *, count=30, model="gpt-judge"):
        return create_anchors(self.settings(model), "main", AnchorPlan(METRIC, count, 2), progress=Silent(), ask=ask)

    def rejudge(self, ask, *, model="gpt-judge", window="2026-09-02"):
        return rejudge_anchors(self.settings(model), "main", RejudgePlan(window), progress=Silent(), ask=ask)

    def compare(self, **more):
        return compare_parts(self.settings(), ["v1", "v2"], metrics=[METRIC], **more)


@pytest.fixture
def world(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CI", raising=False)
    return World(tmp_path)


def two_judges(world, *, worse=0, uneven=False):
    """The second judge gives one point of four more (uneven: two or none) to whatever it sees; the app did not change, unless it got `worse`."""
    world.day(1, Rater())
    world.freeze(Rater())
    world.day(2, Rater(1, uneven=uneven), model="gpt-kinder", worse=worse)
    world.rejudge(Rater(1, uneven=uneven), model="gpt-kinder")


def test_without_anchors_two_judges_are_refused_and_the_hint_names_them(world):
    world.day(1, Rater())
    world.day(2, Rater(1), model="gpt-kinder")
    with pytest.raises(UsageError, match=r"measured in two ways.*not linked: no anchor set") as caught:
        world.compare()
    assert "judge anchors create|rejudge" in caught.value.hint
    row = compare_parts(world.settings(), ["v1", "v2"]).rows[0]
    assert (row.verdict, row.linked) == ("not comparable", None)
    assert "judge anchors" in row.message


def test_a_kinder_judge_is_no_better_app(world):
    two_judges(world)
    found = world.compare()
    row = found.rows[0]
    assert (row.n_pairs, row.a) == (60, 2.0)
    assert (row.difference, row.low < 0 < row.high) == (pytest.approx(0, abs=1e-9), True)
    assert row.verdict in ("same", "inconclusive")
    assert row.linked["raw"]["difference"] == pytest.approx(1.0)  # the false improvement
    assert (row.linked["set"], row.linked["anchors"], row.linked["shift"], row.linked["slope"]) == ("main", 30, pytest.approx(1.0), pytest.approx(1.0))
    assert (row.wins, row.win_rate) == (None, None)
    assert "wins" in row.reasons
    assert "after the link by 30 anchors of 'main' (the judge's shift: +1" in row.message
    document = json.loads(json.dumps(found.to_json()))
    assert "after the link" in compare_page(document, Page(160))
    assert "after the link" in compare_markdown(document)


def test_an_app_that_got_worse_is_seen_behind_a_kinder_judge(world):
    two_judges(world, worse=1)
    row = world.compare().rows[0]
    assert row.linked["raw"]["difference"] == pytest.approx(0.0)
    assert row.difference == pytest.approx(-1.0)


def test_the_links_variance_is_in_the_interval(world):
    two_judges(world, uneven=True)
    row = world.compare().rows[0]
    assert row.linked["shift"] == pytest.approx(1.0, abs=0.2)
    link = (row.linked["shift_high"] - row.linked["shift_low"]) / 2
    assert link > 0.3  # 30 anchors that rose by 0 or 2: s = 1.02, t(28) x s / sqrt(30) = 0.38
    assert row.high - row.difference > link
    assert row.difference - row.low > link
    assert row.low < 0 < row.high


def test_the_same_name_served_by_another_model_is_linked_too(world):
    world.day(1, Rater(served="gpt-2025"))
    world.freeze(Rater(served="gpt-2025"))
    world.day(2, Rater(1, served="gpt-2026"))
    raw = world.compare().rows[0]
    assert (raw.difference, raw.linked) == (pytest.approx(1.0), None)  # one identity: compared, with a note
    assert any("judge anchors can tell" in note for note in world.compare().notes)
    world.rejudge(Rater(1, served="gpt-2026"))
    found = world.compare()
    assert found.rows[0].difference == pytest.approx(0.0, abs=1e-9)
    assert found.rows[0].linked["to"]["served"] == ["gpt-2026"]
    assert not any("not served by the same models" in note for note in found.notes)


def test_sides_of_another_served_model_are_not_ranked_by_its_kindness(world):
    """Three sides of one identity, the third served by a kinder model: linked it is no better, so it must not lead a ranking of raw scores."""
    world.day(1, Rater(served="gpt-2025"))
    world.freeze(Rater(served="gpt-2025"))
    world.day(2, Rater(served="gpt-2025"))
    world.day(3, Rater(1, served="gpt-2026"))
    world.rejudge(Rater(1, served="gpt-2026"))
    found = compare_parts(world.settings(), ["v1", "v2", "v3"], metrics=[METRIC])
    assert [row.difference for row in found.rows] == [pytest.approx(0.0, abs=1e-9)] * 2
    assert found.ranking == []  # two are left
    assert f"{METRIC}: v3 is not ranked, for another judge scored it than v1" in found.notes


def test_a_gate_with_a_baseline_is_asked_after_the_link(world):
    gate = "gates:\n  - {metric: rubric.helpfulness, not_worse_than: main, margin: 0.4}\n"
    world.day(1, Rater())
    world.freeze(Rater())
    approve_baseline(world.settings(), "main", by="ada", metrics=[METRIC])
    (world.folder / "judge.yaml").write_text(f"policy: [prompt_version]\n{gate}", encoding="utf-8")
    world.day(2, Rater(1), model="gpt-kinder", worse=1)
    with pytest.raises(ConfigError, match="they cannot be compared; the anchor set 'main' was not judged by") as caught:
        check_gates(world.settings("gpt-kinder"))
    assert "judge anchors create|rejudge" in caught.value.hint
    world.rejudge(Rater(1), model="gpt-kinder")
    found = check_gates(world.settings("gpt-kinder")).gates[0]
    assert (found.verdict, found.value) == ("fail", pytest.approx(-1.0))  # the kinder judge hid it: the raw difference is 0
    assert found.linked["raw"]["difference"] == pytest.approx(0.0)
    assert "after the link by 30 anchors of 'main'" in found.message
    assert found.to_json()["linked"]["set"] == "main"


def test_signals_show_the_linked_series_beside_the_raw_one(world):
    two_judges(world)
    found = compute_signals(world.settings(), by=[], metrics=[METRIC])
    first, second = found.rows
    assert (first.mean, first.linked, second.mean) == (2.0, None, 3.0)
    assert second.linked["mean"] == pytest.approx(2.0)
    assert second.linked["se"] == pytest.approx(second.se)  # this link has no error: all anchors rose by the same
    (change,) = found.judge_changes
    assert (change["verdict"], change["live"], change["shift"], change["rest"]) == ("judge", 1.0, pytest.approx(1.0), pytest.approx(0.0, abs=1e-9))
    assert change["window_start"].startswith("2026-09-02")
    document = json.loads(json.dumps(found.to_json()))
    page = signals_page(document, Page(200))
    assert "from 2026-09-02: measured by" in page
    assert "the judge changed" in page
    assert signals_table(document).column("linked_mean").to_pylist() == [None, pytest.approx(2.0)]


def test_signals_say_why_nothing_links(world):
    world.day(1, Rater())
    world.day(2, Rater(1), model="gpt-kinder")
    found = compute_signals(world.settings(), by=[], metrics=[METRIC])
    assert found.rows[1].linked["mean"] is None
    assert "no anchor set" in found.rows[1].linked["reasons"]["mean"]
    (change,) = found.judge_changes
    assert (change["verdict"], change["shift"]) == ("unclear", None)
    assert "no anchor set" in change["reasons"]["shift"]
    assert "linked: no anchor set" in signals_page(json.loads(json.dumps(found.to_json())), Page(200))


def test_one_judge_has_no_change_and_no_new_keys_in_rows(world):
    world.day(1, Rater())
    world.day(2, Rater())
    found = compute_signals(world.settings(), by=[], metrics=[METRIC]).to_json()
    assert found["judge_changes"] == []
    assert all("linked" not in row for row in found["rows"])


def test_a_set_that_was_touched_links_nothing(world):
    two_judges(world)
    path = world.folder / "anchors" / "main.parquet"
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(UsageError, match="cannot be used"):
        world.compare()


def test_judges_who_do_not_agree_on_what_is_good_are_not_linked(world):
    class Backwards(Rater):
        async def __call__(self, request):
            true = int(re.search(r"worth (\d)", str(request.messages))[1])
            return read_reply(body(json.dumps({"explanation": "x", "score": 4 - true}), model=""), "json_schema")

    world.day(1, Rater())
    world.freeze(Rater())
    world.day(2, Backwards(), model="gpt-odd")
    world.rejudge(Backwards(), model="gpt-odd")
    with pytest.raises(UsageError, match="says too little of the other"):
        world.compare()


def test_one_side_is_no_comparison(world, capsys):
    world.day(1, Rater())
    assert main(["compare", "v1", "--store", str(world.folder / "store")]) == 2
    assert "1 side cannot be compared" in capsys.readouterr().err


def test_the_report_draws_the_line_and_says_whose_doing_it_is(world):
    two_judges(world)
    report = build_report(world.settings(), window="1d", by=[])
    assert [(line.identity[:4], line.linked) for line in report.series if line.metric == METRIC].count((report.series[-1].identity[:4], True)) == 1
    assert any("which explains +1 of the step of +1" in line for line in report.headline)
    page, twin = report_html(report), report_markdown(report)
    assert page.count('class="break"') == 2  # the wide chart and the narrow one
    assert "judge changed: +1" in page
    assert "Where the judge, or the measure, changed" in twin
    assert "the judge changed" in twin
    assert json.loads(json.dumps(report.to_json()))["judge_changes"][0]["verdict"] == "judge"


def test_a_served_model_that_changed_breaks_the_line(world):
    world.day(1, Rater(served="gpt-2025"))
    world.day(2, Rater(1, served="gpt-2026"))
    report = build_report(world.settings(), window="1d", by=[])
    lines = [line for line in report.series if line.metric == METRIC]
    assert [(list(line.served), len(line.points)) for line in lines] == [(["gpt-2025"], 1), (["gpt-2026"], 1)]
    assert "measured anew, not linked" in report_html(report)
    assert any("nothing links the two" in line for line in report.headline)


def test_a_window_of_two_models_is_neither_judge(world):
    world.day(1, Rater(served="gpt-2025"))
    world.freeze(Rater(served="gpt-2025"))
    world.day(2, Rater(1, served="gpt-2026"))
    world.rejudge(Rater(1, served="gpt-2026"))
    found = compute_signals(world.settings(), by=[], metrics=[METRIC], window="1d")
    assert found.rows[1].linked["mean"] == pytest.approx(2.0)
    # weeks begin on Monday: both days are in one week, of two judges, and there is no series to link
    weekly = compute_signals(world.settings(), by=[], metrics=[METRIC], window="1w")
    assert [row.linked for row in weekly.rows] == [None]
    assert weekly.judge_changes == []
    assert any("served by 2 models in one window" in note for note in weekly.notes)


def test_windows_of_an_endpoint_that_did_not_say_hide_no_later_change(world):
    world.day(1, Rater(served=""))
    world.day(2, Rater(served="gpt-2025"))
    world.day(3, Rater(1, served="gpt-2026"))
    found = compute_signals(world.settings(), by=[], metrics=[METRIC], window="1d")
    assert [(change["window_start"][:10], change["from"]["served"], change["to"]["served"]) for change in found.judge_changes] == [
        ("2026-09-03", ["gpt-2025"], ["gpt-2026"])
    ]
    assert [row.linked is None for row in found.rows] == [True, True, False]
    assert found.judge_changes[0]["live"] == pytest.approx(1.0)  # the first day counts as the second day's judge


def test_a_step_says_on_how_few_answers_it_rests_where_windows_hold_scores_of_both(world):
    class Either(Rater):
        async def __call__(self, request):
            self.served = "gpt-2026" if int(re.search(r"worth \d\. (\d+)", str(request.messages))[1]) % 2 else "gpt-2025"
            return await super().__call__(request)

    world.day(1, Rater(served="gpt-2025"))
    world.freeze(Rater(served="gpt-2025"))
    world.day(2, Rater(1, served="gpt-2026"), count=40)
    world.day(3, Either(1))
    world.rejudge(Rater(1, served="gpt-2026"))
    found = compute_signals(world.settings(), by=[], metrics=[METRIC], window="1d")
    (change,) = found.judge_changes
    assert "(of 60 answers before and 40 after; 60 more are in windows with scores of both judges)" in change["message"]
    assert "an answer came again that an earlier one had judged" in found.rows[2].linked["reasons"]["mean"]


def test_the_first_judge_is_the_older_one_where_all_is_one_window(world):
    two_judges(world)
    rows = compute_signals(world.settings(), by=["prompt_version"], metrics=[METRIC], window="all").rows
    assert [(row.policy["prompt_version"], row.mean, None if row.linked is None else round(row.linked["mean"], 6)) for row in rows] == [
        ("v1", 2.0, None),
        ("v2", 3.0, 2.0),
    ]


def test_three_judges_are_all_put_into_units_of_the_first(world):
    two_judges(world)
    world.day(3, Rater(2), model="gpt-kindest")
    world.rejudge(Rater(2), model="gpt-kindest", window="2026-09-03")
    found = compute_signals(world.settings(), by=[], metrics=[METRIC])
    assert [(row.mean, row.linked and round(row.linked["mean"], 6)) for row in found.rows] == [(2.0, None), (3.0, 2.0), (4.0, 2.0)]
    assert [round(change["shift"], 6) for change in found.judge_changes] == [1.0, 1.0]  # each against the one before it


def test_a_step_behind_an_equal_judge_is_the_apps(world):
    world.day(1, Rater(1))
    world.freeze(Rater(1))
    world.day(2, Rater(1), model="gpt-other", worse=1)
    world.rejudge(Rater(1), model="gpt-other")
    (change,) = compute_signals(world.settings(), by=[], metrics=[METRIC]).judge_changes
    assert (change["verdict"], change["live"], change["shift"], change["rest"]) == (
        "app",
        -1.0,
        pytest.approx(0.0, abs=1e-9),
        pytest.approx(-1.0),
    )
    report = build_report(world.settings(), window="1d", by=[])
    assert any("but the step of -1 is the app's" in line for line in report.headline)


def test_few_anchors_link_and_give_no_verdict(world):
    world.day(1, Rater())
    world.freeze(Rater(), count=10)
    world.day(2, Rater(1), model="gpt-kinder")
    world.rejudge(Rater(1), model="gpt-kinder")
    (change,) = compute_signals(world.settings(), by=[], metrics=[METRIC]).judge_changes
    assert (change["verdict"], change["anchors"], change["shift"]) == ("unclear", 10, pytest.approx(1.0))
    assert "fewer than 20 anchors are no verdict" in change["message"]


def test_few_anchors_that_agree_decide_no_comparison_and_no_gate(world):
    """Ten anchors that all rose by one point have no spread, so the link seems free of error; the answers got worse by a point all the same."""
    world.day(1, Rater())
    world.freeze(Rater(), count=10)
    approve_baseline(world.settings(), "main", by="ada", metrics=[METRIC])
    world.day(2, Rater(1), model="gpt-kinder", worse=1)
    world.rejudge(Rater(1), model="gpt-kinder")
    row = world.compare().rows[0]
    assert (row.verdict, row.difference, row.linked["anchors"]) == ("inconclusive", pytest.approx(-1.0), 10)
    assert "10 anchors link the two judges, and a verdict needs 20" in row.message
    gate = "gates:\n  - {metric: rubric.helpfulness, not_worse_than: main, margin: 0.4}\n"
    (world.folder / "judge.yaml").write_text(f"policy: [prompt_version]\n{gate}", encoding="utf-8")
    found = check_gates(world.settings("gpt-kinder")).gates[0]
    assert (found.verdict, found.value, found.regressed) == ("inconclusive", pytest.approx(-1.0), False)
    assert "a verdict needs 20" in found.message


def test_a_side_on_another_scale_is_bounded_by_the_ends_of_its_own():
    """b is judged on 0 to 100, 25 to each point of a: its missing answer is 0 or 100 there, which is 0 or 4 for the other judge."""
    from judgecli.signal.compare.paired import gather_side, pair_sides
    from judgecli.signal.compare.rows import ComparedMetric, compare_pairs
    from judgecli.signal.linked import Link, ServedJudge
    from judgecli.stats.linear_link import LinearLink

    link = Link("main", ServedJudge("one"), ServedJudge("two"), LinearLink(30, 2.0, 50.0, 25.0, 0.0, 0.0, 0.0), (0.0, 100.0))
    prompts, values = np.arange(60), np.tile([1.0, 2.0, 3.0], 20)
    lost = np.arange(60) == 7
    sides = gather_side(prompts, prompts, values, lost & False), gather_side(prompts, prompts, np.where(lost, np.nan, 25 * values), lost)
    row = compare_pairs(ComparedMetric("m", "", "number", (0.0, 4.0), True, 0.5), pair_sides(*sides), link=link)
    assert (row.difference, row.worst, row.best) == tuple(pytest.approx(value, abs=1e-9) for value in (0.0, -2 / 60, 2 / 60))
    assert row.linked["raw"]["b"] == pytest.approx(25 * values[~lost].mean())


def test_answers_that_all_lie_beyond_the_other_judges_scale_have_an_interval():
    """A kinder judge gives 4 of 4 to all, which is 5 for the other one, and that one gave 0: further apart than its scale is wide."""
    from judgecli.signal.compare.paired import gather_side, measure_difference, pair_sides
    from judgecli.stats.linear_link import LinearLink

    prompts = np.arange(60)
    sides = [gather_side(prompts, prompts, np.full(60, value), prompts < 0) for value in (0.0, 4.0)]
    found = measure_difference(pair_sides(*sides), rate=False, scale=(0.0, 4.0), link=LinearLink(30, 2.0, 1.0, 1.0, 0.0, 0.0, 0.0))
    assert found.difference == pytest.approx(5.0)
    assert 4.0 < found.low < 5.0 <= found.high


def test_a_missing_value_behind_a_kinder_judge_is_put_to_the_end_of_its_own_scale():
    """The candidate's missing answer could be 0 or 4 for its judge, which is -1 or 3 for the other one: 60 pairs, so 1/60 of that either way."""
    from judgecli.signal.compare.paired import bound_difference, gather_side, pair_sides
    from judgecli.stats.linear_link import LinearLink

    line = LinearLink(30, 2.0, 3.0, 1.0, 0.0, 0.0, 0.0)
    prompts, values = np.arange(60), np.full(60, 2.0)
    lost = np.arange(60) == 7
    sides = gather_side(prompts, prompts, values, lost & False), gather_side(prompts, prompts, np.where(lost, np.nan, values + 1), lost)
    ends = [bound_difference(pair_sides(*sides), rate=False, scale=(0.0, 4.0), b_at_top=top, link=line).difference for top in (False, True)]
    assert ends == [pytest.approx(-3 / 60), pytest.approx(1 / 60)]
