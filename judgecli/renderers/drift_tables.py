"""The tables of a drift answer as columns and cells of plain text: one source for HTML, Markdown and terminal."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from judgecli.renderers.report_tables import NONE, ReportTable, TableCell, shown
from judgecli.signal.drift.report import Drift, where
from judgecli.signal.drift.rows import DriftRow
from judgecli.signal.report.headline import amount, difference, plain_number

if TYPE_CHECKING:
    from judgecli.signal.drift.texts import Shift

MOST_ROWS = 60
VERDICT_STYLE = {True: "worse-text", False: "better-text", None: ""}


def drift_tables(found: Drift, *, most: int = MOST_ROWS) -> list[ReportTable]:
    """Every table that has a row: metrics, segments, parts of the change, shapes, words and openings."""
    overall, segments = [row for row in found.rows if row.overall], [row for row in found.rows if not row.overall]
    tables = [row_table(found, [row for row in overall if row.what != "corpus" or row.change is not None], most)]
    if segments:
        tables.append(segment_table(found, segments, most))
    tables += [table for table in (parts_table(found.rows), shape_table(found.rows, most)) if table.rows]
    for name, text in found.texts.items():
        for what, shifts in (("words", text.words), ("openings", text.openings)):
            if shifts:
                tables.append(_shift_table(name, what, shifts))
    return tables


COLUMNS = ("was", "is", "change", "95 % interval", "margin", "q", "n before; now", "verdict", "why")


def row_table(found: Drift, rows: Sequence[DriftRow], most: int) -> ReportTable:
    """One line a metric over all records."""
    more = f" The first {most} of {len(rows)} are shown; the JSON answer has all." if len(rows) > most else ""
    short = [row.metric for row in found.rows if row.what == "corpus" and row.change is None]
    more += f" Too few or too short outputs for {', '.join(short)}." if short else ""
    caption = (
        "drift: the whole interval is beyond the margin, and q is below 5 %. no drift: the whole interval is within the margin. inconclusive: not enough "
        f"data. Intervals go by clusters; q is {found.correction}'s over all {found.family} comparisons of this report.{more}"
    )
    return ReportTable("metrics", "What changed", caption, ("metric", *COLUMNS), [[TableCell(title(row)), *_cells(row)] for row in rows[:most]])


def segment_table(found: Drift, rows: Sequence[DriftRow], most: int) -> ReportTable:
    """One line a metric and segment."""
    more = f" The first {most} of {len(rows)} are shown; the JSON answer has all." if len(rows) > most else ""
    asked = f"The same question within each value of {', '.join(shown(name, 40) for name in found.by)}." if found.by else ""
    searched = (
        "Found without being asked: where one value of a logged column changed apart from the rest; q counts all values tried."
        if any(not row.asked for row in rows)
        else ""
    )
    caption = " ".join(part for part in (asked, searched, more.strip()) if part)
    cells = [[TableCell(title(row)), TableCell(shown(where(row), 80)), *_cells(row)] for row in rows[:most]]
    return ReportTable("segments", "Where it changed", caption, ("metric", "where", *COLUMNS), cells)


def title(row: DriftRow) -> str:
    """What a row is about."""
    return shown(row.metric if row.what in ("value", "text", "corpus") else f"{row.metric} ({row.what})")


def _cells(row: DriftRow) -> list[TableCell]:
    plain = row.kind != "category" and row.what != "text"
    old, new = (side["mean"] if plain else None for side in (row.reference, row.current))
    if row.change is None:
        change, limits = NONE, NONE
    else:
        change = difference(row.change, row) if plain else f"{row.change:.3f}"
        limits = NONE if row.low is None or row.high is None else f"{_bare(row.low, row, plain)} to {_bare(row.high, row, plain)}"
    return [
        TableCell(NONE if old is None else amount(float(str(old)), row), "n"),
        TableCell(NONE if new is None else amount(float(str(new)), row), "n"),
        TableCell(change, "n"),
        TableCell(limits, "n"),
        TableCell(NONE if row.margin is None else amount(row.margin, row) if plain else f"{row.margin:.3g}", "n"),
        TableCell(NONE if row.q is None else f"{row.q:.2g}", "n"),
        TableCell("; ".join(_scored(side) for side in (row.reference, row.current)), "n"),
        TableCell(row.verdict, f"nowrap {VERDICT_STYLE[row.worse]}".strip() if row.verdict == "drift" else "nowrap"),
        TableCell(_why(row), "text"),
    ]


def _scored(side: Mapping[str, object]) -> str:
    """n, or n of N where not all have a value."""
    return f"{side['n']:,}" if side["n"] == side["of"] else f"{side['n']:,} of {side['of']:,}"


def _bare(value: float, row: DriftRow, plain: bool) -> str:
    return difference(value, row, bare=True) if plain else f"{value:.3f}"


def _why(row: DriftRow) -> str:
    """Whose fault, or why nothing can be said, with the smallest change that would have been seen."""
    if row.verdict == "inconclusive":
        seen = "" if row.detectable is None else f"; {amount(row.detectable, row)} would have been seen"
        return shown(row.reasons.get("verdict", "") + seen, 300)
    return shown(row.cause_sentence or row.reasons.get("cause", ""), 300)


def parts_table(rows: Sequence[DriftRow]) -> ReportTable:
    """What of each change is within kinds of records, what is another mix of them, and whose doing the change is."""
    caption = (
        "A change of a mean is the change within each kind of records plus that of their mix (other questions come). Kinds are the values of one "
        "column of the log, of all that were tried the one whose mix says most. A kind that is not logged moves unseen."
    )
    kept = [row for row in rows if row.cause_sentence is not None]
    cells = [
        [
            TableCell(title(row) + (f" [{shown(where(row), 60)}]" if row.segment else "")),
            *_part_cells(row),
            TableCell(shown(row.cause_sentence or "", 300), "text"),
        ]
        for row in kept
    ]
    return ReportTable(
        "parts", "App or traffic", caption, ("metric", "kinds", "change", "within them", "their mix", "records with a counterpart", "whose doing"), cells
    )


def _part_cells(row: DriftRow) -> list[TableCell]:
    if row.parts is None:
        return [
            TableCell(NONE),
            TableCell(NONE if row.change is None or row.kind == "category" else difference(row.change, row), "n"),
            *[TableCell(NONE, "n")] * 3,
        ]
    numbers = [difference(value, row) for value in (row.parts.total, row.parts.within, row.parts.mix)]
    return [TableCell(shown(row.parts.column, 40)), *(TableCell(number, "n") for number in numbers), TableCell(f"{row.parts.matched:.0%}", "n")]


def shape_table(rows: Sequence[DriftRow], most: int) -> ReportTable:
    """Distances of the distributions."""
    caption = (
        "W1: mean distance that values moved, in their own units. KS: largest gap of the two distribution functions. TV: share of records that would have to "
        "move. Limits by a bootstrap of clusters, less what chance alone gives. No verdict rests on PSI and Jensen-Shannon."
    )
    cells = [
        [
            TableCell(title(row) + (f" [{shown(where(row), 60)}]" if row.segment else "")),
            *(TableCell(_distance(row, name), "n") for name in ("w1", "ks", "tv")),
            *(TableCell(NONE if value is None else f"{value:.3f}", "n") for value in (row.shape.psi, row.shape.js)),
        ]
        for row in rows
        if row.shape is not None
    ]
    return ReportTable("shapes", "Shapes", caption, ("metric", "W1", "KS", "TV", "PSI", "Jensen-Shannon"), cells[:most])


def _distance(row: DriftRow, name: str) -> str:
    value = getattr(row.shape, name)
    if row.shape is None or value is None:
        return NONE
    limits = "" if row.shape.limits is None else f" ({plain_number(row.shape.limits[name][1])} to {plain_number(row.shape.limits[name][2])})"
    return plain_number(value) + limits


def _shift_table(name: str, what: str, shifts: "Sequence[Shift]") -> ReportTable:
    caption = f"Shares of {name} texts that have it, the largest change first; certain at 5 % after Bonferroni's correction for all {what} that were looked at."
    cells = [
        [TableCell(shown(shift.text, 60)), TableCell(f"{shift.reference:.1%}", "n"), TableCell(f"{shift.current:.1%}", "n"), TableCell(f"{shift.p:.2g}", "n")]
        for shift in shifts
    ]
    singular = "word" if what == "words" else "opening"
    return ReportTable(f"{name}-{what}", f"{what.capitalize()} of the {name} that changed", caption, (singular, "was", "is", "p"), cells)
