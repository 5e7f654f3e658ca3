"""judge report: what the scores say, for the terminal, as HTML, Markdown or JSON."""

from typing import Annotated

import typer

from judgecli.cli.options import ConfigOption, JsonOption, QuietOption, StoreOption, names_of, open_project

ON_HELP = "Which records: run:last, run:ID, or a filter; default: all."
BY_HELP = "Columns that tell policies apart, with commas or repeated; default: those of judge.yaml."
OUTPUT_HELP = "Write a file instead: .html, .md, .comment.md (for a pull request) or .json by its suffix (repeatable)."


def report(
    context: typer.Context,
    on: Annotated[str | None, typer.Option("--on", metavar="FILTER", help=ON_HELP)] = None,
    by: Annotated[
        list[str] | None, typer.Option("--by", metavar="COLS", help="Columns that tell policies apart, with commas or repeated; default: those of judge.yaml.")
    ] = None,
    window: Annotated[str | None, typer.Option("--window", metavar="LENGTH", help="1h, 1d, 1w, 30d, all, ...; default: one that fits the time span.")] = None,
    metric: Annotated[str | None, typer.Option("--metric", metavar="NAME", help="What slices and examples are about; default: the reward.")] = None,
    output: Annotated[list[str] | None, typer.Option("--output", "-o", metavar="FILE", help=OUTPUT_HELP)] = None,
    config: ConfigOption = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Report what the scores say: what is best and worst, what changed, how sure that is.

    Examples:
      judge report                                        the short form, here
      judge report -o report.html -o report.md            one page to mail, one for a pull request
      judge report --on run:last --by prompt_version
      judge report --on 7d --metric refusal -o week.html

    The HTML file is whole in itself: no script, nothing is loaded from elsewhere.
    """
    from pathlib import Path

    from judgecli.cli.output import say, show
    from judgecli.pipeline.report import build_report, report_format, write_report
    from judgecli.renderers.report_terminal import report_text

    paths = [Path(name) for name in output or ()]
    for path in paths:
        report_format(path)
    work = open_project(context, config, store)
    columns = None if by is None else names_of(by)
    found = build_report(work, on, by=columns, window=window, metric=metric)
    for path in paths:
        write_report(found, path)
        say(f"wrote {path}", quiet=quiet)
    if as_json or not paths:
        show(found.to_json(), lambda page: report_text(found, page), as_json=as_json)
