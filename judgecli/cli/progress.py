"""How far a run is, on stderr: a bar with records a second and the time left, or nothing.

Nothing with --quiet, in CI, where TERM is dumb, or where stderr is no terminal. Notes are part of
the result, so they are shown with it and not twice.
"""

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import rich.progress


class NullProgress:
    """Says nothing."""

    def phase(self, text: str, total: int | None = None) -> None:
        """Something new begins."""

    def advance(self, bytes_read: int, records: int) -> None:
        """So much more is done."""

    def note(self, text: str) -> None:
        """Something a person should know; the result holds it too."""

    def close(self) -> None:
        """The end; may be called twice."""


class BarProgress(NullProgress):
    """A bar on the terminal, gone when the work is done."""

    def __init__(self) -> None:
        self._bar: rich.progress.Progress | None = None
        self._task: rich.progress.TaskID | None = None
        self._records = 0

    def phase(self, text: str, total: int | None = None) -> None:
        from judgecli.renderers.safe import terminal_line

        bar = self._bar = self._bar or _started_bar()
        if self._task is not None:
            bar.remove_task(self._task)
        self._task = bar.add_task(terminal_line(text, limit=40), total=total or None, rate="")
        self._records = 0

    def advance(self, bytes_read: int, records: int) -> None:
        if self._bar is None or self._task is None:
            return
        self._records += records
        elapsed = self._bar.tasks[0].elapsed
        rate = f"{self._records:,} records" + (f", {self._records / elapsed:,.0f}/s" if elapsed else "")
        self._bar.update(self._task, advance=bytes_read, rate=rate)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


def _started_bar() -> "rich.progress.Progress":
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    name, rate = TextColumn("{task.description}", markup=False), TextColumn("{task.fields[rate]}", markup=False)
    console = Console(stderr=True, markup=False, emoji=False, highlight=False)
    bar = Progress(name, BarColumn(), TaskProgressColumn(), rate, TimeRemainingColumn(), console=console, transient=True, refresh_per_second=4)
    bar.start()
    return bar


def open_progress(*, quiet: bool) -> NullProgress:
    """The progress that fits this place."""
    in_ci = os.environ.get("CI", "").lower() not in ("", "0", "false")
    if quiet or in_ci or not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        return NullProgress()
    return BarProgress()
