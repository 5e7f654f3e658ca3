"""Signals as text for a terminal (a table a metric, newest windows last), and as flat rows for a file."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rich.console import RenderableType
from rich.text import Text

from judgecli.document import Document
from judgecli.renderers.alarms import alarm_lines
from judgecli.renderers.charts import change_line
from judgecli.renderers.safe import json_text, terminal_line
from judgecli.renderers.terminal import DASH, Page, number, render, table
from judgecli.schema import REASONS

if TYPE_CHECKING:
    import pyarrow as pa

MOST_LINES = 60  # a metric; the newest are shown
COUNTED = {"session": "sessions", "turn": "turns of sessions", "prompt": "prompts", "pair": "pairs", "corpus": "outputs in the sample"}
BESIDE = {"linked": "linked", "corrected": "corrected", "corrected_by_errors": "by errors"}  # other estimates of a row's mean, and their headings
NUMBERS = ("mean", "se", "low", "high", "worst", "best", "value", "advantage", "regret")


def signals_page(document: Document, page: Page) -> str:
    """What `judge signals` prints."""
    rows: Sequence[Document] = document["rows"]
    parts: list[RenderableType] = alarm_lines(document.get("alarms", ()))
    partial = list(dict.fromkeys(row["metric"] for row in rows if _is_partial(row)))
    if partial:
        names = terminal_line(", ".join(partial), limit=200)
        parts.append(Text(f"PARTIAL   not fully measured: {names}; 'bounds' shows what the mean would be at worst and at best", "bold yellow"))
    for metric in dict.fromkeys(row["metric"] for row in rows):
        own = [row for row in rows if row["metric"] == metric]
        parts += _metric_parts(metric, own, document, page)
    parts += [Text(f"note      {terminal_line(str(note))}") for note in document.get("notes", ())]
    return render(parts or [Text("no metric has a row")], page)


def _metric_parts(metric: str, rows: Sequence[Document], document: Document, page: Page) -> list[RenderableType]:
    shown = rows[-MOST_LINES:]
    unit = "" if rows[0]["unit"] == "record" else f"  (n counts {COUNTED[rows[0]['unit']]})"
    parts: list[RenderableType] = [Text(f"{terminal_line(metric)}{unit}", "bold")]
    if len(shown) < len(rows):
        parts.append(Text(f"  {len(rows) - len(shown):,} older rows are not shown; -o FILE or --json has them all"))
    several = len({row["identity"] for row in rows}) > 1
    window = [] if document["window"] == "all" else ["window"]
    last = {"record": ["value", "advantage", "regret"], "session": ["value", "advantage"]}.get(rows[0]["unit"], []) if page.width >= 100 else []
    last = last if any(row[name] is not None for row in shown for name in last) else []
    beside = [name for name in BESIDE if any(row.get(name) for row in shown)]
    named = [BESIDE[name] for name in beside]
    columns = [*window, *map(str, document["by"]), *(["identity"] if several else []), "n", "mean", "95 % interval", *named, "bounds", *last]
    lines = [_line(row, document, several=several, with_window=bool(window), beside=beside, last=last) for row in shown]
    parts.append(table(columns, lines, right=["n", "mean", "95 % interval", *named, "bounds", *last]))
    parts += _mark_line(shown) if "regret" in last else []
    parts += change_lines([change for change in document.get("judge_changes", ()) if change["metric"] == metric])
    parts += _reasons(shown)
    return parts


def _mark_line(rows: Sequence[Document]) -> list[RenderableType]:
    """What regret is held against."""
    mark = next((row["regret_mark"] for row in rows if row.get("regret_mark")), None)
    if mark is None:
        return []
    policy = ", ".join(f"{name}={DASH if value is None else value}" for name, value in mark["policy"].items())
    said = f"regret is held against {policy}: its mean {number(mark['mean'])} counts as {number(mark['limit'])}, the safe end of its interval"
    return [Text(f"  {terminal_line(said)}")]


def change_lines(changes: Sequence[Document]) -> list[RenderableType]:
    """A line for each place where the judge changed."""
    return [Text.assemble(("judge     ", "bold yellow"), terminal_line(change_line(change), limit=600)) for change in changes]


def _line(row: Document, document: Document, *, several: bool, with_window: bool, beside: Sequence[str], last: Sequence[str]) -> list[str]:
    has_interval = row["low"] is not None and row["high"] is not None
    total = row["n"] + sum(row["unscored"].values())
    return [
        *([_window(row)] if with_window else []),
        *(DASH if row["policy"][name] is None else str(row["policy"][name]) for name in document["by"]),
        *([str(row["identity"])] if several else []),
        f"{row['n']:,} of {total:,}",
        number(row["mean"]),
        f"{number(row['low'])} to {number(row['high'])}" if has_interval else DASH,
        *(_beside(row.get(name)) for name in beside),
        _bounds(row),
        *(number(row[name]) for name in last),
    ]


def _beside(found: Document | None) -> str:
    """Another estimate of a row's mean with its interval; a dash where it could not be had, empty where nobody asked."""
    if not found:
        return ""
    if found["mean"] is None:
        return DASH
    return f"{number(found['mean'])} ({number(found['low'])} to {number(found['high'])})" if found["low"] is not None else number(found["mean"])


def _window(row: Document) -> str:
    """When the window starts (UTC), marked where it is still open or has late records."""
    if row["window_start"] is None:
        return "no time"
    start = str(row["window_start"])
    text = start[:10] if start[11:19] == "00:00:00" else f"{start[:10]} {start[11:16]}"
    return text + ("" if row["final"] else " open") + (f" +{row['late']:,} late" if row["late"] else "")


def _bounds(row: Document) -> str:
    """Worst and best mean with the unscored at both ends; empty where all is scored."""
    if not _is_partial(row):
        return ""
    ends = (row["worst"], row["best"])
    if ends == (None, None):
        return "unbounded"
    return " to ".join("open" if end is None else number(end) for end in ends)


def _is_partial(row: Document) -> bool:
    return any(count and REASONS.get(reason) != "design" for reason, count in row["unscored"].items())


def _reasons(rows: Sequence[Document]) -> list[RenderableType]:
    """Why cells have no value, and why numbers are missing, each once over the rows shown."""
    counts: dict[str, int] = {}
    why: dict[str, dict[str, None]] = {}
    for row in rows:
        for reason, count in row["unscored"].items():
            counts[reason] = counts.get(reason, 0) + count
        for key, heading in BESIDE.items():
            for text in (row.get(key) or {}).get("reasons", {}).values():
                why.setdefault(str(text), {})[heading] = None
        for name, text in row["reasons"].items():
            if name not in ("worst", "best", "advantage", *(() if row["unit"] == "record" else ("value", "regret", "se", "low", "high"))):
                why.setdefault(str(text), {})[name] = None
    lines: list[RenderableType] = []
    if counts:
        lines.append(Text.assemble(("unscored  ", "dim"), ", ".join(f"{terminal_line(reason)} {count:,}" for reason, count in sorted(counts.items()))))
    lines += [Text.assemble((f"{DASH:<10}", "dim"), f"{', '.join(names)}: {terminal_line(text)}") for text, names in why.items()]
    extras = dict.fromkeys(name for row in rows for name in row["extra"] if row["unit"] != "turn")
    lines += _turn_lines([row for row in rows if row["unit"] == "turn"])
    lines += [Text.assemble(("          ", "dim"), f"{terminal_line(name)}, newest first: {_newest(rows, name)}") for name in extras]
    return lines


def _turn_lines(rows: Sequence[Document]) -> list[RenderableType]:
    """TD errors by turn, of the newest window of each segment that has any."""
    newest = {tuple(row["policy"].values()): row for row in rows if any(name.startswith("turn_") for name in row["extra"])}
    lines: list[RenderableType] = []
    for segment, row in newest.items():
        told = ", ".join(f"{name.removeprefix('turn_')}: {number(value)}" for name, value in row["extra"].items() if name.startswith("turn_"))
        name = " ".join(DASH if value is None else value for value in segment)
        lines.append(Text.assemble(("by turn   ", "dim"), terminal_line(f"{name} {_window(row)}  {told}".strip(), limit=300)))
    return lines


def _newest(rows: Sequence[Document], name: str) -> str:
    return ", ".join(number(row["extra"].get(name)) for row in rows[:-9:-1])


def signals_table(document: Document) -> "pa.Table":
    """One row a SignalRow: the columns of --by under their own names; unscored, reasons and extra as JSON text."""
    import pyarrow as pa

    rows: Sequence[Document] = document["rows"]
    texts = {name: pa.array([row["policy"][name] for row in rows], pa.string()) for name in document["by"]}
    return pa.table(
        {
            "window_start": pa.array([row["window_start"] for row in rows], pa.string()),
            "window_end": pa.array([row["window_end"] for row in rows], pa.string()),
            **texts,
            **{name: pa.array([row[name] for row in rows], pa.string()) for name in ("metric", "unit", "kind", "identity")},
            **{name: pa.array([row[name] for row in rows], pa.int64()) for name in ("n", "clusters", "late")},
            "final": pa.array([row["final"] for row in rows], pa.bool_()),
            **{name: pa.array([row[name] for row in rows], pa.float64()) for name in NUMBERS},
            **{f"{key}_{name}": pa.array([(row.get(key) or {}).get(name) for row in rows], pa.float64()) for key in BESIDE for name in ("mean", "low", "high")},
            **{name: pa.array([_json(row[name]) for row in rows], pa.string()) for name in ("unscored", "reasons", "extra", "served")},
        }
    )


def _json(value: Mapping[str, object]) -> str:
    return json_text(dict(value), indent=False)
