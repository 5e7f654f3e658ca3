"""The ranking of more than two contestants from comparisons two at a time, with its uncertainty."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

from judgecli.arrays import Floats, Integers

STEPS = 100


@dataclass(frozen=True)
class Ranking:
    """Strengths of K contestants in logits (they sum to 0), with standard errors and limits; and `covariance`, K x K."""

    strength: Floats
    se: Floats
    low: Floats
    high: Floats
    covariance: Floats


def bradley_terry(first: Integers, second: Integers, outcome: Floats, clusters: Integers, contestants: int, *, level: float = 0.95) -> Ranking | None:
    """Bradley-Terry strengths: P(i beats j) = logistic(s_i - s_j), by maximum likelihood.

    Columns, one row a comparison: numbers of the two contestants, what the first got (1 won, 0 lost, 0.5 a
    tie: half a win for each), and the cluster (prompt or conversation) it belongs to. The covariance is the
    cluster sandwich with the CR1 factor, t quantile with G - 1 degrees of freedom, so that all comparisons
    on one prompt count as one unit; it also makes up for half wins, whose variance is less than a coin's.
    None where no finite estimate exists: someone always wins, or never meets the rest (Ford 1957), or there
    are fewer than two clusters.
    Source: Bradley & Terry 1952; Hunter 2004; ties as half wins (Davidson's 1970 model adds a parameter
    for ties; with balanced meetings both rank alike).

    >>> found = bradley_terry(np.array([0, 0, 0, 0]), np.array([1, 1, 1, 1]), np.array([1.0, 1, 1, 0]), np.arange(4), 2)
    >>> [round(float(s), 6) for s in found.strength]  # ln 3 apart
    [0.549306, -0.549306]
    """
    wins = np.zeros((contestants, contestants))
    np.add.at(wins, (first, second), outcome)
    np.add.at(wins, (second, first), 1 - outcome)
    codes, cluster = np.unique(clusters, return_inverse=True)
    if len(codes) < 2 or not _all_connected(wins > 0):
        return None
    met = wins + wins.T
    strength = _maximise(wins, met)
    chance = special.expit(strength[:, None] - strength[None, :])
    inverse = np.linalg.pinv(_information(met, chance))
    surprise = outcome - chance[first, second]
    scores = np.zeros((len(codes), contestants))
    np.add.at(scores, (cluster, first), surprise)
    np.add.at(scores, (cluster, second), -surprise)
    covariance = inverse @ (scores.T @ scores) @ inverse * len(codes) / (len(codes) - 1)
    se = np.sqrt(np.maximum(np.diag(covariance), 0.0))
    half = float(special.stdtrit(len(codes) - 1, 0.5 + level / 2)) * se
    return Ranking(strength, se, strength - half, strength + half, covariance)


def _maximise(wins: Floats, met: Floats) -> Floats:
    """Newton's method on a concave likelihood, each step halved until it climbs."""
    strength = np.zeros(len(wins))
    height = _likelihood(wins, strength)
    for _ in range(STEPS):
        chance = special.expit(strength[:, None] - strength[None, :])
        gradient = (wins - met * chance).sum(axis=1)
        step = np.linalg.pinv(_information(met, chance)) @ gradient
        while _likelihood(wins, strength + step) < height - 1e-12 * abs(height) and np.abs(step).max() > 1e-12:
            step = step / 2
        strength = strength + step
        strength = strength - strength.mean()
        height = _likelihood(wins, strength)
        if np.abs(step).max() < 1e-10:
            break
    return strength


def _likelihood(wins: Floats, strength: Floats) -> float:
    return float((wins * special.log_expit(strength[:, None] - strength[None, :])).sum())


def _information(met: Floats, chance: Floats) -> Floats:
    weight = met * chance * (1 - chance)
    found: Floats = np.diag(weight.sum(axis=1)) - weight
    return found


def _all_connected(beats: npt.NDArray[np.bool_]) -> bool:
    """Whether everyone can be reached from everyone by a chain of wins."""
    reach = beats | np.eye(len(beats), dtype=bool)
    for _ in range(len(beats)):
        reach = reach | (reach.astype(int) @ reach.astype(int) > 0)
    return bool(reach.all())
