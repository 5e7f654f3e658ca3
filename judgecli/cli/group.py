"""The root command and its sub-commands, each imported when it is asked for."""

import functools
import importlib
import importlib.metadata
import inspect
import pkgutil
import re
from pathlib import Path
from typing import Annotated, Any

import typer
from typer._click.formatting import HelpFormatter
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from judgecli.cli.options import ConfigOption, StoreOption
from judgecli.errors import UnknownName


class Command(TyperCommand):
    """A command whose help starts with what it does and its examples, then usage and options."""

    def format_help(self, ctx: typer.Context, formatter: HelpFormatter) -> None:  # type: ignore[override]
        _write_help(self, ctx, formatter)


class Group(TyperGroup):
    """A group with the same help, whose unknown commands name the nearest."""

    def format_help(self, ctx: typer.Context, formatter: HelpFormatter) -> None:  # type: ignore[override]
        _write_help(self, ctx, formatter)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if not args[0].startswith("-") and self.get_command(ctx, args[0]) is None and not ctx.resilient_parsing:
            raise UnknownName(f"command of {ctx.command_path}", args[0], known=self.list_commands(ctx))
        return super().resolve_command(ctx, args)


class Root(Group):
    """`judge` itself: its commands are the modules of judgecli.cli."""

    def list_commands(self, ctx: Any) -> list[str]:
        return [name for name in _module_names() if self.get_command(ctx, name) is not None]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002 - the signature of typer
        if cmd_name not in _module_names():
            return None
        found = getattr(importlib.import_module(f"judgecli.cli.{cmd_name}"), cmd_name, None)
        return None if found is None else _command(found, cmd_name)


def _module_names() -> list[str]:
    return sorted(module.name for module in pkgutil.iter_modules([str(Path(__file__).parent)]))


@functools.cache  # help asks for each twice
def _command(found: object, name: str) -> Any:
    """A function as a command, a typer app as a group of commands."""
    if isinstance(found, typer.Typer):
        group = get_command(found)
        group.name = name
        return group
    app = plain_app()
    app.command(name, cls=Command)(found)  # type: ignore[type-var]
    return get_command(app)


def plain_app(**settings: object) -> typer.Typer:
    """A typer app without rich markup, which would read hostile text as its own."""
    return typer.Typer(rich_markup_mode=None, add_completion=False, pretty_exceptions_enable=False, **settings)  # type: ignore[arg-type]


def application() -> Root:
    """The whole command line."""
    app = typer.Typer(
        cls=Root,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    )
    app.callback()(_judge)
    command = get_command(app)
    assert isinstance(command, Root)
    command.name = "judge"
    return command


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"judge {importlib.metadata.version('judgecli')}")
        raise typer.Exit


def _judge(
    config: ConfigOption = None,
    store: StoreOption = None,
    version: Annotated[bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version and stop.")] = False,
) -> None:
    """Score the logs of an LLM application, and know what the score is worth.

    Examples:
      judge score app.jsonl                       score a log with the default scorers
      judge inspect app.jsonl                     what was found in it, and how it is read
      judge score logs/ -s words -s refusal -o scores.csv
      judge scorers                               what can be measured

    --config and --store may stand before or after the command. Exit codes: 0 fine, 1 a gate
    failed, 2 usage or configuration, 3 too little could be measured, 4 environment (disk, store),
    5 inconclusive, 70 a bug of judge, 130 or 143 interrupted (the command that continues is
    printed), 141 the reader of the output went away.
    """


def _write_help(command: Any, ctx: typer.Context, formatter: HelpFormatter) -> None:
    formatter.write(inspect.cleandoc(command.help or "") + "\n\n")
    command.format_usage(ctx, formatter)
    records = [(parameter, parameter.get_help_record(ctx)) for parameter in command.get_params(ctx)]
    rows = {
        "Arguments": [(parameter.metavar, record[1]) for parameter, record in records if record and parameter.param_type_name == "argument"],
        "Options": [record for parameter, record in records if record and parameter.param_type_name == "option"],
    }
    if isinstance(command, TyperGroup):
        found = [(name, command.get_command(ctx, name)) for name in command.list_commands(ctx)]
        rows["Commands"] = [(name, re.split(r"[.:](?=\s|$)", inspect.cleandoc(sub.help or ""))[0]) for name, sub in found if sub is not None]
    for title, lines in rows.items():
        if lines:
            with formatter.section(title):
                formatter.write_dl(lines)
