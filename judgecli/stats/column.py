"""What is known of a column of scores before its interval is chosen."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from judgecli.stats.intervals import Scale

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Column:
    """The declared kind (rate, ordinal, number) and scale of a column, and the two values that are all it holds, where that is so.

    `two_values` is ascending: (0, 1) where every value seen is 0 or 1, also where only one of them was seen; any other pair
    only where both were seen. None where a third value was seen or nothing is known.
    """

    kind: str
    scale: Scale = (None, None)
    two_values: tuple[float, float] | None = None

    @classmethod
    def of(cls, kind: str, scale: Scale, sums: Floats, counts: Floats) -> Self:
        """From sums and counts by cluster alone: exact where every cluster is one row, else nothing is known of single values.

        >>> Column.of("number", (None, None), np.array([0.0, 1.0, 0.0]), np.ones(3)).is_rate
        True
        """
        kept = counts > 0
        single = bool((counts[kept] == 1).all())
        return cls(kind, scale, two_values_of(sums[kept]) if single else None)

    @property
    def is_rate(self) -> bool:
        """Whether it is a share of rows: declared so, or of zeros and ones, unless the scale says that values lie elsewhere."""
        return self.kind == "rate" or (self.two_values == (0.0, 1.0) and self.scale[0] in (None, 0.0) and self.scale[1] in (None, 1.0))

    @property
    def between(self) -> tuple[float, float] | None:
        """The two values that its rows lie at, as a rate lies at 0 and 1; None where there are more."""
        return (0.0, 1.0) if self.is_rate else self.two_values

    @property
    def closed(self) -> tuple[float, float] | None:
        """Both ends of the scale; None where one is open."""
        least, most = (0.0, 1.0) if self.is_rate else self.scale
        return None if least is None or most is None or not least < most else (float(least), float(most))


def two_values_of(values: Floats) -> tuple[float, float] | None:
    """The two values that are all there is: (0, 1) for zeros and ones alone; None for a third value, another constant, or nothing.

    >>> two_values_of(np.array([0.0, 0.0])), two_values_of(np.array([5.0, 1.0, 5.0])), two_values_of(np.array([5.0, 5.0]))
    ((0.0, 1.0), (1.0, 5.0), None)
    """
    if not len(values):
        return None
    least, most = float(values.min()), float(values.max())
    return two_values_between(least, most, only_two=bool(((values == least) | (values == most)).all()))


def two_values_between(least: float, most: float, *, only_two: bool) -> tuple[float, float] | None:
    """The same from the smallest and largest value, and whether every value is one of these (what a query can tell)."""
    if not only_two:
        return None
    if least in (0.0, 1.0) and most in (0.0, 1.0):
        return (0.0, 1.0)
    return (least, most) if least < most else None
