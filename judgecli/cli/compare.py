"""judge compare: policies, runs or filters on the same prompts."""

from typing import Annotated

import typer

from judgecli.cli.options import ConfigOption, JsonOption, QuietOption, StoreOption, names_of, open_project

SIDES_HELP = "What to compare: a policy (v1), run:ID, or a filter; the first against each other."
ALL_HELP = "Every policy of the store, in place of names."
METRIC_HELP = "A metric (repeatable). Default: all that have a mean."
BY_HELP = "Record columns or tags.NAME, with commas or repeated: a row a segment."
MARGIN_HELP = "A difference that would not matter, in units of the metric. Default: 2 % of its range."
PAIR_HELP = "The column that tells one prompt from another. Default: group: of judge.yaml, else the prompt itself."
WILCOXON_HELP = "Wilcoxon's p-value too; it decides nothing."
OUTPUT_HELP = "Write the rows: .csv, .tsv, .parquet or .jsonl; .md or .json the whole answer."


def compare(
    context: typer.Context,
    sides: Annotated[list[str] | None, typer.Argument(metavar="A B [C...]", help=SIDES_HELP)] = None,
    every: Annotated[bool, typer.Option("--all", help=ALL_HELP)] = False,
    metric: Annotated[list[str] | None, typer.Option("--metric", metavar="NAME", help=METRIC_HELP)] = None,
    by: Annotated[list[str] | None, typer.Option("--by", metavar="COLS", help=BY_HELP)] = None,
    margin: Annotated[float | None, typer.Option("--margin", min=0, metavar="M", help=MARGIN_HELP)] = None,
    pair: Annotated[str | None, typer.Option("--pair", metavar="COLUMN", help=PAIR_HELP)] = None,
    wilcoxon: Annotated[bool, typer.Option("--wilcoxon", help=WILCOXON_HELP)] = False,
    output: Annotated[str | None, typer.Option("--output", "-o", metavar="FILE", help=OUTPUT_HELP)] = None,
    config: ConfigOption = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Compare policies, runs or filters on the same prompts, and say what the comparison could have seen.

    Examples:
      judge compare v1 v2                                 two values of a policy column
      judge compare run:3 run:4 --metric rubric.helpfulness --margin 0.05
      judge compare "model = 'small'" "model = 'large'" --by tags.topic
      judge compare --all --metric reward.quality         a ranking of all policies

    The difference is B minus A over the prompts that both answered; repeats are averaged, conversations
    are one unit. Exit codes: 0, 2 usage or two measures that must not be compared, 4 environment.
    """
    from judgecli.cli.output import say, show
    from judgecli.errors import UsageError
    from judgecli.pipeline.compare import compare_parts
    from judgecli.renderers.compare import check_answer_target, compare_page, write_answer

    if every == bool(sides):
        raise UsageError("name the sides, or --all, and not both", hint="judge compare v1 v2, or judge compare --all")
    if output is not None:
        check_answer_target(output)
    columns = names_of(by)
    found = compare_parts(open_project(context, config, store), sides or [], every=every, metrics=metric, by=columns, margin=margin, pair=pair, ranks=wilcoxon)
    document = found.to_json()
    if output is not None:
        write_answer(document, output)
        say(f"wrote {output}", quiet=quiet)
    if output is None or as_json:
        show(document, lambda page: compare_page(document, page), as_json=as_json)
