"""The Rogan-Gladen estimate: a rate that a judge measured, corrected for the judge's known errors."""

from dataclasses import dataclass

import numpy as np
from scipy import special

from judgecli.stats.tails import FLAT

LEAST_YOUDEN = 0.2


@dataclass(frozen=True, slots=True)
class CorrectedRate:
    """The corrected rate and its interval, within [0, 1]; None with the cause in `why` where it was refused."""

    mean: float | None
    se: float | None
    low: float | None
    high: float | None
    why: str | None = None


def rogan_gladen(
    positives: float, n: float, *, right_1: float, m1: float, right_0: float, m0: float, adjusted: bool | None = None, level: float = 0.95
) -> CorrectedRate:
    """(p + q0 - 1) / (q0 + q1 - 1): p = positives / n of the judge, q1 = right_1 / m1 its sensitivity, q0 = right_0 / m0 its specificity.

    Var = [p(1-p)/n + (1-theta)^2 q0(1-q0)/m0 + theta^2 q1(1-q1)/m1] / (q0+q1-1)^2.
    `adjusted` (default: where a class has fewer than 50 labels, or a share is 0 or 1) makes the interval from p with z^2/2 successes and
    z^2 trials added, and q with one success and two trials added, moved by 2 z^2 (theta q1(1-q1)/m1 - (1-theta) q0(1-q0)/m0).
    Counts may be effective ones (fewer than rows, where rows come in clusters). Right where q0 and q1 hold for these
    rows too, whatever the rate among the labelled. Refused where q0 + q1 - 1 < 0.2: the judge knows next to nothing; and where the whole
    interval lies outside [0, 1]: then q0 and q1 do not hold here.
    Source: Rogan & Gladen 1978; Lang & Reiczigel 2014 (adjustment); Lee et al. 2025, arXiv:2511.21140.

    >>> found = rogan_gladen(800, 1000, right_1=90, m1=100, right_0=43, m0=50, adjusted=False)
    >>> round(found.mean, 6), round(found.low, 6), round(found.high, 6)
    (0.868421, 0.7919, 0.944942)
    """
    if n <= 0 or m1 <= 0 or m0 <= 0:
        missing = "score" if n <= 0 else "label that is 1" if m1 <= 0 else "label that is 0"
        return CorrectedRate(None, None, None, None, f"there is no {missing}")
    share = positives / n
    p, q1, q0 = share, right_1 / m1, right_0 / m0
    youden = q0 + q1 - 1
    if youden < LEAST_YOUDEN:
        return CorrectedRate(None, None, None, None, f"sensitivity {q1:.3g} and specificity {q0:.3g} are too low: their sum must be 1.2 or more")
    theta = _excess(p, q0) / youden
    z = float(special.ndtri(0.5 + level / 2))
    if adjusted is None:
        adjusted = min(m0, m1) < 50 or any(share <= 0 or share >= 1 for share in (p, q0, q1))
    centre, shift = theta, 0.0
    if adjusted:
        p, n = (positives + z * z / 2) / (n + z * z), n + z * z
        q1, m1, q0, m0 = (right_1 + 1) / (m1 + 2), m1 + 2, (right_0 + 1) / (m0 + 2), m0 + 2
        youden = q0 + q1 - 1
        if youden < LEAST_YOUDEN:
            return CorrectedRate(None, None, None, None, "there are too few labels to know the judge's errors")
        centre = float(np.clip(_excess(p, q0) / youden, 0.0, 1.0))
        shift = 2 * z * z * (centre * q1 * (1 - q1) / m1 - (1 - centre) * q0 * (1 - q0) / m0)
    variance = p * (1 - p) / n + (1 - centre) ** 2 * q0 * (1 - q0) / m0 + centre**2 * q1 * (1 - q1) / m1
    se = float(np.sqrt(variance)) / youden
    low, high = (centre + shift + sign * z * se for sign in (-1, 1))
    if low >= 1 or high <= 0:  # cut to [0, 1] it would be one point, as if there were no doubt
        return CorrectedRate(None, None, None, None, f"the judge says 1 to {share:.3g} of them, which its errors on labelled rows do not allow")
    return CorrectedRate(float(np.clip(theta, 0.0, 1.0)), se, max(low, 0.0), min(high, 1.0))


def _excess(share: float, specificity: float) -> float:
    """By how much the judge says 1 more often than it would of zeros alone; 0 where rounding alone tells the two apart."""
    wrong = 1 - specificity
    return 0.0 if abs(share - wrong) <= FLAT * max(share, wrong) else share - wrong
