"""judge rm list and judge rm show: the reward models there are, and the card of one."""

from typing import Annotated

import typer

from judgecli.cli.options import ConfigOption, JsonOption, QuietOption, StoreOption


def list_(
    config: ConfigOption = None,  # noqa: ARG001 - every command has these three
    store: StoreOption = None,  # noqa: ARG001
    as_json: JsonOption = False,
    quiet: QuietOption = False,  # noqa: ARG001
) -> None:
    """List the reward models of reward_models/ and of the library, with how good each is.

    Examples:
      judge rm list
      judge rm list --json
    """
    from judgecli.cli.output import show as print_document
    from judgecli.pipeline.rm_cards import list_models
    from judgecli.renderers.cards import model_list

    models = list_models()
    print_document({"models": models}, lambda page: model_list(models, page), as_json=as_json)


def show(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A folder with a trained model, or the name of one that `judge rm list` shows.")],
    config: ConfigOption = None,  # noqa: ARG001
    store: StoreOption = None,  # noqa: ARG001
    as_json: JsonOption = False,
    quiet: QuietOption = False,  # noqa: ARG001
) -> None:
    """Show the card of a reward model in words: what it is for, what it was trained on, how good it is, what it cannot do.

    Examples:
      judge rm show harmless
      judge rm show reward_models/support --json
    """
    from judgecli.cli.output import show as print_document
    from judgecli.pipeline.rm_cards import show_model
    from judgecli.renderers.cards import model_card

    document = show_model(model)
    print_document(document, lambda page: model_card(document, page), as_json=as_json)
