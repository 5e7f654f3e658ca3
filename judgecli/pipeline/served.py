"""Reward models behind an address as judge metrics of a run: asked once a record, remembered in the ledger, never paid twice."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from judgecli import catalog
from judgecli.catalog import Spec
from judgecli.errors import ConfigError, UsageError
from judgecli.judge.request import Ask, Request, Usage
from judgecli.pipeline.asking import Budget
from judgecli.pipeline.judging import JudgePlan
from judgecli.reward_model.remote import AskedRewards, RewardUnreadable, check_address, is_served, question_key, read_reward
from judgecli.scorer import Metric, Score

if TYPE_CHECKING:
    from judgecli.config.project import Remote
    from judgecli.config.settings import Settings
    from judgecli.endpoint.settings import EndpointSettings

WITH_REFERENCE = "openrlhf"  # the one protocol that carries a reference


@dataclass(frozen=True)
class ServedEntry:
    """A served reward model that a run asks for."""

    metric: Metric
    url: str
    said: "Remote"
    sample: float
    by_config: bool = True  # its address stands in judge.yaml, and was not typed
    allowed: tuple[str, ...] = ()
    where: str = ""


def read_served(specs: Sequence[Spec], settings: "Settings") -> list[ServedEntry]:
    """The served reward models among these specs. Raises: UsageError (an address that is none, or holds a secret)."""
    found = []
    for spec in specs:
        if not is_served(spec.target):
            continue
        url = spec.target.removeprefix("rm:")
        entry = next((entry for entry in settings.scorers if entry.target == spec.target), None)
        try:
            check_address(url)
        except UsageError as error:
            if entry is None or spec.typed:
                raise
            raise ConfigError(str(error), where=entry.where, hint=error.hint) from None
        said, sample = settings.remote_of(spec.target, spec.name)
        found.append(
            ServedEntry(catalog.bind(spec), url, said, sample=sample, by_config=not spec.typed, allowed=settings.allow, where=entry.where if entry else "")
        )
    return found


def plan_served(entries: Sequence[ServedEntry], *, asks: bool = True, ask: Ask | None = None) -> list[JudgePlan]:
    """The plans of a run. `asks` False: nobody is asked; `ask` is asked in place of an endpoint."""
    return [_plan(entry, asks, ask) for entry in entries]


def _plan(entry: ServedEntry, asks: bool, ask: Ask | None) -> JudgePlan:
    endpoint = ServedEndpoint(entry, ask) if asks else None
    budget = Budget(max_calls=entry.said.max_calls)
    return JudgePlan(entry.metric, _scoring(entry), endpoint, price=_unpriced, sample=entry.sample, budget=budget, sentinels="off")


def _unpriced(model: str, usage: Usage) -> float | None:  # noqa: ARG001 - the shape of a price
    """What a call costs is not known: most reward models are served by who asks them."""
    return None


def question_of(entry: ServedEntry, record: Mapping[str, object]) -> Request:
    """What is asked about a record."""
    given, output, reference = (record.get(name) for name in ("input", "output", "reference"))
    asked = AskedRewards(
        _text(given), str(output), _text(reference) if entry.said.protocol == WITH_REFERENCE or entry.url.rstrip("/").endswith("/get_reward") else None
    )
    question = [{"role": "user", "content": asked.input}] if asked.input is not None else []
    parameters = {"model": entry.said.model or entry.url} | ({"reference": asked.reference} if asked.reference is not None else {})
    messages = (*question, {"role": "assistant", "content": asked.output})
    return Request(messages, None, parameters, key=question_key(entry.metric.identity, asked))


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _scoring(entry: ServedEntry) -> Callable[[Mapping[str, object], Ask], Awaitable[Score]]:
    async def score(record: Mapping[str, object], ask: Ask) -> Score:
        reply = await ask(question_of(entry, record))
        try:
            return Score(value=read_reward(reply.raw))
        except RewardUnreadable as error:
            return Score(reason="judge_parse", explanation=str(error)[:200])

    return score


@dataclass
class ServedEndpoint:
    """The endpoint of one served reward model, opened once a run."""

    entry: ServedEntry
    ask: Ask | None = None  # in place of the network

    @property
    def concurrency(self) -> int:
        """How many outputs are asked about at once: calls times what a call carries."""
        return self.entry.said.concurrency * self.entry.said.batch

    @property
    def settings(self) -> "EndpointSettings":
        """As endpoint/ wants it."""
        from judgecli.endpoint.settings import EndpointSettings

        said = self.entry.said
        found = EndpointSettings(
            self.entry.url,
            said.api_key_env,
            "openai",
            said.concurrency,
            said.requests_per_minute,
            address_by_config=self.entry.by_config,
            key_by_config=said.api_key_env is not None,
            allowed=self.entry.allowed,
            what=self.entry.metric.name,
            where=self.entry.where,
        )
        return found if said.timeout_s is None else replace(found, total_s=said.timeout_s, idle_s=min(said.timeout_s, found.idle_s))

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Ask]:
        """The Ask that sends."""
        if self.ask is not None:
            yield self.ask
            return
        from judgecli.endpoint.rewards import RewardWire, open_rewards

        said = self.entry.said
        async with open_rewards(self.settings, RewardWire(said.protocol, said.model, said.template, said.batch)) as ask:
            yield ask
