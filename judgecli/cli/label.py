"""judge label: what people said of records."""

from typing import Annotated, Literal

import typer

from judgecli.cli.group import Command, Group, plain_app
from judgecli.cli.options import ConfigOption, JsonOption, QuietOption, StoreOption, open_project

label = plain_app(cls=Group, context_settings={"help_option_names": ["-h", "--help"]})

FILE_HELP = "Labels, one a row: .csv, .tsv, .jsonl or .ndjson."
NAME_HELP = "What was asked, where the file has no column `name`."
RATER_HELP = "Who said it, where the file has no column `rater`. Default: the file's name."
KIND_HELP = "What the raters are, where the file has no column `rater_kind`."
BAD_HELP = "The share of rows that may be no labels; default 0.01."


@label.callback()
def _label() -> None:
    """Bring in what people said of records.

    Examples:
      judge label import ratings.csv
      judge label import ratings.jsonl --name helpful --rater anna
    """


@label.command("import", cls=Command)
def import_(
    context: typer.Context,
    file: Annotated[str, typer.Argument(metavar="FILE", help=FILE_HELP)],
    name: Annotated[str | None, typer.Option("--name", metavar="NAME", help=NAME_HELP)] = None,
    rater: Annotated[str | None, typer.Option("--rater", metavar="NAME", help=RATER_HELP)] = None,
    rater_kind: Annotated[Literal["human", "user", "model", "code"], typer.Option("--rater-kind", help=KIND_HELP)] = "human",
    max_bad: Annotated[float | None, typer.Option("--max-bad", metavar="SHARE", help=BAD_HELP)] = None,
    config: ConfigOption = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,  # noqa: ARG001
) -> None:
    """Add the labels of a file to the store, each to the record that it means.

    Examples:
      judge label import ratings.csv                      id, name, value, rater
      judge label import ratings.jsonl --name helpful --rater anna

    A row names its record by `id` or `key`; where several records share an id, by `model` and `prompt_version` too. A label
    of the same record, name and rater takes the place of the earlier. Exit codes: 0, 2 usage, 3 too
    many rows are no labels, 4 environment.
    """
    from judgecli.cli.output import show
    from judgecli.pipeline.label import import_labels
    from judgecli.renderers import terminal

    found = import_labels(open_project(context, config, store, max_bad=max_bad), file, name=name, rater=rater, kind=rater_kind)
    show(found, lambda page: terminal.facts(found, page), as_json=as_json)
