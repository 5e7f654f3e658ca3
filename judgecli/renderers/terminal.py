"""The JSON documents of the commands as text for a terminal.

Every text that comes from data is made safe (safe.py) and never read as markup. A number is shown
with n of N; what has no value shows a dash and its reason below; PARTIAL stands first where
anything that should have been measured was not.
"""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from judgecli.document import Document
from judgecli.renderers.safe import terminal_line
from judgecli.schema import REASONS

DASH = "-"


@dataclass(frozen=True, slots=True)
class Page:
    """How wide the text may be, and whether it may carry colours."""

    width: int = 120
    colour: bool = False


def summary(document: Document, page: Page = Page()) -> str:
    """The table of `judge score`: records, one line a metric, what was not scored and why."""
    metrics: Mapping[str, Document] = document["metrics"]
    parts: list[RenderableType] = [Text(line, "bold yellow") for line in warnings(document)]
    parts += [*_record_lines(document), _metric_table(metrics, page)]
    parts += _reason_lines(metrics)
    parts += _comparison_lines(document.get("comparisons") or {})
    parts += _judge_lines(document.get("judge") or {})
    parts += _guessed_lines(document.get("files", ()))
    parts += [Text(f"note      {terminal_line(str(text))}") for text in document.get("notes", ())]
    return render(parts, page)


def warnings(document: Document) -> list[str]:
    """What must not be overlooked: that the result is partial, and why it counts as incomplete."""
    partial, metrics = partial_metrics(document), document["metrics"]
    lines = []
    if partial or not document.get("complete", False):
        lines.append(f"PARTIAL   {len(partial)} of {len(metrics)} metrics are not fully measured; 'bounds' shows what the mean would be at worst and at best")
    return [*lines, *(f"incomplete (exit 3): {terminal_line(str(text))}" for text in document.get("shortfalls", ()))]


def partial_metrics(document: Document) -> list[str]:
    """The metrics whose coverage is below 100 %: a cell failed or still waits."""
    return [name for name, metric in document["metrics"].items() if metric["pending"] or _failed(metric)]


def _failed(metric: Document) -> int:
    return sum(count for reason, count in metric["unscored"].items() if REASONS.get(reason) != "design")


def _total(metric: Document) -> int:
    return int(metric["scored"] + metric["pending"] + sum(metric["unscored"].values()))


def _record_lines(document: Document) -> list[RenderableType]:
    records = document["records"]
    kept = f"{records['accepted']:,} accepted ({records['new']:,} new)"
    others = [f"{records[name]:,} {name}" for name in ("quarantined", "duplicate", "forgotten")]
    lines: list[RenderableType] = [Text(f"records   {records['lines']:,} lines = {' + '.join([kept, *others])}")]
    if records["quarantined"]:
        lines.append(Text.assemble(("bad       ", "yellow"), f"{records['quarantined']:,} quarantined: judge inspect LOGS shows which and why"))
    return lines


def _metric_table(metrics: Mapping[str, Document], page: Page) -> Table:
    wide = page.width >= 100
    columns = ["metric", "scored", "mean", "95 % interval", "bounds", *(("min", "p50", "max") if wide else ())]
    rows = [_metric_row(name, metric)[: len(columns)] for name, metric in metrics.items()]
    return table(columns, rows, right=columns[1:])


def _metric_row(name: str, metric: Document) -> list[str]:
    has_interval = metric["low"] is not None and metric["high"] is not None
    return [
        name,
        f"{metric['scored']:,} of {_total(metric):,}",
        number(metric["mean"]),
        f"{number(metric['low'])} to {number(metric['high'])}" if has_interval else DASH,
        _bounds(metric),
        *(number(metric[place]) for place in ("min", "p50", "max")),
    ]


def _bounds(metric: Document) -> str:
    """Worst and best mean with the unscored at both ends (`open` where the scale has no end); empty where all is scored."""
    ends = (metric["worst"], metric["best"])
    if not metric["pending"] and not _failed(metric):
        return ""
    if ends == (None, None):
        return DASH if metric.get("kind") == "category" else "unbounded"
    return " to ".join("open" if end is None else number(end) for end in ends)


def _reason_lines(metrics: Mapping[str, Document]) -> list[RenderableType]:
    lines: list[RenderableType] = []
    for name, metric in metrics.items():
        reasons = [f"{terminal_line(str(reason))} {count:,}" for reason, count in metric["unscored"].items() if count]
        reasons += [f"pending {metric['pending']:,}"] if metric["pending"] else []
        if reasons:
            lines.append(Text.assemble(("unscored  ", "dim"), f"{terminal_line(name)}: {', '.join(reasons)}"))
        if metric.get("categories"):
            lines.append(Text(f"values    {terminal_line(name)}: {_category_text(metric)}"))
    return lines + _null_lines(metrics)


def _null_lines(metrics: Mapping[str, Document]) -> list[RenderableType]:
    """Which numbers could not be computed and why, metrics of one reason in one line."""
    alike: dict[str, list[str]] = {}
    for name, metric in metrics.items():
        reasons = {key: why for key, why in (metric.get("reasons") or {}).items() if key not in ("worst", "best") and metric["scored"]}
        if "low" in reasons and reasons["low"] == reasons.get("high"):
            reasons = {"interval": reasons["low"], **{key: why for key, why in reasons.items() if key not in ("low", "high")}}
        if reasons:
            alike.setdefault(", ".join(f"{key}: {why}" for key, why in reasons.items()), []).append(name)
    return [Text.assemble(("no value  ", "dim"), terminal_line(f"{_some(names)}: {why}")) for why, names in alike.items()]


def _some(names: Sequence[str]) -> str:
    return ", ".join(names) if len(names) <= 4 else f"{', '.join(names[:3])} and {len(names) - 3} more"


def _category_text(metric: Document) -> str:
    counts = sorted(metric["categories"].items(), key=lambda item: (-item[1], item[0]))
    shown = [f"{terminal_line(str(value), limit=40)} {count:,} ({count / metric['scored']:.1%})" for value, count in counts[:6]]
    return ", ".join(shown) + (f" and {len(counts) - 6} more values" if len(counts) > 6 else "")


def _guessed_lines(files: Sequence[Document]) -> list[RenderableType]:
    """Which column was taken for which field, once for all files that are read alike."""
    alike: dict[str, list[str]] = {}
    for file in files:
        if file.get("guessed"):
            pairs = [f"{terminal_line(str(name))} = {terminal_line(_compact(path))}" for name, path in file["mapping"].items() if name != path]
            alike.setdefault(", ".join(pairs), []).append(terminal_line(str(file["path"])))
    return [
        Text(f"guessed   {pairs} in {paths[0]}{f' and {len(paths) - 1} more' if len(paths) > 1 else ''}   (to be sure: --map FIELD=PATH)")
        for pairs, paths in alike.items()
    ]


def _comparison_lines(comparisons: Mapping[str, Document]) -> list[RenderableType]:
    """What was compared, in its own unit."""
    lines: list[RenderableType] = []
    for name, found in comparisons.items():
        unit = "pairs" if found["unit"] == "pair" else "lists"
        states = [f"{terminal_line(str(reason))} {count:,}" for reason, count in found["unscored"].items()]
        states += [f"pending {found['pending']:,}"] if found["pending"] else []
        told = f": {', '.join(states)}" if states else ""
        lines.append(Text(f"compared  {terminal_line(name)}: {found['scored']:,} of {found['units']:,} {unit} on {found['prompts']:,} prompts{told}"))
    return [*lines, Text("          judge signals --units pair,prompt --window all --by model shows who wins")] if lines else lines


def _judge_lines(judge: Document) -> list[RenderableType]:
    shared = judge.get("shared") or 0
    if not judge.get("calls") and not judge.get("cached") and not shared:
        return []
    tokens = f"{judge['tokens_in'] or 0:,} tokens in, {judge['tokens_out'] or 0:,} out"
    cost = "cost unknown" if judge.get("cost_usd") is None else f"{judge['cost_usd']:.4f} USD"
    equal = f", {shared:,} ask what another record of this run asks" if shared else ""
    return [Text(f"judge     {judge['calls']:,} calls, {judge['cached']:,} answered before{equal}, {tokens}, {cost}")]


def inspection(files: Sequence[Document], page: Page = Page()) -> str:
    """What `judge inspect` found of each file: format, mapping, unmapped fields, bad lines, samples."""
    parts: list[RenderableType] = []
    for file in files:
        parts += [*([Text("")] if parts else []), *_inspected(file)]
    return render(parts, page)


def _inspected(file: Document) -> list[RenderableType]:
    confidence = file.get("confidence")
    sure = f"  (confidence {confidence:.0%})" if isinstance(confidence, float) else f"  ({terminal_line(str(confidence))})" if confidence else ""
    lines = "" if file.get("lines") is None else f"{file['lines']:,} lines"
    parts: list[RenderableType] = [Text(terminal_line(str(file["path"])), "bold"), Text(f"  format      {terminal_line(str(file['format']))}{sure}")]
    if lines:
        parts.append(Text(f"  lines       {lines}, {_bad_count(file.get('quarantined')):,} quarantined"))
    parts += [Text(f"  note        {terminal_line(str(note), limit=200)}") for note in file.get("notes") or ()]
    for position, (name, path) in enumerate((file.get("mapping") or {}).items()):
        parts.append(Text(f"  {'mapping' if position == 0 else '':<11} {terminal_line(str(name))} = {terminal_line(_compact(path))}"))
    unmapped = [terminal_line(str(name)) for name in file.get("unmapped") or ()]
    if unmapped:
        parts.append(Text(f"  unmapped    {', '.join(unmapped)}   (map one with --map tags.NAME=PATH)"))
    parts += [Text(f"  bad line    {terminal_line(_compact(bad), limit=200)}") for bad in _bad_lines(file)]
    for position, record in enumerate(file.get("sample") or (), start=1):
        parts.append(Text(f"  record {position}"))
        parts += [
            Text(f"    {terminal_line(str(name)):<16} {terminal_line(_compact(value), limit=100)}") for name, value in record.items() if value is not None
        ]
    return parts


def _bad_count(quarantined: object) -> int:
    if isinstance(quarantined, Mapping):
        return sum(quarantined.values())
    return len(quarantined) if isinstance(quarantined, Sequence) else int(str(quarantined or 0))


def _bad_lines(file: Document) -> list[object]:
    """Reasons with their counts, or the bad lines themselves, whichever the document holds."""
    quarantined = file.get("quarantined")
    if isinstance(quarantined, Mapping):
        return [f"{reason}: {count:,}" for reason, count in quarantined.items()]
    return [*(quarantined if isinstance(quarantined, Sequence) else ()), *(file.get("bad_lines") or ())]


def _compact(value: object) -> str:
    from judgecli.renderers.safe import json_text

    return value if isinstance(value, str) else json_text(value, indent=False)


def scorer_list(scorers: Sequence[Document], page: Page = Page()) -> str:
    """All scorers by theme: name, range, which way is better, what they read, what they give."""
    parts: list[RenderableType] = []
    for theme in dict.fromkeys(str(scorer["theme"]) for scorer in scorers):
        rows = [_scorer_row(scorer) for scorer in scorers if scorer["theme"] == theme]
        parts += [Text(terminal_line(theme), "bold"), table(["name", "range", "better", "reads", "gives"], rows, right=())]
    parts.append(Text("* is scored without -s. judge scorers NAME shows one in full."))
    return render(parts, page)


def _scorer_row(scorer: Document) -> list[str]:
    name = f"{scorer['name']} *" if scorer["default"] else str(scorer["name"])
    return [name, range_text(scorer), _better(scorer), ", ".join(scorer["columns"]), str(scorer["definition"])]


def scorer_page(scorer: Document, page: Page = Page()) -> str:
    """One scorer in full."""
    options = ", ".join(f"{name}={default}" for name, default in scorer["options"].items()) or "none"
    reads = ", ".join([*scorer["columns"], *(f"{name} (optional)" for name in scorer.get("optional_columns") or ())])
    rows = [
        ("kind", f"{scorer['kind']}, one a {scorer['unit']}"),
        ("range", range_text(scorer)),
        ("better", _better(scorer)),
        ("reads", reads),
        ("options", options),
        ("needs", f"pip install 'judgecli[{scorer['needs']}]'" if scorer["needs"] else "nothing more"),
        ("version", str(scorer["version"])),
        ("default", "yes" if scorer["default"] else "no"),
    ]
    parts: list[RenderableType] = [Text(f"{terminal_line(str(scorer['name']))}  ({terminal_line(str(scorer['theme']))})", "bold")]
    parts += [Text(f"  {label:<9} {terminal_line(value)}") for label, value in rows]
    parts += [Text(""), *(Text("  " + terminal_line(line)) for line in str(scorer["docstring"]).splitlines())]
    return render(parts, page)


def _better(scorer: Document) -> str:
    return {True: "higher", False: "lower", None: DASH}[scorer["higher_is_better"]]


def range_text(scorer: Document) -> str:
    """The range of a scorer as people write it: `0 to 1`, `0 and up`, `any`."""
    low, high = scorer["range"]
    if low is None:
        return "any" if high is None else f"up to {number(high)}"
    return f"{number(low)} and up" if high is None else f"{number(low)} to {number(high)}"


def facts(document: Document, page: Page = Page()) -> str:
    """A document of names and values, nested ones indented (store info, verify, compact, forget)."""
    return render([Text(line) for line in _fact_lines(document, "")], page)


def _fact_lines(document: Document, indent: str) -> list[str]:
    lines = []
    for name, value in document.items():
        label = f"{indent}{terminal_line(str(name).replace('_', ' ')):<14}"
        if isinstance(value, Mapping) and value:
            lines += [label.rstrip(), *_fact_lines(value, indent + "  ")]
        elif isinstance(value, list | tuple) and value:
            lines += [label.rstrip(), *(f"{indent}  {_fact_item(item)}" for item in value)]
        else:
            lines.append(f"{label} {_fact(value)}")
    return lines


def _fact_item(item: object) -> str:
    """One entry of a list; of a mapping its first value, then names with values."""
    if not isinstance(item, Mapping):
        return terminal_line(_compact(item))
    first, *others = item.items()
    return "  ".join([_fact(first[1]), *(f"{terminal_line(str(name))} {_fact(value)}" for name, value in others)])


def _fact(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    return number(value) if isinstance(value, float) else terminal_line(_compact(value)) if value else "none"


def checks(rows: Sequence[Document], page: Page = Page()) -> str:
    """What `judge doctor` found: ok, warning or problem, with the way out."""
    styles = {"ok": "green", "warning": "yellow", "problem": "bold red"}
    parts: list[RenderableType] = []
    for row in rows:
        parts.append(Text.assemble((f"{row['status']:<8}", styles[row["status"]]), f" {row['check']:<12} {terminal_line(str(row['detail']))}"))
        if row.get("hint"):
            parts.append(Text(f"{'':<21} {terminal_line(str(row['hint']))}"))
    return render(parts, page)


def number(value: float | int | None) -> str:
    """A number in at most four significant digits, more where four would hide that it is not whole.

    >>> number(None), number(12345.6), number(0.5), number(0.99996), number(0.0)
    ('-', '12,346', '0.5', '0.99996', '0')
    """
    if value is None:
        return DASH
    value += 0.0  # -0.0 is 0
    if abs(value) >= 1000:
        return f"{value:,.0f}" if abs(value) < 1e15 else f"{value:.4g}"
    for digits in range(4, 17):
        text = f"{value:.{digits}g}"
        if float(text) != round(float(text)) or float(text) == value:
            return text
    return text


def table(columns: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[str]) -> Table:
    """A table of texts; the columns in `right` stand right. Numbers are never cut or folded over two lines: a part of a number looks like a number."""
    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for position, column in enumerate(columns):
        last_text = column == "gives"
        made.add_column(
            Text(column),
            justify="right" if column in right else "left",
            no_wrap=not last_text,
            min_width=None if last_text else _widest(column, rows, position),
        )
    for row in rows:
        made.add_row(*(Text(terminal_line(cell)) for cell in row))
    return made


def _widest(column: str, rows: Sequence[Sequence[str]], position: int) -> int:
    return max([len(column), *(Text(terminal_line(row[position])).cell_len for row in rows)])


def _least_width(table: Table) -> int:
    """The width below which rich would cut columns off; the terminal may fold such lines, whole."""
    return sum((column.min_width or 40) + 2 for column in table.columns)


def render(parts: Sequence[RenderableType], page: Page) -> str:
    """The parts below each other as text: blanks at line ends removed, no markup, colours only where the page has them."""
    out = io.StringIO()
    console = Console(
        file=out,
        width=max([page.width, *(_least_width(part) for part in parts if isinstance(part, Table))]),
        force_terminal=page.colour,
        color_system="standard" if page.colour else None,
        no_color=not page.colour,
        markup=False,
        emoji=False,
        highlight=False,
        legacy_windows=False,
    )
    for part in parts:
        console.print(part, soft_wrap=isinstance(part, Text))
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"
