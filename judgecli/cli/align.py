"""judge align: a metric against people."""

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from judgecli.cli.options import ConfigOption, JsonOption, QuietOption, StoreOption, names_of, open_project

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

METRIC_HELP = "The metric: rubric.NAME, rm.NAME, score.NAME, reward.NAME, or any other that was scored."
LABEL_HELP = "What people were asked: the name of their labels."
KIND_HELP = "Whose labels count (repeatable): human (default), user, model, code."
ON_HELP = "Which records: a filter, run:last or run:ID. Default: all."
BY_HELP = "Corrected means by these columns, with commas or repeated."
SCALE_HELP = "The scale that people were given, where it is not the metric's: 1,5."
UNITS_HELP = "Labels are in the units of the metric, whose scale is not declared (an imported score, a reward model)."
THRESHOLD_HELP = "From where the metric counts as good, against labels of 0 and 1. Default: the middle of its scale."
ORIGIN_HELP = "Whether the labelled records are a random sample of the records (PPI++), or come from elsewhere (Rogan-Gladen)."
CONSENSUS_HELP = "How several raters become one answer. Default: the mean of numbers, else the majority."
SWAPPED_HELP = "The metric with the two answers in reverse order, for position bias."
FAMILY_HELP = "A model or family that judged (repeatable). Default: as the stored replies say."
OUTPUT_HELP = "Write it too: .md or .json (repeatable)."


def align(
    context: typer.Context,
    metric: Annotated[str, typer.Argument(metavar="METRIC", help=METRIC_HELP)],
    label: Annotated[str, typer.Option("--label", metavar="NAME", help=LABEL_HELP)],
    rater_kind: Annotated[list[str] | None, typer.Option("--rater-kind", metavar="KIND", help=KIND_HELP)] = None,
    on: Annotated[str | None, typer.Option("--on", metavar="FILTER", help=ON_HELP)] = None,
    by: Annotated[list[str] | None, typer.Option("--by", metavar="COLS", help=BY_HELP)] = None,
    label_scale: Annotated[str | None, typer.Option("--label-scale", metavar="LOW,HIGH", help=SCALE_HELP)] = None,
    same_units: Annotated[bool, typer.Option("--same-units", help=UNITS_HELP)] = False,
    threshold: Annotated[float | None, typer.Option("--threshold", metavar="X", help=THRESHOLD_HELP)] = None,
    labels: Annotated[Literal["sample", "elsewhere"], typer.Option("--labels", help=ORIGIN_HELP)] = "sample",
    consensus: Annotated[Literal["mean", "majority", "dawid-skene"] | None, typer.Option("--consensus", help=CONSENSUS_HELP)] = None,
    swapped: Annotated[str | None, typer.Option("--swapped", metavar="METRIC", help=SWAPPED_HELP)] = None,
    judge_family: Annotated[list[str] | None, typer.Option("--judge-family", metavar="NAME", help=FAMILY_HELP)] = None,
    seed: Annotated[int, typer.Option("--seed", help="Of the intervals that are drawn.")] = 0,
    output: Annotated[list[str] | None, typer.Option("--output", "-o", metavar="FILE", help=OUTPUT_HELP)] = None,
    config: ConfigOption = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Hold a judge, a reward model or any other metric against what people said.

    Examples:
      judge align rubric.helpfulness --label helpful --label-scale 1,5
      judge align score.judge --label oracle --same-units --by model
      judge align refusal --label refused --labels elsewhere      Rogan-Gladen

    Agreement with intervals, how far people agree themselves, where the judge leans (kindness, length, its own
    family), calibration, and the mean as people would have given it. Exit codes: 0, 2 usage, 4 environment.
    """
    from judgecli.cli.output import say, show
    from judgecli.pipeline.align import Alignment, align_metric, parse_scale
    from judgecli.renderers.align import align_markdown, align_page
    from judgecli.renderers.safe import json_text
    from judgecli.renderers.text_file import publish_text

    targets = _targets(output or ())
    wanted = Alignment(
        label=label,
        kinds=tuple(rater_kind or ("human",)),
        on=on,
        by=tuple(names_of(by)),
        label_scale=parse_scale(label_scale),
        same_units=same_units,
        threshold=threshold,
        origin=labels,
        consensus=consensus,
        swapped=swapped,
        families=tuple(judge_family or ()),
        seed=seed,
    )
    document = align_metric(open_project(context, config, store), metric, wanted)
    for target in targets:
        publish_text(target, align_markdown(document) if target.suffix.lower() == ".md" else json_text(document) + "\n")
        say(f"wrote {target}", quiet=quiet)
    show(document, lambda page: align_page(document, page), as_json=as_json)


def _targets(names: "Sequence[str]") -> "list[Path]":
    """Where to write. Raises: UsageError."""
    from pathlib import Path

    from judgecli.errors import UsageError

    targets = [Path(name) for name in names]
    if any(target.suffix.lower() not in (".md", ".json") for target in targets):
        raise UsageError("-o takes .md and .json files", hint="end the name with .md or .json")
    return targets
