"""The answer of `judge compare` for a terminal, in Markdown, and as flat rows for a file.

The verdict of each row first in words, then what it stands on. PARTIAL stands before all else where a
value that should be there was not measured.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import RenderableType
from rich.text import Text

from judgecli.document import Document
from judgecli.renderers.check_text import markdown_text
from judgecli.renderers.safe import json_text, terminal_line
from judgecli.renderers.table_file import check_target, write_rows
from judgecli.renderers.terminal import DASH, Page, number, render, table
from judgecli.renderers.text_file import publish_text

if TYPE_CHECKING:
    import pyarrow as pa

COLOURS = {"better": "green", "worse": "bold red", "inconclusive": "yellow", "not comparable": "bold yellow"}
TEXTS = ("metric", "policy_a", "policy_b", "verdict", "method", "kind", "identity", "message")
COUNTS = ("n_pairs", "missing", "clusters", "wins", "ties", "losses", "only_a", "only_b", "by_design", "needed_pairs")
NUMBERS = ("a", "b", "difference", "se", "low", "high", "p", "q", "margin", "detectable", "design_effect", "win_rate", "win_low", "win_high")
NUMBERS_TOO = ("worst", "best", "coverage", "wilcoxon_p")


def compare_page(document: Document, page: Page) -> str:
    """What `judge compare` prints."""
    rows: Sequence[Document] = document["rows"]
    parts: list[RenderableType] = [Text(line, "bold yellow") for line in partial_lines(document)]
    parts += [Text(_heading(a, b, document), "bold") for a, b in _oppositions(rows)[:1] if len(document["parts"]) == 2]
    columns, right = _columns(document)
    parts.append(table(columns, [_cells(row, document) for row in rows], right=right))
    for row in rows:
        text = Text.assemble(
            (f"{row['verdict']:<16}", COLOURS.get(row["verdict"], "")),
            f"{_name(row, document)}: {terminal_line(str(row['message']))}{_power(row)}{_ranks(row)}",
        )
        parts.append(text)
    parts += _ranking(document["ranking"])
    parts += [Text(f"note            {terminal_line(line)}") for line in [*_unpaired(rows), *map(str, document.get("notes", ()))]]
    return render(parts, page)


def partial_lines(document: Document) -> list[str]:
    """PARTIAL, where a value of any row failed or waits."""
    if document["complete"]:
        return []
    short = sum(row["coverage"] not in (1, None) for row in document["rows"])
    return [f"PARTIAL         {short} of {len(document['rows'])} rows stand on prompts that are not fully measured"]


def _oppositions(rows: Sequence[Document]) -> list[tuple[str, str]]:
    return list(dict.fromkeys((str(row["policy_a"]), str(row["policy_b"])) for row in rows))


def _heading(a: str, b: str, document: Document) -> str:
    (first, second) = document["parts"]
    return f"A: {terminal_line(a, limit=60)} ({first['records']:,} records)   B: {terminal_line(b, limit=60)} ({second['records']:,} records)"


def _columns(document: Document) -> tuple[list[str], list[str]]:
    several = ["A", "B"] if len(document["parts"]) > 2 else []
    figures = ["pairs", "mean A", "mean B", "B - A", "95 % interval", "p", "could see", "B wins/ties/loses"]
    return ["metric", *_segment_names(document), *several, *figures], figures


def _segment_names(document: Document) -> list[str]:
    return [str(name) for name in (document["rows"][0]["segment"] if document["rows"] else {})]


def _cells(row: Document, document: Document) -> list[str]:
    several = [str(row["policy_a"]), str(row["policy_b"])] if len(document["parts"]) > 2 else []
    outcome = f"{row['wins']:,}/{row['ties']:,}/{row['losses']:,}" if row["n_pairs"] and row["wins"] is not None else DASH
    return [
        str(row["metric"]),
        *(DASH if value is None else str(value) for value in row["segment"].values()),
        *several,
        f"{row['n_pairs']:,}" if not row["missing"] else f"{row['n_pairs']:,} of {row['n_pairs'] + row['missing']:,}",
        number(row["a"]),
        number(row["b"]),
        _signed(row["difference"]),
        _interval(row),
        DASH if row["p"] is None else f"{row['p']:.2g}",
        number(row["detectable"]),
        outcome if row["higher_is_better"] is not None else DASH,
    ]


def _signed(value: float | None) -> str:
    return DASH if value is None else ("+" if value > 0 else "") + number(value)


def _interval(row: Document) -> str:
    if row["low"] is None and row["high"] is None:
        return DASH
    return f"{'open' if row['low'] is None else number(row['low'])} to {'open' if row['high'] is None else number(row['high'])}"


def _name(row: Document, document: Document) -> str:
    """A row in words: metric, segment, and who against whom where there are several."""
    segment = ", ".join(f"{name} {DASH if value is None else value}" for name, value in row["segment"].items())
    against = f" [{row['policy_b']} against {row['policy_a']}]" if len(document["parts"]) > 2 else ""
    return terminal_line(f"{row['metric']}{f' [{segment}]' if segment else ''}{against}")


def _power(row: Document) -> str:
    """What more data would do."""
    if row["verdict"] != "inconclusive" or row["detectable"] is None:
        return ""
    told = f"; the smallest change these could have seen is {number(row['detectable'])}"
    if row["needed_pairs"]:
        told += f", and {row['needed_pairs']:,} pairs would see {number(row['margin'])}"
    saved = row["repeats"].get("twice_the_repeats")
    return told + (
        ""
        if saved is None
        else f"; twice the repeats would cut the standard error by {100 * saved:.0f} %, twice the prompts by {100 * row['repeats']['twice_the_prompts']:.0f} %"
    )


def _ranks(row: Document) -> str:
    return "" if row["wilcoxon_p"] is None else f"; Wilcoxon p = {row['wilcoxon_p']:.2g}"


def _ranking(ranking: Sequence[Document]) -> list[RenderableType]:
    """A table a metric and segment, the best first."""
    groups: dict[tuple[str, tuple[tuple[str, object], ...]], list[Document]] = {}
    for rank in ranking:
        groups.setdefault((rank["metric"], tuple(rank["segment"].items())), []).append(rank)
    parts: list[RenderableType] = []
    for (metric, segment), own in groups.items():
        where = "".join(f", {name} {DASH if value is None else value}" for name, value in segment)
        parts.append(Text(f"ranking by {terminal_line(metric + where)}", "bold"))
        columns = ["rank", "policy", "strength", "95 % interval", "wins", "95 % of wins", "comparisons"]
        parts.append(table(columns, [_rank_cells(rank) for rank in own], right=columns[2:]))
        parts += [Text(f"note            {terminal_line(why)}") for why in dict.fromkeys(str(why) for rank in own for why in rank["reasons"].values())]
    return parts


def _rank_cells(rank: Document) -> list[str]:
    span = str(rank["rank"]) if rank["rank_best"] == rank["rank_worst"] else f"{rank['rank']} ({rank['rank_best']} to {rank['rank_worst']})"
    interval = DASH if rank["low"] is None else f"{_logit(rank['low'])} to {_logit(rank['high'])}"
    won = DASH if rank["win_low"] is None else f"{100 * rank['win_low']:.1f} to {100 * rank['win_high']:.1f} %"
    strength = DASH if rank["strength"] is None else _logit(rank["strength"])
    return [span, str(rank["policy"]), strength, interval, f"{100 * rank['win_rate']:.1f} %", won, f"{rank['comparisons']:,}"]


def _logit(value: float) -> str:
    return f"{round(value, 2) + 0.0:+.2f}"


def _unpaired(rows: Sequence[Document]) -> list[str]:
    """Prompts of one side only, said once for all rows that agree."""
    told: dict[str, None] = {}
    for row in rows:
        if row["only_a"] or row["only_b"]:
            where = "".join(f"{name} {DASH if value is None else value}, " for name, value in row["segment"].items())
            told[f"{where}not paired: {row['only_a']:,} prompts only in {row['policy_a']}, {row['only_b']:,} only in {row['policy_b']}"] = None
    return list(told)[:10]


def compare_markdown(document: Document) -> str:
    """A heading, the rows, the ranking and the notes as Markdown; no text of the data is markup."""
    rows: Sequence[Document] = document["rows"]
    columns, _ = _columns(document)
    lines = ["### judge compare", ""]
    lines += [f"**{' '.join(line.split())}**\n" for line in partial_lines(document)]
    lines += _markdown_table(["verdict", *columns], [[f"**{row['verdict']}**", *(markdown_text(cell) for cell in _cells(row, document))] for row in rows])
    lines += ["", *(f"- {markdown_text(_name(row, document))}: {markdown_text(str(row['message']) + _power(row), limit=600)}" for row in rows)]
    if document["ranking"]:
        names = ["metric", "rank", "policy", "strength", "95 % interval", "wins", "95 % of wins", "comparisons"]
        cells = [[markdown_text(str(rank["metric"])), *(markdown_text(cell) for cell in _rank_cells(rank))] for rank in document["ranking"]]
        lines += ["", *_markdown_table(names, cells)]
    lines += ["", *(f"- {markdown_text(str(note))}" for note in [*_unpaired(rows), *document.get("notes", ())])]
    return "\n".join(lines).rstrip() + "\n"


def _markdown_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    head = [f"| {' | '.join(markdown_text(name) for name in columns)} |", f"|{'---|' * len(columns)}"]
    return head + [f"| {' | '.join(row)} |" for row in rows]


def compare_table(document: Document) -> "pa.Table":
    """One row a CompareRow; the columns of --by under their own names."""
    import pyarrow as pa

    rows: Sequence[Document] = document["rows"]
    segments = {name: pa.array([row["segment"][name] for row in rows], pa.string()) for name in _segment_names(document) if name not in TEXTS}
    return pa.table(
        {
            **{name: pa.array([row[name] for row in rows], pa.string()) for name in TEXTS},
            **segments,
            **{name: pa.array([row[name] for row in rows], pa.int64()) for name in COUNTS},
            **{name: pa.array([row[name] for row in rows], pa.float64()) for name in (*NUMBERS, *NUMBERS_TOO)},
            "higher_is_better": pa.array([row["higher_is_better"] for row in rows], pa.bool_()),
        }
    )


def check_answer_target(target: str) -> None:
    """Nothing, if the answer can be written there. Raises: UsageError, EnvironmentFailure."""
    if Path(target).suffix.lower() not in (".md", ".json"):
        check_target(Path(target))


def write_answer(document: Document, target: str) -> None:
    """Write the answer: .md and .json as a whole, .csv, .tsv, .parquet and .jsonl its rows."""
    suffix = Path(target).suffix.lower()
    if suffix in (".md", ".json"):
        publish_text(Path(target), compare_markdown(document) if suffix == ".md" else json_text(document) + "\n")
    else:
        write_rows([compare_table(document)], Path(target))
