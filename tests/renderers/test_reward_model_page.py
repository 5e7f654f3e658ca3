"""S1 for the page of `judge rm eval`: hostile names, tags and notes, in a real browser."""

import numpy as np
import pytest
from browser import browser_path, open_pages
from markdown_it import MarkdownIt
from markers import own_marks

from judgecli.pipeline.rm_eval import available_tags, pairs_document
from judgecli.renderers.reward_eval import evaluation_html, evaluation_markdown
from judgecli.reward_model.evaluation import evaluate
from judgecli.reward_model.preferences import PreferencePair


def document_of(payloads):
    """An evaluation whose every text from data is a payload."""
    made = [PreferencePair(str(place), "a" * (place % 7 + 1), "b" * 3, tags={said: said}) for said in payloads for place in range(12)]
    margins = np.random.default_rng(0).normal(size=len(made))
    half = {"estimate": 0.5, "low": 0.4, "high": 0.6}
    points = [{"n": n, "prompts": 3, "kl": 0.0, "best": half, "first": half, "majority": half, "passed": half} for n in (1, 2)]
    return {
        "model": payloads[0],
        "identity": payloads[-1],
        "data": {"read": 1, "pairs": 1, "verdicts": 0, "prompts_with_outputs": 0, "solutions": 0, "dropped": dict.fromkeys(payloads, 1), "hashes": {}},
        **pairs_document(evaluate(made, margins, np.zeros(len(made)), by=list(payloads))),
        "tags": available_tags(made),
        "outside": 0.1,
        "verdicts": None,
        "reward_bench": None,
        "reward_bench_2": None,
        "best_of_n": points,
        "steps": None,
        "notes": list(payloads),
    }


@pytest.mark.parametrize("width", [1400, 400])
def test_nothing_runs_and_nothing_leaves(tmp_path, width):
    if browser_path() is None:
        pytest.skip("there is no Chromium here")
    every = own_marks()
    html, marked = tmp_path / "e.html", tmp_path / "m.html"
    html.write_text(evaluation_html(document_of(every)), encoding="utf-8", errors="backslashreplace")
    body = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).render(evaluation_markdown(document_of(every)))
    marked.write_text(f"<!doctype html><html><head><meta charset=utf-8><title>x</title></head><body>{body}</body></html>", encoding="utf-8")
    for page, seen in zip((html, marked), open_pages([html, marked], tmp_path / "profile", width=width), strict=True):
        assert (seen.ran, seen.requests, seen.dialogs, seen.console) == ([], [], [], []), page.name
        assert not {"script", "img", "iframe", "form", "object", "b", "i"} & set(seen.names), page.name
        assert not {name for name in seen.attributes if name.startswith("on") or name == "src"}, page.name
        ours = 1 if page is html else 0  # the link that skips to the report
        assert (seen.names.get("a", 0), seen.attributes.get("href", 0)) == (ours, ours), page.name
    assert html.stat().st_size < 500_000


def test_the_page_of_a_browser_is_not_too_wide(tmp_path):
    if browser_path() is None:
        pytest.skip("there is no Chromium here")
    html = tmp_path / "e.html"
    html.write_text(evaluation_html(document_of(["plain", "other"])), encoding="utf-8")
    for width in (1400, 400):
        assert open_pages([html], tmp_path / f"profile{width}", width=width)[0].wide <= 0
