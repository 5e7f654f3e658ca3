"""judge drift: what changed from reference to current records, by how much, where, whose fault."""

from typing import TYPE_CHECKING, Annotated

import typer

from judgecli.cli.options import ConfigOption, JsonOption, QuietOption, StoreOption, names_of, open_project

if TYPE_CHECKING:
    from judgecli.signal.drift.rows import Margins

SIDE_HELP = "A filter (prompt_version=v2, 30d..7d, a condition), run:last or run:ID."
BY_HELP = "Also within each value of these record columns or tags.NAME, with commas or repeated."
METRIC_HELP = "A metric (repeatable). Default: all that the records have."
MARGIN_HELP = "The change that matters: a share of the score range (default 0.05), or NAME=AMOUNT in units of a metric (repeatable)."
OUTPUT_HELP = "Write a file instead: .html, .md or .json by its suffix (repeatable)."


def drift(
    context: typer.Context,
    reference: Annotated[str | None, typer.Option("--reference", metavar="FILTER", help=SIDE_HELP)] = None,
    current: Annotated[str | None, typer.Option("--current", metavar="FILTER", help="The same, for the records that are compared with it.")] = None,
    by: Annotated[list[str] | None, typer.Option("--by", metavar="COLS", help=BY_HELP)] = None,
    metric: Annotated[list[str] | None, typer.Option("--metric", metavar="NAME", help=METRIC_HELP)] = None,
    margin: Annotated[list[str] | None, typer.Option("--margin", metavar="SHARE", help=MARGIN_HELP)] = None,
    no_text: Annotated[bool, typer.Option("--no-text", help="Do not read texts: no words, diversity or examples, and no change is called the app's.")] = False,
    any_dependence: Annotated[bool, typer.Option("--any-dependence", help="q after Benjamini and Yekutieli: holds however the metrics hang together.")] = False,
    fail_on_drift: Annotated[bool, typer.Option("--fail-on-drift", help="Exit 1 on drift, 5 where it cannot be told.")] = False,
    output: Annotated[list[str] | None, typer.Option("--output", "-o", metavar="FILE", help=OUTPUT_HELP)] = None,
    config: ConfigOption = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Say what changed between two sets of records: by how much, where, and (if the log can tell) whether the app or the traffic did it.

    Examples:
      judge drift                                              the newest 7 days against those before
      judge drift --reference prompt_version=v1 --current prompt_version=v2
      judge drift --current 7d --by tags.country --metric refusal
      judge drift --margin 0.02 --margin words=20 --fail-on-drift
      judge drift --reference 30d..7d --current 7d -o drift.html

    Without sides: 7d against alarms.reference of judge.yaml (30d..7d). One side alone is compared with all
    other records. Three verdicts: drift, no drift, inconclusive (not enough data, with the smallest change
    that would have been seen). Exit codes: 0, 1 drift and 5 inconclusive with --fail-on-drift, 2 usage,
    4 environment.
    """
    from pathlib import Path

    from judgecli.cli.output import say, show
    from judgecli.pipeline.drift import find_drift, write_drift
    from judgecli.pipeline.report import report_format
    from judgecli.renderers.drift_terminal import drift_text

    paths = [Path(name) for name in output or ()]
    for path in paths:
        report_format(path)
    found = find_drift(
        open_project(context, config, store),
        reference=reference,
        current=current,
        by=names_of(by),
        metrics=metric,
        margins=_margins(margin or ()),
        texts=not no_text,
        any_dependence=any_dependence,
    )
    for path in paths:
        write_drift(found, path)
        say(f"wrote {path}", quiet=quiet)
    if as_json or not paths:
        show(found.to_json(), lambda page: drift_text(found, page), as_json=as_json)
    if fail_on_drift and found.verdict != "no drift":
        raise typer.Exit(1 if found.verdict == "drift" else 5)


def _margins(given: "list[str] | tuple[str, ...]") -> "Margins":
    """`--margin` as a share, or NAME=AMOUNT. Raises: UsageError."""
    import math

    from judgecli.errors import UsageError
    from judgecli.signal.drift.rows import MARGIN, Margins

    share, amounts = MARGIN, {}
    for text in given:
        name, equals, number = text.rpartition("=")
        try:
            value = float(number)
        except ValueError:
            value = math.nan
        if not (value >= 0 and math.isfinite(value)) or (equals and not name) or (not equals and value >= 1):
            raise UsageError(
                f"--margin {text} is no margin", hint="a share of the score range below 1, as 0.05, or NAME=AMOUNT in units of the metric, as words=20"
            )
        if equals:
            amounts[name] = value
        else:
            share = value
    return Margins(share, amounts)
