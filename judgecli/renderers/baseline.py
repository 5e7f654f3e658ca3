"""A baseline as text for a terminal."""

from rich.text import Text

from judgecli.document import Document
from judgecli.renderers.safe import terminal_line
from judgecli.renderers.terminal import Page, number, render, table


def baseline_page(document: Document, page: Page) -> str:
    """Who approved what and when, then one line a metric."""
    run = "" if document["run"] is None else f" (run {document['run']})"
    lines = [
        f"baseline  {document['name']}: {document['records']:,} records of {document['on']}{run}, {document['prompts']:,} prompts",
        f"approved  {document['approved']} by {document['by']}",
        *(f"file      {path} ({size / 1000:,.1f} kB)" for path, size in zip(document["files"], document["bytes"], strict=True)),
    ]
    rows = [
        [name, f"{metric['n']:,} of {metric['n'] + metric['missing'] + metric['by_design']:,}", number(metric["mean"]), metric["identity"]]
        for name, metric in document["metrics"].items()
    ]
    columns = ["metric", "scored", "mean of prompts", "identity"]
    return render([*(Text(terminal_line(line)) for line in lines), table(columns, rows, right=columns[1:3])], page)


def baseline_list(document: Document, page: Page) -> str:
    """One line a baseline."""
    found = document["baselines"]
    if not found:
        return "no baseline yet: judge baseline approve NAME\n"
    rows = [[one["name"], one["approved"], one["by"], f"{one['records']:,}", f"{one['prompts']:,}", ", ".join(one["metrics"])[:80]] for one in found]
    return render([table(["name", "approved", "by", "records", "prompts", "metrics"], rows, right=["records", "prompts"])], page)
