"""Scoring log files in this process, without a command line: what the tests of store, engine and pipeline share."""

import gzip
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from judgecli.config.project import Project
from judgecli.config.settings import Settings
from judgecli.evidence.work import open_work
from judgecli.pipeline import ScoreResult, score_logs

DATA = Path(__file__).resolve().parents[1].parent / "shared" / "data"


class Quiet:
    """A listener that keeps the notes and shows nothing."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def phase(self, text: str, total: int | None = None) -> None:
        """Ignore it."""

    def advance(self, bytes_read: int, records: int) -> None:
        """Ignore it."""

    def note(self, text: str) -> None:
        """Keep it."""
        self.notes.append(text)


def score(store: Path, logs: Sequence[Path | str], scorers: Sequence[str] = ("words",), **settings: Any) -> ScoreResult:
    """Score logs into a store, in this process."""
    given = {"workers": 0, "measured": 0.0, "max_bad": 1.0, **settings}
    with open_work(Settings(project=Project(), store=store, **given), create=True) as work:
        return score_logs([str(log) for log in logs], work=work, scorers=list(scorers), progress=Quiet())


def rows_of(result: ScoreResult) -> list[dict[str, Any]]:
    """The rows that -o writes."""
    return [row for table in result.rows() for row in table.to_pylist()]


def write_lines(path: Path, records: Iterable[object]) -> Path:
    """A JSONL log; gz by its suffix. Records are objects, or raw lines as text or bytes."""
    lines = [record if isinstance(record, bytes) else record.encode() if isinstance(record, str) else json.dumps(record).encode() for record in records]
    content = b"".join(line + b"\n" for line in lines)
    path.write_bytes(gzip.compress(content, mtime=0) if path.suffix == ".gz" else content)
    return path
