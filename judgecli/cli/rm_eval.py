"""judge rm eval and judge rm audit: what a reward model is worth, and which tricks it pays for."""

from typing import Annotated

import typer

from judgecli.cli.options import (
    BadOption,
    BadRowsOption,
    ConfigOption,
    ForceOption,
    FormatOption,
    JsonOption,
    MapOption,
    QuietOption,
    StoreOption,
    load,
    names_of,
)

ModelArgument = Annotated[str, typer.Argument(metavar="MODEL", help="A folder with a trained model, or the name of one that ships.")]
EvaluatedArgument = Annotated[str, typer.Argument(metavar="MODEL", help="The same, or `stored`: the scores that the rows hold.")]
ShapeOption = Annotated[str | None, typer.Option("--shape", metavar="NAME", help="The shape of all rows; default: told by their keys.")]
PromptOption = Annotated[str | None, typer.Option("--prompt-field", metavar="FIELD", help="The field that holds the prompt.")]
EmbeddingsOption = Annotated[str | None, typer.Option("--embeddings", metavar="FOLDER", help="The embedding that the model was trained with.")]
ScaleOption = Annotated[str | None, typer.Option("--rating-scale", metavar="LOW..HIGH", help="The ends of ratings whose rows do not say, e.g. 1..5.")]


def evaluate(
    context: typer.Context,
    model: EvaluatedArgument,
    pairs: Annotated[list[str], typer.Argument(metavar="PAIRS", help="Files, folders or globs of preferences, or of prompts with several outputs.")],
    by: Annotated[list[str] | None, typer.Option("--by", metavar="TAGS", help="Show segments by these fields of the rows, with commas (repeatable).")] = None,
    shape: ShapeOption = None,
    prompt_field: PromptOption = None,
    rating_scale: ScaleOption = None,
    max_bad: BadRowsOption = None,
    embeddings: EmbeddingsOption = None,
    output: Annotated[list[str] | None, typer.Option("--output", "-o", metavar="FILE", help="Write a file: .html, .md or .json (repeatable).")] = None,
    force: ForceOption = False,  # noqa: ARG001 - its callback says it to every writer
    config: ConfigOption = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Say how often a reward model prefers what people preferred, and whether it learnt more than length.

    Examples:
      judge rm eval reward_models/support held_out.jsonl
      judge rm eval reward_models/support held_out.jsonl --by topic -o eval.html
      judge rm eval reward_models/support rewardbench.parquet          RewardBench 1 or 2, told by its rows
      judge rm eval stored samples.jsonl                               best of n by the scores in the rows

    Use pairs that the model was not trained on: prompts that stand in both make the figures worthless.
    Exit codes: 0; 2 nothing to evaluate on; 3 too many rows cannot be read; 4 environment.
    """
    from pathlib import Path

    from judgecli.cli.output import say, show
    from judgecli.cli.progress import open_progress
    from judgecli.labels.rating import read_scale
    from judgecli.pipeline.report import report_format
    from judgecli.pipeline.rm_eval import STORED, PreferenceReading, evaluate_model, learnt_from, open_model, write_evaluation
    from judgecli.renderers.reward_eval import evaluation_page

    paths = [Path(name) for name in output or ()]
    for path in paths:
        report_format(path)
    settings = load(context, config, store, max_bad=max_bad)
    tags = tuple(names_of(by))
    reading = PreferenceReading(shape, prompt_field, read_scale(rating_scale), tags, settings.max_bad)
    found = None if model == STORED else open_model(model, embeddings=Path(embeddings) if embeddings else None)
    learnt = set() if found is None else learnt_from(model)
    progress = open_progress(quiet=quiet)
    try:
        progress.phase("scoring")
        document = evaluate_model(found, pairs, reading, learnt=learnt, tick=lambda count: progress.advance(0, count))
    finally:
        progress.close()
    for path in paths:
        write_evaluation(document, path)
        say(f"wrote {path}", quiet=quiet)
    if as_json or not paths:
        show(document, lambda page: evaluation_page(document, page), as_json=as_json)


def audit(
    context: typer.Context,
    model: ModelArgument,
    logs: Annotated[list[str], typer.Argument(metavar="PAIRS", help="Files, folders or globs of preferences, or a log with outputs.")],
    records: Annotated[int, typer.Option("--records", "-n", metavar="N", min=2, help="How many honest answers are tried.")] = 500,
    fail_on_defect: Annotated[bool, typer.Option("--fail-on-defect", help="Exit 1 where a defect was found.")] = False,
    shape: ShapeOption = None,
    prompt_field: PromptOption = None,
    embeddings: EmbeddingsOption = None,
    max_bad: BadOption = None,
    map: MapOption = None,
    format: FormatOption = None,
    config: ConfigOption = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Play tricks on a reward model: is padding paid, praise, dressing, an answer to another prompt, or none at all?

    Examples:
      judge rm audit reward_models/support held_out.jsonl
      judge rm audit reward_models/support app.jsonl --map output=answer -n 200
      judge rm audit reward_models/support held_out.jsonl --fail-on-defect

    A trick that gets more than the honest answer in over 2 % of the cases (25 % for an answer to another prompt)
    is a defect. Exit codes: 0, whatever was found; 1 with --fail-on-defect where there is one; 3 too many lines cannot be read.
    """
    from pathlib import Path

    from judgecli.cli.output import show
    from judgecli.cli.progress import open_progress
    from judgecli.pipeline.rm_audit import audit_reward_model
    from judgecli.pipeline.rm_eval import open_model
    from judgecli.renderers.reward_audit import reward_audit

    settings = load(context, config, store, map=tuple(map or ()), format=format, max_bad=max_bad)
    progress = open_progress(quiet=quiet)
    try:
        document = audit_reward_model(
            open_model(model, embeddings=Path(embeddings) if embeddings else None),
            logs,
            records=records,
            shape=shape,
            prompt=prompt_field,
            map=dict(settings.map),
            format=format,
            max_bad=settings.max_bad,
            tick=lambda text: progress.phase(f"trying tricks on {text}"),
        )
    finally:
        progress.close()
    show(document, lambda page: reward_audit(document, page), as_json=as_json)
    raise typer.Exit(1 if fail_on_defect and document["defects"] else 0)
