"""A report as one HTML file: no script, nothing loaded, inline SVG, light and dark, at most 500 kB.

Every text from data is made visible (control and bidi characters as escapes), cut, and escaped: by the template,
and in charts, which the template takes as they are, by charts.py. The page's policy (default-src 'none', one style
sheet by hash) would stop what slipped through.
"""

import base64
import hashlib
from collections.abc import Sequence
from typing import Any

from judgecli.renderers import charts
from judgecli.renderers.charts import Frame, Look
from judgecli.renderers.report_fit import LEVELS, fitted
from judgecli.renderers.report_tables import ReportTable, shown, tables_after, tables_before, tables_between
from judgecli.renderers.safe import terminal_text
from judgecli.report import ContrastText, Report, ReportExample
from judgecli.signal.report.headline import amount, plain_number, span
from judgecli.signal.summary import MetricSummary

MOST_BYTES = 500_000
EXCERPT = 600  # characters of an example's text
LEAST_MARK = 120  # bytes of a mark with its numbers: a page with more of them need not be tried
HERO_WIDE, HERO_NARROW, CARD, ROWS, SPREAD = Frame(1160, 280, right=190), Frame(340, 230), Frame(360, 170), Frame(360, 0, left=128, right=52), Frame(360, 140)
HERO_ROWS = Frame(560, 0, left=170, right=60)


def report_html(report: Report) -> str:
    """The page. What it cannot hold is left out (report_fit.py), and it says so."""
    text = ""
    for limits in LEVELS:
        smaller = fitted(report, limits)
        if sum(len(line.points) for line in smaller.series) * LEAST_MARK <= MOST_BYTES or limits is LEVELS[-1]:
            text = _render(smaller)
            if len(text.encode()) <= MOST_BYTES:
                break
    return text


def _render(report: Report) -> str:
    return render_page("report.html", _page(report))


def render_page(template: str, page: dict[str, Any]) -> str:
    """A page of `templates/` under the policy that allows one style sheet and nothing else; the template escapes every text."""
    import jinja2

    environment = jinja2.Environment(loader=jinja2.PackageLoader("judgecli.renderers"), autoescape=True, trim_blocks=True, undefined=jinja2.StrictUndefined)
    style = environment.loader.get_source(environment, "report.css")[0] if environment.loader else ""
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return environment.get_template(template).render(page=page, style=style, style_hash=f"sha256-{digest}")


def _page(report: Report) -> dict[str, Any]:
    look = charts.look_of(report.policies)
    hero, cards = _cards(report, look)
    return {
        "title": "Report" if report.subject is None else f"Report: {shown(report.subject, 80)}",
        "verdict": "" if report.verdict == "no gates" else f"gates: {shown(report.verdict)}",
        "verdict_class": report.verdict if report.verdict in ("pass", "fail", "inconclusive", "incomplete") else "",
        "scope": scope_text(report),
        "partial": [] if report.complete else [shown(line, 300) for line in report.partial],
        "sentence": shown(report.sentence, 600),
        "tone": report.tone if report.tone in ("good", "bad", "open") else "open",
        "contents": _contents(report),
        "headline": [sentence_of(line, tone(line)) for line in report.headline],
        "law": law_text(report),
        "by": " and ".join(shown(name, 60) for name in report.by) or "all records",
        "subject": shown(report.subject or ""),
        "chart_note": chart_note(report),
        "legend": [{"name": shown(policy, 60), "mark": _legend_mark(policy, look)} for policy in report.policies],
        "hero": hero,
        "cards": cards,
        "first_tables": drawn_tables(tables_before(report)),
        "middle_tables": drawn_tables(tables_between(report)),
        "last_tables": drawn_tables(tables_after(report)),
        "worst": [_example(item, report.subject) for item in report.worst],
        "best": [_example(item, report.subject) for item in report.best],
        "contrast_title": contrast_title(report),
        "contrasts": [_contrast(item) for item in report.contrasts],
        "quality": quality_lines(report),
        "methods": [{"name": shown(item.name), "text": shown(item.text, 600)} for item in report.methods],
        "histograms": _histograms(report),
        "notes": [shown(note, 400) for note in report.notes],
    }


def _contents(report: Report) -> list[dict[str, str]]:
    """The sections of the page, for whoever goes by keyboard or listens."""
    found = [(table.id, table.title) for table in tables_before(report)]
    found += [("over-time", "Over time")] if any(summary.estimate.mean is not None for summary in report.metrics) and report.standings else []
    found += [(table.id, table.title) for table in tables_between(report)]
    found += [("side-by-side", "Side by side")] if report.contrasts else []
    found += [("examples", "Examples")] if report.best or report.worst else []
    found += [("distributions", "How the values are spread")] if any(item.n for item in report.distributions) else []
    found += [("quality", "How good the data is"), *((table.id, table.title) for table in tables_after(report))]
    found += [("methods", "How the numbers were made")] if report.methods else []
    found += [("notes", "Notes")] if report.notes else []
    return [{"id": place, "name": name} for place, name in found]


def contrast_title(report: Report) -> str:
    """What the answers side by side differ in."""
    return " and ".join(dict.fromkeys(f"{shown(item.metric)} by {shown(item.column)}" for item in report.contrasts))


def quality_lines(report: Report) -> list[str]:
    """How much was measured, and which lines could not be read, in sentences."""
    short = [summary for summary in report.metrics if summary.coverage not in (None, 1.0)]
    said = "Every metric was measured wherever it applies." if not short else f"{len(short):,} of {len(report.metrics):,} metrics are not fully measured."
    lost = ", ".join(f"{shown(reason)} {count:,}" for reason, count in report.quarantine.items())
    return [said, f"Quarantined lines by reason: {lost}." if lost else "No line is in quarantine."]


def scope_text(report: Report) -> str:
    """What the report is about: selection, number of records, time span."""
    span_text = "no times" if report.first_time is None or report.last_time is None else f"{report.first_time:%Y-%m-%d} to {report.last_time:%Y-%m-%d} (UTC)"
    return f"{shown(report.selection, 200)} · {report.counts['selected']:,} answers · {span_text}"


def law_text(report: Report) -> str:
    """The conservation law in one line."""
    parts = " + ".join(f"{report.counts[name]:,} {name}" for name in ("accepted", "quarantined", "duplicate", "forgotten"))
    return f"{report.counts['lines']:,} lines = {parts}; {report.counts['selected']:,} of the accepted are in this report"


def chart_note(report: Report) -> str:
    """How to read the charts."""
    window = {"all": "all records as one window"}.get(report.window, f"windows of {shown(report.window, 20)}")
    marks = "Hollow marks rest on fewer than 20 answers, bands are cut at the frame; point at a mark for its numbers."
    rules = " A dotted rule stands where the judge changed; dashed, the scores of the new one in units of the first." if report.judge_changes else ""
    return f"Means with 95 % intervals that respect clusters (conversations, users), in {window}, UTC. {marks}{rules}"


def tone(line: str) -> str:
    """Whether a sentence of the headline tells of something worse or better."""
    return "worse" if " is worse " in line else "better" if " is better " in line else ""


def sentence_of(line: str, tone: str) -> dict[str, str]:
    """The claim and, in smaller type, what it rests on."""
    claim, bracket, evidence = shown(line, 600).replace(" %", "\u00a0%").rpartition(" (")
    return {"claim": claim or evidence, "evidence": bracket + evidence if claim else "", "tone": tone}


def drawn_tables(tables: Sequence[ReportTable]) -> list[dict[str, Any]]:
    """Tables with what the template needs of each column."""
    found = []
    for table in tables:
        columns = [{"name": name, "number": any(row[place].style == "n" for row in table.rows)} for place, name in enumerate(table.columns)]
        found.append({**vars(table), "columns": columns})
    return found


def _legend_mark(policy: str, look: Look) -> str:
    style, shape = look.of(policy), look.colours.get(policy, charts.COLOURS - 1)
    return f'<polyline class="line {style}" points="0,6 34,6"/><path class="mark {style}" d="{charts._mark(17, 6, shape)}"/>'


def _show(summary: MetricSummary) -> charts.FormatNumber:
    return (lambda value: f"{100 * value:.3g} %") if summary.kind == "rate" else plain_number


def _cards(report: Report, look: Look) -> tuple[dict[str, Any] | None, list[dict[str, Any]]]:
    """The subject's large chart, and one card a further metric that has a mean."""
    hero, cards = None, []
    ranges = {item.name: item.range for item in report.measures}
    for summary in report.metrics:
        series = [line for line in report.series if line.metric == summary.name]
        standings = [item for item in report.standings if item.metric == summary.name]
        if summary.estimate.mean is None or not standings:
            continue
        show, scale = _show(summary), ranges.get(summary.name, (None, None))
        changes = [change for change in report.judge_changes if change["metric"] == summary.name]
        card = {"name": shown(summary.name), "text": level_text(summary)}
        if summary.name == report.subject:
            wide = charts.line_chart(series, look, show, HERO_WIDE, labels=True, scale=scale, changes=changes)
            narrow = charts.line_chart(series, look, show, HERO_NARROW, scale=scale, changes=changes)
            hero = {**card, "wide": wide, "narrow": narrow, "forest": charts.forest(standings, look, show, ROWS, scale=scale)}
        else:
            lines = charts.line_chart(series, look, show, CARD, scale=scale, changes=changes)
            cards.append({**card, "lines": lines, "forest": charts.forest(standings, look, show, ROWS, scale=scale)})
    return hero, cards


def level_text(summary: MetricSummary) -> str:
    """Mean, interval, n of N and direction in one line."""
    estimate = summary.estimate
    better = {True: ", higher is better", False: ", lower is better", None: ""}[summary.higher_is_better]
    interval = f" ({span(estimate.low, estimate.high, summary)})" if estimate.low is not None else ""
    mean = "no mean" if estimate.mean is None else f"mean {amount(estimate.mean, summary)}{interval}"
    return f"{mean}, {summary.scored:,} of {summary.cells:,} scored{better}"


def _histograms(report: Report) -> list[dict[str, Any]]:
    found = []
    for spread in report.distributions:
        if spread.n and spread.edges:
            chart = charts.histogram(spread, plain_number, SPREAD)
            found.append({"name": shown(spread.metric), "text": f"{spread.n:,} values", "chart": chart})
        elif spread.categories:
            found.append({"name": shown(spread.metric), "text": categories_text(spread.categories, spread.n), "chart": ""})
    return found


def categories_text(categories: Any, total: int) -> str:
    """The most frequent values of a category, with their shares."""
    counts: Sequence[tuple[str, int]] = sorted(categories.items(), key=lambda item: (-item[1], item[0]))
    more = f", and {len(counts) - 8} more" if len(counts) > 8 else ""
    return ", ".join(f"{shown(value, 40)} {count:,} ({count / total:.0%})" for value, count in counts[:8]) + more


def _contrast(item: ContrastText) -> dict[str, Any]:
    before, after = _example(item.before, item.metric), _example(item.after, item.metric)
    return {"input": before["input"], "before": before, "after": after}


def _example(item: ReportExample, metric: str | None) -> dict[str, str]:
    return {
        "value": example_value(item, metric),
        "about": example_about(item),
        "input": excerpt(item.input, item.input_length),
        "output": excerpt(item.output, item.output_length),
    }


def example_value(item: ReportExample, metric: str | None) -> str:
    """The metric's value of an example."""
    return f"{shown(metric or '')} {plain_number(item.value)}"


def example_about(item: ReportExample) -> str:
    """Which record an example is."""
    time = "" if item.time is None else f" · {item.time:%Y-%m-%d %H:%M} UTC"
    place = "" if item.file is None else f" · {shown(item.file, 80)}:{item.line}"
    return f"{shown(item.policy, 80)} · id {shown(item.id, 60)}{time}{place}"


def excerpt(text: str | None, length: int) -> str:
    """A text of a record, control and bidi characters written out; what was cut is counted."""
    if text is None:
        return "(none)"
    kept = text[:EXCERPT]
    more = f" … ({length - len(kept):,} more characters)" if length > len(kept) else ""
    return terminal_text(kept) + more if text else "(empty)"
