"""How good a trained model is on what it was not fitted to: before and after calibration, and beside length.

Thumbs have no pairs, so length is judged on opposed ones: each good answer beside a bad one, whatever was asked.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from judgecli.arrays import Floats, Integers
from judgecli.reward_model.evaluation import Evaluation, evaluate
from judgecli.reward_model.groups import fold_of, group_rows
from judgecli.reward_model.preferences import GoodOrBad, PreferencePair
from judgecli.reward_model.train import HeldOut
from judgecli.stats import calibration

CALIBRATION_SEED = 1  # other folds than those that were held out
METHOD = "temperature"  # an encoder's output has no other map: its scale


@dataclass(frozen=True)
class Sureness:
    """How far off probabilities are: `ece` (bins of equal mass) and `brier`, both 0 at best."""

    ece: float
    brier: float


def held_out_pairs(comparisons: Sequence[PreferencePair], held: HeldOut) -> tuple[Evaluation, Sureness | None]:
    """The evaluation of held-out pairs with calibrated probabilities, and how far off those were as fitted (None without a pair)."""
    kept = [comparisons[place] for place in held.rows]
    nothing = np.zeros(len(kept))
    found = evaluate(kept, held.margins, nothing, groups=held.groups, better=lambda _: held.probabilities)
    before = evaluate(kept, held.margins, nothing, groups=held.groups, better=special.expit)
    return found, None if before.ece is None or before.brier is None else Sureness(before.ece, before.brier)


def sureness(probabilities: Floats, verdicts: Sequence[GoodOrBad]) -> Sureness:
    """How far off probabilities of N answers judged alone are. Raises: ValueError without one."""
    labels, weights = np.array([one.value for one in verdicts]), np.array([one.weight for one in verdicts])
    return Sureness(calibration.ece(probabilities, labels), calibration.brier(probabilities, labels, weights))


def opposed(verdicts: Sequence[GoodOrBad], rewards: Floats, groups: Integers | None = None) -> Evaluation:
    """Good and bad answers judged alone, each used once, as pairs: as many as the rarer kind has, in the order of their texts' hashes.

    The two answers of a pair were given to different prompts, so it has none. Its cluster is the group (`groups`, as group_rows gives them)
    of the good or of the bad answer, whichever side has fewer groups.
    """
    numbers = group_rows(verdicts).clusters if groups is None else groups
    places = sorted(range(len(verdicts)), key=lambda place: _hash(verdicts[place]))
    good, bad = ([place for place in places if (verdicts[place].value - 0.5) * sign > 0] for sign in (1, -1))
    sides = np.array(list(zip(good, bad, strict=False)), np.int64).reshape(-1, 2)
    pairs = [PreferencePair("", verdicts[up].output, verdicts[down].output) for up, down in sides.tolist()]
    clusters = min((numbers[side] for side in sides.T), key=lambda own: len(np.unique(own)))
    return evaluate(pairs, rewards[sides[:, 0]], rewards[sides[:, 1]], groups=clusters)


def _hash(verdict: GoodOrBad) -> bytes:
    return hashlib.blake2b(f"{verdict.prompt}\0{verdict.output}".encode("utf-8", "surrogatepass"), digest_size=8).digest()


def scaled(comparisons: Sequence[PreferencePair], margins: Floats, groups: Integers) -> tuple[HeldOut, float]:
    """Margins of N held-out pairs calibrated by temperature, across groups; and the slope over all of them.

    Raises: ValueError without a pair.
    """
    both = np.concatenate([margins, -margins])
    labels = np.repeat([1.0, 0.0], len(margins))
    weights = np.tile([one.weight / 2 for one in comparisons], 2)
    folds = np.tile(np.array([fold_of(group, CALIBRATION_SEED) for group in groups.tolist()], np.int64), 2)
    probabilities = calibration.cross_fit(both, labels, folds, weights, method=METHOD)[: len(margins)]
    return HeldOut(np.arange(len(margins)), margins, probabilities, groups), calibration.temperature(both, labels, weights)
