"""What `judge align` found, for a terminal and in Markdown: the corrected mean first, then agreement, bias, calibration."""

from collections.abc import Iterator
from typing import Any

from rich.text import Text

from judgecli.document import Document
from judgecli.renderers.safe import terminal_line
from judgecli.renderers.terminal import DASH, Page, number, render, table

NAMES = {
    "agreement": "share that agrees",
    "kappa": "Cohen's kappa",
    "weighted_kappa": "kappa, quadratic",
    "linear_kappa": "kappa, linear",
    "ac1": "Gwet's AC1",
    "pabak": "PABAK",
    "alpha": "Krippendorff's alpha",
    "spearman": "Spearman",
    "pearson": "Pearson",
    "kendall": "Kendall's tau-b",
    "icc": "ICC(2,1)",
    "auroc": "AUROC",
    "sensitivity": "sensitivity",
    "specificity": "specificity",
}


def align_page(document: Document, page: Page) -> str:
    """The text for a terminal."""
    parts: list[Any] = [Text(line) for line in _headlines(document)]
    rows = [[NAMES[name], number(document[name]), _interval(document["intervals"].get(name))] for name in NAMES if document.get(name) is not None]
    parts.append(table(["measure", "value", "95 % interval"], rows, right=["value", "95 % interval"]))
    parts += [Text(line) for line in _tail(document)]
    if document["segments"]:
        parts.append(table(["segment", "n", "mean", "corrected", "95 % interval"], _segments(document), right=["n", "mean", "corrected", "95 % interval"]))
    return render(parts, page)


def align_markdown(document: Document) -> str:
    """The same as Markdown."""
    from judgecli.renderers.check_text import markdown_text

    lines = [f"# {markdown_text(document['metric'])} against {markdown_text(document['label'])}", ""]
    lines += [f"- {markdown_text(line)}" for line in _headlines(document)]
    lines += ["", "| measure | value | 95 % interval |", "|---|--:|--:|"]
    lines += [
        f"| {NAMES[name]} | {number(document[name])} | {_interval(document['intervals'].get(name))} |" for name in NAMES if document.get(name) is not None
    ]
    lines += ["", *(f"- {markdown_text(line)}" for line in _tail(document))]
    if document["segments"]:
        lines += ["", "| segment | n | mean | corrected | 95 % interval |", "|---|--:|--:|--:|--:|"]
        lines += ["| " + " | ".join(markdown_text(cell) for cell in row) + " |" for row in _segments(document)]
    return "\n".join(lines) + "\n"


def _headlines(document: Document) -> Iterator[str]:
    n = f"{document['n']:,} labelled records in {document['clusters']:,} clusters"
    raters = f"{document['raters']:,} rater{'' if document['raters'] == 1 else 's'}"
    yield terminal_line(f"{document['metric']} against '{document['label']}': {n}, {raters}")
    corrected = document["corrected"]
    if corrected["mean"] is None:
        yield terminal_line(f"corrected   none: {corrected['reasons']['mean']}")
        return
    limits = _interval((corrected["low"], corrected["high"]))
    yield f"corrected   {number(corrected['mean'])} ({limits}) beside the raw mean {number(corrected['raw'])} of {corrected['records']:,} records"
    yield f"by          {corrected['method']} with {corrected['labels']:,} labels; right where {corrected['assumed']}"


def _tail(document: Document) -> Iterator[str]:
    bias, found, top = document["bias"], document["calibration"], document["ceiling"]
    if bias:
        yield f"kindness    judge minus people {number(bias['mean']['value'])} ({_interval((bias['mean']['low'], bias['mean']['high']))})"
        for name, told in (("length", "a doubling of the length"), ("self_preference", "its own family rather than others")):
            if bias[name]:
                yield f"{name.split('_')[0]:<11} {told} moves that by {number(bias[name]['value'])} ({_interval((bias[name]['low'], bias[name]['high']))})"
    if found:
        yield f"calibration ECE {number(found['before']['ece'])}, after {found['method']} {number(found['after']['ece'])} (cross-fitted)"
    if top and top["alpha"] is not None:
        yield f"ceiling     alpha of people among themselves {number(top['alpha'])}, of the metric with each {number(top['judge_alpha'])}; {top['n']:,} records"
    if document.get("position"):
        place = document["position"]
        share = number(place["first_share"])
        yield f"position    {place['flips']:,} of {place['n']:,} verdicts change with the order; of those that follow a place, {share} the first"
    alike: dict[str, list[str]] = {}
    for name, why in document["reasons"].items():
        alike.setdefault(why, []).append(name)
    for why, names in alike.items():
        yield terminal_line(f"no value    {', '.join(names)}: {why}")
    for reason, count in document["dropped"].items():
        yield terminal_line(f"dropped     {count:,} labels: {reason}")
    for note in document["notes"]:
        yield terminal_line(f"note        {note}")


def _segments(document: Document) -> list[list[str]]:
    rows = []
    for part in document["segments"]:
        corrected = part["corrected"]
        name = " · ".join("none" if value is None else str(value) for value in part["policy"].values())
        rows.append([name, f"{part['n']:,}", number(part["mean"]), number(corrected["mean"]), _interval((corrected["low"], corrected["high"]))])
    return rows


def _interval(limits: Any) -> str:
    return DASH if limits is None or None in tuple(limits) else f"{number(limits[0])} to {number(limits[1])}"
