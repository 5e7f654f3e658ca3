"""The model behind a judge changes: score, signals and report say so, with the windows between which it did."""

import json
from pathlib import Path
from typing import Any

import pytest
from judges import Silent, body

from judgecli.config import load_settings
from judgecli.judge.reply import read_reply
from judgecli.judge.request import Reply, Request
from judgecli.pipeline.judged import Asking
from judgecli.pipeline.reporting import build_report
from judgecli.pipeline.scoring import ScoreResult, score_logs
from judgecli.pipeline.signals import compute_signals


class World:
    """One log a day, judged by whatever model is served that day."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "judge.yaml").write_text("policy: [model]\n", encoding="utf-8")
        self.settings = load_settings(str(folder / "judge.yaml"), environment={"JUDGE_STORE": str(folder / "store"), "JUDGE_MODEL": "m"}, folder=folder)

    def day(self, day: int, served: str | None, records: int = 10, scorer: str = "rubric:helpfulness") -> ScoreResult:
        async def ask(request: Request) -> Reply:  # noqa: ARG001 - every answer is alike
            said = {"score": 3} if scorer == "rubric:helpfulness" else {"winner": "tie"}
            return read_reply(body(json.dumps({"explanation": "x", **said}), model=served or ""), "json_schema")

        path = self.folder / f"day{day}.jsonl"
        rows = [
            {"time": f"2026-09-{day:02}T10:00:00Z", "model": model, "input": f"q {day} {n}", "output": f"{model} {n}"} for n in range(records) for model in "ab"
        ]
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        return score_logs([str(path)], settings=self.settings, scorers=[scorer], progress=Silent(), asking=Asking(ask=ask))

    def signals(self, **more: Any) -> Any:
        return compute_signals(self.settings, by=["model"], **more)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_a_change_between_two_windows_is_told_with_both(world: World) -> None:
    world.day(7, "gpt-x-2025-08-07")
    world.day(8, "gpt-x-2025-08-07")
    result = world.day(9, "gpt-x-2026-01-15")
    found = world.signals(window="1d")
    rows = [row for row in found.rows if row.metric == "rubric.helpfulness"]
    assert [tuple(row.served) for row in rows] == [("gpt-x-2025-08-07",)] * 4 + [("gpt-x-2026-01-15",)] * 2
    told = [note for note in found.notes if "served by" in note]
    assert len(told) == 1
    assert "gpt-x-2026-01-15 in the window from 2026-09-09, by gpt-x-2025-08-07 until the one from 2026-09-08" in told[0]
    assert json.loads(json.dumps(found.to_json()))["rows"][-1]["served"] == ["gpt-x-2026-01-15"]
    assert any("served by gpt-x-2026-01-15 in this run and by gpt-x-2025-08-07 in run 2" in note for note in result.notes)
    assert any("served by gpt-x-2026-01-15" in note for note in build_report(world.settings, window="1d").notes)


def test_one_model_all_along_is_not_told(world: World) -> None:
    for day in (7, 8):
        result = world.day(day, "gpt-x")
    assert not [note for note in (*world.signals(window="1d").notes, *result.notes) if "served by" in note]


def test_two_models_in_one_window_are_told(world: World) -> None:
    world.day(7, "one")
    world.day(8, "two")
    told = [note for note in world.signals(window="all").notes if "served by" in note]
    assert told == ["rubric.helpfulness: served by 2 models in one window: one, two; scores of different models are no one series"]


def test_an_endpoint_that_names_no_model_is_no_change(world: World) -> None:
    world.day(7, None)
    world.day(8, None)
    found = world.signals(window="1d")
    assert {tuple(row.served) for row in found.rows} == {()}
    assert not [note for note in found.notes if "served by" in note]


def test_comparisons_tell_it_too(world: World) -> None:
    world.day(7, "one", scorer="rubric:preference")
    world.day(8, "two", scorer="rubric:preference")
    found = world.signals(window="1d", units=["pair"])
    assert [tuple(row.served) for row in found.rows] == [("one",), ("one",), ("two",), ("two",)]
    assert any("pair.win_rate.rubric.preference: served by two in the window from 2026-09-08" in note for note in found.notes)
