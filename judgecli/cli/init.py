"""judge init: a first judge.yaml for these logs."""

from typing import Annotated

import typer

from judgecli.cli.options import ConfigOption, EncodingOption, FormatOption, JsonOption, MapOption, QuietOption, ZoneOption


def init(
    context: typer.Context,
    logs: Annotated[list[str], typer.Argument(metavar="LOGS", help="Files, folders or globs.")],
    output: Annotated[str | None, typer.Option("--output", "-o", metavar="FILE", help="Where to write; default the --config, else judge.yaml.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over a file that exists.")] = False,
    map: MapOption = None,
    format: FormatOption = None,
    zone: ZoneOption = None,
    encoding: EncodingOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,  # noqa: ARG001 - every command has it
) -> None:
    """Look at the logs, propose what to monitor and why, and write a judge.yaml that runs.

    Examples:
      judge init logs/                             writes judge.yaml, and prints the plan
      judge init 'logs/*.jsonl.gz' -o first.yaml
      judge init app.csv --map output=answer       where a field would be guessed wrong

    Nothing is stored. A file that exists is kept unless --force.
    """
    from pathlib import Path

    from judgecli.cli.output import show
    from judgecli.config import Settings, parse_mapping
    from judgecli.config.project import Project
    from judgecli.pipeline.init import propose
    from judgecli.renderers import loop

    settings = Settings(Project(), map=parse_mapping(map or ())[0], format=format, zone=zone, encoding=encoding)
    target = output or config or context.find_root().params.get("config") or "judge.yaml"
    found = propose(logs, settings=settings, output=Path(target), force=force).to_json()
    show(found, lambda page: loop.plan(found, page), as_json=as_json)
