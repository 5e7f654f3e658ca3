"""A fake judge on loopback for tests: OpenAI-compatible, deterministic, with latency, faults and personalities.

    POST .../chat/completions     also at Azure's paths; response_format, tools, logprobs
    POST .../files, .../batches   and GET of a batch and of a file: the Batch API, finished at once
    GET  .../models, /stats       what it serves; what was asked so far: counts a key, a status, a fault
    POST /reset                   counts from zero

Every answer and every fault is decided by the prompt (without the codes of its markers), the number of
times it was asked before, and the seed: never by the order of arrival. Nothing of a request's headers is kept.
"""

import asyncio
import gzip
import hashlib
import json
import re
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from judgecli.errors import UsageError
from judgecli.serve.completions import completion, mode_of
from judgecli.serve.personalities import PERSONALITIES, Prompt, read_prompt
from judgecli.serve.wire import Response, WireRequest, error_response, json_response, read_request, uploaded, whole_of, write

FAULTS = ("429", "500", "502", "reset", "stall", "drip", "truncated", "empty", "gzip_cut", "malformed", "cut", "refusal", "content_filter")
LARGEST_BODY = 256 << 20


@dataclass(frozen=True)
class FakeSettings:
    """How the fake judge behaves. `faults`: share of requests by fault; `limit_per_s`: more are answered 429; `modes`: rungs that it knows."""

    latency_ms: float = 0.0
    personality: str = "honest"
    faults: Mapping[str, float] = field(default_factory=dict)
    retry_after: str = "1"
    stall_s: float = 3600.0
    drip_s: float = 1.0
    limit_per_s: float | None = None
    seed: int = 0
    model: str = "fake-judge-1"
    modes: tuple[str, ...] = ("json_schema", "json_object", "tool", "text")
    key: str | None = field(default=None, repr=False)  # the key that it wants; None: any

    def __post_init__(self) -> None:
        if self.personality not in PERSONALITIES:
            raise UsageError(f"no personality is called '{self.personality}'", hint=f"choose one of {', '.join(PERSONALITIES)}")
        unknown = [name for name in self.faults if name not in FAULTS]
        if unknown or not all(0 <= share <= 1 for share in self.faults.values()):
            raise UsageError(
                f"no such fault: {', '.join(unknown) or dict(self.faults)}", hint=f"give NAME=SHARE with a share from 0 to 1 and a name of {', '.join(FAULTS)}"
            )


Script = Callable[[WireRequest], Response | Awaitable[Response | None] | None]


class FakeJudge:
    """The server: `async with FakeJudge(settings) as fake: fake.url`. `script` answers a chat request itself where it returns a Response."""

    def __init__(
        self, settings: FakeSettings | None = None, script: Script | None = None, *, port: int = 0, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None
    ) -> None:
        self.settings = settings or FakeSettings()
        self._script, self._host, self._port, self._tls = script, host, port, tls
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Task[None]] = set()
        self._files: dict[str, bytes] = {}
        self._batches: dict[str, dict[str, object]] = {}
        self.reset()

    def reset(self) -> None:
        self.requests = self.in_flight = self.most_in_flight = self.connections = 0
        self.by_key: dict[str, int] = {}
        self.by_status: dict[str, int] = {}
        self.by_fault: dict[str, int] = {}
        self.early = 0  # requests that came before the Retry-After of their prompt was over
        self._not_before: dict[str, float] = {}
        self._level, self._level_at = 1.0, time.monotonic()

    async def __aenter__(self) -> "FakeJudge":
        self._server = await asyncio.start_server(self._serve, self._host, self._port, ssl=self._tls, limit=LARGEST_BODY, backlog=2048)
        self._port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in list(self._open):
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)
        await self._server.wait_closed()

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://{'localhost' if self._tls else self._host}:{self._port}/v1"

    def stats(self) -> dict[str, object]:
        """Counts since the start or the last reset."""
        repeated = sum(count - 1 for count in self.by_key.values())
        return {
            "requests": self.requests,
            "distinct": len(self.by_key),
            "repeated": repeated,
            "early": self.early,
            "most_in_flight": self.most_in_flight,
            "connections": self.connections,
            "by_status": self.by_status,
            "by_fault": self.by_fault,
            "by_key": self.by_key,
        }

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        self.connections += 1
        try:
            while (asked := await read_request(reader, writer)) is not None:
                response = await self._answer(asked)
                if not await write(writer, response):
                    if not response.raw:
                        writer.transport.abort()  # a reset
                    break
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, asyncio.CancelledError):
            pass
        finally:
            self._open.discard(task)
            writer.close()

    async def _answer(self, asked: WireRequest) -> Response:
        path = asked.path.partition("?")[0]
        if path == "/stats":
            return json_response(self.stats())
        if path == "/reset":
            self.reset()
            return json_response({})
        if path.endswith("/models"):
            return json_response({"object": "list", "data": [{"id": self.settings.model, "object": "model", "created": 0, "owned_by": "judge"}]})
        if (
            self.settings.key is not None
            and asked.headers.get("authorization") != f"Bearer {self.settings.key}"
            and asked.headers.get("api-key") != self.settings.key
        ):
            return error_response(401, "invalid_api_key", "Incorrect API key provided")
        if path.endswith("/chat/completions"):
            return await self._chat(asked)
        for part, answer in (("/files", self._file), ("/batches", self._batch)):
            if part in path:
                return answer(asked, path)
        return error_response(404, "not_found", f"no such path: {path}")

    async def _chat(self, asked: WireRequest) -> Response:
        self.requests += 1
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            response = await self._chat_response(asked)
            self.by_status[str(response.status)] = self.by_status.get(str(response.status), 0) + 1
            if response.wait_s > 0:
                await asyncio.sleep(response.wait_s)
            return response
        finally:
            self.in_flight -= 1

    async def _chat_response(self, asked: WireRequest) -> Response:
        try:
            body = json.loads(asked.body)
            prompt = read_prompt(body)
        except (ValueError, AttributeError, TypeError):
            return error_response(400, "invalid_request_error", "the body is no chat request")
        key = prompt.key.hex()
        attempt = self.by_key.get(key, 0)
        self.by_key[key] = attempt + 1
        self.early += time.monotonic() < self._not_before.get(key, 0.0)
        scripted = self._script(WireRequest(asked.method, asked.path, asked.headers, asked.body, attempt)) if self._script else None
        scripted = await scripted if isinstance(scripted, Awaitable) else scripted
        if scripted is not None:
            return scripted
        mode = mode_of(body)
        if mode not in self.settings.modes:
            return error_response(400, "invalid_request_error", f"'{'tools' if mode == 'tool' else 'response_format'}' of type '{mode}' is not supported")
        fault = "429" if self._over_limit() else self._draw(prompt.key, attempt)
        if fault is not None:
            self.by_fault[fault] = self.by_fault.get(fault, 0) + 1
        return self._response(body, prompt, fault)

    def _over_limit(self) -> bool:
        rate = self.settings.limit_per_s
        if rate is None:
            return False
        now = time.monotonic()
        self._level = min(max(1.0, rate), self._level + (now - self._level_at) * rate)
        self._level_at = now
        if self._level < 1:
            return True
        self._level -= 1
        return False

    def _draw(self, key: bytes, attempt: int) -> str | None:
        drawn = hashlib.blake2b(key + f"{attempt} {self.settings.seed}".encode(), digest_size=8).digest()
        share = int.from_bytes(drawn, "big") / 2**64
        for name, rate in self.settings.faults.items():
            if share < rate:
                return name
            share -= rate
        return None

    def _response(self, body: Mapping[str, object], prompt: Prompt, fault: str | None) -> Response:
        wait_s = self.settings.latency_ms / 1000
        if fault == "429":
            limited = error_response(429, "rate_limit_exceeded", "Rate limit reached")
            limited.headers["retry-after"] = self.settings.retry_after
            self._note_wait(prompt.key.hex())
            return limited
        content = PERSONALITIES[self.settings.personality](prompt, body)
        response = json_response(completion(body, content, self.settings.model, fault))
        response.wait_s = wait_s
        return _spoilt(response, fault, self.settings) if fault else response

    def _note_wait(self, key: str) -> None:
        try:
            self._not_before[key] = time.monotonic() + float(self.settings.retry_after)
        except ValueError:
            self._not_before.pop(key, None)

    def _file(self, asked: WireRequest, path: str) -> Response:
        """Upload of a batch's questions, and the files of answers."""
        found = re.search(r"/files/([\w-]+)(/content)?$", path)
        if found and asked.method == "GET":
            held = self._files.get(found[1])
            return (
                error_response(404, "not_found", "no such file") if held is None else Response(body=held, headers={"content-type": "application/octet-stream"})
            )
        data = uploaded(asked)
        name = f"file-{hashlib.blake2b(data, digest_size=8).hexdigest()}"
        self._files[name] = data
        return json_response(
            {"id": name, "object": "file", "bytes": len(data), "created_at": 0, "filename": "batch.jsonl", "purpose": "batch", "status": "processed"}
        )

    def _batch(self, asked: WireRequest, path: str) -> Response:
        found = re.search(r"/batches/([\w-]+)(/cancel)?$", path)
        if found:
            held = self._batches.get(found[1])
            return error_response(404, "not_found", "no such batch") if held is None else json_response(held)
        wanted = json.loads(asked.body)
        lines = [json.loads(line) for line in self._files.get(wanted["input_file_id"], b"").splitlines() if line.strip()]
        output = f"file-out-{len(self._batches)}"
        self._files[output] = b"".join(json.dumps(self._batch_line(line)).encode() + b"\n" for line in lines)
        batch = {
            "id": f"batch_{len(self._batches)}",
            "object": "batch",
            "endpoint": wanted["endpoint"],
            "input_file_id": wanted["input_file_id"],
            "completion_window": wanted["completion_window"],
            "status": "completed",
            "output_file_id": output,
            "created_at": 0,
            "request_counts": {"total": len(lines), "completed": len(lines), "failed": 0},
        }
        self._batches[str(batch["id"])] = batch
        return json_response(batch)

    def _batch_line(self, line: Mapping[str, object]) -> dict[str, object]:
        body = line["body"]
        assert isinstance(body, dict)
        prompt = read_prompt(body)
        self.by_key[prompt.key.hex()] = self.by_key.get(prompt.key.hex(), 0) + 1
        answer = completion(body, PERSONALITIES[self.settings.personality](prompt, body), self.settings.model, None)
        return {
            "id": f"line-{line['custom_id']}",
            "custom_id": line["custom_id"],
            "response": {"status_code": 200, "request_id": "fake", "body": answer},
            "error": None,
        }


def _spoilt(response: Response, fault: str, settings: FakeSettings) -> Response:
    if fault == "500":
        return Response(500, error_response(500, "server_error", "The server had an error").body, {"content-type": "application/json"}, response.wait_s)
    if fault == "502":
        return Response(502, b"<html><body><h1>502 Bad Gateway</h1></body></html>", {"content-type": "text/html"}, response.wait_s)
    if fault == "reset":
        return Response(raw=b"", close=True, wait_s=response.wait_s)
    if fault == "stall":
        return Response(raw=b"", close=True, wait_s=settings.stall_s)
    if fault == "drip":
        response.pause_s = settings.drip_s
    elif fault == "truncated":
        whole = whole_of(response)
        return Response(raw=whole[: -len(response.body) // 2], close=True, wait_s=response.wait_s)
    elif fault == "gzip_cut":
        response.body = gzip.compress(response.body)[:-20]
        response.headers["content-encoding"] = "gzip"
    elif fault == "empty":
        response.body = b""
    return response


def parse_faults(words: Sequence[str]) -> dict[str, float]:
    """`["429=0.05"]` as shares by fault. Raises: UsageError."""
    faults = {}
    for word in words:
        name, _, share = word.partition("=")
        try:
            faults[name] = float(share)
        except ValueError:
            raise UsageError(f"--fault '{word}' is not NAME=SHARE", hint="for example --fault 429=0.05") from None
    return faults


def tls_files(certificate: Path, key: Path) -> ssl.SSLContext:
    """A server's TLS context from PEM files. Raises: UsageError."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        raise UsageError(f"the certificate cannot be used: {error}", hint="give --tls-cert and --tls-key as PEM files") from None
    return context
