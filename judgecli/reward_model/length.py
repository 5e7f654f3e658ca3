"""What a reward model knows beyond length: longer and shorter answers as rivals, pairs of like length, and the verdict in words.

The verdict is one of VERDICTS. Each but `undecided` needs an interval (95 %, by groups) that lies where it claims:

1. `undecided`: fewer than 30 pairs, or fewer than 20 groups.
2. The accuracy's interval does not lie above 1/2: `nothing` where it ends below 0.6, else `undecided`.
3. `beyond`'s interval lies above 0, so it knows something that length does not say: `beyond_length` if its accuracy is above that of the better of
   longer-wins and shorter-wins (the interval of `gain` above 0), `mostly_length` if it is not better by five points or more (that interval ends below
   0.05), else `undecided`.
4. Else `length_only` where the interval of `beyond` ends below 0.1 and that of `gain` does not lie above 0, and `undecided` where not.
5. Where `beyond` cannot be computed: `beyond_length` if at least half of the pairs are of like length and the
   accuracy on those lies above 1/2, else `undecided`.

`beyond` compares pairs that lie equally far apart in length (ten strata of the ratio of lengths, fewer where there are fewer than 150 pairs, so that
each holds 15; with less in each the interval is too narrow): how much
more often the model picks the longer answer where that is the better one than where it is the worse one.
A model that always prefers the longer or always the shorter answer has exactly 0 there, one that does so with
noise 0 on average. Pairs are of like length where the shorter answer has at least 80 % of the longer one's characters.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from judgecli.arrays import Floats, Integers
from judgecli.reward_model.preferences import PreferencePair
from judgecli.stats.column import RATE, ColumnFacts
from judgecli.stats.deciding import estimate_mean
from judgecli.stats.intervals import Estimate
from judgecli.stats.stratified import stratified_difference

MATCHED = 0.8  # the shorter of two answers of like length has at least this share of the longer one's characters
STRATA, FEWEST_IN_STRATUM = 10, 15
FEWEST, FEWEST_GROUPS = 30, 20
SMALL = 0.1  # of `beyond`, and of the accuracy above 1/2: less is not worth calling knowledge
LITTLE = 0.05  # of `gain`: less is no better than length

VERDICTS = {
    "undecided": "too few pairs to tell whether it learnt more than length",
    "nothing": "it does not do better than a coin",
    "length_only": "it learnt only length: between answers of like length it knows nothing",
    "mostly_length": "it learnt mostly length: it knows a little more, but does no better than always preferring the {better} answer",
    "beyond_length": "it knows more than length",
}
UNCLEAR = {
    "coin": "too few pairs to tell whether it does better than a coin",
    "gain": "it knows something that length does not say, but the pairs are too few to tell whether it does better than always preferring the {better} answer",
}


@dataclass(frozen=True)
class Length:
    """`longer` and `shorter`: accuracy of always preferring that answer (equal lengths count as wrong). `gain`: the model's minus the better of the two.

    `matched`: accuracy on the `matched_n` pairs of like length, `matched_longer` that of longer-wins there.
    `beyond` is in [-1, 1]. `verdict` is a key of VERDICTS, `told` its sentence, of `undecided` one that says what is open.
    """

    longer: Estimate
    shorter: Estimate
    gain: Estimate
    matched_n: int
    matched: Estimate
    matched_longer: float | None
    beyond: Estimate
    verdict: str
    told: str


def judge_length(pairs: Sequence[PreferencePair], margins: Floats, weights: Floats, clusters: Integers) -> Length:
    """The comparison with length of a model with these margins (reward of the chosen answer minus that of the rejected) on N pairs."""
    chosen, rejected = (np.array([len(text) for text in texts], float) for texts in ([one.chosen for one in pairs], [one.rejected for one in pairs]))
    right, wins, loses = (np.asarray(flags, float) for flags in (margins > 0, chosen > rejected, chosen < rejected))
    longer, shorter = _rate(wins, weights, clusters), _rate(loses, weights, clusters)
    better = "longer" if (longer.mean or 0) >= (shorter.mean or 0) else "shorter"
    gain = estimate_mean(*by_cluster(right - (wins if better == "longer" else loses), weights, clusters), ColumnFacts("number", (-1.0, 1.0)))
    ratio = np.minimum(chosen, rejected) / np.maximum(np.maximum(chosen, rejected), 1)
    like = ratio >= MATCHED
    matched = _rate(right[like], weights[like], clusters[like])
    beyond = _beyond(np.sign(chosen - rejected), np.sign(margins), ratio, clusters)
    accuracy, groups = _rate(right, weights, clusters), len(np.unique(clusters))
    enough = len(pairs) >= FEWEST and groups >= FEWEST_GROUPS
    found = _verdict(len(pairs), accuracy, gain, matched, int(like.sum()), beyond) if enough else "undecided"
    verdict = "undecided" if found in UNCLEAR else found
    told = {**VERDICTS, **UNCLEAR}[found].format(better=better)
    on_like = float(np.average(wins[like], weights=weights[like])) if like.any() else None
    return Length(longer, shorter, gain, matched_n=int(like.sum()), matched=matched, matched_longer=on_like, beyond=beyond, verdict=verdict, told=told)


def _beyond(longer: Floats, preferred: Floats, ratio: Floats, clusters: Integers) -> Estimate:
    """How much more often the longer answer is picked where it is the better one, in strata of the ratio of lengths.

    `longer` and `preferred` are 1 where the chosen answer is the longer and the model's, -1 where the rejected one is, 0 where neither.
    """
    unequal = longer != 0
    if not unequal.any():
        return Estimate(None, None, None, None)
    picked_longer = (longer * preferred + 1)[unequal] / 2
    parts = int(np.clip(unequal.sum() // FEWEST_IN_STRATUM, 1, STRATA))
    edges = np.quantile(ratio[unequal], np.linspace(0, 1, parts + 1)[1:-1])
    strata = np.searchsorted(edges, ratio[unequal], "right").astype(np.int64)
    return stratified_difference(picked_longer, longer[unequal] > 0, strata, clusters[unequal])


def _verdict(n: int, accuracy: Estimate, gain: Estimate, matched: Estimate, matched_n: int, beyond: Estimate) -> str:
    """A key of VERDICTS, or of UNCLEAR."""
    if accuracy.low is None or accuracy.high is None:
        return "undecided"
    if accuracy.low <= 0.5:
        return "nothing" if accuracy.high < 0.5 + SMALL else "coin"
    if beyond.low is None or beyond.high is None:
        return "beyond_length" if 2 * matched_n >= n and matched.low is not None and matched.low > 0.5 else "undecided"
    better = gain.low is not None and gain.low > 0
    if beyond.low > 0:
        return "beyond_length" if better else "mostly_length" if gain.high is not None and gain.high < LITTLE else "gain"
    return "length_only" if beyond.high < SMALL and not better else "undecided"


def _rate(values: Floats, weights: Floats, clusters: Integers) -> Estimate:
    return estimate_mean(*by_cluster(values, weights, clusters), RATE)


def by_cluster(values: Floats, weights: Floats, clusters: Integers) -> tuple[Floats, Floats]:
    """Weighted sums and total weights of clusters, as the intervals of stats/ take them."""
    _, place = np.unique(clusters, return_inverse=True)
    return np.bincount(place, values * weights).astype(float), np.bincount(place, weights).astype(float)
