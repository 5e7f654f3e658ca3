"""The reward server: one reward, fixed when it starts, over HTTP for RL trainers (protocols: reward_wire.py).

Loopback, or a token. A request is bounded in bytes, rows, characters and time; what is too much is answered 503 with
Retry-After. A reward that is no finite number never leaves: rows without one are named.
"""

import asyncio
import contextlib
import hmac
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import orjson
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from judgecli.errors import EnvironmentFailure, UsageError
from judgecli.reward.outcome import LiveReward, Rows, count_rows
from judgecli.serve.batcher import Batcher
from judgecli.serve.counters import Counters
from judgecli.serve.reward_wire import READERS, RefusedRequest, Template, load, served_name, write_reply

if TYPE_CHECKING:
    import uvicorn

LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")
READ_ON = 4  # times the cap
BACKLOG = 2048
GRACE_S = 3  # what is under way when the server ends may take this long
JSON = "application/json"


@dataclass(frozen=True)
class ServeSettings:
    """Where a reward is served and how much of it: bytes a body, rows a request, characters a text, requests at once, rows a batch."""

    host: str = "127.0.0.1"
    port: int = 8400
    token: str | None = field(default=None, repr=False)
    template: Template = field(default_factory=Template)
    largest_body: int = 8 << 20
    most_rows: int = 1024
    longest_text: int = 1 << 20
    most_requests: int = 256
    batch_rows: int = 256
    batch_wait_s: float = 0.002
    body_s: float = 10.0
    idle_s: float = 10.0

    @property
    def is_loopback(self) -> bool:
        """Whether nobody but this machine can connect."""
        return is_loopback(self.host)

    def check(self) -> None:
        """Raises: UsageError where others could connect and no token is wanted of them."""
        if not self.is_loopback and not self.token:
            raise UsageError(
                f"{self.host} can be reached by other machines, and no token is wanted of them",
                hint="name the environment variable that holds one with --token-env NAME, or serve on 127.0.0.1",
            )


def is_loopback(host: str) -> bool:
    """Whether an address or name is this machine's own. A name other than localhost may lead anywhere, so it is not."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


class RewardServer:
    """The application: `app` for any ASGI server, `serve` on uvicorn."""

    def __init__(self, reward: LiveReward, settings: ServeSettings) -> None:
        settings.check()
        self.reward, self.settings, self.counters = reward, settings, Counters()
        self._batcher = Batcher(reward, most_rows=settings.batch_rows, wait_s=settings.batch_wait_s, on_batch=self._count_batch)
        routes = [Route(path, self._guarded(path, self._answer), methods=["POST"]) for path in READERS]
        routes += [Route("/health", self._guarded("/health", self._health), methods=["GET"])]
        routes += [Route("/metrics", self._guarded("/metrics", self._metrics), methods=["GET"])]
        handlers = {404: _not_there, 405: _not_there}
        self.app = Starlette(routes=routes, lifespan=self._lifespan, exception_handlers=handlers)

    @contextlib.asynccontextmanager
    async def _lifespan(self, _app: Starlette) -> AsyncIterator[None]:
        self._batcher.start()
        try:
            yield
        finally:
            await self._batcher.stop()

    def _count_batch(self, requests: int, rows: int) -> None:
        self.counters.batch_requests.observe(requests)
        self.counters.batch_rows.observe(rows)

    # Requests -----------------------------------------------------------------------------------

    def _guarded(self, path: str, answer: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
        """A handler with what holds for all: who may ask, how many at once, every failure as a 4xx or 503."""

        async def handle(request: Request) -> Response:
            started = time.perf_counter()
            self.counters.in_flight += 1
            try:
                self._check_sender(request, path)
                response = await answer(request)
            except RefusedRequest as refused:
                self.counters.rejected[_why(refused.status)] += 1
                response = _error(refused)
            except ClientDisconnect:
                response = Response(status_code=400)
            except Exception:  # noqa: BLE001 - no text of ours or of a request's goes out
                self.counters.rejected["failed"] += 1
                response = _error(RefusedRequest(503, "the server could not answer this", headers={"retry-after": "1"}))
            finally:
                self.counters.in_flight -= 1
            self.counters.requests[path, response.status_code] += 1
            self.counters.seconds.observe(time.perf_counter() - started)
            return response

        return handle

    def _check_sender(self, request: Request, path: str) -> None:
        if self.settings.is_loopback and _host_of(request.headers.get("host", "")) not in LOOPBACK_NAMES:
            raise RefusedRequest(403, "this server answers to localhost only")
        if request.headers.get("origin") is not None:
            raise RefusedRequest(403, "this server does not answer to web pages")
        token = self.settings.token
        if token is not None and path != "/health":
            given = request.headers.get("authorization", "")
            if not hmac.compare_digest(given.encode("utf-8", "surrogateescape"), f"Bearer {token}".encode()):
                raise RefusedRequest(401, "this server wants its token: Authorization: Bearer TOKEN", headers={"www-authenticate": "Bearer"})
        if self.counters.in_flight > self.settings.most_requests:
            raise RefusedRequest(503, f"more than {self.settings.most_requests} requests at once", headers={"retry-after": "1"})

    async def _answer(self, request: Request) -> Response:
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != JSON:
            raise RefusedRequest(415, f"send {JSON}")
        document = load(await self._read_body(request))
        query = READERS[request.url.path](document, self.reward, self.settings.template)
        self._check_size(query.rows)
        outcomes = await self._batcher.rewards(query.rows)
        for outcome in outcomes:
            if outcome.reward is None:
                self.counters.missing[str(outcome.reason)] += 1
        body = write_reply(query, outcomes)
        self.counters.rewards += sum(outcome.reward is not None for outcome in outcomes)
        return Response(body, media_type=JSON)

    async def _read_body(self, request: Request) -> bytes:
        """The body, in time and of bounded size. Raises: Refused; the connection of who sends too much or too slowly ends.

        Somewhat too much is read to its end and thrown away, since a client that is still sending does not read what it is answered.
        """
        cap = self.settings.largest_body
        too_large = RefusedRequest(413, f"the body is larger than {cap} bytes", headers={"connection": "close"})
        said = request.headers.get("content-length", "")
        if said.isdigit() and int(said) > READ_ON * cap:
            raise too_large
        chunks, size = [], 0
        try:
            async with asyncio.timeout(self.settings.body_s):
                async for chunk in request.stream():
                    size += len(chunk)
                    if size > READ_ON * cap:
                        raise too_large
                    chunks.append(chunk if size <= cap else b"")
        except TimeoutError:
            raise RefusedRequest(408, f"the body did not come within {self.settings.body_s:g} s", headers={"connection": "close"}) from None
        if size > cap:
            raise too_large
        return b"".join(chunks)

    def _check_size(self, rows: Rows) -> None:
        if count_rows(rows) > self.settings.most_rows:
            raise RefusedRequest(413, f"more than {self.settings.most_rows} rows in one request")
        for values in rows.values():
            for row, value in enumerate(values):
                length = len(value) if isinstance(value, str) else sum(map(len, value)) if isinstance(value, list) else 0
                if length > self.settings.longest_text:
                    raise RefusedRequest(413, f"row {row} holds a text of more than {self.settings.longest_text} characters", rows=[row])

    async def _health(self, _request: Request) -> Response:
        return Response(b'{"status":"ok"}', media_type=JSON)

    async def _metrics(self, _request: Request) -> Response:
        return Response(self.counters.text(), media_type="text/plain; version=0.0.4")

    # Serving ------------------------------------------------------------------------------------

    def listen(self) -> socket.socket:
        """The bound socket; port 0 takes a free one. Raises: EnvironmentFailure."""
        family = socket.AF_INET6 if ":" in self.settings.host else socket.AF_INET
        bound = socket.socket(family, socket.SOCK_STREAM)
        try:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.bind((self.settings.host, self.settings.port))
            bound.listen(BACKLOG)  # who is told the address now may connect at once
        except (OSError, OverflowError) as error:
            bound.close()
            said = getattr(error, "strerror", None) or str(error)
            raise EnvironmentFailure(f"cannot listen on {self.settings.host}:{self.settings.port}: {said}", hint="name another --port, or --port 0") from error
        return bound

    def url_of(self, bound: socket.socket) -> str:
        """The address that clients use."""
        host, port = bound.getsockname()[:2]
        return f"http://{f'[{host}]' if ':' in host else host}:{port}"

    def run(self, bound: socket.socket) -> None:
        """Serve until SIGINT or SIGTERM, which is raised again when all is closed."""
        server = make_server(self.app, self.settings)
        server.run(sockets=[bound])


def make_server(app: Starlette, settings: ServeSettings) -> "uvicorn.Server":
    """uvicorn without its logs, and with connections that end when they keep silent."""
    import uvicorn

    from judgecli.serve.impatient import impatient

    _raise_file_limit()
    config = uvicorn.Config(
        app,
        http=impatient(settings.idle_s),
        ws="none",
        lifespan="on",
        log_config=None,
        log_level="critical",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=int(settings.idle_s),
        timeout_graceful_shutdown=GRACE_S,
        backlog=BACKLOG,
        h11_max_incomplete_event_size=64 << 10,
    )
    return uvicorn.Server(config)


def _raise_file_limit() -> None:
    """As many connections as the system lets this process have: idle ones must not keep others out."""
    try:
        import resource
    except ImportError:
        return
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _host_of(header: str) -> str:
    try:
        return (urlsplit(f"//{header}").hostname or "").lower() if "@" not in header else ""
    except ValueError:
        return ""


def _why(status: int) -> str:
    return {401: "token", 403: "sender", 408: "slow", 413: "too_large", 415: "not_json", 503: "busy"}.get(status, "bad_request")


def _error(refused: RefusedRequest) -> Response:
    error: Mapping[str, object] = {"message": str(refused), "code": refused.status, "type": _why(refused.status), "rows": refused.rows}
    body = orjson.dumps({"error": {**error, "message": str(refused).encode("utf-8", "backslashreplace").decode()}})
    return Response(body, refused.status, headers=refused.headers, media_type=JSON)


async def _not_there(_request: Request, error: Exception) -> Response:
    status = int(getattr(error, "status_code", 404))
    return _error(RefusedRequest(status, f"there is {', '.join(READERS)} (POST), /health and /metrics (GET)"))


def describe(reward: LiveReward, url: str, settings: ServeSettings) -> dict[str, object]:
    """What is served where, for a person or a program that starts it."""
    return {
        "url": url,
        "reward": reward.name,
        "identity": reward.identity,
        "model": served_name(reward),
        "paths": list(READERS),
        "reads": sorted(reward.columns),
        "range": list(reward.range),
        "token": settings.token is not None,
    }
