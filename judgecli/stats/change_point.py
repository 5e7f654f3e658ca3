"""Since when a mean is another, and by how much: both with their uncertainty, from sums over pieces of a stream.

The items of a stream lie in [0, 1] and had the mean p0, which a reference has estimated. At one of the pieces the mean
became p1 < p0 (a rise is a drop of 1 - x). The likelihood of a piece of n items with sum t under the mean p is that of
n coin flips, t log p + (n - t) log(1 - p), divided by its dispersion: the variance of its sum over that of coin flips.
So rare failures, which come one by one, are weighed as what they are, and items that spread less than coins say more.

The change is as likely at one item as at another, and its size as likely between 0.01 and 0.02 as between 0.1 and 0.2;
what the data leave of that gives the middle and the 95 % interval of both. An alarm looks at the stretch that raised
it; weighing all moments and sizes against each other instead of taking the most extreme takes off most of that bias.

Source: quasi-likelihood, Wedderburn 1974 (Biometrika 61:439); the posterior of a change point, Smith 1975 (Biometrika 62:407).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from judgecli.arrays import Floats

NODES = 9  # of what the mean was before
SIZES = 64  # of the change
SMALLEST = 0.002  # change that is thought of, in units of the scale
LEVEL = 0.95


@dataclass(frozen=True)
class Pieces:
    """A stream in order: of each piece its first moment (microseconds), its items, their sum (also in their own units), and the design effect of its day."""

    moment: npt.NDArray[np.int64]
    count: Floats
    total: Floats
    own: Floats
    effect: Floats


@dataclass(frozen=True)
class ChangePoint:
    """The piece with which the change began (the middle of what may be), the first and last that may be it, and the drop of the mean with its 95 % interval."""

    piece: int
    first: int
    last: int
    size: float
    low: float
    high: float


def locate(pieces: Pieces, mean: float, *, weight: float, dispersion: float) -> ChangePoint:
    """When the mean dropped, and by how much; the last piece must hold an item.

    `mean` is that of the reference and `weight` how many independent coin flips it is worth; `dispersion` is the variance
    of an item over that of a coin flip with the same mean.
    """
    before = _means_before(mean, weight)
    drops = np.exp(np.linspace(np.log(SMALLEST), 0.0, SIZES))[None, :] * before[:, None] ** np.linspace(0, 1, SIZES)[None, :]
    after = np.maximum(before[:, None] - drops, 1e-9)
    scale = 1 / np.maximum(dispersion * pieces.effect, 1e-9)
    count, total = pieces.count * scale, pieces.total * scale
    since_n, since_t = np.cumsum(count[::-1])[::-1], np.cumsum(total[::-1])[::-1]
    gain_t, gain_f = np.log(after) - np.log(before)[:, None], np.log1p(-after) - np.log1p(-before)[:, None]
    whole = since_t[0] * np.log(before) + (since_n[0] - since_t[0]) * np.log1p(-before)
    fit = gain_t[:, :, None] * since_t + gain_f[:, :, None] * (since_n - since_t) + whole[:, None, None]
    odds = np.exp(fit - fit.max()) * pieces.count
    moments = np.cumsum(odds.sum((0, 1)))
    by_size = odds.sum(2).ravel()
    order = np.argsort(drops.ravel())
    sizes = np.cumsum(by_size[order])
    tail = (1 - LEVEL) / 2
    piece, first, last = (int(np.searchsorted(moments, share * moments[-1])) for share in (0.5, tail, 1 - tail))
    middle, low, high = (float(drops.ravel()[order][np.searchsorted(sizes, share * sizes[-1])]) for share in (0.5, tail, 1 - tail))
    return ChangePoint(piece, first, last, middle, low, high)


def _means_before(mean: float, weight: float) -> Floats:
    """Equally likely values of the mean before the change, given the reference (Jeffreys' prior)."""
    from scipy.special import betaincinv

    shares = (np.arange(NODES) + 0.5) / NODES
    found: Floats = betaincinv(mean * weight + 0.5, (1 - mean) * weight + 0.5, shares)
    return np.clip(found, 1e-9, 1 - 1e-9)
