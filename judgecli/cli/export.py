"""judge export: feedback records for the next fine-tuning."""

from typing import TYPE_CHECKING, Annotated

import typer

from judgecli.cli.options import ConfigOption, ForceOption, JsonOption, QuietOption, StoreOption, open_project

if TYPE_CHECKING:
    from pathlib import Path

    from judgecli.config import Settings
    from judgecli.evidence.work import Work
    from judgecli.pipeline.export import ExportPlan

SOURCES_HELP = "Whose judgement counts: human, user, code, model, reward; default human,user,code."
SCALE_HELP = "The ends of ratings, e.g. 1..5; default: the usual scale that holds them all."
LABEL_HELP = "The label that means good or bad (repeatable); needed where the log has several kinds of thumbs."
SCORER_HELP = "reward-function: a reward model's folder or scorers (repeatable); default: the reward of judge.yaml."
COLUMN_HELP = "reward-function: what the trainer's dataset calls a field, reference=solution (repeatable)."
UNSCORED_HELP = "reward-function: what verl gets where there is no reward; default: that is an error."
ALARM_HELP = "Export although an alarm is open; the manifest names it."


def export(
    context: typer.Context,
    format: Annotated[str | None, typer.Argument(metavar="FORMAT", help="The training format; see --list.")] = None,
    output: Annotated[str | None, typer.Option("--output", "-o", metavar="PATH", help="The file, .jsonl; default feedback/FORMAT.jsonl.")] = None,
    sources: Annotated[str | None, typer.Option("--sources", metavar="LIST", help=SOURCES_HELP)] = None,
    min_margin: Annotated[float | None, typer.Option("--min-margin", metavar="GAP", help="Least gap of two rewards; default 0.2.")] = None,
    on: Annotated[str | None, typer.Option("--on", metavar="FILTER", help="Which records; default: all of the store.")] = None,
    validation: Annotated[float | None, typer.Option("--validation", metavar="SHARE", help="Share of prompts kept apart; default 0.1.")] = None,
    all_pairs: Annotated[bool, typer.Option("--all-pairs", help="Every pair of a prompt, not only one.")] = False,
    good: Annotated[float | None, typer.Option("--good", metavar="REWARD", help="trl-kto: a reward from here on is good.")] = None,
    bad: Annotated[float | None, typer.Option("--bad", metavar="REWARD", help="trl-kto: a reward up to here is bad.")] = None,
    label: Annotated[list[str] | None, typer.Option("--label", metavar="NAME", help=LABEL_HELP)] = None,
    rating_scale: Annotated[str | None, typer.Option("--rating-scale", metavar="LOW..HIGH", help=SCALE_HELP)] = None,
    standard: Annotated[bool, typer.Option("--standard", help="Plain texts in the place of messages.")] = False,
    scorer: Annotated[list[str] | None, typer.Option("--scorer", "-s", metavar="SPEC", help=SCORER_HELP)] = None,
    column: Annotated[list[str] | None, typer.Option("--column", metavar="FIELD=COLUMN", help=COLUMN_HELP)] = None,
    unscored: Annotated[float | None, typer.Option("--unscored", metavar="NUMBER", help=UNSCORED_HELP)] = None,
    allow_code: Annotated[bool, typer.Option("--allow-code", help="reward-function: judge.yaml may name code of the project.")] = False,
    despite_alarm: Annotated[bool, typer.Option("--despite-alarm", help=ALARM_HELP)] = False,
    list_formats: Annotated[bool, typer.Option("--list", help="List the formats.")] = False,
    force: ForceOption = False,  # noqa: ARG001 - its callback says it to every writer
    config: ConfigOption = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Write what people and rewards say of the records as training files, or the reward itself as a function.

    Examples:
      judge export trl-preference -o pairs.jsonl          pairs from users' thumbs
      judge export trl-preference --sources user,reward   and from rewards, at least 0.2 apart
      judge export trl-kto --sources reward --good 0.8 --bad 0.4
      judge export reward-function -o reward.py           the reward itself, for TRL and verl
      judge export --list

    What is not typed is taken from the entry of this format under feedback: in judge.yaml.
    Beside the file stands its manifest: counts, what was dropped and why, hashes.
    Exit codes: 0, 1 an alarm is open (judge alarms list), 2 usage, 3 not a single line could be made, 4 environment.
    """
    from judgecli.errors import UsageError
    from judgecli.labels.rating import read_scale

    if list_formats:
        return _list(as_json=as_json)
    if format is None:
        raise UsageError("no training format is named", hint="judge export --list shows them")
    if format == "reward-function":
        return _export_function(
            context, config, store, output=output, scorers=scorer or [], columns=column or [], unscored=unscored, allow_code=allow_code, as_json=as_json
        )
    typed: dict[str, object] = {"min_margin": min_margin, "on": on, "validation": validation, "good": good, "bad": bad}
    typed |= {"all_pairs": all_pairs or None, "standard": standard or None, "despite_alarm": despite_alarm or None}
    typed |= {"sources": _names(sources), "labels": tuple(label) if label else None, "rating_scale": read_scale(rating_scale)}
    work = open_project(context, config, store)
    path, wanted = _combined(work.settings, format, output, {name: value for name, value in typed.items() if value is not None})
    return _export(work, format, path, wanted, as_json=as_json, quiet=quiet)


def _names(text: str | None) -> tuple[str, ...] | None:
    return None if text is None else tuple(name.strip() for name in text.split(",") if name.strip())


def _combined(settings: "Settings", format: str, output: str | None, typed: dict[str, object]) -> "tuple[Path, ExportPlan]":
    """What was typed over what judge.yaml says of this format over the defaults."""
    from dataclasses import replace
    from pathlib import Path

    from judgecli.pipeline.export import ExportPlan, options_of

    entry = next((entry for entry in settings.project.feedback if entry.format == format), None)
    wanted = replace(ExportPlan() if entry is None else options_of(entry), **typed)  # type: ignore[arg-type]
    return Path(output or (f"feedback/{format}.jsonl" if entry is None else entry.path)), wanted


def _export(work: "Work", format: str, path: "Path", wanted: "ExportPlan", *, as_json: bool, quiet: bool) -> None:
    from judgecli.cli.output import say, show
    from judgecli.pipeline.export import export_feedback
    from judgecli.renderers import terminal

    document = export_feedback(work, format, path, wanted).to_json()
    show(document, lambda page: terminal.facts(document, page), as_json=as_json)
    if not document["records"]:
        say(f"not a single line could be made; {document['manifest']} says why", quiet=quiet)
        raise typer.Exit(3)


def _export_function(
    context: typer.Context,
    config: str | None,
    store: str | None,
    output: str | None,
    scorers: list[str],
    columns: list[str],
    unscored: float | None,
    *,
    allow_code: bool,
    as_json: bool,
) -> None:
    from pathlib import Path

    from judgecli.cli.output import show
    from judgecli.errors import UsageError
    from judgecli.pipeline.reward_function import reward_file
    from judgecli.renderers import terminal

    wrong = next((text for text in columns if not all(text.partition("="))), None)
    if wrong is not None:
        raise UsageError(f"cannot read --column '{wrong}'", hint="write --column FIELD=COLUMN, for example --column reference=solution")
    named = {text.partition("=")[0]: text.partition("=")[2] for text in columns}
    work = open_project(context, config, store, allow_code=allow_code)
    document = reward_file(Path(output or "reward.py"), scorers, work=work, columns=named, unscored=unscored)
    show(document, lambda page: terminal.facts(document, page), as_json=as_json)


def _list(*, as_json: bool) -> None:
    from judgecli.cli.output import show
    from judgecli.exporters import reward_function
    from judgecli.exporters.format import formats
    from judgecli.renderers import terminal

    function = {"definition": reward_function.DEFINITION, "trainers": reward_function.TRAINERS, "line": reward_function.SAMPLE}
    document = {reward_function.NAME: function}
    document |= {name: {"definition": one.definition, "trainers": one.trainers, "line": one.sample} for name, one in formats().items()}
    show({"formats": document} if as_json else document, lambda page: terminal.facts(document, page), as_json=as_json)
