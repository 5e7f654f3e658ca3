"""The answers of `judge check` as JUnit XML, in the subset that pytest calls xunit2.

    <testsuites ...><testsuite name="judge check" ...><testcase classname="judge.refusal" name="refusal at most 0.05" time="0"/>

One testcase a gate. fail: failure; incomplete: error; inconclusive: skipped (failure where the user
lets it count as one). No character that XML does not have, whatever the names are.
"""

import re

from judgecli.document import Document
from judgecli.renderers.safe import terminal_line

ELEMENTS = {"fail": "failure", "incomplete": "error", "inconclusive": "skipped"}
_NOT_XML = re.compile("[^\x09\x0a\x0d\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # https://www.w3.org/TR/xml/#charsets
_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"}


def junit_xml(document: Document) -> str:
    """The whole file. The same answers give the same bytes: it has no time of its own."""
    gates = document["gates"]
    elements = [_element(gate, document.get("inconclusive")) for gate in gates]
    totals = f'tests="{len(gates)}" failures="{elements.count("failure")}" errors="{elements.count("error")}" skipped="{elements.count("skipped")}" time="0"'
    cases = "".join(_case(gate, element) for gate, element in zip(gates, elements, strict=True))
    return f'<?xml version="1.0" encoding="utf-8"?>\n<testsuites {totals}>\n<testsuite name="judge check" {totals}>\n{cases}</testsuite>\n</testsuites>\n'


def _element(gate: Document, inconclusive: str | None) -> str | None:
    """What stands in the testcase; nothing where the gate passes."""
    if gate["verdict"] == "inconclusive" and inconclusive == "fail":
        return "failure"
    return ELEMENTS.get(gate["verdict"])


def _case(gate: Document, element: str | None) -> str:
    message = f"{gate['verdict']}: {gate['message']}"
    subject = "measured" if gate["kind"] == "measured" else gate["metric"]
    start = f'<testcase classname={_quoted(f"judge.{subject}")} name={_quoted(str(gate["gate"]))} time="0"'
    if element is None:
        return f"{start}/>\n"
    return f"{start}>\n<{element} message={_quoted(message)}>{_text(_body(gate))}</{element}>\n</testcase>\n"


def _body(gate: Document) -> str:
    """The numbers, a line each."""
    names = ("metric", "where", "direction", "threshold", "value", "low", "high", "worst", "best", "n", "cells", "pending", "identity")
    lines = [f"{name}: {terminal_line(str(gate.get(name)))}" for name in names if gate.get(name) is not None]
    return "\n".join([*lines, *(f"{reason}: {count}" for reason, count in gate.get("unscored", {}).items())])


def _quoted(text: str) -> str:
    return f'"{_text(terminal_line(text))}"'


def _text(text: str) -> str:
    whole = _NOT_XML.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
    return re.sub('[&<>"]', lambda found: _ESCAPES[found[0]], whole)
