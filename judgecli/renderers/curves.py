"""Lines over a numeric axis as inline SVG, for reliability and best-of-n curves: points with intervals, straight or on a logarithmic axis."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from judgecli.renderers import charts
from judgecli.renderers.charts import FormatNumber, Frame, visible


@dataclass(frozen=True)
class CurvePlace:
    """One point of a curve; `told` is what its title says."""

    x: float
    y: float
    low: float | None = None
    high: float | None = None
    told: str = ""


@dataclass(frozen=True)
class Curve:
    """A named line. `colour` is 0 to 5; `plain` draws no marks (a reference line)."""

    name: str
    places: Sequence[CurvePlace]
    colour: int = 0
    plain: bool = False


def curve_chart(
    curves: Sequence[Curve], label: str, show: FormatNumber, frame: Frame, *, x_ticks: Sequence[float], show_x: FormatNumber, log: bool = False
) -> str:
    """The curves in one frame, with whiskers where a point has an interval. `x_ticks` are where the axis is written; `log` spaces it by powers."""
    drawn = [curve for curve in curves if curve.places]
    if not drawn:
        return '<p class="none">Nothing to draw.</p>'
    values = [value for curve in drawn for place in curve.places for value in (place.y, place.low, place.high) if value is not None]
    rows = charts.ticks(min(values), max(values), 4)
    spans = [math.log(x) if log else x for x in [*x_ticks, *(place.x for curve in drawn for place in curve.places)]]
    first, width = min(spans), (max(spans) - min(spans)) or 1.0

    def place_x(x: float) -> float:
        return frame.left + 8 + ((math.log(x) if log else x) - first) / width * (frame.inner_width - 16)

    def place_y(y: float) -> float:
        return frame.top + (1 - (y - rows[0]) / ((rows[-1] - rows[0]) or 1.0)) * frame.inner_height

    parts = charts._rows(rows, place_y, show, frame)
    parts += [f'<text class="tick" x="{place_x(x):.1f}" y="{frame.height - 6}" text-anchor="middle">{escape(show_x(x))}</text>' for x in x_ticks]
    for curve in drawn:
        style = f"c{curve.colour} d{1 if curve.plain else 0}"
        points = " ".join(f"{place_x(place.x):.1f},{place_y(place.y):.1f}" for place in curve.places)
        parts.append(f'<polyline class="line {style}" points="{points}"/>')
        for place in curve.places:
            if place.low is not None and place.high is not None:
                ends = f'y1="{place_y(place.low):.1f}" y2="{place_y(place.high):.1f}"'
                parts.append(f'<line class="whisker {style}" x1="{place_x(place.x):.1f}" x2="{place_x(place.x):.1f}" {ends}/>')
            if not curve.plain:
                mark = charts._mark(place_x(place.x), place_y(place.y), curve.colour)
                parts.append(f'<path class="mark {style}" d="{mark}"><title>{visible(curve.name)}: {visible(place.told, 120)}</title></path>')
    return charts._svg(frame, label, parts, kind="lines")
