"""The command line: `main` runs one command and turns every failure into message, hint and exit code.

One command a file: a module of this package that holds a function (or a typer app) of its own name
is a command. A command parses, calls one function of pipeline.py, and shows what came back; what is
heavy is imported inside it, so `judge --help` stays quick.
"""

import gc
import os
import sys
from collections.abc import Sequence

# Before numpy is imported: on matrices of our size a second thread of OpenBLAS waits more than it computes.
BLAS_THREADS = "OPENBLAS_NUM_THREADS"
# Lines of a nested log are many small objects, and none of them in a circle: looking for circles after every 700 of them took a third of reading.
LOOK_FOR_CIRCLES = (20_000, 20, 50)
BROKEN_PIPE = 141  # as a shell reports a writer whose reader went away: `judge ... | head` is no success


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line `arguments` (default: sys.argv). Returns the exit code; prints no traceback."""
    from judgecli import outputs
    from judgecli.cli import failure

    words = list(sys.argv[1:] if arguments is None else arguments)
    _prepare_streams()
    outputs.begin()
    os.environ.setdefault(BLAS_THREADS, "1")
    gc.set_threshold(*LOOK_FOR_CIRCLES)
    with failure.SignalHandlers() as signals:
        try:
            code = _run(words)
            sys.stdout.flush()
        except BrokenPipeError:
            failure.discard(sys.stdout)
            return BROKEN_PIPE
        except BaseException as error:  # noqa: BLE001 - the one place where all of them end
            return failure.report(signals.cause_of(error), words)
        return code


def _run(words: list[str]) -> int:
    import typer

    from judgecli.cli.group import application

    command = application()
    if "_JUDGE_COMPLETE" in os.environ:  # a shell asks for completions
        command.main(prog_name="judge")
    try:
        with command.make_context("judge", list(words) or ["--help"]) as context:
            command.invoke(context)
    except typer.Exit as done:
        return int(done.exit_code)
    return 0


def _prepare_streams() -> None:
    """What a terminal cannot encode is written as escapes; a closed stream becomes the null device."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 - as long as the process
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace", **({"encoding": "utf-8"} if sys.platform == "win32" else {}))
