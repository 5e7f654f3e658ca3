"""Looking before and after: what logs hold, what the store holds, and its upkeep."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from judgecli.errors import LogError
from judgecli.evidence.reading import log_files
from judgecli.evidence.work import Work
from judgecli.readers.inspection import inspect_file
from judgecli.readers.source import looks_like_log
from judgecli.store import upkeep

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


def store_info(work: Work) -> dict[str, object]:
    """What the store holds."""
    return upkeep.info(work.store)


def store_verify(work: Work) -> dict[str, object]:
    """Whether every file of the store is whole."""
    return upkeep.verify(work.store)


def store_compact(work: Work) -> dict[str, object]:
    """Merge small shards."""
    return upkeep.compact(work.store)


def store_forget(work: Work, where: str) -> dict[str, object]:
    """Delete the records that a filter selects."""
    return upkeep.forget(work.store, where)
