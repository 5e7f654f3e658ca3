"""The user's OpenAI or Azure client, asked once what it would send: the only module that imports openai.

A client with a transport of ours answers one `chat.completions.create` with a canned reply and keeps
the request: final URL, headers and body, as the SDK makes them of keys, organisation, deployment and
environment. That form is then sent a thousand times by sender.py at a fifth of the SDK's cost. What a
captured form cannot carry (headers signed for each body, workload identity) goes through the client
itself, at about three times the cost.
"""

import asyncio
import inspect
import logging
import os
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from judgecli.endpoint.consent import origin
from judgecli.endpoint.sender import OWN_HEADERS, HttpAnswer, SendFailed
from judgecli.endpoint.settings import EndpointSettings, Opened, Secrets, open_settings
from judgecli.errors import JudgeUnavailable

if TYPE_CHECKING:
    import httpx2
    import openai

    Client = openai.AsyncOpenAI | openai.AsyncAzureOpenAI

NO_KEY = "no-key"  # the SDK wants one; a server on loopback does not, so it is taken out again
SECRET_HEADERS = ("authorization", "api-key", "x-api-key", "ocp-apim-subscription-key")
CANNED = {
    "id": "captured",
    "object": "chat.completion",
    "created": 0,
    "model": "captured",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": ""}}],
}


@dataclass(frozen=True, slots=True)
class Captured:
    """What the SDK sends for one model and its parameters; `body` lacks the messages. Nothing of it is shown."""

    url: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    body: Mapping[str, object] = field(repr=False)
    taken: float = 0.0
    renewal: int = 0


class Forms:
    """The captured forms of one client, taken when first needed and renewed by time or on demand."""

    def __init__(self, settings: EndpointSettings, opened: Opened, given: "Client | None" = None) -> None:
        self.settings, self._opened, self._given = settings, opened, given
        self.secrets = opened.secrets
        self._forms: dict[bytes, Captured] = {}
        self._lock = asyncio.Lock()
        self._renewal = 0
        self._sending: Client | None = None
        self.slow = settings.slow or getattr(given, "workload_identity", None) is not None

    async def get(self, parameters: Mapping[str, object]) -> Captured:
        """The form of these parameters (model among them). Raises: JudgeUnavailable (the client refuses them)."""
        key = orjson.dumps(dict(parameters), option=orjson.OPT_SORT_KEYS)
        found = self._forms.get(key)
        if found is not None and time.monotonic() - found.taken < self.settings.renew_s:
            return found
        async with self._lock:
            found = self._forms.get(key)
            if found is None or time.monotonic() - found.taken >= self.settings.renew_s:
                found = self._forms[key] = await self._capture(parameters)
            return found

    async def renew(self, stale: Captured) -> bool:
        """Take the forms anew after a 401 on `stale`; whether the headers are others now."""
        async with self._lock:
            if stale.renewal == self._renewal:
                self._renewal += 1
                self._forms.clear()
        parameters = {name: value for name, value in stale.body.items() if name != "messages"}
        return {**(await self.get(parameters)).headers} != {**stale.headers}

    async def _capture(self, parameters: Mapping[str, object]) -> Captured:
        import openai

        try:
            first, second = [await capture(self._double, parameters, mark) for mark in ("a", "b" * 1000)]
        except (openai.OpenAIError, ValueError, TypeError) as error:
            raise JudgeUnavailable(
                f"the openai package cannot ask this endpoint: {self.secrets.scrub(str(error))[:300]}",
                hint="check the key, --base-url and the parameters of the judge",
            ) from None
        headers = {name: value for name, value in first.headers.items() if name not in OWN_HEADERS}
        self.slow = self.slow or any(second.headers.get(name) != value for name, value in headers.items())  # signed for each body
        if self._given is None and self._opened.key is None and headers.get("authorization") == f"Bearer {NO_KEY}":
            del headers["authorization"]
        body = {name: value for name, value in orjson.loads(first.content).items() if name != "messages"}
        self.secrets = self.secrets.plus(_secret_values(headers))
        return Captured(str(first.url), headers, body, time.monotonic(), self._renewal)

    def _double(self, http_client: "httpx2.AsyncClient") -> "Client":
        """The user's client, or the one that the settings describe, with another transport."""
        if self._given is not None:
            return self._given.copy(http_client=http_client, max_retries=0)
        return make_client(self.settings, self._opened, http_client)

    async def send_slowly(self, form: Captured, body: bytes) -> HttpAnswer:
        """Send through the client itself, which signs each body. Raises: SendFailed."""
        import httpx2
        import openai

        if self._sending is None:
            self._sending = self._given if self._given is not None else make_client(self.settings, self._opened)
        document, options = orjson.loads(body), {"follow_redirects": False}
        try:
            client: Any = self._sending.copy(max_retries=0)  # shares the connections
            response = await client.post("/chat/completions", cast_to=httpx2.Response, body=document, options=options)
        except openai.APIStatusError as error:
            response = error.response
        except openai.APITimeoutError:
            raise SendFailed("timeout", "no whole answer in time") from None
        except openai.APIConnectionError as error:
            raise SendFailed("connect", f"no connection to the endpoint ({type(error.__cause__).__name__})") from None
        if response.is_redirect or origin(str(response.url)) != origin(form.url):
            raise SendFailed("redirect", "the endpoint redirects to another address, which does not get the key")
        if len(content := await response.aread()) > self.settings.largest_reply:
            raise SendFailed("too_large", f"the reply is larger than {self.settings.largest_reply} bytes")
        return HttpAnswer(response.status_code, {name.lower(): value for name, value in response.headers.items()}, content)

    async def close(self) -> None:
        """Close the client if it is ours."""
        if self._sending is not None and self._sending is not self._given:
            await self._sending.close()


def make_client(settings: EndpointSettings, opened: Opened, http_client: "httpx2.AsyncClient | None" = None) -> "Client":
    """The client that the settings describe. Raises: openai.OpenAIError, ValueError (the SDK lacks something, such as an API version)."""
    import openai

    if opened.kind == "azure":
        options: dict[str, Any] = {} if opened.base_url is None else {"azure_endpoint": opened.base_url}
        return openai.AsyncAzureOpenAI(api_key=opened.key, timeout=settings.total_s, max_retries=0, http_client=http_client, **options)
    return openai.AsyncOpenAI(api_key=opened.key or NO_KEY, base_url=opened.base_url, timeout=settings.total_s, max_retries=0, http_client=http_client)


async def capture(double: Callable[["httpx2.AsyncClient"], "Client"], parameters: Mapping[str, object], text: str) -> "httpx2.Request":
    """The request that the client which `double` gives would send for one message; nothing leaves the process."""
    import httpx2

    kept: list[httpx2.Request] = []

    class Capture(httpx2.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
            await request.aread()
            kept.append(request)
            return httpx2.Response(200, json=CANNED, request=request)

    async with httpx2.AsyncClient(transport=Capture()) as http_client:
        create: Any = double(http_client).chat.completions.create
        known = inspect.signature(create).parameters
        named = {name: value for name, value in parameters.items() if name in known}
        extra = {name: value for name, value in parameters.items() if name not in known}
        await create(messages=[{"role": "user", "content": text}], **named, **({"extra_body": extra} if extra else {}))
    return kept[-1]


@contextmanager
def no_http_log() -> Iterator[None]:
    """Keeps httpx2 from logging addresses, which may hold a secret."""
    logger = logging.getLogger("httpx2")
    logger.addFilter(_drop)
    try:
        yield
    finally:
        logger.removeFilter(_drop)


def _drop(record: logging.LogRecord) -> bool:  # noqa: ARG001 - the signature of a filter
    return False


@asynccontextmanager
async def batch_client(settings: EndpointSettings, given: "Client | None") -> AsyncIterator[tuple["Client", Secrets]]:
    """A client for the few calls of a batch, and what must not be shown of them. Raises: JudgeUnavailable."""
    import httpx2
    import openai

    opened = open_settings(settings, os.environ)
    if given is not None:
        yield given, opened.secrets
        return
    with no_http_log():
        async with httpx2.AsyncClient(timeout=settings.total_s, follow_redirects=False) as http_client:
            try:
                client = make_client(settings, opened, http_client).with_options(max_retries=3)
            except (openai.OpenAIError, ValueError) as error:
                raise JudgeUnavailable(
                    f"no client for {settings.shown()}: {opened.secrets.scrub(str(error))[:300]}", hint="check the key and --base-url"
                ) from None
            yield client, opened.secrets


@contextmanager
def batch_errors(settings: EndpointSettings, secrets: Secrets) -> Iterator[None]:
    """Errors of the SDK as ours. Raises: JudgeUnavailable."""
    import openai

    try:
        yield
    except openai.OpenAIError as error:
        hint = "check the key, --base-url, and that the endpoint has /files and /batches"
        raise JudgeUnavailable(f"{settings.shown()} does not take the batch: {secrets.scrub(str(error))[:300]}", hint=hint) from None


def _secret_values(headers: Mapping[str, str]) -> list[str]:
    """The values of headers that carry a key, with and without their scheme (`Bearer`)."""
    values = [value for name, value in headers.items() if name.lower() in SECRET_HEADERS]
    return values + [value.partition(" ")[2] for value in values]
