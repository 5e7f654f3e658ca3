"""A drift answer as text for a terminal: sentences first, then metrics, segments and words."""

from rich.console import RenderableType
from rich.text import Text

from judgecli.renderers import terminal
from judgecli.renderers.drift_html import partial_lines, side_text
from judgecli.renderers.drift_tables import drift_tables
from judgecli.renderers.report_tables import ReportTable, shown
from judgecli.renderers.terminal import Page
from judgecli.signal.drift.report import Drift

PAGE = Page()
STYLES = {"worse": "red", "better": "green", "": ""}
VERDICTS = {"drift": "bold red", "no drift": "bold green", "inconclusive": "bold yellow"}
LEFT_OUT = {
    "metrics": ("why", "margin"),
    "segments": ("why", "margin"),
    "parts": ("whose doing",),
}  # what a narrow terminal has no room for; Markdown and HTML have it


def drift_text(found: Drift, page: Page = PAGE) -> str:
    """The answer; PARTIAL stands first where anything that should have been measured was not."""
    parts: list[RenderableType] = []
    if not found.complete:
        parts.append(Text("PARTIAL   not everything that should have been measured was", "bold yellow"))
        parts += [Text(f"          {line}") for line in partial_lines(found)[:12]]
    parts.append(Text(f"drift     {found.verdict}", VERDICTS[found.verdict]))
    parts += [Text(f"reference {side_text(found.reference)}"), Text(f"current   {side_text(found.current)}"), Text("")]
    parts += [Text(f"  {shown(line, 600)}", STYLES[tone] or ("bold" if place == 0 else "")) for place, (tone, line) in enumerate(found.headline)]
    for table in drift_tables(found, most=40):
        if table.id != "shapes":
            parts += [Text(""), Text(table.title, "bold"), _table(table)]
    parts += [Text(f"note      {shown(note, 400)}") for note in found.notes]
    parts.append(Text(f"q is {found.correction}'s over {found.family} comparisons; judge drift ... -o drift.html adds shapes, examples and reasons"))
    return terminal.render(parts, page)


def _table(table: ReportTable) -> RenderableType:
    kept = [place for place, name in enumerate(table.columns) if name not in LEFT_OUT.get(table.id, ())]
    right = [table.columns[place] for place in kept if any(row[place].style == "n" for row in table.rows)]
    return terminal.table([table.columns[place] for place in kept], [[row[place].text for place in kept] for row in table.rows], right=right)
