"""Logs to a scope: which files the names mean, how each is read, and what is told of them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from judgecli.errors import Incomplete, NoRecords, UsageError
from judgecli.evidence.work import Work
from judgecli.progress import Progress
from judgecli.readers.checkpoint import Checkpoint, equal_lines_note
from judgecli.readers.intake import Intake
from judgecli.readers.log import LogFile, Shaping, Skipped
from judgecli.readers.redact import redactor
from judgecli.readers.source import STDIN, expand
from judgecli.schema import FILE, QuarantineReason
from judgecli.store.folder import Store
from judgecli.store.neighbours import other_projects, repeated_lines
from judgecli.store.scope import Scope, open_scope

if TYPE_CHECKING:
    from judgecli.config.settings import Settings


ONCE = "they count once, with the first (policy: [file] in judge.yaml counts them in each file)"


def reading_notes(work: Work, intake: Intake, readings: Sequence[Checkpoint]) -> list[str]:
    """What is told of the files that were read: those left out, how each was understood, lines that are equal, what else the store holds."""
    notes = [f"skipped: {file.message}" for file in intake.skipped]
    notes += [f"{reading.path}: {note}" for reading in readings for note in reading.detected.notes]
    file_ids = [reading.file_id for reading in readings]
    with work.store.ledger.readable():
        repeated = repeated_lines(work.store, file_ids)
        told = [] if work.settings.keep_duplicates else [(reading, *repeated.equal[reading.file_id]) for reading in readings]
        notes += [note for reading, *counts in told if (note := equal_lines_note(reading.path, reading.detected, *counts)) is not None]
        notes += [f"{count:,} records of {file} also stand in {first}; {ONCE}" for file, first, count in repeated.shared]
        return notes + _told_bad(work.store, file_ids) + other_projects(work.store, file_ids, work.settings.config, [log.path for log in work.settings.logs])


def read_scope(work: Work, logs: Sequence[str], *, progress: Progress) -> Scope:
    """The records of these logs, read into the store and not scored. Raises: LogError, NoRecords, Incomplete."""
    progress.phase("reading", None)
    intake = Intake(work.store, NotedProgress(progress, []), lambda _: None)
    readings = intake.run(log_files(logs, work.settings))
    scope = scope_of_logs(work.store, readings, intake.skipped)
    short = unread_shortfalls(
        scope.counts.quarantined, scope.counts.lines, [file for file in intake.skipped if file.is_log], len(readings), work.settings.max_bad
    )
    if short:
        raise Incomplete("; ".join(short), hint=MEND)
    return scope


MEND = "judge inspect LOGS shows what could not be read and why; --max-bad SHARE allows more of it"


def unread_shortfalls(bad: int, lines: int, unread: Sequence[Skipped], read: int, max_bad: float) -> list[str]:
    """Why what was read is not what the logs hold: `unread` logs beside `read` ones, and more than a share `max_bad` of bad lines."""
    found = []
    if unread:
        more = f" and {len(unread) - 1:,} more" if len(unread) > 1 else ""
        found.append(f"{len(unread):,} of {len(unread) + read:,} logs could not be read: {unread[0].path}{more}")
    share = bad / lines if lines else 0.0
    return [*found, f"{share:.1%} of the lines were quarantined, more than {max_bad:.1%}"] if share > max_bad else found


def check_rows_read(dropped: Mapping[str, int], read: int, max_bad: float) -> None:
    """Refuse rows of data of which too many could not be read; a row that says nothing (a tie, no label) was read. Raises: Incomplete."""
    unread = {reason: count for reason, count in dropped.items() if reason in get_args(QuarantineReason)}
    if sum(unread.values()) > max_bad * read:
        told = ", ".join(f"{reason} {count:,}" for reason, count in sorted(unread.items()))
        raise Incomplete(
            f"{sum(unread.values()):,} of {read:,} rows could not be read ({told}), more than {max_bad:.1%}",
            hint="mend those rows, name their --shape, or allow more with --max-bad; nothing was written",
        )


def log_files(logs: Sequence[str], settings: "Settings") -> list[LogFile]:
    """The files that these names mean, each with how it is read. Raises: LogError."""
    names = list(logs) or [source.path for source in settings.logs]
    if not names:
        raise UsageError("no logs were named", hint="judge score LOGS...; or name them under `logs:` in judge.yaml")
    base = settings.store.resolve().parent
    redact = redactor(settings.redact)
    found: dict[str, LogFile] = {}
    for pattern in names:
        for path in expand([pattern]):
            source = settings.source(path if path in logs else pattern if not settings.logs else path)
            shaping = Shaping(format=source.format, map=source.map, guess=settings.guess, zone=source.zone or "UTC", encoding=source.encoding)
            found.setdefault(
                path,
                LogFile(
                    path,
                    _stored_name(path, base),
                    shaping,
                    explicit=path == pattern,
                    keep_duplicates=settings.keep_duplicates,
                    by_file=FILE in settings.policy,
                    redact=redact,
                ),
            )
    return list(found.values())


def _stored_name(path: str, base: Path) -> str:
    """What the store calls a file: its path from the folder that holds the store, so that the folder may move."""
    if path == STDIN:
        return path
    absolute = Path(path).resolve()
    return str(absolute.relative_to(base)) if absolute.is_relative_to(base) else str(absolute)


class NotedProgress:
    """Passes progress on and keeps the notes for the result."""

    def __init__(self, progress: Progress, notes: list[str]) -> None:
        self.progress = progress
        self.notes = notes

    def advance(self, bytes_read: int, records: int) -> None:
        self.progress.advance(bytes_read, records)

    def note(self, text: str) -> None:
        self.notes.append(text)
        self.progress.note(text)


def scope_of_logs(store: Store, readings: Sequence[Checkpoint], skipped: Sequence[Skipped]) -> Scope:
    entries, bad = sum(reading.entries for reading in readings), sum(reading.bad for reading in readings)
    scope = open_scope(store, [reading.file_id for reading in readings], entries=entries, bad=bad)
    if scope.counts.accepted == 0 and scope.counts.forgotten:
        raise NoRecords(
            f"the logs hold no records any more: {entries:,} lines, {scope.counts.forgotten:,} of them forgotten",
            hint="keep: in judge.yaml says how old records may be; what judge store forget took stays forgotten in this store",
        )
    if scope.counts.accepted == 0:
        reasons = [f"{row['reason']} {row['n']}" for row in _quarantine_reasons(store, scope.file_ids)]
        seen = f"{entries} lines, none of them a record ({', '.join(reasons)})" if reasons else skipped[0].message if skipped else f"{entries} lines, none kept"
        raise NoRecords(f"the logs hold no records: {seen}", hint="judge inspect LOGS shows what was detected; --map output=PATH names the fields")
    return scope


def _quarantine_reasons(store: Store, file_ids: Sequence[int]) -> list[dict[str, object]]:
    marks = ",".join("?" * len(file_ids))
    query = f"SELECT reason, count(*) AS n FROM quarantine WHERE file_id IN ({marks}) GROUP BY 1 ORDER BY 2 DESC"
    return [dict(row) for row in store.ledger.rows(query, tuple(file_ids))]


def _told_bad(store: Store, file_ids: Sequence[int]) -> list[str]:
    """How many lines were put aside for which reason, and where the first one stands."""
    reasons = [f"{row['reason']} {row['n']:,}" for row in _quarantine_reasons(store, file_ids)]
    marks = ",".join("?" * len(file_ids))
    first = store.ledger.rows(
        f"SELECT path, line FROM quarantine JOIN files USING (file_id) WHERE file_id IN ({marks}) ORDER BY file_id, line LIMIT 1", tuple(file_ids)
    )
    way = "; if the text is not UTF-8, say what it is: --encoding cp1252" if any(reason.startswith("bad_encoding") for reason in reasons) else ""
    return [f"quarantined: {', '.join(reasons)}; the first is {row['path']}:{row['line']}{way}" for row in first]
