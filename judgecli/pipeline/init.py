"""`judge init`: look at a sample of the logs, score it, and propose a judge.yaml that runs at once. Nothing is stored."""

import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from judgecli import catalog
from judgecli.catalog import Spec
from judgecli.config import proposal
from judgecli.config.draft import Draft
from judgecli.config.editor import SCHEMA_FILE, TITLE, editor_schema
from judgecli.config.project import Reward
from judgecli.config.proposal import Facts, FieldCandidate, LogFacts, ScoredSample
from judgecli.config.settings import load_settings
from judgecli.engine.shard import check_options, score_table
from judgecli.errors import EnvironmentFailure, LogError, NoRecords, UsageError
from judgecli.evidence.reading import log_files
from judgecli.labels.rating import scale_of
from judgecli.readers.adapter import adapters
from judgecli.readers.batch import add_hashes
from judgecli.readers.checkpoint import equal_lines_note
from judgecli.readers.detect import detect
from judgecli.readers.log import Detected, LogFile, Shaping
from judgecli.readers.mapping import parse_path
from judgecli.readers.read import read_log
from judgecli.readers.source import STDIN, expand
from judgecli.renderers.safe import json_text
from judgecli.reward.compose import compose
from judgecli.reward.spec import build_reward
from judgecli.schema import FILE, REASONS, Label
from judgecli.scorer import Metric
from judgecli.stats.column import ColumnFacts, two_values_of
from judgecli.stats.deciding import estimate_mean
from judgecli.stats.intervals import ClosedScale

if TYPE_CHECKING:
    from judgecli.config.settings import Settings

REWARD = "quality"
MOST_FILES = 12  # of a folder or glob, spread over it
MOST_RECORDS = 6_000  # of all files together
MOST_READ = 200_000  # of one file, over which the sample is spread
SAME_PROMPTS = 0.9  # share of the prompts that files of one model each have in common, and that each file asks once
MOST_VARIANTS = 20  # values of a column that tells variants apart
VARIANT_NAMES = re.compile(r"(^|_)(version|variant|experiment|release|template|deployment|policy|arm)(_|$)", re.IGNORECASE)
SEGMENT_NAMES = re.compile(
    r"(^|_)(locale|language|lang|country|market|geo|segment|plan|platform|device|channel|tier|region|category|topic|task|product)(_|$)", re.IGNORECASE
)


@dataclass(frozen=True)
class Proposal:
    """A proposed judge.yaml: where it was written, its text, and the plan in words (topic, sentence)."""

    path: str
    text: str
    plan: Sequence[tuple[str, str]]

    def to_json(self) -> dict[str, object]:
        """Path, plan and text."""
        return {"path": self.path, "plan": [{"topic": topic, "text": text} for topic, text in self.plan], "text": self.text}


@dataclass
class _Sample:
    """Some records of the logs, their labels, and how each file was read."""

    tables: list[pa.Table]
    labels: list[Label]
    read: list[tuple[str, Detected]]
    bad: int = 0
    whole: bool = True
    notes: tuple[str, ...] = ()


def propose(logs: Sequence[str], *, settings: "Settings", output: Path, force: bool = False) -> Proposal:
    """Look at the logs and write a judge.yaml for them, with its schema for editors beside it.

    `settings` carry what was typed (map, format, zone). Raises: UsageError (the file exists and not `force`),
    LogError, NoRecords, EnvironmentFailure.
    """
    if output.exists() and not force:
        raise UsageError(f"{output} exists already", hint="name another with -o FILE, or write over it with --force")
    if STDIN in logs:
        raise UsageError("judge.yaml names logs, and standard input has no name", hint="save it to a file first")
    sample = _take(logs, replace(settings, guess=True, logs=()))
    draft = _draft(logs, settings, sample)
    if not draft.chosen:
        _refuse_empty(sample)
    text = draft.text()
    _write(output, text, draft)
    _write_schema(output.parent / SCHEMA_FILE)
    return Proposal(str(output), text, draft.plan())


def _take(logs: Sequence[str], settings: "Settings") -> _Sample:
    """A sample: records spread over files that are spread over each name."""
    found = _Sample([], [], [])
    files = log_files(logs, settings)
    chosen = files if len(files) <= MOST_FILES else [files[at] for at in np.linspace(0, len(files) - 1, MOST_FILES).astype(int)]
    found.whole = len(chosen) == len(files)
    for log in chosen:
        try:
            _read(log, -(-MOST_RECORDS // len(chosen)), found)
        except LogError as error:
            if log.explicit:
                raise
            found.notes = (*found.notes, f"skipped: {error}")
    if not sum(table.num_rows for table in found.tables):
        raise NoRecords(
            f"the logs hold no records ({'; '.join([*found.notes[:2], f'{found.bad:,} lines could not be read'])})",
            hint="judge inspect LOGS shows what was detected; --map names fields",
        )
    found.notes = (*found.notes, *_copies_note(found.tables))
    if found.bad:
        found.notes = (*found.notes, f"{found.bad:,} lines could not be read: judge inspect LOGS shows which and why")
    return found


def _copies_note(tables: Sequence[pa.Table]) -> list[str]:
    """What is said of lines that stand in several files: as one file a model has them where two models answer alike."""
    keys = [set(table.column("key").to_pylist()) for table in tables]
    total, distinct = sum(map(len, keys)), len(set().union(*keys))
    if total == distinct:
        return []
    way = (
        "each file answers the same prompts, as one of each model or version does: policy: [file] counts a line in each"
        if _file_is_variant(tables)
        else "a run counts each once, with the file read first; where a file is of one model or version, policy: [file] counts it in each"
    )
    return [f"{total - distinct:,} of {total:,} lines stand in another of these files as well, byte for byte; {way}"]


def _read(log: LogFile, most: int, found: _Sample) -> None:
    detected = detect(log.path, log.shaping)
    tags = {f"tags.{name}": path for name, path in _names(detected.unmapped).items() if VARIANT_NAMES.search(name) or SEGMENT_NAMES.search(name)}
    shaping = log.shaping
    if tags:
        shaping = replace(shaping, map={**tags, **shaping.map})
        detected = detect(log.path, shaping)
    found.read.append((log.path, detected))
    kept, rows = _sampled(log, detected, shaping, most, found)
    keys = set(kept.column("key").to_pylist())
    found.tables.append(kept)
    note = equal_lines_note(log.path, detected, kept.num_rows - len(keys), kept.num_rows) if rows == kept.num_rows else None
    found.notes = (*found.notes, note) if note is not None else found.notes
    found.whole = found.whole and rows == kept.num_rows


def _sampled(log: LogFile, detected: Detected, shaping: Shaping, most: int, found: _Sample) -> tuple[pa.Table, int]:
    """Records spread over the whole file (over its first MOST_READ), with their labels; and how many were read."""
    chunks = []
    rows = 0
    labels: list[Label] = []
    for chunk in read_log(log.path, shaping, detected):
        chunks.append(chunk.records)
        labels += chunk.labels
        found.bad += len(chunk.bad)
        rows += chunk.records.num_rows
        if rows >= MOST_READ:
            break
    records = pa.concat_tables(chunks)
    kept = records if rows <= most else records.take(pa.array(np.unique(np.linspace(0, rows - 1, most).astype(np.int64))))
    keys = set(kept.column("key").to_pylist())
    found.labels += [label for label in labels if label.key in keys]
    return kept, rows


def _names(paths: Sequence[str]) -> dict[str, str]:
    """A short name a path: its last part, or the whole of it where two end alike."""
    whole = {path: [key for key, _ in parse_path(path)[0]] for path in paths}
    last = Counter(keys[-1] for keys in whole.values())
    return {(keys[-1] if last[keys[-1]] == 1 else ".".join(keys)): path for path, keys in whole.items()}


def _draft(logs: Sequence[str], settings: "Settings", sample: _Sample) -> Draft:
    records = pa.concat_tables(sample.tables).combine_chunks()
    clusters = _clusters(records)
    facts = _facts(logs, settings, sample, records, clusters)
    found, metrics = _measurable(proposal.candidates(facts))
    cells = score_table(records, metrics)
    described = {candidate.name: catalog.describe(candidate.name) for candidate in found}
    scored = {name: _scored(cells, name, clusters, said.kind, said.range) for name, said in described.items()}
    chosen = proposal.kept(found, scored)
    telling = [item for item in chosen if item.topic != "reference" or "constant reference" not in facts.has]
    terms, vetoes = proposal.terms(telling, scored), proposal.vetoes(chosen)
    rewarded = _rewarded(terms, vetoes, chosen, cells, clusters)
    gates = proposal.gates(telling, scored, reward=REWARD, rewarded=rewarded, clusters=facts.clusters)
    gates += proposal.rating_gates(facts.ratings)
    coverage = min((one.scored / (one.scored + one.failed) for one in [rewarded, *(scored[item.name] for item in chosen)] if one.scored), default=1.0)
    measured = 0.98 if coverage >= 0.98 else int(coverage * 50) / 50
    said = "no answer of the sample has one" if rewarded.mean is None else f"mean {rewarded.mean:.3g} on {rewarded.scored:,} of {rewarded.rows:,} answers"
    return Draft(facts, chosen, REWARD, terms=terms, vetoes=vetoes, gates=gates, measured=measured, rewarded=said)


def _measurable(candidates: Sequence[FieldCandidate]) -> tuple[list[FieldCandidate], list[Metric]]:
    """The candidates that this machine can measure, with their metrics: one whose extra is missing is not proposed."""
    found, metrics = [], []
    for candidate in candidates:
        metric = catalog.bind(Spec(candidate.name, candidate.name))
        try:
            check_options(metric)
        except EnvironmentFailure:
            continue
        found.append(candidate)
        metrics.append(metric)
    return found, metrics


def _facts(logs: Sequence[str], settings: "Settings", sample: _Sample, records: pa.Table, clusters: "np.ndarray") -> Facts:
    tags = _tags(records)
    distinct = {name: _distinct(records.column(name).to_pylist()) for name in ("model", "prompt_version")}
    distinct |= {f"tags.{name}": _distinct(values) for name, values in tags.items() if VARIANT_NAMES.search(name)}
    if not any(count > 1 for count in distinct.values()) and _file_is_variant(sample.tables):
        distinct[FILE] = len(sample.tables)
    answers: dict[str, set[str]] = {}
    for prompt, output in zip(records.column("input").to_pylist(), records.column("output").to_pylist(), strict=True):
        if prompt is not None and output is not None:
            answers.setdefault(prompt.strip().lower(), set()).add(output)
    counts: dict[str, int] = {}
    for label in sample.labels:
        counts[label.name] = counts.get(label.name, 0) + 1
    return Facts(
        logs=_log_facts(logs, settings, sample, {f"tags.{name}" for name, values in tags.items() if _distinct(values) <= MOST_VARIANTS}),
        records=records.num_rows,
        whole=sample.whole,
        has=_traits(records),
        distinct={name: count for name, count in distinct.items() if 1 <= count <= MOST_VARIANTS},
        sessions=_distinct(records.column("session").to_pylist()),
        users=_distinct(records.column("user").to_pylist()),
        clusters=len(set(clusters.tolist())),
        labels=counts,
        repeated=sum(len(texts) > 1 for texts in answers.values()) / max(1, len(answers)),
        notes=sample.notes,
        days=_days(records),
        ratings=_rated(sample, records, clusters),
    )


def _file_is_variant(tables: Sequence[pa.Table]) -> bool:
    """Whether each file answers the same prompts once: one file a model or version."""
    prompts = [[text for text in table.column("input").to_pylist() if text is not None] for table in tables]
    if not 2 <= len(prompts) <= MOST_VARIANTS or min(map(len, prompts)) < proposal.LEAST_CLUSTERS:
        return False
    asked_once = all(len(set(own)) >= SAME_PROMPTS * len(own) for own in prompts)
    return asked_once and len(set.intersection(*map(set, prompts))) >= SAME_PROMPTS * len(set().union(*prompts))


def _days(records: pa.Table) -> int:
    """From the first record to the last; 0 where less than nine in ten have a time."""
    times = records.column("time")
    if times.null_count > 0.1 * len(times) or times.null_count == len(times):
        return 0
    return int((pc.max(times).as_py() - pc.min(times).as_py()).days)


def _rated(sample: _Sample, records: pa.Table, clusters: "np.ndarray") -> dict[str, tuple[ScoredSample, tuple[float, float] | None]]:
    """What users rated, by the name of the metric, and the scale of it; no thumbs."""
    place = {key: row for row, key in enumerate(records.column("key").to_pylist())}
    found = {}
    for name in sorted({name for _, detected in sample.read for name in detected.ratings}):
        given = {place[label.key]: label.value for label in sample.labels if f"label.{label.name}" == name and label.value is not None}
        column = pa.array([given.get(row) for row in range(records.num_rows)], pa.float64())
        cells = pa.table({name: column, f"{name}.reason": pa.nulls(records.num_rows, pa.string())})
        found[name] = _scored(cells, name, clusters, "number", (None, None)), scale_of(given.values())
    return found


def _traits(records: pa.Table) -> frozenset[str]:
    """The columns that at least 1 % of the records fill, and what candidates ask for beside them."""
    least = max(1, proposal.LEAST_SHARE * records.num_rows)
    found = {name for name in records.column_names if records.num_rows - records.column(name).null_count >= least}
    if "reference" in found:
        references = [str(text) for text in records.column("reference").to_pylist() if text is not None]
        words = sorted(len(text.split()) for text in references)
        if len(set(references)) == 1 and len(set(records.column("input").to_pylist())) > 1:
            found.add("constant reference")  # one text for all questions is no expected answer
        found.add("short reference" if words[len(words) // 2] <= 3 else "long reference")
    if sum(map(_has_call, records.column("messages").to_pylist(), records.column("output_messages").to_pylist())) >= least:
        found.add("tool calls")
    return frozenset(found)


def _has_call(*conversations: "list[dict[str, list[dict[str, str]] | None]] | None") -> bool:
    """Whether a tool is called before the answer or in it, where the metrics of tools look."""
    return any(part["type"] == "tool_call" for messages in conversations for message in messages or () for part in message["parts"] or ())


def _tags(records: pa.Table) -> dict[str, list[str | None]]:
    rows = [dict(row or ()) for row in records.column("tags").to_pylist()]
    return {name: [row.get(name) for row in rows] for name in sorted({name for row in rows for name in row})}


def _distinct(values: Iterable[str | None]) -> int:
    return len({value for value in values if value is not None})


def _log_facts(logs: Sequence[str], settings: "Settings", sample: _Sample, tags: set[str]) -> list[LogFacts]:
    """One entry a name that was typed, or one a file where its files are read in different ways."""
    found: list[LogFacts] = []
    known = adapters()
    for name in logs:
        files = set(expand([name]))
        ways: dict[tuple[str | None, tuple[tuple[str, str], ...]], list[str]] = {}
        for path, detected in sample.read:
            if path in files:
                adapter = known.get(detected.format)
                own = dict(adapter.mapping) if adapter else {}
                mapping = {
                    field: said for field, said in detected.mapping.items() if own.get(field) != said and (not field.startswith("tags.") or field in tags)
                }
                ways.setdefault((detected.format if adapter else None, tuple(sorted(mapping.items(), key=_order))), []).append(path)
        for (adapted, pairs), paths in ways.items():
            found += [LogFacts(path, adapted, settings.zone, dict(pairs), settings.encoding) for path in ([name] if len(ways) == 1 else paths)]
    return found


def _order(item: tuple[str, str]) -> tuple[bool, bool, str]:
    return ("." in item[0], item[0] not in ("input", "output"), item[0])


def _clusters(records: pa.Table) -> "np.ndarray":
    """A number a record from 0 up, the same for records of one session, else user, else prompt, as the store has it."""
    return np.unique(add_hashes(records, 0).column("cluster_hash").to_numpy(), return_inverse=True)[1]


def _scored(cells: pa.Table, name: str, clusters: "np.ndarray", kind: str, scale: ClosedScale) -> ScoredSample:
    values = cells.column(name).combine_chunks()
    rows = len(values)
    valid = np.asarray(values.is_valid().to_numpy(zero_copy_only=False), bool)
    reasons = cells.column(f"{name}.reason").cast(pa.string()).to_pylist()
    failed = sum(reason is not None and REASONS[reason] != "design" for reason in reasons)
    if kind == "category" or not valid.any():
        return ScoredSample(rows, int(valid.sum()), failed, None, None, None)
    numbers = np.asarray(pc.fill_null(values, 0.0).to_numpy(zero_copy_only=False), float)[valid]
    sums = np.bincount(clusters[valid], numbers).astype(np.float64)
    counts = np.bincount(clusters[valid]).astype(np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        found = estimate_mean(sums, counts, ColumnFacts(kind, scale, two_values_of(numbers)))
    return ScoredSample(rows, int(valid.sum()), failed, found.mean, found.low, found.high)


def _rewarded(terms: Mapping[str, object], vetoes: Sequence[object], chosen: Sequence[FieldCandidate], cells: pa.Table, clusters: "np.ndarray") -> ScoredSample:
    """What the proposed reward gives on the sample."""
    if not terms:
        return ScoredSample(cells.num_rows, 0, 0, None, None, None)
    written = Reward.model_validate({"name": REWARD, "terms": terms, "vetoes": vetoes})
    infos = {candidate.name: _Info(candidate.name) for candidate in chosen}
    spec = build_reward(REWARD, written.terms, written.vetoes, metrics=infos, frozen={}, where=lambda path: path)
    return _scored(compose(spec, cells), spec.metric, clusters, "number", (0.0, 1.0))


class _Info:
    """What the reward needs to know of a metric of the library."""

    def __init__(self, name: str) -> None:
        found = catalog.describe(name)
        self.name, self.identity = name, ""
        self.kind, self.range, self.higher_is_better = found.kind, found.range, found.higher_is_better


def _refuse_empty(sample: _Sample) -> NoReturn:
    """Nothing to score: the fields that are not read are the way out."""
    left = list(dict.fromkeys(name for _, detected in sample.read for name in detected.unmapped))
    raise UsageError(
        "the records hold no answers that could be scored (no output)",
        hint=f"say which field is the answer: --map output=PATH; fields that are not read: {', '.join(left[:20]) or 'none'}",
    )


def _write(path: Path, text: str, draft: Draft | None = None) -> None:
    """Write a file whole or not at all; a judge.yaml only if it is read back as it was meant (else it is a bug of ours)."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        temporary.write_text(text, encoding="utf-8")
        if draft is not None:
            read = load_settings(str(temporary), environment={})
            if [(log.path, dict(log.map)) for log in read.logs] != [(log.path, dict(log.mapping)) for log in draft.facts.logs]:
                raise AssertionError(f"{path} is not read back as it was meant")
        temporary.replace(path)
    except OSError as error:
        raise EnvironmentFailure(f"cannot write {path}: {error.strerror or error}", hint="check the folder, or name another with -o FILE") from error
    finally:
        temporary.unlink(missing_ok=True)


def _write_schema(path: Path) -> None:
    """The schema for editors, unless a file of that name is not ours."""
    text = json_text(editor_schema()) + "\n"
    if not path.exists() or f'"title": "{TITLE}"' in path.read_text(encoding="utf-8", errors="replace"):
        _write(path, text)
