"""Calibration: a map from scores to probabilities that come true as often as they say, and how far off probabilities are.

Isotonic for 500 labels and more, Platt from 50, temperature below: the fewer labels, the stiffer the map (`method_for`).
A freer map is allowed at n, not owed: `choose_method` takes it only where, cross-fitted, it is not worse than the stiffer ones. Steps
fitted to the held-out scores of a weak model follow noise, and cost calibration on new data.
For pairs give each in both orders (scores d and -d, labels 1 and 0, weight 1/2 each): then the map is symmetric, P(-d) = 1 - P(d).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import optimize, special

from judgecli.arrays import Floats, Integers

ISOTONIC_FROM, PLATT_FROM = 500, 50
METHODS = ("temperature", "platt", "isotonic")  # from stiff to free
BINS = 10
SAME = 9  # digits: p and 1 - (1 - p) are one probability, though the last bits differ
_STEEPEST = 1e3  # of a temperature's slope: what separates without an error has no finite one


@dataclass(frozen=True)
class Calibration:
    """A fitted map. `method` is isotonic, platt, temperature or none; `parameters` are numbers and lists of numbers (what a card stores)."""

    method: str
    parameters: Mapping[str, float | list[float]]

    def predict(self, scores: Floats) -> Floats:
        """Probabilities in [0, 1] for N scores."""
        if self.method == "isotonic":
            return np.asarray(np.interp(scores, self.parameters["x"], self.parameters["y"]), np.float64)
        slope, intercept = self.parameters.get("slope", 1.0), self.parameters.get("intercept", 0.0)
        return np.asarray(special.expit(float(slope) * scores + float(intercept)), np.float64)  # type: ignore[arg-type]


def method_for(n: int) -> str:
    """The method for n independent labels.

    >>> [method_for(n) for n in (49, 50, 499, 500)]
    ['temperature', 'platt', 'platt', 'isotonic']
    """
    return "isotonic" if n >= ISOTONIC_FROM else "platt" if n >= PLATT_FROM else "temperature"


def choose_method(scores: Floats, labels: Floats, folds: Integers, weights: Floats | None = None, *, n: int) -> str:
    """The method of least cross-fitted log loss among those that n independent labels allow: `method_for(n)` and the stiffer ones.

    Columns as of `cross_fit`. The stiffer wins where they are equal.
    """
    allowed = METHODS[: METHODS.index(method_for(n)) + 1]
    return min(allowed, key=lambda method: round(log_loss(cross_fit(scores, labels, folds, weights, method=method), labels, weights), 9))


def calibrate(scores: Floats, labels: Floats, weights: Floats | None = None, *, method: str) -> Calibration:
    """A map of `method` (isotonic, platt, temperature, none) fitted to N scores and their labels in [0, 1].

    Raises: ValueError on no rows, rows of different length, or an unknown method.
    """
    if not (len(scores) == len(labels) > 0):
        raise ValueError(f"{len(scores)} scores and {len(labels)} labels cannot be calibrated")
    weight = np.ones(len(scores)) if weights is None else weights
    if method == "isotonic":
        x, y = isotonic(*_with_ends(scores, labels, weight))
        return Calibration(method, {"x": x.tolist(), "y": y.tolist()})
    if method == "platt":
        slope, intercept = platt(scores, labels, weight)
        return Calibration(method, {"slope": slope, "intercept": intercept})
    if method == "temperature":
        return Calibration(method, {"slope": temperature(scores, labels, weight)})
    if method == "none":
        return Calibration(method, {})
    raise ValueError(f"there is no calibration '{method}'")


def cross_fit(scores: Floats, labels: Floats, folds: Integers, weights: Floats | None = None, *, method: str) -> Floats:
    """The probability of each row from a map fitted to the rows of the other folds.

    Columns: scores, labels, folds (a small number a row; rows of one cluster share it). A row whose
    other folds hold nothing gets the uncalibrated expit of its score.
    """
    weight = np.ones(len(scores)) if weights is None else weights
    found = special.expit(scores)
    for fold in np.unique(folds):
        inside, outside = folds == fold, folds != fold
        if outside.any():
            found[inside] = calibrate(scores[outside], labels[outside], weight[outside], method=method).predict(scores[inside])
    return np.asarray(found, np.float64)


def isotonic(scores: Floats, labels: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """The non-decreasing step fit of least squares, as the points (x, y) between which to interpolate; outside, the end values hold.

    Pool adjacent violators. Equal scores are pooled first (weighted mean). Source: Ayer et al. 1955; equal to
    scikit-learn's IsotonicRegression(out_of_bounds="clip").

    >>> [values.tolist() for values in isotonic(np.array([1.0, 2, 3]), np.array([0.0, 1, 0]), np.ones(3))]
    [[1.0, 2.0, 3.0], [0.0, 0.5, 0.5]]
    """
    x, place = np.unique(scores, return_inverse=True)
    mass = np.bincount(place, weights)
    x, mass, sums = x[mass > 0], mass[mass > 0], np.bincount(place, weights * labels)[mass > 0]
    level, weight, size = np.empty(len(x)), np.empty(len(x)), np.empty(len(x), np.int64)
    top = -1
    for value, heavy in zip((sums / mass).tolist(), mass.tolist(), strict=True):
        top += 1
        level[top], weight[top], size[top] = value, heavy, 1
        while top > 0 and level[top - 1] >= level[top]:
            both = weight[top - 1] + weight[top]
            level[top - 1] = (level[top - 1] * weight[top - 1] + level[top] * weight[top]) / both
            weight[top - 1], size[top - 1], top = both, size[top - 1] + size[top], top - 1
    y = np.repeat(level[: top + 1], size[: top + 1])
    kept = np.ones(len(x), bool)
    kept[1:-1] = (y[1:-1] != y[:-2]) | (y[1:-1] != y[2:])  # the inside of a step says nothing more
    return x[kept], y[kept]


def _with_ends(scores: Floats, labels: Floats, weights: Floats) -> tuple[Floats, Floats, Floats]:
    """The rows and, at the lowest and at the highest score, one more label of either kind with half a weight: no end step says 0 or 1 for sure (Laplace)."""
    ends = np.repeat([scores.min(), scores.max()], 2)
    return np.append(scores, ends), np.append(labels, [0.0, 1.0, 0.0, 1.0]), np.append(weights, np.full(4, 0.5))


def platt(scores: Floats, labels: Floats, weights: Floats) -> tuple[float, float]:
    """Slope and intercept of P = expit(slope * score + intercept), by maximum likelihood on Platt's smoothed targets.

    A label y becomes y * (P + 1) / (P + 2) + (1 - y) / (N + 2) with P and N the weight of ones and zeros, so that
    separable labels have a finite fit. The slope is at least 0: scores that say the opposite of the labels say nothing, and are
    not turned round. Source: Platt 1999 (whose slope has no bound); Lin, Lin & Weng 2007 (Newton's method).
    """
    wanted = _smoothed(labels, weights)
    spread = float(np.std(scores)) or 1.0
    design = np.column_stack([scores / spread, np.ones(len(scores))])

    def loss(theta: Floats) -> tuple[float, Floats]:
        z = design @ theta
        value = float(weights @ (np.logaddexp(0, z) - wanted * z))
        return value, design.T @ (weights * (special.expit(z) - wanted))

    found = optimize.minimize(loss, np.zeros(2), jac=True, method="BFGS", options={"gtol": 1e-9 * max(1.0, float(weights.sum()))})
    if found.x[0] < 0:
        return 0.0, float(special.logit(np.average(wanted, weights=weights)))
    return float(found.x[0] / spread), float(found.x[1])


def temperature(scores: Floats, labels: Floats, weights: Floats) -> float:
    """The slope > 0 (one over the temperature) of P = expit(slope * score) by maximum likelihood on Platt's smoothed targets.

    Source: Guo et al. 2017, arXiv:1706.04599 (their labels are not smoothed).
    """
    wanted = _smoothed(labels, weights)
    spread = float(np.sqrt(np.mean(scores**2))) or 1.0

    def loss(log_slope: float) -> float:
        z = np.exp(log_slope) / spread * scores
        return float(weights @ (np.logaddexp(0, z) - wanted * z))

    found = optimize.minimize_scalar(loss, bounds=(-np.log(_STEEPEST), np.log(_STEEPEST)), method="bounded", options={"xatol": 1e-9})
    return float(np.exp(found.x) / spread)


def _smoothed(labels: Floats, weights: Floats) -> Floats:
    ones, zeros = float(weights @ labels), float(weights @ (1 - labels))
    return np.asarray(labels * (ones + 1) / (ones + 2) + (1 - labels) / (zeros + 2), np.float64)


def brier(probabilities: Floats, labels: Floats, weights: Floats | None = None) -> float:
    """Mean squared distance of probabilities from labels: 0 is perfect, 0.25 is what 1/2 everywhere gets. Source: Brier 1950."""
    return float(np.average((probabilities - labels) ** 2, weights=weights))


def log_loss(probabilities: Floats, labels: Floats, weights: Floats | None = None) -> float:
    """Mean negative log-likelihood in nats; probabilities are clipped to [1e-12, 1 - 1e-12]."""
    kept = np.clip(probabilities, 1e-12, 1 - 1e-12)
    return float(-np.average(labels * np.log(kept) + (1 - labels) * np.log1p(-kept), weights=weights))


def ece(probabilities: Floats, labels: Floats, *, bins: int = BINS) -> float:
    """Expected calibration error: over bins of equal mass, the mean of |mean probability - mean label|.

    Rows are sorted by probability and cut into `bins` parts of equal size (fewer where there are fewer
    rows); rows of one probability (to nine digits) share their mean label, so the order of rows does not matter.
    Source: Naeini et al. 2015; equal-mass bins after Nixon et al. 2019, arXiv:1904.01685.

    >>> round(ece(np.array([0.2, 0.2, 0.8, 0.8]), np.array([0.0, 0.0, 1.0, 1.0]), bins=2), 6)
    0.2
    """
    levels, place, counts = np.unique(np.round(probabilities, SAME), return_inverse=True, return_counts=True)
    shared = np.bincount(place, labels) / counts
    ordered, hits = np.repeat(levels, counts), np.repeat(shared, counts)
    parts = [part for part in np.array_split(np.arange(len(ordered)), max(1, bins)) if len(part)]
    return float(sum(len(part) * abs(ordered[part].mean() - hits[part].mean()) for part in parts) / len(ordered))


def ece_interval(
    probabilities: Floats, labels: Floats, clusters: Integers, *, seed: int, bins: int = BINS, draws: int = 400, level: float = 0.95
) -> tuple[float, float]:
    """Percentile interval of `ece` when whole clusters are drawn with replacement. ECE is biased upwards at small n, and so is this."""
    _, place = np.unique(clusters, return_inverse=True)
    rows = np.split(np.argsort(place, kind="stable"), np.cumsum(np.bincount(place))[:-1])
    chance = np.random.default_rng(seed)
    found = np.empty(draws)
    for draw in range(draws):
        chosen = np.concatenate([rows[one] for one in chance.integers(len(rows), size=len(rows))])
        found[draw] = ece(probabilities[chosen], labels[chosen], bins=bins)
    low, high = np.quantile(found, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
