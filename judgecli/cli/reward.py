"""judge reward: what the reward of judge.yaml is made of, and the frozen scales it goes by."""

from typing import Annotated

import typer

from judgecli.cli.group import Command, Group, plain_app
from judgecli.cli.options import ConfigOption, JsonOption, QuietOption, StoreOption, load, open_project

reward = plain_app(cls=Group, context_settings={"help_option_names": ["-h", "--help"]})

ON_HELP = "Which records: a condition on their columns and tags, 30d..7d, run:last; default: all."


@reward.callback()
def _reward() -> None:
    """Look at the reward of judge.yaml, and freeze its scales.

    Examples:
      judge reward show                                   terms, weights, normalisers, vetoes
      judge reward freeze                                 write judge.lock from the scores of the store
    """


@reward.command(cls=Command)
def show(
    context: typer.Context,
    allow_code: Annotated[bool, typer.Option("--allow-code", help="Let judge.yaml name scorers in files of the project.")] = False,
    config: ConfigOption = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,  # noqa: ARG001
) -> None:
    """Show what the reward is made of: terms, weights, normalisers, vetoes, identity.

    Examples:
      judge reward show
      judge reward show --json
    """
    from judgecli.cli.output import show as show_document
    from judgecli.pipeline.reward import describe_reward
    from judgecli.renderers import reward as rendered

    document = describe_reward(load(context, config, store, allow_code=allow_code))
    show_document(document, lambda page: rendered.spec(document, page), as_json=as_json)


@reward.command(cls=Command)
def freeze(
    context: typer.Context,
    on: Annotated[str | None, typer.Option("--on", metavar="FILTER", help=ON_HELP)] = None,
    config: ConfigOption = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,  # noqa: ARG001
) -> None:
    """Write judge.lock: the distribution of every metric that a frozen normaliser reads, from stored scores.

    Examples:
      judge reward freeze
      judge reward freeze --on "time < '2026-10-01'"      the scale of the time before a change

    Commit judge.lock with judge.yaml. Exit codes: 0, 2 configuration, 3 fewer than 100 scored values.
    """
    from judgecli.cli.output import show as show_document
    from judgecli.pipeline.reward import freeze_reward
    from judgecli.renderers import reward as rendered

    document = freeze_reward(open_project(context, config, store), on)
    show_document(document, lambda page: rendered.frozen(document, page), as_json=as_json)
