"""A band around a distribution function that holds for any distribution and any n."""

import math


def band_width(n: int, *, level: float = 0.95) -> float | None:
    """Half the width of the band around the CDF of n independent values: the true CDF lies within it everywhere; None where n is 0.

    Two samples of n and m whose CDFs are farther apart than both widths (each at half the error) differ for certain.
    Source: Dvoretzky, Kiefer & Wolfowitz 1956 with the constant of Massart 1990.

    >>> round(band_width(100), 6)
    0.13581
    """
    return None if n < 1 else math.sqrt(math.log(2 / (1 - level)) / (2 * n))


def least_gap(ks: float, n: int, m: int, *, level: float = 0.95) -> float:
    """What the largest gap of the two true CDFs is at least, 0 to 1: KS less both bands, each at half the error.

    >>> least_gap(0.2, 50, 50), round(least_gap(0.9, 100, 100), 4)
    (0.0, 0.604)
    """
    widths = [band_width(count, level=1 - (1 - level) / 2) or 1.0 for count in (n, m)]
    return max(0.0, ks - sum(widths))
