"""judge replies: what judges answered, into a file, out of a file, and read again without a call."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from judgecli.cli.group import Command, Group, plain_app
from judgecli.cli.options import ConfigOption, JsonOption, QuietOption, StoreOption, open_project

replies = plain_app(cls=Group, context_settings={"help_option_names": ["-h", "--help"]})

FileArgument = Annotated[str, typer.Argument(metavar="FILE", help="JSON lines, a reply each.")]
MetricOption = Annotated[list[str] | None, typer.Option("--metric", metavar="NAME", help="Only replies of this metric (repeatable).")]
ScorerOption = Annotated[list[str] | None, typer.Option("--scorer", "-s", metavar="SCORER", help="The rubrics; default: those of judge.yaml.")]
ModelOption = Annotated[list[str] | None, typer.Option("--judge-model", metavar="MODEL", help="The model that judged; several are a jury.")]


@replies.callback()
def _replies() -> None:
    """Keep, carry and read again what judges answered.

    Examples:
      judge replies export replies.jsonl
      judge score app.jsonl --replay replies.jsonl        in CI: asks nobody
      judge replies reparse app.jsonl -s rubric:helpfulness --judge-model gpt-5-mini
    """


@replies.command("export", cls=Command)
def export(
    context: typer.Context,
    file: FileArgument,
    metric: MetricOption = None,
    config: ConfigOption = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,  # noqa: ARG001
) -> None:
    """Write the stored replies to a file that --replay takes; sorted, so that it can be kept under version control.

    Examples:
      judge replies export replies.jsonl
      judge replies export replies.jsonl --metric rubric.helpfulness
    """
    from judgecli.pipeline import export_replies

    _show(export_replies(open_project(context, config, store), file, metric or ()), as_json=as_json)


@replies.command("import", cls=Command)
def import_(
    context: typer.Context,
    file: FileArgument,
    config: ConfigOption = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,  # noqa: ARG001
) -> None:
    """Add the replies of a file to the store; what is there is never replaced.

    Examples:
      judge replies import replies.jsonl
    """
    from judgecli.pipeline import import_replies

    _show(import_replies(open_project(context, config, store, create=True), file), as_json=as_json)


@replies.command("reparse", cls=Command)
def reparse(
    context: typer.Context,
    logs: Annotated[list[str] | None, typer.Argument(metavar="LOGS", help="Files, folders or globs. Default: those of judge.yaml.")] = None,
    scorer: ScorerOption = None,
    judge_model: ModelOption = None,
    samples: Annotated[int | None, typer.Option("--samples", metavar="K", help="As it was when they were asked.")] = None,
    logprobs: Annotated[bool, typer.Option("--logprobs", help="As it was when they were asked.")] = False,
    config: ConfigOption = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Read every verdict again from the stored replies. Asks nobody and costs nothing.

    Examples:
      judge replies reparse app.jsonl -s rubric:helpfulness --judge-model gpt-5-mini
    """
    from judgecli.cli.output import show
    from judgecli.cli.progress import open_progress
    from judgecli.config import read_judge_flags
    from judgecli.pipeline import reparse_replies
    from judgecli.renderers import terminal

    work = open_project(context, config, store, create=True, judge=read_judge_flags(models=judge_model or (), samples=samples, logprobs=logprobs))
    progress = open_progress(quiet=quiet)
    try:
        result = reparse_replies(logs or (), work=work, scorers=scorer, progress=progress)
    finally:
        progress.close()
    document = result.to_json()
    show(document, lambda page: terminal.summary(document, page), as_json=as_json)
    raise typer.Exit(result.exit_code)


def _show(document: Mapping[str, Any], *, as_json: bool) -> None:
    from judgecli.cli.output import show
    from judgecli.renderers import terminal

    show(document, lambda page: terminal.facts(document, page), as_json=as_json)
