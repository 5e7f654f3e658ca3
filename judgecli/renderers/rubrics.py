"""Rubrics on a terminal: the library, one of them in full, and how a judge did on worked examples."""

from collections.abc import Sequence

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from judgecli.document import Document
from judgecli.renderers.safe import terminal_line
from judgecli.renderers.terminal import Page, number, range_text, render, table

BETTER = {True: "higher", False: "lower", None: "-"}


def rubric_list(rubrics: Sequence[Document], page: Page) -> str:
    """All rubrics: name, scale, range, which way is better, what they read, what they give."""
    rows = [[row["name"], row["scale"]["kind"], range_text(row), BETTER[row["higher_is_better"]], ", ".join(row["inputs"]), row["about"]] for row in rubrics]
    parts: list[RenderableType] = [table(["name", "scale", "range", "better", "reads", "gives"], rows, right=())]
    return render([*parts, Text("judge rubric show NAME shows one in full; judge score LOGS -s rubric:NAME --judge-model MODEL asks a judge.")], page)


def rubric_page(rubric: Document, page: Page) -> str:
    """One rubric in full."""
    reads = ", ".join([*rubric["inputs"], *(f"{name} (optional)" for name in rubric["optional"]), *(["images or audio"] if rubric["media"] else [])])
    facts = {
        "version": rubric["version"],
        "reads": reads,
        "range": range_text(rubric),
        "better": BETTER[rubric["higher_is_better"]],
        "source": rubric["source"],
        "calls": f"{rubric['calls']} a record",
    }
    parts: list[RenderableType] = [Text(terminal_line(str(rubric["name"])), "bold"), Text(terminal_line(str(rubric["about"])))]
    parts += [Text(f"  {label:<8} {terminal_line(str(value))}") for label, value in facts.items()]
    for heading, body in (("How", rubric["instructions"]), ("Scale", rubric["scale_text"]), ("When it cannot be judged", _cannot(rubric))):
        parts += [Text(""), Text(heading, "bold"), *(Text(terminal_line(line)) for line in str(body).splitlines())]
    return render(parts, page)


def _cannot(rubric: Document) -> str:
    return f"{rubric['cannot_judge']['when']} The cell is then {rubric['cannot_judge']['reason']}."


def rubric_test(document: Document, page: Page) -> str:
    """How a judge did on each example, and on how many of them."""
    rows = [
        [
            "yes" if row["agrees"] else "no" if row["agrees"] is False else "-",
            str(row["place"]),
            _said(row["expected"]),
            _said(row["score"]),
            row["score"]["why"],
        ]
        for row in document["examples"]
    ]
    line = f"{document['agreed']} of {document['compared']} as written down, {document['unscored']} unscored; asked {', '.join(document['models'])}"
    return render([table(["agrees", "example", "expected", "score", "gives"], rows, right=()), Text(terminal_line(line), "bold")], page)


def _said(score: Document | None) -> str:
    if score is None:
        return "-"
    return str(score["reason"] or (score["label"] if score["value"] is None else number(score["value"])))


def rubric_audit(document: Document, page: Page) -> str:
    """What an audit measured: one line a finding, defects first in the last line."""
    head = f"{document['rubric']} asked of {', '.join(document['models'])}: {document['records']} records, {document['probes']} probes"
    if "findings" not in document:
        return render([Text(terminal_line(f"{head}, at most {document['calls_at_most']:,} calls"), "bold")], page)
    defects = ", ".join(document["defects"]) or "none found, which is no proof that there are none"
    lines = [f"defects: {defects}", *(f"unscored  {reason} {count}" for reason, count in document["unscored"].items())]
    if not document["complete"]:
        lines.append("PARTIAL: some probes got no answer; run it again, what was answered is kept")
    parts: list[RenderableType] = [Text(terminal_line(head), "bold"), finding_table(document["findings"])]
    return render([*parts, *(Text(terminal_line(line)) for line in lines)], page)


def finding_table(findings: Sequence[Document]) -> Table:
    """One row a finding of an audit: defects and warnings say so first."""
    rows = [
        [
            "DEFECT" if row["defect"] else "warning" if row["warning"] else "",
            " ".join(filter(None, (row["name"], row["kind"]))),
            number(row["estimate"]),
            f"{number(row['low'])} to {number(row['high'])}" if row["low"] is not None else "-",
            str(row["n"]),
            row["told"],
        ]
        for row in findings
    ]
    return table(["", "measured", "value", "95 % interval", "n", "is"], rows, right=("value", "n"))
