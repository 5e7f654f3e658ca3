"""What one run of `judge score` found, and whether it is whole."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from judgecli.evidence.reading import unread_shortfalls
from judgecli.evidence.told import ToldMetric
from judgecli.pipeline.judged import JudgeReport
from judgecli.readers.checkpoint import Checkpoint
from judgecli.readers.log import Skipped
from judgecli.signal.summary import MetricSummary
from judgecli.store.folder import Store
from judgecli.store.query import Reduction
from judgecli.store.scope import LineCounts, Scope


@dataclass
class ScoreResult:
    """What one run of `judge score` found: the counts, a summary a metric, and the way back to its rows."""

    store: Path
    scope: Scope
    new_records: int
    summaries: list[MetricSummary]
    readings: list[Checkpoint]
    notes: list[str]
    measured: float
    max_bad: float
    run_id: int
    metrics: list[tuple[str, str]] = field(default_factory=list)
    judge: JudgeReport = field(default_factory=JudgeReport)
    skipped: Sequence[Skipped] = ()
    told: Mapping[str, ToldMetric] = field(default_factory=dict)

    @property
    def counts(self) -> LineCounts:
        """Every line of the logs in one state."""
        return self.scope.counts

    @property
    def complete(self) -> bool:
        """Whether everything that should be read and measured was."""
        return not self.unread and all(share in (None, 1.0) for share in (*(summary.coverage for summary in self.summaries), *self.judge.coverages.values()))

    @property
    def unread(self) -> list[Skipped]:
        """Logs of a folder or glob that could not be read; a file that is no log is none of them."""
        return [file for file in self.skipped if file.is_log]

    @property
    def shortfalls(self) -> list[str]:
        """Why the run is incomplete (exit code 3); empty where it is not."""
        covered = {summary.name: summary.coverage for summary in self.summaries} | self.judge.coverages
        found = [
            f"{name}: {share:.1%} measured, less than {self.measured:.1%}" for name, share in covered.items() if share is not None and share < self.measured
        ]
        return [*found, *self.judge.shortfalls, *self.unread_shortfalls]

    @property
    def unread_shortfalls(self) -> list[str]:
        """Why what was read is not what the logs hold: files and lines that could not be read."""
        return unread_shortfalls(self.counts.quarantined, self.counts.lines, self.unread, len(self.readings), self.max_bad)

    @property
    def exit_code(self) -> int:
        """0, or 3 where too little could be measured."""
        return 3 if self.shortfalls else 0

    def to_json(self) -> dict[str, object]:
        """DESIGN's `score` shape."""
        counts = self.counts
        return {
            "records": {
                "lines": counts.lines,
                "accepted": counts.accepted,
                "new": self.new_records,
                "quarantined": counts.quarantined,
                "duplicate": counts.duplicate,
                "forgotten": counts.forgotten,
            },
            "metrics": {summary.name: summary.to_json() | self.told.get(summary.name, ToldMetric()).to_json() for summary in self.summaries},
            "comparisons": {name: found.to_json() for name, found in self.judge.comparisons.items()},
            "judge": self.judge.to_json(),
            "complete": self.complete,
            "shortfalls": self.shortfalls,
            "files": [
                {
                    "path": reading.path,
                    "format": reading.detected.format,
                    "lines": reading.entries,
                    "quarantined": reading.bad,
                    "truncated": reading.truncated,
                    "mapping": dict(reading.detected.mapping),
                    "guessed": reading.detected.guessed,
                }
                for reading in self.readings
            ],
            "unread": self.unread_shortfalls,
            "skipped": [{"path": file.path, "message": file.message, "log": file.is_log} for file in self.skipped],
            "notes": self.notes,
            "run": self.run_id,
        }

    def rows(self) -> Iterator[pa.Table]:
        """One row a record in the order of the logs and their lines; see store/query.py."""
        with Store(self.store, create=False) as store, Reduction(store, self.scope, self.metrics) as reduction:
            yield from reduction.rows([name for name, _ in self.metrics])
