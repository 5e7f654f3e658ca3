"""The model behind a judge changes: score, signals and report say so, with the windows between which it did."""

import json
from pathlib import Path
from typing import Any

import pytest
from judges import Silent, body
from opened import approve_baseline, build_report, check_gates, compare_parts, compute_signals, find_drift, score_logs

from judgecli.config import load_settings
from judgecli.config.judges import JudgeFlags
from judgecli.config.settings import Flags
from judgecli.judge.reply import read_reply
from judgecli.judge.request import Reply, Request
from judgecli.pipeline.judged import Asking
from judgecli.pipeline.score import ScoreResult


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


SWAPPED = "policy: [model]\nreward: {name: q, terms: {rubric.helpfulness: {weight: 1}, refusal: {weight: 1, higher_is_better: false}}}\n"


class Swapped(World):
    """The same 60 prompts asked of app a on day 7 and of app b on day 8; from the 30th prompt on each day is judged by a harsher model of the same name."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        (folder / "judge.yaml").write_text(SWAPPED, encoding="utf-8")
        self.settings = load_settings(str(folder / "judge.yaml"), environment={"JUDGE_STORE": str(folder / "store"), "JUDGE_MODEL": "m"}, folder=folder)

    def half(self, day: int, served: str, score: int, first: int, last: int) -> None:
        async def ask(request: Request) -> Reply:  # noqa: ARG001
            return read_reply(body(json.dumps({"explanation": "x", "score": score}), model=served), "json_schema")

        path = self.folder / f"day{day}-{first}.jsonl"
        model = "a" if day == 7 else "b"
        rows = [{"time": f"2026-09-{day:02}T10:00:00Z", "model": model, "session": f"{day} {n}", "input": f"q {n}", "output": f"{day} {n}"} for n in range(60)]
        path.write_text("".join(json.dumps(row) + "\n" for row in rows[first:last]), encoding="utf-8")
        score_logs([str(path)], settings=self.settings, scorers=["rubric:helpfulness", "refusal"], progress=Silent(), asking=Asking(ask=ask))


@pytest.fixture
def swapped(tmp_path: Path) -> Swapped:
    return Swapped(tmp_path)


@pytest.mark.parametrize("metric", ["rubric.helpfulness", "reward.q"])
def test_sides_that_both_hold_two_models_are_told(swapped: Swapped, metric: str) -> None:
    swapped.half(7, "one", 4, 0, 50)
    swapped.half(7, "two", 2, 50, 60)
    swapped.half(8, "one", 4, 0, 10)
    swapped.half(8, "two", 2, 10, 60)
    found = compare_parts(swapped.settings, ["a", "b"], metrics=[metric])
    assert found.rows[0].verdict == "worse"  # which is the judge's doing alone: no app changed
    told = "rubric.helpfulness: not all scores are by one served model (a: one and two; b: one and two), so a difference may be the judge's"
    assert [note for note in found.notes if note.startswith(told)]
    drift = find_drift(swapped.settings, reference="model=a", current="model=b", metrics=[metric], texts=False)
    row = drift.rows[0]
    assert (row.verdict, row.cause) == ("drift", None)
    assert row.reasons["cause"] == "it may be the judge: not all scores are by one served model, rubric.helpfulness (before: one and two; now: one and two)"
    assert "it may be the judge" in drift.headline[0][1]
    assert any("a change may be the judge's" in note for note in drift.notes)
    assert not compare_parts(swapped.settings, ["a", "b"], metrics=["refusal"]).notes
    other = find_drift(swapped.settings, reference="model=a", current="model=b", metrics=["refusal"], texts=False)
    assert not [note for note in other.notes if "judge" in note]


@pytest.mark.parametrize("gate", ["metric: rubric.helpfulness", "reward: q"])
def test_a_gate_with_a_baseline_tells_it_too(swapped: Swapped, gate: str) -> None:
    swapped.half(7, "one", 4, 0, 60)
    with (swapped.folder / "judge.yaml").open("a", encoding="utf-8") as file:
        file.write(f"gates:\n  - {{{gate}, not_worse_than: main, where: model=b}}\n")
    settings = load_settings(str(swapped.folder / "judge.yaml"), environment={"JUDGE_STORE": str(swapped.folder / "store")}, folder=swapped.folder)
    approve_baseline(settings, "main", on="model=a", by="ada")
    swapped.half(8, "two", 2, 0, 60)
    found = check_gates(settings, on="model=b")
    assert found.verdict == "fail"
    assert any("not all scores are by one served model: rubric.helpfulness (baseline 'main': one; now: two)" in note for note in found.notes)


def test_one_model_on_both_sides_is_not_told(swapped: Swapped) -> None:
    swapped.half(7, "one", 4, 0, 60)
    swapped.half(8, "one", 2, 0, 60)
    assert not [note for note in compare_parts(swapped.settings, ["a", "b"]).notes if "served" in note]
    drift = find_drift(swapped.settings, reference="model=a", current="model=b", texts=False)
    assert not [note for note in drift.notes if "served" in note]
    assert "judge" not in json.dumps([dict(row.reasons) for row in drift.rows])


def test_a_jury_is_one_judge_whatever_the_order_of_its_members(world: World) -> None:
    world.settings = load_settings(
        str(world.folder / "judge.yaml"),
        flags=Flags(judge=JudgeFlags(models=("m1", "m2"))),
        environment={"JUDGE_STORE": str(world.folder / "store")},
        folder=world.folder,
    )

    async def ask(request: Request) -> Reply:
        return read_reply(body(json.dumps({"explanation": "x", "score": 3}), model=f"served-{request.parameters['model']}"), "json_schema")

    for day in (7, 8):
        path = world.folder / f"day{day}.jsonl"
        path.write_text("".join(json.dumps({"model": m, "input": f"q{n}", "output": f"{m} {n}"}) + "\n" for n in range(30) for m in "ab"), encoding="utf-8")
        score_logs([str(path)], settings=world.settings, scorers=["rubric:helpfulness"], progress=Silent(), asking=Asking(ask=ask))
    found = world.signals(window="all")
    assert {tuple(row.served) for row in found.rows} == {("served-m1, served-m2",)}
    assert not [note for note in found.notes if "served" in note]
    assert not [note for note in compare_parts(world.settings, ["a", "b"]).notes if "served" in note]
