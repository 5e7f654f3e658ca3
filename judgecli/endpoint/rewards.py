"""`open_rewards`: the Ask of a served reward model. Questions that arrive together share a call where the protocol can carry them.

    async with open_rewards(EndpointSettings(base_url="http://127.0.0.1:8000/classify"), RewardWire(None, model="rm")) as ask:
        reply = await ask(Request(messages=(user, assistant), schema=None, parameters={"model": "rm"}))

Slots, retries, deadlines, circuit: those of judges (channel.py). A call that fails for what is in it is sent again in halves,
so one text that the server refuses costs its neighbours nothing.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import orjson

from judgecli.endpoint.ask import proxy_password
from judgecli.endpoint.channel import Channel
from judgecli.endpoint.retry import RowFailed
from judgecli.endpoint.sender import HttpAnswer, Sender, SendFailed, find_proxy
from judgecli.endpoint.settings import EndpointSettings, Secrets, open_settings
from judgecli.errors import JudgeUnavailable
from judgecli.judge.reply import read_reply
from judgecli.judge.request import AskFailed, Reply, Request
from judgecli.reward_model.remote import PATHS, WIRES, AskedRewards, RewardUnreadable, Wire, body_of, read_reward, split_reply, takes_many, wire_of

GATHER_S = 0.005  # how long a question waits for others to share its call
HALVED = ("bad_request", "judge_parse", "content_filter")  # what one text of a call can bring about
NOT_SENT = (
    "JUDGE_API_KEY",
    "OPENAI_API_KEY",
    "AZURE_OPENAI_API_KEY",
    "AZURE_OPENAI_ENDPOINT",
    "OPENAI_BASE_URL",
)  # of judges, none of a reward model's business
PROBE = AskedRewards("What is 2 + 2?", "4")
HINT = "check the address, the protocol and the key (api_key_env) of the reward model, then run again: what was answered is kept"


@dataclass(frozen=True)
class RewardWire:
    """How a served reward model is spoken to. `wire` None: by the path of its address, else found out with one question; `batch` texts a call."""

    wire: Wire | None
    model: str | None = None
    template: str | None = None
    batch: int = 32


class RewardEndpoint:
    """An open reward model; calling it asks for one output."""

    def __init__(self, settings: EndpointSettings, url: str, said: RewardWire, sender: Sender, headers: Mapping[str, str], secrets: Secrets) -> None:
        self.channel, self.wire = Channel(settings), said.wire
        self._url, self._said, self._sender, self._headers, self._secrets = url, said, sender, headers, secrets
        self._pending: list[tuple[AskedRewards, asyncio.Future[Reply]]] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None

    async def __call__(self, request: Request) -> Reply:
        """Ask for one reward. Raises: AskFailed (this one), JudgeUnavailable (every one)."""
        assert self.wire is not None
        asked = _asked(request)
        if not takes_many(self.wire, self._said.template):
            (reply,) = await self._send([asked])
            return reply
        done: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._pending.append((asked, done))
        if len(self._pending) >= self._said.batch:
            self._flush()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(GATHER_S, self._flush)
        return await done

    def _flush(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        batch, self._pending = self._pending, []
        task = asyncio.create_task(self._settle([(asked, done) for asked, done in batch if not done.done()]))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _settle(self, batch: "Sequence[tuple[AskedRewards, asyncio.Future[Reply]]]") -> None:
        """Send a batch and hand each question its reply or its failure."""
        if not batch:
            return
        try:
            replies = await self._send([asked for asked, _ in batch])
        except RowFailed as failed:
            if len(batch) > 1 and failed.reason in HALVED:
                half = len(batch) // 2
                await asyncio.gather(self._settle(batch[:half]), self._settle(batch[half:]))
                return
            _fail(batch, failed)
        except (AskFailed, JudgeUnavailable) as error:
            _fail(batch, error)
        except asyncio.CancelledError:
            for _, done in batch:
                done.cancel()
            raise
        else:
            for (_, done), reply in zip(batch, replies, strict=True):
                if not done.done():
                    done.set_result(reply)

    async def _send(self, rows: Sequence[AskedRewards]) -> list[Reply]:
        assert self.wire is not None
        try:
            return await self._post(self._url, self.wire, rows)
        except JudgeUnavailable as error:
            raise JudgeUnavailable(str(error), hint=HINT) from None

    async def _post(self, url: str, wire: Wire, rows: Sequence[AskedRewards], channel: Channel | None = None) -> list[Reply]:
        """One call. Raises: RowFailed, AskFailed, JudgeUnavailable."""
        channel = channel or self.channel
        channel.circuit.check()
        try:
            body = orjson.dumps(body_of(wire, rows, model=self._said.model, template=self._said.template))
        except TypeError as error:  # a lone surrogate, say
            raise AskFailed("bad_request", f"the question is no JSON: {error}", hint="look at the record's text") from None
        pieces: list[bytes] = []

        def check(answer: HttpAnswer) -> str | None:
            try:
                pieces[:] = split_reply(self._secrets.scrub_bytes(answer.body), len(rows))
            except RewardUnreadable as error:
                return str(error)
            return None

        def send(_attempt: int) -> Awaitable[HttpAnswer]:
            return self._sender.post(url, self._headers, body)

        await channel.call(send, size=len(body), secrets=lambda: self._secrets, renew=_no_other_key, check=check)
        channel.counts.answered += len(pieces)
        return [read_reply(piece, "reward") for piece in pieces]

    async def find_wire(self) -> None:
        """Find out what the server speaks, with one question of ours in each protocol. Raises: JudgeUnavailable where it speaks none."""
        said = []
        for path, wire in PATHS.items():
            channel = Channel(self.channel.settings)  # what is refused here says nothing of the server
            try:
                (reply,) = await self._post(f"{self._url.rstrip('/')}{path}", wire, [PROBE], channel)
                read_reward(reply.raw)
            except (AskFailed, JudgeUnavailable, RewardUnreadable) as error:
                said.append(f"{path}: {str(error).rpartition(': ')[2]}"[:120])
            else:
                self.wire, self._url = wire, f"{self._url.rstrip('/')}{path}"
                return
            finally:
                channel.limiter.close()
        raise JudgeUnavailable(f"{self.channel.settings.shown()} speaks none of {', '.join(WIRES)} ({'; '.join(said)})"[:600], hint=HINT)

    def stop(self) -> None:
        """Send nothing further; what waits fails as `cancelled`."""
        self.channel.stop()

    async def close(self) -> None:
        """Give up what is under way."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.channel.limiter.close()


def _fail(batch: "Sequence[tuple[AskedRewards, asyncio.Future[Reply]]]", error: AskFailed | JudgeUnavailable) -> None:
    for _, done in batch:
        if not done.done():
            done.set_exception(error)


async def _no_other_key() -> bool:
    return False


def _asked(request: Request) -> AskedRewards:
    """The output to reward, from a question's messages."""
    said = {str(message["role"]): message["content"] for message in request.messages}
    given, reference = said.get("user"), request.parameters.get("reference")
    return AskedRewards(None if given is None else str(given), str(said["assistant"]), None if reference is None else str(reference))


@asynccontextmanager
async def open_rewards(settings: EndpointSettings, said: RewardWire, *, environment: Mapping[str, str] | None = None) -> AsyncIterator[RewardEndpoint]:
    """A served reward model to ask, open inside the `async with`. A key is sent only where `api_key_env` names it.

    Raises: JudgeUnavailable (no such variable, no address, a proxy that cannot be used, a server that speaks no protocol of ours).
    """
    environment = os.environ if environment is None else environment
    opened = open_settings(settings, {name: value for name, value in environment.items() if name not in NOT_SENT or name == settings.api_key_env})
    assert opened.base_url is not None
    try:
        proxy = find_proxy(opened.base_url)
    except SendFailed as error:
        raise JudgeUnavailable(str(error), hint="unset it for this command, or name an http proxy") from None
    secrets = opened.secrets.plus([proxy_password(proxy)])
    headers = {"content-type": "application/json", "accept": "application/json"} | ({"authorization": f"Bearer {opened.key}"} if opened.key else {})
    known = RewardWire(said.wire or wire_of(opened.base_url), said.model, said.template, said.batch)
    async with Sender(settings, proxy) as sender:
        endpoint = RewardEndpoint(settings, opened.base_url, known, sender, headers, secrets)
        try:
            if known.wire is None:
                await endpoint.find_wire()
            elif wire_of(opened.base_url) is None:
                endpoint._url = f"{opened.base_url.rstrip('/')}{next(path for path, wire in PATHS.items() if wire == known.wire)}"
            yield endpoint
        finally:
            await endpoint.close()
