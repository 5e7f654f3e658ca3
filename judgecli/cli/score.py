"""judge score: records and scores into the store, a summary or the rows out."""

from typing import TYPE_CHECKING, Annotated

import typer

from judgecli.cli.options import ConfigOption, FormatOption, JsonOption, MapOption, QuietOption, StoreOption, ZoneOption, load

if TYPE_CHECKING:
    from judgecli.pipeline import ScoreResult


SCORER_HELP = "A scorer (repeatable); NAME=SCORER:option=value sets options. See `judge scorers`."
OUTPUT_HELP = "Write the rows: .csv, .tsv, .parquet or .jsonl; - streams JSON lines to stdout."


def score(
    context: typer.Context,
    logs: Annotated[list[str] | None, typer.Argument(metavar="LOGS", help="Files, folders or globs; - is stdin. Default: those of judge.yaml.")] = None,
    scorer: Annotated[list[str] | None, typer.Option("--scorer", "-s", metavar="SCORER", help=SCORER_HELP)] = None,
    map: MapOption = None,
    format: FormatOption = None,
    zone: ZoneOption = None,
    keep_duplicates: Annotated[bool, typer.Option("--keep-duplicates", help="Number equal lines instead of counting them once.")] = False,
    max_bad: Annotated[float | None, typer.Option("--max-bad", metavar="SHARE", help="Exit 3 if more lines are quarantined; default 0.01.")] = None,
    workers: Annotated[int | None, typer.Option("--workers", metavar="N", help="Worker processes; default: one a core.")] = None,
    allow_code: Annotated[bool, typer.Option("--allow-code", help="Let judge.yaml name scorers in files of the project.")] = False,
    output: Annotated[str | None, typer.Option("--output", "-o", metavar="FILE", help=OUTPUT_HELP)] = None,
    config: ConfigOption = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Score every record of the logs and print a summary.

    Examples:
      judge score app.jsonl                               the default scorers
      judge score logs/ -s words -s refusal               two scorers, all files of a folder
      judge score app.csv --map output=answer             say which column is the output
      judge score app.jsonl -s "no_prices=regex:pattern='[$€]'"
      judge score app.jsonl -o scores.parquet             one row a record
      zcat app.jsonl.gz | judge score - -o - | head       rows as JSON lines

    Running it again scores only what is new, and shows all records of the logs.
    Exit codes: 0, 2 usage, 3 too little measured or too many bad lines, 4 environment.
    """
    from judgecli.cli.progress import open_progress
    from judgecli.pipeline import score_logs

    _check_output(output, as_json=as_json)
    typed = {"map": tuple(map or ()), "format": format, "zone": zone, "keep_duplicates": keep_duplicates, "max_bad": max_bad, "workers": workers}
    settings = load(context, config, store, allow_code=allow_code, **typed)
    progress = open_progress(quiet=quiet)
    try:
        result = score_logs(logs or (), settings=settings, scorers=scorer, progress=progress)
    finally:
        progress.close()
    _show(result, output, as_json=as_json, quiet=quiet)
    raise typer.Exit(result.exit_code)


def _check_output(output: str | None, *, as_json: bool) -> None:
    """Before the work: can the rows go there? Raises: UsageError, EnvironmentFailure."""
    from pathlib import Path

    from judgecli.errors import UsageError
    from judgecli.renderers.table_file import check_target

    if output == "-" and as_json:
        raise UsageError("-o - and --json both want stdout", hint="write the rows to a file, or leave --json out")
    if output is not None and output != "-":
        check_target(Path(output))


def _show(result: "ScoreResult", output: str | None, *, as_json: bool, quiet: bool) -> None:
    import sys
    from pathlib import Path

    from judgecli.cli.output import say, show
    from judgecli.renderers import table_file, terminal

    document = result.to_json()
    if output == "-":
        table_file.stream_rows(result.rows(), sys.stdout.buffer)
        sys.stdout.buffer.flush()
        for line in [*terminal.warnings(document), *(f"note: {note}" for note in result.notes)]:
            say(line, quiet=quiet)
        return
    if output is not None:
        count = table_file.write_rows(result.rows(), Path(output))
        say(f"wrote {count:,} rows to {output}", quiet=quiet)
    show(document, lambda page: terminal.summary(document, page), as_json=as_json)
