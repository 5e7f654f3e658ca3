"""Writes docs/cli.md from the help of every command: `python docs/make_cli.py`. A test holds it in step."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from judgecli.cli.group import application
from judgecli.config import VARIABLES

PAGE = Path(__file__).parent / "cli.md"

HEAD = """# Command line

This page is generated from `--help` by `docs/make_cli.py`.

Results go to stdout, messages and progress to stderr. With `--json` stdout holds one strict JSON
document, also of a failure: `{"error": {"message", "hint", "exit_code"}}`. Progress is drawn only on
a terminal, never in CI (`CI` set) and never with `--quiet`. No command asks a question.

## Exit codes

| code | meaning |
|---|---|
| 0 | fine |
| 1 | a gate failed |
| 2 | usage or configuration; the message names the option, or file:line:column |
| 3 | incomplete: too little could be measured, or too many lines were bad |
| 4 | environment: disk, permissions, store, a missing extra |
| 5 | inconclusive: the records cannot tell whether a gate passes |
| 70 | a bug of judge; the traceback is in the file that the message names |
| 130, 143 | interrupted (Ctrl-C, SIGTERM); what was finished is saved, the command that continues is printed |
| 141 | the reader of the output went away (`judge ... \\| head`) |

## Environment variables

A flag wins over its variable, a variable over judge.yaml.

| variable | stands for |
|---|---|
"""

TERMINAL = {
    "NO_COLOR": "no colours (wins over FORCE_COLOR)",
    "FORCE_COLOR": "colours even where stdout is no terminal",
    "TERM": "`dumb`: no colours, no progress",
    "CI": "no progress; guessed columns are refused unless `--map auto`",
    "COLUMNS": "the width of tables",
}


def page() -> str:
    """The text of docs/cli.md."""
    rows = "".join(f"| `{name}` | {meaning} |\n" for name, meaning in {**VARIABLES, **TERMINAL}.items())
    return HEAD + rows + "".join(f"\n## {title}\n\n```text\n{text}\n```\n" for title, text in _helps(application(), None, "judge"))


def _helps(command: Any, parent: typer.Context | None, name: str) -> Iterator[tuple[str, str]]:
    context = typer.Context(command, info_name=name, parent=parent, terminal_width=100, max_content_width=100, help_option_names=["-h", "--help"])
    text = "\n".join(line.rstrip() for line in command.get_help(context).splitlines())
    yield context.command_path, text
    for sub in command.list_commands(context) if hasattr(command, "list_commands") else ():
        yield from _helps(command.get_command(context, sub), context, sub)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
