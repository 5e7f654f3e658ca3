"""judge baseline: what gates compare with, approved by a person and kept under version control."""

from typing import Annotated

import typer

from judgecli.cli.group import Command, Group, plain_app
from judgecli.cli.options import ConfigOption, JsonOption, QuietOption, StoreOption, load, open_project

baseline = plain_app(cls=Group, context_settings={"help_option_names": ["-h", "--help"]})

NAME_HELP = "What to call it; `not_worse_than: NAME` in judge.yaml refers to it."
ON_HELP = "Which records: run:last (default), run:ID, or a filter, as prompt_version=v3."
METRIC_HELP = "A metric (repeatable). Default: all that have a mean."
BY_HELP = "Who approves; default: the user of this machine."
DESPITE_HELP = "Approve although less than `measured` (98 %) of a metric has a score."


@baseline.callback()
def _baseline() -> None:
    """Approve what gates compare with, and look at it.

    Examples:
      judge baseline approve main                         the scores of the latest judge score, by prompt
      judge baseline list
      judge baseline show main
    """


@baseline.command(cls=Command)
def approve(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help=NAME_HELP)],
    on: Annotated[str | None, typer.Option("--on", metavar="FILTER", help=ON_HELP)] = None,
    metric: Annotated[list[str] | None, typer.Option("--metric", metavar="NAME", help=METRIC_HELP)] = None,
    by: Annotated[str | None, typer.Option("--by", metavar="PERSON", help=BY_HELP)] = None,
    despite_missing: Annotated[bool, typer.Option("--despite-missing", help=DESPITE_HELP)] = False,
    config: ConfigOption = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Write baselines/NAME.yaml and NAME.parquet: the scores of some records by prompt, with their identities.

    Examples:
      judge baseline approve main
      judge baseline approve v2 --on prompt_version=v2 --by ada

    Commit both files, and review a change of them as you review code. They hold hashes and numbers, no text.
    Gates leave the records of a baseline out of what they hold against it, so a log may go on growing.
    Exit codes: 0, 2 usage, 3 too little was measured, 4 environment.
    """
    from judgecli.cli.output import say, show
    from judgecli.pipeline.baseline import approve_baseline
    from judgecli.renderers.baseline import baseline_page

    found = approve_baseline(open_project(context, config, store), name, by=by or user_name(), on=on, metrics=metric, despite_missing=despite_missing)
    document = found.to_json()
    show(document, lambda page: baseline_page(document, page), as_json=as_json)
    for note in found.notes:
        say(note, quiet=quiet)


@baseline.command(name="show", cls=Command)
def show_one(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Which baseline.")],
    config: ConfigOption = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,  # noqa: ARG001
) -> None:
    """Show a baseline: who approved what and when, and each metric; its scores are checked against their hash.

    Examples:
      judge baseline show main
    """
    from judgecli.cli.output import show
    from judgecli.pipeline.baseline import show_baseline
    from judgecli.renderers.baseline import baseline_page

    document = show_baseline(load(context, config, store), name).to_json()
    show(document, lambda page: baseline_page(document, page), as_json=as_json)


@baseline.command(name="list", cls=Command)
def list_all(
    context: typer.Context,
    config: ConfigOption = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,  # noqa: ARG001
) -> None:
    """List the baselines of the project.

    Examples:
      judge baseline list
    """
    from judgecli.cli.output import show
    from judgecli.pipeline.baseline import describe_baselines
    from judgecli.renderers.baseline import baseline_list

    document = {"baselines": describe_baselines(load(context, config, store))}
    show(document, lambda page: baseline_list(document, page), as_json=as_json)


def user_name() -> str:
    """Who types, as this machine knows them."""
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"
