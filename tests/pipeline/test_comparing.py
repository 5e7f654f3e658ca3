"""Pairs and lists of the answers to one prompt: `judge score`, the ledger, `judge signals --units pair`."""

import json
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from judges import Silent, body
from opened import compute_signals, estimate_logs, score_logs

from judgecli.config import load_settings
from judgecli.config.settings import Settings
from judgecli.judge.reply import read_reply
from judgecli.judge.request import Reply, Request
from judgecli.pipeline.judged import Asking
from judgecli.pipeline.score import ScoreResult
from judgecli.serve.personalities import PERSONALITIES, read_prompt
from judgecli.store.comparisons import read_comparisons
from judgecli.store.folder import Store
from judgecli.store.upkeep import forget, verify

PAIRS = "rubric:preference"
LISTS = "rubric:best_of_n"


class Decider:
    """An ask that decides by the shown answers, and counts."""

    def __init__(self, decide: Callable[[list[str]], object], field: str = "winner") -> None:
        self.decide = decide
        self.field = field
        self.requests: list[Request] = []

    async def __call__(self, request: Request) -> Reply:
        self.requests.append(request)
        prompt = read_prompt({"messages": request.messages})
        answers = [text for label, text in prompt.texts if label.startswith("answer")]
        said = {"explanation": "by the rule", self.field: self.decide(answers)}
        return read_reply(body(json.dumps(said)), "json_schema")


def better(answers: list[str]) -> str:
    """The answer with the higher number at its end wins; one without a number (a sentinel) loses."""
    first, second = (int(answer.split()[-1]) if answer[-1:].isdigit() else -1 for answer in answers)
    return "A" if first > second else "B" if second > first else "tie"


def ranked(answers: list[str]) -> list[int]:
    """By the number at the end."""
    return sorted(range(1, len(answers) + 1), key=lambda place: -int(answers[place - 1].split()[-1]))


class World:
    """A folder with logs of several models, and runs over them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.settings(None)

    def settings(self, yaml: str | None) -> Settings:
        path = self.folder / "judge.yaml"
        path.write_text(yaml or "policy: [model]\n", encoding="utf-8")
        environment = {"JUDGE_STORE": str(self.folder / "store"), "JUDGE_MODEL": "fake"}
        self.current = load_settings(str(path), environment=environment, folder=self.folder)
        return self.current

    def log(self, rows: Sequence[dict[str, object]], name: str = "log.jsonl") -> str:
        path = self.folder / name
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        return str(path)

    def score(self, ask: object, *logs: str, scorer: str = PAIRS, **more: Any) -> ScoreResult:
        return score_logs(logs, settings=self.current, scorers=[scorer], progress=Silent(), asking=Asking(ask=ask, **more))  # type: ignore[arg-type]

    def rows(self, units: Sequence[str] = ("pair",), **more: Any) -> dict[str, dict[str, Any]]:
        """Model -> its row, over all time."""
        found = compute_signals(self.current, by=["model"], window="all", units=units, **more).to_json()["rows"]
        return {row["policy"]["model"]: row for row in found if row["metric"] != "prompt.group_size"}  # type: ignore[attr-defined]


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def answers(prompts: int, **numbers: int | Callable[[int], int]) -> list[dict[str, object]]:
    """A record of each model for each prompt; its number says how good it is."""
    return [
        {"id": f"{model}-{prompt}", "model": model, "input": f"How is dish {prompt} made?", "output": f"{prompt} {n if isinstance(n, int) else n(prompt)}"}
        for prompt in range(prompts)
        for model, n in numbers.items()
    ]


def test_answers_of_two_models_to_one_prompt_are_compared_in_both_orders(world: World) -> None:
    log = world.log(answers(10, a=5, b=lambda p: 9 if p < 3 else 1))  # b wins 3 of 10
    ask = Decider(better)
    result = world.score(ask, log)
    found = result.to_json()["comparisons"]["rubric.preference"]  # type: ignore[index]
    assert (found["unit"], found["units"], found["prompts"], found["scored"], found["pending"], found["unscored"]) == ("pair", 10, 10, 10, 0, {})
    assert result.exit_code == 0
    assert len(ask.requests) == 20
    rows = world.rows()
    assert rows["a"]["metric"] == "pair.win_rate.rubric.preference"
    assert (rows["a"]["mean"], rows["b"]["mean"], rows["a"]["n"], rows["a"]["unit"]) == (0.7, pytest.approx(0.3), 10, "pair")
    assert rows["a"]["clusters"] == 10


def test_what_was_compared_once_is_not_asked_again_and_a_third_model_adds_its_pairs(world: World) -> None:
    log = world.log(answers(4, a=5, b=1))
    world.score(Decider(better), log)
    again = Decider(better)
    assert world.score(again, log).judge.counts["rubric.preference"].calls == 0
    assert not again.requests
    more = world.log(answers(4, c=9), "more.jsonl")
    world.score(again, log, more)
    assert len(again.requests) == 4 * 2 * 2  # c against a and against b
    rows = world.rows()
    assert [rows[model]["mean"] for model in "abc"] == [0.5, 0.0, 1.0]
    assert [rows[model]["n"] for model in "abc"] == [8, 8, 8]


def test_an_always_first_judge_wins_nothing_for_anybody(world: World) -> None:
    log = world.log(answers(20, a=5, b=1))
    result = world.score(Decider(lambda _: "A"), log)
    found = result.to_json()["comparisons"]["rubric.preference"]  # type: ignore[index]
    assert (found["scored"], found["unscored"]) == (0, {"position_inconsistent": 20})
    assert result.exit_code == 3
    row = world.rows()["a"]
    assert (row["mean"], row["n"], row["unscored"], row["worst"], row["best"]) == (None, 0, {"position_inconsistent": 20}, 0.0, 1.0)


def test_the_biased_fake_judge_is_flagged_in_every_pair(world: World) -> None:
    log = world.log(answers(20, a=5, b=1))

    async def biased(request: Request) -> Reply:
        asked = {"messages": request.messages, "response_format": {"json_schema": {"schema": request.schema}}}
        return read_reply(body(PERSONALITIES["biased"](read_prompt(asked), asked)), "json_schema")

    found = world.score(biased, log).to_json()["comparisons"]["rubric.preference"]  # type: ignore[index]
    assert found["unscored"] == {"position_inconsistent": 20}


def test_a_cap_leaves_pairs_waiting_and_the_next_run_goes_on(world: World) -> None:
    log = world.log(answers(10, a=5, b=1))
    plan = "policy: [model]\nscorers: [{rubric: preference, judge: {max_calls: 6}}]\n"
    world.settings(plan)
    first = world.score(Decider(better), log)
    found = first.to_json()["comparisons"]["rubric.preference"]  # type: ignore[index]
    assert found["scored"] + found["pending"] == found["units"] == 10
    assert found["scored"] <= 3
    assert first.exit_code == 3
    world.settings("policy: [model]\n")
    second = Decider(better)
    assert world.score(second, log).exit_code == 0
    assert len(second.requests) == 20 - 6


def test_a_dry_run_counts_pairs_and_asks_nobody(world: World) -> None:
    log = world.log(answers(7, a=5, b=1, c=3))
    found = estimate_logs([log], settings=world.current, scorers=[PAIRS], progress=Silent())
    assert (found["calls"], found["rubrics"]["rubric.preference"]["unit"], found["rubrics"]["rubric.preference"]["records"]) == (42, "pair", 21)  # type: ignore[index]
    with Store(world.current.store) as store:
        assert store.ledger.rows("SELECT count(*) FROM comparisons")[0][0] == 0


def test_exported_replies_replay_the_pairs_without_a_call(world: World, tmp_path: Path) -> None:
    from judgecli.store.replies import export_replies

    log = world.log(answers(6, a=5, b=lambda p: p))
    world.score(Decider(better), log)
    before = world.rows()["b"]["mean"]
    with Store(world.current.store) as store, open(tmp_path / "replies.jsonl", "w", encoding="utf-8") as out:
        assert export_replies(store.ledger, out) == 10  # both say the same to prompt 5
    (tmp_path / "store").rename(tmp_path / "old")
    replayed = world.score(None, log, replay=str(tmp_path / "replies.jsonl"))
    assert replayed.exit_code == 0
    assert world.rows()["b"]["mean"] == before


def test_draws_of_one_model_are_compared_with_one_another(world: World) -> None:
    rows = [{"id": f"{draw}", "model": "a", "input": "How?", "output": f"draw {draw}"} for draw in range(4)]
    found = world.score(Decider(better), world.log(rows)).to_json()["comparisons"]["rubric.preference"]  # type: ignore[index]
    assert (found["units"], found["prompts"], found["scored"]) == (6, 1, 6)
    assert world.rows() == {}  # one policy has nobody to win against


def test_equal_answers_are_a_tie_without_a_call(world: World) -> None:
    ask = Decider(better)
    rows = [{"id": model, "model": model, "input": "How?", "output": "the same 1"} for model in "ab"]
    world.score(ask, world.log(rows))
    assert not ask.requests
    assert world.rows()["a"]["mean"] == 0.5


def test_answers_are_compared_only_after_the_same_conversation(world: World) -> None:
    def said(model: str, first: str, number: int) -> dict[str, object]:
        system = f"You are {model}."
        messages = [("system", system), ("user", first), ("assistant", "Fine."), ("user", "Yes")]
        return {"model": model, "messages": [{"role": role, "content": text} for role, text in messages], "output": f"answer {number}"}

    ask = Decider(better)
    log = world.log([said("a", "Rice?", 1), said("b", "rice?", 2), said("b", "Delete everything?", 3)])
    found = world.score(ask, log).to_json()["comparisons"]["rubric.preference"]  # type: ignore[index]
    assert (found["units"], found["scored"]) == (1, 1)
    shown = str(ask.requests[0].messages[1])
    assert "Rice?" in shown or "rice?" in shown
    assert "You are" not in shown  # instructions differ, so none of them is shown
    assert world.rows()["b"]["mean"] == 1.0


def test_contexts_are_shown_only_where_both_answers_had_them(world: World) -> None:
    def said(model: str, prompt: str, context: str, number: int) -> dict[str, object]:
        return {"model": model, "input": prompt, "output": f"answer {number}", "contexts": [context]}

    ask = Decider(better)
    world.score(ask, world.log([said("a", "p", "same", 1), said("b", "p", "same", 2), said("a", "q", "mine", 1), said("b", "q", "yours", 2)]))
    shown = [str(request.messages[1]) for request in ask.requests]
    assert sum("same" in text for text in shown) == 2
    assert not any("mine" in text or "yours" in text for text in shown)


def test_at_most_twenty_answers_of_a_prompt_are_compared_and_the_rest_is_told(world: World) -> None:
    rows = [{"id": f"{draw}", "model": f"m{draw}", "input": "How?", "output": f"draw {draw}"} for draw in range(25)]
    result = world.score(Decider(better), world.log(rows))
    found = result.to_json()["comparisons"]["rubric.preference"]  # type: ignore[index]
    assert (found["units"], found["left_out"]) == (190, 5)
    assert any("5 answers were not compared" in note for note in result.notes)


def test_logs_without_two_answers_to_a_prompt_are_told(world: World) -> None:
    result = world.score(Decider(better), world.log(answers(3, a=1)))
    assert result.to_json()["comparisons"]["rubric.preference"]["units"] == 0  # type: ignore[index]
    assert any("no prompt of these logs has two answers" in note for note in result.notes)


def test_a_list_has_one_best_answer_whatever_the_order(world: World) -> None:
    log = world.log(answers(8, a=5, b=lambda p: 9 if p < 2 else 1, c=3))
    ask = Decider(ranked, "ranking")
    result = world.score(ask, log, scorer=LISTS)
    found = result.to_json()["comparisons"]["rubric.best_of_n"]  # type: ignore[index]
    assert (found["unit"], found["units"], found["scored"], len(ask.requests)) == ("prompt", 8, 8, 16)
    rows = world.rows(["prompt"], metrics=["rubric.best_of_n"])
    assert [rows[model]["mean"] for model in "abc"] == [0.75, 0.25, 0.0]
    assert rows["a"]["metric"] == "prompt.best_share.rubric.best_of_n"


def test_a_longer_list_takes_the_place_of_a_shorter_one_and_equal_texts_share(world: World) -> None:
    log = world.log([{"model": model, "input": "p", "output": f"answer {number}"} for model, number in (("a", 1), ("b", 2))])
    world.score(Decider(ranked, "ranking"), log, scorer=LISTS)
    more = world.log([{"model": "c", "input": "p", "output": "answer 2"}], "more.jsonl")
    world.score(Decider(ranked, "ranking"), log, more, scorer=LISTS)
    rows = world.rows(["prompt"], metrics=["rubric.best_of_n"])
    assert {name: (row["mean"], row["n"]) for name, row in rows.items()} == {"a": (0.0, 1), "b": (0.5, 1), "c": (0.5, 1)}


def test_the_reference_of_each_record_can_be_the_rival(world: World) -> None:
    world.settings("policy: [model]\nscorers: [{rubric: preference, against: reference}]\n")
    rows = [{"id": f"{n}", "model": "a", "input": f"q {n}", "output": f"mine {n}", "reference": "theirs 1"} for n in range(3)]
    ask = Decider(better)
    result = world.score(ask, world.log(rows))
    assert result.to_json()["comparisons"] == {}
    summary = result.to_json()["metrics"]["rubric.preference"]  # type: ignore[index]
    assert (summary["scored"], summary["mean"]) == (3, pytest.approx(0.5))  # 0 loses, 1 ties, 2 wins


def test_forgotten_records_take_their_pairs_and_replies_along(world: World) -> None:
    log = world.log(answers(5, a=5, b=1))
    world.score(Decider(better), log)
    with Store(world.current.store) as store:
        forget(store, "model = 'b'")
        assert store.ledger.rows("SELECT count(*) FROM comparisons")[0][0] == 0
        assert store.ledger.rows("SELECT count(*) FROM replies")[0][0] == 0
        assert verify(store)["ok"]


def test_pairs_of_records_that_a_filter_leaves_out_do_not_count(world: World) -> None:
    log = world.log(answers(6, a=5, b=1, c=9))
    world.score(Decider(better), log)
    assert world.rows(on="model != 'c'")["a"]["n"] == 6
    assert world.rows(on="model != 'c'")["a"]["mean"] == 1.0


def test_each_bucket_of_a_larger_log_is_whole(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Texts are read for a few buckets at a time, and shards split the answers of a prompt."""
    monkeypatch.setattr("judgecli.pipeline.comparing.LOADED_ROWS", 50)
    logs = [world.log(answers(150, **{model: n}), f"{model}.jsonl") for n, model in enumerate("abc")]  # type: ignore[misc]
    result = world.score(Decider(better), *logs)
    found = result.to_json()["comparisons"]["rubric.preference"]  # type: ignore[index]
    assert (found["units"], found["prompts"], found["scored"]) == (450, 150, 450)
    assert result.judge.sentinels["rubric.preference"].passed == 0  # worthless answers, each against a real one
    assert [world.rows()[model]["mean"] for model in "abc"] == [0.0, 0.5, 1.0]


def test_a_sampled_share_of_prompts_keeps_its_pairs_whole(world: World) -> None:
    log = world.log(answers(200, a=5, b=1, c=9))
    world.settings("policy: [model]\nscorers: [{rubric: preference, sample: 0.25}]\n")
    found = world.score(Decider(better), log).to_json()["comparisons"]["rubric.preference"]  # type: ignore[index]
    assert found["scored"] + found["unscored"]["not_sampled"] == found["units"] == 600
    assert found["scored"] % 3 == 0
    assert 90 <= found["scored"] <= 210


def test_the_ledger_tells_every_pair_for_who_reads_it(world: World) -> None:
    log = world.log(answers(2, a=5, b=1))
    result = world.score(Decider(better), log)
    keys = {row["key"]: row["model"] for table in result.rows() for row in table.to_pylist()}
    with Store(world.current.store) as store:
        rows = list(read_comparisons(store.ledger, str(result.to_json()["comparisons"]["rubric.preference"]["identity"])))  # type: ignore[index]
    assert len(rows) == 2
    for row in rows:
        winner = row.members[0] if row.value == 1.0 else row.members[1]
        assert keys[winner.hex()] == "a"
        assert (row.reason, row.explanation, row.served_model) == (None, "by the rule", "fake-1")
    assert not [path for path in (world.folder / "store").rglob("scores/*/*.parquet") if "rubric.preference" in pq.read_schema(path).names]
    assert sqlite3.connect(world.folder / "store" / "ledger.db").execute("SELECT count(*) FROM replies WHERE target IS NULL").fetchone()[0] == 0


def test_a_store_that_lost_a_compared_answer_is_told(world: World) -> None:
    log = world.log(answers(2, a=5, b=1))
    world.score(Decider(better), log)
    with Store(world.current.store) as store:
        assert verify(store)["ok"]
        with store.ledger.transaction() as connection:
            connection.execute("UPDATE comparisons SET members = ?", (b"x" * 32,))
        assert any("4 answers that were compared are not in the store" in problem for problem in verify(store)["problems"])  # type: ignore[attr-defined]


def test_two_runs_at_once_ask_each_pair_once(world: World) -> None:
    """A bucket is judged by one run at a time; the other waits and finds the answers."""
    import asyncio
    from concurrent.futures import ThreadPoolExecutor

    log = world.log(answers(30, a=5, b=1))
    world.score(Decider(better), log, scorer="words")
    asked: list[bytes] = []

    async def slowly(request: Request) -> Reply:
        asked.append(request.key)
        await asyncio.sleep(0.02)
        return await Decider(better)(request)

    with ThreadPoolExecutor(2) as pool:
        results = [future.result() for future in [pool.submit(world.score, slowly, log) for _ in range(2)]]
    assert [result.exit_code for result in results] == [0, 0]
    assert len(asked) == len(set(asked)) == 60
