"""judge allocate: traffic between variants."""

from typing import Annotated

import typer

from judgecli.cli.options import ConfigOption, JsonOption, QuietOption, StoreOption, names_of, open_project

METRIC_HELP = "By what; default: the reward of judge.yaml."
BY_HELP = "The columns that tell variants apart, with commas or repeated. Default: the policy of judge.yaml."
ON_HELP = "Which records: a filter, run:last or run:ID. Default: all."
CONTEXT_HELP = "Columns within which who got which variant was chance, comma-separated (tags.country, ...)."
WINDOW_HELP = "The time within which the split was one and the same: 1d, 1w, ..., all."
EXPLORE_HELP = "The least share of every variant in the suggestion."


def allocate(
    context: typer.Context,
    metric: Annotated[str | None, typer.Option("--metric", metavar="NAME", help=METRIC_HELP)] = None,
    by: Annotated[list[str] | None, typer.Option("--by", metavar="COLS", help=BY_HELP)] = None,
    on: Annotated[str | None, typer.Option("--on", metavar="FILTER", help=ON_HELP)] = None,
    within: Annotated[str, typer.Option("--within", metavar="COLS", help=CONTEXT_HELP)] = "",
    window: Annotated[str, typer.Option("--window", metavar="LENGTH", help=WINDOW_HELP)] = "1d",
    explore: Annotated[float, typer.Option("--explore", metavar="SHARE", help=EXPLORE_HELP)] = 0.0,
    config: ConfigOption = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,  # noqa: ARG001
) -> None:
    """Suggest how to split traffic between variants, and say what the present split loses.

    Examples:
      judge allocate                                      by the reward of judge.yaml
      judge allocate --metric rubric.helpfulness --by model --explore 0.05
      judge allocate --within tags.country --window 1w

    P(best), expected regret, Thompson's shares; and what all traffic to one variant would have earned (IPS, SNIPS, DR),
    refused where the log cannot tell. What has no score is put to both ends of the scale; where that could turn the answer, it
    is that it cannot be told. Exit codes: 0, 2 usage, 3 less than `measured` has a score, 4 environment.
    """
    from judgecli.cli.output import show
    from judgecli.pipeline.allocate import allocate_traffic
    from judgecli.renderers.allocation import allocation_page

    columns = None if by is None else names_of(by)
    found = allocate_traffic(open_project(context, config, store), metric=metric, by=columns, on=on, context=names_of(within), window=window, explore=explore)
    show(found, lambda page: allocation_page(found, page), as_json=as_json)
    if found["incomplete"]:
        raise typer.Exit(3)
