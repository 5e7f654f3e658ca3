"""judge anchors: frozen outputs that tell a judge that moved from an app that did."""

from typing import Annotated

import typer

from judgecli.cli.group import Command, Group, plain_app
from judgecli.cli.options import ConfigOption, JsonOption, QuietOption, StoreOption, load, open_project

anchors = plain_app(cls=Group, context_settings={"help_option_names": ["-h", "--help"]})

NameArgument = Annotated[str | None, typer.Argument(metavar="NAME", help="Which anchor set; default: the only one.")]
ModelOption = Annotated[list[str] | None, typer.Option("--judge-model", metavar="MODEL", help="The model that judges (repeatable: a jury).")]
UrlOption = Annotated[str | None, typer.Option("--base-url", metavar="URL", help="The address of the judge's endpoint.")]
ConcurrencyOption = Annotated[int | None, typer.Option("--concurrency", metavar="N", help="Calls under way at once; default 32.")]
CostOption = Annotated[float | None, typer.Option("--max-cost", metavar="USD", help="Stop asking before this is spent.")]
CallsOption = Annotated[int | None, typer.Option("--max-calls", metavar="N", help="Stop asking after so many calls.")]
DryOption = Annotated[bool, typer.Option("--dry-run", help="Say how many calls it takes; ask nobody, write nothing.")]
ON_HELP = "Which records they are taken from: run:last, run:ID or a filter; default: all."
CHANGE_HELP = "A change of the live mean, in the metric's own units: was it the app or the judge? Open alarms of the metric are asked about anyway."


@anchors.callback()
def _anchors() -> None:
    """Freeze outputs, judge them again in every window: did the judge change, or the app?

    Examples:
      judge anchors create main --metric rubric.helpfulness
      judge anchors rejudge main                         every day, or before a release
      judge anchors show main
    """


@anchors.command(cls=Command)
def create(
    context: typer.Context,
    metric: Annotated[str, typer.Option("--metric", metavar="rubric.NAME", help="Whose judge is watched.")],
    name: Annotated[str, typer.Argument(metavar="NAME", help="What to call the set.")] = "main",
    count: Annotated[int, typer.Option("--n", "-n", metavar="N", min=2, help="How many outputs; 50 to 200 are right.")] = 100,
    repeats: Annotated[int, typer.Option("--repeats", metavar="K", min=2, max=50, help="How often each is judged now: the judge's own noise.")] = 2,
    on: Annotated[str | None, typer.Option("--on", metavar="FILTER", help=ON_HELP)] = None,
    by: Annotated[str | None, typer.Option("--by", metavar="PERSON", help="Who freezes; default: the user of this machine.")] = None,
    judge_model: ModelOption = None,
    base_url: UrlOption = None,
    concurrency: ConcurrencyOption = None,
    max_cost: CostOption = None,
    max_calls: CallsOption = None,
    dry_run: DryOption = False,
    config: ConfigOption = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Write anchors/NAME.yaml and NAME.parquet: outputs from the whole range of scores, judged K times now.

    Examples:
      judge anchors create main --metric rubric.helpfulness --dry-run
      judge anchors create main --metric rubric.helpfulness -n 100 --repeats 3
      judge anchors create calm --metric rubric.helpfulness --on 30d..7d

    NAME.parquet holds texts of your records. Exit codes: 0, 2 usage, 3 some judgements are missing, 4 environment.
    """
    from judgecli.cli.baseline import user_name
    from judgecli.cli.output import say, show
    from judgecli.cli.progress import open_progress
    from judgecli.config import read_judge_flags
    from judgecli.pipeline.anchors import AnchorPlan, create_anchors
    from judgecli.renderers.anchors import anchors_page

    flags = read_judge_flags(models=judge_model or (), base_url=base_url, concurrency=concurrency, max_cost=max_cost, max_calls=max_calls)
    work = open_project(context, config, store, judge=flags)
    progress = open_progress(quiet=quiet)
    try:
        plan = AnchorPlan(metric, count, repeats, on, by or user_name(), dry_run)
        document = create_anchors(work, name, plan, progress=progress)
    finally:
        progress.close()
    show(document, lambda page: anchors_page(document, page), as_json=as_json)
    for note in document.get("notes", ()):  # type: ignore[attr-defined]
        say(note, quiet=quiet)


@anchors.command(cls=Command)
def rejudge(
    context: typer.Context,
    name: NameArgument = None,
    window: Annotated[str | None, typer.Option("--window", metavar="DATE", help="The window it counts for; default: today (UTC).")] = None,
    live_change: Annotated[float | None, typer.Option("--live-change", metavar="D", help=CHANGE_HELP)] = None,
    fail_on_shift: Annotated[bool, typer.Option("--fail-on-shift", help="Exit 1 if the judge shifted.")] = False,
    replay: Annotated[str | None, typer.Option("--replay", metavar="FILE", help="Take the replies of this file; ask nobody.")] = None,
    judge_model: ModelOption = None,
    base_url: UrlOption = None,
    concurrency: ConcurrencyOption = None,
    max_cost: CostOption = None,
    max_calls: CallsOption = None,
    dry_run: DryOption = False,
    config: ConfigOption = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Judge the frozen outputs again by the judge of today; only the judge can have moved their scores.

    Examples:
      judge anchors rejudge main
      judge anchors rejudge main --fail-on-shift         in CI
      judge anchors rejudge main --live-change -0.4      the live mean fell by 0.4: app or judge?

    Exit codes: 0, 1 shifted with --fail-on-shift, 2 usage or a set that was touched, 3 some judgements are missing, 4 environment.
    """
    from judgecli.cli.output import show
    from judgecli.cli.progress import open_progress
    from judgecli.config import read_judge_flags
    from judgecli.pipeline.anchors import RejudgePlan, name_of_set, rejudge_anchors
    from judgecli.renderers.anchors import rejudge_page

    flags = read_judge_flags(models=judge_model or (), base_url=base_url, concurrency=concurrency, max_cost=max_cost, max_calls=max_calls)
    work = open_project(context, config, store, create=True, judge=flags)
    progress = open_progress(quiet=quiet)
    try:
        plan = RejudgePlan(window, replay, live_change, dry_run)
        document = rejudge_anchors(work, name_of_set(work.settings, name), plan, progress=progress)
    finally:
        progress.close()
    show(document, lambda page: rejudge_page(document, page), as_json=as_json)
    if fail_on_shift and document.get("verdict") == "shifted":
        raise typer.Exit(1)
    raise typer.Exit(0 if document.get("complete", True) else 3)


@anchors.command("show", cls=Command)
def show_one(
    context: typer.Context,
    name: NameArgument = None,
    config: ConfigOption = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,  # noqa: ARG001
) -> None:
    """Show a set, checked against its hash: how it was founded, every window in which it was judged, some outputs.

    Examples:
      judge anchors show
      judge anchors show main --json
    """
    from judgecli.cli.output import show
    from judgecli.pipeline.anchors import name_of_set, show_anchors
    from judgecli.renderers.anchors import anchors_page

    settings = load(context, config, store)
    document = show_anchors(settings, name_of_set(settings, name))
    show(document, lambda page: anchors_page(document, page), as_json=as_json)
