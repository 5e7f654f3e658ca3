"""The answers of `judge check` for GitHub Actions: annotations, and a page for the step's summary.

    ::error title=judge%3A refusal at most 0.05::0.12 (95 % interval 0.1 to 0.14) is above 0.05; 596 of 596 scored

Source: https://docs.github.com/actions/reference/workflow-commands-for-github-actions. Ten annotations
of a kind are shown a step, so the tenth says how many more there are.
"""

from judgecli.document import Document
from judgecli.renderers.safe import terminal_line

KINDS = {"fail": "error", "incomplete": "error", "inconclusive": "warning"}
SHOWN = 9
LIMIT = 900_000  # bytes of a step summary; one above 1 MiB is not shown at all


def annotations(document: Document) -> list[str]:
    """One command a gate that did not pass, at most nine of a kind and one that counts the rest; before them what could not be read."""
    lines = [_command("error", "judge", f"incomplete: {why}: the gates saw only what was read") for why in document.get("unread", ())]
    for kind in ("error", "warning"):
        found = [gate for gate in document["gates"] if _kind(gate, document.get("inconclusive")) == kind]
        lines += [_command(kind, f"judge: {gate['gate']}", f"{gate['verdict']}: {gate['message']}") for gate in found[:SHOWN]]
        if len(found) > SHOWN:
            lines.append(_command(kind, "judge", f"{len(found) - SHOWN} more, see the summary of the step"))
    return lines


def _kind(gate: Document, inconclusive: str | None) -> str | None:
    return "error" if gate["verdict"] == "inconclusive" and inconclusive == "fail" else KINDS.get(gate["verdict"])


def _command(kind: str, title: str, message: str) -> str:
    return f"::{kind} title={_property(title)}::{_data(message)}"


def _data(text: str) -> str:
    """A text that stays in its own command: the older form ##[...] is broken too."""
    return terminal_line(text, limit=2000).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A").replace("##[", "# #[")


def _property(text: str) -> str:
    return _data(text[:200]).replace(":", "%3A").replace(",", "%2C")


def summary_page(document: Document, *, used: int = 0) -> str:
    """What to append to a step's summary that already has `used` bytes; empty where there is no room."""
    from judgecli.renderers.check_text import check_markdown

    room = LIMIT - used
    page = check_markdown(document, limit=room - 1) if room > 2000 else ""
    return page if len(page.encode()) < room else ""
