"""The contract of a log format: one file with an `ADAPTER`, found without a list to edit."""

import functools
import importlib
import pkgutil
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import judgecli.readers
from judgecli.errors import UnknownName
from judgecli.schema import QuarantineReason

Object = dict[str, Any]  # one parsed JSON object of a log: whatever the app wrote
ReadRow = dict[str, Any]  # canonical fields (schema.MAPPABLE, tags.NAME, score.NAME, label.NAME) of one record


class RefusedLine(Exception):
    """This entry gives no record: it is quarantined with `reason`, and `str(refused)` says what was wrong."""

    def __init__(self, reason: QuarantineReason, message: str) -> None:
        super().__init__(message)
        self.reason: QuarantineReason = reason


@dataclass(frozen=True)
class Adapter:
    """A log format.

    `match` says how surely one object is of this format: 0 without its hard keys, 1 for all its keys.
    `rows` turns one object into the rows of its records (several choices are several rows), or raises
    Refused("unknown_shape"). Where `rows` is None the records come from the mapping alone: `mapping`
    (field -> path), then --map, then guessed columns. `order` breaks ties: the lower wins.
    `sample` is one real line.
    """

    name: str
    match: Callable[[Object], float]
    sample: str
    rows: Callable[[Object], list[ReadRow]] | None = None
    mapping: Mapping[str, str] = field(default_factory=dict)
    order: int = 100


@functools.cache
def adapters() -> dict[str, Adapter]:
    """Every adapter by name, in the order of their hard rules: the files of this package, then entry points."""
    found = [getattr(importlib.import_module(name), "ADAPTER") for name in _modules()]  # noqa: B009
    found += [entry.load() for entry in entry_points(group="judgecli.readers")]
    return {adapter.name: adapter for adapter in sorted(found, key=lambda adapter: (adapter.order, adapter.name))}


def adapter_named(name: str) -> Adapter:
    """The adapter of this name. Raises: UnknownName."""
    known = adapters()
    if name not in known:
        raise UnknownName("log format", name, known=known)
    return known[name]


def _modules() -> list[str]:
    """Names of the modules here that declare an ADAPTER, told from their text so that no other module is imported."""
    folder = Path(judgecli.readers.__path__[0])
    names = [module.name for module in pkgutil.iter_modules([str(folder)])]
    declares = re.compile(r"^ADAPTER\b", re.MULTILINE)
    return [f"judgecli.readers.{name}" for name in names if declares.search((folder / f"{name}.py").read_text("utf-8"))]
