"""Feedback records: what labels and rewards say of records, as training files with a manifest."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from judgecli.errors import StoreBusy, UnknownName, UsageError
from judgecli.evidence.answered import DEFAULT_SOURCES, AnsweredRecords, find_candidates
from judgecli.evidence.rewarded import select_rewarded
from judgecli.evidence.work import Work
from judgecli.exporters.files import TRAIN, VALIDATION, Written, paths_of, write_export, write_manifest
from judgecli.exporters.format import ExportFormat, ExportItem, ExportRow, format_named
from judgecli.labels import conversation
from judgecli.labels.conversation import Conversation, conversation_of, shared_prompt
from judgecli.labels.pairs import DROPPED, TrainingCandidate, TrainingExample, TrainingPair, choose_examples, choose_pairs, in_validation
from judgecli.labels.rating import RatingScale, read_scale
from judgecli.pipeline.alarms import standing_alarms
from judgecli.store.labels import FLAG, Thumbs, flagged_keys, read_thumbs
from judgecli.store.selection import Selection
from judgecli.store.tables import AGAIN, MetricInfo

if TYPE_CHECKING:
    from judgecli.config.project import Feedback
    from judgecli.config.settings import Settings

SOURCES = ("human", "user", "code", "model", "reward")
BLOCK = 20_000  # so many lines have their texts in memory at a time
SAID = ("id", "model", "prompt_version", "time")

Chosen = TrainingPair | TrainingExample


@dataclass(frozen=True, slots=True)
class ExportPlan:
    """What an export takes. `good` and `bad` are rewards: at least, at most; `validation` is a share of the prompts."""

    sources: tuple[str, ...] = DEFAULT_SOURCES
    min_margin: float = 0.2
    on: str | None = None
    validation: float = 0.1
    all_pairs: bool = False
    good: float | None = None
    bad: float | None = None
    labels: tuple[str, ...] = ()
    rating_scale: RatingScale | None = None
    standard: bool = False
    despite_alarm: bool = False


@dataclass
class ExportResult:
    """What one export wrote. `dropped` counts by reason (labels/pairs.py); records: `candidates` = `used` + those dropped."""

    format: str
    path: Path
    manifest: Path
    files: list[Written]
    candidates: int
    used: int
    dropped: Counter[str]
    sources: Counter[str]
    notes: list[str] = field(default_factory=list)

    @property
    def records(self) -> int:
        """The lines of all files."""
        return sum(file.records for file in self.files)

    def to_json(self) -> dict[str, object]:
        """The JSON shape of `judge export`."""
        return {
            "format": self.format,
            "path": str(self.path),
            "records": self.records,
            "dropped": dict(sorted(self.dropped.items())),
            "manifest": str(self.manifest),
            "files": [{**file.to_json(), "path": str(file.path)} for file in self.files],
            "candidates": self.candidates,
            "used": self.used,
            "sources": dict(sorted(self.sources.items())),
            "notes": self.notes,
        }


def export_feedback(work: Work, format: str, path: Path, wanted: ExportPlan = ExportPlan()) -> ExportResult:
    """Write the feedback records of the store as one training format, with a manifest beside.

    An export without any line writes no file but the manifest, which says why. Raises: UnknownName, UsageError,
    ConfigError (a reward that cannot be computed), AlarmOpen (and `wanted` is not despite it), StoreError, EnvironmentFailure.
    """
    kind = format_named(format)
    _check(kind, wanted)
    paths_of(path)
    alarms = standing_alarms(work, despite=wanted.despite_alarm)
    selection = select_rewarded(work, wanted.on) if "reward" in wanted.sources else work.select(wanted.on)
    reward = _reward_of(selection, work.settings) if "reward" in wanted.sources else None
    thumbs = read_thumbs(work.store, [source for source in wanted.sources if source != "reward"], wanted.labels, scale=wanted.rating_scale)
    records = AnsweredRecords(work.store, selection, reward)
    candidates, dropped = find_candidates(records, thumbs, flagged_keys(work.store, selection.scope.shards), standard=wanted.standard)
    chosen, left = _choose(kind, candidates, wanted)
    count = len(candidates) + sum(dropped.values())
    writer = _Writer(records, kind, wanted, reward)
    files = write_export(path, writer.rows(chosen), kind, standard=wanted.standard)
    result = ExportResult(
        kind.name, path, paths_of(path)[1], files=files, candidates=count, used=writer.used, dropped=dropped + left + thumbs.dropped, sources=writer.sources
    )
    result.notes += _notes(result, kind, selection, writer)
    result.notes += [f"{len(alarms)} alarms were open when this was written: what the records are worth may have changed"] if alarms else []
    write_manifest(path, {**_manifest(result, wanted, reward, thumbs, writer), "alarms": alarms})
    return result


def options_of(entry: "Feedback", on: str | None = None) -> ExportPlan:
    """What an entry of `feedback:` in judge.yaml asks for."""
    plain = ExportPlan()
    return ExportPlan(
        sources=tuple(entry.sources),
        min_margin=plain.min_margin if entry.min_margin is None else entry.min_margin,
        on=entry.on if on is None else on,
        validation=plain.validation if entry.validation is None else entry.validation,
        all_pairs=entry.all_pairs,
        good=entry.good,
        bad=entry.bad,
        labels=tuple(entry.label),
        rating_scale=read_scale(entry.rating_scale),
        standard=entry.standard,
        despite_alarm=entry.despite_alarm,
    )


def _check(kind: ExportFormat, wanted: ExportPlan) -> None:
    for source in wanted.sources:
        if source not in SOURCES:
            raise UnknownName("source of feedback", source, known=SOURCES)
    if not wanted.sources:
        raise UsageError("no source of feedback is named", hint=f"--sources takes {', '.join(SOURCES)}")
    if not 0 <= wanted.validation < 1:
        raise UsageError(f"the validation share is {wanted.validation}", hint="name a share from 0 (none) to below 1, as 0.1")
    if not 0 <= wanted.min_margin <= 1:
        raise UsageError(f"the smallest margin is {wanted.min_margin}", hint="rewards lie in [0, 1]: name a gap between them, as 0.2")
    if wanted.good is not None and wanted.bad is not None and wanted.good <= wanted.bad:
        raise UsageError(f"good begins at {wanted.good} and bad ends at {wanted.bad}: they meet", hint="leave a gap between --good and --bad")
    if kind.unit == "example" and "reward" in wanted.sources and wanted.good is None and wanted.bad is None:
        raise UsageError(
            f"{kind.name} needs to know which rewards are good and which are bad in themselves",
            hint="name them, as --good 0.8 --bad 0.4: the better of two may still be bad",
        )


def _reward_of(selection: Selection, settings: "Settings") -> MetricInfo:
    """The reward to go by: the one of judge.yaml, else the only one of the records. Raises: UsageError."""
    held = [name for name in selection.metrics if name.startswith("reward.")]
    if settings.project.reward is not None:
        held = [name for name in held if name == f"reward.{settings.project.reward.name}"]
    if len(held) != 1:
        why = "these records have no reward" if not held else f"these records have several rewards: {', '.join(held)}"
        raise UsageError(why, hint="write reward: into judge.yaml and run judge score; or leave reward out of --sources")
    return selection.metric(held[0])


def _choose(kind: ExportFormat, candidates: Sequence[TrainingCandidate], wanted: ExportPlan) -> tuple[list[Chosen], Counter[str]]:
    """The pairs or examples in the order of the file, and the records that are in none."""
    chosen: list[Chosen] = []
    if kind.unit == "pair":
        pairs, dropped = choose_pairs(candidates, min_margin=wanted.min_margin, all_pairs=wanted.all_pairs)
        chosen += pairs
    else:
        examples, dropped = choose_examples(candidates, good=wanted.good, bad=wanted.bad)
        chosen += examples
    return sorted(chosen, key=_order), dropped


def _order(one: Chosen) -> tuple[bool, bytes, list[bytes]]:
    """Tool calls first: loaders take the columns of a file from its first lines. Then by hash, which mixes times and models."""
    records = _members(one)
    return not any(record.has_tools for record in records), records[0].state, [record.key for record in records]


def _members(one: Chosen) -> list[TrainingCandidate]:
    return [one.chosen, one.rejected] if isinstance(one, TrainingPair) else [one.record]


@dataclass(frozen=True, slots=True)
class _ExportDetail:
    """A record that is written: its conversation, and what its provenance says."""

    talk: Conversation
    said: Mapping[str, object]
    has_contexts: bool


class _Writer:
    """Makes the lines of an export block by block, and counts what the manifest says of them."""

    def __init__(self, records: AnsweredRecords, kind: ExportFormat, wanted: ExportPlan, reward: MetricInfo | None) -> None:
        self.records = records
        self.kind = kind
        self.wanted = wanted
        self.reward = reward
        self.sources: Counter[str] = Counter()
        self.verdicts: Counter[bool] = Counter()
        self.margins: list[float] = []
        self.newest: datetime | None = None
        self.without_system = 0
        self.with_contexts = 0
        self._used: set[bytes] = set()

    @property
    def used(self) -> int:
        """How many records the lines hold."""
        return len(self._used)

    def rows(self, chosen: Sequence[Chosen]) -> Iterator[tuple[str, ExportRow]]:
        """Each line with its split."""
        for start in range(0, len(chosen), BLOCK):
            block = chosen[start : start + BLOCK]
            details = self._details({record.key for one in block for record in _members(one)})
            for one in block:
                split = VALIDATION if in_validation(_members(one)[0].question, self.wanted.validation) else TRAIN
                yield split, self.kind.row(self._item(one, details), self.wanted.standard)

    def _details(self, keys: set[bytes]) -> dict[bytes, _ExportDetail]:
        wanted, found = pa.array(sorted(keys), pa.binary(16)), {}
        for table in self.records([*conversation.COLUMNS, *SAID]):
            for row in table.filter(pc.is_in(table["key"], wanted)).to_pylist():
                self.newest = max(filter(None, (self.newest, row["time"])), default=None)
                said = {"key": row["key"].hex(), **{name: row[name] for name in ("id", "model", "prompt_version", "reward") if row[name] is not None}}
                found[row["key"]] = _ExportDetail(conversation_of(row), said, bool(row["contexts"]))
        if len(found) < len(keys):
            raise StoreBusy("the store changed while it was exported", hint=AGAIN)
        return found

    def _item(self, one: Chosen, details: Mapping[bytes, _ExportDetail]) -> ExportItem:
        members = [details[record.key] for record in _members(one)]
        self._used.update(record.key for record in _members(one))
        self.sources[one.source] += 1
        self.with_contexts += any(member.has_contexts for member in members)
        origin: dict[str, object] = {"source": one.source, "basis": one.basis, "prompt": _members(one)[0].question.hex()}
        if self.reward is not None:
            origin |= {"reward": self.reward.name, "reward_identity": self.reward.identity}
        best = members[0].talk
        if isinstance(one, TrainingExample):
            self.verdicts[one.good] += 1
            return ExportItem(best.prompt, best.completion, best.tools, {**origin, "record": members[0].said}, good=one.good)
        prompt = shared_prompt(best, members[1].talk)
        self.without_system += prompt != best.prompt
        self.margins.append(one.margin)
        origin |= {"chosen": members[0].said, "rejected": members[1].said}
        return ExportItem(prompt, best.completion, best.tools, origin, worse=members[1].talk.completion, margin=one.margin)


def _notes(result: ExportResult, kind: ExportFormat, selection: Selection, writer: _Writer) -> list[str]:
    """What a person should know before training on these files."""
    notes = []
    if not result.candidates:
        reward = "" if "reward" in writer.wanted.sources else "; --sources reward takes the reward of judge.yaml instead"
        notes.append(f"no record has a label of {', '.join(source for source in writer.wanted.sources if source != 'reward') or 'anybody'}{reward}")
    if kind.unit == "example" and result.records and len(writer.verdicts) < 2:
        notes.append(f"every example is {'good' if writer.verdicts[True] else 'bad'}: {kind.trainers} needs both")
    if writer.without_system:
        notes.append(f"{writer.without_system:,} pairs compare answers under different system messages: these were left out of the prompt")
    if writer.with_contexts:
        notes.append(f"{writer.with_contexts:,} lines come from records with contexts: the lines hold them only where the messages did")
    if result.records and FLAG not in selection.metrics:
        notes.append(f"these records were not searched for attempts to influence a judge: judge score -s {FLAG} does that")
    if len(result.files) == 1 and writer.wanted.validation and result.records:
        notes.append(f"all lines are in the {result.files[0].split} part: there are too few prompts for two")
    return notes


def _manifest(result: ExportResult, wanted: ExportPlan, reward: MetricInfo | None, thumbs: Thumbs, writer: _Writer) -> dict[str, object]:
    """The manifest: the same bytes for the same store and options. Its date is that of the newest record."""
    margins = sorted(writer.margins)
    found: dict[str, object] = {
        "format": result.format,
        "tool": {"name": "judgecli", "version": version("judgecli")},
        "newest_record": None if writer.newest is None else writer.newest.astimezone(UTC).isoformat(),
        "records": result.records,
        "files": [file.to_json() for file in result.files],
        "candidates": result.candidates,
        "used": result.used,
        "dropped": dict(sorted(result.dropped.items())),
        "reasons": {reason: DROPPED.get(reason, "the reward has no value, for this reason") for reason in sorted(result.dropped)},
        "sources": dict(sorted(result.sources.items())),
        "wanted": {
            "sources": list(wanted.sources),
            "on": wanted.on,
            "validation": wanted.validation,
            "split_by": "hash of the last user message, in lower case with single spaces",
            "standard": wanted.standard,
        },
        "labels": list(thumbs.names),
        "reward": None if reward is None else {"name": reward.name, "identity": reward.identity},
        "redaction": "texts are as the store holds them",
        "notes": result.notes,
    }
    if margins:
        found["margin"] = {"at_least": wanted.min_margin, "min": margins[0], "max": margins[-1], "basis": "gap of the rewards; 1 where labels decided"}
    if writer.verdicts:
        found["verdicts"] = {"good": writer.verdicts[True], "bad": writer.verdicts[False], "good_from": wanted.good, "bad_up_to": wanted.bad}
    return found
