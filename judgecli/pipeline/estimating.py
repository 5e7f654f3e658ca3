"""What a judge run would ask and cost, without asking: `judge score --dry-run`."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from judgecli.engine.judging import Sheet
from judgecli.errors import UsageError
from judgecli.evidence.work import Work
from judgecli.judge.request import Request
from judgecli.pipeline.rubrics import JudgeEntry, parts_of, read_rubrics
from judgecli.pipeline.sentinels import how_many
from judgecli.pipeline.served import ServedEntry, question_of, read_served
from judgecli.pipeline.sheets import Wanted, shard_parts
from judgecli.store.folder import Store
from judgecli.store.ledger import Ledger
from judgecli.store.replies import find_replies
from judgecli.store.scope import Scope

if TYPE_CHECKING:
    from judgecli.endpoint.price import Band
    from judgecli.progress import Progress

ROWS_A_LOOKUP = 200


@dataclass
class _Count:
    """What one rubric would ask of one model."""

    calls: float = 0.0
    tokens_in: "Band | None" = None

    def add(self, request: Request, share: float) -> None:
        """One question that the ledger has no answer to; `share` calls follow from it in all."""
        from judgecli.endpoint.price import Band, estimate_request

        found = estimate_request(request)
        before = self.tokens_in or Band(0, 0, 0)
        self.calls += share
        self.tokens_in = Band(*(old + share * new for old, new in zip(before, found, strict=True)))


def estimate_logs(logs: Sequence[str], *, work: Work, scorers: Sequence[str] | None, progress: "Progress") -> dict[str, object]:
    """Records, calls after what the ledger holds, tokens and a price range of every rubric. Reads the logs into the store; asks nobody.

    Repairs of unreadable verdicts are not in it; claims, whose second question follows from the first answer, are estimated.
    Raises: LogError, NoRecords, UsageError.
    """
    from judgecli.evidence.reading import read_scope
    from judgecli.evidence.scorers import check_columns, choose_scorers

    chosen = choose_scorers(scorers, work.settings)
    entries, served = read_rubrics(chosen, work.settings), read_served(chosen, work.settings)
    if not entries and not served:
        raise UsageError("no rubric was named, so nothing would be asked", hint="--dry-run with -s rubric:NAME, or with rubrics in judge.yaml")
    scope = read_scope(work, logs, progress=progress)
    check_columns(scope, [*(entry.metric for entry in entries), *(model.metric for model in served)])
    rubrics = {entry.metric.name: _estimate(work.store, scope, entry) for entry in entries}
    rubrics |= {entry.metric.name: _estimate_served(work.store, scope, entry) for entry in served}
    return _document(scope, rubrics)


def _document(scope: Scope, rubrics: dict[str, dict[str, object]]) -> dict[str, object]:
    from judgecli.endpoint.price import load_prices

    costs = [found["cost_usd"] for found in rubrics.values()]
    known = [cost for cost in costs if isinstance(cost, dict)]
    total = {end: sum(cost[end] for cost in known) for end in ("low", "likely", "high")} if len(known) == len(costs) else None
    calls = sum(int(str(found["calls"])) for found in rubrics.values())
    return {"dry_run": True, "records": scope.counts.accepted, "calls": calls, "cost_usd": total, "prices_dated": load_prices().dated, "rubrics": rubrics}


def _estimate(store: Store, scope: Scope, entry: JudgeEntry) -> dict[str, object]:
    counts = {model: _Count() for model in entry.judge.models}
    records = cached = shared = 0
    seen: set[bytes] = set()
    for part in parts_of(store, scope, entry):
        sheet = part.open()
        records += sheet.left
        for requests, share in _questions(sheet, entry):
            missing, known = _missing(store.ledger, requests, seen)
            cached += known
            shared += len(requests) - known - len(missing)
            for request in missing:
                counts[str(request.parameters["model"])].add(request, share)
    return _told(entry, counts, records, cached) | {"shared": shared}


def _estimate_served(store: Store, scope: Scope, entry: ServedEntry) -> dict[str, object]:
    """A call an output that the ledger does not hold; neither tokens nor a price of them are known."""
    records = cached = shared = 0
    seen: set[bytes] = set()
    for part in shard_parts(store, scope, [(entry.metric, Wanted(entry.sample))]):
        sheet = part.open()
        records += sheet.left
        questions = [question_of(entry, record) for _, _, record in sheet.records()]
        missing, known = _missing(store.ledger, questions, seen)
        cached += known
        shared += len(questions) - known - len(missing)
    none = {"low": 0, "likely": 0, "high": 0}
    said = {
        "unit": "record",
        "models": [entry.said.model or entry.url],
        "calls": len(seen),
        "cached": cached,
        "shared": shared,
        "sentinels": 0,
        "tokens_in": none,
        "cost_usd": None,
    }
    return {"records": records, **said}


def _questions(sheet: Sheet, entry: JudgeEntry) -> Iterator[tuple[list[Request], float]]:
    """The first questions of some rows at a time, and how many calls one of them stands for."""
    held: list[Request] = []
    first = 1
    for _, _, record in sheet.records():
        asked = entry.judge.first_requests(record)
        first = max(first, len(asked))
        held += asked
        if len(held) >= ROWS_A_LOOKUP:
            yield held, entry.judge.calls_per_record() / first
            held = []
    if held:
        yield held, entry.judge.calls_per_record() / first


def _missing(ledger: Ledger, requests: Sequence[Request], seen: set[bytes]) -> tuple[list[Request], int]:
    """The questions that the ledger has no answer to, each once, and how many of `requests` it has one to."""
    known = find_replies(ledger, [request.key for request in requests])
    found = [request for request in {request.key: request for request in requests}.values() if request.key not in known and request.key not in seen]
    seen.update(request.key for request in found)
    return found, sum(request.key in known for request in requests)


def _told(entry: JudgeEntry, counts: dict[str, _Count], records: int, cached: int) -> dict[str, object]:
    from judgecli.endpoint.price import Band, load_prices, total

    calls = round(sum(count.calls for count in counts.values()))
    sentinels = how_many(entry.judge.rubric, calls, entry.settings.sentinels)
    share = (calls + sentinels) / calls if calls else 1.0
    limit = entry.judge.parameters.get("max_tokens")
    most = limit if isinstance(limit, int) else None
    bands = [count.tokens_in for count in counts.values() if count.tokens_in is not None]
    costs = [
        load_prices().estimate_usd(model, count.tokens_in, calls=round(count.calls), most_out=most)
        for model, count in counts.items()
        if count.tokens_in is not None
    ]
    tokens = total(bands) if bands else Band(0, 0, 0)
    cost = Band(*(share * end for end in total(band for band in costs if band is not None))) if None not in costs else None
    return {
        "records": records,
        "unit": entry.metric.scorer.unit,
        "models": list(counts),
        "calls": calls + sentinels,
        "cached": cached,
        "sentinels": sentinels,
        "tokens_in": {end: round(share * value) for end, value in tokens._asdict().items()},
        "cost_usd": None if cost is None else dict(cost._asdict()),
    }
