"""S1: reports whose every text is hostile, opened in a real browser: nothing runs, nothing leaves (docs/promises.md)."""

import re
import socket
import threading
from collections.abc import Iterator

import pytest
from browser import Seen, browser_path, open_pages
from markdown_it import MarkdownIt
from markers import markers, own_marks
from reports import report_of

from judgecli.renderers.report_html import report_html
from judgecli.renderers.report_markdown import report_markdown

PER_PAGE = 20
# What our own pages are made of; anything else came from data.
HTML_NAMES = {
    "a",
    "nav",
    "html",
    "head",
    "meta",
    "title",
    "style",
    "body",
    "main",
    "header",
    "div",
    "h1",
    "h2",
    "h3",
    "span",
    "p",
    "ul",
    "li",
    "section",
    "article",
    "svg",
    "line",
    "text",
    "polyline",
    "polygon",
    "path",
    "rect",
    "g",
    "table",
    "caption",
    "thead",
    "tbody",
    "tr",
    "th",
    "td",
    "dl",
    "dt",
    "dd",
    "strong",
    "br",
}
HTML_ATTRIBUTES = {
    "href",  # of our own links within the page, see test_links_stay_within_the_page
    "lang",
    "charset",
    "http-equiv",
    "content",
    "name",
    "class",
    "id",
    "role",
    "aria-label",
    "aria-labelledby",
    "aria-hidden",
    "viewBox",
    "x",
    "y",
    "x1",
    "x2",
    "y1",
    "y2",
    "width",
    "height",
    "points",
    "d",
    "text-anchor",
    "scope",
    "data-label",
}
MARKDOWN_NAMES = {
    "html",
    "head",
    "meta",
    "body",
    "h1",
    "h2",
    "h3",
    "p",
    "ul",
    "li",
    "strong",
    "blockquote",
    "table",
    "thead",
    "tbody",
    "tr",
    "th",
    "td",
    "title",
}


@pytest.fixture
def trap() -> Iterator[tuple[str, list[bytes]]]:
    """A local server that notes every connection."""
    server = socket.create_server(("127.0.0.1", 0))
    caught: list[bytes] = []
    server.settimeout(0.1)
    stop = threading.Event()

    def listen() -> None:
        while not stop.is_set():
            try:
                connection, _ = server.accept()
            except TimeoutError:
                continue
            with connection:
                caught.append(connection.recv(200))
                connection.sendall(b"HTTP/1.0 204 No Content\r\n\r\n")

    thread = threading.Thread(target=listen)
    thread.start()
    yield f"http://127.0.0.1:{server.getsockname()[1]}", caught
    stop.set()
    thread.join()
    server.close()


def payloads(address: str) -> list[str]:
    """Our own, and the shared ones where they are there."""
    return list(dict.fromkeys([*own_marks(address), *markers()]))


def check(seen: Seen, names: set[str], attributes: set[str]) -> None:
    assert (seen.ran, seen.dialogs, seen.requests, seen.console) == ([], [], [], [])
    assert set(seen.names) - names == set()
    assert set(seen.attributes) - attributes == set()


def needs_browser() -> None:
    if browser_path() is None:
        pytest.skip("no Chromium here: scripts/install_browser.sh installs one")


def test_the_trap_catches_what_it_should(tmp_path, trap):
    needs_browser()
    page = tmp_path / "bad.html"
    page.write_text(
        "<title>a</title><script>window.JUDGE_MARK=1</script>"
        f"<img src={trap[0]}/x onerror=console.log(2)><p onmouseover=\"document.title='JUDGE_MARK'\"><p onmouseover=confirm(3)>"
    )
    seen = open_pages([page], tmp_path / "profile")[0]
    assert seen.ran == ["confirm 3", "mark property", "mark title"]
    assert seen.console
    assert seen.requests == [f"{trap[0]}/x"]
    assert trap[1]
    with pytest.raises(AssertionError):
        check(seen, HTML_NAMES, HTML_ATTRIBUTES)


def test_links_stay_within_the_page():
    """Escaped data holds no quote and no tag, so what looks like a link in the source is one."""
    page = report_html(report_of(payloads("http://127.0.0.1:9")[:40]))
    links = re.findall(r"<a\b[^>]*>", page)
    assert len(links) > 5
    assert [link for link in links if not re.fullmatch(r'<a (class="skip" )?href="#[a-z-]+">', link)] == []
    targets = {link.split("#")[1].rstrip('">') for link in links}
    assert targets - set(re.findall(r'id="([a-z-]+)"', page)) == set()


@pytest.mark.parametrize("width", [1400, 400])
def test_nothing_runs_and_nothing_leaves_in_html(tmp_path, trap, width):
    needs_browser()
    every, pages = payloads(trap[0]), []
    for start in range(0, len(every), PER_PAGE):
        page = tmp_path / f"{start}.html"
        page.write_bytes(report_html(report_of(every[start : start + PER_PAGE], pending=1)).encode())
        pages.append(page)
    assert len(every) >= (600 if markers() else 80)
    for page, seen in zip(pages, open_pages(pages, tmp_path / "profile", width=width), strict=True):
        check(seen, HTML_NAMES, HTML_ATTRIBUTES)
        assert seen.wide <= 0, f"{page.name} is {seen.wide} px too wide"
    assert trap[1] == []


def test_nothing_runs_and_nothing_leaves_in_rendered_markdown(tmp_path, trap):
    """Rendered by a parser that lets raw HTML through, in a page without a policy: only the escaping stands between."""
    needs_browser()
    every, pages = payloads(trap[0]), []
    parser = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    for start in range(0, len(every), PER_PAGE):
        page = tmp_path / f"{start}.html"
        text = report_markdown(report_of(every[start : start + PER_PAGE], pending=1))
        page.write_text(f"<!doctype html><html><head><meta charset=utf-8><title>x</title></head><body>{parser.render(text)}</body></html>", encoding="utf-8")
        pages.append(page)
    for seen in open_pages(pages, tmp_path / "profile"):
        check(seen, MARKDOWN_NAMES, {"charset", "style"})
    assert trap[1] == []


def test_texts_from_data_are_in_the_page_as_texts():
    """Escaped, not dropped: what was said can still be read."""
    page = report_html(report_of(["<b>bold</b> & \u202e", "plain"]))
    assert page.count("&lt;b&gt;bold&lt;/b&gt; &amp; \\u202e") > 10
    assert "<b>" not in page
    assert "\u202e" not in page


def test_no_script_no_style_attribute_nothing_external():
    page = report_html(report_of(["a", "b", "c"]))
    assert "<script" not in page
    assert " style=" not in page
    assert "http://" not in page
    assert "https://" not in page
    assert "default-src 'none'; style-src 'sha256-" in page
    assert "unsafe" not in page
