"""judge_rows: each row judged once, in bursts that never keep a row waiting for what is not there yet."""

import asyncio
import random

import pytest

from judgecli.engine.judging import BURST, judge_rows
from judgecli.scorer import Score


class Paper:
    """A sheet as far as judge_rows knows it."""

    def __init__(self, name: str, rows: int) -> None:
        self.name, self.left = name, rows
        self.settled: list[int] = []
        self.again: dict[int, bool] = {}

    def records(self):
        for row in range(self.left):
            yield row, b"key", {"name": self.name}

    def settle(self, row: int, *_: object) -> bool:
        self.settled.append(row)
        self.left -= 1
        return self.left == 0


async def in_turn(papers):
    for paper in papers:
        yield paper


def judged(papers, judge, *, in_flight: int, sheets=None, stop=None, on_stop=lambda: None):
    ended = []

    async def publish(sheet):
        ended.append(sheet.name)

    async def run():
        waits = judge_rows(sheets or in_turn(papers), judge, on_sheet=publish, in_flight=in_flight, stop=stop or asyncio.Event(), drain_s=1.0, on_stop=on_stop)
        await asyncio.wait_for(waits, 20)

    asyncio.run(run())
    return ended


@pytest.mark.parametrize("seed", range(12))
def test_every_row_is_judged_once_and_every_sheet_handed_on_once(seed):
    draw = random.Random(seed)  # noqa: S311
    papers = [Paper(str(number), draw.choice((0, 1, 2, BURST - 1, BURST, BURST + 1, 70))) for number in range(draw.randint(1, 12))]
    sizes = {paper.name: paper.left for paper in papers}
    most = under_way = 0
    in_flight = draw.choice((1, 2, BURST - 1, BURST, BURST + 1, 64))

    async def judge(_asked):
        nonlocal most, under_way
        under_way += 1
        most = max(most, under_way)
        for _ in range(draw.randint(0, 3)):
            await asyncio.sleep(draw.choice((0, 0.0005)))
        under_way -= 1
        return Score(value=1.0), None

    ended = judged(papers, judge, in_flight=in_flight)
    assert sorted(ended) == sorted(sizes)
    assert {paper.name: sorted(paper.settled) for paper in papers} == {name: list(range(size)) for name, size in sizes.items()}
    assert most <= in_flight


def test_the_rows_of_a_small_sheet_do_not_wait_for_the_next_one():
    small, large = Paper("small", 3), Paper("large", 40)

    async def sheets():
        yield small
        for _ in range(200):  # another process holds the next one until ours is done
            if small.left == 0:
                break
            await asyncio.sleep(0.01)
        assert small.left == 0
        yield large

    async def judge(_asked):
        await asyncio.sleep(0.001)
        return Score(value=1.0), None

    assert judged([], judge, in_flight=64, sheets=sheets()) == ["small", "large"]


def test_rows_are_begun_in_bursts():
    """All the rows of a burst begin before the first of them waits for its answer to come."""
    begun, turns = 0, []

    async def judge(_asked):
        nonlocal begun
        begun += 1
        if begun % BURST == 1:
            asyncio.get_running_loop().call_soon(lambda: turns.append(begun))
        await asyncio.sleep(0.001 + 0.0007 * (begun % 13))
        return Score(value=1.0), None

    judged([Paper("only", 20 * BURST)], judge, in_flight=3 * BURST)
    assert len(turns) == 20
    assert all(count % BURST == 0 for count in turns)


def test_nothing_is_begun_after_a_stop_and_what_is_under_way_ends():
    paper, begun = Paper("only", 500), []
    stop = asyncio.Event()

    async def judge(asked):
        begun.append(asked.row)
        if len(begun) == 40:
            stop.set()
        await asyncio.sleep(0.01)
        return Score(value=1.0), None

    told = []
    assert judged([paper], judge, in_flight=32, stop=stop, on_stop=lambda: told.append(len(begun))) == []
    assert told == [len(begun)]
    assert sorted(paper.settled) == sorted(begun)
    assert 40 <= len(begun) < 40 + 32


@pytest.mark.parametrize("where", ["judge", "on_sheet", "sheets"])
def test_what_a_part_raises_ends_the_run_after_the_others(where):
    papers = [Paper("first", 20), Paper("second", 20)]

    async def sheets():
        yield papers[0]
        if where == "sheets":
            raise OSError("no second sheet")
        yield papers[1]

    async def judge(asked):
        await asyncio.sleep(0.002)
        if where == "judge" and asked.sheet is papers[1]:
            raise OSError("disk")
        return Score(value=1.0), None

    async def publish(_sheet):
        if where == "on_sheet":
            raise OSError("publish")

    async def run():
        await judge_rows(sheets(), judge, on_sheet=publish, in_flight=8, stop=asyncio.Event(), drain_s=1.0)

    with pytest.raises(OSError, match=r"no second sheet|disk|publish"):
        asyncio.run(run())
    assert len(papers[0].settled) == 20
