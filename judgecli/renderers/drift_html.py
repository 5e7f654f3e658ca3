"""A drift answer as one HTML file, under the same policy and style as the report (report_html.py): no script, nothing loaded."""

from typing import Any

from judgecli.renderers.charts import visible
from judgecli.renderers.drift_tables import drift_tables
from judgecli.renderers.report_html import drawn_tables, excerpt, render_page, sentence_of
from judgecli.renderers.report_tables import shown
from judgecli.signal.drift.report import Drift, DriftExample, SideText
from judgecli.signal.drift.rows import DriftRow
from judgecli.signal.report.headline import plain_number

MOST_BYTES = 500_000
MOST_CHARTS = 24
LEVELS = (60, 30, 12)  # rows of a table, until the page is small enough


def drift_html(found: Drift) -> str:
    """The page, at most 500 kB: with longer tables where they fit."""
    text = ""
    for most in LEVELS:
        text = render_page("drift.html", _page(found, most))
        if len(text.encode()) <= MOST_BYTES:
            break
    return text


def _page(found: Drift, most: int) -> dict[str, Any]:
    tables = drawn_tables(drift_tables(found, most=most))
    charted = [row for row in found.rows if row.shape is not None and row.overall][:MOST_CHARTS]
    return {
        "title": "Drift",
        "verdict": found.verdict,
        "verdict_class": {"drift": "fail", "no drift": "pass", "inconclusive": "inconclusive"}[found.verdict],
        "scope": scope_text(found),
        "partial": partial_lines(found),
        "headline": [sentence_of(line, tone) for tone, line in found.headline],
        "tables": tables[:1],
        "more_tables": tables[1:],
        "charts": [{"name": shown(row.metric), "text": _about(row), "chart": shape_chart(row)} for row in charted],
        "examples": [_example(item) for item in found.examples],
        "notes": [shown(note, 400) for note in found.notes],
    }


def scope_text(found: Drift) -> str:
    """What is compared with what."""
    return f"reference {side_text(found.reference)} against current {side_text(found.current)}"


def side_text(side: SideText) -> str:
    """One side: its filter, its records, its time span."""
    span = "" if side.first is None or side.last is None else f", {side.first:%Y-%m-%d} to {side.last:%Y-%m-%d}"
    return f"“{shown(side.name, 160)}” ({side.rows:,} records{span})"


def partial_lines(found: Drift) -> list[str]:
    """Which metrics are not fully measured, and on which side; none where all is."""
    lines = []
    for row in found.rows:
        if row.partial and row.overall and row.what == "value":
            sides = "; ".join(f"{name} {side['n']:,} of {side['of']:,}" for name, side in (("reference", row.reference), ("current", row.current)))
            lines.append(shown(f"{row.metric}: {sides} scored", 300))
    return lines or (["some segments are not fully measured"] if not found.complete else [])


def _about(row: DriftRow) -> str:
    return f"{row.verdict}; share of the answers by value, reference (left bar) and current (right bar)"


def shape_chart(row: DriftRow) -> str:
    """Shares of reference and current side by side, by tenth of the scale or by category."""
    assert row.shape is not None
    width, height, left, bottom = 360, 150, 8, 128
    old, new = row.shape.shares
    most = max([*old, *new, 1e-9])
    pitch = (width - 2 * left) / len(old)
    parts = [f'<line class="axis" x1="{left}" x2="{width - left}" y1="{bottom}" y2="{bottom}"/>']
    for place, shares in enumerate(zip(old, new, strict=True)):
        label = visible(_bin_name(row, place), 60)
        for offset, share, style, name in ((0.08, shares[0], "column", "reference"), (0.5, shares[1], "mark c1", "current")):
            tall = share / most * (bottom - 10)
            x = left + (place + offset) * pitch
            parts.append(
                f'<rect class="{style}" x="{x:.1f}" y="{bottom - tall:.1f}" width="{max(pitch * 0.4, 0.6):.1f}" height="{tall:.1f}">'
                f"<title>{label}: {name} {share:.1%}</title></rect>"
            )
    ends = (0, len(old) - 1)
    for place, anchor, x in zip(ends, ("start", "end"), (left, width - left), strict=True):
        parts.append(f'<text class="tick" x="{x}" y="{height - 6}" text-anchor="{anchor}">{visible(_bin_name(row, place), 26)}</text>')
    label = visible(f"{row.metric}: shares by value, reference and current", 200)
    return f'<svg class="chart" viewBox="0 0 {width} {height}" role="img" aria-label="{label}">{"".join(parts)}</svg>'


def _bin_name(row: DriftRow, place: int) -> str:
    assert row.shape is not None
    if row.shape.categories:
        return row.shape.categories[place]
    return f"{plain_number(row.shape.edges[place])} to {plain_number(row.shape.edges[place + 1])}"


def _example(item: DriftExample) -> dict[str, str]:
    return {
        "side": item.side,
        "value": f"{shown(item.metric)} {plain_number(item.value)}",
        "about": example_place(item),
        "input": excerpt(item.input, item.input_length),
        "output": excerpt(item.output, item.output_length),
    }


def example_place(item: DriftExample) -> str:
    """Which record an example is."""
    time = "" if item.time is None else f" · {item.time:%Y-%m-%d %H:%M} UTC"
    place = "" if item.file is None else f" · {shown(item.file, 80)}:{item.line}"
    return f"id {shown(item.id, 60)}{time}{place}"
