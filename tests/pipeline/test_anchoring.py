"""judge anchors: a planted change of the judge, of the app, too little to tell; a set that was touched; hostile outputs."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from judges import Silent, body
from opened import create_anchors, rejudge_anchors, score_logs

from judgecli.cli import main
from judgecli.config import load_settings
from judgecli.config.judges import JudgeFlags
from judgecli.config.settings import Flags
from judgecli.errors import ConfigError, Incomplete, UsageError
from judgecli.judge.reply import read_reply
from judgecli.pipeline.anchors import AnchorPlan, RejudgePlan, show_anchors
from judgecli.pipeline.judged import Asking
from judgecli.renderers.anchors import anchors_page, rejudge_page
from judgecli.renderers.terminal import Page
from judgecli.signal.anchors import judge_alarms
from judgecli.store.folder import Store

HOSTILE = "\x1b[31m<script>window.JUDGE_MARK=1</script>\u202e"


class Rater:
    """A judge that gives the number in the answer, less `harsh`, and is unsure by one in a share of its replies."""

    def __init__(self, harsh: int = 0, unsure: float = 0.0) -> None:
        self.harsh, self.unsure, self.calls = harsh, unsure, 0

    async def __call__(self, request):
        self.calls += 1
        true = int(re.search(r"worth (\d)", str(request.messages))[1])
        chance = int.from_bytes(request.key[:4], "big") / 2**32
        noise = (-1 if chance < self.unsure / 2 else 1) if chance < self.unsure else 0
        return read_reply(body(json.dumps({"explanation": "x", "score": min(5, max(1, true - self.harsh + noise))})), "json_schema")


def settings_of(folder: Path, **flags):
    judge = JudgeFlags(models=("gpt-judge",), **flags)
    return load_settings(flags=Flags(judge=judge), environment={"JUDGE_STORE": str(folder / "store")}, folder=folder)


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CI", raising=False)
    rows = [{"input": f"q{n}", "output": f"worth {2 + n % 3}, answer {n} {HOSTILE}"} for n in range(60)]
    (tmp_path / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    score_logs([str(tmp_path / "log.jsonl")], settings=settings_of(tmp_path), scorers=["rubric:helpfulness"], progress=Silent(), asking=Asking(ask=Rater()))
    return tmp_path


def create(folder, ask, *, count=30, repeats=2, **flags):
    return create_anchors(settings_of(folder, **flags), "main", AnchorPlan("rubric.helpfulness", count, repeats), progress=Silent(), ask=ask)


def rejudge(folder, ask, window, *, flags=None, **plan):
    return rejudge_anchors(settings_of(folder, **(flags or {})), "main", RejudgePlan(window, **plan), progress=Silent(), ask=ask)


def test_founding_asks_anew_and_takes_outputs_from_the_whole_range(project):
    ask = Rater()
    found = create(project, ask)
    assert ask.calls == 60  # 30 x 2, none from the replies that outputs were chosen by
    assert (found["anchors"], found["mean"], found["sd"]) == (30, 0.5, 0.0)  # ten each of 2, 3 and 4 on 1..5
    assert [row["score"] for row in show_anchors(settings_of(project), "main")["sample"]][:3] == [0.25, 0.5, 0.75]


def test_a_judge_that_became_harsher_is_told_from_an_app_that_became_worse(project):
    create(project, Rater())
    quiet = rejudge(project, Rater(), "2026-10-01", live_change=-1.0)
    assert (quiet["verdict"], quiet["shift"], quiet["alarm"]) == ("unchanged", 0.0, None)
    assert [one["cause"] for one in quiet["causes"]] == ["app"]
    moved = rejudge(project, Rater(harsh=1), "2026-10-02", live_change=-1.0)
    assert (moved["verdict"], moved["shift"], moved["alarm"]) == ("shifted", -0.25, "drop")
    assert [one["cause"] for one in moved["causes"]] == ["judge"]
    assert [row["shift"] for row in moved["windows"]] == [0.0, -0.25]
    assert "judge shifted" in rejudge_page(moved, Page(100))


def test_too_few_anchors_with_a_noisy_judge_are_unclear(project):
    create(project, Rater(unsure=1.0), count=4)
    found = rejudge(project, Rater(unsure=1.0), "2026-10-01", live_change=-0.1)
    assert [one["cause"] for one in found["causes"]] == ["unclear"]
    assert found["verdict"] != "shifted"


def test_a_window_is_asked_once_and_the_next_anew(project):
    create(project, Rater())
    ask = Rater()
    rejudge(project, ask, "2026-10-01")
    assert ask.calls == 30
    again = rejudge(project, ask, "2026-10-01")
    assert (ask.calls, again["judge"]["cached"]) == (30, 30)
    rejudge(project, ask, "2026-10-02")
    assert ask.calls == 60
    with Store(project / "store") as store:
        assert store.ledger.rows("SELECT count(*) AS n FROM anchors")[0]["n"] == 60


def test_another_judge_than_at_the_founding_is_compared_at_once(project):
    create(project, Rater())
    settings = load_settings(flags=Flags(judge=JudgeFlags(models=("gpt-other",))), environment={"JUDGE_STORE": str(project / "store")}, folder=project)
    found = rejudge_anchors(settings, "main", RejudgePlan("2026-10-01"), progress=Silent(), ask=Rater(harsh=1))
    assert found["identity"] != found["founding"]["identity"]
    assert (found["verdict"], found["shift"]) == ("shifted", -0.25)


def test_a_budget_leaves_it_incomplete_and_the_rest_is_asked_later(project):
    create(project, Rater())
    ask = Rater()
    found = rejudge(project, ask, "2026-10-01", flags={"max_calls": 10})
    assert (found["complete"], found["n"], found["unscored"]) == (False, 10, 20)
    assert rejudge(project, ask, "2026-10-01")["complete"]
    assert ask.calls == 30


def test_replayed_replies_say_the_same_in_another_store_and_the_exit_code_tells(project, capsys):
    create(project, Rater())
    rejudge(project, Rater(harsh=1), "2026-10-01")
    assert main(["--store", "store", "replies", "export", "replies.jsonl"]) == 0
    again = ["--store", "fresh", "anchors", "rejudge", "main", "--judge-model", "gpt-judge", "--replay", "replies.jsonl", "--json"]
    capsys.readouterr()
    assert main([*again, "--window", "2026-10-01", "--fail-on-shift"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert (document["verdict"], document["shift"], document["judge"]["calls"]) == ("shifted", -0.25, 0)
    assert main([*again, "--window", "2026-10-02"]) == 3  # the file has no reply of that window
    assert json.loads(capsys.readouterr().out)["unscored"] == 30


def test_an_open_alarm_of_the_metric_is_asked_about(project):
    create(project, Rater())
    entry = rejudge(project, Rater(), "2026-10-01")
    alarm = {"metric": "rubric.helpfulness", "kind": "value", "identity": entry["identity"], "size": -1.0, "since": "2026-09-28T00:00:00", "time": "2026-09-30"}
    with Store(project / "store") as store, store.ledger.transaction() as connection:
        for name, told in (("a1", alarm), ("b2", alarm | {"identity": "another"}), ("c3", alarm | {"since": "2026-10-05T00:00:00"})):
            connection.execute("INSERT INTO alarms (id, chart, since, document, accepted) VALUES (?, 'x', 0, ?, 0)", (name, json.dumps(told)))
    found = rejudge(project, Rater(), "2026-10-02")
    assert [(one["what"], one["cause"], one["live_shift"]) for one in found["causes"]] == [
        ("alarm a1", "app", -0.25)
    ]  # half of it is more than 30 that agree may have missed


def test_a_few_anchors_that_agree_are_no_proof(project):
    create(project, Rater(), count=3)
    found = rejudge(project, Rater(harsh=1), "2026-10-01", live_change=-1.0)
    share = 1 - 0.04 ** (1 / 3)  # of the way to either end of the scale
    assert (found["shift"], found["low"], found["high"]) == (-0.25, pytest.approx(-0.25 - share * 0.75), pytest.approx(-0.25 + share * 1.25))
    assert (found["verdict"], found["causes"][0]["cause"]) == ("unclear", "unclear")


def test_a_founding_without_all_its_judgements_writes_nothing(project):
    with pytest.raises(Incomplete, match="budget"):
        create(project, Rater(), max_calls=10)
    assert not (project / "anchors").exists()


def test_a_set_that_was_touched_is_refused(project):
    create(project, Rater())
    path = project / "anchors" / "main.parquet"
    path.write_bytes(path.read_bytes() + b"x")
    ask = Rater()
    with pytest.raises(ConfigError, match="not the file that was frozen"):
        rejudge(project, ask, "2026-10-01")
    assert ask.calls == 0


def test_what_is_frozen_stays(project):
    create(project, Rater())
    with pytest.raises(UsageError, match="exists"):
        create(project, Rater())


def test_hostile_outputs_are_shown_as_text(project):
    create(project, Rater())
    page = anchors_page(show_anchors(settings_of(project), "main"), Page(200))
    assert "window.JUDGE_MARK=1" in page
    assert "\x1b" not in page
    assert "\u202e" not in page


def test_a_dry_run_asks_nobody_and_writes_nothing(project):
    ask = Rater()
    plan = AnchorPlan("rubric.helpfulness", 30, 2, dry_run=True)
    assert create_anchors(settings_of(project), "main", plan, progress=Silent(), ask=ask)["calls_at_most"] == 60
    assert (ask.calls, (project / "anchors").exists()) == (0, False)


def test_the_detector_seldom_cries_wolf_though_the_founding_is_noisy():
    """20 judges that never move, 30 windows each of 100 anchors, noise 0.1: at most one false alarm in 100 windows is promised."""
    random, alarms = np.random.default_rng(5), 0
    for _ in range(20):
        founding = random.normal(0, 0.1, (2, 100)).mean(axis=0)
        windows = [(random.normal(0, 0.1, 100) - founding, np.arange(100)) for _ in range(30)]
        alarms += len(judge_alarms(windows, sd=0.1, repeats=2, anchors=100)) > 0
    assert alarms <= 6  # 20 x 30 / 100 expected at most


def test_the_detector_finds_a_small_shift_in_a_few_windows():
    random = np.random.default_rng(6)
    windows = [(random.normal(-0.05 * (n >= 3), 0.1, 100), np.arange(100)) for n in range(12)]
    found = judge_alarms(windows, sd=0.1, repeats=2, anchors=100)
    assert found[0].direction == "drop"
    assert 3 <= found[0].window <= 8


def test_a_live_change_of_nothing_is_refused_before_anybody_is_asked(project):
    create(project, Rater())
    ask = Rater()
    with pytest.raises(UsageError, match="--live-change 0 is no change"):
        rejudge(project, ask, "2026-10-01", live_change=0.0)
    assert ask.calls == 0
