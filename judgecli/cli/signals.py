"""judge signals: scores and rewards over time and by policy."""

from typing import Annotated

import typer

from judgecli.cli.options import ConfigOption, ForceOption, JsonOption, QuietOption, StoreOption, names_of, open_project

BY_HELP = "Record columns, file or tags.NAME, with commas or repeated; '' is all records together. Default: the policy of judge.yaml."
WINDOW_HELP = "1h, 1d, 1w (from Monday), 30d, ... in UTC, or all."
ON_HELP = "Which records: a filter (prompt_version=v3, 7d, ...), run:last or run:ID. Default: all."
METRIC_HELP = "A metric (repeatable). Default: all that the records have."
FAIL_HELP = "Exit 1 while an alarm is open (alarms: in judge.yaml)."
UNITS_HELP = "Comma-separated: record, session, prompt, pair, corpus."
OUTPUT_HELP = "Write the rows: .csv, .tsv, .parquet or .jsonl."


def signals(
    context: typer.Context,
    by: Annotated[list[str] | None, typer.Option("--by", metavar="COLS", help=BY_HELP)] = None,
    window: Annotated[str, typer.Option("--window", metavar="LENGTH", help=WINDOW_HELP)] = "1d",
    on: Annotated[str | None, typer.Option("--on", metavar="FILTER", help=ON_HELP)] = None,
    metric: Annotated[list[str] | None, typer.Option("--metric", metavar="NAME", help=METRIC_HELP)] = None,
    units: Annotated[str, typer.Option("--units", metavar="UNITS", help=UNITS_HELP)] = "record",
    fail_on_alarm: Annotated[bool, typer.Option("--fail-on-alarm", help=FAIL_HELP)] = False,
    output: Annotated[str | None, typer.Option("--output", "-o", metavar="FILE", help=OUTPUT_HELP)] = None,
    force: ForceOption = False,  # noqa: ARG001 - its callback says it to every writer
    config: ConfigOption = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Show scores and rewards over time and by policy, with what each number is worth.

    Examples:
      judge signals                                       by day and policy
      judge signals --by model --window all               models side by side
      judge signals --window 1w --metric words            one metric by week
      judge signals --by tags.country --on 30d            the last 30 days by a tag
      judge signals --units session,prompt,corpus         conversations, prompt groups, diversity
      judge signals --units pair --by model --window all  who wins where answers were compared
      judge signals -o signals.parquet
      judge signals --fail-on-alarm                       exit 1 while an alarm is open

    Each row has n of N, the mean with its cluster-robust 95 % interval, what the unscored could make
    of it, the value V (decayed mean), the advantage over V, and the regret against the best policy.
    Where judge.yaml has alarms, those that are open stand first (judge alarms list has them all).
    Exit codes: 0, 1 an alarm is open and --fail-on-alarm, 2 usage, 4 environment.
    """
    from pathlib import Path

    from judgecli.cli.output import say, show
    from judgecli.pipeline.alarms import with_alarms
    from judgecli.pipeline.signals import compute_signals
    from judgecli.renderers.signals import signals_page, signals_table
    from judgecli.renderers.table_file import check_target, write_rows

    if output is not None:
        check_target(Path(output))
    columns = None if by is None else names_of(by)
    work = open_project(context, config, store)
    found = compute_signals(work, by=columns, window=window, on=on, metrics=metric, units=names_of(units))
    found = with_alarms(found, work)
    document = found.to_json()
    if output is not None:
        count = write_rows([signals_table(document)], Path(output))
        say(f"wrote {count:,} rows to {output}", quiet=quiet)
    if output is None or as_json:
        show(document, lambda page: signals_page(document, page), as_json=as_json)
    if fail_on_alarm and any(alarm["state"] == "open" for alarm in found.alarms):
        raise typer.Exit(1)
