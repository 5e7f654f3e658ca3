"""judge alarms: what the monitor noticed, and what people said to it."""

from typing import Annotated

import typer

from judgecli.cli.group import Command, Group, plain_app
from judgecli.cli.options import ConfigOption, JsonOption, QuietOption, StoreOption, open_project

alarms = plain_app(cls=Group, context_settings={"help_option_names": ["-h", "--help"]})
ACCEPT_HELP = "The new level is the right one: watch against it, from the change on. Reads the whole store once."
COMMENT_HELP = "Why; kept with the alarm."


@alarms.callback()
def _alarms() -> None:
    """Show what the monitor noticed, and close what somebody has looked at.

    Examples:
      judge alarms list
      judge alarms close 8f2a91c03b --comment "v2 is meant to be brief"
      judge alarms close 8f2a91c03b --accept
    """


@alarms.command("list", cls=Command)
def list_(
    context: typer.Context,
    config: ConfigOption = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,  # noqa: ARG001 - every command has it
) -> None:
    """Bring the monitor up to date, and list all alarms, the open ones first.

    Examples:
      judge alarms list
      judge alarms list --json         with every chart: its reference, its mean since, or what it lacks
    """
    from judgecli.cli.output import show
    from judgecli.pipeline.alarms import listed
    from judgecli.renderers.alarms import alarms_page

    document = listed(open_project(context, config, store)).to_json()
    show(document, lambda page: alarms_page(document, page), as_json=as_json)


@alarms.command(cls=Command)
def close(
    context: typer.Context,
    ids: Annotated[list[str], typer.Argument(metavar="ID...", help="Ids of alarms, or how they begin; all is every open one.")],
    accept: Annotated[bool, typer.Option("--accept", help=ACCEPT_HELP)] = False,
    comment: Annotated[str | None, typer.Option("--comment", metavar="TEXT", help=COMMENT_HELP)] = None,
    config: ConfigOption = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,  # noqa: ARG001
) -> None:
    """Close alarms that somebody has looked at: then judge export writes again.

    Examples:
      judge alarms close 8f2a91c03b
      judge alarms close 8f2a 77c1 --comment "the new prompt, reviewed"
      judge alarms close all --accept

    An alarm also ends by itself when the metric has come back. Exit codes: 0, 2 no such alarm, 4 environment.
    """
    from judgecli.cli.output import show
    from judgecli.pipeline.alarms import close as close_alarms
    from judgecli.renderers.alarms import alarms_page

    document = close_alarms(open_project(context, config, store), ids, comment=comment, accept=accept).to_json()
    show(document, lambda page: alarms_page(document, page), as_json=as_json)
