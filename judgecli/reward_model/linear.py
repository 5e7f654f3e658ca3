"""Bradley-Terry on differences of features: the fit, its posterior, and the rewards of a fitted model.

P(a is better than b) = expit(r(a) - r(b)) with r(x) = w . features(x); P(an output judged alone is good) = expit(r(x)).
Both are rows of one logistic regression. There is no intercept for pairs, so both orders of a pair say the same.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy import linalg, optimize, sparse, special

from judgecli.arrays import Bools, Floats
from judgecli.reward_model.features import Embed, Features, FeatureSpec, extract
from judgecli.reward_model.guards import NAMES as GUARDS
from judgecli.reward_model.model import Rewards
from judgecli.stats.calibration import Calibration

CLIP = 10.0  # standard deviations: beyond, a dense feature says no more
SAMPLE = 1_200  # rows on which the posterior is compared with the exact one
LEAST_TAKEN, MOST_TAKEN = 0.05, 20.0  # log-odds that a guard takes off
EXACT = 300  # rows whose exact variance is taken


@dataclass(frozen=True)
class RewardRows:
    """The rows of a logistic regression: of pairs the difference of features, of single outputs the features.

    `dense` n x d, `hashed` n x p, both scaled; `target` in [0, 1]; `weight` >= 0; `single` is 1 for an
    output judged alone (it has the intercept), else 0.
    """

    dense: Floats
    hashed: sparse.csr_matrix
    target: Floats
    weight: Floats
    single: Floats

    def take(self, places: npt.NDArray[np.integer] | Bools) -> "RewardRows":
        """Some of the rows."""
        return RewardRows(self.dense[places], self.hashed[places], self.target[places], self.weight[places], self.single[places])


@dataclass(frozen=True)
class Penalty:
    """L2 on the weights of dense and of hashed features: the precision of a normal prior around 0. `hashed` None leaves them out."""

    dense: float
    hashed: float | None


@dataclass(frozen=True)
class LinearWeights:
    """A fit: `dense` d, `hashed` p, and the intercept of single outputs."""

    dense: Floats
    hashed: Floats
    intercept: float

    def margins(self, rows: RewardRows) -> Floats:
        """The log-odds of each row."""
        return np.asarray(rows.dense @ self.dense + rows.hashed @ self.hashed + self.intercept * rows.single, np.float64)


def fit(rows: RewardRows, penalty: Penalty, *, start: LinearWeights | None = None, precise: bool = True) -> LinearWeights:
    """The weights of greatest posterior probability, by L-BFGS. Deterministic.

    Loss: sum of weight * (log(1 + exp(z)) - target * z) + penalty / 2 * |w|^2; the intercept has next to no penalty.
    The search goes in coordinates in which the loss is about as curved in every direction (the Hessian at 0: its dense block
    and the diagonal of its hashed one), which takes a few dozen steps where plain weights take hundreds.
    Source: Bradley & Terry 1952; Liu & Nocedal 1989.
    """
    d, size = rows.dense.shape[1], rows.hashed.shape[1]
    used = np.flatnonzero(np.bincount(rows.hashed.indices, minlength=size)) if penalty.hashed is not None else np.zeros(0, np.int64)
    hashed = _columns(rows.hashed, used)
    inner = np.column_stack([rows.dense, rows.single])
    ridge = np.append(np.full(d, penalty.dense), 1e-6)
    root = linalg.cholesky(inner.T @ (rows.weight[:, None] / 4 * inner) + np.diag(ridge + 1e-9), lower=False)
    back = linalg.solve_triangular(root, np.eye(d + 1))  # from the coordinates of the search to weights
    wide = 1 / np.sqrt(_squared(hashed).T @ rows.weight / 4 + (penalty.hashed or 0.0))

    def loss(theta: Floats) -> tuple[float, Floats]:
        own, pushed = back @ theta[: d + 1], wide * theta[d + 1 :]
        z = inner @ own + hashed @ pushed
        value = float(rows.weight @ (np.logaddexp(0, z) - rows.target * z) + 0.5 * (ridge * own) @ own + 0.5 * (penalty.hashed or 0.0) * pushed @ pushed)
        slope = rows.weight * (special.expit(z) - rows.target)
        return value, np.concatenate([back.T @ (inner.T @ slope + ridge * own), wide * (hashed.T @ slope + (penalty.hashed or 0.0) * pushed)])

    first = np.zeros(d + 1 + len(used))
    if start is not None:
        first = np.concatenate([root @ np.append(start.dense, start.intercept), start.hashed[used] / wide])
    options = {"gtol": 1e-3 if precise else 3e-2, "ftol": 1e-9 if precise else 1e-6, "maxiter": 1000 if precise else 60}
    found = optimize.minimize(loss, first, jac=True, method="L-BFGS-B", options=options).x
    own, whole = back @ found[: d + 1], np.zeros(size)
    whole[used] = wide * found[d + 1 :]
    return LinearWeights(own[:d], whole, float(own[d]))


def _columns(hashed: sparse.csr_matrix, used: npt.NDArray[np.int64]) -> sparse.csr_matrix:
    """Only these columns, which are all that hold anything, or none."""
    if not len(used):
        return sparse.csr_matrix((hashed.shape[0], 0))
    place = np.zeros(hashed.shape[1], np.int32)
    place[used] = np.arange(len(used), dtype=np.int32)
    return sparse.csr_matrix((hashed.data, place[hashed.indices], hashed.indptr), shape=(hashed.shape[0], len(used)))


def _squared(hashed: sparse.csr_matrix) -> sparse.csr_matrix:
    """Each entry squared."""
    return sparse.csr_matrix((hashed.data**2, hashed.indices, hashed.indptr), shape=hashed.shape)


def fit_guards(margins: Floats, guards: Floats, target: Floats, weight: Floats, wanted: Floats) -> Floats:
    """What each of g guards takes off a reward, in [0, MOST_TAKEN], with all that was learnt from preferences left as it is.

    Of N rows: `margins` by the fit, `guards` N x g as differences of the two sides, `target` in [0, 1], `weight`, and the
    `wanted` margin of a worthless answer (0 for what people compared). Loss: sum of weight * cross-entropy at
    margins - guards @ w - wanted, plus |w|^2 / 2 / 100.
    """

    def loss(taken: Floats) -> tuple[float, Floats]:
        z = margins - guards @ taken - wanted
        value = float(weight @ (np.logaddexp(0, z) - target * z) + 0.005 * taken @ taken)
        return value, -guards.T @ (weight * (special.expit(z) - target)) + 0.01 * taken

    size = guards.shape[1]
    found = optimize.minimize(loss, np.full(size, LEAST_TAKEN), jac=True, method="L-BFGS-B", bounds=[(LEAST_TAKEN, MOST_TAKEN)] * size)
    return np.asarray(found.x, np.float64)


@dataclass(frozen=True)
class WeightPosterior:
    """Laplace's normal approximation around the fit, without covariance between the dense block and single n-grams.

    `dense` d x d covariance; `hashed` p variances; both times `scale`, which makes the mean variance of rows
    that were left out equal to that of the exact posterior (dual form) on up to `SAMPLE` rows.
    """

    dense: Floats
    hashed: Floats
    scale: float


def posterior(rows: RewardRows, weights: LinearWeights, penalty: Penalty) -> WeightPosterior:
    """The posterior of a fit. Source: MacKay 1992; var of a difference d is d' H^-1 d."""
    found = _blocks(rows, weights, penalty)
    if penalty.hashed is None or len(rows.target) < 20:
        return found
    places = np.unique(np.linspace(0, len(rows.target) - 1, min(len(rows.target), SAMPLE + EXACT)).astype(np.int64))
    asked = places[:: max(2, len(places) // EXACT)]
    kept = rows.take(np.setdiff1d(places, asked))
    exact = exact_variance(kept, weights, penalty, rows.take(asked))
    ours = variance(_blocks(kept, weights, penalty), rows.dense[asked], rows.hashed[asked])
    return WeightPosterior(found.dense, found.hashed, float(exact.mean() / ours.mean()))


def _blocks(rows: RewardRows, weights: LinearWeights, penalty: Penalty) -> WeightPosterior:
    certain = _curvature(rows, weights)
    hessian = rows.dense.T @ (certain[:, None] * rows.dense) + penalty.dense * np.eye(rows.dense.shape[1])
    if penalty.hashed is None:
        return WeightPosterior(linalg.inv(hessian), np.zeros(rows.hashed.shape[1]), 1.0)
    squares = _squared(rows.hashed).T @ certain
    return WeightPosterior(linalg.inv(hessian), 1 / (penalty.hashed + squares), 1.0)


def _curvature(rows: RewardRows, weights: LinearWeights) -> Floats:
    p = special.expit(weights.margins(rows))
    return np.asarray(rows.weight * p * (1 - p), np.float64)


def variance(found: WeightPosterior, dense: Floats, hashed: sparse.csr_matrix) -> Floats:
    """x' C x of each row."""
    return np.asarray(found.scale * (np.einsum("ij,jk,ik->i", dense, found.dense, dense) + _squared(hashed) @ found.hashed), np.float64)


def exact_variance(rows: RewardRows, weights: LinearWeights, penalty: Penalty, asked: RewardRows) -> Floats:
    """x' H^-1 x of each asked row with the full H, by the matrix identity of Woodbury: an n x n system in place of p x p."""
    certain = np.maximum(_curvature(rows, weights), 1e-12)

    def kernel(left: RewardRows, right: RewardRows) -> Floats:
        found = left.dense @ right.dense.T / penalty.dense
        return found if penalty.hashed is None else found + (left.hashed @ right.hashed.T).toarray() / penalty.hashed

    gram = kernel(rows, rows)
    gram[np.diag_indices_from(gram)] += 1 / certain
    cross = kernel(rows, asked)
    own = (asked.dense**2).sum(axis=1) / penalty.dense
    if penalty.hashed is not None:
        own = own + np.asarray(_squared(asked.hashed).sum(axis=1)).ravel() / penalty.hashed
    return np.asarray(own - np.einsum("ij,ij->j", cross, linalg.solve(gram, cross, assume_a="pos")), np.float64)


@dataclass(frozen=True)
class LinearModel:
    """A trained linear model. All that hashed features were scaled by is folded into its tensors.

    `mean`, `sd`, `precision`: of the dense features in training, and the inverse of their correlation;
    `dense` K x d and `hashed` K x p: the weights of K members; `offset` K: what is taken off, so that 0 is an
    average training output (or, learnt from outputs judged alone, one as likely good as bad);
    `covariance` d x d, `variances` p and `centre` p: the posterior, around the average output; `reach`: the largest
    squared Mahalanobis distance that counts as inside; `guards`: what each of guards.NAMES takes off a reward, at least 0;
    `calibrations`: "pairs" (margin -> P(better)), "singles" (reward -> P(good)).
    """

    name: str
    identity: str
    spec: FeatureSpec
    mean: Floats
    sd: Floats
    precision: Floats
    dense: Floats
    hashed: Floats
    offset: Floats
    covariance: Floats
    variances: Floats
    centre: Floats
    reach: float
    calibrations: Mapping[str, Calibration]
    guards: Floats = field(default_factory=lambda: np.zeros(len(GUARDS)))
    embed: Embed | None = None

    def rewards(self, inputs: Sequence[str | None], outputs: Sequence[str]) -> Rewards:
        """The rewards of outputs given as answers to inputs; see model.py. `sd` is that of the posterior and of the members together."""
        members, variances, outside = self._scored(inputs, outputs)
        return Rewards(members.mean(axis=0), np.sqrt(variances + members.var(axis=0)), outside)

    def members(self, inputs: Sequence[str | None], outputs: Sequence[str]) -> Floats:
        """The reward by each of the K members, K x N: their least is the worst case."""
        return self._scored(inputs, outputs)[0]

    def better(self, margins: Floats) -> Floats:
        """Calibrated P(better) of N differences of rewards."""
        found = self.calibrations.get("pairs")
        return np.asarray(special.expit(margins), np.float64) if found is None else found.predict(margins)

    def good(self, rewards: Floats) -> Floats | None:
        """Calibrated P(good) of N rewards; None where the model was not trained on outputs judged alone."""
        found = self.calibrations.get("singles")
        return None if found is None else found.predict(rewards)

    def _scored(self, inputs: Sequence[str | None], outputs: Sequence[str]) -> tuple[Floats, Floats, Bools]:
        if not outputs:
            return np.zeros((len(self.offset), 0)), np.zeros(0), np.zeros(0, np.bool_)
        parts = [self._score_part(part) for part in extract(self.spec, inputs, outputs, embed=self.embed)]
        return np.hstack([part[0] for part in parts]), np.concatenate([part[1] for part in parts]), np.concatenate([part[2] for part in parts])

    def _score_part(self, features: Features) -> tuple[Floats, Floats, Bools]:
        dense = standardise(features.dense, self.mean, self.sd)
        members = np.einsum("kj,ij->ki", self.dense, dense) + np.array([features.hashed.sums(one) for one in self.hashed])
        members = members - self.offset[:, None] - np.einsum("ij,j->i", features.guards, self.guards)
        pushed, least = self._around
        spread = features.hashed.squares(self.variances) - 2 * features.hashed.sums(pushed) + least
        variances = _quadratic(dense, self.covariance) + np.maximum(spread, 0)
        return np.asarray(members), np.asarray(variances), np.asarray(_quadratic(dense, self.precision) > self.reach)

    @cached_property
    def _around(self) -> tuple[Floats, float]:
        """What the centre adds to the spread of n-grams: a weight of each bucket, and the sum."""
        return self.variances * self.centre, float(self.variances @ self.centre**2)


def _quadratic(rows: Floats, matrix: Floats) -> Floats:
    """x' M x of each row. Without BLAS: on so few numbers its threads cost more than they save, and rows stay independent to the last bit."""
    return np.asarray(np.einsum("ij,ij->i", np.einsum("ij,jk->ik", rows, matrix), rows), np.float64)


def standardise(dense: Floats, mean: Floats, sd: Floats) -> Floats:
    """Dense features in standard deviations of the training outputs, at most `CLIP` of them."""
    return np.asarray(np.clip((dense - mean) / sd, -CLIP, CLIP), np.float64)
