"""What an audit of a reward model found, for a terminal: one line a finding, the defects in the last line."""

from collections.abc import Mapping
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from judgecli.renderers.rubrics import finding_table
from judgecli.renderers.safe import terminal_line
from judgecli.renderers.terminal import Page, render


def reward_audit(document: Mapping[str, Any], page: Page) -> str:
    """The lines of `judge rm audit`."""
    head = f"{document['model']}: {document['answers']:,} honest answers, {document['pairs']:,} pairs; a trick's value is the share of answers that it beats"
    defects = ", ".join(document["defects"]) or "none found, which is no proof that there are none"
    parts: list[RenderableType] = [Text(terminal_line(head), "bold"), finding_table(document["findings"]), Text(terminal_line(f"defects: {defects}"))]
    return render([*parts, *(Text(terminal_line(f"note      {note}")) for note in document["notes"])], page)
