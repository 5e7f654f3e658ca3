"""judge rm train: a reward model from what people preferred."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from judgecli.cli.options import BadRowsOption, ConfigOption, JsonOption, QuietOption, StoreOption, open_project
from judgecli.cli.rm_eval import PromptOption, ScaleOption, ShapeOption

if TYPE_CHECKING:
    from judgecli.engine.fine_tuning import FineTuning
    from judgecli.evidence.work import Work
    from judgecli.pipeline.rm_eval import PreferenceReading

PathsArgument = Annotated[list[str] | None, typer.Argument(metavar="[PATHS]", help="Files, folders or globs of pairs, rankings, thumbs or ratings.")]
LABELS_HELP = "Learn from the labels NAME of the store (repeatable)."
EMBEDDINGS_HELP = "Add embeddings of a local sentence-transformers folder (extra `embeddings`)."
BASE_HELP = "Fine-tune this local Hugging Face model instead of a linear one (extra `train`)."


def train(
    context: typer.Context,
    out: Annotated[str, typer.Option("--out", metavar="DIR", help="The folder of the model; its name is the model's.")],
    paths: PathsArgument = None,
    labels: Annotated[list[str] | None, typer.Option("--labels", "--label", metavar="NAME", help=LABELS_HELP)] = None,
    from_store: Annotated[bool, typer.Option("--from-store", help="Learn from all thumbs of the store.")] = False,
    steps: Annotated[bool, typer.Option("--steps", help="The files hold answers in labelled steps; learn to score a step.")] = False,
    shape: ShapeOption = None,
    prompt_field: PromptOption = None,
    rating_scale: ScaleOption = None,
    max_bad: BadRowsOption = None,
    licence: Annotated[str | None, typer.Option("--licence", metavar="TEXT", help="The licence of the data, for the card.")] = None,
    test: Annotated[list[str] | None, typer.Option("--test", metavar="PATH", help="Measure it on these pairs too; not trained on (repeatable).")] = None,
    about: Annotated[str, typer.Option("--about", metavar="TEXT", help="What the model is for, for the card.")] = "",
    members: Annotated[int, typer.Option("--members", metavar="K", min=1, max=100, help="Models of the ensemble.")] = 1,
    seed: Annotated[int, typer.Option("--seed", metavar="N", min=0, help="Of folds, members and negatives.")] = 0,
    no_negatives: Annotated[bool, typer.Option("--no-negatives", help="Do not train against worthless answers.")] = False,
    embeddings: Annotated[str | None, typer.Option("--embeddings", metavar="FOLDER", help=EMBEDDINGS_HELP)] = None,
    base: Annotated[str | None, typer.Option("--base", metavar="FOLDER", help=BASE_HELP)] = None,
    lora: Annotated[int, typer.Option("--lora", metavar="RANK", min=0, help="With --base: train adapters of this rank only; 0 trains all.")] = 0,
    epochs: Annotated[float, typer.Option("--epochs", metavar="N", min=0.01, help="With --base: how often each pair is seen.")] = 2.0,
    max_length: Annotated[int, typer.Option("--max-length", metavar="TOKENS", min=16, help="With --base: longer texts are cut.")] = 512,
    device: Annotated[str, typer.Option("--device", metavar="NAME", help="With --base: auto, cpu or cuda.")] = "auto",
    config: ConfigOption = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Train a reward model, and say how good it is and whether it merely learnt length.

    Examples:
      judge rm train pairs.jsonl --out reward_models/support
      judge rm train --labels thumbs --out reward_models/support           from the thumbs in the store
      judge rm train pairs.jsonl thumbs.jsonl --members 5 --out reward_models/support
      judge rm train pairs.jsonl --embeddings models/minilm --out reward_models/support
      judge rm train pairs.jsonl --base models/minilm --epochs 3 --out reward_models/support

    All figures are of prompts that were held out. The same data and options give the same weights, byte for byte.
    Exit codes: 0; 2 too little to learn from, or --out is no model; 3 too many rows cannot be read; 4 an extra is missing.
    """
    from judgecli.cli.output import show
    from judgecli.engine.fine_tuning import FineTuning
    from judgecli.labels.rating import read_scale
    from judgecli.pipeline.rm_eval import PreferenceReading
    from judgecli.renderers.training import training_page

    _check(base, embeddings, members, steps=steps, files=bool(paths), labels=bool(labels) or from_store)
    names = tuple(labels) if labels else () if from_store else None
    work = open_project(context, config, store, max_bad=max_bad)
    reading = PreferenceReading(shape, prompt_field, read_scale(rating_scale), max_bad=work.settings.max_bad)
    options = FineTuning(epochs=epochs, max_length=max_length, lora=lora, seed=seed, device=device)
    more = {"steps": steps, "licence": licence, "members": members, "seed": seed, "negatives": not no_negatives, "test": tuple(test or ()), "about": about}
    document = _train(out, paths or [], names, reading=reading, embeddings=embeddings, more=more, work=work, base=base, options=options, quiet=quiet)
    show(document, lambda page: training_page(document, page), as_json=as_json)


def _train(
    out: str,
    paths: list[str],
    labels: tuple[str, ...] | None,
    reading: "PreferenceReading",
    embeddings: str | None,
    more: dict[str, Any],
    work: "Work",
    base: str | None,
    options: "FineTuning",
    *,
    quiet: bool,
) -> dict[str, Any]:
    """Train what was asked for, with the progress shown."""
    from pathlib import Path

    from judgecli.cli.progress import open_progress
    from judgecli.pipeline.rm_train import TrainingPlan, train_linear

    embedded = None if embeddings is None else Path(embeddings)
    ask = TrainingPlan(Path(out), tuple(paths), reading, labels, embeddings=embedded, created=_today(), **more)
    progress = open_progress(quiet=quiet)
    try:
        if base is None:
            return train_linear(ask, work, progress.phase)
        from judgecli.pipeline.rm_tune import train_encoder

        return train_encoder(ask, work, Path(base), options, progress.phase, progress.advance)
    finally:
        progress.close()


def _today() -> str:
    """The date of the card: of SOURCE_DATE_EPOCH where it is set (reproducible-builds.org), else today, UTC."""
    import os
    from datetime import UTC, datetime

    said = os.environ.get("SOURCE_DATE_EPOCH", "")
    found = datetime.fromtimestamp(int(said), UTC) if said.isdecimal() else datetime.now(UTC)
    return found.date().isoformat()


def _check(base: str | None, embeddings: str | None, members: int, *, steps: bool, files: bool, labels: bool) -> None:
    """Refuse to learn from nothing, and options that exclude each other. Raises: UsageError."""
    from judgecli.errors import UsageError

    if steps and not files:
        raise UsageError("--steps reads files, and none is named", hint="name files with labelled steps: ProcessBench, PRM800K, BIG-Bench Mistake, TRL")
    if not files and not labels:
        raise UsageError("there is nothing to learn from", hint="name files of preferences, or --labels NAME, or --from-store")
    if base is not None and (embeddings is not None or members > 1 or steps):
        raise UsageError("--base goes with neither --embeddings, --members nor --steps", hint="those belong to the linear model: leave --base out")
