"""judge rubric: the library of rubrics, one of your own, and how a judge does on them."""

from pathlib import Path
from typing import Annotated

import typer

from judgecli.cli.group import Command, Group, plain_app
from judgecli.cli.options import AllowOption, BadOption, ConfigOption, FormatOption, JsonOption, MapOption, QuietOption, StoreOption, open_project

rubric = plain_app(cls=Group, context_settings={"help_option_names": ["-h", "--help"]})
NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="A rubric of the library, or the path of a YAML file.")]


@rubric.callback()
def _rubric() -> None:
    """Look at rubrics, check your own, and try a judge on their examples.

    Examples:
      judge rubric list
      judge rubric show helpfulness
      judge rubric check rubrics/mine.yaml
      judge rubric test helpfulness --judge-model gpt-5-mini
      judge rubric audit helpfulness app.jsonl --judge-model gpt-5-mini
    """


@rubric.command("list", cls=Command)
def list_(config: ConfigOption = None, store: StoreOption = None, as_json: JsonOption = False, quiet: QuietOption = False) -> None:  # noqa: ARG001
    """List the rubrics of the library.

    Examples:
      judge rubric list
      judge rubric list --json
    """
    from judgecli.cli.output import show as show_document
    from judgecli.pipeline.rubric import describe_rubrics
    from judgecli.renderers.rubrics import rubric_list

    rows = describe_rubrics()
    show_document({"rubrics": rows}, lambda page: rubric_list(rows, page), as_json=as_json)


@rubric.command(cls=Command)
def show(
    name: NameArgument,
    prompt: Annotated[bool, typer.Option("--prompt", help="Show what a judge is told, word for word.")] = False,
    config: ConfigOption = None,  # noqa: ARG001 - every command has these three
    store: StoreOption = None,  # noqa: ARG001
    as_json: JsonOption = False,
    quiet: QuietOption = False,  # noqa: ARG001
) -> None:
    """Show one rubric in full.

    Examples:
      judge rubric show faithfulness
      judge rubric show faithfulness --prompt             what a judge is told
      judge rubric show ./mine.yaml --json
    """
    from judgecli.cli.output import show as show_document
    from judgecli.pipeline.rubric import describe_rubrics, rubric_prompt
    from judgecli.renderers.rubrics import rubric_page
    from judgecli.renderers.safe import terminal_text

    document = describe_rubrics([name])[0]
    if prompt:
        text = rubric_prompt(name)
        show_document({"name": document["name"], "prompt": text}, lambda _: terminal_text(text) + "\n", as_json=as_json)
        return
    show_document(document, lambda page: rubric_page(document, page), as_json=as_json)


@rubric.command(cls=Command)
def check(
    names: Annotated[list[str], typer.Argument(metavar="NAMES", help="Paths of YAML files, or names of the library.")],
    config: ConfigOption = None,  # noqa: ARG001
    store: StoreOption = None,  # noqa: ARG001
    as_json: JsonOption = False,
    quiet: QuietOption = False,  # noqa: ARG001
) -> None:
    """Read rubrics and say whether they are right; what is wrong is told with file, line and column, exit 2.

    Examples:
      judge rubric check rubrics/mine.yaml
    """
    from judgecli.cli.output import show as show_document
    from judgecli.pipeline.rubric import describe_rubrics
    from judgecli.renderers.rubrics import rubric_list

    rows = describe_rubrics(names)
    show_document({"rubrics": rows, "ok": True}, lambda page: rubric_list(rows, page), as_json=as_json)


@rubric.command("test", cls=Command)
def try_(
    context: typer.Context,
    name: NameArgument,
    rows: Annotated[Path | None, typer.Option("--rows", metavar="FILE", help="More labelled rows: JSON lines of {given, verdict}.")] = None,
    judge_model: Annotated[list[str] | None, typer.Option("--judge-model", metavar="MODEL", help="The model that judges (repeatable: a jury).")] = None,
    base_url: Annotated[str | None, typer.Option("--base-url", metavar="URL", help="The address of the judge's endpoint.")] = None,
    allow: AllowOption = None,
    config: ConfigOption = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,  # noqa: ARG001
) -> None:
    """Ask a judge about the rubric's worked examples, each left out of the prompt in its turn, and compare.

    Examples:
      judge rubric test helpfulness --judge-model gpt-5-mini
      judge rubric test ./mine.yaml --rows labelled.jsonl --base-url http://127.0.0.1:8000/v1 --judge-model local
    """
    from judgecli.cli.output import show as show_document
    from judgecli.config.judges import JudgeFlags
    from judgecli.pipeline.rubric import try_rubric
    from judgecli.renderers.rubrics import rubric_test

    work = open_project(context, config, store, create=True, judge=JudgeFlags(models=tuple(judge_model or ()), base_url=base_url), allow=tuple(allow or ()))
    document = try_rubric(name, work, rows=rows)
    show_document(document, lambda page: rubric_test(document, page), as_json=as_json)
    if document["unscored"]:
        raise typer.Exit(3)


@rubric.command(cls=Command)
def audit(
    context: typer.Context,
    name: NameArgument,
    logs: Annotated[list[str] | None, typer.Argument(metavar="LOGS", help="Files, folders or globs; default: those of judge.yaml.")] = None,
    records: Annotated[int, typer.Option("--records", "-n", metavar="N", min=2, help="How many records are probed.")] = 100,
    repeats: Annotated[int, typer.Option("--repeats", metavar="K", min=1, help="How often each is judged as it stands.")] = 3,
    sentinels: Annotated[int, typer.Option("--sentinels", metavar="N", min=0, help="How many worthless answers are put in.")] = 60,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say how many calls it takes; ask nobody.")] = False,
    judge_model: Annotated[list[str] | None, typer.Option("--judge-model", metavar="MODEL", help="The model that judges (repeatable: a jury).")] = None,
    base_url: Annotated[str | None, typer.Option("--base-url", metavar="URL", help="The address of the judge's endpoint.")] = None,
    allow: AllowOption = None,
    concurrency: Annotated[int | None, typer.Option("--concurrency", metavar="N", help="Calls under way at once; default 32.")] = None,
    max_cost: Annotated[float | None, typer.Option("--max-cost", metavar="USD", help="Stop asking before this is spent.")] = None,
    max_calls: Annotated[int | None, typer.Option("--max-calls", metavar="N", help="Stop asking after so many calls.")] = None,
    max_bad: BadOption = None,
    map: MapOption = None,
    format: FormatOption = None,
    config: ConfigOption = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Measure the judge itself on records of a log: does it repeat itself, pay for length, fall for attacks?

    Examples:
      judge rubric audit helpfulness app.jsonl --judge-model gpt-5-mini --dry-run
      judge rubric audit helpfulness app.jsonl --judge-model gpt-5-mini
      judge rubric audit preference pairs.jsonl -n 500 --json

    Each record is asked again, with padding, with a wrong answer, and with attacks on it; no score is stored.
    Exit codes: 0, whatever was found; 3 where the budget or the endpoint left probes without an answer, or too many lines could not be read.
    """
    from judgecli.cli.output import show as show_document
    from judgecli.cli.progress import open_progress
    from judgecli.config import read_judge_flags
    from judgecli.pipeline.rubric_audit import AuditPlan, audit_rubric
    from judgecli.renderers.rubrics import rubric_audit

    flags = read_judge_flags(models=judge_model or (), base_url=base_url, concurrency=concurrency, max_cost=max_cost, max_calls=max_calls)
    work = open_project(context, config, store, create=True, judge=flags, map=tuple(map or ()), format=format, max_bad=max_bad, allow=tuple(allow or ()))
    progress = open_progress(quiet=quiet)
    try:
        document = audit_rubric(name, logs or (), work=work, plan=AuditPlan(records, repeats, sentinels, dry_run), progress=progress)
    finally:
        progress.close()
    show_document(document, lambda page: rubric_audit(document, page), as_json=as_json)
    raise typer.Exit(0 if document.get("complete", True) else 3)
