"""The Batch API: `--batch submit` sends what the ledger has no answer to, `--batch collect` fetches what was answered.

A batch that was sent stands in the ledger with its questions until it is collected, so nothing is sent twice.
Rubrics whose second question follows from the first answer (claims) take a second submit after a collect.
"""

import contextlib
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from judgecli.engine.remote import run_async
from judgecli.judge.request import Ask, AskFailed, Reply, Request
from judgecli.pipeline.asking import Budget, now_text
from judgecli.pipeline.judging import JudgeOptions, JudgePlan, Telling, judge_scope
from judgecli.pipeline.rubrics import JudgeEntry, OpenAIEndpoint
from judgecli.readers.redact import Redactor
from judgecli.store.folder import Store
from judgecli.store.ledger import Ledger
from judgecli.store.replies import StoredReply, keep_replies
from judgecli.store.scope import Scope

SENT = "batch:"  # in the ledger's meta: batch:ID -> {"rubric", "model", "endpoint", "keys": {key: draw}}
GROUP = 200


@dataclass
class _Collecting:
    """An endpoint that keeps the questions and answers none; those that were sent before are not taken."""

    sent: frozenset[str]
    concurrency: int = 32
    questions: list[Request] = field(default_factory=list)

    async def ask(self, request: Request) -> Reply:
        """Take a question."""
        if request.key.hex() not in self.sent:
            self.questions.append(request)
        raise AskFailed("not_asked", "the batch is under way")

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[Ask]:
        """As an endpoint of a plan."""
        yield self.ask


def submit_questions(store: Store, scope: Scope, rubrics: Sequence[JudgeEntry], plans: Sequence[JudgePlan], *, budget: Budget, telling: Telling) -> None:
    """Send the questions of a scope that have no answer yet, a batch for each rubric and model. Raises: JudgeUnavailable."""
    sent = frozenset(key for batch in _sent(store.ledger).values() for key in batch["keys"])
    for entry, plan in zip(rubrics, plans, strict=True):
        taking = _Collecting(sent)
        judge_scope(store, scope, [replace(plan, endpoint=taking, sentinels="off")], JudgeOptions(budget=budget), _Quiet())
        for model in entry.judge.models:
            questions = [request for request in taking.questions if request.parameters.get("model") == model]
            if questions:
                _send(store.ledger, entry, model, questions, telling)


def _send(ledger: Ledger, entry: JudgeEntry, model: str, questions: Sequence[Request], telling: Telling) -> None:
    from judgecli.endpoint import batch_api

    for start in range(0, len(questions), batch_api.MOST_REQUESTS):
        part = questions[start : start + batch_api.MOST_REQUESTS]
        endpoint = OpenAIEndpoint(entry.settings, ledger)
        modes = endpoint.read_modes()
        ids = run_async(batch_api.submit(endpoint.settings, part, modes=modes))
        said = {"rubric": entry.metric.identity, "model": model, "mode": modes.get(f"{endpoint.settings.shown()} {model}", "json_schema")}
        with ledger.transaction() as connection:
            for number, batch_id in enumerate(ids):  # a large part goes as several files; each answer is looked up in all of them
                keys = {request.key.hex(): request.draw for request in part} if number == 0 else {}
                connection.execute("INSERT INTO meta VALUES (?, ?)", (SENT + batch_id, json.dumps({**said, "keys": keys})))
        telling.note(f"{len(part):,} questions to {model} were sent as batch {', '.join(ids)}; fetch the answers with --batch collect")


def collect_answers(ledger: Ledger, rubrics: Sequence[JudgeEntry], *, run_id: int, note: Callable[[str], object], redact: Redactor | None = None) -> None:
    """Fetch the answers of the batches that these rubrics sent and that have ended. Raises: JudgeUnavailable."""
    by_rubric = {entry.metric.identity: entry for entry in rubrics}
    draws = {key: draw for batch in _sent(ledger).values() for key, draw in batch["keys"].items()}
    for batch_id, batch in _sent(ledger).items():
        entry = by_rubric.get(str(batch["rubric"]))
        if entry is not None:
            run_async(_collect(ledger, batch_id, batch, entry=entry, draws=draws, run_id=run_id, note=note, redact=redact))


async def _collect(
    ledger: Ledger,
    batch_id: str,
    batch: "Mapping[str, dict[str, int]]",
    entry: JudgeEntry,
    draws: Mapping[str, int],
    run_id: int,
    note: Callable[[str], object],
    redact: Redactor | None,
) -> None:
    from judgecli.endpoint import batch_api

    settings = OpenAIEndpoint(entry.settings, ledger).settings
    state = await batch_api.state(settings, batch_id)
    if not state.ended:
        note(f"batch {batch_id} is {state.status}: {state.completed:,} of {state.total:,} answered")
        return
    found: list[StoredReply] = []
    failed = 0
    modes = {bytes.fromhex(key): str(batch["mode"]) for key in draws}
    async for key, reply in batch_api.collect(settings, batch_id, modes=modes):  # type: ignore[arg-type]
        if isinstance(reply, AskFailed):
            failed += 1
        else:
            found.append(_stored(key, reply if redact is None else replace(reply, raw=redact.reply(reply.raw)), batch, draws, run_id))
        if len(found) >= GROUP:
            _keep(ledger, found)
            found = []
    with ledger.transaction() as connection:
        keep_replies(connection, found)
        connection.execute("DELETE FROM meta WHERE name = ?", (SENT + batch_id,))
    note(f"batch {batch_id} is {state.status}: {state.completed:,} of {state.total:,} answered" + (f", {failed:,} without an answer" if failed else ""))


def _keep(ledger: Ledger, replies: Sequence[StoredReply]) -> None:
    with ledger.transaction() as connection:
        keep_replies(connection, replies)


def _stored(key: bytes, reply: Reply, batch: "Mapping[str, object]", draws: Mapping[str, int], run_id: int) -> StoredReply:
    from judgecli.endpoint.price import cost_usd

    model, usage = str(batch["model"]), reply.usage
    return StoredReply(
        key=key,
        raw=reply.raw,
        mode=reply.mode,
        rubric=str(batch["rubric"]),
        model=model,
        served_model=reply.served_model,
        tokens_in=usage.tokens_in,
        tokens_out=usage.tokens_out,
        tokens_cached=usage.tokens_cached,
        cost=cost_usd(model, usage, batch=True),
        finish_reason=reply.finish_reason,
        draw=draws.get(key.hex(), 0),
        time=now_text(),
        run_id=run_id,
    )


def _sent(ledger: Ledger) -> "dict[str, dict[str, dict[str, int]]]":
    rows = ledger.rows("SELECT name, value FROM meta WHERE name LIKE 'batch:%'")
    with ledger.readable():
        return {row["name"].removeprefix(SENT): json.loads(row["value"]) for row in rows}


class _Quiet:
    """Tells nothing: what is taken for a batch is no result yet."""

    def advance(self, bytes_read: int, records: int) -> None:
        """Nothing."""

    def note(self, text: str) -> None:
        """Nothing."""
