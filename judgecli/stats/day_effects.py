"""How far apart days lie beside their items: the design effect of a day, learnt from a reference and from what follows.

Items of one day may have something in common (an incident, a campaign, a batch), and so may neighbours in a day and days
that follow each other. Then the sum of n items spreads D times as far as that of independent ones, D = within (1 + (n - 1) rho).

- within = (1 + r) / (1 - r) from the correlation r of neighbours, where r is beyond three standard errors; one is added.
- The squares of the day means against what independent items would give have the expectation D. Some twenty days cannot
  tell D = 1 from 1.5, and nothing between days that are independent and those of an AR(1). So where they hint at day effects
  (`z`, in standard errors, from START to SURE), D moves from 1 to its upper 90 % limit, tripled: days are then taken as an
  AR(1) with coefficient 0.5, whose sums spread by (1 + 0.5) / (1 - 0.5) as far. In simulations this keeps the budget of
  alarms with day effects of 0.02 to 0.04 of the scale, and costs independent items a few percent of delay.
- With fewer than LEAST_DAYS days nothing is taken on trust: the upper limit at once, and with one day alone a day is one item.
- After the reference days go on teaching, by differences three days apart (a change of level is in three of them alone,
  each of them cut), and a week late, so that a change is noticed before it passes for a day effect.

Source: design effect of clusters, Kish 1965; von Neumann 1941 (differences). The weights were chosen by simulation.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from judgecli.arrays import Floats

LEAST_DAYS = 11
PLAUSIBLE = 0.05  # share of the variance of items that lies between days, beyond which days must show it
LIMIT = 0.10  # that the true spread of days is larger
SERIAL = 3.0  # (1 + 0.5) / (1 - 0.5)
START, SURE = 0.3, 2.0  # standard errors of the spread of days
NEIGHBOURS = 3.0  # standard errors of the correlation of neighbours
LAG, APART = 7, 3  # days
KEPT = 2 / 3  # of a degree of freedom that a difference is worth
MOST = 6.0  # times its expectation, that one difference may count


@dataclass
class DayEffects:
    """What is known of one chart: `squares` over `df` is the spread of days beside that of independent items; `items` a day in the reference.

    `excess` is the kurtosis that the sum of a day has beyond a normal one, `recent` the mean and the items of the newest days.
    """

    within: float = 1.0
    items: float = 1.0
    excess: float = 0.0
    squares: float = 0.0
    df: float = 0.0
    recent: list[list[float]] = field(default_factory=list)

    @property
    def is_known(self) -> bool:
        """Whether enough days were seen to learn from."""
        return self.df >= LEAST_DAYS - 1

    @property
    def ratio(self) -> float:
        """The spread of days beside that of independent items, or of neighbours as these are; 1 where there is one day alone."""
        return self.squares / self.df / self.within if self.df > 0 else 1.0

    @property
    def z(self) -> float:
        """How many standard errors the spread of days is above that of independent items."""
        return float((self.ratio - 1) / np.sqrt((2 + self.excess) / max(self.df, 1.0)))

    def effect(self, n: float, hint: float = 0.0) -> float:
        """D for a day with n items, at least 1; `hint` is added to z: what other charts say of days."""
        from scipy.special import gammaincinv

        if self.df <= 0:
            return max(1.0, self.within * n)
        upper = self.ratio * self.df / (2 * float(gammaincinv(self.df / 2, LIMIT)))
        upper = max(self.ratio, min(upper, 1 + (self.items - 1) * PLAUSIBLE))
        weight = min(max((self.z + hint - START) / (SURE - START), 0.0), 1.0) ** 2 if self.is_known else 1.0
        extra = weight * max(upper - 1, 0.0) * SERIAL
        common = min(extra / (self.items - 1), SERIAL) if self.items > 1 else 0.0
        return max(1.0, self.within * (1 + max(n - 1, 0.0) * common))

    def learn(self, mean: float, n: int, sd: float) -> None:
        """Take in a day after the reference: the mean of its n items, whose sd is that of the reference."""
        if sd <= 0 or self.items <= 1:
            return
        self.recent.append([mean, float(n)])
        if len(self.recent) > LAG + APART:
            (first, few), (second, many) = self.recent[0], self.recent[APART]
            square = (first - second) ** 2 / (sd**2 * (1 / few + 1 / many))
            expected = max(self.squares / self.df, 1.0) if self.df > 0 else 1.0
            self.squares += KEPT * min(square, MOST * expected)
            self.df += KEPT
            self.recent.pop(0)


def learn_reference(means: Floats, counts: Floats, fitted: Floats, sd: float, kurtosis: float, runs: Sequence[Floats], *, groups: int = 1) -> DayEffects:
    """What a reference teaches: the mean and number of items of each day, and what is expected of it (`fitted`, from so many groups of weekdays).

    `sd` and `kurtosis` (beyond 3) are those of the items, `runs` stretches of items in order.
    """
    items = float(counts.mean())
    if sd <= 0:
        return DayEffects(items=items, df=float(len(means) - groups), squares=float(len(means) - groups))
    squares = float((counts * (means - fitted) ** 2).sum()) / sd**2
    return DayEffects(_neighbours(runs), items, max(kurtosis, 0.0) / items, squares, float(max(len(means) - groups, 0)))


def _neighbours(runs: Sequence[Floats]) -> float:
    """(1 + r) / (1 - r) of neighbours in runs of items; 1 where r is not clearly above 0."""
    items = np.concatenate(runs) if runs else np.zeros(0)
    centred = items - items.mean() if len(items) else items
    whole = float((centred**2).sum())
    if len(items) < 2 or whole <= 0:
        return 1.0
    error = len(items) ** -0.5
    r = float((centred[1:] * centred[:-1]).sum()) / whole
    r = min(r + error, 0.95) if r > NEIGHBOURS * error else 0.0
    return (1 + r) / (1 - r)


def weekday_means(days: npt.NDArray[np.int64], means: Floats, counts: Floats) -> tuple[Floats, int]:
    """What the seven weekdays (Monday first) differ by from the mean of all, and into how many groups they fall: 1, 2 or 7.

    Two groups (Saturday and Sunday, and the others) or seven (with three weeks) where the days themselves vouch for it (F test,
    1 %): else nothing. `days` count from 1970-01-01, a Thursday.
    """
    weekday = (days + 3) % 7
    none = np.zeros(7)
    weekend = np.where(np.arange(7) >= 5, 1, 0)
    here = np.bincount(weekday, minlength=7)
    if here[:5].sum() < 5 or here[5:].sum() < 3:
        return none, 1
    groups, within = none.astype(np.int64), _within(np.zeros(len(days), np.int64), means, counts)
    found = 1
    for labels, number in ((weekend, 2), (np.arange(7), 7)):
        if number == 7 and here.min() < 3:
            continue
        rest = _within(labels[weekday], means, counts)
        if _is_less(within, rest, number - found, len(days) - number):
            groups, within, found = labels, rest, number
    if found == 1:
        return none, 1
    weight = np.bincount(groups[weekday], counts, found)
    level = np.bincount(groups[weekday], counts * means, found) / weight
    return level[groups] - float((counts * means).sum() / counts.sum()), found


def _within(labels: npt.NDArray[np.int64], means: Floats, counts: Floats) -> float:
    """The squares of day means about the mean of their group."""
    level = np.bincount(labels, counts * means) / np.maximum(np.bincount(labels, counts), 1e-300)
    return float((counts * (means - level[labels]) ** 2).sum())


def _is_less(before: float, after: float, groups: int, df: int) -> bool:
    from scipy.special import fdtrc

    if df < 1 or before <= after:
        return False
    return after <= 0 or float(fdtrc(groups, df, (before - after) / groups / (after / df))) < 0.01
