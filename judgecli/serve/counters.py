"""What a server counts of itself, as Prometheus reads it (text format 0.0.4)."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)


@dataclass
class Histogram:
    """Counts of values up to each of `bounds`, and their sum."""

    bounds: Sequence[float]
    counts: list[int] = field(default_factory=list)
    total: float = 0.0

    def __post_init__(self) -> None:
        self.counts = [0] * (len(self.bounds) + 1)

    def observe(self, value: float) -> None:
        """Count one value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def lines(self, name: str, help: str) -> list[str]:
        """The lines of a Prometheus histogram."""
        found, running = [f"# HELP {name} {help}", f"# TYPE {name} histogram"], 0
        for bound, count in zip((*self.bounds, "+Inf"), self.counts, strict=True):
            running += count
            found.append(f'{name}_bucket{{le="{bound}"}} {running}')
        return [*found, f"{name}_sum {self.total:.9g}", f"{name}_count {running}"]


@dataclass
class Counters:
    """Requests by path and status, how long they took, rows a batch, rewards given and missing, requests rejected by why."""

    requests: Counter[tuple[str, int]] = field(default_factory=Counter)
    rejected: Counter[str] = field(default_factory=Counter)
    missing: Counter[str] = field(default_factory=Counter)
    rewards: int = 0
    in_flight: int = 0
    seconds: Histogram = field(default_factory=lambda: Histogram(SECONDS))
    batch_rows: Histogram = field(default_factory=lambda: Histogram(ROWS))
    batch_requests: Histogram = field(default_factory=lambda: Histogram(ROWS))

    def text(self) -> str:
        """All of it. Paths are those that the server has; anything else is `other`."""
        lines = ["# HELP judge_requests_total Requests by path and status.", "# TYPE judge_requests_total counter"]
        lines += [f'judge_requests_total{{path="{path}",status="{status}"}} {count}' for (path, status), count in sorted(self.requests.items())]
        lines += ["# HELP judge_rejected_total Requests that were not asked, by why.", "# TYPE judge_rejected_total counter"]
        lines += [f'judge_rejected_total{{why="{why}"}} {count}' for why, count in sorted(self.rejected.items())]
        lines += ["# HELP judge_rewards_total Rewards given.", "# TYPE judge_rewards_total counter", f"judge_rewards_total {self.rewards}"]
        lines += ["# HELP judge_missing_total Rows without a reward, by reason.", "# TYPE judge_missing_total counter"]
        lines += [f'judge_missing_total{{reason="{reason}"}} {count}' for reason, count in sorted(self.missing.items())]
        lines += ["# HELP judge_in_flight Requests under way.", "# TYPE judge_in_flight gauge", f"judge_in_flight {self.in_flight}"]
        lines += self.seconds.lines("judge_request_seconds", "Time from the head of a request to its reply.")
        lines += self.batch_rows.lines("judge_batch_rows", "Rows that a reward was asked for at once.")
        lines += self.batch_requests.lines("judge_batch_requests", "Requests in one such batch.")
        return "\n".join(lines) + "\n"
