"""What a person should know of the scores of a run that no mean shows: why the first cell of a metric failed, and what a judge did not see."""

import json
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

from judgecli.judge.material import MAX_CHARACTERS
from judgecli.schema import REASONS
from judgecli.signal.summary import MetricSummary
from judgecli.store.query import Reduction

FAILED = ", ".join(f"'{name}'" for name, kind in REASONS.items() if kind == "failed")
CUT = '"cut": {'  # a key of the detail: inside a text of JSON its quotes would be escaped


@dataclass(frozen=True)
class ToldMetric:
    """Of one metric: the first cell that failed with a reason in words, and how many records were judged on a cut text."""

    failure: Mapping[str, object] | None = None  # reason, explanation, key, id, file, line
    failed: int = 0  # cells that failed with a reason in words
    cut: int = 0
    first_cut: str = ""

    def to_json(self) -> dict[str, object]:
        """What stands beside the numbers of a metric."""
        return {"first_failure": self.failure, "cut": self.cut}


def read_told(reduction: Reduction, summaries: Sequence[MetricSummary], judges: Set[str]) -> dict[str, ToldMetric]:
    """What is told of each metric that has failed cells or is one of `judges`."""
    found: dict[str, ToldMetric] = {}
    for summary in summaries:
        failed, first = reduction.told(summary.name, "explanation", f"reason IN ({FAILED})") if summary.failed else (0, None)
        cut, first_cut = reduction.told(summary.name, "detail", f"contains(told, '{CUT}')") if summary.name in judges else (0, None)
        failure = first and {name: first[name] for name in ("reason", "key", "id", "file", "line")} | {"explanation": first["told"]}
        found[summary.name] = ToldMetric(failure, failed, cut, _cut_fields(first_cut))
    return found


def _cut_fields(row: Mapping[str, object] | None) -> str:
    """`output of log.jsonl:2, 60,000 of 100,007 characters shown`."""
    if row is None:
        return ""
    cut = json.loads(str(row["told"])).get("cut", {})
    parts = [f"{name} {shown:,} of {total:,} characters" for name, (shown, total) in cut.items()]
    return f"the first is {row['file']}:{row['line']} ({', '.join(parts)})"


def told_notes(told: Mapping[str, ToldMetric], summaries: Sequence[MetricSummary]) -> list[str]:
    """One sentence for each metric of which something must be known."""
    notes = []
    for summary in summaries:
        one = told.get(summary.name, ToldMetric())
        if one.failure is not None:
            first = one.failure["id"] if one.failure["id"] is not None else one.failure["key"]
            place = f"{first} ({one.failure['file']}:{one.failure['line']})"
            notes.append(f"{summary.name}: {one.failed:,} failed, the first is {place}: {one.failure['reason']}, {one.failure['explanation']}")
        if one.cut:
            judged = summary.scored + summary.failed
            notes.append(f"{summary.name}: {cut_note(one.cut, judged, 'records')}; {one.first_cut}")
    return notes


def cut_note(cut: int, judged: int, unit: str) -> str:
    """That a judge did not see the whole of what it judged."""
    return f"{cut:,} of {judged:,} {unit} were judged on a cut text: what lies beyond {MAX_CHARACTERS:,} characters was not seen"
