"""Small charts as inline SVG: lines with interval bands over time, forest rows, histograms. No script, no style attribute.

Colours are classes (c0 to c5, dashes d0 to d2) that the page's style sheet defines for light and dark.
Every mark carries a <title> with its numbers; every text from data is made visible and escaped.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from html import escape
from typing import Any

from judgecli.renderers.safe import terminal_line
from judgecli.report import Distribution, PolicyStanding, Series, SeriesPoint

FormatNumber = Callable[[float], str]
AxisScale = tuple[float | None, float | None]
Change = Mapping[str, Any]  # where a judge changed, as signal/linked.py tells it
COLOURS, DASHES = 6, 3
MOST_TICKS = 5
FEW = 20  # answers: below it a mark is hollow


@dataclass(frozen=True)
class Frame:
    """The size of a chart and the margins that its axes need."""

    width: int
    height: int
    left: int = 44
    right: int = 10
    top: int = 8
    bottom: int = 22

    @property
    def inner_width(self) -> int:
        """What is left for the marks."""
        return self.width - self.left - self.right

    @property
    def inner_height(self) -> int:
        """What is left for the marks."""
        return self.height - self.top - self.bottom


@dataclass(frozen=True)
class Look:
    """Which colour and dash each policy has on the whole page: the first column decides the colour, the rest the dash."""

    colours: dict[str, int] = field(default_factory=dict)
    dashes: dict[str, int] = field(default_factory=dict)

    def of(self, policy: str) -> str:
        """The classes of a policy."""
        return f"c{self.colours.get(policy, COLOURS - 1)} d{self.dashes.get(policy, 0)}"


def look_of(policies: Sequence[str]) -> Look:
    """Colours by the first value of a policy, dashes by the rest, in their order."""
    heads = list(dict.fromkeys(policy.partition(" · ")[0] for policy in policies))
    tails = list(dict.fromkeys(policy.partition(" · ")[2] for policy in policies))
    return Look(
        {policy: min(heads.index(policy.partition(" · ")[0]), COLOURS - 1) for policy in policies},
        {policy: min(tails.index(policy.partition(" · ")[2]), DASHES - 1) for policy in policies},
    )


def visible(text: str, most: int = 80) -> str:
    """A text from data as HTML text: control and bidi characters written out, cut visibly, escaped."""
    return escape(terminal_line(text, limit=most), quote=True)


def ticks(low: float, high: float, most: int = MOST_TICKS) -> list[float]:
    """Round numbers that span low to high, at most `most` + 1 of them.

    >>> ticks(0.12, 0.57)
    [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]
    """
    if not (math.isfinite(low) and math.isfinite(high)) or high - low < max(1e-12 * max(abs(low), abs(high)), 1e-300):
        middle = low if math.isfinite(low) else 0.0
        return [middle - (abs(middle) or 1) * 0.1, middle, middle + (abs(middle) or 1) * 0.1]
    power = 10.0 ** math.floor(math.log10((high - low) / most))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10, 20) if (high - low) / (factor * power) <= most - 0.001)
    return [round(number * step, 12) for number in range(math.floor(low / step), math.ceil(high / step) + 1)]


def _svg(frame: Frame, label: str, parts: Sequence[str], *, kind: str = "", more: Sequence[str] = ()) -> str:
    """The element; `more` is said to whoever listens, after the label."""
    said = ". ".join([visible(label, 200), *(visible(text, 400) for text in more[:6])])
    return f'<svg class="chart {kind}" viewBox="0 0 {frame.width} {frame.height}" role="img" aria-label="{said}">{"".join(parts)}</svg>'


def line_chart(
    series: Sequence[Series],
    look: Look,
    show: FormatNumber,
    frame: Frame,
    *,
    labels: bool = False,
    scale: AxisScale = (None, None),
    changes: Sequence[Change] = (),
) -> str:
    """Means over time, a line and a band of its interval a policy; policies at the line's end where `labels`.

    `scale` cuts the axis where the metric ends. Windows without a mean leave a gap. `changes`: where the judge of this metric changed; what
    is linked across it is drawn as a dashed line beside the raw one.
    """
    lines = [(line, [point for point in line.points if point.start is not None]) for line in series]
    drawn = [(line, points) for line, points in lines if any(point.mean is not None for point in points)]
    if not drawn:
        return '<p class="none">No window has a mean and a time.</p>'
    low, high = _extent([point for _, points in drawn for point in points], scale)
    rows = _clipped(ticks(low, high, 4), scale)
    starts = [_middle(point) for _, points in drawn for point in points]
    first, last = min(starts), max(starts)
    span = (last - first) / timedelta(seconds=1) or 1.0

    def place_x(point: SeriesPoint) -> float:
        return frame.left + (0.5 if first == last else (_middle(point) - first) / timedelta(seconds=1) / span) * frame.inner_width

    def place_y(value: float) -> float:
        share = (value - rows[0]) / (rows[-1] - rows[0])
        return frame.top + (1 - min(max(share, 0.0), 1.0)) * frame.inner_height

    parts = [*_rows(rows, place_y, show, frame), *_dates([point for _, points in drawn for point in points], place_x, frame)]
    parts += [_band(points, place_x, place_y, _style(line, look)) for line, points in drawn]
    parts += [_line(line, points, place_x, place_y, look, show) for line, points in drawn]
    parts += judge_rules(changes, {_middle(point): place_x(point) for _, points in drawn for point in points}, show, frame)
    if labels:
        parts += _ends([(line, points) for line, points in drawn if not line.linked], place_y, look, frame)
    names = ", ".join(dict.fromkeys(line.policy for line, _ in drawn))
    return _svg(frame, f"{drawn[0][0].metric} over time by policy: {names}", parts, kind="lines", more=[change_line(change) for change in changes])


def _style(line: Series, look: Look) -> str:
    return look.of(line.policy) + (" linked" if line.linked else "")


def _extent(points: Sequence[SeriesPoint], scale: AxisScale) -> tuple[float, float]:
    """What the axis spans: every mean, and the intervals as far as they do not flatten the lines (a band is cut at the frame)."""
    means = [point.mean for point in points if point.mean is not None]
    widths = sorted(point.high - point.low for point in points if point.low is not None and point.high is not None)
    usual = widths[len(widths) // 2] if widths else 0.0
    reach = max(max(means) - min(means), usual) * 0.6
    ends = [end for point in points for end in (point.low, point.high) if end is not None]
    low, high = max(min([*means, *ends]), min(means) - reach), min(max([*means, *ends]), max(means) + reach)
    floor, ceiling = scale
    return (low if floor is None else max(low, floor)), (high if ceiling is None else min(high, ceiling))


def _clipped(rows: list[float], scale: AxisScale) -> list[float]:
    low, high = scale
    kept = [row for row in rows if (low is None or row >= low - 1e-12) and (high is None or row <= high + 1e-12)]
    return kept if len(kept) > 1 else rows


def _middle(point: SeriesPoint) -> datetime:
    if point.start is None:
        raise ValueError("a window without time has no place on the axis")
    return point.start


def _rows(rows: Sequence[float], place: Callable[[float], float], show: FormatNumber, frame: Frame) -> list[str]:
    return [
        f'<line class="grid" x1="{frame.left}" x2="{frame.width - frame.right}" y1="{place(row):.1f}" y2="{place(row):.1f}"/>'
        f'<text class="tick" x="{frame.left - 6}" y="{place(row) + 3.5:.1f}" text-anchor="end">{escape(show(row))}</text>'
        for row in rows
    ]


def _dates(points: Sequence[SeriesPoint], place: Callable[[SeriesPoint], float], frame: Frame) -> list[str]:
    distinct = sorted({_middle(point): point for point in points}.items())
    room = max(2, frame.inner_width // 62)
    every = max(1, math.ceil(len(distinct) / room))
    hours = len({start.date() for start, _ in distinct}) == 1 and len(distinct) > 1
    years = len({start.year for start, _ in distinct}) > 1
    chosen = distinct[::every]
    return [
        f'<text class="tick" x="{place(point):.1f}" y="{frame.height - 6}" text-anchor="middle">{_date(start, hours=hours, years=years)}</text>'
        for start, point in chosen
    ]


MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def _date(start: datetime, *, hours: bool, years: bool) -> str:
    if hours:
        return f"{start.hour:02}:{start.minute:02}"
    return f"{MONTHS[start.month - 1]} {start.year}" if years else f"{start.day} {MONTHS[start.month - 1]}"


def _stretches(points: Sequence[SeriesPoint]) -> list[list[SeriesPoint]]:
    """Runs of windows with a mean."""
    found: list[list[SeriesPoint]] = [[]]
    for point in points:
        if point.mean is None:
            found.append([])
        else:
            found[-1].append(point)
    return [run for run in found if run]


def _band(points: Sequence[SeriesPoint], place_x: Callable[[SeriesPoint], float], place_y: Callable[[float], float], style: str) -> str:
    parts = []
    for run in _stretches([point if point.low is not None else SeriesPoint(point.start, point.end, point.n, None, None, None) for point in points]):
        upper = [f"{place_x(point):.1f},{place_y(point.high or 0.0):.1f}" for point in run]
        lower = [f"{place_x(point):.1f},{place_y(point.low or 0.0):.1f}" for point in reversed(run)]
        if len(run) > 1:
            parts.append(f'<polygon class="band {style}" points="{" ".join(upper + lower)}"/>')
        else:
            x = f"{place_x(run[0]):.1f}"
            parts.append(f'<line class="whisker {style}" x1="{x}" x2="{x}" y1="{place_y(run[0].low or 0.0):.1f}" y2="{place_y(run[0].high or 0.0):.1f}"/>')
    return "".join(parts)


def _line(
    line: Series, points: Sequence[SeriesPoint], place_x: Callable[[SeriesPoint], float], place_y: Callable[[float], float], look: Look, show: FormatNumber
) -> str:
    style, shape = _style(line, look), look.colours.get(line.policy, COLOURS - 1)
    parts = []
    for run in _stretches(points):
        places = [(place_x(point), place_y(point.mean or 0.0)) for point in run]
        if len(run) > 1:
            parts.append(f'<polyline class="line {style}" points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in places)}"/>')
        for (x, y), point in zip(places, run, strict=True):
            parts.append(f'<path class="mark {style}{few(point)}" d="{_mark(x, y, shape)}"><title>{_told(line, point, show)}</title></path>')
    return "".join(parts)


def few(point: SeriesPoint) -> str:
    """A class for marks that rest on too few answers to be read as more than a hint."""
    return " few" if point.n < FEW else ""


def _mark(x: float, y: float, shape: int) -> str:
    """A circle, square, triangle, diamond, cross or bar: policies differ without colour too."""
    if shape == 1:
        return f"M{x - 2.6:.1f} {y - 2.6:.1f}h5.2v5.2h-5.2z"
    if shape == 2:
        return f"M{x:.1f} {y - 3.6:.1f}l3.6 6.2h-7.2z"
    if shape == 3:
        return f"M{x:.1f} {y - 3.8:.1f}l3.8 3.8l-3.8 3.8l-3.8 -3.8z"
    if shape == 4:
        return f"M{x:.1f} {y + 3.6:.1f}l3.6 -6.2h-7.2z"
    if shape == 5:
        return f"M{x - 1.4:.1f} {y - 3.6:.1f}h2.8v7.2h-2.8z"
    return f"M{x - 2.8:.1f} {y:.1f}a2.8 2.8 0 1 0 5.6 0a2.8 2.8 0 1 0 -5.6 0z"


def _told(line: Series, point: SeriesPoint, show: FormatNumber) -> str:
    start = "" if point.start is None else f"{point.start:%Y-%m-%d %H:%M}" if point.start.hour or point.start.minute else f"{point.start:%Y-%m-%d}"
    interval = f" ({show(point.low)} to {show(point.high)})" if point.low is not None and point.high is not None else ", no interval"
    rest = f", n {point.n:,}{'' if point.final else ', not final'}{', in units of the first judge' if line.linked else ''}"
    return f"{visible(line.policy)}, from {start}: {escape(show(point.mean or 0.0))}{escape(interval)}{rest}"


def judge_rules(changes: Sequence[Change], places: Mapping[datetime, float], show: FormatNumber, frame: Frame) -> list[str]:
    """A dotted rule before the first window of a new judge, with what the anchors say of it in a few words and, as its title, in full."""
    found = []
    for row, (change, moment) in enumerate((change, datetime.fromisoformat(change["window_start"])) for change in changes if change["window_start"]):
        earlier, later = [time for time in places if time < moment], [time for time in places if time >= moment]
        if not later:
            continue
        x = places[min(later)] if not earlier else (places[max(earlier)] + places[min(later)]) / 2
        end, offset = ("end", -4) if x > frame.left + frame.inner_width * 0.6 else ("start", 4)
        found.append(
            f'<g class="judge"><title>{visible(change_line(change), 600)}</title>'
            f'<line class="break" x1="{x:.1f}" x2="{x:.1f}" y1="{frame.top}" y2="{frame.height - frame.bottom}"/>'
            f'<text class="name" x="{x + offset:.1f}" y="{frame.top + 9 + 13 * (row % 3)}" text-anchor="{end}">{escape(change_label(change, show))}</text></g>'
        )
    return found


def change_label(change: Change, show: FormatNumber) -> str:
    """`judge +0.21`, `app`, `unclear +0.02`, or that nothing links the two."""
    if change["shift"] is None:
        return "measured anew, not linked"
    words = {"judge": "judge changed", "app": "new judge; app changed"}.get(change["verdict"], "new judge, unclear")
    return f"{words}: {'+' if change['shift'] > 0 else ''}{show(change['shift'])}"


def change_line(change: Change) -> str:
    """Where the judge changed, in full."""
    start = "" if change["window_start"] is None else f"from {str(change['window_start'])[:16].replace('T', ' ').removesuffix(' 00:00')}: "
    return f"{start}{change['message']}"


def _ends(drawn: Sequence[tuple[Series, Sequence[SeriesPoint]]], place_y: Callable[[float], float], look: Look, frame: Frame) -> list[str]:
    """The policies' names beside the ends of their last lines, moved apart where they would overlap."""
    ends: dict[str, SeriesPoint] = {}
    for line, points in drawn:
        last = next(point for point in reversed(points) if point.mean is not None)
        if line.policy not in ends or _middle(last) >= _middle(ends[line.policy]):
            ends[line.policy] = last
    wanted = sorted((place_y(last.mean or 0.0), policy) for policy, last in ends.items())
    heights: list[float] = []
    for y, _ in wanted:
        heights.append(max(y, heights[-1] + 13) if heights else y)
    overflow = max(0.0, heights[-1] - (frame.height - frame.bottom)) if heights else 0.0
    x = frame.width - frame.right + 10
    return [
        f'<path class="mark {look.of(policy)}" d="{_mark(x, y - overflow, look.colours.get(policy, COLOURS - 1))}"/>'
        f'<text class="name" x="{x + 8}" y="{y - overflow + 4:.1f}">{visible(policy, 30)}</text>'
        for y, (_, policy) in zip(heights, wanted, strict=True)
    ]


def forest(standings: Sequence[PolicyStanding], look: Look, show: FormatNumber, frame: Frame, *, scale: AxisScale = (None, None)) -> str:
    """A row a policy: its mean as a mark, its interval as a bar, the mean in figures."""
    shown = [item for item in standings if item.mean is not None]
    if not shown:
        return '<p class="none">Nothing was scored.</p>'
    values = [value for item in shown for value in (item.mean, item.low, item.high) if value is not None]
    columns = _clipped(ticks(min(values), max(values), 4), scale)
    pitch = 20
    inner = Frame(frame.width, 12 + pitch * len(standings) + 18, frame.left, frame.right)

    def place(value: float) -> float:
        return inner.left + (value - columns[0]) / (columns[-1] - columns[0]) * inner.inner_width

    bottom = inner.height - 18
    parts = [f'<line class="grid" x1="{place(value):.1f}" x2="{place(value):.1f}" y1="4" y2="{bottom}"/>' for value in columns]
    parts += [
        f'<text class="tick" x="{place(value):.1f}" y="{inner.height - 5}" text-anchor="middle">{escape(show(value))}</text>'
        for value in columns[:: 1 if len(columns) < 5 else 2]
    ]
    parts += [_forest_row(item, 16 + pitch * row, place, look, show, inner) for row, item in enumerate(standings)]
    return _svg(inner, f"{standings[0].metric} by policy over all time", parts, kind="forest")


def _forest_row(item: PolicyStanding, y: int, place: Callable[[float], float], look: Look, show: FormatNumber, frame: Frame) -> str:
    style = look.of(item.policy)
    name = f'<text class="name" x="{frame.left - 8}" y="{y + 4}" text-anchor="end">{visible(item.policy, 24)}</text>'
    if item.mean is None:
        return f'{name}<text class="tick" x="{frame.left + 4}" y="{y + 4}">{visible(item.why or "no mean")}</text>'
    interval = f" ({show(item.low)} to {show(item.high)})" if item.low is not None and item.high is not None else " (no interval)"
    told = f"{visible(item.policy)}: {escape(show(item.mean))}{escape(interval)}, {item.n:,} of {item.of:,} scored, {item.clusters:,} clusters"
    bar = ""
    if item.low is not None and item.high is not None:
        bar = f'<line class="bar {style}" x1="{place(item.low):.1f}" x2="{place(item.high):.1f}" y1="{y}" y2="{y}"/>'
    mark = _mark(place(item.mean), y, look.colours.get(item.policy, COLOURS - 1))
    figure = f'<text class="figure" x="{frame.width - 2}" y="{y + 4}" text-anchor="end">{escape(show(item.mean))}</text>'
    return f'<g><title>{told}</title>{name}{bar}<path class="mark {style}" d="{mark}"/>{figure}</g>'


def histogram(spread: Distribution, show: FormatNumber, frame: Frame) -> str:
    """Counts by bin as columns, those beyond either end as paler ones."""
    bars = [("below " + show(spread.edges[0]), spread.below, True)] if spread.below else []
    bars += [(f"{show(low)} to {show(high)}", count, False) for low, high, count in zip(spread.edges, spread.edges[1:], spread.counts, strict=False)]
    bars += [("from " + show(spread.edges[-1]), spread.above, True)] if spread.above else []
    most = max(count for _, count, _ in bars)
    pitch = frame.inner_width / len(bars)
    bottom = frame.height - frame.bottom
    parts = [
        f'<text class="tick" x="{frame.left - 6}" y="{frame.top + 8}" text-anchor="end">{most:,}</text>'
        f'<line class="axis" x1="{frame.left}" x2="{frame.width - frame.right}" y1="{bottom}" y2="{bottom}"/>'
    ]
    for place, (name, count, beyond) in enumerate(bars):
        height = count / most * frame.inner_height
        parts.append(
            f'<rect class="{"beyond" if beyond else "column"}" x="{frame.left + place * pitch + 0.5:.1f}" y="{bottom - height:.1f}" '
            f'width="{max(pitch - 1, 0.6):.1f}" height="{height:.1f}"><title>{escape(name)}: {count:,} ({count / spread.n:.1%})</title></rect>'
        )
    offset = 1 if spread.below else 0
    shown = ticks(spread.edges[0], spread.edges[-1], 4)
    width = (spread.edges[-1] - spread.edges[0]) or 1.0
    for value in shown:
        if spread.edges[0] <= value <= spread.edges[-1]:
            x = frame.left + (offset + (value - spread.edges[0]) / width * len(spread.counts)) * pitch
            parts.append(f'<text class="tick" x="{x:.1f}" y="{frame.height - 6}" text-anchor="middle">{escape(show(value))}</text>')
    return _svg(frame, f"distribution of {spread.metric}, {spread.n} values", parts, kind="histogram")
