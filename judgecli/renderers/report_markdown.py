"""A report as Markdown: for pull requests and chats. Raw HTML and links from data are neutralised; at most 200 kB."""

import re

from judgecli.renderers.report_fit import LEVELS, fitted
from judgecli.renderers.report_html import categories_text, contrast_title, example_about, example_value, excerpt, law_text, quality_lines, scope_text
from judgecli.renderers.report_tables import NONE, ReportTable, TableCell, shown, tables_after, tables_before, tables_between
from judgecli.report import PolicyStanding, Report, ReportExample
from judgecli.signal.report.headline import amount, plain_number, span

MOST_BYTES = 200_000
COMMENT_BYTES = 60_000  # a comment on GitHub holds 65,536 characters
MARKER = "<!-- judge report -->"  # finds the comment again, so that it is replaced and not repeated
# Everything that Markdown, or HTML inside it, could take for markup, a link or a mention, wherever it stands, and at the start of a text.
_MARKUP = re.compile(r"[\\`*_\[\]<>|~&@$#]|:(?=/)")
_START = re.compile(r"^(\s*)([-+=]|\d+(?=[.)](?:\s|$)))")
_BARE_LINK = re.compile(r"(?i)\b(www)\.")


def plain(text: str) -> str:
    r"""A text from data as Markdown text that renders as itself: nothing in it is markup, HTML or a link.

    >>> plain("<b>[x](y)</b>")
    '\\<b\\>\\[x\\](y)\\</b\\>'
    """
    escaped = _MARKUP.sub(r"\\\g<0>", text.replace("\r", " ").replace("\n", " ").replace("\t", " "))
    return _BARE_LINK.sub(r"\1\\.", _START.sub(_guarded, escaped))


def _guarded(found: re.Match[str]) -> str:
    """A sign or number that would start a list or underline a heading, with a backslash where Markdown takes one."""
    return f"{found[1]}{found[2]}\\" if found[2].isdigit() else f"{found[1]}\\{found[2]}"


def report_markdown(report: Report, *, limit: int = MOST_BYTES) -> str:
    """The document, at most `limit` bytes. What it cannot hold is left out (report_fit.py), and it says so."""
    text = ""
    for limits in LEVELS:
        smaller = fitted(report, limits)
        parts = [write(smaller) for write in (_head, _first, _standings, _middle, _side_by_side, _examples, _distributions, _last, _notes)]
        text = "\n".join(part for part in parts if part)
        if len(text.encode()) <= limit:
            break
    return text


def _head(report: Report) -> str:
    title = "Report" if report.subject is None else f"Report: {plain(shown(report.subject, 80))}"
    lines = [MARKER, f"# {title}", "", *([f"**{plain(shown(report.sentence, 600))}**", ""] if report.sentence else []), plain(scope_text(report)), ""]
    if report.verdict != "no gates":
        lines += [f"**Gates: {plain(shown(report.verdict))}**", ""]
    if not report.complete:
        lines += ["**PARTIAL**: not everything that should have been measured was.", ""]
        lines += [*(f"- {plain(shown(line, 300))}" for line in report.partial[:50]), ""]
    lines += [f"- {plain(shown(line, 600))}" for line in report.headline]
    return "\n".join([*lines, ""])


def _first(report: Report) -> str:
    return "\n".join(markdown_table(table) for table in tables_before(report))


def _middle(report: Report) -> str:
    return "\n".join(markdown_table(table) for table in tables_between(report))


def _last(report: Report) -> str:
    quality = ["## How good the data is", "", *(f"- {plain(line)}" for line in (law_text(report), *quality_lines(report))), ""]
    methods = ["## How the numbers were made", "", *(f"- **{plain(shown(item.name))}**: {plain(shown(item.text, 600))}" for item in report.methods), ""]
    return "\n".join([*quality, *(markdown_table(table) for table in tables_after(report)), *(methods if report.methods else [])])


def _side_by_side(report: Report) -> str:
    if not report.contrasts:
        return ""
    lines = [f"## Side by side: {plain(contrast_title(report))}", ""]
    for item in report.contrasts:
        lines += [f"> input: {plain(excerpt(item.before.input, item.before.input_length))}", ""]
        for side in (item.before, item.after):
            about = f"**{plain(example_value(side, item.metric))}** · {plain(example_about(side))}"
            lines += [about, "", f"> output: {plain(excerpt(side.output, side.output_length))}", ""]
    return "\n".join(lines)


def _standings(report: Report) -> str:
    """A row a metric, a column a policy."""
    if not report.standings:
        return ""
    rows = []
    for summary in report.metrics:
        mine = {item.policy: item for item in report.standings if item.metric == summary.name}
        if summary.kind != "category" and mine:
            rows.append([TableCell(shown(summary.name)), *(TableCell(_standing(mine.get(policy), report), "n") for policy in report.policies)])
    by = " and ".join(report.by) or "all records"
    caption = "Mean (95 % interval), n. Intervals respect clusters (conversations, users)."
    return markdown_table(ReportTable("policies", f"By {shown(by, 80)}", caption, ("metric", *(shown(policy, 60) for policy in report.policies)), rows))


def _standing(item: PolicyStanding | None, report: Report) -> str:
    if item is None or item.mean is None:
        return NONE
    summary = report.metric(item.metric)
    interval = f" ({span(item.low, item.high, summary)})" if item.low is not None and item.high is not None else ""
    return f"{amount(item.mean, summary)}{interval}, n {item.n:,}"


def markdown_table(table: ReportTable) -> str:
    """A table under its heading and caption."""
    head = " | ".join(plain(name) or " " for name in table.columns)
    numbers = [any(row[place].style == "n" for row in table.rows) for place in range(len(table.columns))]
    rule = " | ".join("--:" if number else "---" for number in numbers)
    rows = ["| " + " | ".join(plain(cell.text) for cell in row) + " |" for row in table.rows]
    return "\n".join([f"## {plain(table.title)}", "", plain(table.caption), "", f"| {head} |", f"| {rule} |", *rows, ""])


def _examples(report: Report) -> str:
    if not report.worst and not report.best:
        return ""
    lines = [f"## Examples by {plain(shown(report.subject or ''))}", ""]
    for title, items in (("Worst", report.worst), ("Best", report.best)):
        lines += [f"### {title}", ""]
        lines += [_example(item, report.subject) for item in items]
    return "\n".join(lines)


def _example(item: ReportExample, metric: str | None) -> str:
    about = f"**{plain(example_value(item, metric))}** · {plain(example_about(item))}"
    said = [
        f"> {name}: {plain(excerpt(text, length))}"
        for name, text, length in (("input", item.input, item.input_length), ("output", item.output, item.output_length))
    ]
    return "\n".join([about, "", said[0], ">", said[1], ""])


def _distributions(report: Report) -> str:
    """Counts by bin, as one line a metric."""
    lines = []
    for spread in report.distributions:
        if spread.categories:
            lines.append(f"- {plain(shown(spread.metric))}: {plain(categories_text(spread.categories, spread.n))}")
        elif spread.n and spread.edges:
            bins = zip(spread.edges, spread.edges[1:], spread.counts, strict=False)
            told = [f"{plain_number(low)} to {plain_number(high)} {count:,}" for low, high, count in bins if count]
            told = ([f"below {spread.below:,}"] if spread.below else []) + told + ([f"above {spread.above:,}"] if spread.above else [])
            lines.append(f"- {plain(shown(spread.metric))}: {plain(', '.join(told))}")
    return "\n".join(["## How the values are spread", "", *lines, ""]) if lines else ""


def _notes(report: Report) -> str:
    return "\n".join(["## Notes", "", *(f"- {plain(shown(note, 400))}" for note in report.notes), ""]) if report.notes else ""
