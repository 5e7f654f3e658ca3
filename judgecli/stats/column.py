"""What is known of a column of scores before its interval is chosen."""

from dataclasses import dataclass
from typing import Self

from judgecli.arrays import Floats
from judgecli.stats.intervals import ClosedScale


@dataclass(frozen=True, slots=True)
class ColumnFacts:
    """The declared kind (rate, ordinal, number) and scale of a column, and the two values that are all it holds, where that is so.

    `two_values` is ascending: any pair where both were seen, (0, 0) and (1, 1) for zeros or ones alone. None where a third value or
    another constant was seen, or nothing is known.
    """

    kind: str
    scale: ClosedScale = (None, None)
    two_values: tuple[float, float] | None = None

    @classmethod
    def of(cls, kind: str, scale: ClosedScale, sums: Floats, counts: Floats) -> Self:
        """From sums and counts by cluster alone: exact where every cluster is one row, else nothing is known of single values.

        >>> Column.of("number", (None, None), np.array([0.0, 1.0, 0.0]), np.ones(3)).is_rate
        True
        """
        kept = counts > 0
        single = bool((counts[kept] == 1).all())
        return cls(kind, scale, two_values_of(sums[kept]) if single else None)

    @property
    def is_rate(self) -> bool:
        """Whether it is a share of rows: declared so, or of zeros and ones, unless the scale says that values lie elsewhere.

        A count that was 1, or 0, in every row is none: its scale begins at 0 and goes on beyond 1. An imported score whose scale nobody
        declared is one.
        """
        if self.kind == "rate" or self.two_values is None:
            return self.kind == "rate"
        constant = self.two_values in ((0.0, 0.0), (1.0, 1.0))
        fits = self.scale in ((None, None), (0.0, 1.0)) if constant else self.scale[0] in (None, 0.0) and self.scale[1] in (None, 1.0)
        return fits and (constant or self.two_values == (0.0, 1.0))

    @property
    def between(self) -> tuple[float, float] | None:
        """The two values that its rows lie at, as a rate lies at 0 and 1; None where there are more."""
        return (0.0, 1.0) if self.is_rate else self.two_values if self.two_values is None or self.two_values[0] < self.two_values[1] else None

    @property
    def closed(self) -> tuple[float, float] | None:
        """Both ends of the scale; None where one is open."""
        least, most = (0.0, 1.0) if self.is_rate else self.scale
        return None if least is None or most is None or not least < most else (float(least), float(most))


RATE = ColumnFacts("rate", (0.0, 1.0))


def two_values_of(values: Floats) -> tuple[float, float] | None:
    """The two values that are all there is, (0, 0) or (1, 1) for zeros or ones alone; None for a third value, another constant, or nothing.

    >>> two_values_of(np.array([0.0, 0.0])), two_values_of(np.array([5.0, 1.0, 5.0])), two_values_of(np.array([5.0, 5.0]))
    ((0.0, 0.0), (1.0, 5.0), None)
    """
    if not len(values):
        return None
    least, most = float(values.min()), float(values.max())
    return two_values_between(least, most, only_two=bool(((values == least) | (values == most)).all()))


def two_values_between(least: float, most: float, *, only_two: bool) -> tuple[float, float] | None:
    """The same from the smallest and largest value, and whether every value is one of these (what a query can tell)."""
    if not only_two:
        return None
    return (least, most) if least < most or least in (0.0, 1.0) else None
