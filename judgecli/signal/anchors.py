"""App or judge: frozen outputs, judged again in every window, tell a judge that moved from an app that did.

Only the judge can move the scores of frozen outputs. z = (judge now - judge at the founding) of each, on a scale of width 1.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Literal

import numpy as np
import numpy.typing as npt

from judgecli.arrays import Floats
from judgecli.stats.column import ColumnFacts
from judgecli.stats.deciding import estimate_difference
from judgecli.stats.e_detector import Detectors, bets, step
from judgecli.stats.intervals import Estimate
from judgecli.stats.sign_flip import sign_flip
from judgecli.stats.tails import unseen_share

ROUNDS = 200  # one false alarm in so many rejudgings of the whole set, at most, on average
ALPHA = 0.05
SURE = 1 - 1 / ROUNDS  # the level at which one window alone is enough
FOUNDING_Z = 1.96  # how many standard errors of the founding mean the detector allows for: that error is the same in every window
ShiftCause = Literal["judge", "app", "unclear"]
SAYINGS: dict[ShiftCause, str] = {"judge": "the judge changed", "app": "the app changed, the judge did not", "unclear": "it cannot be told"}
FEW = 20  # fewer anchors tell little: no verdict
FEW_APART = 3  # so few anchors that moved unlike the rest do not tell how much anchors vary


@dataclass(frozen=True)
class ShiftAttribution:
    """Whose doing a change of the live mean is, the mean shift of the anchors with its interval and p, and the sentence that says so."""

    cause: ShiftCause
    anchors: Estimate
    message: str
    p: float | None = None


def anchor_shift(founding: Floats, now: Floats, *, level: float = 0.95) -> Estimate:
    """The mean of now - founding over M anchors, scores on a scale of width 1, with its interval; each anchor is a cluster of its own.

    Student's t, its limit on the side of the long tail moved out. Where no more than three anchors moved unlike the rest, nothing tells
    how much anchors vary, and the limits are no nearer than what M anchors may have missed: 1 - 0.04^(1/M) of the way to the ends of the scale.
    Whether the judge moved at all is not read from this interval but tested (`moved_p`): a shift of all anchors by the same small amount
    is certain, however little they tell of outputs unlike them.

    >>> found = anchor_shift(np.full(30, 0.5), np.full(30, 0.5))
    >>> found.mean, round(found.low, 3), round(found.high, 3)
    (0.0, -0.102, 0.102)
    """
    z = np.asarray(now - founding, dtype=np.float64)
    if len(z) < 2:
        return estimate_difference(z, np.ones(len(z)), OPEN, level=level)
    common, apart = _common(z)
    if apart > FEW_APART:
        return estimate_difference(z, np.ones(len(z)), OPEN, level=level)
    mean = common if apart == 0 else float(z.mean())  # a mean of equal numbers is that number
    se = 0.0 if apart == 0 else float(z.std(ddof=1) / np.sqrt(len(z)))
    share = float(unseen_share(np.array([float(len(z))]), level)[0])
    spread = estimate_difference(z, np.ones(len(z)), OPEN, level=level)
    low, high = (mean if limit is None else limit for limit in (spread.low, spread.high))
    return Estimate(mean, se, min(low, mean - share * (1 + mean)), max(high, mean + share * (1 - mean)), "scale")


OPEN = ColumnFacts("number", (None, None))


def _common(z: Floats) -> tuple[float, int]:
    """The shift that most anchors have, and how many have another."""
    values, counts = np.unique(np.round(z, 12), return_counts=True)
    most = int(np.argmax(counts))
    return float(values[most]) + 0.0, len(z) - int(counts[most])


def moved_p(z: Floats) -> float:
    """The chance of so large a mean shift of anchors under a judge that did not move: then each shift is as likely to have the other sign.

    Of M anchors that all moved by the same: 2^-(M - 1), or 1 in 10,000 where that is drawn. Source: Fisher 1935 (stats/sign_flip.py).

    >>> moved_p(np.full(10, -0.05)) == 2**-9, moved_p(np.zeros(10))
    (True, 1.0)
    """
    return sign_flip(np.asarray(z, dtype=np.float64))


def attribute(live_shift: float, founding: Floats, now: Floats) -> ShiftAttribution:
    """Whose doing a live change of `live_shift` is: `cause_of` the mean shift of the anchors.

    Raises: ValueError where there is no live change.
    """
    found = anchor_shift(founding, now)
    if live_shift == 0:
        raise ValueError("there is no change to attribute")
    if found.mean is None or found.low is None or found.high is None:
        return ShiftAttribution("unclear", found, "fewer than two anchors were judged again")
    moved = f"{found.mean:+.4g} of the scale ({found.low:+.4g} to {found.high:+.4g})"
    p = moved_p(now - founding)
    told = f"{len(now)} frozen outputs moved by {moved}{_tested(found, p)} while the live mean moved by {live_shift:+.4g} of it"
    cause = cause_of(live_shift, found, p)
    return ShiftAttribution(cause, found, f"{SAYINGS[cause]}: {told}", p)


def _tested(found: Estimate, p: float) -> str:
    """What the test says, where the interval does not say the same."""
    return f", p = {p:.2g}" if leaves_zero(found) != (p < ALPHA) else ""


def leaves_zero(found: Estimate) -> bool:
    """Whether 0 lies outside the interval."""
    return found.low is not None and found.high is not None and (found.low > 0 or found.high < 0)


def cause_of(live_shift: float, anchors: Estimate, p: float | None = None) -> ShiftCause:
    """Whose doing a live change is, by the shift of the anchors, with the `p` of no shift where it was tested.

    judge: the anchors moved for certain (p below 5 %, else an interval without 0) to the side of the live change. app: they did not, and
    the interval excludes shifts of half the live change and more. unclear: neither, or there is no interval.
    """
    if anchors.low is None or anchors.high is None or live_shift == 0:
        return "unclear"
    sign = 1.0 if live_shift > 0 else -1.0
    low, high = sorted((sign * anchors.low, sign * anchors.high))
    if (low > 0) if p is None else (p < ALPHA and sign * (anchors.mean or 0.0) > 0):
        return "judge"
    return "app" if high < abs(live_shift) / 2 else "unclear"


@dataclass(frozen=True)
class JudgeAlarm:
    """The detector's alarm: in which window (by its place), and whether the judge rates lower (`drop`) or higher (`rise`)."""

    window: int
    direction: Literal["drop", "rise"]


def judge_alarms(windows: Sequence[tuple[Floats, npt.NDArray[np.int64]]], *, sd: float, repeats: int, anchors: int) -> list[JudgeAlarm]:
    """When a judge left its founding: e-SR on (1 + z) / 2 against 1/2, both sides, over all windows of one judge.

    A window is (z, places of its anchors), z in [-1, 1]. `sd` is the noise of one judgement and `repeats` how often each of the
    `anchors` was judged at the founding. The error of the founding mean does not average out over windows, so 1/2 is left by
    1.96 of its standard errors before anything counts. Within a window the anchors come in an order of their own, by hash,
    so that what one anchor's founding was off by is no run of bad luck. After an alarm a chart starts anew.
    Guarantee: at most one false alarm in 200 windows on average (A = 2 x 200 x anchors).
    """
    slack = FOUNDING_Z * sd / np.sqrt(repeats * anchors) / 2
    mu0 = np.full(2, 0.5 - slack)
    factors = bets(mu0, np.full(2, sd**2 * (1 + 1 / repeats) / 4))
    state, found = Detectors.fresh(2), list[JudgeAlarm]()
    for number, (z, places) in enumerate(windows):
        order = sorted(range(len(z)), key=lambda at: blake2b(f"{number}:{int(places[at])}".encode(), digest_size=8).digest())
        for at in order:
            x = (1 + np.clip(z[at], -1, 1)) / 2
            statistic = step(state, factors, mu0, np.array([x, 1 - x]), 2)
            for chart in np.flatnonzero(statistic >= 2 * ROUNDS * anchors):
                found.append(JudgeAlarm(number, "drop" if chart == 0 else "rise"))
                state.restart(int(chart))
    return found
