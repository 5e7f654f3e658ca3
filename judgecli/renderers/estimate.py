"""What a judge run would ask and cost, as text: `judge score --dry-run`."""

from rich.console import RenderableType
from rich.text import Text

from judgecli.document import Document
from judgecli.renderers.safe import terminal_line
from judgecli.renderers.terminal import Page, render, table

UNITS = {"record": "", "pair": " pairs", "prompt": " lists"}


def estimate_text(document: Document, page: Page) -> str:
    """A line a rubric: records, calls after what the ledger holds, tokens and a price range."""
    columns = ["rubric", "records", "calls", "answered before", "sentinels", "tokens in", "USD"]
    rows = [
        [
            name,
            f"{found['records']:,}{UNITS[found['unit']]}",
            f"{found['calls']:,}",
            f"{found['cached']:,}",
            f"{found['sentinels']:,}",
            f"{found['tokens_in']['low']:,} to {found['tokens_in']['high']:,}",
            _cost(found["cost_usd"]),
        ]
        for name, found in document["rubrics"].items()
    ]
    parts: list[RenderableType] = [Text(f"dry run   {document['records']:,} records, {document['calls']:,} calls; nobody was asked")]
    parts.append(table(columns, rows, right=columns[1:]))
    cost = document["cost_usd"]
    total = "not known: a model has no price (JUDGE_PRICES names a file that adds it)" if cost is None else f"{_cost(cost)} USD, likely {cost['likely']:.2f}"
    parts.append(Text(f"cost      {total}; prices of {terminal_line(str(document['prices_dated']))}, tokens estimated, without repairs and retries"))
    parts += [Text(line) for line in dict.fromkeys(_destination(found) for found in document.get("destinations", ()))]
    return render(parts, page)


def _destination(found: Document) -> str:
    """Where texts would go, and which variable holds the key that would go with them."""
    if found["refused"] is not None:
        return f"refused   {terminal_line(str(found['refused']))}"
    key = f"with the value of {terminal_line(str(found['key']))} as its key" if found["key"] else "without a key"
    return f"texts to  {terminal_line(str(found['address']))}, {key}"


def _cost(cost: "Document | None") -> str:
    return "not known" if cost is None else f"{cost['low']:.2f} to {cost['high']:.2f}"
