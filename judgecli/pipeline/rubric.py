"""The rubric library: what there is, what one of them says, and how a judge does on worked examples."""

import asyncio
import json
import shlex
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from judgecli import catalog
from judgecli.engine.remote import gather_scores, run_async
from judgecli.errors import UsageError
from judgecli.evidence.work import Work
from judgecli.judge.request import Ask
from judgecli.pipeline.asking import Counts, LedgerAsk
from judgecli.pipeline.rubrics import JudgeEntry, endpoint_of, plan_judges, read_rubrics, store_secret
from judgecli.readers.redact import Redactor, redactor
from judgecli.scorer import Score
from judgecli.store.folder import Store
from judgecli.store.live_replies import Replies

if TYPE_CHECKING:
    from judgecli.judge.rubric import Example, Rubric

NOBODY = bytes(16)  # the record key of an example


def describe_rubrics(names: Sequence[str] = ()) -> list[dict[str, object]]:
    """The rubrics of the library, or those named (a path is one too), as documents. Raises: UnknownName, ConfigError, UsageError."""
    return [_document(catalog.load_rubric(name)) for name in names or catalog.rubric_names()]


def rubric_prompt(name: str) -> str:
    """All that a judge is told by a rubric before it sees a record; the steps of a claims rubric one after the other."""
    from judgecli.judge.prompt import system_text

    rubric = catalog.load_rubric(name)
    tasks = ("extract", "verify") if rubric.scale.kind == "claims" else (rubric.scale.kind,)
    return "\n\n----\n\n".join(system_text(rubric, task) for task in tasks)


def _document(rubric: "Rubric") -> dict[str, object]:
    from judgecli.judge.judge import Judge
    from judgecli.judge.prompt import rubric_code, scale_text
    from judgecli.judge.rubric import higher_is_better, metric_kind, metric_range

    return {
        **rubric.model_dump(mode="json"),
        "metric": f"rubric.{rubric.name}",
        "kind": metric_kind(rubric.scale),
        "range": list(metric_range(rubric.scale)),
        "higher_is_better": higher_is_better(rubric.scale),
        "calls": Judge(rubric, ("",)).calls_per_record(),
        "scale_text": scale_text(rubric),
        "code": rubric_code(rubric),
    }


def try_rubric(name: str, work: Work, *, rows: Path | None = None, ask: Ask | None = None) -> dict[str, object]:
    """How the configured judge does on the rubric's worked examples, and on those of `rows` (JSON lines of {given, verdict, why}).

    An example is left out of the prompt while it is asked about. Replies go through the ledger: asked twice, paid once.
    `ask` is asked in place of the endpoint. Raises: UsageError, ConfigError, JudgeUnavailable.
    """
    entry = read_rubrics([catalog.parse_spec(f"rubric:{name}")], work.settings)[0]
    more = _read_rows(rows, entry.judge.rubric) if rows is not None else []
    run_id = work.store.ledger.start_run(command=shlex.join(sys.argv), logs=[], now=datetime.now(UTC).isoformat(timespec="microseconds"))
    scores = run_async(_score_examples(entry, more, work.store, run_id, ask, redactor(work.settings.redact)))
    return _report(entry, [*entry.judge.rubric.examples, *more], scores)


async def _score_examples(entry: JudgeEntry, more: Sequence["Example"], store: Store, run_id: int, ask: Ask | None, redact: Redactor | None) -> list[Score]:
    plan = plan_judges([entry], store.ledger, ask=ask)[0]
    endpoint = endpoint_of(plan)
    judge = replace(entry.judge, secret=store_secret(store.ledger))
    own = judge.rubric.examples
    held_out = [judge.rubric.model_copy(update={"examples": [*own[:place], *own[place + 1 :]]}) for place in range(len(own))]
    asked = [*zip(held_out, own, strict=True), *((judge.rubric, example) for example in more)]
    async with Replies(store.ledger.path) as replies, endpoint.open() as send:
        slots = asyncio.Semaphore(endpoint.concurrency)
        through = LedgerAsk(
            replies=replies,
            rubric=plan.metric.identity,
            send=send,
            price=plan.price,
            budgets=(plan.budget,),
            slots=slots,
            counts=Counts(),
            run_id=run_id,
            purpose="audit",
            redact=redact,
        )

        async def judged(rubric: "Rubric", example: "Example") -> Score:
            asks = through.for_row(NOBODY)
            return asks.settle(await replace(judge, rubric=rubric).score(example.given, asks))

        return await gather_scores(judged(rubric, example) for rubric, example in asked)


def _report(entry: JudgeEntry, examples: Sequence["Example"], scores: Sequence[Score]) -> dict[str, object]:
    from judgecli.judge.worked import agrees, expected_score

    found = []
    for place, (example, score) in enumerate(zip(examples, scores, strict=True), 1):
        expected = expected_score(entry.judge.rubric, example)
        agreed = None if expected is None else agrees(entry.judge.rubric, expected, score)
        found.append({"place": place, "expected": None if expected is None else _shown(expected), "score": _shown(score), "agrees": agreed, "why": example.why})
    compared = [row["agrees"] for row in found if row["agrees"] is not None]
    return {
        "rubric": entry.judge.rubric.name,
        "models": list(entry.judge.models),
        "examples": found,
        "compared": len(compared),
        "agreed": sum(map(bool, compared)),
        "unscored": sum(score.reason is not None for score in scores),
    }


def _shown(score: Score) -> dict[str, object]:
    return {"value": score.value, "label": score.label, "reason": score.reason, "why": score.explanation or ""}


def _read_rows(path: Path, rubric: "Rubric") -> list["Example"]:
    """Labelled rows, one JSON object a line. Raises: UsageError, which names the line."""
    from pydantic import ValidationError

    from judgecli.judge.form import NotAgreed
    from judgecli.judge.rubric import Example
    from judgecli.judge.worked import check_example

    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read {path}: {error}", hint="one JSON object a line: {given, verdict, why}") from error
    found = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            example = Example.model_validate({"why": "labelled row", **json.loads(line)})
            check_example(rubric, example)
        except (ValueError, TypeError, ValidationError, NotAgreed) as error:
            message = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
            raise UsageError(f"{path}:{number}: {message}", hint='a line is {"given": {...}, "verdict": {...}}, as in the rubric\'s examples') from error
        found.append(example)
    return found
