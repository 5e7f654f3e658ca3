"""Columns of the log as metrics: time, tokens, cost, errors."""

from collections.abc import Sequence

from judgecli.scorer import Score, scorer


@scorer(kind="number", range=(0, None), higher_is_better=False, version=1)
def latency_ms(latency_ms: Sequence[float]) -> list[float]:
    """Milliseconds from request to answer, as logged.

    Columns: latency_ms. Returns: N numbers, ms. Null: never. Options: none.
    Source: the log.

    >>> latency_ms([850.0, None])
    [850.0, None]
    """
    return list(latency_ms)


@scorer(kind="number", range=(0, None), higher_is_better=None, version=1)
def tokens_in(tokens_in: Sequence[float]) -> list[float]:
    """Tokens of the prompt, as logged.

    Columns: tokens_in. Returns: N counts. Null: never. Options: none.
    Source: the log.

    >>> tokens_in([12.0])
    [12.0]
    """
    return list(tokens_in)


@scorer(kind="number", range=(0, None), higher_is_better=None, version=1)
def tokens_out(tokens_out: Sequence[float]) -> list[float]:
    """Tokens of the answer, as logged.

    Columns: tokens_out. Returns: N counts. Null: never. Options: none.
    Source: the log.

    >>> tokens_out([120.0])
    [120.0]
    """
    return list(tokens_out)


@scorer(kind="number", range=(0, None), higher_is_better=False, version=1)
def cost_usd(cost_usd: Sequence[float]) -> list[float]:
    """Cost of the answer in US dollars, as logged.

    Columns: cost_usd. Returns: N numbers, USD. Null: never. Options: none.
    Source: the log.

    >>> cost_usd([0.002])
    [0.002]
    """
    return list(cost_usd)


@scorer(kind="rate", range=(0, 1), higher_is_better=False, version=1)
def error(key: Sequence[bytes], error: Sequence[str | None] | None = None) -> list[Score | float]:
    """1 where the log carries an error for the record, else 0.

    Columns: key (only tells how many records there are), error (optional). Returns: N rates, 0 or 1,
    a 1 with the error as explanation.
    Null: never; a log that keeps no errors gives 0 throughout. Options: none.
    Source: the log.

    >>> error([b"1", b"2"], [None, "timeout"])
    [0.0, Score(value=1.0, label=None, reason=None, explanation='timeout', detail=None)]
    """
    texts = error if error is not None else [None] * len(key)
    return [Score(value=1.0, explanation=text[:300]) if text else 0.0 for text in texts]
