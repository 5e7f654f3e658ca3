"""What `judge allocate` says, for a terminal."""

from typing import Any

from rich.text import Text

from judgecli.document import Document
from judgecli.renderers.safe import terminal_line
from judgecli.renderers.terminal import DASH, Page, number, render, table
from judgecli.signal.missing import DIFFERS


def allocation_page(document: Document, page: Page) -> str:
    """The variants, the regret of the present split, and what each policy would have earned."""
    per = "" if document["regret"] is None else f"; the present split is expected to lose {number(document['regret'])} a record against the best variant"
    measured = document["measured"]
    parts: list[Any] = [] if document["complete"] else [Text(f"PARTIAL   {_without(measured)}", "bold yellow")]
    parts.append(Text(terminal_line(f"{document['metric']} of {document['n']:,} of {document['of']:,} records ({document['on']}){per}")))
    columns = ["variant", "n", "mean", "95 % interval", "P(best)", "regret", "share now", "suggested"]
    rows = [
        [
            row["variant"],
            f"{row['n']:,} of {row['of']:,}",
            number(row["mean"]),
            _limits(row),
            *(number(row[name]) for name in ("p_best", "regret", "share", "suggested")),
        ]
        for row in document["variants"]
    ]
    parts.append(table(columns, rows, right=columns[1:]))
    if document.get("policies"):
        columns = ["policy", "ESS", "max w", "gap", "IPS", "SNIPS", "DR", "95 % interval of DR"]
        parts.append(table(columns, [_policy(row) for row in document["policies"]], right=columns[1:]))
    why = {why: None for row in (*document["variants"], *document.get("policies", ())) for why in row["reasons"].values()}
    if measured["n"] < measured["of"]:
        shares = "the shares of the variants differ" if measured["p"] < DIFFERS else "the shares of the variants may be alike"
        why |= {f"{_without(measured)}; {shares} (p = {measured['p']:.2g})": None}
    parts += [Text(f"{'note':<10}{terminal_line(text)}") for text in dict.fromkeys((*why, *document["reasons"].values()))]
    parts += [Text(f"note      {terminal_line(note)}") for note in document["notes"]]
    return render(parts, page)


def _without(measured: Document) -> str:
    classes = [f"{measured[name]:,} {words}" for name, words in (("failed", "failed"), ("waiting", "waiting"), ("by_design", "by design")) if measured[name]]
    return f"{measured['of'] - measured['n']:,} of {measured['of']:,} records have no score ({', '.join(classes)})"


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
