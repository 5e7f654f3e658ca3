"""The tables of a report as columns and cells of plain text: one source for HTML, Markdown and terminal."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from judgecli.renderers.alarms import alarm_cells, alarm_columns, sort_alarms
from judgecli.renderers.safe import terminal_line
from judgecli.report import Report, ReportChange
from judgecli.signal.report.headline import amount, difference, plain_number, span
from judgecli.signal.report.slices import ALPHA, Slice
from judgecli.signal.returns import LAST_TURN
from judgecli.signal.summary import MetricSummary

NONE = "–"
CELL = 120  # characters of a cell that come from data
MOST_SLICES = 12
MOST_CHANGES = 24
MOST_ALARMS = 24


@dataclass(frozen=True)
class TableCell:
    """A text and what it is: `n` a number, `text` prose, with better-text or worse-text where it says so."""

    text: str
    style: str = ""


@dataclass(frozen=True)
class ReportTable:
    """A table with a heading and a caption; the first cell of a row names it."""

    id: str
    title: str
    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[TableCell]]


def shown(value: object, most: int = CELL) -> str:
    """A text from data on one line: control and bidi characters written out, cut visibly."""
    return terminal_line(str(value), limit=most)


def tables_before(report: Report) -> list[ReportTable]:
    """What comes before the charts: alarms and gates."""
    return [*([alarm_table(report)] if report.alarms else []), *([gate_table(report)] if report.gates else [])]


def tables_between(report: Report) -> list[ReportTable]:
    """What explains the charts: where the judge changed, conversations, changes and slices."""
    found = [judge_table(report)] if report.judge_changes else []
    found += [conversation_table(report)] if report.conversations else []
    found += [change_table(report)] if report.changes else []
    return [*found, *([slice_table(report)] if report.slices else [])]


def tables_after(report: Report) -> list[ReportTable]:
    """The reference part: every metric with n of N, and what it is."""
    return [metric_table(report), measure_table(report)]


def alarm_table(report: Report) -> ReportTable:
    """One line an alarm, the open ones first."""
    rows = []
    columns = alarm_columns(report.alarms)
    for alarm in sort_alarms(report.alarms)[:MOST_ALARMS]:
        texts = [shown(text) for text in alarm_cells(alarm, columns)]
        word = texts[-1]
        rows.append(
            [
                *(TableCell(text, "n" if name in ("was", "is", "by") else "") for name, text in zip(columns[:-1], texts, strict=False)),
                TableCell(word, f"{word}-text" if word else ""),
            ]
        )
    standing = sum(alarm["state"] == "open" for alarm in report.alarms)
    more = "" if len(report.alarms) <= MOST_ALARMS else f" The first {MOST_ALARMS} are shown."
    caption = (
        f"{standing:,} of {len(report.alarms):,} are open, over all records of the store. All charts together give one false alarm in the budget's time.{more}"
    )
    return ReportTable("alarms", "Alarms", caption, columns, rows)


def gate_table(report: Report) -> ReportTable:
    """One line a gate."""
    style = {"pass": "better-text", "fail": "worse-text"}
    rows = [
        [
            TableCell(shown(gate["gate"])),
            TableCell(shown(gate["verdict"]), style.get(str(gate["verdict"]), "")),
            *(TableCell(NONE if gate.get(name) is None else plain_number(float(str(gate[name]))), "n") for name in ("value", "low", "high", "threshold")),
            TableCell(f"{int(str(gate.get('n') or 0)):,}", "n"),
            TableCell(shown(gate.get("message", ""), 300), "text"),
        ]
        for gate in report.gates
    ]
    caption = "The limit of the 95 % interval decides, never the mean itself."
    return ReportTable("gates", "Gates", caption, ("gate", "verdict", "value", "low", "high", "threshold", "n", "why"), rows)


def change_table(report: Report) -> ReportTable:
    """Each policy value against the one before it."""
    rows = [_change_row(change, report.metric(change.metric)) for change in report.changes[:MOST_CHANGES]]
    certain = sum(change.certain for change in report.changes)
    more = "" if len(report.changes) <= MOST_CHANGES else f" The {MOST_CHANGES} largest are shown."
    caption = (
        f"{certain:,} of {len(report.changes):,} differences are certain at {100 * ALPHA:g} % after Holm's correction for their number.{more} "
        "Values are in the order of their time; intervals are for one difference alone and respect clusters."
    )
    return ReportTable(
        "changes", "What changed from one to the next", caption, ("metric", "from", "to", "was", "is", "difference", "95 % interval", "n", "verdict"), rows
    )


def _change_row(change: ReportChange, summary: MetricSummary) -> list[TableCell]:
    word = "not certain" if not change.certain else {True: "worse", False: "better", None: "higher" if change.difference > 0 else "lower"}[change.worse]
    return [
        TableCell(shown(change.metric)),
        TableCell(shown(change.before, 40)),
        TableCell(shown(change.after, 40)),
        TableCell(amount(change.mean_before, summary), "n"),
        TableCell(amount(change.mean_after, summary), "n"),
        TableCell(difference(change.difference, summary), "n"),
        TableCell(f"{difference(change.low, summary, bare=True)} to {difference(change.high, summary, bare=True)}", "n"),
        TableCell(f"{change.n_before:,} of {change.of_before:,}; {change.n_after:,} of {change.of_after:,}", "n"),
        TableCell(word, f"{word}-text" if word in ("worse", "better") else ""),
    ]


def slice_table(report: Report) -> ReportTable:
    """The worst slices, then the best few."""
    worse = [item for item in report.slices if item.worse]
    better = [item for item in reversed(report.slices) if not item.worse]
    chosen = [*worse[:MOST_SLICES], *better[:4]]
    caption = (
        f"{len(worse):,} slices are worse than the rest and {len(better):,} better, at a false discovery rate of {100 * ALPHA:g} % over all looked at "
        "(language, length, first words and words of the input, tags, model, prompt version, place in the session); "
        "each has at least 20 clusters. Ranked by the difference in standard deviations."
    )
    columns = ("metric", "where", "is", "inside", "elsewhere", "difference", "95 % interval", "n", "")
    return ReportTable("slices", "Where it is worst", caption, columns, [_slice_row(item, report.metric(item.metric)) for item in chosen])


def _slice_row(item: Slice, summary: MetricSummary) -> list[TableCell]:
    word = "worse" if item.worse else "better"
    return [
        TableCell(shown(item.metric)),
        TableCell(shown(item.trait, 60)),
        TableCell(shown(item.value, 60)),
        TableCell(amount(item.mean, summary), "n"),
        TableCell(amount(item.rest, summary), "n"),
        TableCell(difference(item.difference, summary), "n"),
        TableCell(f"{difference(item.low, summary, bare=True)} to {difference(item.high, summary, bare=True)}", "n"),
        TableCell(f"{item.n:,} of {item.of:,}", "n"),
        TableCell(word, f"{word}-text"),
    ]


def judge_table(report: Report) -> ReportTable:
    """Where the judge of a metric changed: whose doing the step is, the judge's part of it, and what is left."""
    rows = []
    for change in report.judge_changes[:MOST_CHANGES]:
        start = change["window_start"]
        rows.append(
            [
                TableCell(shown(change["metric"])),
                TableCell("one window" if start is None else shown(str(start)[:16].replace("T", " ").removesuffix(" 00:00")), "nowrap"),
                TableCell(shown(change["verdict"])),
                *(TableCell(_shift(change, name), "n") for name in ("live", "shift", "rest")),
                TableCell(shown(change["message"], 500), "text"),
            ]
        )
    caption = (
        "The judge's part is what frozen outputs (anchors) that both judges rated say, at the level of the new scores; what is left is the app's. "
        "Without anchors nothing can be said, and the series is broken there."
    )
    columns = ("metric", "from", "whose doing", "step of the mean", "the judge's part", "what is left", "in words")
    return ReportTable("judge-changes", "Where the judge, or the measure, changed", caption, columns, rows)


def conversation_table(report: Report) -> ReportTable:
    """What conversations of each policy return, and where they go better or worse than their like went before."""
    rows = []
    for item in report.conversations:
        turns = ", ".join(f"{turn}{'+' if turn == LAST_TURN else ''}: {error:+.3g}" for turn, error in item.turns.items())
        rows.append(
            [
                TableCell(shown(item.metric)),
                TableCell(shown(item.policy)),
                TableCell(f"{item.n:,} of {item.of:,}", "n"),
                TableCell(_estimate(item.mean, item.low, item.high), "n"),
                TableCell(NONE if item.value is None else plain_number(item.value), "n"),
                TableCell(_estimate(item.td_error, item.td_low, item.td_high, sign=True), "n"),
                TableCell(NONE if item.window is None else f"{item.window:%Y-%m-%d %H:%M}".removesuffix(" 00:00"), "nowrap"),
                TableCell(turns or shown(item.why or NONE), "text"),
            ]
        )
    caption = (
        "The return of a conversation is the (discounted) sum of the rewards of its turns; value is its decayed mean now. The TD error of a turn is its "
        "reward plus the value of what follows, less what conversations of earlier windows had at that turn: below 0 they go worse than before, and the "
        "turn says where."
    )
    columns = ("reward", "policy", "conversations", "return (95 %)", "value", "TD error (95 %)", "in the window from", "TD error by turn")
    return ReportTable("conversations", "Conversations", caption, columns, rows)


def _estimate(value: float | None, low: float | None, high: float | None, *, sign: bool = False) -> str:
    if value is None:
        return NONE
    texts = [f"{number:+.3g}" if sign else plain_number(number) for number in (value, low, high) if number is not None]
    return f"{texts[0]} ({texts[1]} to {texts[2]})" if len(texts) == 3 else texts[0]


def _shift(change: Mapping[str, object], name: str) -> str:
    """A number of a change with its interval."""
    value, low, high = (change.get(key) for key in (name, f"{name}_low", f"{name}_high"))
    if not isinstance(value, float):
        return NONE
    return f"{value:+.3g}" + (f" ({low:+.3g} to {high:+.3g})" if isinstance(low, float) and isinstance(high, float) else "")


def metric_table(report: Report) -> ReportTable:
    """Each metric: n of N, mean, interval, bounds, order statistics, reasons."""
    caption = "Scored, of all answers. Bounds: the mean if every answer that failed or waits stood at the worst, or at the best, end of the scale."
    columns = ("metric", "scored", "mean", "95 % interval", "bounds", "min", "median", "max", "without a value")
    return ReportTable("metrics", "Every metric: n of N, and why not the rest", caption, columns, [_metric_row(summary) for summary in report.metrics])


def _metric_row(summary: MetricSummary) -> list[TableCell]:
    estimate = summary.estimate
    reasons = [f"{reason} {count:,}" for reason, count in summary.unscored.items() if count]
    reasons += [f"pending {summary.pending:,}"] if summary.pending else []
    interval = span(estimate.low, estimate.high, summary) if estimate.low is not None and estimate.high is not None else NONE
    return [
        TableCell(shown(summary.name)),
        TableCell(f"{summary.scored:,} of {summary.cells:,}", "n"),
        TableCell(NONE if estimate.mean is None else amount(estimate.mean, summary), "n"),
        TableCell(interval, "n"),
        TableCell(bounds_text(summary), "n"),
        *(TableCell(NONE if value is None else plain_number(value), "n") for value in (summary.smallest, summary.median, summary.largest)),
        TableCell(", ".join(shown(reason) for reason in reasons) or NONE, "text"),
    ]


def bounds_text(summary: MetricSummary) -> str:
    """Worst and best mean with what is missing at both ends; a dash where nothing is missing."""
    if not summary.failed and not summary.pending:
        return NONE
    if summary.worst is None and summary.best is None:
        return "unbounded"
    return " to ".join("open" if end is None else amount(end, summary) for end in (summary.worst, summary.best))


def measure_table(report: Report) -> ReportTable:
    """What was measured how."""
    direction: Mapping[bool | None, str] = {True: "higher", False: "lower", None: NONE}
    rows = [
        [
            TableCell(shown(item.name)),
            TableCell(shown(item.definition, 300), "text"),
            TableCell(shown(item.setting, 200), "text"),
            TableCell(_range(item.range, plain_number)),
            TableCell(direction[item.higher_is_better]),
            TableCell(str(item.version), "n"),
            TableCell(shown(item.identity, 12)),
        ]
        for item in report.measures
    ]
    caption = "A metric with another identity is another series: the two are never mixed."
    return ReportTable("measures", "What was measured, and how", caption, ("metric", "definition", "scorer", "range", "better", "version", "identity"), rows)


def _range(ends: tuple[float | None, float | None], show: Callable[[float], str]) -> str:
    low, high = ends
    if low is None:
        return "any" if high is None else f"up to {show(high)}"
    return f"from {show(low)}" if high is None else f"{show(low)} to {show(high)}"
