"""What the endpoint's tests share: a question, an environment without keys, and endpoints that do not wait long."""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

from judgecli.endpoint.ask import open_ask
from judgecli.endpoint.settings import EndpointSettings
from judgecli.judge.request import AskFailed, Reply, Request
from judgecli.serve.fake_judge import FakeJudge, FakeSettings
from judgecli.serve.wire import Response, WireRequest

KEY = "sk-canary-4f81c2d07be9"
SCHEMA = {
    "type": "object",
    "properties": {"explanation": {"type": "string"}, "score": {"type": "integer", "enum": [1, 2, 3, 4, 5]}},
    "required": ["explanation", "score"],
    "additionalProperties": False,
}


def question(number: int = 0, **parameters: object) -> Request:
    text = f"<<<MATERIAL {number:032x}>>>\nanswer:\n| The capital of France is Paris, says record {number}.\n<<<END {number:032x}>>>"
    messages = ({"role": "system", "content": "Judge."}, {"role": "user", "content": text})
    return Request(messages, SCHEMA, {"model": "m", **parameters}, key=number.to_bytes(32, "big"))


def quick(url: str, **changes: Any) -> EndpointSettings:
    return EndpointSettings(**{"base_url": url, "connect_s": 1.0, "idle_s": 1.0, "total_s": 2.0, "concurrency": 16, **changes})


async def ask_all(ask: Callable[[Request], Any], requests: Iterable[Request]) -> list[Reply | AskFailed]:
    """Replies in order; an AskFailed in place of one that failed."""
    found = await asyncio.gather(*(ask(request) for request in requests), return_exceptions=True)
    for result in found:
        if isinstance(result, BaseException) and not isinstance(result, AskFailed):
            raise result
    return found  # type: ignore[return-value]


async def answers(settings: FakeSettings, count: int, **changes: Any) -> list[Reply | AskFailed]:
    """What a fake judge of these settings answers to so many questions."""
    async with FakeJudge(settings) as fake, open_ask(quick(fake.url, **changes)) as ask:
        return await ask_all(ask, [question(number) for number in range(count)])


def always(response: Callable[[], Response]) -> Callable[[WireRequest], Response]:
    return lambda _: response()
