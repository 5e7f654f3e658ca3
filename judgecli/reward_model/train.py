"""Train a linear reward model on preferences: choose the penalty by cross-validation over groups, fit, measure, calibrate.

Held out is always by group (groups.py): pairs and verdicts of one prompt, of nearly equal prompts and with equal answers are on one side.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from scipy import sparse

from judgecli.arrays import Floats, Integers
from judgecli.reward_model.features import Embed, FeatureSpec, extract
from judgecli.reward_model.folds import FoldPart, least, split
from judgecli.reward_model.groups import FOLDS, Groups, fold_of, group_rows
from judgecli.reward_model.linear import LinearModel, LinearWeights, Penalty, RewardRows, WeightPosterior, fit, fit_guards, posterior, standardise
from judgecli.reward_model.negatives import KINDS, draw_kinds, make_negative
from judgecli.reward_model.preferences import GoodOrBad, PreferencePair, Preferences
from judgecli.stats import calibration

LEAST_ROWS, LEAST_PROMPTS = 20, 10
LEAST_GROUPS = 10  # among what was held out, below which nothing is measured
MOST_CHOOSING = 2_000  # rows on which the penalty is chosen
FEWER_FOLDS = 3  # of them are held out in turn where there are more rows than that
MOST_FOLDED = 6_000  # rows up to which all folds are held out in turn; beyond, one of them
MOST_NEGATIVES = 2_000
NEGATIVE_WEIGHT = 0.1  # of the weight of all that people said
WANTED = 1.5  # log-odds between an answer and a worthless one
DENSE_PENALTIES = (1_000.0, 300.0, 100.0, 30.0, 10.0, 3.0)
HASHED_PENALTIES = (100.0, 30.0, 10.0, 3.0, 1.0, 0.3)
EMBEDDING_SCALES = (0.0, 1 / 8, 1 / 4, 1 / 2, 1.0, 2.0, 4.0)  # prior sd of all that the embedding says, of all that the other dense features say
SPREAD_LEAST = 0.02  # of a dense feature: one that never varied in training must not explode on its first change
IDF_UNIT = 5.0


@dataclass(frozen=True)
class Recipe:
    """How a model is trained.

    `negatives`: kinds of worthless answers that the guards are trained on (negatives.py), () for none; `members`: models of the ensemble, each beyond the
    first on a bootstrap of groups.
    """

    spec: FeatureSpec = field(default_factory=FeatureSpec)
    negatives: tuple[str, ...] = KINDS
    members: int = 1
    seed: int = 0


@dataclass(frozen=True)
class HeldOut:
    """What the model said of rows it was not fitted to.

    `margins` are log-odds as fitted, `probabilities` those after cross-fitted calibration; `rows` are places among
    comparisons, then verdicts, and `groups` says which of them are not independent (None: each prompt for itself).
    """

    rows: Integers
    margins: Floats
    probabilities: Floats
    groups: Integers | None = None


@dataclass(frozen=True)
class Training:
    """A trained model with what a card says of its training."""

    model: LinearModel
    penalty: Penalty
    pairs: HeldOut
    singles: HeldOut
    groups: Groups  # of comparisons, then verdicts
    folds: Integers
    negatives: int
    slope: float  # what the fitted log-odds were multiplied by, so that they come true
    embedding_scale: float | None = None  # of EMBEDDING_SCALES, 0: it is left out; None without an embedding
    unmeasured: str | None = None  # why nothing was held out, where that is so


def train(preferences: Preferences, recipe: Recipe, *, name: str, embed: Embed | None = None) -> Training:
    """A model from comparisons and verdicts. Deterministic: the same preferences and recipe give the same model.

    First what people said is fitted, then what the guards take off for worthless answers. The held-out margins have the guards of
    all rows taken off, six numbers that were fitted on them. `Comparison.margin` is not used: files do not say in
    which unit it is, and a margin of another unit than log-odds would move the fit by any amount.

    Raises: ValueError where fewer than 20 of them, or fewer than 10 prompts, are there.
    """
    table = _TrainingTable(preferences, recipe, embed)
    rows = table.rows(table.said)
    penalty = _choose(rows, table)
    scale = None
    if recipe.spec.embedded:
        table.embedding_scale = scale = _choose_scale(rows, table, penalty)
        rows = table.rows(table.said)
    held = _hold_out(rows, table, penalty)
    whole = fit(rows, penalty)
    covariance = posterior(rows, whole, penalty)
    guards = _guards(rows, table, held, whole)
    why = cannot_measure(table.grouping)
    measured = np.where(table.grouping.loose | (why is not None), np.nan, held - table.guarded(table.said) @ guards)
    pairs = np.flatnonzero(rows.single == 0)
    margins = measured[pairs]
    known = ~np.isnan(margins)
    pairs_held, pair_map, slope = _calibrated_pairs(rows, table, pairs[known], margins[known])
    singles = np.flatnonzero((rows.single == 1) & ~np.isnan(measured))
    singles_held, single_map, single_slope = _calibrated_singles(rows, table, singles, measured[singles])
    slope = slope if slope is not None else single_slope if single_slope is not None else 1.0
    calibrations = {kind: _rescaled(found, slope) for kind, found in (("pairs", pair_map), ("singles", single_map)) if found is not None}
    weights = [whole, *(fit(_bootstrap(rows, table.groups, recipe.seed + member), penalty, start=whole) for member in range(1, recipe.members))]
    model = table.model(name, weights, covariance, slope * guards, slope, calibrations)
    return Training(
        model,
        penalty,
        pairs_held,
        singles=singles_held,
        groups=table.grouping,
        folds=table.folds,
        negatives=len(table.bad),
        slope=slope,
        embedding_scale=scale,
        unmeasured=why,
    )


class _TrainingTable:
    """The features of every text once, and which of them each row compares."""

    def __init__(self, preferences: Preferences, recipe: Recipe, embed: Embed | None) -> None:
        self.spec, self.embed = recipe.spec, embed
        self.embedding_scale = 1.0
        self._places: dict[tuple[str, str], int] = {}
        said: list[PreferencePair | GoodOrBad] = [*preferences.comparisons, *preferences.verdicts]
        self.grouping = group_rows(said)
        self.groups = self.grouping.numbers
        self.folds = np.array([fold_of(group, recipe.seed) for group in self.groups.tolist()], np.int64)
        _check_enough(len(said), self.grouping.prompts)
        sides = [(self._place(one.prompt, one.chosen), self._place(one.prompt, one.rejected)) for one in preferences.comparisons]
        sides += [(self._place(one.prompt, one.output), -1) for one in preferences.verdicts]
        outputs = len(self._places)
        target = [0.5 if one.tie else 1.0 for one in preferences.comparisons] + [one.value for one in preferences.verdicts]
        weight = [one.weight for one in said]
        self.said = np.array(sides, np.int64)
        bad = [(self._place(prompt, answer), self._place(prompt, worthless)) for prompt, answer, worthless in _negatives(said, recipe)]
        self.bad = np.array(bad, np.int64).reshape(-1, 2)
        self._target, self._weight = np.array(target), np.array(weight, np.float64)
        self._read(outputs)

    def _place(self, prompt: str, text: str) -> int:
        return self._places.setdefault((prompt, text), len(self._places))

    def _read(self, outputs: int) -> None:
        """Extract the features, and scale them by the outputs that people saw."""
        keys = list(self._places)
        parts = list(extract(self.spec, [prompt for prompt, _ in keys], [text for _, text in keys], embed=self.embed))
        dense = np.vstack([part.dense for part in parts])
        self.mean = dense[:outputs].mean(axis=0)
        self.sd = np.maximum(dense[:outputs].std(axis=0), SPREAD_LEAST)
        self.dense = standardise(dense, self.mean, self.sd)
        hashed = sparse.vstack([part.hashed.matrix() for part in parts], format="csr")
        known = np.bincount(hashed[:outputs].indices, minlength=self.spec.buckets)[: self.spec.buckets]
        self.scale = (np.log((1 + outputs) / (1 + known)) + 1) / IDF_UNIT
        hashed.data *= self.scale[hashed.indices]
        self.hashed = hashed
        self.guards = np.vstack([part.guards for part in parts])
        self.outputs = outputs

    @property
    def unit(self) -> Floats:
        """What each dense feature is multiplied by in the fit: 1, and less for those of an embedding, which are many."""
        own = self.dense.shape[1] - self.spec.embedded
        return np.append(np.ones(own), np.full(self.spec.embedded, self.embedding_scale * np.sqrt(own / max(self.spec.embedded, 1))))

    def rows(self, sides: Integers) -> RewardRows:
        """What is fitted: of what people said with its target and weight, of worthless answers that the honest one is better."""
        first, second = sides.T
        single = second < 0
        dense = (self.dense[first] - np.where(single[:, None], 0, self.dense[second])) * self.unit
        pairs = self.hashed[first] - sparse.diags_array((~single).astype(np.float64)) @ self.hashed[np.maximum(second, 0)]
        if sides is self.said:
            target, weight = self._target, self._weight
        else:
            target, weight = np.ones(len(sides)), np.full(len(sides), NEGATIVE_WEIGHT * self._weight.sum() / max(len(sides), 1))
        return RewardRows(dense, sparse.csr_matrix(pairs), target, weight, single.astype(np.float64))

    def guarded(self, sides: Integers) -> Floats:
        """The guards of each row, as its features are: of pairs the difference."""
        first, second = sides.T
        return np.asarray(self.guards[first] - np.where((second < 0)[:, None], 0, self.guards[second]), np.float64)

    def model(
        self,
        name: str,
        weights: Sequence[LinearWeights],
        found: WeightPosterior,
        guards: Floats,
        slope: float,
        calibrations: dict[str, calibration.Calibration],
    ) -> LinearModel:
        """The fit with all scales folded in."""
        seen, hashed = self.dense[: self.outputs], self.hashed[: self.outputs]
        centre = np.asarray(hashed.mean(axis=0)).ravel()
        dense = slope * self.unit * np.array([one.dense for one in weights])
        pushed = slope * np.array([one.hashed for one in weights])
        singles = bool((self.said[:, 1] < 0).any())
        offset = (
            np.array([-slope * one.intercept for one in weights])
            if singles
            else dense @ seen.mean(axis=0) + pushed @ centre - guards @ self.guards[: self.outputs].mean(axis=0)
        )
        correlation = np.cov(seen.T) + 1e-3 * np.eye(seen.shape[1])
        precision = np.asarray(np.linalg.inv(correlation), np.float64)
        distance = np.einsum("ij,jk,ik->i", seen, precision, seen)
        return LinearModel(
            name=name,
            identity="",
            spec=self.spec,
            mean=self.mean,
            sd=self.sd,
            precision=precision,
            dense=dense,
            hashed=pushed * self.scale,
            offset=offset,
            covariance=slope**2 * found.scale * found.dense * np.outer(self.unit, self.unit),
            variances=slope**2 * found.scale * found.hashed * self.scale**2,
            centre=centre / self.scale,
            reach=float(2 * np.quantile(distance, 0.99)),
            calibrations=calibrations,
            guards=guards,
            embed=self.embed,
        )


def _check_enough(rows: int, prompts: int) -> None:
    if rows < LEAST_ROWS or prompts < LEAST_PROMPTS:
        raise ValueError(f"{rows} pairs and verdicts of {prompts} prompts are too few to learn from; {LEAST_ROWS} of {LEAST_PROMPTS} prompts is the least")


def cannot_measure(groups: Groups) -> str | None:
    """Why nothing that is held out could say how good a model is: too few groups are left that share nothing with others. None where it can."""
    measured = len(np.unique(groups.numbers[~groups.loose]))
    if measured >= LEAST_GROUPS:
        return None
    loose = f"; {int(groups.loose.sum()):,} rows share a prompt or an answer with most others" if groups.loose.any() else ""
    made = f"the {groups.prompts:,} prompts make {measured:,} groups of nearly equal prompts and answers, and {LEAST_GROUPS} are needed"
    return f"no part can be held out: {made}{loose}"


def _negatives(said: Sequence[PreferencePair | GoodOrBad], recipe: Recipe) -> list[tuple[str, str, str]]:
    """(prompt, answer, worthless answer): every kind in turn, from answers that people saw and did not reject."""
    usable = [place for place, one in enumerate(said) if isinstance(one, PreferencePair) or one.value >= 0.5]
    if not recipe.negatives or not usable:
        return []
    chance = np.random.default_rng(recipe.seed)
    count = min(2 * len(usable), MOST_NEGATIVES)
    step = max(1, 2 * len(usable) // count)
    made = []
    for turn, kind in enumerate(draw_kinds(recipe.negatives, count)):
        one = said[usable[turn * step % len(usable)]]
        answer = one.output if isinstance(one, GoodOrBad) else one.rejected if turn % 2 else one.chosen
        bad = make_negative(kind, answer, chance)
        if bad is not None and bad != answer:
            made.append((one.prompt, answer, bad))
    return made


def _guards(rows: RewardRows, table: _TrainingTable, held: Floats, whole: LinearWeights) -> Floats:
    """What each guard takes off: so that worthless answers rank below, and held-out rows are predicted no worse than that needs. Zeros without negatives."""
    if not len(table.bad):
        return np.zeros(table.guards.shape[1])
    bad, known = table.rows(table.bad), ~np.isnan(held)
    margins = np.concatenate([held[known], whole.margins(bad)])
    guards = np.concatenate([table.guarded(table.said)[known], table.guarded(table.bad)])
    target, weight = np.concatenate([rows.target[known], bad.target]), np.concatenate([rows.weight[known], bad.weight])
    return fit_guards(margins, guards, target, weight, np.where(np.arange(len(margins)) < known.sum(), 0.0, WANTED))


def _choose(rows: RewardRows, table: _TrainingTable) -> Penalty:
    """The penalties of least held-out log loss on what people said: first of the dense features alone, then of the n-grams, then again of the dense.

    An embedding is left out: how much it says is chosen after it (`_choose_scale`). Each path goes from strong to weak; where there is one group alone, the
    strongest penalties are taken.
    """
    parts = _choosing(_scaled(rows, table, 0.0), table)
    if not parts:
        return Penalty(DENSE_PENALTIES[0], HASHED_PENALTIES[0] if table.spec.buckets else None)

    def best(candidates: Sequence[Penalty], first: tuple[float, Penalty] | None) -> tuple[float, Penalty]:
        return least(((one, parts, one) for one in candidates), first)

    found = best([Penalty(dense, None) for dense in DENSE_PENALTIES], None)
    if not table.spec.buckets:
        return found[1]
    found = best([Penalty(found[1].dense, hashed) for hashed in HASHED_PENALTIES], found)
    return best([replace(found[1], dense=found[1].dense * factor) for factor in (10.0, 3.0)], found)[1]


def _choose_scale(rows: RewardRows, table: _TrainingTable, penalty: Penalty) -> float:
    """How much an embedding may say beside the other features, whose penalty is chosen: the scale of least held-out log loss, 0 where it adds nothing.

    A scale of features is that of the prior on their weights. Source: a ridge for each group of features, van de Wiel et al. 2021, arXiv:2005.09301.
    """
    if not _choosing(rows, table):
        return 0.0
    return least(((scale, _choosing(_scaled(rows, table, scale), table), penalty) for scale in EMBEDDING_SCALES), None)[1]


def _scaled(rows: RewardRows, table: _TrainingTable, scale: float) -> RewardRows:
    """The rows with the features of the embedding, if any, times `scale`; without them where that is 0."""
    own = rows.dense.shape[1] - table.spec.embedded
    return replace(rows, dense=np.hstack([rows.dense[:, :own], scale * rows.dense[:, own:]]) if scale else rows.dense[:, :own])


def _choosing(rows: RewardRows, table: _TrainingTable) -> list[FoldPart]:
    """The folds on which it is chosen, of some groups where there are many."""
    places = _some_groups(table.groups, MOST_CHOOSING)
    return split(rows.take(places), table.folds[places], range(FOLDS if len(places) == len(rows.target) else FEWER_FOLDS))


def _some_groups(groups: Integers, most: int) -> Integers:
    """The rows of so many groups that there are about `most` of them, by the order of the groups' hashes."""
    if len(groups) <= most:
        return np.arange(len(groups))
    _, place, counts = np.unique(groups, return_inverse=True, return_counts=True)
    return np.flatnonzero(place < max(2, int(np.searchsorted(np.cumsum(counts), most))))


def _hold_out(rows: RewardRows, table: _TrainingTable, penalty: Penalty) -> Floats:
    """The margin of each row by a fit to the other folds; NaN where a large set holds out one fold only."""
    found = np.full(len(rows.target), np.nan)
    for part in split(rows, table.folds, range(FOLDS) if len(rows.target) <= MOST_FOLDED else [0]):
        found[part.inside] = fit(part.known, penalty, precise=False).margins(part.asked)
    return found


def _calibrated_pairs(
    rows: RewardRows, table: _TrainingTable, places: Integers, margins: Floats
) -> tuple[HeldOut, calibration.Calibration | None, float | None]:
    """Margins of pairs that were held out, calibrated across folds; the map over all of them; and the slope that makes them log-odds."""
    if not len(places):
        return HeldOut(places, margins, margins), None, None
    both, labels = np.concatenate([margins, -margins]), np.concatenate([rows.target[places], 1 - rows.target[places]])
    weights = np.tile(rows.weight[places] / 2, 2)
    parts = np.tile(_calibration_folds(table.groups[places]), 2)
    method = calibration.choose_method(both, labels, parts, weights, n=len(places))
    probabilities = calibration.cross_fit(both, labels, parts, weights, method=method)[: len(places)]
    slope = calibration.temperature(both, labels, weights)
    return HeldOut(places, margins, probabilities, table.groups[places]), calibration.calibrate(both, labels, weights, method=method), slope


def _calibrated_singles(
    rows: RewardRows, table: _TrainingTable, places: Integers, margins: Floats
) -> tuple[HeldOut, calibration.Calibration | None, float | None]:
    """The same of outputs judged alone, whose map has an intercept."""
    if not len(places):
        return HeldOut(places, margins, margins), None, None
    labels, weights = rows.target[places], rows.weight[places]
    parts = _calibration_folds(table.groups[places])
    method = calibration.choose_method(margins, labels, parts, weights, n=len(places))
    probabilities = calibration.cross_fit(margins, labels, parts, weights, method=method)
    slope = calibration.temperature(margins, labels, weights)
    return HeldOut(places, margins, probabilities, table.groups[places]), calibration.calibrate(margins, labels, weights, method=method), slope


def _calibration_folds(groups: Integers) -> Integers:
    """Folds of the map, by group; not those of the fit, so that a large set with one held-out fold can be calibrated as well."""
    return np.asarray((groups.view(np.uint64) // np.uint64(7)) % np.uint64(FOLDS), np.int64)


def _rescaled(found: calibration.Calibration, slope: float) -> calibration.Calibration:
    """The map for scores that were multiplied by `slope`."""
    parameters = dict(found.parameters)
    if found.method == "isotonic":
        parameters["x"] = [slope * x for x in parameters["x"]]  # type: ignore[union-attr]
    elif "slope" in parameters:
        parameters["slope"] = float(parameters["slope"]) / slope  # type: ignore[arg-type]
    return calibration.Calibration(found.method, parameters)


def _bootstrap(rows: RewardRows, groups: Integers, seed: int) -> RewardRows:
    """The rows with weights as if whole groups had been drawn with replacement."""
    names, place = np.unique(groups, return_inverse=True)
    drawn = np.bincount(np.random.default_rng(seed).integers(len(names), size=len(names)), minlength=len(names))
    return replace(rows, weight=rows.weight * drawn[place])
