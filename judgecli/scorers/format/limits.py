"""Whether an answer came within a time or a cost."""

from collections.abc import Sequence

from judgecli.scorer import scorer


@scorer(kind="rate", range=(0, 1), higher_is_better=True, version=1)
def latency_at_most(latency_ms: Sequence[float], *, ms: float) -> list[float]:
    """1 where the answer took at most `ms` milliseconds, else 0.

    Columns: latency_ms. Returns: N rates, 0 or 1. Null: never.
    Options: ms, the limit, included.
    Source: the log.

    >>> latency_at_most([900.0, 1200.0, None], ms=1000)
    [1.0, 0.0, None]
    """
    return [float(taken <= ms) for taken in latency_ms]


@scorer(kind="rate", range=(0, 1), higher_is_better=True, version=1)
def cost_at_most(cost_usd: Sequence[float], *, usd: float) -> list[float]:
    """1 where the answer cost at most `usd` US dollars, else 0.

    Columns: cost_usd. Returns: N rates, 0 or 1. Null: never.
    Options: usd, the limit, included.
    Source: the log.

    >>> cost_at_most([0.01, 0.2], usd=0.1)
    [1.0, 0.0]
    """
    return [float(cost <= usd) for cost in cost_usd]
