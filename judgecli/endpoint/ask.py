"""`open_ask`: the Ask of one endpoint, from the settings to the reply.

    async with open_ask(EndpointSettings(base_url="http://127.0.0.1:8000/v1", concurrency=64)) as ask:
        reply = await ask(Request(messages=..., schema=..., parameters={"model": "my-model"}))

`ask` bounds its own concurrency and waits out a 429 without holding a slot: hand it more calls at a
time than `concurrency` (twice, say), so that the slots of waiting calls are used by others. With
`holds` the slot of an answered question is taken until `release`: no more than `concurrency`
questions are then sent and not yet safe.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Mapping, MutableMapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import orjson

from judgecli.endpoint.channel import Channel
from judgecli.endpoint.client import Forms, no_http_log
from judgecli.endpoint.ladder import RUNGS, Adaptation, adaptation, fits, form_of, refuses_rung, tells_something
from judgecli.endpoint.retry import RowFailed
from judgecli.endpoint.sender import HttpAnswer, Sender, SendFailed, find_proxy
from judgecli.endpoint.settings import OPENAI_URL, EndpointSettings, open_settings
from judgecli.errors import JudgeUnavailable
from judgecli.judge.reply import ReplyUnreadable, read_reply
from judgecli.judge.request import AskFailed, Reply, ReplyMode, Request, Usage

if TYPE_CHECKING:
    from judgecli.endpoint.client import Client

PATIENCE_S = 5.0  # how long others wait for the first question to find the rung
MOST_PROBES = 5  # replies that say nothing about the rung (refusals) before the first rung is taken to hold
MOST_ADAPTATIONS = 4


class ChatEndpoint:
    """An open endpoint; calling it asks (see judge.request.Ask). `notes` are sentences about what had to be changed for it."""

    def __init__(self, settings: EndpointSettings, forms: Forms, sender: Sender, modes: MutableMapping[str, ReplyMode], *, holds: bool = False) -> None:
        self.settings, self.modes = settings, modes
        self.channel = Channel(settings, holds=holds)
        self.counts, self.limiter = self.channel.counts, self.channel.limiter
        self.notes: list[str] = []
        self._forms, self._sender = forms, sender
        self._adapted: dict[str, list[Adaptation]] = {}
        self._settled: dict[str, asyncio.Event] = {}
        self._probes: dict[str, int] = {}

    async def __call__(self, request: Request) -> Reply:
        """Ask one question. Raises: AskFailed (this one), JudgeUnavailable (every one)."""
        if request.schema is None:
            return await self._ask(request, "text")
        name = f"{self.settings.shown()} {request.parameters.get('model')}"
        mode = self.modes.get(name) or await self._wait_for_rung(name)
        if mode is None:
            return await self._probe(request, name)
        try:
            return await self._ask(request, mode)
        except RowFailed as failed:
            if mode == "text" or not refuses_rung(failed.fault) or not _names_rung(failed.fault.message):
                raise
        self.modes.pop(name, None)  # another server than the one that was remembered
        return await self._probe(request, name)

    def release(self, request: Request) -> None:
        """Free the slot of an answered question; nothing where it holds none."""
        self.channel.release(request.key)

    def stop(self) -> None:
        """Send no further question; each that waits fails as `cancelled`."""
        self.channel.stop()

    async def _wait_for_rung(self, name: str) -> ReplyMode | None:
        """The rung that another question is finding out; None: find out yourself."""
        while (mode := self.modes.get(name)) is None:
            settled = self._settled.get(name)
            if settled is None:
                self._settled[name] = asyncio.Event()
                return None
            try:
                await asyncio.wait_for(settled.wait(), PATIENCE_S)
            except TimeoutError:
                return None
        return mode

    async def _probe(self, request: Request, name: str) -> Reply:
        """Ask from the highest rung down until the reply has the wanted form, and remember the rung."""
        first: Reply | None = None
        refused: RowFailed | None = None
        spent = Usage()
        try:
            for mode in RUNGS:
                try:
                    reply = await self._ask(request, mode)
                except RowFailed as failed:
                    if not refuses_rung(failed.fault):
                        raise
                    refused = refused or failed
                    continue
                spent = _sum(spent, reply.usage)
                reply = replace(reply, usage=spent)
                if not tells_something(reply):
                    self._probes[name] = self._probes.get(name, 0) + 1
                    if self._probes[name] >= MOST_PROBES:
                        self.modes.setdefault(name, mode)
                    return reply
                if fits(reply, request.schema or {}):
                    self.modes.setdefault(name, mode)
                    return reply
                first = first or reply
                self.release(request)
        finally:
            event = self._settled.pop(name, None)
            if event is not None:
                event.set()
        if first is None:
            assert refused is not None
            raise refused
        self.modes.setdefault(name, first.mode)
        return replace(first, usage=spent)

    async def _ask(self, request: Request, mode: ReplyMode) -> Reply:
        """One reply, with the parameters that this model takes."""
        model = str(request.parameters.get("model"))
        for _ in range(MOST_ADAPTATIONS):
            parameters = request.parameters
            for change in self._adapted.get(model, ()):
                parameters = change.apply(parameters)
            try:
                return await self._send(request, parameters, mode)
            except RowFailed as failed:
                found = adaptation(failed.fault, parameters)
                if found is None:
                    raise
                if found not in self._adapted.setdefault(model, []):
                    self._adapted[model].append(found)
                    self.notes.append(f"{model}: {found}")
        raise AskFailed("bad_request", f"{model} refuses one parameter after another")

    async def _send(self, request: Request, parameters: Mapping[str, object], mode: ReplyMode) -> Reply:
        self.channel.circuit.check()
        form = await self._forms.get(parameters)
        try:
            body = orjson.dumps({**form.body, "messages": request.messages, **form_of(request, mode)})
        except TypeError as error:  # a lone surrogate, say
            raise AskFailed("bad_request", f"the question is no JSON: {error}", hint="look at the record's text") from None
        replies: list[Reply] = []

        async def send(number: int) -> HttpAnswer:
            headers = form.headers if number == 1 else {**form.headers, "x-stainless-retry-count": str(number - 1)}
            return await (self._forms.send_slowly(form, body) if self._forms.slow else self._sender.post(form.url, headers, body))

        async def renew() -> bool:
            nonlocal form
            changed = await self._forms.renew(form)
            form = await self._forms.get(parameters)
            return changed

        def check(answer: HttpAnswer) -> str | None:
            try:
                replies.append(read_reply(self._forms.secrets.scrub_bytes(answer.body), mode))
            except ReplyUnreadable as error:
                self.release(request)
                return str(error)
            return None

        await self.channel.call(send, size=len(body), secrets=lambda: self._forms.secrets, renew=renew, check=check, key=request.key)
        return self._counted(replies[-1])

    def _counted(self, reply: Reply) -> Reply:
        self.counts.answered += 1
        self.counts.tokens_in += reply.usage.tokens_in
        self.counts.tokens_out += reply.usage.tokens_out
        self.counts.tokens_cached += reply.usage.tokens_cached
        return reply


@asynccontextmanager
async def open_ask(
    settings: EndpointSettings,
    *,
    client: "Client | None" = None,
    modes: MutableMapping[str, ReplyMode] | None = None,
    environment: Mapping[str, str] | None = None,
    holds: bool = False,
) -> AsyncIterator[ChatEndpoint]:
    """An endpoint to ask, open inside the `async with`.

    `client`: the user's own AsyncOpenAI or AsyncAzureOpenAI in place of one made from the settings.
    `modes`: which rung of the ladder holds, by endpoint and model; hand in a dict that you keep, and
    the next run does not find out again. `holds`: whoever asks calls `release(request)` once the reply
    is safe. Raises: JudgeUnavailable (no key, no URL, a proxy that cannot be used).
    """
    environment = os.environ if environment is None else environment
    opened = open_settings(settings, environment)
    url = (
        str(client.base_url)
        if client is not None
        else opened.base_url or environment.get("OPENAI_BASE_URL") or environment.get("AZURE_OPENAI_ENDPOINT") or OPENAI_URL
    )
    try:
        proxy = find_proxy(url)
    except SendFailed as error:
        raise JudgeUnavailable(str(error), hint="unset it for this command, or name an http proxy") from None
    forms = Forms(settings, opened, client)
    forms.secrets = forms.secrets.plus([proxy_password(proxy)])
    with no_http_log():
        try:
            async with Sender(settings, proxy) as sender:
                endpoint = ChatEndpoint(settings, forms, sender, {} if modes is None else modes, holds=holds)
                try:
                    yield endpoint
                finally:
                    endpoint.limiter.close()
        finally:
            await forms.close()


def proxy_password(proxy: str | None) -> str | None:
    """The password in a proxy's URL: as secret as a key."""
    from urllib.parse import urlsplit

    return urlsplit(proxy).password if proxy else None


def _names_rung(message: str) -> bool:
    return any(word in message.lower() for word in ("response_format", "json_schema", "json_object", "schema", "tool", "structured"))


def _sum(first: Usage, second: Usage) -> Usage:
    return Usage(first.tokens_in + second.tokens_in, first.tokens_out + second.tokens_out, first.tokens_cached + second.tokens_cached)
