"""The judging step of `judge score`: plans, replies to replay, the run's caps, and what it says afterwards."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from judgecli.errors import UsageError
from judgecli.evidence.told import cut_note
from judgecli.judge.request import Ask
from judgecli.pipeline.asking import Budget, Counts
from judgecli.pipeline.batching import collect_answers, submit_questions
from judgecli.pipeline.judging import Compared, JudgeOptions, JudgePlan, Telling, judge_scope
from judgecli.pipeline.rubrics import JudgeEntry, OpenAIEndpoint, plan_judges
from judgecli.pipeline.sentinels import FROM_CALLS, SentinelReport
from judgecli.pipeline.served import ServedEntry, plan_served
from judgecli.readers.redact import redactor
from judgecli.signal.compare.rivals import MOST_ANSWERS
from judgecli.store.folder import Store
from judgecli.store.ledger import Ledger
from judgecli.store.replies import Spend, import_replies, read_reply_file, spend_of
from judgecli.store.scope import Scope

if TYPE_CHECKING:
    from judgecli.config.settings import Settings


class Phases(Protocol):
    """Where a run says that something new begins."""

    def phase(self, text: str, total: int | None = None) -> None:
        """`total` in records where it is known."""


@dataclass(frozen=True)
class Asking:
    """What was typed about asking: replies to take from a file without any call, verdicts to ask for again.

    `reparse` reads every stored reply again and asks nobody; `ask` is asked in place of an endpoint, in tests.
    """

    replay: str | None = None
    retry_failed: bool = False
    batch: str | None = None  # submit or collect
    reparse: bool = False
    ask: Ask | None = None

    @property
    def asks(self) -> bool:
        """Whether an endpoint may be asked question by question."""
        return self.replay is None and self.batch is None and not self.reparse

    def checked(self) -> "Asking":
        """Itself. Raises: UsageError where what was typed does not go together."""
        if self.batch not in (None, "submit", "collect"):
            raise UsageError(f"--batch is '{self.batch}'", hint="--batch submit sends the questions, --batch collect fetches the answers")
        if self.replay is not None and (self.batch or self.retry_failed):
            raise UsageError("--replay asks nobody, so neither --batch nor --retry-failed can go with it", hint="leave one of them out")
        return self


NORMALLY = Asking()


@dataclass
class JudgeReport:
    """What the judges of a run were asked and cost, and why cells wait."""

    counts: Mapping[str, Counts] = field(default_factory=dict)
    waiting: Mapping[str, int] = field(default_factory=dict)
    spend: Sequence[Spend] = ()
    replay: str | None = None
    sentinels: Mapping[str, SentinelReport] = field(default_factory=dict)
    comparisons: Mapping[str, Compared] = field(default_factory=dict)

    @property
    def coverages(self) -> dict[str, float | None]:
        """How much of the comparisons of each metric was measured."""
        return {name: found.coverage for name, found in self.comparisons.items()}

    served: Sequence[str] = ()  # the reward models among them, which have no sentinels

    @property
    def shortfalls(self) -> list[str]:
        """Why the run is incomplete whatever its coverage: a cap or a file of replies left cells waiting."""
        if self.waiting.get("budget"):
            return [f"{self.waiting['budget']:,} cells wait: the budget is used up; a run with a larger one continues"]
        if self.waiting.get("not_asked"):
            return [f"{self.waiting['not_asked']:,} cells wait: {f'{self.replay} has no reply to their questions' if self.replay else 'nobody was asked yet'}"]
        return []

    def to_json(self) -> dict[str, object]:
        """`judge` of DESIGN's `score` shape, with the spend by rubric and model."""
        total = {name: sum(getattr(part, name) for part in self.spend) for name in ("calls", "tokens_in", "tokens_out", "tokens_cached", "unpriced")}
        total |= {name: sum(getattr(count, name) for count in self.counts.values()) for name in ("cached", "shared", "failed")}
        cost = sum(part.cost_usd for part in self.spend)
        rubrics = {
            name: {
                "calls": count.calls,
                "cached": count.cached,
                "shared": count.shared,
                "tokens_in": count.tokens_in,
                "tokens_out": count.tokens_out,
                "cost_usd": _cost(count),
            }
            for name, count in self.counts.items()
        }
        unknown = total["unpriced"] and not cost
        return {
            **total,
            "cost_usd": None if unknown else round(cost, 9),
            "rubrics": rubrics,
            "served": self._served(),
            "waiting": dict(self.waiting),
            "spend": [asdict(part) for part in self.spend],
            "sentinels": {name: found.to_json() for name, found in self.sentinels.items()},
        }

    def _served(self) -> dict[str, dict[str, int]]:
        """Model asked for -> models served -> replies, over all rubrics."""
        found: dict[str, dict[str, int]] = {}
        for count in self.counts.values():
            for model, served in count.served.items():
                own = found.setdefault(model, {})
                for name, number in served.items():
                    own[name] = own.get(name, 0) + number
        return found

    @property
    def notes(self) -> list[str]:
        """That a judge praised its sentinels, that none were asked, that an endpoint served more than one model under a name."""
        found = [
            f"ALARM: the judge of {name} gave {report.passed} of {report.asked} worthless answers a good score; do not trust its scores before you looked at it"
            for name, report in self.sentinels.items()
            if report.alarm
        ]
        few = [name for name, count in self.counts.items() if count.calls and name not in self.sentinels and name not in self.served]
        if few:
            found.append(
                f"no sentinels were asked of {', '.join(few)}: fewer than {FROM_CALLS} calls, switched off, or a scale on which an empty answer is no fault"
            )
        for name, compared in self.comparisons.items():
            if not compared.units:
                found.append(f"{name} compares answers to one prompt, and no prompt of these logs has two answers")
            if compared.left_out:
                found.append(f"{name}: {compared.left_out:,} answers were not compared; of one prompt at most {MOST_ANSWERS} are")
            if compared.cut:
                found.append(f"{name}: {cut_note(compared.cut, compared.judged, 'pairs' if compared.unit == 'pair' else 'lists')}")
        for model, served in sorted(self._served().items()):
            if len(served) > 1:
                told = ", ".join(f"{name} ({count:,} replies)" for name, count in sorted(served.items()))
                found.append(f"'{model}' was served by {len(served)} models: {told}; scores of different models are no one series")
        return found


def _cost(count: Counts) -> float | None:
    return None if count.unpriced and not count.cost_usd else round(count.cost_usd, 9)


@dataclass(frozen=True)
class Judges:
    """Who is asked in a run: rubrics, and reward models behind an address."""

    rubrics: Sequence[JudgeEntry]
    served: Sequence[ServedEntry] = ()


def judge_records(
    store: Store, scope: Scope, judges: Judges, *, settings: "Settings", asking: Asking, run_id: int, telling: Telling, progress: Phases
) -> JudgeReport:
    """Judge the records of a scope by these judges; nothing where there are none.

    Raises: UsageError (a file of replies), JudgeUnavailable, Interrupted, EnvironmentFailure.
    """
    rubrics = judges.rubrics
    if not rubrics and not judges.served:
        return JudgeReport()
    replays = (
        [asking.replay] if asking.replay is not None else sorted({entry.settings.replay for entry in rubrics if entry.settings.replay and asking.ask is None})
    )
    redact = redactor(settings.redact)
    for path in replays:
        import_replies(store.ledger, read_reply_file(Path(path)), redact=redact.reply if redact else None)
    if asking.batch == "collect":
        collect_answers(store.ledger, rubrics, run_id=run_id, note=telling.note, redact=redact)
    plans = plan_judges(rubrics, store.ledger, asks=asking.asks, ask=asking.ask)
    unbatched = plan_served(judges.served, asks=asking.asks, ask=asking.ask)
    progress.phase("judging", None)
    budget = Budget(settings.judge.max_calls, settings.judge.max_cost)
    if asking.batch == "submit":
        submit_questions(store, scope, rubrics, plans, budget=budget, telling=telling)
    judged = judge_scope(store, scope, [*plans, *unbatched], JudgeOptions(run_id, budget, asking.retry_failed, asking.reparse, redact), telling)
    report = JudgeReport(
        judged.counts,
        judged.waiting,
        spend_of(store.ledger, run_id),
        replay=", ".join(replays) or None,
        sentinels=judged.sentinels,
        comparisons=judged.comparisons,
        served=[plan.metric.name for plan in unbatched],
    )
    for note in (*_endpoint_notes(plans), *report.notes, *_served_before(store.ledger, rubrics, run_id)):
        telling.note(note)
    return report


def _served_before(ledger: Ledger, rubrics: Sequence[JudgeEntry], run_id: int) -> list[str]:
    """That a model was served by another one in this run than in the last run that asked it."""
    names = {entry.metric.identity: entry.metric.name for entry in rubrics}
    served: dict[tuple[str, str], dict[int, set[str]]] = {}
    for row in ledger.rows("SELECT rubric, model, run_id, served FROM spend WHERE purpose = 'score' AND served != '' AND run_id <= ?", (run_id,)):
        if row["rubric"] in names:
            served.setdefault((row["rubric"], row["model"]), {}).setdefault(row["run_id"], set()).add(row["served"])
    found = []
    for (rubric, model), runs in sorted(served.items()):
        last = max((run for run in runs if run != run_id), default=None)
        if run_id in runs and last is not None and runs[run_id] != runs[last]:
            now, then = (", ".join(sorted(runs[run])) for run in (run_id, last))
            found.append(
                f"{names[rubric]}: '{model}' was served by {now} in this run and by {then} in run {last}: the judge changed; scores of different models "
                "are no one series"
            )
    return found


def _endpoint_notes(plans: Sequence[JudgePlan]) -> list[str]:
    found: list[str] = []
    for plan in plans:
        if isinstance(plan.endpoint, OpenAIEndpoint):
            found += [note for note in plan.endpoint.notes if note not in found]
    return found
