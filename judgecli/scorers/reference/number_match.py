"""Whether the output gives the numbers of the reference."""

from collections.abc import Sequence

from judgecli.scorer import Score, scorer
from judgecli.scorers.numerals import numbers_in


@scorer(kind="rate", range=(0, 1), higher_is_better=True, version=1)
def number_match(output: Sequence[str], reference: Sequence[str], *, tolerance: float = 0.0) -> list[Score | float | None]:
    """1 where every number of the reference stands in the output, else 0.

    Columns: output, reference (N texts each). Returns: N rates, 0 or 1; a 0 names the missing numbers.
    Null where the reference holds no number.
    Options: tolerance, relative: 0.01 lets 99 pass for 100. Numbers are compared by value: 1,000 is 1000.0.
    Number words ("three") and units are not read; other numbers in the output do not matter.
    Source: ours.

    >>> number_match(["It is 1,200 (12 x 100)."], ["1200.0"])
    [1.0]
    """
    if tolerance < 0:
        raise ValueError(f"tolerance must be at least 0, got {tolerance}")
    return [_match(text, wanted, tolerance) for text, wanted in zip(output, reference, strict=True)]


def _match(text: str, wanted: str, tolerance: float) -> Score | float | None:
    expected = dict.fromkeys(numbers_in(wanted))
    if not expected:
        return None
    given = set(numbers_in(text))
    missing = [number for number in expected if number not in given]
    if tolerance:
        near = sorted(map(float, given))
        missing = [number for number in missing if not any(abs(other - float(number)) <= tolerance * abs(float(number)) for other in near)]
    return Score(value=0.0, explanation=f"missing: {', '.join(map(str, missing))}"[:300]) if missing else 1.0
