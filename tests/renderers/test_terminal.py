from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from judgecli.renderers import terminal
from judgecli.renderers.terminal import Page, inspection, number, range_text, scorer_list, scorer_page, summary

GOLDEN = Path(__file__).parents[1] / "data" / "golden"


def metric(**given):
    return {
        "scored": 596,
        "unscored": {},
        "pending": 0,
        "mean": 41.234,
        "low": 40.1,
        "high": 42.4,
        "worst": 41.234,
        "best": 41.234,
        "min": 1.0,
        "p50": 40.0,
        "max": 1200.0,
        "identity": "0" * 16,
        **given,
    }


def document(**metrics):
    return {
        "records": {"lines": 1604, "accepted": 1596, "new": 596, "quarantined": 4, "duplicate": 3, "forgotten": 1},
        "metrics": metrics,
        "judge": {"calls": 0, "cached": 0, "tokens_in": None, "tokens_out": None, "cost_usd": None},
        "complete": not any(given["pending"] or set(given["unscored"]) - {"not_applicable"} for given in metrics.values()),
        "notes": ["12 ids stand for more than one record"],
        "shortfalls": ["json_valid: 97.1% measured, less than 98.0%"],
        "files": [
            {"path": "app.csv", "mapping": {"output": "answer", "input": "q"}, "guessed": True},
            {"path": "b.csv", "mapping": {"output": "answer", "input": "q"}, "guessed": True},
        ],
    }


NOTHING = dict.fromkeys(("mean", "low", "high", "worst", "best", "min", "p50", "max"))
WHOLE = document(
    words=metric(),
    json_valid=metric(
        scored=500, unscored={"not_applicable": 90, "metric_error": 6}, mean=0.99996, low=0.9, high=1.0, worst=0.89, best=0.91, min=0.0, p50=1.0, max=1.0
    ),
    latency_ms=metric(scored=590, unscored={"metric_error": 4}, pending=2, worst=None, best=None),
    language=metric(**NOTHING, categories={"en": 500, "de": 96}, reasons={"mean": "a category has no mean"}),
    broken=metric(scored=0, unscored={"metric_error": 596}, **NOTHING),
)


@pytest.mark.parametrize(("name", "width"), [("summary.txt", 120), ("summary_narrow.txt", 80)])
def test_summary_is_the_golden_one(name, width):
    assert summary(WHOLE, Page(width)) == (GOLDEN / name).read_text(encoding="utf-8")


def test_partial_is_marked_exactly_where_something_is_missing():
    assert "PARTIAL" not in summary(document(words=metric(), some=metric(scored=1, unscored={"not_applicable": 595})))
    for missing in ({"pending": 1}, {"unscored": {"metric_error": 1}}, {"unscored": {"a_reason_of_tomorrow": 1}}):
        assert summary(document(words=metric(), some=metric(**missing))).startswith("PARTIAL   1 of 2")
    assert summary({**document(words=metric()), "complete": False}).startswith("PARTIAL")


def test_no_escapes_without_colour_and_some_with():
    assert "\x1b" not in summary(WHOLE, Page(120, colour=False))
    assert "\x1b[1m" in summary(WHOLE, Page(120, colour=True))


@pytest.mark.parametrize("width", [20, 60, 80, 99, 100, 300])
def test_no_number_is_cut_at_any_width(width):
    text = summary(document(a_rather_long_metric_name_that_takes_its_place=metric(mean=123456.0, low=-0.00012345, high=99999.0, pending=1)), Page(width))
    row = next(line for line in text.splitlines() if line.startswith("a_rather_long"))
    assert "123,456" in row
    assert "-0.0001234 to 99,999" in row or "-0.0001235 to 99,999" in row


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "-"),
        (0.0, "0"),
        (-0.0, "0"),
        (1.0, "1"),
        (0.5, "0.5"),
        (0.99996, "0.99996"),
        (0.999999999, "0.999999999"),
        (1 / 3, "0.3333"),
        (-2.00001, "-2.00001"),
        (999.96, "999.96"),
        (12345.6, "12,346"),
        (1e20, "1e+20"),
        (1e-7, "1e-07"),
        (3, "3"),
    ],
)
def test_numbers(value, text):
    assert number(value) == text


@pytest.mark.parametrize(("bounds", "text"), [((None, None), "any"), ((0, None), "0 and up"), ((None, 1), "up to 1"), ((0, 1), "0 to 1")])
def test_ranges(bounds, text):
    assert range_text({"range": bounds}) == text


EVIL = ["\x1b]52;c;aGk=\x07", "\x1b[2J", "\x9b31m", "\u202egnp.exe", "\r", "\x08\x08", "[bold red]", ":smile:", "\u200b", "\x00", "a\nb"]
SCORER = {
    "name": "words",
    "theme": "text",
    "definition": "Number of words.",
    "kind": "number",
    "unit": "record",
    "range": (0, None),
    "higher_is_better": None,
    "version": 1,
    "default": True,
    "columns": ["output"],
    "optional_columns": [],
    "options": {"n": "3"},
    "needs": None,
    "source": "none",
    "example": "",
    "docstring": "Number of words.\n\nMore.",
}


def test_numbers_that_lack_for_one_reason_share_a_line():
    alone = metric(reasons={"low": "all rows are of one cluster", "high": "all rows are of one cluster"})
    lines = [line for line in summary(document(**dict.fromkeys("abcde", alone), f=metric(reasons={"p50": "too large"}))).splitlines() if "no value" in line]
    assert lines == ["no value  a, b, c and 2 more: interval: all rows are of one cluster", "no value  f: p50: too large"]


def test_a_file_that_is_no_log_says_why():
    assert inspection([{"path": "x.png", "format": "not a log", "notes": ["x.png has no known format"], "sample": []}]).splitlines() == [
        "x.png",
        "  format      not a log",
        "  note        x.png has no known format",
    ]


def paths_of_text(evil):
    """Every place where a text of a log, a file name or a plug-in reaches the terminal."""
    found = {
        "path": evil,
        "format": evil,
        "confidence": evil,
        "mapping": {evil: evil},
        "unmapped": [evil],
        "lines": 1,
        "quarantined": {evil: 1},
        "sample": [{evil: evil, "messages": [evil, {evil: evil}]}],
    }
    yield summary(
        {
            **document(**{evil: metric(unscored={evil: 1}, reasons={"mean": evil})}),
            "notes": [evil],
            "shortfalls": [evil],
            "files": [{"path": evil, "mapping": {evil: evil}, "guessed": True}],
        }
    )
    yield inspection([found, {**found, "quarantined": [{"message": evil}], "bad_lines": [evil]}])
    scorer = {
        **SCORER,
        **dict.fromkeys(("name", "theme", "definition", "kind", "unit", "docstring", "needs"), evil),
        "columns": [evil],
        "options": {evil: evil},
    }
    yield scorer_list([scorer])
    yield scorer_page(scorer)
    yield terminal.facts({evil: evil, "list": [evil], "inner": {evil: {evil: evil}}})
    yield terminal.checks([{"check": "config", "status": "problem", "detail": evil, "hint": evil}])


@pytest.mark.parametrize("evil", EVIL)
def test_hostile_text_never_reaches_the_terminal(evil):
    for text in paths_of_text(f"x{evil}y"):
        assert not any((ord(character) < 0x20 and character != "\n") or 0x7F <= ord(character) < 0xA0 or character in "\u202e\u200b" for character in text)
        assert "[bold red]" in text or evil != "[bold red]"
        assert ":smile:" in text or evil != ":smile:"


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({}, ""),
        ({"pending": 1}, "41.23 to 41.23"),
        ({"pending": 1, "best": None}, "41.23 to open"),
        ({"pending": 1, "worst": None}, "open to 41.23"),
        ({"pending": 1, "worst": None, "best": None}, "unbounded"),
        ({"pending": 1, "worst": None, "best": None, "kind": "category"}, "-"),
    ],
)
def test_bounds(given, text):
    row = next(line for line in summary(document(words=metric(**given)), Page(80)).splitlines() if line.startswith("words"))
    assert row.partition("40.1 to 42.4")[2].strip() == text


def test_scorer_list_groups_by_theme():
    text = scorer_list([SCORER, {**SCORER, "name": "rouge_l", "theme": "reference", "default": False, "range": (0, 1), "higher_is_better": True}], Page(100))
    assert text.splitlines()[0] == "text"
    assert "words *  0 and up  -       output  Number of words." in text
    assert "rouge_l  0 to 1  higher  output" in text


def test_facts_by_hand():
    assert terminal.facts(
        {"path": ".judge", "records": 12345, "ok": True, "files": [], "sizes": {"ledger": 1.5}, "damaged": ["a", {"path": "b", "lines": 1000}]}
    ) == (
        "path           .judge\nrecords        12,345\nok             yes\nfiles          none\nsizes\n  ledger         1.5\ndamaged\n  a\n  b  lines 1,000\n"
    )


COUNTS = st.integers(0, 3)
CELLS = st.builds(
    lambda pending, failed, design: metric(pending=pending, unscored={"metric_error": failed, "not_applicable": design}),
    pending=COUNTS,
    failed=COUNTS,
    design=COUNTS,
)


@given(st.dictionaries(st.sampled_from("abcdef"), CELLS, min_size=1))
@settings(max_examples=200)
def test_200_random_results_are_marked_partial_exactly_where_they_are(metrics):
    partial = any(given["pending"] or given["unscored"]["metric_error"] for given in metrics.values())
    text = summary({**document(**metrics), "complete": not partial})
    assert ("PARTIAL" in text) is partial
    for name, cells in metrics.items():
        assert f"{cells['scored'] + cells['pending'] + sum(cells['unscored'].values())}" in next(
            line for line in text.splitlines() if line.startswith(f"{name} ")
        )
