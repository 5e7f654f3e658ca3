"""judge rm: reward models, trained from what people preferred."""

from judgecli.cli.group import Group, plain_app

rm = plain_app(cls=Group, context_settings={"help_option_names": ["-h", "--help"]})


@rm.callback()
def _rm() -> None:
    """Train reward models from people's preferences, and know what they are worth.

    Examples:
      judge rm train pairs.jsonl --out reward_models/support
      judge rm list
      judge rm show support
    """
