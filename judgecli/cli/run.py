"""judge run: the whole loop of judge.yaml."""

from typing import Annotated, Literal

import typer

from judgecli.cli.options import (
    AllowOption,
    BadOption,
    ConfigOption,
    EncodingOption,
    ForceOption,
    FormatOption,
    JsonOption,
    MapOption,
    QuietOption,
    StoreOption,
    ZoneOption,
    open_project,
)


def run(
    context: typer.Context,
    logs: Annotated[list[str] | None, typer.Argument(metavar="LOGS", help="Files, folders or globs; default: those of judge.yaml.")] = None,
    map: MapOption = None,
    format: FormatOption = None,
    zone: ZoneOption = None,
    encoding: EncodingOption = None,
    max_bad: BadOption = None,
    workers: Annotated[int | None, typer.Option("--workers", metavar="N", help="Worker processes; default: one a core.")] = None,
    allow_code: Annotated[bool, typer.Option("--allow-code", help="Let judge.yaml name scorers in files of the project.")] = False,
    allow: AllowOption = None,
    inconclusive: Annotated[
        Literal["pass", "fail"] | None, typer.Option("--inconclusive", help="What an inconclusive gate counts as; default: exit 5.")
    ] = None,
    fail_on_alarm: Annotated[bool, typer.Option("--fail-on-alarm", help="Exit 1 while an alarm is open (alarms: in judge.yaml).")] = False,
    force: ForceOption = False,  # noqa: ARG001 - its callback says it to every writer
    config: ConfigOption = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Do all that judge.yaml asks for: score, reward, signals, alarms, report, gates, feedback files.

    Examples:
      judge run                          the logs of judge.yaml; again tomorrow: only what is new
      judge run logs/today.jsonl         these logs instead
      judge run --inconclusive fail      for CI that wants yes or no
      judge run --json > run.json

    Steps that have nothing new are skipped; a step that fails leaves the results of the others.
    Exit codes: as judge check where judge.yaml has gates (0 pass, 1 fail, 3 incomplete, 5 inconclusive;
    a step that failed, and logs or lines that could not be read, count where the gates pass), else the worst of the steps. With --fail-on-alarm
    also 1 while an alarm is open. In GitHub Actions the answers are annotations and a summary too. Feedback files are refused while an alarm is open.
    """
    from judgecli.cli.output import show, tell_github
    from judgecli.cli.progress import open_progress
    from judgecli.pipeline.run import run_loop
    from judgecli.renderers import loop

    typed = {"map": tuple(map or ()), "format": format, "zone": zone, "encoding": encoding, "max_bad": max_bad, "workers": workers}
    work = open_project(context, config, store, create=True, allow_code=allow_code, **typed, allow=tuple(allow or ()))
    progress = open_progress(quiet=quiet)
    try:
        result = run_loop(logs or (), work=work, progress=progress, inconclusive=inconclusive, fail_on_alarm=fail_on_alarm)
    finally:
        progress.close()
    document = result.to_json()
    show(document, lambda page: loop.run(document, page), as_json=as_json)
    if result.check is not None:
        tell_github(result.check)
    raise typer.Exit(result.exit_code)
