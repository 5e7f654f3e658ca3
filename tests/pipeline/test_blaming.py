"""An alarm on a judge's metric: was it the app, or the model that was served under the judge's name?"""

import json
import random
import re
from datetime import UTC, datetime
from functools import partial

import pytest
from judges import Silent, body
from opened import build_report, create_anchors, rejudge_anchors, score_logs, watch

from judgecli.cli import main
from judgecli.config import load_settings
from judgecli.judge.reply import read_reply
from judgecli.pipeline.anchors import AnchorPlan, RejudgePlan
from judgecli.pipeline.judged import Asking
from judgecli.renderers.alarms import alarms_page
from judgecli.renderers.report_html import report_html
from judgecli.renderers.report_markdown import report_markdown
from judgecli.renderers.terminal import Page
from judgecli.signal.report.sentence import verdict_sentence

METRIC = "rubric.helpfulness"
ALARMS = "alarms: {false_alarm_every: 90d, lateness: 1d, reference: 8d}\n"
REWARD = "reward: {name: good, terms: {rubric.helpfulness: {weight: 1}}}\n"


class World:
    """20 days of 20 answers worth 2, 3 or 4 of 5, judged by a judge that is unsure of one in five."""

    def __init__(self, folder, config=ALARMS):
        self.folder = folder
        (folder / "judge.yaml").write_text(f"scorers: [{{rubric: helpfulness}}]\npolicy: [model]\n{config}", encoding="utf-8")
        self.settings = load_settings(str(folder / "judge.yaml"), environment={"JUDGE_STORE": str(folder / "store"), "JUDGE_MODEL": "m"}, folder=folder)

    def judge(self, served, harsh):
        async def ask(request):
            found = re.search(r"worth (\d)", str(request.messages))
            true = int(found[1]) if found else 1  # a sentinel
            noise = random.Random(request.key).choice((0, 0, 0, -1, 1))  # noqa: S311
            return read_reply(body(json.dumps({"explanation": "x", "score": min(5, max(1, true - harsh + noise))}), model=served), "json_schema")

        return ask

    def days(self, first, last, served, *, harsh=0, worse=0):
        rows = [
            {
                "time": f"2026-09-{day:02}T{n:02}:00:00Z",
                "model": "ab"[n % 2],
                "session": f"{day}-{n}",
                "input": f"q{day}-{n}",
                "output": f"worth {2 + n % 3 - worse}. {day} {n}",
            }
            for day in range(first, last + 1)
            for n in range(20)
        ]
        path = self.folder / f"d{first}.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        score_logs([str(path)], settings=self.settings, scorers=None, progress=Silent(), asking=Asking(ask=self.judge(served, harsh)))

    def alarm(self, metric=METRIC):
        found = watch(self.settings)
        return next(alarm for alarm in found.open if alarm["metric"] == metric and not alarm["policy"])


@pytest.fixture
def world(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv("JUDGE_STORE", str(tmp_path / "store"))
    return World(tmp_path)


def test_a_served_model_that_changed_is_named_with_its_day(world, capsys):
    world.days(1, 12, "gpt-old")
    world.days(13, 20, "gpt-new", harsh=1)
    alarm = world.alarm()
    assert (alarm["judge"]["changed"], alarm["judge"]["from"], alarm["judge"]["to"]) == ("2026-09-13", ["gpt-old"], ["gpt-new"])
    assert (alarm["judge"]["cause"], alarm["worse"]) == ("unclear", True)
    assert "it may be the judge: the served model changed from gpt-old to gpt-new on 2026-09-13; anchors could tell" in alarm["judge"]["message"]
    assert main(["alarms", "list"]) == 0
    said = capsys.readouterr().out
    assert "whose doing" in said
    assert "judge     " in said
    report = build_report(world.settings)
    assert "its judge's served model changed on 2026-09-13" in report.sentence
    assert report.tone == "open"  # not laid at the app's door
    assert "whose doing" in report_html(report)
    assert "judge's model changed 2026-09-13" in report_markdown(report).replace("\\", "")
    assert json.loads(json.dumps(report.to_json()))["alarms"][0]["judge"] is not None


def test_anchors_tell_that_it_was_the_judge(world):
    world.days(1, 12, "gpt-old")
    create_anchors(world.settings, "main", AnchorPlan(METRIC, 40, 2), progress=Silent(), ask=world.judge("gpt-old", 0))
    world.days(13, 20, "gpt-new", harsh=1)
    assert "judge anchors rejudge main can tell" in world.alarm()["judge"]["message"]
    rejudge_anchors(world.settings, "main", RejudgePlan("2026-09-14"), progress=Silent(), ask=world.judge("gpt-new", 1))
    alarm = world.alarm()
    assert alarm["judge"]["cause"] == "judge"
    assert alarm["judge"]["message"].startswith("the judge changed: ")
    sentence = verdict_sentence("pass", [{"gate": "g", "verdict": "pass"}], [alarm], complete=True)
    assert (sentence.tone, "since" in sentence.text, "where the judge changed" in sentence.text) == ("open", True, True)


def test_anchors_tell_that_it_was_the_app_although_the_model_changed_too(world):
    world.days(1, 12, "gpt-old")
    create_anchors(world.settings, "main", AnchorPlan(METRIC, 40, 2), progress=Silent(), ask=world.judge("gpt-old", 0))
    world.days(13, 20, "gpt-new", worse=1)
    rejudge_anchors(world.settings, "main", RejudgePlan("2026-09-14"), progress=Silent(), ask=world.judge("gpt-new", 0))
    alarm = world.alarm()
    assert (alarm["judge"]["cause"], alarm["judge"]["changed"]) == ("app", "2026-09-13")
    sentence = verdict_sentence("pass", [{"gate": "g", "verdict": "pass"}], [alarm], complete=True)
    assert (sentence.tone, "which is the app's doing" in sentence.text) == ("bad", True)


def test_the_same_model_all_along_leaves_the_alarm_as_it_was(world):
    world.days(1, 12, "gpt-old")
    world.days(13, 20, "gpt-old", worse=1)
    alarm = world.alarm()
    assert alarm["judge"] is None
    assert "whose doing" not in alarms_page(watch(world.settings).to_json(), Page(160))
    assert build_report(world.settings).tone == "bad"


def test_a_silent_change_of_the_judge_is_told_by_anchors_alone(world):
    world.days(1, 12, "gpt-old")
    create_anchors(world.settings, "main", AnchorPlan(METRIC, 40, 2), progress=Silent(), ask=world.judge("gpt-old", 0))
    world.days(13, 20, "gpt-old", harsh=1)
    rejudge_anchors(world.settings, "main", RejudgePlan("2026-09-14"), progress=Silent(), ask=world.judge("gpt-old", 1))
    alarm = world.alarm()
    assert (alarm["judge"]["cause"], alarm["judge"]["changed"]) == ("judge", None)


def test_a_model_that_changed_long_before_is_not_to_blame(world):
    world.days(1, 2, "gpt-old")
    world.days(3, 12, "gpt-new")
    world.days(13, 20, "gpt-new", worse=1)
    assert world.alarm()["judge"] is None


def test_anchors_founded_by_a_model_of_long_ago_do_not_blame_the_judge(world):
    """The judge became harsher on the 3rd, which the anchors show against their founding; the app became worse on the 23rd.

    The reference begins after the first change: one that holds it shows days that differ much, and is late.
    """
    world = World(world.folder, ALARMS.replace("8d", "2026-09-03..2026-09-11"))
    world.days(1, 2, "gpt-old")
    create_anchors(world.settings, "main", AnchorPlan(METRIC, 40, 2), progress=Silent(), ask=world.judge("gpt-old", 0))
    world.days(3, 22, "gpt-new", harsh=1)
    rejudge = partial(rejudge_anchors, world.settings, "main", progress=Silent())
    world.days(23, 30, "gpt-new", harsh=1, worse=1)
    rejudge(plan=RejudgePlan("2026-09-24"), ask=world.judge("gpt-new", 1))
    assert world.alarm()["judge"] is None  # the founding was by another model
    rejudge(plan=RejudgePlan("2026-09-20"), ask=world.judge("gpt-new", 1))
    assert world.alarm()["judge"]["cause"] == "app"  # against the last window before


def test_a_judge_that_moves_after_an_alarm_is_not_to_blame_for_it(world):
    world.days(1, 12, "gpt-old")
    create_anchors(world.settings, "main", AnchorPlan(METRIC, 40, 2), progress=Silent(), ask=world.judge("gpt-old", 0))
    world.days(13, 20, "gpt-old", worse=1)
    for window, harsh in (("2026-09-14", 0), ("2026-11-01", 1)):
        rejudge_anchors(world.settings, "main", RejudgePlan(window), progress=Silent(), ask=world.judge("gpt-old", harsh))
    assert world.alarm()["judge"]["cause"] == "app"


def test_anchors_frozen_after_the_change_say_nothing_of_it(world):
    """Judged again they stand still, for the judge had moved before: that does not make it the app."""
    world.days(1, 12, "gpt-old")
    world.days(13, 20, "gpt-old", harsh=1)
    create_anchors(world.settings, "main", AnchorPlan(METRIC, 40, 2), progress=Silent(), ask=world.judge("gpt-old", 1))
    rejudge_anchors(world.settings, "main", RejudgePlan(datetime.now(UTC).date().isoformat()), progress=Silent(), ask=world.judge("gpt-old", 1))
    assert world.alarm()["judge"] is None


def test_anchors_of_an_unknown_model_count_for_neither(world):
    world.days(1, 12, "gpt-old")
    create_anchors(world.settings, "main", AnchorPlan(METRIC, 40, 2), progress=Silent(), ask=world.judge("", 0))
    world.days(13, 20, "gpt-new", harsh=1)
    rejudge_anchors(world.settings, "main", RejudgePlan("2026-09-14"), progress=Silent(), ask=world.judge("gpt-new", 1))
    assert world.alarm()["judge"]["cause"] == "unclear"


def test_a_reward_has_the_judges_of_its_terms(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CI", raising=False)
    world = World(tmp_path, ALARMS + REWARD)
    world.days(1, 12, "gpt-old")
    world.days(13, 20, "gpt-new", harsh=1)
    judge = world.alarm("reward.good")["judge"]
    assert (judge["cause"], judge["changed"]) == ("unclear", "2026-09-13")
    assert "the served model of rubric.helpfulness, which is part of it, changed" in judge["message"]
