"""judge doctor: is everything in place?"""

from typing import TYPE_CHECKING

import typer

from judgecli.cli.options import ConfigOption, JsonOption, QuietOption, StoreOption, load

if TYPE_CHECKING:
    from pathlib import Path

    from judgecli.config import Settings

DoctorRow = dict[str, str]

EXTRAS = {
    "math": ("math_verify",),
    "embeddings": ("sentence_transformers",),
    "train": ("torch", "transformers", "trl"),
    "lang": ("py3langid",),
    "sql": ("sqlglot",),
}
CORE = ("duckdb", "numpy", "openai", "orjson", "pandas", "pyarrow", "pydantic", "rich", "scipy", "typer")
LEAST_FREE_BYTES = 1_000_000_000


def doctor(
    context: typer.Context,
    config: ConfigOption = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,  # noqa: ARG001 - every command has it
) -> None:
    """Check versions, configuration, store, disk, terminal and extras. Nothing is sent anywhere.

    Examples:
      judge doctor
      judge doctor --config ci/judge.yaml --json

    Exit code 4 where something would stop a run.
    """
    from judgecli.cli.output import show
    from judgecli.renderers import terminal

    rows = [*_check_versions(), *_check_settings(context, config, store), *_check_extras(), *_check_environment()]
    healthy = all(row["status"] != "problem" for row in rows)
    show({"ok": healthy, "checks": rows}, lambda page: terminal.checks(rows, page), as_json=as_json)
    if not healthy:
        raise typer.Exit(4)


def _row(check: str, detail: str, *, status: str = "ok", hint: str = "") -> DoctorRow:
    return {"check": check, "status": status, "detail": detail, "hint": hint}


def _check_versions() -> list[DoctorRow]:
    import platform
    from importlib.metadata import version

    packages = ", ".join(f"{name} {version(name)}" for name in CORE)
    return [_row("judge", f"{version('judgecli')}, Python {platform.python_version()}, {platform.system()} {platform.machine()}"), _row("packages", packages)]


def _check_settings(context: typer.Context, config: str | None, store: str | None) -> list[DoctorRow]:
    from judgecli.errors import JudgeError

    try:
        settings = load(context, config, store)
    except JudgeError as error:
        return [_row("config", str(error), status="problem", hint=error.hint)]
    found = f"{settings.config}: {len(settings.logs)} logs, {len(settings.scorers)} scorers" if settings.config else "no judge.yaml; defaults"
    rows = [_row("config", found)]
    if settings.store.exists():
        from judgecli.evidence.work import open_work
        from judgecli.pipeline.upkeep import store_info

        try:
            with open_work(settings) as work:
                store_info(work)
            rows.append(_row("store", f"{settings.store} opens"))
        except JudgeError as error:
            rows.append(_row("store", str(error), status="problem", hint=error.hint))
    else:
        rows.append(_row("store", f"{settings.store} is not there yet; the first run makes it"))
    return [*rows, *_check_destinations(settings), _check_disk(settings.store)]


def _check_destinations(settings: "Settings") -> list[DoctorRow]:
    """Which address would get which key, by the name of its variable. Nothing is sent."""
    from judgecli.errors import ConfigError, JudgeError
    from judgecli.pipeline.destinations import project_destinations

    try:
        found = project_destinations(settings) if settings.scorers else []
    except JudgeError as error:
        return [_row("judges", str(error), status="problem", hint=error.hint)]
    rows = []
    for one in found:
        key = f"with the value of {one.key} as its key" if one.key else "without a key"
        if one.refused is None:
            rows.append(_row(one.metric, f"texts go to {one.address}, {key}"))
        else:
            status = "problem" if isinstance(one.refused, ConfigError) else "warning"
            rows.append(_row(one.metric, str(one.refused), status=status, hint=one.refused.hint))
    return rows


def _check_disk(store: "Path") -> DoctorRow:
    import os
    import shutil

    folder = store.absolute()
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    if not os.access(folder, os.W_OK):
        return _row("disk", f"{folder} is not writable", status="problem", hint="choose another store with --store, or change permissions")
    if free < LEAST_FREE_BYTES:
        return _row("disk", f"{free / 1e6:,.0f} MB free at {folder}", status="warning", hint="a store takes about a third of its logs")
    return _row("disk", f"{free / 1e9:,.1f} GB free at {folder}, writable")


def _check_extras() -> list[DoctorRow]:
    from importlib.util import find_spec

    there = [name for name, modules in EXTRAS.items() if all(find_spec(module) for module in modules)]
    absent = [name for name in EXTRAS if name not in there]
    detail = f"installed: {', '.join(there) or 'none'}; not installed: {', '.join(absent) or 'none'}"
    return [_row("extras", detail, hint=f"pip install 'judgecli[{absent[0]}]'" if absent else "")]


def _check_environment() -> list[DoctorRow]:
    import os
    import sys

    from judgecli.cli.output import has_colour
    from judgecli.config import VARIABLES

    names = sorted(name for name in os.environ if name.startswith("JUDGE_"))
    unknown = [name for name in names if name not in VARIABLES]
    terminal = "a terminal" if sys.stdout.isatty() else "no terminal"
    return [
        _row("variables", f"set: {', '.join(names) or 'no JUDGE_*'}", hint=f"not read by this version: {', '.join(unknown)}" if unknown else ""),
        _row("terminal", f"stdout is {terminal}, {sys.stdout.encoding}, colours {'on' if has_colour(sys.stdout) else 'off'}"),
        _row("network", "none needed, none used"),
    ]
