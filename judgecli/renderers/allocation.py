"""What `judge allocate` says, for a terminal."""

from typing import Any

from rich.text import Text

from judgecli.renderers.safe import terminal_line
from judgecli.renderers.terminal import DASH, Document, Page, number, render, table


def allocation_page(document: Document, page: Page) -> str:
    """The variants, the regret of the present split, and what each policy would have earned."""
    per = "" if document["regret"] is None else f"; the present split is expected to lose {number(document['regret'])} a record against the best variant"
    parts: list[Any] = [Text(terminal_line(f"{document['metric']} of {document['n']:,} records ({document['on']}){per}"))]
    columns = ["variant", "n", "mean", "95 % interval", "P(best)", "regret", "share now", "suggested"]
    rows = [
        [row["variant"], f"{row['n']:,}", number(row["mean"]), _limits(row), *(number(row[name]) for name in ("p_best", "regret", "share", "suggested"))]
        for row in document["variants"]
    ]
    parts.append(table(columns, rows, right=columns[1:]))
    if document.get("policies"):
        columns = ["policy", "ESS", "max w", "gap", "IPS", "SNIPS", "DR", "95 % interval of DR"]
        parts.append(table(columns, [_policy(row) for row in document["policies"]], right=columns[1:]))
    why = {why: None for row in (*document["variants"], *document.get("policies", ())) for why in row["reasons"].values()}
    parts += [Text(f"{'note':<10}{terminal_line(text)}") for text in (*why, *document["reasons"].values())]
    parts += [Text(f"note      {terminal_line(note)}") for note in document["notes"]]
    return render(parts, page)


def _policy(row: Document) -> list[str]:
    means = [DASH if row[name] is None else number(row[name]["mean"]) for name in ("ips", "snips", "dr")]
    return [
        row["policy"],
        number(row["ess"]),
        number(row["max_weight"]),
        f"{100 * row['gap']:.3g} %",
        *means,
        DASH if row["dr"] is None else _limits(row["dr"]),
    ]


def _limits(row: Document) -> str:
    return DASH if row["low"] is None or row["high"] is None else f"{number(row['low'])} to {number(row['high'])}"
