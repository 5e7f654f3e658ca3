"""Folds that are held out in turn, and the candidate that predicts them best."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from scipy import special

from judgecli.arrays import Integers
from judgecli.reward_model.linear import LinearWeights, Penalty, RewardRows, fit
from judgecli.stats import calibration

Option = TypeVar("Option")

RISES = 2  # in a row end a path


@dataclass(frozen=True)
class FoldPart:
    """A fold that is held out: which rows it is, the rows that are fitted, and its own."""

    inside: npt.NDArray[np.bool_]
    known: RewardRows
    asked: RewardRows


def split(rows: RewardRows, folds: Integers, wanted: Sequence[int]) -> list[FoldPart]:
    """The folds among `wanted` that have rows on both sides."""
    sides = [folds == fold for fold in wanted]
    return [FoldPart(inside, rows.take(~inside), rows.take(inside)) for inside in sides if inside.any() and not inside.all()]


def held_out_loss(parts: Sequence[FoldPart], fits: Sequence[LinearWeights]) -> float:
    """The log loss of each fold by the fit to the others."""
    margins = np.concatenate([one.margins(part.asked) for part, one in zip(parts, fits, strict=True)])
    target, weight = (np.concatenate([getattr(part.asked, column) for part in parts]) for column in ("target", "weight"))
    return calibration.log_loss(special.expit(margins), target, weight)


def least(candidates: Iterable[tuple[Option, Sequence[FoldPart], Penalty]], first: tuple[float, Option] | None) -> tuple[float, Option]:
    """The least held-out log loss, and the candidate (its name, its rows, its penalty) that has it.

    Every fit begins where the one before ended, if that had the same features; the path ends where the loss has risen twice.
    """
    losses: list[tuple[float, Option]] = [] if first is None else [first]
    fits: list[LinearWeights] = []
    for choice, parts, penalty in candidates:
        starts: Sequence[LinearWeights | None] = fits if fits and len(fits[0].dense) == parts[0].known.dense.shape[1] else [None] * len(parts)
        fits = [fit(part.known, penalty, start=start, precise=False) for part, start in zip(parts, starts, strict=True)]
        losses.append((held_out_loss(parts, fits), choice))
        if len(losses) > RISES and min(loss for loss, _ in losses[-RISES:]) > min(losses, key=lambda one: one[0])[0]:
            break
    return min(losses, key=lambda one: one[0])
