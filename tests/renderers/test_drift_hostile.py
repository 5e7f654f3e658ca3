"""S1 for the drift page: every text of it hostile, opened in a real browser at two widths: nothing runs, nothing leaves."""

from pathlib import Path

import numpy as np
import pytest
from browser import open_pages
from markers import markers
from test_report_hostile import HTML_ATTRIBUTES, HTML_NAMES, PER_PAGE, check, needs_browser, payloads, trap

from judgecli.renderers.drift_html import MOST_BYTES, drift_html
from judgecli.signal.drift.report import Drift, DriftExample, SideText
from judgecli.signal.drift.rows import DriftRow
from judgecli.signal.drift.shape import Grouped, category_shape
from judgecli.signal.drift.texts import Shift, TextDrift

__all__ = ["trap"]  # the fixture


def drift_of(texts: list[str]) -> Drift:
    """An answer whose every text is one of these."""
    counts = np.ones((4, len(texts)))
    rows = [
        DriftRow(
            text, "value", {text: text} if place % 2 else {}, "category", text, True, {"n": 3, "mean": None, "of": 4}, {"n": 3, "mean": None, "of": 4},
            0.2, 0.1, 0.3, 0.05, 0.01, 40, q=0.01, verdict="inconclusive", reasons={"verdict": text}, partial=True,
            shape=category_shape(Grouped(counts, counts, categories=texts)),
        )
        for place, text in enumerate(texts)
    ]  # fmt: skip
    shifts = [Shift(text, 0.1, 0.2, 0.01) for text in texts]
    examples = [DriftExample(text, "current", 1.0, text, text, None, text, text, len(text), 10**6, text, 1) for text in texts[:4]]
    side = SideText(texts[0], 4, None, None)
    found = TextDrift(None, None, (4, 4), (4, 4), shifts, shifts)
    headline = [("worse", text) for text in texts]
    return Drift("drift", headline, rows, side, side, texts, 0.05, 0.05, 3, "Benjamini-Hochberg", False, {"output": found}, examples, texts)


@pytest.mark.parametrize("width", [1400, 400])
def test_nothing_runs_and_nothing_leaves(tmp_path: Path, trap, width):
    needs_browser()
    every, pages = payloads(trap[0]), []
    for start in range(0, len(every), PER_PAGE):
        page = tmp_path / f"{start}.html"
        page.write_bytes(drift_html(drift_of(every[start : start + PER_PAGE])).encode("utf-8", "backslashreplace"))
        assert page.stat().st_size <= MOST_BYTES
        pages.append(page)
    assert len(every) >= (600 if markers() else 80)
    for page, seen in zip(pages, open_pages(pages, tmp_path / "profile", width=width), strict=True):
        check(seen, HTML_NAMES, HTML_ATTRIBUTES)
        assert seen.wide <= 0, f"{page.name} is {seen.wide} px too wide"
    assert trap[1] == []
