"""Alarms as text: a line each for what people read first, a table of all."""

from collections.abc import Sequence

from rich.console import RenderableType
from rich.text import Text

from judgecli.document import Document
from judgecli.renderers.safe import terminal_line
from judgecli.renderers.terminal import DASH, Page, number, render, table
from judgecli.signal.report.sentence import since_text, span_text

MOST_LINES = 8  # of open alarms, where other things stand below
COLUMNS = ("id", "state", "metric", "where", "what", "since", "between", "was", "is", "by", "noticed", "")
SHARES = {"missing": "failed", "not_applicable": "not applicable"}  # kinds of charts that watch a share of cells without a score
WORDS = {True: "worse", False: "better", None: ""}
STYLES = {True: "bold red", False: "green", None: "bold yellow"}


def sort_alarms(alarms: Sequence[Document]) -> list[Document]:
    """The open ones first, and of those what is for the worse; else as they came (the newest first)."""
    return sorted(alarms, key=lambda alarm: (alarm["state"] != "open", alarm["state"] == "open" and alarm["worse"] is not True))


def alarm_text(alarm: Document) -> str:
    """`quantities dropped from 0.98 to 0.739 (by 0.091 to 0.54) since 2026-09-20, cannot tell better than ... to ... (all records; noticed 2026-09-22)`."""
    by = change_text(alarm)
    change = f"{_what(alarm)} from {_amount(alarm, 'before')} to {_amount(alarm, 'after')}{f' (by {by})' if by else ''}"
    judge = f"; {alarm['judge']['message']}" if alarm.get("judge") else ""
    return f"{change} since {since_text(alarm)} ({_where(alarm)}; noticed {alarm['time'][:10]}){judge}"


def _what(alarm: Document) -> str:
    if alarm["kind"] in SHARES:
        some = f", {alarm['count']:,.0f} of {alarm['n']:,} {SHARES[alarm['kind']]}," if alarm.get("count") is not None else ","
        return f"{alarm['metric']} has no score more often{some}"
    return f"{alarm['metric']} {'dropped' if alarm['direction'] == 'drop' else 'rose'}"


def _amount(alarm: Document, name: str) -> str:
    return f"{100 * alarm[name]:.3g} %" if alarm["kind"] in SHARES else number(alarm[name])


def change_text(alarm: Document) -> str:
    """How much it changed at least and at most (95 %), two digits: `0.091 to 0.54`; empty where the alarm is older than such intervals."""
    if alarm.get("size_low") is None:
        return ""
    ends = sorted(abs(alarm[name]) for name in ("size_low", "size_high"))
    if alarm["kind"] in SHARES:
        return f"{100 * ends[0]:.2g} to {100 * ends[1]:.2g} points"
    return f"{number(float(f'{ends[0]:.2g}'))} to {number(float(f'{ends[1]:.2g}'))}"


def _where(alarm: Document) -> str:
    return ", ".join(f"{name} {DASH if value is None else value}" for name, value in alarm["policy"].items()) or "all records"


def alarm_lines(alarms: Sequence[Document], *, most: int = MOST_LINES) -> list[RenderableType]:
    """A line for each open alarm, to stand above other results; none where none is open."""
    open_ = [alarm for alarm in sort_alarms(alarms) if alarm["state"] == "open"]
    lines: list[RenderableType] = []
    for place, alarm in enumerate(open_[:most]):
        word = f"  {WORDS[alarm['worse']]}" if WORDS[alarm["worse"]] else ""
        lines.append(
            Text.assemble((f"{'ALARM' if place == 0 else '':<11}", "bold red"), (terminal_line(alarm_text(alarm) + word, limit=400), STYLES[alarm["worse"]]))
        )
    if len(open_) > most:
        lines.append(Text(f"{'':<11}and {len(open_) - most:,} more: judge alarms list"))
    return lines


def doing_text(alarm: Document) -> str:
    """Whose doing an alarm is, as far as the judge is looked at: `judge`, `app`, or `unclear`, with the day on which its served model changed."""
    judge = alarm.get("judge")
    if not judge:
        return ""
    return str(judge["cause"]) + (f" (judge's model changed {judge['changed']})" if judge["changed"] else "")


def alarm_columns(alarms: Sequence[Document]) -> list[str]:
    """The columns of a table of these alarms: whose doing they are where any says so."""
    return [*COLUMNS[:-1], *(["whose doing"] if any(alarm.get("judge") for alarm in alarms) else []), COLUMNS[-1]]


def alarm_cells(alarm: Document, columns: Sequence[str] = COLUMNS) -> list[str]:
    """One alarm as the texts of these columns."""
    what = f"{SHARES[alarm['kind']]} more often" if alarm["kind"] in SHARES else alarm["direction"]
    state = "accepted" if alarm["accepted"] else alarm["state"]
    values = (_amount(alarm, "before"), _amount(alarm, "after"), change_text(alarm))
    doing = [doing_text(alarm)] if "whose doing" in columns else []
    days = (alarm["since"][:10], span_text(alarm))
    return [alarm["id"], state, alarm["metric"], _where(alarm), what, *days, *values, alarm["time"][:10], *doing, WORDS[alarm["worse"]]]


def alarms_page(document: Document, page: Page) -> str:
    """What `judge alarms` prints."""
    alarms, charts = document["alarms"], document["charts"]
    counts = {state: sum(chart["state"] == state for chart in charts) for state in ("watching", "changed", "no reference yet")}
    until = f" up to {document['until'][:10]}" if document["until"] else ""
    said = ", ".join(f"{count:,} {state}" for state, count in counts.items() if count)
    states = {state: sum(alarm["state"] == state for alarm in alarms) for state in ("open", "recovered", "closed")}
    told = ", ".join(f"{count:,} {state}" for state, count in states.items() if count)
    parts: list[RenderableType] = [Text(f"alarms    {told or 'none'}", "bold"), Text(f"charts    {said or 'none'}; watched{until}")]
    if alarms:
        columns = alarm_columns(alarms)
        rows = [[terminal_line(cell, limit=120) for cell in alarm_cells(alarm, columns)] for alarm in sort_alarms(alarms)]
        parts.append(table(columns, rows, right=["was", "is", "by"]))
    parts += [Text(f"judge     {alarm['id']}: {terminal_line(str(alarm['judge']['message']), limit=400)}") for alarm in alarms if alarm.get("judge")]
    parts += [Text(f"          {alarm['id']}: {terminal_line(str(alarm['comment']), limit=300)}", "dim") for alarm in alarms if alarm["comment"]]
    parts += [Text(f"note      {terminal_line(str(note))}") for note in document["notes"]]
    return render(parts, page)
