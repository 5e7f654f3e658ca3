"""What a column of labels holds: thumbs, thumbs with a neutral place, or a rating. Told from the whole column, never value by value.

A 1 of five stars is no thumb up, and the -1 of a scale from -2 to 2 is no thumb down.
"""

from collections.abc import Iterable
from typing import Literal

from judgecli.errors import UsageError

RatingKind = Literal["thumbs", "signed", "rating"]
RatingScale = tuple[float, float]
# From narrow to wide: the first that holds all values is taken for the scale where nobody names one.
SCALES: tuple[RatingScale, ...] = ((1, 5), (0, 5), (-2, 2), (1, 7), (-3, 3), (1, 10), (0, 10), (1, 100), (0, 100))


def kind_of_labels(numbers: Iterable[float]) -> RatingKind:
    """The kind of a column from its numbers (thumbs in words are told elsewhere).

    Thumbs where all are 0 or 1, or 1 and -1; signed where 1, 0 and -1 occur; else a rating.

    >>> kind_of_labels([1, 0]), kind_of_labels([1, -1]), kind_of_labels([1, 0, -1]), kind_of_labels([1, 2, 5])
    ('thumbs', 'thumbs', 'signed', 'rating')
    """
    seen = set(numbers)
    if not seen <= {-1.0, 0.0, 1.0}:
        return "rating"
    return "signed" if {-1.0, 0.0} <= seen else "thumbs"


def thumb_value(number: float, kind: RatingKind) -> float | None:
    """1.0 up, 0.0 down, None neutral, of a number in a column of this kind; of a rating the number itself."""
    if kind == "rating":
        return number
    if number == 1:
        return 1.0
    return None if number == 0 and kind == "signed" else 0.0


def scale_of(numbers: Iterable[float]) -> RatingScale | None:
    """The usual scale that ratings seem to be on: the narrowest that holds them all; None where none does, or nothing was given.

    >>> scale_of([2, 4.5, 5]), scale_of([0, 7]), scale_of([-1, 2]), scale_of([250])
    ((1, 5), (0, 10), (-2, 2), None)
    """
    seen = list(numbers)
    if not seen:
        return None
    least, most = min(seen), max(seen)
    return next((scale for scale in SCALES if scale[0] <= least and most <= scale[1]), None)


def verdict_of(number: float, scale: RatingScale) -> bool | None:
    """Whether a rating says good (above the middle of its scale) or bad (below it); in the middle it says neither.

    >>> [verdict_of(rating, (1, 5)) for rating in (1, 2, 3, 4, 5)]
    [False, False, None, True, True]
    """
    middle = (scale[0] + scale[1]) / 2
    return None if number == middle else number > middle


def read_scale(text: str | None) -> RatingScale | None:
    """A scale as it is typed. Raises: UsageError.

    >>> read_scale("1..5"), read_scale("-2..2"), read_scale(None)
    ((1.0, 5.0), (-2.0, 2.0), None)
    """
    if text is None:
        return None
    low, dots, high = text.partition("..")
    try:
        ends = float(low), float(high)
    except ValueError:
        ends = (0.0, 0.0)
    if not dots or not ends[0] < ends[1]:
        raise UsageError(f"--rating-scale {text} is no LOW..HIGH", hint="give both ends, the lower first: --rating-scale 1..5")
    return ends
