"""What `judge replies` does: replies into a file, out of a file, and read again without a call."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING

from judgecli.errors import EnvironmentFailure, UsageError
from judgecli.evidence.work import Work
from judgecli.readers.redact import redactor
from judgecli.store.comparisons import compared_metrics
from judgecli.store.folder import Store
from judgecli.store.replies import export_replies as export_lines
from judgecli.store.replies import import_replies as import_lines
from judgecli.store.replies import read_reply_file
from judgecli.store.tables import publish

if TYPE_CHECKING:
    from judgecli.pipeline.score_result import ScoreResult
    from judgecli.progress import Progress


def export_replies(work: Work, path: str, metrics: Sequence[str] = ()) -> dict[str, object]:
    """Write the replies of the store as JSON lines, of some metrics only where they are named. Returns: the path, and how many.

    Raises: UsageError (a metric without replies), EnvironmentFailure.
    """
    rubrics = [identity for name in metrics for identity in _identities(work.store, name)]
    target = Path(path)
    if not target.parent.is_dir():
        raise EnvironmentFailure(f"there is no folder {target.parent}", hint="make it, or name another file")
    count = 0
    redact = redactor(work.settings.redact)

    def write(file: "IO[bytes]") -> None:
        nonlocal count
        text = io.TextIOWrapper(file, encoding="utf-8", write_through=True)
        count = export_lines(work.store.ledger, text, rubrics, redact=redact.reply if redact else None)
        text.detach()

    publish(target, write)
    return {"path": path, "replies": count}


def _identities(store: Store, name: str) -> list[str]:
    """The identities of a metric that stands in any shard, or compares answers. Raises: UsageError."""
    from judgecli.store.query import held_metrics

    found = {identity for shard in store.shards() for held, identity in held_metrics(store.root, shard.name) if held == name}
    found |= {identity for held, identity, _ in compared_metrics(store.ledger) if held == name}
    if not found:
        raise UsageError(f"the store has no metric '{name}'", hint="judge store info lists the metrics")
    return sorted(found)


def import_replies(work: Work, path: str) -> dict[str, object]:
    """Add the replies of a file to the store. What is there is never replaced. Raises: UsageError with the line."""
    found = read_reply_file(Path(path))
    redact = redactor(work.settings.redact)
    new = import_lines(work.store.ledger, found, redact=redact.reply if redact else None)
    return {"path": path, "replies": len(found), "new": new}


def reparse_replies(logs: Sequence[str], *, work: Work, scorers: Sequence[str] | None, progress: "Progress") -> "ScoreResult":
    """Read every verdict again from the stored replies: after a change of how they are read, without a call.

    Raises: as `score_logs`; UsageError where no rubric was named.
    """
    from judgecli.evidence.scorers import choose_scorers
    from judgecli.pipeline.judged import Asking
    from judgecli.pipeline.rubrics import is_rubric
    from judgecli.pipeline.score import score_logs
    from judgecli.reward_model.remote import is_served

    if not any(is_rubric(spec) or is_served(spec.target) for spec in choose_scorers(scorers, work.settings)):
        raise UsageError("no rubric was named, so there are no replies to read", hint="judge replies reparse LOGS -s rubric:NAME --judge-model MODEL")
    return score_logs(logs, work=work, scorers=scorers, progress=progress, asking=Asking(reparse=True))
