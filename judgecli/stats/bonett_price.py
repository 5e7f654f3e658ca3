"""The difference of two shares on the same n items: the interval that holds at small n."""

from dataclasses import dataclass

import numpy as np
from scipy import special


@dataclass(frozen=True, slots=True)
class PairedShares:
    """Second share minus first (adjusted, so pulled a little towards 0), its standard error and limits, all in [-1, 1]."""

    difference: float
    se: float
    low: float
    high: float


def bonett_price(n: int, gains: float, losses: float, *, level: float = 0.95) -> PairedShares:
    """The adjusted Wald interval of a difference of paired shares.

    `n` items answered twice, of which `gains` went from 0 to 1 and `losses` from 1 to 0.
    p10 = (gains + 1)/(n + 2), p01 = (losses + 1)/(n + 2), SE^2 = (p10 + p01 - (p10 - p01)^2)/(n + 2).
    Differences between -1 and 1 vary at most as 0/1 answers with the same gains and losses do, so `gains` and
    `losses` may also be the sums of the upward and downward differences: the interval is then wide enough.
    Raises: ValueError where the counts are none of n items.
    Source: Bonett & Price 2012, Journal of Educational and Behavioral Statistics 37(4).

    >>> found = bonett_price(314, 121, 59)
    >>> round(found.difference, 6), round(found.low, 6), round(found.high, 6)
    (0.196203, 0.115372, 0.277033)
    """
    if n < 1 or gains < 0 or losses < 0 or gains + losses > n * (1 + 1e-9):
        raise ValueError(f"{gains} gains and {losses} losses are none of {n} items")
    gained, lost = (gains + 1) / (n + 2), (losses + 1) / (n + 2)
    difference = gained - lost
    se = float(np.sqrt((gained + lost - difference**2) / (n + 2)))
    half = float(special.ndtri(0.5 + level / 2)) * se
    return PairedShares(difference, se, max(difference - half, -1.0), min(difference + half, 1.0))
