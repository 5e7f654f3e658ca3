"""A drift answer as Markdown: for pull requests and chats; what comes from data is neutralised as in report_markdown.py."""

from judgecli.renderers.drift_html import example_place, partial_lines, scope_text
from judgecli.renderers.drift_tables import drift_tables
from judgecli.renderers.report_html import excerpt
from judgecli.renderers.report_markdown import MOST_BYTES, markdown_table, plain
from judgecli.renderers.report_tables import shown
from judgecli.signal.drift.report import Drift, DriftExample
from judgecli.signal.report.headline import plain_number


def drift_markdown(found: Drift) -> str:
    """The document, at most 200 kB: with longer tables where they fit."""
    text = ""
    for most in (60, 30, 12):
        tables = [markdown_table(table) for table in drift_tables(found, most=most)]
        text = "\n".join([_head(found), *tables[:1], *_examples(found), *tables[1:], *_notes(found)])
        if len(text.encode()) <= MOST_BYTES:
            break
    return text


def _head(found: Drift) -> str:
    lines = ["# Drift", "", plain(scope_text(found)), "", f"**Verdict: {found.verdict}**", ""]
    if not found.complete:
        lines += ["**PARTIAL**: not everything that should have been measured was.", "", *(f"- {plain(line)}" for line in partial_lines(found)[:50]), ""]
    return "\n".join([*lines, *(f"- {plain(shown(line, 600))}" for _, line in found.headline), ""])


def _examples(found: Drift) -> list[str]:
    return ["\n".join(["## Records that carry the change", "", *(_example(item) for item in found.examples)])] if found.examples else []


def _example(item: DriftExample) -> str:
    about = f"**{item.side}, {plain(shown(item.metric))} {plain_number(item.value)}** · {plain(example_place(item))}"
    said = [
        f"> {name}: {plain(excerpt(text, length))}"
        for name, text, length in (("input", item.input, item.input_length), ("output", item.output, item.output_length))
    ]
    return "\n".join([about, "", said[0], ">", said[1], ""])


def _notes(found: Drift) -> list[str]:
    return ["\n".join(["## Notes", "", *(f"- {plain(shown(note, 400))}" for note in found.notes), ""])] if found.notes else []
