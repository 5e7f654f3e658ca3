"""Every failure as message, hint and exit code: at most 8 lines on stderr, never a traceback.

With --json stdout gets {"error": {"message", "hint", "exit_code"}} too. What is no failure of the
user or the machine is a bug of ours: exit code 70, and the traceback goes to a file.
"""

import os
import shlex
import signal
import sys
import tempfile
import traceback
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TextIO

from judgecli.errors import EnvironmentFailure, Interrupted, JudgeError, UsageError

MAX_LINES = 8
BUG = 70


class InternalError(JudgeError):
    """A bug of judge. The hint names the file with the traceback."""

    exit_code = BUG


class Terminated(KeyboardInterrupt):
    """SIGTERM, on the way that Ctrl-C takes: what is open is closed, what is half-written is removed."""


class SignalHandlers:
    """While it is entered, the first SIGINT or SIGTERM raises, and a second one ends the process at once. Does nothing outside the main thread.

    SIGINT too: a shell starts background jobs with it ignored, and a run must stop when it is told to.
    """

    def __init__(self) -> None:
        self._received: list[int] = []
        self._before: dict[int, object] = {}

    def __enter__(self) -> "SignalHandlers":
        with suppress(ValueError):
            self._before = {number: signal.signal(number, self._stop) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            if signal.getsignal(number) is not signal.SIG_IGN:  # after an interruption signals stay ignored until the process ends
                signal.signal(number, handler)  # type: ignore[arg-type]

    def _stop(self, number: int, _frame: object) -> None:
        self._received.append(number)
        for each in self._before:
            signal.signal(each, signal.SIG_DFL)
        raise Terminated if number == signal.SIGTERM else KeyboardInterrupt

    def cause_of(self, error: BaseException) -> BaseException:
        """The interruption, whatever error it became on its way (a query that was cut off says so in its own words); else the error."""
        if not self._received or isinstance(error, KeyboardInterrupt | Interrupted):
            return error
        return Terminated() if self._received[0] == signal.SIGTERM else KeyboardInterrupt()


def report(error: BaseException, words: Sequence[str]) -> int:
    """Print what happened and what to do. Returns the exit code."""
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else 0 if error.code is None else 2
    failure = _as_failure(error, words)
    if isinstance(failure, Interrupted):
        _ignore_more_signals()
    if isinstance(error, OSError):
        discard(sys.stdout)
    with suppress(OSError):
        _print(failure, as_json="--json" in words)
    return failure.exit_code


def discard(stream: TextIO) -> None:
    """Point a stream that cannot be written to the null device, so that Python's own flush at exit is quiet."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _ignore_more_signals() -> None:
    with suppress(ValueError):  # not in the main thread: then no signal comes here either
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)


def _as_failure(error: BaseException, words: Sequence[str]) -> JudgeError:
    import typer

    if isinstance(error, KeyboardInterrupt | Interrupted):
        number = error.exit_code - 128 if isinstance(error, Interrupted) else signal.SIGTERM if isinstance(error, Terminated) else signal.SIGINT
        message = str(error) or "interrupted; what was finished is saved"
        return Interrupted(message, hint=f"continue with: {shlex.join(['judge', *words])}", signal_number=number)
    if isinstance(error, JudgeError):
        return error
    if isinstance(error, typer.TyperException):
        return _usage(error)
    if isinstance(error, OSError) and error.errno is not None:
        named = f" ({error.filename})" if error.filename else ""
        return EnvironmentFailure(f"{error.strerror}{named}", hint="check space and permissions, then run the same command again: what was finished is kept")
    if isinstance(error, MemoryError):
        return EnvironmentFailure("out of memory", hint="run with fewer --workers; what was finished is kept")
    return _internal(error, words)


def _usage(error: Exception) -> JudgeError:
    """An error of the option parser with the nearest option, or the help to look at."""
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "judge"
    near = getattr(error, "possibilities", None)
    message = getattr(error, "message", "") if near is not None else error.format_message()  # type: ignore[attr-defined]
    hint = f"did you mean {' or '.join(sorted(near))}?" if near else f"see {path} --help"
    return UsageError(str(message).strip().rstrip("."), hint=hint)


def _internal(error: BaseException, words: Sequence[str]) -> JudgeError:
    said = f"{type(error).__name__}: {error}".splitlines()[0][:300]
    try:
        hint = f"please report it with {_write_log(error, words)}; finished work is in the store, the same command continues it"
    except OSError:
        hint = "no log could be written; finished work is in the store, the same command continues it"
    return InternalError(f"a bug of judge: {said}", hint=hint)


def _write_log(error: BaseException, words: Sequence[str]) -> Path:
    """The traceback in a file of its own, private to the user, in the store or else the temporary folder."""
    store = _store_folder(words)
    folder = store if store.is_dir() and os.access(store, os.W_OK) else None
    handle, name = tempfile.mkstemp(prefix="bug-", suffix=".log", dir=folder)
    with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as out:
        out.write(f"judge {shlex.join(words)}\nPython {sys.version}\n{sys.platform}\n\n")
        out.writelines(traceback.format_exception(error))
    return Path(name)


def _store_folder(words: Sequence[str]) -> Path:
    for position, word in enumerate(words):
        if word.startswith("--store="):
            return Path(word.removeprefix("--store="))
        if word == "--store" and position + 1 < len(words):
            return Path(words[position + 1])
    return Path(os.environ.get("JUDGE_STORE") or ".judge")


def _print(failure: JudgeError, *, as_json: bool) -> None:
    from judgecli.renderers.safe import json_text, terminal_text

    if as_json:
        document = {"error": {"message": str(failure), "hint": failure.hint, "exit_code": failure.exit_code}}
        sys.stdout.write(json_text(document) + "\n")
        sys.stdout.flush()
    lines = terminal_text(f"{'' if isinstance(failure, Interrupted) else 'error: '}{failure}").splitlines()
    hint = terminal_text(failure.hint).splitlines()
    room = MAX_LINES - min(len(hint), MAX_LINES // 2)
    sys.stderr.write("\n".join([*lines[:room], *(f"  {line}" for line in hint[: MAX_LINES // 2])]) + "\n")
    sys.stderr.flush()
