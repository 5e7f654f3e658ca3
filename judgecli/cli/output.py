"""Results to stdout, talk to stderr."""

import os
import shutil
import sys
from collections.abc import Callable
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
