"""judge store: what the store holds, whether it is whole, and its upkeep."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from judgecli.cli.group import Command, Group, plain_app
from judgecli.cli.options import ConfigOption, JsonOption, QuietOption, StoreOption, open_project

store = plain_app(cls=Group, context_settings={"help_option_names": ["-h", "--help"]})


@store.callback()
def _store() -> None:
    """Look after the store.

    Examples:
      judge store info
      judge store verify                                  is every file whole?
      judge store forget --where "user = 'u-17'"
    """


@store.command(cls=Command)
def info(context: typer.Context, config: ConfigOption = None, store: StoreOption = None, as_json: JsonOption = False, quiet: QuietOption = False) -> None:  # noqa: ARG001
    """Show where the store is, how large, and what it holds.

    Examples:
      judge store info
      judge --store /data/judge store info --json
    """
    from judgecli.pipeline import store_info

    _show(store_info(open_project(context, config, store)), as_json=as_json)


@store.command(cls=Command)
def verify(context: typer.Context, config: ConfigOption = None, store: StoreOption = None, as_json: JsonOption = False, quiet: QuietOption = False) -> None:  # noqa: ARG001
    """Read every file of the store and say whether it is whole; exit 4 where it is not.

    Examples:
      judge store verify
    """
    from judgecli.pipeline import store_verify

    document = store_verify(open_project(context, config, store))
    _show(document, as_json=as_json)
    if not document.get("ok", True):
        raise typer.Exit(4)


@store.command(cls=Command)
def compact(context: typer.Context, config: ConfigOption = None, store: StoreOption = None, as_json: JsonOption = False, quiet: QuietOption = False) -> None:  # noqa: ARG001
    """Merge small files; no record and no score changes.

    Examples:
      judge store compact
    """
    from judgecli.pipeline import store_compact

    _show(store_compact(open_project(context, config, store)), as_json=as_json)


@store.command(cls=Command)
def forget(
    context: typer.Context,
    where: Annotated[str, typer.Option("--where", metavar="FILTER", help="Which records: a condition on their columns and tags.")],
    config: ConfigOption = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,  # noqa: ARG001
) -> None:
    """Delete records and all that was made of them; they stay counted as forgotten.

    Examples:
      judge store forget --where "user = 'u-17'"
      judge store forget --where "time < '2026-01-01'"
    """
    from judgecli.pipeline import store_forget

    _show(store_forget(open_project(context, config, store), where), as_json=as_json)


def _show(document: Mapping[str, Any], *, as_json: bool) -> None:
    from judgecli.cli.output import show
    from judgecli.renderers import terminal

    show(document, lambda page: terminal.facts(document, page), as_json=as_json)
