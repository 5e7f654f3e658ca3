"""App or judge: frozen outputs, judged again in every window, tell a judge that moved from an app that did.

Only the judge can move the scores of frozen outputs. z = (judge now - judge at the founding) of each, on a scale of width 1.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy import special

from judgecli.stats.intervals import Estimate, mean_interval

Floats = npt.NDArray[np.float64]
Cause = Literal["judge", "app", "unclear"]


@dataclass(frozen=True)
class Attribution:
    """Whose doing a change of the live mean is, the mean shift of the anchors with its interval, and the sentence that says so."""

    cause: Cause
    anchors: Estimate
    message: str


def anchor_shift(founding: Floats, now: Floats) -> Estimate:
    """The mean of now - founding over M anchors with its t interval; each anchor is a cluster of its own."""
    return mean_interval(now - founding, np.ones(len(now)))


def attribute(live_shift: float, founding: Floats, now: Floats) -> Attribution:
    """Whose doing a live change of `live_shift` is.

    judge: the anchors' interval excludes 0 on the side of the live change. app: it does not, and excludes shifts of half the live
    change and more. unclear: neither.
    Raises: ValueError where there is no live change.
    """
    if live_shift == 0:
        raise ValueError("there is no change to attribute")
    found = anchor_shift(founding, now)
    if found.mean is None or found.low is None or found.high is None:
        return Attribution("unclear", found, "fewer than two anchors were judged again")
    sign = 1.0 if live_shift > 0 else -1.0
    low, high = sorted((sign * found.low, sign * found.high))
    told = f"{len(now)} frozen outputs moved by {found.mean:+.4g} ({found.low:+.4g} to {found.high:+.4g}) while the live mean moved by {live_shift:+.4g}"
    if low > 0:
        return Attribution("judge", found, f"the judge changed: {told}")
    if high < abs(live_shift) / 2:
        return Attribution("app", found, f"the app changed, the judge did not: {told}")
    return Attribution("unclear", found, f"it cannot be told: {told}")


def linked(live: Estimate, founding: Floats, now: Floats, *, level: float = 0.95) -> Estimate:
    """A live mean in units of the founding judge: live mean - mean(z), variances added. None where either is unknown.

    Across several judges the shifts add up: link each to the one before.
    """
    shift = anchor_shift(founding, now)
    if live.mean is None or live.se is None or shift.mean is None or shift.se is None:
        return Estimate(None, None, None, None)
    mean, se = live.mean - shift.mean, float(np.hypot(live.se, shift.se))
    half = float(special.stdtrit(len(now) - 1, 0.5 + level / 2)) * se
    return Estimate(mean, se, mean - half, mean + half)
