"""The answer of judge compare as text: a golden file, PARTIAL wherever something is missing (X4), hostile names."""

import re
from pathlib import Path

import numpy as np
import pytest

from judgecli.pipeline.compare import PolicyComparison
from judgecli.renderers.compare import compare_markdown, compare_page, compare_table
from judgecli.renderers.terminal import Page
from judgecli.signal.compare.paired import gather_side, pair_sides
from judgecli.signal.compare.ranking import rank_sides
from judgecli.signal.compare.rows import ComparedMetric, adjust_family, compare_pairs, refused_row

GOLDEN = Path(__file__).parents[1] / "data" / "golden"


def side(values, first):
    at = np.arange(len(values))
    return gather_side(at, at + first, np.array([np.nan if v is None else v for v in values], float), np.array([v is None for v in values]))


def document(*, lost=0, name="quality", policies=("v1", "v2"), segment=None):
    """Two metrics by hand, one of them with missing values, one that must not be compared."""
    a, b = side([0.0, 1.0] * 30, 1000), side([1.0] * (60 - lost) + [None] * lost, 2000)
    subject = ComparedMetric(name, "aaaa", "number", (0.0, 1.0), True, 0.02, segment or {}, policies)
    cost = ComparedMetric("cost", "bbbb", "number", (0.0, None), False, None, segment or {}, policies)
    rows = [compare_pairs(subject, pair_sides(a, b)), compare_pairs(cost, pair_sides(a, side([0.5] * 61, 3000)))]
    rows = adjust_family(
        [*rows, refused_row(ComparedMetric("rubric.tone", "", "number", (1.0, 5.0), True, 0.08, segment or {}, policies), "measured in two ways")]
    )
    return PolicyComparison([(policies[0], 60), (policies[1], 61)], rows, [], ["a note"]).to_json()


def ranked():
    sides = {"v1": side([0.0, 1.0, 0.0] * 20, 1000), "v2": side([1.0, 0.0, 1.0] * 20, 2000), "v3": side([0.5] * 60, 3000)}
    subject = ComparedMetric("quality", "aaaa", "number", (0.0, 1.0), True, 0.02, {}, ("v1", "v2"))
    rows = [
        compare_pairs(ComparedMetric("quality", "aaaa", "number", (0.0, 1.0), True, 0.02, {}, ("v1", other)), pair_sides(sides["v1"], sides[other]))
        for other in ("v2", "v3")
    ]
    return PolicyComparison([(name, 60) for name in sides], adjust_family(rows), rank_sides(subject, sides), []).to_json()


@pytest.mark.parametrize(
    ("name", "render"),
    [
        ("compare.txt", lambda: compare_page(document(lost=2), Page())),
        ("compare.md", lambda: compare_markdown(document(lost=2))),
        ("compare_ranking.txt", lambda: compare_page(ranked(), Page())),
    ],
)
def test_golden(name, render):
    assert render() == (GOLDEN / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("lost", range(0, 60, 3))
def test_partial_is_marked_wherever_something_is_missing(lost):
    found = document(lost=lost)
    assert found["complete"] == (lost == 0)
    for text in (compare_page(found, Page()), compare_markdown(found)):
        assert ("PARTIAL" in text) == (lost > 0)
    assert (compare_table(found)["coverage"].to_pylist()[0] == 1.0) == (lost == 0)


@pytest.mark.parametrize("text", ["\x1b[31mred", "<script>", "a|b", "[x](javascript:1)", "\u202eevil", "x\n::error::", "@everyone", "=cmd()", ""])
def test_hostile_names_stay_text(text):
    found = document(name=text, policies=(text, "v2"), segment={"tags.x": text})
    shown, page = compare_page(found, Page(width=200)), compare_markdown(found)
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", shown + page)
    assert not re.search(r"<[a-zA-Z!/]", page)
    assert "](" not in page
    assert len({line.count("|") for line in page.splitlines() if line.startswith("|")}) == 1
