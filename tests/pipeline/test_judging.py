"""Judging through the ledger: each question paid once, every cell in one state, caps exact, resumable."""

import asyncio
import sqlite3
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from judges import FakeAsk, Silent, body, plan, write_log
from opened import score_logs

from judgecli.config import load_settings
from judgecli.errors import JudgeUnavailable
from judgecli.judge.request import AskFailed
from judgecli.pipeline.asking import Budget
from judgecli.pipeline.judging import Judged, JudgeOptions, JudgePlan, judge_scope
from judgecli.store.folder import Store
from judgecli.store.journal import open_journal
from judgecli.store.replies import find_replies, spend_of
from judgecli.store.scope import open_scope


class World:
    """A store with records, and runs of judges over them."""

    def __init__(self, folder: Path, records: int, lines: str | None = None) -> None:
        self.root = folder / "store"
        self.log = write_log(folder / "log.jsonl", records)
        if lines is not None:
            Path(self.log).write_text(lines, encoding="utf-8")
        self.settings = load_settings(flags=None, environment={"JUDGE_STORE": str(self.root)}, folder=folder)
        self.score()
        self.run_id = self.result.run_id
        self.telling = Silent()

    def score(self) -> None:
        self.result = score_logs([self.log], settings=self.settings, scorers=["words"], progress=Silent())

    def judge(self, *plans: JudgePlan, **options: object) -> Judged:
        """A run of its own."""
        self.run_id += 1
        with Store(self.root) as store:
            return judge_scope(store, self.result.scope, plans, JudgeOptions(run_id=self.run_id, **options), self.telling)  # type: ignore[arg-type]

    def lose_scores(self) -> None:
        """Remove the score files of the judge: the ledger has what they rest on."""
        for path in (self.root / "scores").rglob("*.parquet"):
            if "rubric.fake" in pq.read_schema(path).names:
                path.unlink()

    def cells(self, name: str = "rubric.fake") -> tuple[list[float | None], list[str | None]]:
        """Values and reasons in the order of the records."""
        values, reasons = [], []
        with Store(self.root) as store:
            for shard in store.shards():
                files = [path for path in (self.root / "scores" / shard.name).glob("*.parquet") if name in pq.read_schema(path).names]
                newest = max(files, key=lambda path: path.stat().st_mtime_ns)
                table = pq.read_table(newest, partitioning=None)
                values += table.column(name).to_pylist()
                reasons += table.column(f"{name}.reason").to_pylist()
        return values, reasons


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, 60)


def test_every_record_is_judged_and_nothing_is_asked_twice(world: World) -> None:
    ask = FakeAsk()
    first = world.judge(plan(ask))
    values, reasons = world.cells()
    assert ask.calls.total() == 60
    assert set(reasons) == {None}
    assert all(1 <= value <= 5 for value in values)
    assert first.counts["rubric.fake"].cost_usd == pytest.approx(0.06)
    again = world.judge(plan(ask))
    assert ask.calls.total() == 60
    assert again.counts["rubric.fake"].calls == 0
    assert world.cells() == (values, reasons)


def test_lost_score_files_come_back_from_the_ledger_without_a_call(world: World) -> None:
    world.judge(plan(FakeAsk()))
    before = world.cells()
    world.lose_scores()
    ask = FakeAsk(always=AssertionError("asked again"))
    judged = world.judge(plan(ask))
    assert judged.counts["rubric.fake"].cached == 60
    assert world.cells() == before


def test_a_run_that_was_open_before_takes_over_what_a_killed_one_had_kept(world: World) -> None:
    world.judge(plan(FakeAsk()))
    before = world.cells()
    world.lose_scores()
    ask = FakeAsk(always=AssertionError("asked again"))
    with Store(world.root) as store:
        kept = find_replies(store.ledger, [bytes(row["key"]) for row in store.ledger.rows("SELECT key FROM replies")])
        with store.ledger.transaction() as connection:
            connection.execute("DELETE FROM replies")
        journal = open_journal(world.root)  # of a process that dies while this store is open
        assert journal is not None
        for reply in kept.values():
            journal.append(reply)
        journal.close()
        judged = judge_scope(store, world.result.scope, [plan(ask)], JudgeOptions(), Silent())
    assert judged.counts["rubric.fake"].cached == len(kept) == 60
    assert world.cells() == before


def test_equal_questions_are_one_call(tmp_path: Path) -> None:
    world = World(tmp_path, 30, "".join(f'{{"id": "{number}", "input": "q{number}", "output": "the same"}}\n' for number in range(30)))
    ask = FakeAsk(latency_s=0.01)
    counts = world.judge(plan(ask)).counts["rubric.fake"]
    assert ask.calls.total() == 1
    assert (counts.calls, counts.cached, counts.shared) == (1, 0, 29)
    assert len(set(world.cells()[0])) == 1
    world.lose_scores()
    counts = world.judge(plan(ask)).counts["rubric.fake"]
    assert (counts.calls, counts.cached, counts.shared) == (0, 30, 0)


def test_at_most_concurrency_calls_are_under_way_where_money_is_capped(world: World) -> None:
    ask = FakeAsk(latency_s=0.002, concurrency=5)
    world.judge(plan(ask), budget=Budget(max_cost=100))
    assert ask.most_at_once <= 5


@pytest.mark.parametrize("cap", [1, 7, 59])
def test_max_calls_is_exact_and_the_next_run_goes_on(world: World, cap: int) -> None:
    ask = FakeAsk(latency_s=0.001)
    judged = world.judge(plan(ask), budget=Budget(max_calls=cap))
    assert ask.calls.total() == cap
    assert Counter(world.cells()[1]) == {None: cap, "budget": 60 - cap}
    assert judged.waiting == {"budget": 60 - cap}
    world.judge(plan(ask))
    assert ask.calls.total() == 60
    assert set(ask.calls.values()) == {1}
    assert set(world.cells()[1]) == {None}


def test_max_cost_is_not_exceeded(world: World) -> None:
    ask = FakeAsk(latency_s=0.001)
    judged = world.judge(plan(ask, price=0.01), budget=Budget(max_cost=0.25, first_cost=0.01))
    assert ask.calls.total() == 25
    assert judged.counts["rubric.fake"].cost_usd == pytest.approx(0.25)
    with Store(world.root) as store:
        (spend,) = spend_of(store.ledger, world.run_id)
    assert (spend.calls, spend.tokens_in, spend.served_model) == (25, 2500, "fake-1")
    assert spend.cost_usd == pytest.approx(0.25)


def test_transient_failures_are_asked_again_and_others_are_not(world: World) -> None:
    fail = {3: AskFailed("timeout", "slow"), 5: AskFailed("rate_limited", "often"), 7: AskFailed("bad_request", "no")}
    ask = FakeAsk(fail=fail)
    world.judge(plan(ask))
    assert Counter(world.cells()[1]) == {None: 57, "timeout": 1, "rate_limited": 1, "bad_request": 1}
    world.judge(plan(FakeAsk()))
    assert Counter(world.cells()[1]) == {None: 59, "bad_request": 1}
    world.judge(plan(FakeAsk()), retry_failed=True)
    assert Counter(world.cells()[1]) == {None: 60}


def test_an_unreadable_verdict_is_kept_and_asked_again_only_on_request(world: World) -> None:
    world.judge(plan(FakeAsk(text="I like it")))
    assert Counter(world.cells()[1]) == {"judge_parse": 60}
    silent = FakeAsk()
    world.judge(plan(silent))
    assert silent.calls.total() == 0
    world.judge(plan(silent), retry_failed=True)
    assert silent.calls.total() == 60
    assert Counter(world.cells()[1]) == {None: 60}


def test_a_dead_endpoint_ends_the_run_and_keeps_what_was_finished(world: World) -> None:
    ask = FakeAsk(fail=dict.fromkeys(range(20, 1000), JudgeUnavailable("no key", hint="export one")), latency_s=0.001)
    with pytest.raises(JudgeUnavailable, match="no key"):
        world.judge(plan(ask))
    reasons = Counter(world.cells()[1])
    assert reasons["not_asked"] + reasons[None] == 60
    after = FakeAsk()
    world.judge(plan(after))
    assert set(world.cells()[1]) == {None}
    assert reasons[None] >= 19
    assert after.calls.total() <= 60 - reasons[None]


def test_a_bug_of_one_row_is_that_rows_state(world: World) -> None:
    world.judge(plan(FakeAsk(fail={4: ZeroDivisionError("oops")})))
    assert Counter(world.cells()[1]) == {None: 59, "metric_error": 1}


def test_a_sample_is_the_same_prompts_in_every_run(world: World) -> None:
    ask = FakeAsk()
    world.judge(plan(ask, sample=0.3))
    values, reasons = world.cells()
    assert set(reasons) == {None, "not_sampled"}
    groups = [set(reasons[start : start + 3]) for start in range(0, 60, 3)]
    assert all(len(group) == 1 for group in groups)  # three records share a prompt
    asked = ask.calls.total()
    world.judge(plan(ask, sample=0.3))
    assert ask.calls.total() == asked
    world.judge(plan(ask, sample=1.0))
    assert set(world.cells()[1]) == {None}
    assert ask.calls.total() == 60
    world.judge(plan(ask, sample=0.3))
    assert world.cells() == (values, reasons)


def test_nobody_is_asked_without_an_endpoint(world: World) -> None:
    judged = world.judge(plan(None))
    assert Counter(world.cells()[1]) == {"not_asked": 60}
    assert judged.waiting == {"not_asked": 60}


def test_the_raw_reply_is_stored_as_it_came(world: World) -> None:
    world.judge(plan(FakeAsk(text="{not json")))
    with Store(world.root) as store:
        keys = [bytes(row["key"]) for row in store.ledger.rows("SELECT key FROM replies")]
        found = find_replies(store.ledger, keys)
    assert {reply.raw for reply in found.values()} == {body("{not json")}
    assert all(reply.rubric and reply.model == "fake" and reply.served_model == "fake-1" and reply.finish_reason == "stop" for reply in found.values())


def test_records_of_other_logs_are_left_alone(world: World, tmp_path: Path) -> None:
    other = write_log(tmp_path / "other.jsonl", 40, start=1000)
    both = score_logs([world.log, other], settings=world.settings, scorers=["words"], progress=Silent())
    with Store(world.root) as store:
        entries = open_scope(store, both.scope.file_ids[:1], entries=60, bad=0)
        ask = FakeAsk()
        judge_scope(store, entries, [plan(ask)], JudgeOptions(), Silent())
    assert ask.calls.total() == 60


def test_two_runs_at_once_ask_each_question_once(world: World) -> None:
    ask = FakeAsk(latency_s=0.01)

    async def both() -> None:
        from judgecli.pipeline.judging import _Judging

        with Store(world.root) as one, Store(world.root) as two:
            runs = [_Judging(store, world.result.scope, [plan(ask)], JudgeOptions(), world.telling).run() for store in (one, two)]
            await asyncio.gather(*runs)

    asyncio.run(both())
    assert ask.calls.total() == 60
    assert any("waiting for it" in note for note in world.telling.notes)


def test_a_ledger_of_schema_one_is_copied_and_changed(tmp_path: Path) -> None:
    world = World(tmp_path, 5)
    path = world.root / "ledger.db"
    with sqlite3.connect(path) as connection:
        connection.executescript("DROP TABLE replies; DROP TABLE spend; PRAGMA user_version=1;")
    connection.close()
    world.judge(plan(FakeAsk()))
    assert set(world.cells()[1]) == {None}
    with sqlite3.connect(world.root / "ledger-v1.db") as copy:
        assert copy.execute("PRAGMA user_version").fetchone() == (1,)
        assert copy.execute("SELECT count(*) FROM runs").fetchone() == (1,)
        assert not copy.execute("SELECT 1 FROM sqlite_master WHERE name = 'replies'").fetchone()
    copy.close()
