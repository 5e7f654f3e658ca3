"""The answers of `judge check` as text, Markdown, JUnit and workflow commands: golden files, limits, hostile names."""

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from judgecli.renderers.check_text import check_markdown, check_page, markdown_text
from judgecli.renderers.github import annotations, summary_page
from judgecli.renderers.junit import junit_xml
from judgecli.renderers.terminal import Page
from judgecli.signal.gate.verdict import Check, GateResult

GOLDEN = Path(__file__).parents[1] / "data" / "golden"
EVERY = Check(
    [
        GateResult(
            "reward.support_quality at least 0.7", "fail", 0.612, 0.58, 0.644, 0.7, 240, "0.612 (95 % interval 0.58 to 0.644) is below 0.7; 240 of 240 scored",
            metric="reward.support_quality", cells=240, clusters=80, worst=0.612, best=0.612, coverage=1.0, identity="a1",
        ),
        GateResult(
            "refusal at most 0.05 [locale|de]", "inconclusive", 0.04, 0.02, 0.07, 0.05, 200, "0.04 (95 % interval 0.02 to 0.07): the interval holds 0.05",
            metric="refusal", where="tags['locale'] = 'de'", direction="at_most", cells=200, clusters=50, worst=0.04, best=0.04, coverage=1.0, identity="b2",
        ),
        GateResult("words at most 300", "pass", 41.2, 40.1, 42.4, 300.0, 240, "41.2 is at most 300",
            metric="words", direction="at_most", cells=240, coverage=1.0),
        GateResult(
            "measured at least 98 %", "incomplete", 0.9, None, None, 0.98, 216, "least measured: refusal, 90 % of what was to be measured, less than 98 %",
            kind="measured", metric="refusal", cells=240, coverage=0.9, unscored={"timeout": 20}, pending=4, implicit=True,
        ),
    ],
    records=240,
    notes=["'words' was measured in 2 ways on these records; only the newest (c3) is asked about"],
).to_json()  # fmt: skip


def parse(text):
    return ET.fromstring(text)  # noqa: S314 - our own file


HOSTILE = [
    "]]><script>window.JUDGE_MARK=1</script>", "a\x00b\x1b[31m\x07", "\ud800 lone", "\ufffe\uffff", "x\n::error::y\r\n", "| a | b |\n|---|",
    "<img src=x onerror=window.JUDGE_MARK=1>",    '" onload="x', "&amp;&#x41;&bogus;", "\u202eevil", "[a](javascript:window.JUDGE_MARK=1)",
    "`code`", "@everyone https://x.example",
    "%0A::set-env::",
    "##[add-mask]x", "", "\U0001f600" * 400, "--><!--", "${{ secrets.X }}",
]  # fmt: skip


def hostile(text):
    gates = [
        GateResult(text, verdict, 0.5, 0.4, 0.6, 0.5, 1, f"message {text}", metric=text, where=text, cells=1, coverage=0.5, unscored={text: 1}, identity=text)
        for verdict in ("pass", "fail", "inconclusive", "incomplete")
    ]
    return Check(gates, on=text, records=1, notes=[text]).to_json()


@pytest.mark.parametrize(
    ("name", "render"),
    [
        ("check.txt", lambda: check_page(EVERY, Page())),
        ("check.md", lambda: check_markdown(EVERY)),
        ("check.xml", lambda: junit_xml(EVERY)),
        ("check_github.txt", lambda: "".join(line + "\n" for line in annotations(EVERY))),
    ],
)
def test_golden(name, render):
    assert render() == (GOLDEN / name).read_text(encoding="utf-8")


def test_junit_maps_verdicts():
    root = parse(junit_xml(EVERY))
    assert {name: root.get(name) for name in ("tests", "failures", "errors", "skipped")} == {"tests": "4", "failures": "1", "errors": "1", "skipped": "1"}
    assert root.tag == "testsuites"
    cases = root.findall("testsuite/testcase")
    assert [[child.tag for child in case] for case in cases] == [["failure"], ["skipped"], [], ["error"]]
    assert [case.get("classname") for case in cases] == ["judge.reward.support_quality", "judge.refusal", "judge.words", "judge.measured"]
    strict = parse(junit_xml({**EVERY, "inconclusive": "fail"}))
    assert strict.get("failures") == "2"
    assert parse(junit_xml({**EVERY, "inconclusive": "pass"})).get("skipped") == "1"


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_names_stay_text(text):
    document = hostile(text)
    root = parse(junit_xml(document).encode())
    assert [child.tag for child in root.iter()].count("testcase") == 4
    assert {child.tag for child in root.iter()} == {"testsuites", "testsuite", "testcase", "failure", "skipped", "error"}
    shown = check_page(document, Page())
    assert len(shown.splitlines()) == 7  # PARTIAL, verdict, four gates, a note
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", shown)
    page = check_markdown(document)
    assert not re.search(r"<[a-zA-Z!/]", page)
    assert "](" not in page
    rows = [line for line in page.splitlines() if line.startswith("|")]
    assert {line.count("|") for line in rows} == {8}
    lines = annotations(document)
    assert len(lines) == 3
    for line in lines:
        assert re.fullmatch(r"::(error|warning) title=[^:,\r\n]*::[^\r\n]*", line)
        assert "##[" not in line
        assert not any(ord(character) < 32 for character in line)


@given(st.text())
def test_any_name_gives_xml(text):
    root = parse(junit_xml(hostile(text)).encode())
    assert len({(case.get("classname"), case.get("name"), index) for index, case in enumerate(root.iter("testcase"))}) == 4


@given(st.text())
def test_markdown_text_shows_itself(text):
    """No character that Markdown or HTML reads is left."""
    assert not re.search(r"[<>|`*\[\]\\]", markdown_text(text))


def many(count, verdict):
    gates = [GateResult(f"gate {number}", verdict, 0.1, 0.1, 0.1, 0.5, 50, "m" * 2000, metric="m", cells=50, coverage=1.0) for number in range(count)]
    return Check(gates).to_json()


@pytest.mark.parametrize(("count", "lines", "last"), [(1, 1, None), (9, 9, None), (10, 10, "1 more"), (500, 10, "491 more")])
def test_at_most_nine_annotations_and_the_rest_as_a_number(count, lines, last):
    found = annotations(many(count, "fail"))
    assert len(found) == lines
    assert (last is None) == ("see the summary" not in found[-1])
    assert last is None or f"::{last}, see the summary" in found[-1]


def test_inconclusive_is_a_warning_or_what_it_counts_as():
    assert annotations(many(1, "inconclusive"))[0].startswith("::warning ")
    assert annotations({**many(1, "inconclusive"), "inconclusive": "fail"})[0].startswith("::error ")
    assert annotations(many(3, "pass")) == []


@pytest.mark.parametrize("used", [0, 500_000, 890_000, 899_000, 2_000_000])
def test_a_summary_stays_below_its_limit(used):
    page = summary_page(many(3000, "fail"), used=used)
    assert used + len(page.encode()) < 900_000 or page == ""
    assert (page == "") == (used >= 898_000)
    assert page == "" or "more | | | | | | left out" in page
    assert "left out" not in summary_page(many(3, "fail"))


def test_the_gravest_rows_are_kept():
    gates = [*many(2000, "pass")["gates"], *many(1, "fail")["gates"]]
    assert "**fail**" in check_markdown({**many(1, "fail"), "gates": gates}, limit=10_000)


def test_partial_is_marked_exactly_where_cells_are_missing():
    assert "PARTIAL" in check_page(EVERY, Page())
    assert "PARTIAL" in check_markdown(EVERY)
    whole = many(2, "pass")
    assert "PARTIAL" not in check_page(whole, Page()) + check_markdown(whole)


def test_colour_only_where_asked():
    assert "\x1b" not in check_page(EVERY, Page(colour=False))
    assert "\x1b[1;31mfail" in check_page(EVERY, Page(colour=True))
