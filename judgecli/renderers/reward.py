"""The reward of judge.yaml, and what was frozen for it, as text for a terminal."""

from rich.console import RenderableType
from rich.text import Text

from judgecli.document import Document
from judgecli.renderers.safe import terminal_line
from judgecli.renderers.terminal import Page, number, render, table


def spec(document: Document, page: Page) -> str:
    """What `judge reward show` prints: one line a term, one a veto, and how unscored cells are taken."""
    identity = document["identity"] or "none yet: run judge reward freeze"
    parts: list[RenderableType] = [Text(f"reward    {terminal_line(document['metric'])}  (identity {identity})")]
    total = sum(term["weight"] for term in document["terms"])
    rows = [
        [term["metric"], number(term["weight"]), f"{term['weight'] / total:.1%}", "higher" if term["higher_is_better"] else "lower", _scale(term), _need(term)]
        for term in document["terms"]
    ]
    parts.append(table(["term", "weight", "share", "better", "normaliser", "need"], rows, right=["weight", "share"]))
    parts += [Text(f"veto      {terminal_line(_veto(veto))}") for veto in document["vetoes"]]
    parts += [Text(f"frozen    {terminal_line(_origin(name, entry))}") for name, entry in document["frozen"].items()]
    return render(parts, page)


def frozen(document: Document, page: Page) -> str:
    """What `judge reward freeze` prints: where the lock is, and what each metric's distribution was."""
    if not document["normalisers"]:
        state = "written" if document["changed"] else "not needed"
        return render([Text(f"lock      {terminal_line(document['lock'])} {state}: no term has a frozen normaliser")], page)
    state = "written; commit it with judge.yaml" if document["changed"] else "unchanged: the statistics are the same"
    parts: list[RenderableType] = [Text(f"lock      {terminal_line(document['lock'])} {state}")]
    rows = [
        [name, f"{entry['n']:,}", number(entry["mean"]), number(entry["sd"]), entry["first"] or "-", entry["last"] or "-"]
        for name, entry in document["normalisers"].items()
    ]
    parts.append(table(["metric", "scored", "mean", "sd", "first", "last"], rows, right=["scored", "mean", "sd"]))
    return render(parts, page)


def _scale(term: Document) -> str:
    if term["normalise"] == "range":
        low, high = term["parameters"]
        return f"{number(low)} to {number(high)}"
    return f"{term['normalise']}{'' if term['parameters'] else ' (not frozen yet)'}"


def _need(term: Document) -> str:
    return "optional" if term["optional"] else "required"


def _veto(veto: Document) -> str:
    bound = f"above {number(veto['at_most'])}" if veto["at_most"] is not None else f"below {number(veto['at_least'])}"
    return f"zero where {veto['metric']} is {bound}"


def _origin(name: str, entry: Document) -> str:
    span = f", {entry['first']} to {entry['last']}" if entry["first"] else ""
    return f"{name}: {entry['n']:,} values of {entry['on']}{span}; frozen {entry['frozen']}"
