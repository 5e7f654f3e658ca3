"""Anchor sets as text for a terminal."""

from rich.console import RenderableType
from rich.text import Text

from judgecli.document import Document
from judgecli.renderers.safe import json_text, terminal_line
from judgecli.renderers.terminal import Page, number, render, table

COLUMNS = ("window", "judge", "served", "anchors", "shift", "low", "high", "alarm")
STYLES = {"shifted": "bold red", "unclear": "bold yellow", "unchanged": "green"}


def anchors_page(document: Document, page: Page) -> str:
    """What was frozen, each window in which it was judged, some of the outputs."""
    if "calls_at_most" in document:
        return _planned(document, page)
    lines = [
        f"anchors   {document['name']}: {document['anchors']:,} outputs of {document['on']}, judged by {document['metric']}",
        f"founding  {document['created']} by {document['by']}, {document['repeats']} times each: mean {number(document['mean'])}, "
        f"noise {number(document['sd'])} "
        "(0 the bad end of the scale, 1 the good one)",
        *(f"file      {path}" for path in document["files"]),
        *_spent(document),
    ]
    parts: list[RenderableType] = [Text(terminal_line(line)) for line in lines]
    if document.get("windows"):
        parts.append(_windows(document))
    if document.get("sample"):
        rows = [[number(one["score"]), terminal_line(json_text(one["row"], indent=False), limit=120)] for one in document["sample"]]
        parts.append(table(["score", "some of the outputs"], rows, right=["score"]))
    return render(parts, page)


def rejudge_page(document: Document, page: Page) -> str:
    """Whether the judge moved, whose doing a live change is, and the windows before."""
    if "calls_at_most" in document:
        return _planned(document, page)
    parts: list[RenderableType] = [Text(terminal_line(_sentence(document)), style=STYLES[document["verdict"]])]
    if document["founding"]["identity"] != document["identity"]:
        parts.append(Text("the judge is another one than at the founding (its model, rubric or parameters)"))
    parts += [Text(terminal_line(f"{one['what']}: {one['cause']}: {one['message']}")) for one in document["causes"]]
    parts += [Text(terminal_line(line)) for line in _spent(document)]
    return render([*parts, _windows(document)], page)


def _sentence(document: Document) -> str:
    told = (
        f"{document['n']:,} of {document['anchors']:,} anchors moved by {number(document['shift'])} ({number(document['low'])} to {number(document['high'])})"
    )
    if document["shift"] is None:
        return f"unclear: {document['n']:,} of {document['anchors']:,} anchors have a score"
    if document["verdict"] == "shifted":
        return f"judge shifted: {told}"
    return (
        f"judge unchanged: {told}"
        if document["verdict"] == "unchanged"
        else f"unclear: {told}; that is no proof (a shift in one window alone, or fewer than 20 anchors)"
    )


def _windows(document: Document) -> RenderableType:
    rows = [
        [
            row["window"],
            row["identity"][:8],
            terminal_line(", ".join(row["served"]) or "-", limit=30),
            f"{row['n']:,} of {row['n'] + row['unscored']:,}",
            *(number(row[name]) for name in ("shift", "low", "high")),
            row["alarm"] or "",
        ]
        for row in document["windows"]
    ]
    return table(list(COLUMNS), rows, right=["anchors", "shift", "low", "high"])


def _planned(document: Document, page: Page) -> str:
    models = ", ".join(document["models"])
    line = f"{document['name']}: {document['anchors']:,} outputs x {document['repeats']}: at most {document['calls_at_most']:,} calls of {models}"
    return render([Text(terminal_line(line))], page)


def _spent(document: Document) -> list[str]:
    judge = document.get("judge")
    if judge is None:
        return []
    cost = "price not known" if judge["cost_usd"] is None else f"{judge['cost_usd']:.4f} USD"
    return [f"asked     {judge['calls']:,} calls, {judge['cached']:,} from the ledger, {cost}"]
