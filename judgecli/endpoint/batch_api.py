"""The OpenAI Batch API, at half the price: questions go up as a file, answers come down within a day.

    {"custom_id": "9f2c...", "method": "POST", "url": "/v1/chat/completions", "body": {"model": "gpt-5-mini", "messages": [...]}}

`custom_id` is the request's key in hex, so that an answer finds its question whatever its order, and
whoever collects it. Works with any server that has /files and /batches.
"""

from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import orjson

from judgecli.endpoint.client import batch_client, batch_errors
from judgecli.endpoint.ladder import form_of
from judgecli.endpoint.retry import fault_of
from judgecli.endpoint.sender import HttpAnswer
from judgecli.endpoint.settings import EndpointSettings
from judgecli.errors import UsageError
from judgecli.judge.reply import ReplyUnreadable, read_reply
from judgecli.judge.request import AskFailed, Reply, ReplyMode, Request

if TYPE_CHECKING:
    from judgecli.endpoint.client import Client

MOST_REQUESTS = 50_000  # of one batch, as OpenAI counts
MOST_BYTES = 190_000_000
PATH: Literal["/v1/chat/completions"] = "/v1/chat/completions"
ENDED = ("completed", "failed", "expired", "cancelled")


@dataclass(frozen=True, slots=True)
class BatchState:
    """How far a batch is. `ended`: nothing more will come."""

    id: str
    status: str
    total: int
    completed: int
    failed: int

    @property
    def ended(self) -> bool:
        return self.status in ENDED


async def submit(
    settings: EndpointSettings, requests: Iterable[Request], *, modes: Mapping[str, ReplyMode] | None = None, client: "Client | None" = None
) -> list[str]:
    """Send questions as batches of at most 50,000 and 190 MB; returns the ids of the batches, in order.

    A batch cannot find out which rung of the ladder holds: `modes` (as `open_ask` fills it) says so,
    else json_schema is taken. Raises: JudgeUnavailable, UsageError (a question without a key).
    """
    ids = []
    async with batch_client(settings, client) as (asked, secrets):
        for number, data in enumerate(_files(requests, settings.shown(), modes or {})):
            with batch_errors(settings, secrets):
                uploaded = await asked.files.create(file=(f"judge-{number}.jsonl", data), purpose="batch")
                batch = await asked.batches.create(input_file_id=uploaded.id, endpoint=PATH, completion_window="24h")
            ids.append(batch.id)
    return ids


async def state(settings: EndpointSettings, batch_id: str, *, client: "Client | None" = None) -> BatchState:
    """How far a batch is. Raises: JudgeUnavailable."""
    async with batch_client(settings, client) as (asked, secrets):
        with batch_errors(settings, secrets):
            batch = await asked.batches.retrieve(batch_id)
    counts = batch.request_counts
    return BatchState(batch.id, batch.status, *((counts.total, counts.completed, counts.failed) if counts else (0, 0, 0)))


async def collect(
    settings: EndpointSettings, batch_id: str, *, modes: Mapping[bytes, ReplyMode] | None = None, client: "Client | None" = None
) -> AsyncIterator[tuple[bytes, Reply | AskFailed]]:
    """(request key, reply or why there is none) of every answered question of a batch that has ended; nothing of one that has not.

    `modes` says on which rung a question was asked, json_schema where it says nothing. A question
    without any line has no answer: ask it again. Raises: JudgeUnavailable.
    """
    async with batch_client(settings, client) as (asked, secrets):
        with batch_errors(settings, secrets):
            batch = await asked.batches.retrieve(batch_id)
            names = [name for name in (batch.output_file_id, batch.error_file_id) if name] if batch.status in ENDED else []
            files = [(await asked.files.content(name)).content for name in names]
    for content in files:
        for line in content.split(b"\n"):
            if line.strip():
                found = read_line(secrets.scrub_bytes(line), modes or {})
                if found is not None:
                    yield found


def read_line(line: bytes, modes: Mapping[bytes, ReplyMode]) -> tuple[bytes, Reply | AskFailed] | None:
    """One line of an output or error file; None where it names no question of ours."""
    try:
        document = orjson.loads(line)
        key = bytes.fromhex(document["custom_id"])
    except (ValueError, KeyError, TypeError):
        return None
    response = document.get("response")
    answered = response if isinstance(response, dict) else {}
    body = orjson.dumps(answered.get("body"))
    if not answered:
        error = document.get("error")
        code = str(error.get("code")) if isinstance(error, dict) else "no answer"
        return key, AskFailed("not_asked" if "expired" in code or "cancel" in code else "bad_request", f"the batch gave no answer: {code[:100]}")
    status = answered.get("status_code")
    fault = fault_of(HttpAnswer(status if isinstance(status, int) else 200, {}, body))
    if fault is not None:
        return key, AskFailed(fault.reason, fault.message)
    try:
        return key, read_reply(body, modes.get(key, "json_schema"))
    except ReplyUnreadable as error:
        return key, AskFailed("judge_parse", str(error))


def _files(requests: Iterable[Request], shown: str, modes: Mapping[str, ReplyMode]) -> Iterable[bytes]:
    lines: list[bytes] = []
    size = 0
    for request in requests:
        line = _line(request, modes.get(f"{shown} {request.parameters.get('model')}", "json_schema"))
        if lines and (len(lines) >= MOST_REQUESTS or size + len(line) > MOST_BYTES):
            yield b"".join(lines)
            lines, size = [], 0
        lines.append(line)
        size += len(line)
    if lines:
        yield b"".join(lines)


def _line(request: Request, mode: ReplyMode) -> bytes:
    if not request.key:
        raise UsageError("a question without a key cannot go into a batch", hint="take its key when it is built")
    body = {**request.parameters, "messages": request.messages, **form_of(request, mode)}
    return orjson.dumps({"custom_id": request.key.hex(), "method": "POST", "url": PATH, "body": body}) + b"\n"
