"""Rubrics of a run: from a SPEC and judge.yaml to a metric, a judge and an endpoint."""

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, MutableMapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from judgecli import catalog
from judgecli.catalog import Spec
from judgecli.config.judges import JudgeSettings
from judgecli.errors import UsageError
from judgecli.judge.request import Ask
from judgecli.pipeline.asking import Budget
from judgecli.pipeline.comparing import comparison_parts
from judgecli.pipeline.judging import Endpoint, JudgePlan
from judgecli.pipeline.sheets import Part, Rivals, Wanted, shard_parts
from judgecli.scorer import Metric, Score
from judgecli.store.folder import Store
from judgecli.store.ledger import Ledger
from judgecli.store.scope import Scope

if TYPE_CHECKING:
    from judgecli.config.settings import Settings
    from judgecli.endpoint.settings import EndpointSettings
    from judgecli.judge.judge import Judge
    from judgecli.judge.request import ReplyMode

PREFIX = "rubric:"
MODES = "modes"  # in the ledger: which form of structured output an endpoint takes


@dataclass(frozen=True)
class JudgeEntry:
    """A rubric that a run asks for: its metric, the judge that gives it (without the store's secret), and what was said about asking."""

    spec: Spec
    judge: "Judge"
    metric: Metric
    settings: JudgeSettings
    rivals: Rivals = field(default_factory=Rivals)


def is_rubric(spec: Spec) -> bool:
    """Whether a spec needs a judge."""
    return spec.target.startswith(PREFIX)


def read_rubrics(specs: Sequence[Spec], settings: "Settings", *, against: str | None = None) -> list[JudgeEntry]:
    """The judges that these specs ask for; `against` wins over what judge.yaml says of pairwise rubrics.

    Raises: ConfigError, UnknownName (rubric), UsageError (no model, a cap without a price).
    """
    entries = [_read_entry(spec, settings, against) for spec in specs if is_rubric(spec)]
    for entry in entries:
        cap = entry.settings.max_cost or settings.judge.max_cost
        unpriced = [model for model in entry.judge.models if not _is_priced(model)]
        if cap is not None and unpriced:
            raise UsageError(
                f"--max-cost cannot hold: the price of '{unpriced[0]}' is not known",
                hint="add it to your price file (JUDGE_PRICES), or cap the calls with --max-calls",
            )
    return entries


def parts_of(store: Store, scope: Scope, entry: JudgeEntry) -> Iterator[Part]:
    """The cells of one rubric in a scope, part by part."""
    wanted = Wanted(entry.settings.sample)
    if entry.metric.scorer.unit == "record":
        return shard_parts(store, scope, [(entry.metric, wanted)])
    return comparison_parts(store, scope, entry.metric, entry.rivals, wanted)


def _is_priced(model: str) -> bool:
    from judgecli.endpoint.price import load_prices

    return load_prices().of(model) is not None


def _read_entry(spec: Spec, settings: "Settings", against: str | None) -> JudgeEntry:
    from judgecli.judge.judge import Judge

    said = settings.judge_of(spec.target, spec.name)
    if not said.models:
        raise UsageError(f"no model judges '{spec.name}'", hint="name one with --judge-model MODEL, under `judge:` in judge.yaml, or in JUDGE_MODEL")
    rubric = catalog.load_rubric(spec.target.removeprefix(PREFIX))
    judge = Judge(rubric, said.models, dict(said.parameters), samples=said.samples, logprobs=said.logprobs, jury=said.jury, cascade=said.cascade)  # type: ignore[arg-type]
    by_reference = rubric.scale.kind == "pairwise" and (against or said.against) == "reference"
    if said.against == "reference" and not by_reference:
        raise UsageError(f"'{spec.name}' compares no two answers, so `against: reference` does not fit it", hint="leave `against:` out")
    options: dict[str, object] = {
        "models": list(judge.models),
        "parameters": dict(judge.parameters),
        "samples": judge.samples,
        "logprobs": judge.logprobs,
        "jury": judge.jury if len(judge.models) > 1 and judge.cascade is None else None,
        "cascade": judge.cascade,
    }
    if by_reference:
        options["against"] = "reference"
    metric = catalog.bind_rubric(replace(spec, options=options), rubric, "record" if by_reference else None)
    return JudgeEntry(spec, judge, metric, said, Rivals(settings.policy, settings.group))


def plan_judges(entries: Sequence[JudgeEntry], ledger: Ledger, *, asks: bool = True, ask: Ask | None = None) -> list[JudgePlan]:
    """The plans of a run; those with the same endpoint share it. `asks` False, or a file to replay: nobody is asked; `ask` is asked in place of an endpoint."""
    from judgecli.endpoint.price import load_prices

    secret, price = store_secret(ledger), load_prices().cost_usd
    shared: dict[str, OpenAIEndpoint] = {}
    plans = []
    for entry in entries:
        endpoint: Endpoint | None = None
        if asks and (ask is not None or entry.settings.replay is None):
            wanted = OpenAIEndpoint(entry.settings, ledger, ask)
            endpoint = shared.setdefault(repr(wanted.settings), wanted)
        plans.append(
            JudgePlan(
                entry.metric,
                _scoring(replace(entry.judge, secret=secret)),
                endpoint,
                price=price,
                sample=entry.settings.sample,
                budget=Budget(entry.settings.max_calls, entry.settings.max_cost),
                sentinels=entry.settings.sentinels,
                rubric=entry.judge.rubric,
                rivals=entry.rivals,
            )
        )
    return plans


def endpoint_of(plan: JudgePlan) -> Endpoint:
    """Where a plan is asked. Raises: UsageError where judge.yaml replays its replies from a file."""
    if plan.endpoint is None:
        raise UsageError(f"judge.yaml takes the replies of '{plan.metric.name}' from a file, so there is nobody to ask", hint="name a model with --judge-model")
    return plan.endpoint


def _scoring(judge: "Judge") -> Callable[[Mapping[str, object], Ask], Awaitable[Score]]:
    """A judge by the columns of a record, whose tags it calls by other names."""
    names = {name.replace("tags.", "tags_", 1): name for name in (*judge.rubric.inputs, *judge.rubric.optional) if name.startswith("tags.")}

    async def score(record: Mapping[str, object], ask: Ask) -> Score:
        return await judge.score({names.get(column, column): value for column, value in record.items()} if names else record, ask)

    return score


def store_secret(ledger: Ledger) -> bytes:
    """32 bytes that only this store knows, made at their first use: what the nonces of prompts are drawn with."""
    with ledger.transaction() as connection:
        connection.execute("INSERT OR IGNORE INTO meta VALUES ('secret', ?)", (os.urandom(32).hex(),))
        return bytes.fromhex(connection.execute("SELECT value FROM meta WHERE name = 'secret'").fetchone()[0])


@dataclass
class OpenAIEndpoint:
    """An endpoint of judge.yaml or the command line, opened once a run; what was found out about it is kept in the ledger."""

    said: JudgeSettings
    ledger: Ledger
    ask: Ask | None = None  # in place of the network
    notes: list[str] = field(default_factory=list)

    @property
    def concurrency(self) -> int:
        """How many calls are under way at once."""
        return self.said.concurrency

    @property
    def settings(self) -> "EndpointSettings":
        """As endpoint/ wants it."""
        from judgecli.endpoint.settings import EndpointSettings

        found = EndpointSettings(
            base_url=self.said.base_url,
            api_key_env=self.said.api_key_env,
            concurrency=self.said.concurrency,
            requests_per_minute=self.said.requests_per_minute,
            tokens_per_minute=self.said.tokens_per_minute,
            address_by_config=self.said.base_url_by_config,
            key_by_config=self.said.api_key_env is not None,
            allowed=self.said.allowed,
            what=self.said.name or "the judge",
            where=self.said.where,
        )
        return found if self.said.timeout_s is None else replace(found, total_s=self.said.timeout_s, idle_s=min(self.said.timeout_s, found.idle_s))

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Ask]:
        """The Ask that sends."""
        if self.ask is not None:
            yield self.ask
            return
        from judgecli.endpoint.ask import open_ask

        modes = self.read_modes()
        before = dict(modes)
        async with open_ask(self.settings, modes=modes, holds=True) as endpoint:
            try:
                yield endpoint
            finally:
                self.notes += endpoint.notes
                if modes != before:
                    self._write_modes(modes)

    def read_modes(self) -> "MutableMapping[str, ReplyMode]":
        """Which form of structured output holds, by endpoint and model, as earlier runs found out."""
        import json

        rows = self.ledger.rows("SELECT value FROM meta WHERE name = ?", (MODES,))
        return json.loads(rows[0]["value"]) if rows else {}

    def _write_modes(self, modes: "MutableMapping[str, ReplyMode]") -> None:
        import json

        with self.ledger.transaction() as connection:
            connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (MODES, json.dumps(modes, sort_keys=True)))
