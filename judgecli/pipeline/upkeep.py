"""Looking before and after: what logs hold, what the store holds, and its upkeep."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from judgecli.errors import LogError
from judgecli.evidence.reading import log_files
from judgecli.readers.inspection import inspect_file
from judgecli.readers.source import looks_like_log
from judgecli.store import upkeep
from judgecli.store.folder import Store

if TYPE_CHECKING:
    from judgecli.config.settings import Settings


def inspect_logs(logs: Sequence[str], *, settings: "Settings") -> list[dict[str, object]]:
    """What was detected in each file of the logs; nothing is stored. Raises: LogError."""
    found: list[dict[str, object]] = []
    for log in log_files(logs, settings):
        try:
            file = inspect_file(log.path, log.shaping)
            found.append(file | {"readable": int(str(file["quarantined"])) <= settings.max_bad * int(str(file["lines"]))})
        except LogError as error:
            if log.explicit:
                raise
            found.append({"path": log.path, "format": "not a log", "notes": [str(error)], "sample": [], "readable": not looks_like_log(log.path)})
    return found


def store_info(settings: "Settings") -> dict[str, object]:
    """What the store holds."""
    with Store(settings.store, create=False) as store:
        return upkeep.info(store)


def store_verify(settings: "Settings") -> dict[str, object]:
    """Whether every file of the store is whole."""
    with Store(settings.store, create=False) as store:
        return upkeep.verify(store)


def store_compact(settings: "Settings") -> dict[str, object]:
    """Merge small shards."""
    with Store(settings.store, create=False) as store:
        return upkeep.compact(store)


def store_forget(settings: "Settings", where: str) -> dict[str, object]:
    """Delete the records that a filter selects."""
    with Store(settings.store, create=False) as store:
        return upkeep.forget(store, where)
