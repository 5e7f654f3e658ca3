"""App or judge: frozen outputs, judged again in every window, tell a judge that moved from an app that did.

Only the judge can move the scores of frozen outputs. z = (judge now - judge at the founding) of each, on a scale of width 1.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Literal

import numpy as np
import numpy.typing as npt

from judgecli.stats.e_detector import Detectors, bets, step
from judgecli.stats.intervals import Estimate, mean_interval

ROUNDS = 200  # one false alarm in so many rejudgings of the whole set, at most, on average
SURE = 1 - 1 / ROUNDS  # the level at which one window alone is enough
FOUNDING_Z = 1.96  # how many standard errors of the founding mean the detector allows for: that error is the same in every window
Floats = npt.NDArray[np.float64]
Cause = Literal["judge", "app", "unclear"]
SAYINGS: dict[Cause, str] = {"judge": "the judge changed", "app": "the app changed, the judge did not", "unclear": "it cannot be told"}
FEW = 20  # fewer anchors tell little: no verdict


@dataclass(frozen=True)
class Attribution:
    """Whose doing a change of the live mean is, the mean shift of the anchors with its interval, and the sentence that says so."""

    cause: Cause
    anchors: Estimate
    message: str


def anchor_shift(founding: Floats, now: Floats, *, level: float = 0.95) -> Estimate:
    """The mean of now - founding over M anchors with its t interval; each anchor is a cluster of its own."""
    return mean_interval(now - founding, np.ones(len(now)), level=level)


def attribute(live_shift: float, founding: Floats, now: Floats) -> Attribution:
    """Whose doing a live change of `live_shift` is: `cause_of` the mean shift of the anchors.

    Raises: ValueError where there is no live change.
    """
    found = anchor_shift(founding, now)
    if live_shift == 0:
        raise ValueError("there is no change to attribute")
    if found.mean is None or found.low is None or found.high is None:
        return Attribution("unclear", found, "fewer than two anchors were judged again")
    moved = f"{found.mean:+.4g} of the scale ({found.low:+.4g} to {found.high:+.4g})"
    told = f"{len(now)} frozen outputs moved by {moved} while the live mean moved by {live_shift:+.4g} of it"
    cause = cause_of(live_shift, found)
    return Attribution(cause, found, f"{SAYINGS[cause]}: {told}")


def cause_of(live_shift: float, anchors: Estimate) -> Cause:
    """Whose doing a live change is, by the shift of the anchors.

    judge: its interval excludes 0 on the side of the live change. app: it does not, and excludes shifts of half the live change
    and more. unclear: neither, or there is no interval.
    """
    if anchors.low is None or anchors.high is None or live_shift == 0:
        return "unclear"
    sign = 1.0 if live_shift > 0 else -1.0
    low, high = sorted((sign * anchors.low, sign * anchors.high))
    if low > 0:
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
