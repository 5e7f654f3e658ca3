"""The documents of `judge run` and `judge init` for a terminal: what was found or planned, where it lies, what to do next."""

from collections.abc import Sequence

from rich.console import RenderableType
from rich.text import Text

from judgecli.document import Document
from judgecli.renderers.alarms import alarm_lines
from judgecli.renderers.safe import terminal_line
from judgecli.renderers.terminal import Page, number, partial_metrics, render
from judgecli.signal.report.headline import WORSE_WHERE

STYLES = {"pass": "bold green", "fail": "bold red", "inconclusive": "bold yellow", "incomplete": "bold yellow"}
PAGE = Page()
LINES = 4
LABEL = 11  # columns of the names at the left


def run(document: Document, page: Page = PAGE) -> str:
    """Verdict first, then the headline of the report, the files, the steps."""
    parts: list[RenderableType] = [*_verdict(document), *_partial(document), *alarm_lines((document["signals"] or {}).get("alarms", ()), most=LINES)]
    standouts = document["standouts"]
    headline = _headline(document["headline"], bool(standouts))
    parts += [_line("found" if position == 0 else "", line) for position, line in enumerate(headline)]
    parts += [_line("worst" if position == 0 else "", _standout(item)) for position, item in enumerate(standouts)]
    parts += [_line("unknown", f"cannot tell whether it differs: {text}") for text in document["cannot_tell"][:LINES]]
    parts += [_line("report" if position == 0 else "", path) for position, path in enumerate(document["report"])]
    for position, export in enumerate(document["exports"]):
        parts.append(_line("feedback" if position == 0 else "", f"{export['path']}   {export['records']:,} records of {export['format']}"))
    parts += _steps(document["steps"])
    return render(parts, page)


def _headline(sentences: Sequence[str], has_standouts: bool) -> Sequence[str]:
    """The first sentences of the report, which has them all. Standouts tell the variants; then only where it is worse is told beside the level."""
    return [line for at, line in enumerate(sentences) if not has_standouts or at == 0 or WORSE_WHERE in line][:LINES]


def _line(label: str, text: str, style: str = "") -> Text:
    return Text.assemble((f"{label:<{LABEL - 1}} ", "dim"), (terminal_line(text), style))


def _verdict(document: Document) -> list[RenderableType]:
    """The verdict of the gates and what each gate that did not pass says."""
    check = document["check"]
    if check is None:
        why = next((step for step in document["steps"] if step["step"] == "gates"), None)
        asked = why is not None and why["state"] != "not asked for"
        return [_line("NO VERDICT", str(why["message"]) if why else "", "bold red")] if asked else []
    gates: Sequence[Document] = check["gates"]
    open_gates = [gate for gate in gates if gate["verdict"] != "pass"]
    passed = f"{len(gates) - len(open_gates)} of {len(gates)} gates pass"
    lines: list[RenderableType] = [
        Text.assemble((f"{check['verdict'].upper():<{LABEL - 1}} ", STYLES[check["verdict"]]), f"{passed} (exit {document['exit_code']})"),
        *(_line("unread", f"{why}: the gates saw only what was read") for why in check.get("unread", ())),
    ]
    return lines + [_line(str(gate["verdict"]), f"{gate['gate']}: {gate['message']}") for gate in open_gates]


def _standout(item: Document) -> str:
    """`v2 is worst at quantities: 63 % against 97.7 % (v1), 99.7 % (v3)`."""
    others = ", ".join(f"{_amount(mean, item)} ({value})" for value, mean in item["others"].items())
    return f"{item['column']} {item['value']} at {item['metric']}: {_amount(item['mean'], item)} against {others}"


def _amount(mean: float, item: Document) -> str:
    return f"{100 * mean:.3g} %" if item["kind"] == "rate" else number(mean)


def _partial(document: Document) -> list[RenderableType]:
    score = document["score"]
    partial = partial_metrics(score) if score else []
    return [_line("PARTIAL", f"not fully measured: {', '.join(partial)}", "bold yellow")] if partial else []


def _steps(steps: Sequence[Document]) -> list[RenderableType]:
    """One line a step that did something or failed; those that were not asked for in one line."""
    lines: list[RenderableType] = []
    for step in steps:
        if step["state"] == "not asked for":
            continue
        listed = step["step"] in ("report", "feedback") and step["state"] in ("done", "nothing new")  # its files stand above
        message = f"{step['state']}: {step['message']}" if step["state"] != "done" else step["message"]
        if listed:
            message = "written" if step["state"] == "done" else "nothing new since it was written"
        lines.append(_line(step["step"], message, "bold red" if step["state"] == "failed" else ""))
        if step["hint"]:
            lines.append(_line("", step["hint"]))
    left = [step["step"] for step in steps if step["state"] == "not asked for"]
    return [*lines, *([_line("left out", f"{', '.join(left)} (judge.yaml does not ask for them)")] if left else [])]


def plan(document: Document, page: Page = PAGE) -> str:
    """What `judge init` proposes, in words, and how to go on."""
    parts: list[RenderableType] = [_line("wrote", document["path"], "bold")]
    before = ""
    for item in document["plan"]:
        parts.append(_line(item["topic"] if item["topic"] != before else "", item["text"]))
        before = item["topic"]
    config = "" if document["path"] == "judge.yaml" else f" --config {document['path']}"
    return render([*parts, _line("next", f"read the file, then: judge run{config}")], page)
