"""What the tests of judging share: logs, a fake Ask that counts, and a judge whose score is in the reply."""

import asyncio
import contextlib
import json
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path

from judgecli.judge.reply import read_reply
from judgecli.judge.request import Ask, Reply, Request
from judgecli.pipeline.judging import JudgePlan
from judgecli.scorer import Metric, Score, Scorer, ScorerColumn

WORDS = ["salt", "water", "rice", "oil", "stir", "boil", "eggs", "flour"]


class Silent:
    """A progress that keeps the notes."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def phase(self, text: str, total: int | None = None) -> None: ...

    def advance(self, bytes_read: int, records: int) -> None: ...

    def note(self, text: str) -> None:
        self.notes.append(text)


def write_log(path: Path, records: int, *, start: int = 0) -> str:
    """Records with outputs that differ, each third prompt the same."""
    numbers = range(start, start + records)
    rows = [{"id": f"r{number}", "input": f"question {number // 3}", "output": f"answer {number} {WORDS[number % 8]}"} for number in numbers]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(path)


def body(text: str | None, *, model: str = "fake-1", tokens: tuple[int, int] = (100, 10), finish: str = "stop") -> bytes:
    """A chat completion as an endpoint sends it."""
    message = {"role": "assistant", "content": text}
    usage = {"prompt_tokens": tokens[0], "completion_tokens": tokens[1]}
    return json.dumps({"model": model, "choices": [{"message": message, "finish_reason": finish}], "usage": usage}).encode()


@dataclass
class FakeAsk:
    """An Ask that answers by the hash of the question and counts calls a key; `fail` names what it raises on which call."""

    latency_s: float = 0.0
    fail: Mapping[int, BaseException] = field(default_factory=dict)
    always: BaseException | None = None
    text: str | None = None
    calls: Counter[bytes] = field(default_factory=Counter)
    at_once: int = 0
    most_at_once: int = 0
    concurrency: int = 8

    async def __call__(self, request: Request) -> Reply:
        number = self.calls.total()
        self.calls[request.key] += 1
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await asyncio.sleep(self.latency_s)
            if self.always is not None:
                raise self.always
            if number in self.fail:
                raise self.fail[number]
        finally:
            self.at_once -= 1
        text = json.dumps({"score": 1 + request.key[0] % 5}) if self.text is None else self.text
        return read_reply(body(text), "json_schema")

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[Ask]:
        """As an endpoint of a plan."""
        yield self


async def score(record: Mapping[str, object], ask: Ask) -> Score:
    """A judge of one question: the number in the reply."""
    key = blake2b(json.dumps(dict(record), sort_keys=True).encode(), digest_size=32).digest()
    reply = await ask(Request(({"role": "user", "content": str(record["output"])},), None, {"model": "fake"}, 0, key))
    try:
        return Score(value=float(json.loads(reply.text or "")["score"]), explanation="because")
    except (ValueError, KeyError, TypeError):
        return Score(reason="judge_parse", explanation="no verdict")


def plan(endpoint: FakeAsk | None, *, sample: float = 1.0, name: str = "rubric.fake", price: float | None = 0.001, **more: object) -> JudgePlan:
    """A plan for one metric over `output`; a call costs `price`."""
    scorer = Scorer("fake", score, "number", (1.0, 5.0), True, 1, columns=(ScorerColumn("output", "output", True),))  # type: ignore[arg-type]
    return JudgePlan(Metric(name, scorer, {}), score, endpoint, lambda *_: price, sample, **more)  # type: ignore[arg-type]
