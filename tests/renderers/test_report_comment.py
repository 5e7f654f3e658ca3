"""A report as a comment of a pull request: it fits, and is found again."""

from pathlib import Path

import pytest
from reports import report_of

from judgecli.errors import UsageError
from judgecli.pipeline.report import render_report, report_format, write_report
from judgecli.renderers.report_markdown import COMMENT_BYTES, MARKER


def test_a_comment_fits_and_starts_with_its_mark(tmp_path):
    report = report_of([f"metric {place} " + "long " * 40 for place in range(60)], pending=1, windows=40)
    assert len(render_report(report, "markdown").encode()) > COMMENT_BYTES
    write_report(report, tmp_path / "report.comment.md")
    text = (tmp_path / "report.comment.md").read_text(encoding="utf-8")
    assert len(text.encode()) <= COMMENT_BYTES
    assert text.startswith(f"{MARKER}\n# Report")
    assert "to keep the page small" in text


def test_the_suffix_decides():
    found = {name: report_format(Path(name)) for name in ("a.comment.md", "a.COMMENT.MD", "comment.md", "a.md", "a.html", "a.json")}
    assert found == {"a.comment.md": "comment", "a.COMMENT.MD": "comment", "comment.md": "markdown", "a.md": "markdown", "a.html": "html", "a.json": "json"}
    with pytest.raises(UsageError):
        report_format(Path("a.pdf"))
