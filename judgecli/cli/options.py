"""The options that commands share, and the settings they add up to."""

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from judgecli.config import Settings
    from judgecli.evidence.work import Work

ConfigOption = Annotated[str | None, typer.Option("--config", metavar="FILE", help="The configuration; default judge.yaml here, or JUDGE_CONFIG.")]
StoreOption = Annotated[str | None, typer.Option("--store", metavar="DIR", help="The store; default .judge, or JUDGE_STORE.")]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="No messages and no progress on stderr.")]
MAP_HELP = "Where a field stands: a dotted path; A|B is the first that exists (repeatable). `auto` allows guesses in CI."
MapOption = Annotated[list[str] | None, typer.Option("--map", metavar="FIELD=PATH", help=MAP_HELP)]
FormatOption = Annotated[str | None, typer.Option("--format", metavar="NAME", help="The log format; default: detected.")]
EncodingOption = Annotated[str | None, typer.Option("--encoding", metavar="NAME", help="The encoding of the logs' text where it is not UTF-8, as cp1252.")]
ZoneOption = Annotated[str | None, typer.Option("--zone", metavar="ZONE", help="The zone of times that name none; default UTC.")]

BadOption = Annotated[float | None, typer.Option("--max-bad", metavar="SHARE", help="Exit 3 if more lines are quarantined; default 0.01.")]
BadRowsOption = Annotated[float | None, typer.Option("--max-bad", metavar="SHARE", help="Exit 3 if more rows cannot be read; default 0.01.")]


def names_of(texts: "Sequence[str] | str | None") -> list[str]:
    """The names in options that take several: with commas, repeated, or both, each once.

    >>> names_of(["model, tags.country", "model"])
    ['model', 'tags.country']
    """
    given = [texts] if isinstance(texts, str) else texts or ()
    return list(dict.fromkeys(name.strip() for text in given for name in text.split(",") if name.strip()))


def load(context: typer.Context, config: str | None, store: str | None, **flags: object) -> "Settings":
    """The settings of a command: what was typed after it, else before it, else variables and judge.yaml."""
    from judgecli.config import Flags, load_settings

    before = context.find_root().params
    return load_settings(config or before.get("config"), Flags(store=store or before.get("store"), **flags))  # type: ignore[arg-type]


def open_project(context: typer.Context, config: str | None, store: str | None, *, create: bool = False, **flags: object) -> "Work":
    """The open project of a command, closed when it ends. `create`: its store is made where there is none."""
    from judgecli.evidence.work import open_work

    return context.with_resource(open_work(load(context, config, store, **flags), create=create))
