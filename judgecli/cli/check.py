"""judge check: the gates of judge.yaml, and an exit code."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

import typer

from judgecli.cli.options import ConfigOption, JsonOption, QuietOption, StoreOption, open_project

ON_HELP = "Which records: run:last (default), run:ID, or a filter, as prompt_version=v3 or 7d."
INCONCLUSIVE_HELP = "What an inconclusive gate counts as; default: itself (exit 5)."
OUTPUT_HELP = "Write the answers too: .xml (JUnit), .md or .json (repeatable)."


def check(
    context: typer.Context,
    on: Annotated[str | None, typer.Option("--on", metavar="FILTER", help=ON_HELP)] = None,
    inconclusive: Annotated[Literal["pass", "fail"] | None, typer.Option("--inconclusive", help=INCONCLUSIVE_HELP)] = None,
    output: Annotated[list[str] | None, typer.Option("--output", "-o", metavar="FILE", help=OUTPUT_HELP)] = None,
    config: ConfigOption = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Ask the gates of judge.yaml, and answer with an exit code.

    Examples:
      judge check                                         the records of the latest judge score
      judge check --on prompt_version=v3                  those of one version
      judge check --inconclusive pass -o junit.xml        for a build that may not wait for more data

    The limit of the 95 % interval decides, not the mean. In GitHub Actions the answers are annotations
    and a summary too. Exit codes: 0 all pass, 1 a gate failed, 2 usage, 3 too little was measured,
    4 environment or a dead endpoint, 5 inconclusive.
    """
    from judgecli.cli.output import say, show, tell_github
    from judgecli.pipeline.check import check_gates
    from judgecli.renderers.check_text import check_page

    targets = list(output or ())
    _check_targets(targets)
    result = check_gates(open_project(context, config, store), on=on, inconclusive=inconclusive)
    document = result.to_json()
    for target in targets:
        _write(document, target)
        say(f"wrote {target}", quiet=quiet)
    show(document, lambda page: check_page(document, page), as_json=as_json)
    tell_github(document)
    raise typer.Exit(result.exit_code)


def _check_targets(targets: Sequence[str]) -> None:
    """Before the work: can the answers go there? Raises: UsageError, EnvironmentFailure."""
    from pathlib import Path

    from judgecli.errors import EnvironmentFailure, UsageError

    for target in targets:
        path = Path(target)
        if path.suffix.lower() not in (".xml", ".md", ".json"):
            raise UsageError(f"-o {target}: cannot tell the format from '{path.suffix}'", hint="end the name with .xml (JUnit), .md or .json")
        if path.exists() and not path.is_file():
            raise UsageError(f"-o {target} is not a plain file", hint="name a file")
        if not path.parent.is_dir():
            raise EnvironmentFailure(f"cannot write {target}: there is no folder {path.parent}", hint=f"create it: mkdir -p {path.parent}")


def _write(document: Mapping[str, object], target: str) -> None:
    from pathlib import Path

    from judgecli.renderers.check_text import check_markdown
    from judgecli.renderers.junit import junit_xml
    from judgecli.renderers.safe import json_text
    from judgecli.store.tables import publish

    suffix = Path(target).suffix.lower()
    text = junit_xml(document) if suffix == ".xml" else check_markdown(document) if suffix == ".md" else json_text(document) + "\n"
    publish(Path(target), lambda file: file.write(text.encode()))
