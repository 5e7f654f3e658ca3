"""S4: a page of at most 500 kB and a document of at most 200 kB, whatever the report holds; and charts that are what they say."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from reports import report_of

from judgecli.renderers import charts
from judgecli.renderers.charts import Frame, look_of, ticks
from judgecli.renderers.report_html import MOST_BYTES, report_html
from judgecli.renderers.report_markdown import MOST_BYTES as MARKDOWN_BYTES
from judgecli.renderers.report_markdown import plain, report_markdown
from judgecli.renderers.report_terminal import report_text
from judgecli.report import Distribution, Series, SeriesPoint


@pytest.mark.parametrize(
    ("metrics", "windows", "policies", "text"),
    [(1, 1, 1, "m"), (20, 40, 12, "metric"), (8, 3000, 12, "metric"), (300, 3, 12, "metric"), (60, 40, 12, "\u202e" * 300), (30, 10, 12, "x" * 200_000)],
)
def test_the_size_has_a_limit(metrics, windows, policies, text):
    report = report_of([f"{text}{number}" for number in range(metrics)], windows=windows, policies=policies, pending=1)
    page, document = report_html(report), report_markdown(report)
    assert len(page.encode()) <= MOST_BYTES
    assert len(document.encode()) <= MARKDOWN_BYTES
    assert "PARTIAL" in page
    assert "PARTIAL" in document
    assert report_text(report)


def test_what_is_left_out_is_said():
    page = report_html(report_of([f"metric {number}" for number in range(8)], windows=900, policies=12))
    assert "to keep the page small" in page


@pytest.mark.parametrize(("low", "high"), [(0, 1), (0.12, 0.57), (-5, 1e6), (1e-9, 2e-9), (3, 3), (1e300, 1.5e300), (1e15, 1e15 + 1)])
def test_ticks_cover_the_values(low, high):
    found = ticks(low, high)
    assert 2 <= len(found) <= 8
    assert found == sorted(found)
    assert found[0] <= low
    assert found[-1] >= high or high - low < 1e-12 * abs(high)


START = datetime(2026, 1, 1, tzinfo=UTC)


def chart(*means: float | None) -> str:
    points = [
        SeriesPoint(START + timedelta(days=day), None, 30, mean, None if mean is None else mean - 0.1, None if mean is None else mean + 0.1)
        for day, mean in enumerate(means)
    ]
    return charts.line_chart([Series("m", "p", "i", points)], look_of(["p"]), str, Frame(360, 170))


def test_a_window_without_a_mean_is_a_gap():
    drawn = chart(0.1, 0.2, None, 0.4, 0.5)
    assert drawn.count("<polyline") == 2
    assert drawn.count('<path class="mark') == 4
    assert chart(None, None) == '<p class="none">No window has a mean and a time.</p>'


def test_places_follow_values():
    heights = [float(y) for y in re.findall(r'<path class="mark[^"]*" d="M[\d.]+ ([\d.]+)a', chart(0.1, 0.3, 0.2))]
    assert heights[0] > heights[2] > heights[1]


def test_a_new_judge_draws_a_rule_that_says_whose_doing_it_is():
    points = [SeriesPoint(START, None, 30, 0.5, 0.4, 0.6)]
    later = [SeriesPoint(START + timedelta(days=1), None, 30, 0.7, 0.6, 0.8)]
    change = {
        "metric": "m",
        "window_start": (START + timedelta(days=1)).isoformat(),
        "verdict": "judge",
        "shift": 0.2,
        "message": "measured by <b> from here on",
    }
    raw = [Series("m", "p", "one", points), Series("m", "p", "two", later)]
    linked = Series("m", "p", "two", [SeriesPoint(START + timedelta(days=1), None, 30, 0.5, 0.3, 0.7)], linked=True)
    drawn = charts.line_chart([*raw, linked], look_of(["p"]), str, Frame(360, 170), labels=True, changes=[change])
    assert drawn.count('class="break"') == 1
    assert ">judge changed: +0.2</text>" in drawn
    assert "<title>from 2026-01-02: measured by &lt;b&gt; from here on</title>" in drawn
    assert "from 2026-01-02: measured by &lt;b&gt; from here on" in drawn[: drawn.index(">")]  # and for whoever listens
    assert "in units of the first judge</title>" in drawn
    assert drawn.count('class="mark c0 d0 linked"') == 1
    assert drawn.count(">p</text>") == 1  # the policy stands once at the end of its last line
    assert 'class="break"' not in charts.line_chart(raw, look_of(["p"]), str, Frame(360, 170))


def test_a_change_without_anchors_says_that_nothing_links():
    change = {"metric": "m", "window_start": (START + timedelta(days=1)).isoformat(), "verdict": "unclear", "shift": None, "message": "why"}
    assert charts.change_label(change, str) == "measured anew, not linked"
    assert charts.change_line(change | {"window_start": None}) == "why"


def test_columns_are_as_high_as_counts():
    drawn = charts.histogram(Distribution("m", 30, (0, 1, 2), (10, 20)), str, Frame(360, 140, top=0, bottom=40))
    assert re.findall(r'class="column"[^>]* height="([\d.]+)"', drawn) == ["50.0", "100.0"]


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("a_b*c", r"a\_b\*c"),
        ("1. one", r"1\. one"),
        ("<b>", r"\<b\>"),
        ("a|b\nc", r"a\|b c"),
        ("www.x.org", r"www\.x.org"),
        ("http://x", r"http\://x"),
        ("\\<", r"\\\<"),
    ],
)
def test_markdown_of_a_text_is_the_text(text, written):
    assert plain(text) == written
