"""The straight line that turns scores of one instrument into scores of another, from items that both scored."""

from dataclasses import dataclass

import numpy as np
from scipy import special

from judgecli.arrays import Floats
from judgecli.stats.intervals import Estimate

LEAST_SLOPE = 0.2  # as for Rogan and Gladen's estimate: below it one instrument says next to nothing of the other
BENT = 3.0  # standard errors of the curvature from which on no straight line is drawn
TINY = 1e-12


@dataclass(frozen=True, slots=True)
class LinearLink:
    """y = centre_y + slope (x - centre_x): a mean of y becomes one of x. The variance of that is fixed + 2 mixed t + tilted t^2, t = y - centre_y.

    `unseen`: in units of x, how far a shift may be off where every item lies on the line: what so many items may have missed of the scale.
    """

    items: int
    centre_x: float
    centre_y: float
    slope: float
    fixed: float
    mixed: float
    tilted: float
    unseen: float = 0.0

    def back(self, y: Floats | float) -> Floats | float:
        """Values of the second instrument in units of the first; exact for means, for a single value what is usual at its level."""
        return self.centre_x + (y - self.centre_y) / self.slope

    def error(self, y: float) -> float:
        """The standard error that the link adds to a mean of y."""
        t = y - self.centre_y
        return float(np.sqrt(max(0.0, self.fixed + 2 * self.mixed * t + self.tilted * t**2)))

    @property
    def exact(self) -> bool:
        """Whether every item lies on the line, so that nothing tells how far others may lie from it."""
        return max(self.fixed, self.tilted) <= TINY**2 * max(1.0, self.centre_x**2, self.centre_y**2)

    def quantile(self, level: float = 0.95) -> float:
        """Of Student's t with as many degrees of freedom as the line leaves."""
        return float(special.stdtrit(self.items - 2, 0.5 + level / 2))

    def shift(self, y: float, *, level: float = 0.95) -> Estimate:
        """By how much the second instrument scores higher than the first where its mean is y."""
        mean, se = y - float(self.back(y)), self.error(y)
        half = max(self.quantile(level) * se, self.unseen)
        return Estimate(mean, se, mean - half, mean + half)

    def mean(self, y: Estimate, *, level: float = 0.95) -> Estimate:
        """A mean of the second instrument in units of the first: the variance of the link is added to its own.

        Limits of `y` that are not symmetric (Wilson) stay so: each distance is widened by the link's. None where `y` has none.
        """
        if y.mean is None:
            return Estimate(None, None, None, None)
        mean, error = float(self.back(y.mean)), self.error(y.mean)
        half = self.quantile(level) * error
        se = None if y.se is None else float(np.hypot(y.se / self.slope, error))
        low, high = (
            None if limit is None else mean + sign * float(np.hypot((limit - y.mean) / self.slope, half)) for limit, sign in ((y.low, -1), (y.high, 1))
        )
        return Estimate(mean, se, low, high)


def linear_link(x: Floats, y: Floats, noise: Floats) -> LinearLink | str:
    """The link of M items scored by both instruments; `noise` is the variance of each x around the item's true score. A text says why there is none.

    slope = Cov(x, y) / (Var(x) - mean(noise)): least squares corrected for the noise of x, so that an instrument that is unsure is not taken
    for one that sees less difference. Variances by the delta method over items, with M / (M - 2), robust to noise that depends on the level.
    Where all x are equal and nothing tells the slope, there is no link. Fewer than 3 items, a slope within two standard errors of 0.2, and a
    relation that is bent (its curvature beyond 3 standard errors) give none either.
    Source: Fuller 1987, Measurement Error Models, section 1.2 (known error variance); Kolen & Brennan 2014, chapter 4 (common-item linear linking).

    >>> link = linear_link(np.array([0.1, 0.3, 0.5, 0.7]), np.array([0.3, 0.5, 0.7, 0.9]), np.zeros(4))
    >>> round(link.slope, 6), round(link.back(0.8), 6), round(link.error(0.8), 6)
    (1.0, 0.6, 0.0)
    """
    items = len(x)
    if items < 3:
        return f"{items} items were scored by both: 3 are needed"
    centre_x, centre_y = float(x.mean()), float(y.mean())
    dx, dy = x - centre_x, y - centre_y
    spread = float((dx @ dx) / (items - 1) - noise.mean())
    if spread <= TINY:
        return "the items have no scores that differ by more than noise, so nothing tells how the two scales go together"
    slope = float(dx @ dy) / (items - 1) / spread
    residual = dy - slope * dx
    tilt = (dx * dy - slope * (dx**2 - noise)) / (spread * (items - 1) / items)  # what each item contributes to the error of the slope
    correction = 1 / (items * (items - 2))
    error = float(np.sqrt((tilt @ tilt) * correction))
    if slope - 2 * error < LEAST_SLOPE:
        return f"one score says too little of the other (slope {slope:.2g}, standard error {error:.2g})"
    if abs(_bend(dx, residual, slope * noise)) > BENT:
        return "how far the scores lie apart depends on the level, and not along a straight line"
    parts = (residual @ residual / slope**2, residual @ tilt / slope**3, tilt @ tilt / slope**4)
    return LinearLink(items, centre_x, centre_y, slope, *(float(part) * correction for part in parts))


def _bend(dx: Floats, residual: Floats, tilted: Floats) -> float:
    """The curvature that the residuals show, in standard errors; 0 where nothing could show one.

    `tilted` is slope x noise: noise of x stands in the residuals too (times -slope), and where scores crowd at one end of the scale
    that alone looks like a curve; what it adds on average is taken off.
    """
    skew = float((dx**3).sum() / (dx @ dx))
    square = dx**2 - (dx**2).mean() - skew * dx
    products = square * residual - tilted * (skew - 2 * dx)
    error = float(np.sqrt(products @ products))
    return float(products.sum()) / error if error > TINY else 0.0
