"""judge scorers: what can be measured."""

from typing import Annotated

import typer

from judgecli.cli.options import ConfigOption, JsonOption, QuietOption, StoreOption


def scorers(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="Show this one in full.")] = None,
    config: ConfigOption = None,  # noqa: ARG001 - every command has these three
    store: StoreOption = None,  # noqa: ARG001
    as_json: JsonOption = False,
    quiet: QuietOption = False,  # noqa: ARG001
) -> None:
    """List every scorer with its range, what it reads and what it gives.

    Examples:
      judge scorers
      judge scorers repetition                            one in full, with its source
      judge scorers --json
    """
    from dataclasses import asdict

    from judgecli import catalog
    from judgecli.cli.output import show
    from judgecli.renderers import terminal

    if name is not None:
        described = asdict(catalog.describe(name))
        show(described, lambda page: terminal.scorer_page(described, page), as_json=as_json)
        return
    rows = [asdict(catalog.describe(known)) for known in catalog.scorer_names()]
    show({"scorers": rows}, lambda page: terminal.scorer_list(rows, page), as_json=as_json)
