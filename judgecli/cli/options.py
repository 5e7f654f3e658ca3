"""The options that commands share, and the settings they add up to."""

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from judgecli import outputs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from judgecli.config import Settings
    from judgecli.evidence.work import Work

ConfigOption = Annotated[str | None, typer.Option("--config", metavar="FILE", help="The configuration; default judge.yaml here, or JUDGE_CONFIG.")]
StoreOption = Annotated[str | None, typer.Option("--store", metavar="DIR", help="The store; default .judge, or JUDGE_STORE.")]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="No messages and no progress on stderr.")]
MAP_HELP = "Where a field stands: a dotted path; A|B is the first that exists (repeatable). `auto` allows guesses in CI."
MapOption = Annotated[list[str] | None, typer.Option("--map", metavar="FIELD=PATH", help=MAP_HELP)]
FormatOption = Annotated[str | None, typer.Option("--format", metavar="NAME", help="The log format; default: detected.")]
EncodingOption = Annotated[str | None, typer.Option("--encoding", metavar="NAME", help="The encoding of the logs' text where it is not UTF-8, as cp1252.")]


def _forced(wanted: bool) -> bool:
    outputs.allow_replacing(wanted)
    return wanted


FORCE_HELP = "Replace files that judge did not write. Never what the command reads, a store, or what people review."
ForceOption = Annotated[bool, typer.Option("--force", callback=_forced, help=FORCE_HELP)]
ALLOW_HELP = "An address that judge.yaml may name, or one and the variable whose value may go there (repeatable); see docs/promises.md."
AllowOption = Annotated[list[str] | None, typer.Option("--allow", metavar="ORIGIN[:VARIABLE]", help=ALLOW_HELP)]
ZoneOption = Annotated[str | None, typer.Option("--zone", metavar="ZONE", help="The zone of times that name none; default UTC.")]

BadOption = Annotated[float | None, typer.Option("--max-bad", metavar="SHARE", help="Exit 3 if more lines are quarantined; default 0.01.")]
BadRowsOption = Annotated[float | None, typer.Option("--max-bad", metavar="SHARE", help="Exit 3 if more rows cannot be read; default 0.01.")]


def names_of(texts: "Sequence[str] | str | None") -> list[str]:
    """The names in options that take several: with commas, repeated, or both, each once.

    >>> names_of(["model, tags.country", "model"])
    ['model', 'tags.country']
    """
    given = [texts] if isinstance(texts, str) else texts or ()
    return list(dict.fromkeys(name.strip() for text in given for name in text.split(",") if name.strip()))


def load(context: typer.Context, config: str | None, store: str | None, **flags: object) -> "Settings":
    """The settings of a command: what was typed after it, else before it, else variables and judge.yaml."""
    from judgecli.config import Flags, load_settings

    before = context.find_root().params
    return load_settings(config or before.get("config"), Flags(store=store or before.get("store"), **flags))  # type: ignore[arg-type]


def open_project(context: typer.Context, config: str | None, store: str | None, *, create: bool = False, **flags: object) -> "Work":
    """The open project of a command, closed when it ends. `create`: its store is made where there is none."""
    if not flags.get("allow_code"):
        _leave_pandas_out()
    from judgecli.evidence.work import open_work

    return context.with_resource(open_work(load(context, config, store, **flags), create=create))


class _NoPandas:
    """Finds no pandas."""

    @staticmethod
    def find_spec(name: str, path: object = None, target: object = None) -> None:  # noqa: ARG004 - the signature of importlib
        if name == "pandas":
            raise ModuleNotFoundError("No module named 'pandas'", name="pandas")


def _leave_pandas_out() -> None:
    """Let pyarrow look for pandas now and find none: it looks once, at its first array, and loading it costs a command 0.15 s and 33 MB.

    Who imports pandas later gets it. Not where code of the project may run: a scorer that gives pandas columns needs pyarrow to know them.
    """
    if "pandas" in sys.modules:
        return
    finder: Any = _NoPandas()
    sys.meta_path.insert(0, finder)
    try:
        import pyarrow

        pyarrow.array([])
    finally:
        sys.meta_path.remove(finder)
