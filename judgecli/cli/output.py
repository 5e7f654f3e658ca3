"""Results to stdout, talk to stderr."""

import os
import shutil
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from judgecli.renderers.terminal import Page


def show(document: object, render: "Callable[[Page], str]", *, as_json: bool) -> None:
    """Print a result: the document as JSON, or as text that fits this terminal."""
    from judgecli.renderers.safe import json_text
    from judgecli.renderers.terminal import Page

    if as_json:
        sys.stdout.write(json_text(document) + "\n")
    else:
        sys.stdout.write(render(Page(width=_width(), colour=has_colour(sys.stdout))))


def say(text: str, *, quiet: bool = False) -> None:
    """One message on stderr, made safe."""
    from judgecli.renderers.safe import terminal_text

    if not quiet:
        sys.stderr.write(terminal_text(text) + "\n")


def has_colour(stream: TextIO) -> bool:
    """NO_COLOR wins over FORCE_COLOR, and that over TERM=dumb and not being a terminal."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def _width() -> int:
    """The columns of the terminal; of a pipe or file 120, unless COLUMNS says otherwise."""
    return shutil.get_terminal_size((120, 24)).columns if sys.stdout.isatty() or os.environ.get("COLUMNS") else 120


def tell_github(document: Mapping[str, object]) -> None:
    """Annotations on stderr, which keeps stdout clean, and the step's summary. A summary that cannot be written changes no verdict."""

    from judgecli.renderers.github import annotations, summary_page

    if os.environ.get("GITHUB_ACTIONS") != "true":
        return
    sys.stdout.flush()
    sys.stderr.writelines(line + "\n" for line in annotations(document))
    path = os.environ.get("GITHUB_STEP_SUMMARY")
    if path:
        try:
            with open(path, "ab") as file:
                file.write(summary_page(document, used=file.tell()).encode())
        except OSError as error:
            say(f"the step summary could not be written: {error.strerror}")
