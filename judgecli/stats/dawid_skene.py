"""Dawid and Skene's model: what is true, and how each rater errs, from their answers alone."""

from dataclasses import dataclass

import numpy as np

from judgecli.arrays import Floats, Integers

LEAST_RATERS = 3
LEAST_ITEMS = 200
STEPS = 100
TOLERANCE = 1e-6


@dataclass(frozen=True)
class Consensus:
    """`shares` is N x K: how likely each class is the true one. `method` is dawid-skene, or majority with the cause in `why`.

    `confusion` is R x K x K: of each rater, P(says column | true row); of the majority None.
    """

    shares: Floats
    method: str
    confusion: Floats | None
    why: str | None = None


def dawid_skene(ratings: Integers, classes: int) -> Consensus:
    """The consensus of R raters on N items (N x R codes from 0, -1 where a rater said nothing).

    EM from the majority's answer, one added to every cell of every confusion matrix (Dirichlet(1)), until no share moves by
    1e-6 or 100 steps. The majority is given instead with fewer than 3 raters or 200 items, and where the model
    does not explain the answers on held-out halves better than confusion counted against the majority.
    Source: Dawid & Skene 1979; smoothing as Raykar et al. 2010.
    """
    said = _one_hot(ratings, classes)
    votes = said.sum(axis=1)
    majority = _normalised(np.where(votes == votes.max(axis=1, keepdims=True), 1.0, 0.0) * (votes.sum(axis=1, keepdims=True) > 0))
    if ratings.shape[1] < LEAST_RATERS or len(ratings) < LEAST_ITEMS:
        return Consensus(majority, "majority", None, f"{ratings.shape[1]} raters and {len(ratings)} items; the model needs {LEAST_RATERS} and {LEAST_ITEMS}")
    if _held_out_gain(said, majority) <= 0:
        return Consensus(majority, "majority", None, "the model explains held-out answers no better than the majority does")
    shares, (_, confusion) = _fit(said, majority)
    return Consensus(shares, "dawid-skene", confusion)


def _one_hot(ratings: Integers, classes: int) -> Floats:
    """N x R x K, all zero where a rater said nothing."""
    return np.asarray(ratings[:, :, None] == np.arange(classes)[None, None, :], dtype=float)


def _normalised(shares: Floats) -> Floats:
    total = shares.sum(axis=1, keepdims=True)
    return np.where(total > 0, shares / np.where(total > 0, total, 1.0), 1.0 / shares.shape[1])


def _parameters(said: Floats, shares: Floats) -> tuple[Floats, Floats]:
    """Class shares and confusion matrices of these beliefs, smoothed."""
    prior = shares.sum(axis=0) + 1
    counts = np.einsum("nk,nrl->rkl", shares, said) + 1
    return prior / prior.sum(), counts / counts.sum(axis=2, keepdims=True)


def _log_joint(said: Floats, parameters: tuple[Floats, Floats]) -> Floats:
    prior, confusion = parameters
    return np.asarray(np.log(prior)[None, :] + np.einsum("nrl,rkl->nk", said, np.log(confusion)))


def _fit(said: Floats, shares: Floats) -> tuple[Floats, tuple[Floats, Floats]]:
    for _ in range(STEPS):
        joint = _log_joint(said, _parameters(said, shares))
        after = _normalised(np.exp(joint - joint.max(axis=1, keepdims=True)))
        moved = float(np.abs(after - shares).max())
        shares = after
        if moved < TOLERANCE:
            break
    return shares, _parameters(said, shares)


def _held_out_gain(said: Floats, majority: Floats) -> float:
    """How much better the model explains the answers on items it did not see, in nats, over both halves."""
    gain = 0.0
    half = np.arange(len(said)) % 2
    for side in (0, 1):
        seen, unseen = half == side, half != side
        _, fitted = _fit(said[seen], majority[seen])
        counted = _parameters(said[seen], majority[seen])
        gain += _likelihood(said[unseen], fitted) - _likelihood(said[unseen], counted)
    return gain


def _likelihood(said: Floats, parameters: tuple[Floats, Floats]) -> float:
    joint = _log_joint(said, parameters)
    return float(np.logaddexp.reduce(joint, axis=1).sum())
