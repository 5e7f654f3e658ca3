"""The error tree: every failure a user can act on, each with an exit code and a hint.

    JudgeError                    2   what happened, with the value seen; the hint says what to do
    |-- UsageError                2   an argument or option that cannot be used
    |   |-- UnknownName           2   no scorer, format or command of that name; lists the nearest
    |   |-- MissingColumn         2   the records lack a column that a scorer reads
    |   `-- ScorerBroken          2   a scorer returns something else than one item a row
    |-- ConfigError               2   judge.yaml; carries file, line and column
    |-- LogError                  2   a log that cannot be read at all (missing, unknown format)
    |   `-- NoRecords             2   the named logs hold no accepted record
    |-- AlarmOpen                 1   an alarm stands, and what was asked for must not happen unseen
    |-- Incomplete                3   too little could be measured, or too many lines quarantined
    |-- EnvironmentFailure        4   disk, permissions, a missing extra
    |   |-- StoreError            4   the store cannot be opened, read or written
    |   |   |-- StoreBusy         4   another process holds the lease
    |   |   `-- StoreCorrupt      4   a file of the store is damaged; names the way to salvage
    |   `-- JudgeUnavailable      4   no call to this endpoint can work (key, unknown model)
    `-- Interrupted             130   Ctrl-C or SIGTERM (143): state saved, the resume command in the hint

A traceback means a bug of ours: the command line turns it into exit code 70 and a log file.
"""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches


class JudgeError(Exception):
    """A failure the user can act on. The CLI prints message and hint, never a traceback."""

    exit_code = 2

    def __init__(self, message: str, *, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


class UsageError(JudgeError):
    """An argument or option that cannot be used."""


class UnknownName(UsageError):
    """Nothing of this kind has that name; the hint lists the nearest that exist."""

    def __init__(self, kind: str, name: str, *, known: Iterable[str]) -> None:
        names = sorted(known)
        near = get_close_matches(name, names, n=3)
        more = f" and {len(names) - 12} more" if len(names) > 12 else ""
        others = f"there {'is' if len(names) == 1 else 'are'} {', '.join(names[:12])}{more}" if names else f"there is no {kind} yet"
        super().__init__(f"no {kind} is called '{name}'", hint=f"did you mean {', '.join(near)}?" if near else others)


class MissingColumn(UsageError):
    """The records lack a column that a scorer reads."""

    def __init__(self, column: str, *, scorer: str, available: Sequence[str], notes: Sequence[str] = ()) -> None:
        super().__init__(
            f"scorer '{scorer}' reads column '{column}', which these records do not have",
            hint="; ".join([*notes, f"found {', '.join(available) or 'no columns'}", f"map one with --map {column}=PATH"]),
        )


class ScorerBroken(UsageError):
    """A scorer returned something else than one item a row: no row of it can be told from another."""


class ConfigError(JudgeError):
    """judge.yaml cannot be used. `where` is file:line:column."""

    def __init__(self, message: str, *, where: str, hint: str) -> None:
        super().__init__(f"{where}: {message}", hint=hint)
        self.where = where


class LogError(JudgeError):
    """A log that cannot be read at all: missing, unreadable, unknown format."""


class NoRecords(LogError):
    """The named logs hold no accepted record, old or new."""


class AlarmOpen(JudgeError):
    """An alarm stands: what the records are worth may have changed, so nothing is made of them unseen."""

    exit_code = 1


class Incomplete(JudgeError):
    """Too little could be measured, or too many lines were quarantined."""

    exit_code = 3


class EnvironmentFailure(JudgeError):
    """Something around the tool: disk, permissions, a missing extra, an endpoint."""

    exit_code = 4


class StoreError(EnvironmentFailure):
    """The store cannot be opened, read or written."""


class StoreBusy(StoreError):
    """Another process holds the lease on the store."""


class StoreCorrupt(StoreError):
    """A file of the store is damaged. Nothing is overwritten."""


class ModelRefused(EnvironmentFailure):
    """A file of a reward model is not what its card says, or what no model holds. Nothing of it was run."""

    def __init__(self, path: object, why: str, *, hint: str = "get the model again from where it was trained, or train it anew") -> None:
        super().__init__(f"{path} is refused: {why}", hint=hint)


class JudgeUnavailable(EnvironmentFailure):
    """No call to this endpoint can work (key, unknown model): the run stops."""


class Interrupted(JudgeError):
    """Ctrl-C or SIGTERM: what was finished is saved."""

    exit_code = 130

    def __init__(self, message: str, *, hint: str, signal_number: int) -> None:
        super().__init__(message, hint=hint)
        self.exit_code = 128 + signal_number
