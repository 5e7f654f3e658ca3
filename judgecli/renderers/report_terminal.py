"""A report as text for a terminal: headline, policies, changes, slices, and the metrics with n of N."""

from rich.console import RenderableType
from rich.text import Text

from judgecli.renderers import terminal
from judgecli.renderers.report_html import law_text, scope_text, tone
from judgecli.renderers.report_tables import ReportTable, alarm_table, change_table, gate_table, metric_table, shown, slice_table
from judgecli.renderers.terminal import Page
from judgecli.report import Report

PAGE = Page()
STYLES = {"worse": "red", "better": "green", "pass": "bold green", "fail": "bold red", "inconclusive": "bold yellow", "incomplete": "bold yellow"}
TONES = {"good": "bold green", "bad": "bold red", "open": "bold yellow"}
MOST_ROWS = 12


def report_text(report: Report, page: Page = PAGE) -> str:
    """The report; PARTIAL stands first where anything that should have been measured was not."""
    parts: list[RenderableType] = []
    if not report.complete:
        parts.append(Text("PARTIAL   not everything that should have been measured was", "bold yellow"))
        parts += [Text(f"          {shown(line, 300)}") for line in report.partial]
    if report.verdict != "no gates":
        parts.append(Text(f"gates     {report.verdict}", STYLES.get(report.verdict, "")))
    if report.sentence:
        parts.append(Text(f"verdict   {shown(report.sentence, 600)}", TONES.get(report.tone, "bold")))
    parts += [Text(f"report    {scope_text(report)}"), Text(f"records   {law_text(report)}"), Text("")]
    parts += [Text(f"  {shown(line, 600)}", STYLES.get(tone(line), "bold" if place == 0 else "")) for place, line in enumerate(report.headline)]
    tables = [
        *([alarm_table(report)] if report.alarms else []),
        *([gate_table(report)] if report.gates else []),
        *([change_table(report)] if report.changes else []),
    ]
    tables += [*([slice_table(report)] if report.slices else []), metric_table(report)]
    for table in tables:
        parts += [Text(""), Text(table.title, "bold"), _table(table)]
    parts += [Text(f"note      {shown(note, 400)}") for note in report.notes]
    parts.append(Text("judge report -o report.html adds charts, examples and what was measured how"))
    return terminal.render(parts, page)


def _table(table: ReportTable) -> RenderableType:
    rows = table.rows if table.id in ("metrics", "gates") else table.rows[:MOST_ROWS]
    right = [name for place, name in enumerate(table.columns) if any(row[place].style == "n" for row in table.rows)]
    return terminal.table(table.columns, [[cell.text for cell in row] for row in rows], right=right)
