"""judge rm: reward models, trained from what people preferred."""

from judgecli.cli.group import Command, Group, plain_app
from judgecli.cli.rm_cards import list_, show
from judgecli.cli.rm_eval import audit, evaluate
from judgecli.cli.rm_train import train

rm = plain_app(cls=Group, context_settings={"help_option_names": ["-h", "--help"]})


@rm.callback()
def _rm() -> None:
    """Train reward models from people's preferences, and know what they are worth.

    Examples:
      judge rm train pairs.jsonl --out reward_models/support
      judge rm eval reward_models/support held_out.jsonl
      judge rm audit reward_models/support held_out.jsonl
      judge rm list
      judge rm show support
    """


rm.command("train", cls=Command)(train)
rm.command("eval", cls=Command)(evaluate)
rm.command("audit", cls=Command)(audit)
rm.command("list", cls=Command)(list_)
rm.command("show", cls=Command)(show)
