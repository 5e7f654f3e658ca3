"""judge rm audit: tricks played on a reward model, with honest answers of preferences or of a log."""

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from judgecli.document import Facts
from judgecli.errors import LogError, NoRecords
from judgecli.evidence.reading import check_rows_read
from judgecli.readers.detect import detect
from judgecli.readers.log import Shaping
from judgecli.readers.preferences import read_preferences
from judgecli.readers.read import read_log
from judgecli.readers.source import expand
from judgecli.reward_model.audit import audit_model
from judgecli.reward_model.model import RewardModel
from judgecli.reward_model.preferences import PreferencePair, Preferences
from judgecli.reward_model.tricks import Case

RECORDS = 500
TRIED = 100  # right after training
FEWEST = 2
EXTRA_PAIRS = 4  # times as many pairs as cases are looked at for what surface explains

Audited = TypeVar("Audited")


def audit_reward_model(
    model: RewardModel,
    paths: Sequence[str],
    *,
    records: int = RECORDS,
    shape: str | None = None,
    prompt: str | None = None,
    map: Mapping[str, str] | None = None,
    format: str | None = None,
    max_bad: float = 0.01,
    seed: int = 0,
    tick: Callable[[str], None] = lambda _: None,
) -> Facts:
    """What `judge rm audit --json` prints. Files of preferences give the preferred answers and the pairs, logs their answers.

    Of more than `records` answers those with the smallest hashes are taken: the same in every audit.
    Raises: LogError, NoRecords (fewer than two answers), Incomplete (more than a share `max_bad` could not be read), UnknownName (no such shape).
    """
    cases, pairs, notes = _read(paths, records, shape, prompt, Shaping(format=format, map=dict(map or {})), max_bad)
    if len(cases) < FEWEST:
        raise NoRecords(f"{len(cases)} honest answers, where an audit needs at least {FEWEST}", hint="name a file of preferences, or a log with outputs")
    tick(f"{len(cases):,} answers")
    findings = audit_model(model, cases, pairs, seed=seed)
    return {
        "model": model.name,
        "identity": model.identity,
        "answers": len(cases),
        "pairs": len(pairs),
        "findings": [finding.to_json() for finding in findings],
        "defects": [" ".join(filter(None, (finding.name, finding.kind))) for finding in findings if finding.defect],
        "notes": notes,
    }


def tricks_that_pay(model: RewardModel, preferences: Preferences, *, seed: int) -> list[Facts]:
    """The tricks that get more than up to 100 of the preferred answers too often, the worst first: name, share, interval.

    The answers were trained on, so a trick that is not named may pay all the same.
    """
    cases = list(dict.fromkeys(case for case in _honest(preferences) if case.output.strip()))
    found = audit_model(model, _smallest(cases, TRIED, _text), seed=seed) if len(cases) >= FEWEST else []
    paid = [one for one in found if one.name == "trick" and one.defect]
    return [{"trick": one.kind, "share": one.estimate, "low": one.low, "high": one.high} for one in sorted(paid, key=lambda one: -(one.estimate or 0))]


def _honest(preferences: Preferences) -> list[Case]:
    """The answers that people preferred or called good."""
    cases = [Case(one.prompt, one.chosen) for one in preferences.comparisons]
    return cases + [Case(one.prompt, one.output) for one in preferences.verdicts if one.value > 0.5]


def _text(case: Case) -> str:
    return f"{case.prompt}\0{case.output}"


def _read(
    paths: Sequence[str], records: int, shape: str | None, prompt: str | None, shaping: Shaping, max_bad: float
) -> tuple[list[Case], list[PreferencePair], list[str]]:
    """Honest answers, pairs, notes. What holds no preference is read as a log, unless a shape was named."""
    found = read_preferences(paths, shape=shape, prompt=prompt) if not shaping.map and not shaping.format else None
    if found is not None and (found.comparisons or found.verdicts or shape is not None):
        check_rows_read(found.dropped, found.read, max_bad)
        cases = _honest(found)
        pairs = _smallest(found.comparisons, records * EXTRA_PAIRS, lambda one: f"{one.prompt}\0{one.chosen}\0{one.rejected}")
        notes = list(found.notes)
    else:
        cases, pairs, notes = _log_cases(paths, shaping, max_bad), [], ["read as a log: what surface explains is not held against anybody's preference"]
    distinct = list(dict.fromkeys(case for case in cases if case.output.strip()))
    return _smallest(distinct, records, _text), pairs, notes


def _log_cases(paths: Sequence[str], shaping: Shaping, max_bad: float) -> list[Case]:
    """The answers of logs, read in memory; nothing is stored."""
    cases = []
    bad: Counter[str] = Counter()
    read = 0
    for path in expand(paths):
        for chunk in read_log(path, shaping, detect(path, shaping)):
            if not {"input", "output"} <= set(chunk.records.column_names):
                raise LogError(f"{path} has no outputs", hint="map one: --map output=PATH")
            bad.update(line.reason for line in chunk.bad)
            read += chunk.records.num_rows + len(chunk.bad)
            inputs, outputs = (chunk.records.column(name).to_pylist() for name in ("input", "output"))
            cases += [Case(asked or "", output) for asked, output in zip(inputs, outputs, strict=True) if output]
    check_rows_read(bad, read, max_bad)
    return cases


def _smallest(items: Sequence[Audited], most: int, text: Callable[[Audited], str]) -> list[Audited]:
    """At most `most` items, those whose text has the smallest hashes, in that order."""
    return sorted(items, key=lambda item: hashlib.blake2b(text(item).encode("utf-8", "surrogatepass"), digest_size=8).digest())[:most]
