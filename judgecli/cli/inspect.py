"""judge inspect: what is in the logs and how they are read."""

from typing import Annotated

import typer

from judgecli.cli.options import BadOption, ConfigOption, EncodingOption, FormatOption, JsonOption, MapOption, QuietOption, StoreOption, ZoneOption, load


def inspect(
    context: typer.Context,
    logs: Annotated[list[str], typer.Argument(metavar="LOGS", help="Files, folders or globs; - is stdin.")],
    map: MapOption = None,
    format: FormatOption = None,
    zone: ZoneOption = None,
    encoding: EncodingOption = None,
    max_bad: BadOption = None,
    config: ConfigOption = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,  # noqa: ARG001 - every command has it
) -> None:
    """Show what was detected in the logs: format, mapping, three records, unmapped fields, bad lines.

    Examples:
      judge inspect app.jsonl
      judge inspect app.csv --map output=answer           try a mapping
      judge inspect logs/ --json

    Nothing is stored. Exit codes: 0, 2 usage, 3 a file holds more bad lines than --max-bad, or a log of a folder cannot be read.
    """
    from judgecli.cli.output import show
    from judgecli.pipeline.upkeep import inspect_logs
    from judgecli.renderers import terminal

    settings = load(context, config, store, map=tuple(map or ()), format=format, zone=zone, encoding=encoding, max_bad=max_bad)
    files = inspect_logs(logs, settings=settings)
    show({"files": files}, lambda page: terminal.inspection(files, page), as_json=as_json)
    raise typer.Exit(0 if all(file["readable"] for file in files) else 3)
