"""judge score: records and scores into the store, a summary or the rows out."""

from typing import TYPE_CHECKING, Annotated

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

if TYPE_CHECKING:
    from collections.abc import Sequence

    from judgecli.cli.progress import NullProgress
    from judgecli.evidence.work import Work
    from judgecli.pipeline.judged import Asking
    from judgecli.pipeline.score_result import ScoreResult


SCORER_HELP = "A scorer (repeatable); NAME=SCORER:option=value sets options. See `judge scorers`."
SENTINELS_HELP = "Worthless answers among the others; default 2 %, at least 20 from 200 calls."
OUTPUT_HELP = "Write the rows: .csv, .tsv, .parquet or .jsonl; - streams JSON lines to stdout."
ModelOption = Annotated[list[str] | None, typer.Option("--judge-model", metavar="MODEL", help="The model that judges; several are a jury.")]
UrlOption = Annotated[str | None, typer.Option("--base-url", metavar="URL", help="The judge's endpoint; default OpenAI. May hold ${NAME}.")]
ConcurrencyOption = Annotated[int | None, typer.Option("--concurrency", metavar="N", help="Calls under way at once; default 32.")]
SamplesOption = Annotated[int | None, typer.Option("--samples", metavar="K", help="Ask so often and take the mean.")]
LogprobsOption = Annotated[bool, typer.Option("--logprobs", help="Expected score over the scale's tokens.")]
SentinelsOption = Annotated[str | None, typer.Option("--sentinels", metavar="N|off", help=SENTINELS_HELP)]
CostOption = Annotated[float | None, typer.Option("--max-cost", metavar="USD", help="Stop asking before more is spent.")]
CallsOption = Annotated[int | None, typer.Option("--max-calls", metavar="N", help="Stop asking after so many calls.")]
DryOption = Annotated[bool, typer.Option("--dry-run", help="Show what would be asked and what it may cost; ask nobody.")]
ReplayOption = Annotated[str | None, typer.Option("--replay", metavar="FILE", help="Take the replies of this file; ask nobody.")]
BatchOption = Annotated[str | None, typer.Option("--batch", metavar="submit|collect", help="Ask by the Batch API, at half the price.")]
RetryOption = Annotated[bool, typer.Option("--retry-failed", help="Ask again where a reply was no verdict.")]
ScorerOption = Annotated[list[str] | None, typer.Option("--scorer", "-s", metavar="SCORER", help=SCORER_HELP)]
WorkersOption = Annotated[int | None, typer.Option("--workers", metavar="N", help="Worker processes; default: one a core.")]
CodeOption = Annotated[bool, typer.Option("--allow-code", help="Let judge.yaml name scorers in files of the project.")]
OutputOption = Annotated[str | None, typer.Option("--output", "-o", metavar="FILE", help=OUTPUT_HELP)]


def score(
    context: typer.Context,
    logs: Annotated[list[str] | None, typer.Argument(metavar="LOGS", help="Files, folders or globs; - is stdin. Default: those of judge.yaml.")] = None,
    scorer: ScorerOption = None,
    map: MapOption = None,
    format: FormatOption = None,
    zone: ZoneOption = None,
    encoding: EncodingOption = None,
    keep_duplicates: Annotated[bool, typer.Option("--keep-duplicates", help="Number equal lines instead of counting them once.")] = False,
    max_bad: BadOption = None,
    workers: WorkersOption = None,
    allow_code: CodeOption = False,
    allow: AllowOption = None,
    judge_model: ModelOption = None,
    base_url: UrlOption = None,
    concurrency: ConcurrencyOption = None,
    samples: SamplesOption = None,
    logprobs: LogprobsOption = False,
    sentinels: SentinelsOption = None,
    max_cost: CostOption = None,
    max_calls: CallsOption = None,
    dry_run: DryOption = False,
    replay: ReplayOption = None,
    batch: BatchOption = None,
    retry_failed: RetryOption = False,
    output: OutputOption = None,
    force: ForceOption = False,  # noqa: ARG001 - its callback says it to every writer
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
      judge score app.jsonl -s rubric:helpfulness --judge-model gpt-5-mini --dry-run
      judge score app.jsonl -o scores.parquet             one row a record
      zcat app.jsonl.gz | judge score - -o - | head       rows as JSON lines

    Running it again scores only what is new, and shows all records of the logs. What a judge
    answered once is never asked, or paid, again.
    Exit codes: 0, 2 usage, 3 too little measured or too many bad lines, 4 environment.
    """
    from judgecli.config import read_judge_flags
    from judgecli.pipeline.judged import Asking

    _check_output(output, as_json=as_json)
    asking = Asking(replay, retry_failed, batch).checked()
    judge = read_judge_flags(judge_model or (), base_url, concurrency, samples, logprobs, sentinels, max_cost, max_calls)
    shape = {"map": tuple(map or ()), "format": format, "zone": zone, "encoding": encoding}
    typed = {**shape, "keep_duplicates": keep_duplicates, "max_bad": max_bad, "workers": workers}
    work = open_project(context, config, store, create=True, allow_code=allow_code, judge=judge, **typed, allow=tuple(allow or ()))
    _score(logs or (), work, scorer, None if dry_run else asking, output, as_json=as_json, quiet=quiet)


def _score(logs: "Sequence[str]", work: "Work", scorers: list[str] | None, asking: "Asking | None", output: str | None, *, as_json: bool, quiet: bool) -> None:
    """Score, or with no `asking` only estimate; show what came of it. Raises: Exit."""
    from judgecli.cli.progress import open_progress
    from judgecli.pipeline.score import score_logs

    progress = open_progress(quiet=quiet)
    try:
        if asking is None:
            return _show_estimate(logs, work, scorers, progress, as_json=as_json)
        result = score_logs(logs, work=work, scorers=scorers, progress=progress, asking=asking)
    finally:
        progress.close()
    _show(result, output, as_json=as_json, quiet=quiet)
    raise typer.Exit(result.exit_code)


def _show_estimate(logs: "Sequence[str]", work: "Work", scorers: list[str] | None, progress: "NullProgress", *, as_json: bool) -> None:
    from judgecli.cli.output import show
    from judgecli.pipeline.estimating import estimate_logs
    from judgecli.renderers.estimate import estimate_text

    document = estimate_logs(logs, work=work, scorers=scorers, progress=progress)
    progress.close()
    show(document, lambda page: estimate_text(document, page), as_json=as_json)


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
