"""The answers of `judge check` for a terminal and in Markdown: the verdict first, then one line a gate in words.

Every text that comes from data or configuration is made safe. PARTIAL stands before all else where
something that the gates ask about was not measured.
"""

import re

from judgecli.document import Document
from judgecli.renderers.safe import terminal_line
from judgecli.renderers.terminal import Page

COLOURS = {"pass": "32", "fail": "1;31", "inconclusive": "33", "incomplete": "1;33"}
_MARKDOWN = re.compile(r"[\\`*\[\]#|~$@]|(?<!\w)_|_(?!\w)|(?<=:)/|(?<=www)\.")  # what is markup, a mention or a link anywhere in a line
ORDER = ("fail", "incomplete", "inconclusive", "pass")


def check_page(document: Document, page: Page) -> str:
    """The lines for a terminal."""
    gates = document["gates"]
    wide = max([len(terminal_line(str(gate["gate"]))) for gate in gates], default=0)
    lines = [_painted(line, "1;33", page) for line in partial_lines(document)]
    lines.append(f"{_verdict(document, page)}{terminal_line(headline(document))}")
    for gate in gates:
        name = terminal_line(str(gate["gate"]))
        lines.append(f"  {_verdict(gate, page)}{name:<{min(wide, 60)}}  {terminal_line(str(gate['message']))}")
    lines += [f"note          {terminal_line(str(note))}" for note in document.get("notes", ())]
    return "\n".join(lines) + "\n"


def partial_lines(document: Document) -> list[str]:
    """UNREAD, where lines or files are missing; PARTIAL, where a cell that the gates ask about is."""
    unread = [f"UNREAD        {terminal_line(str(why))}: the gates saw only what was read" for why in document.get("unread", ())]
    short = sum(gate["coverage"] != 1 for gate in document["gates"])
    if document["complete"] or not short:
        return unread
    return [*unread, f"PARTIAL       {short} of {len(document['gates'])} gates stand on records that are not fully measured"]


def headline(document: Document) -> str:
    """How many gates gave which answer, on what, and what follows from it."""
    verdicts = [gate["verdict"] for gate in document["gates"]]
    counted = ", ".join(f"{verdicts.count(verdict)} {verdict}" for verdict in ORDER if verdict in verdicts)
    records = f"{document['records']:,} record{'' if document['records'] == 1 else 's'}"
    text = f"{len(verdicts)} gate{'' if len(verdicts) == 1 else 's'} on {document['on']} ({records}): {counted or 'no answer'}"
    if document["dead_endpoint"]:
        text += "; no call to the judge's endpoint could work: check key, model and URL"
    if document.get("inconclusive") and "inconclusive" in verdicts:
        text += f"; inconclusive counts as {document['inconclusive']}"
    return f"{text} (exit {document['exit_code']})"


def _verdict(answered: Document, page: Page) -> str:
    return _painted(f"{answered['verdict']:<14}", COLOURS[answered["verdict"]], page)


def _painted(text: str, style: str, page: Page) -> str:
    return f"\x1b[{style}m{text}\x1b[0m" if page.colour else text


def check_markdown(document: Document, *, limit: int = 900_000) -> str:
    """A heading, a table with a row a gate, and the notes, in at most `limit` bytes; what is left out is counted."""
    head = [f"### judge check: {document['verdict']}", "", markdown_text(headline(document)), ""]
    head += [f"**{markdown_text(' '.join(line.split()))}**" for line in partial_lines(document)] + [""]
    head += ["| gate | verdict | value | 95 % interval | threshold | scored | in words |", "|---|---|--:|---|--:|--:|---|"]
    tail = ["", *(f"- {markdown_text(str(note))}" for note in document.get("notes", ()))]
    rows = [_markdown_row(gate) for gate in sorted(document["gates"], key=lambda gate: ORDER.index(gate["verdict"]))]
    size = sum(len(line.encode()) + 1 for line in [*head, *tail]) + 100
    kept = []
    for row in rows:
        size += len(row.encode()) + 1
        if size > limit:
            break
        kept.append(row)
    left = [f"| {len(rows) - len(kept):,} more | | | | | | left out: the page has a limit |"] if len(kept) < len(rows) else []
    return "\n".join([*head, *kept, *left, *tail]).rstrip() + "\n"


def _markdown_row(gate: Document) -> str:
    interval = f"{_figure(gate['low'])} to {_figure(gate['high'])}" if gate["low"] is not None and gate["high"] is not None else "-"
    sign = "≥" if gate["direction"] == "at_least" else "≤"
    cells = [
        markdown_text(str(gate["gate"]), limit=300),
        gate["verdict"] if gate["verdict"] == "pass" else f"**{gate['verdict']}**",
        _figure(gate["value"]),
        interval,
        f"{sign} {_figure(gate['threshold'])}",
        f"{gate['n']:,} of {gate['of'] or gate['cells']:,}",
        markdown_text(str(gate["message"]), limit=1000),
    ]
    return f"| {' | '.join(cells)} |"


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value + 0.0:.4g}"


def markdown_text(text: str, *, limit: int | None = None) -> str:
    r"""`text` on one line, as itself: no character of it is markup, HTML, a link or a mention.

    >>> markdown_text("a|b <i>")
    'a&#124;b &lt;i&gt;'
    """
    safe = terminal_line(text, limit=limit).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _MARKDOWN.sub(lambda found: f"&#{ord(found[0])};", safe)
