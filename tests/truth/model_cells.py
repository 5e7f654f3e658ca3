"""Reward models, corrected means, AUROC, off-policy values and the best arm: worlds whose truth is known."""

import numpy as np
from cell import Cell

from judgecli.reward_model.evaluation import evaluate
from judgecli.reward_model.features import FeatureSpec
from judgecli.reward_model.length import judge_length
from judgecli.reward_model.preferences import PreferencePair, Preferences
from judgecli.reward_model.train import Recipe, train
from judgecli.signal.allocation import Choices, allocate
from judgecli.stats.auc import auc
from judgecli.stats.off_policy import DecisionLog, doubly_robust, ips, snips
from judgecli.stats.ppi import Labelled, Rest, ppi_mean


def _ppi(n: int, rate: float, right_1: float, right_0: float, turns: int = 1):
    """A judge of 0 and 1 that is right so often of good and of bad rows; turns of one conversation share its own rate."""

    def run(rng: np.random.Generator) -> bool | None:
        groups = (n + 2000) // turns
        own = np.full(groups, rate) if turns == 1 else rng.beta(4 * rate, 4 * (1 - rate), groups)
        cluster = np.repeat(np.arange(groups), turns)
        truth = (rng.random(len(cluster)) < own[cluster]).astype(float)
        judged = np.where(truth == 1, rng.random(len(truth)) < right_1, rng.random(len(truth)) > right_0).astype(float)
        known = cluster < n // turns
        first = n // turns
        rest = Rest(np.bincount(cluster[~known] - first, judged[~known]), np.full(groups - first, float(turns)), np.arange(first, groups))
        found = ppi_mean(Labelled(truth[known], judged[known], cluster[known]), rest, scale=(0.0, 1.0))
        return None if found.low is None or found.high is None else found.low <= rate <= found.high

    return run


def _scores(kind: str, rng: np.random.Generator, up: int, down: int) -> tuple[np.ndarray, np.ndarray]:
    if kind == "normal":
        return rng.normal(1.0, 1, up), rng.normal(size=down)
    if kind == "far apart":
        return rng.normal(2.3, 1, up), rng.normal(size=down)
    if kind == "lognormal":
        return np.exp(rng.normal(1.0, 1.5, up)), np.exp(rng.normal(0, 0.5, down))
    return (rng.random(up) < 0.9).astype(float), (rng.random(down) < 0.15).astype(float)


AREAS = {"normal": 0.7602499, "far apart": 0.9480697, "lognormal": 0.7364554, "0 and 1": 0.875}  # Phi(1/sqrt 2), Phi(2.3/sqrt 2), Phi(1/sqrt 2.5), by hand


def _area(kind: str, n: int, share: float):
    def run(rng: np.random.Generator) -> bool | None:
        up = int(rng.binomial(n, share))
        scores = np.concatenate(_scores(kind, rng, up, n - up))
        found = auc(scores, np.arange(n) < up, np.arange(n))
        return None if found is None or found.low is None or found.high is None else found.low <= AREAS[kind] <= found.high

    return run


def _policy(estimator, share: float, chance: float, n: int = 400):
    """The target takes arm 1 always. In `share` of the contexts the log took it with this chance only, elsewhere with one half; rewards are rates."""

    def run(rng: np.random.Generator) -> bool | None:
        rare = rng.random(n) < share
        p = np.where(rare, chance, 0.5)
        taken = rng.random(n) < p
        mean = np.where(rare, 0.9, 0.5)
        reward = (rng.random(n) < np.where(taken, mean, mean - 0.2)).astype(float)
        weights = np.zeros(n)
        weights[taken] = 1 / p[taken]
        found = estimator(DecisionLog(reward, weights, np.arange(n), np.where(taken, mean, mean - 0.2), mean))
        truth = 0.9 * share + 0.5 * (1 - share)
        return None if found.low is None or found.high is None else found.low <= truth <= found.high

    return run


def _spoken(share: float, n: int):
    """Whether an interval is given though so many of the target's choices were never logged."""
    played = _policy(ips, share, 0.0, n)
    return lambda rng: played(rng) is not None


def _heavy(kind: str, rng: np.random.Generator, n: int) -> np.ndarray:
    if kind == "lognormal 1.5":
        return np.exp(1.5 * rng.normal(size=n) - 1.125)
    if kind == "Pareto 1.5":
        return (rng.pareto(1.5, n) + 1) / 3
    return 1 + 0.5 * rng.normal(size=n)


def _best(one: str, other: str, n: int):
    """Whether the arm that is best with 95 % and more is the best; the difference of means is drawn anew each time."""

    def run(rng: np.random.Generator) -> bool | None:
        ahead = 0.6 * rng.normal()
        values = np.concatenate([_heavy(one, rng, n) + ahead, _heavy(other, rng, n)])
        arms = Choices(["one", "other"], np.repeat([0, 1], n), values, np.arange(2 * n), np.zeros(2 * n, np.int64))
        found = allocate(arms, kind="number", scale=(None, None), higher_is_better=True)["variants"]
        sure = [place for place, row in enumerate(found) if row["p_best"] is not None and row["p_best"] >= 0.95]
        return None if not sure else (sure[0] == 0) == (ahead > 0)

    return run


def _length(knows: float, follows: float, biased: float, n: int, wrong: tuple[str, ...]):
    """Whether a verdict is a wrong one: rewards know what people prefer so far, and follow length so far; people like long answers by `biased`."""

    def run(rng: np.random.Generator) -> bool:
        sizes = np.exp(rng.normal(5, 0.6, (2, n))).astype(int) + 1
        ratio, better = np.log(sizes[0] / sizes[1]), rng.normal(size=n)
        first = better + biased * ratio + 0.3 * rng.normal(size=n) > 0
        margins = (knows * better + follows * ratio + 0.5 * rng.normal(size=n)) * np.where(first, 1, -1)
        chosen, rejected = np.where(first, sizes, sizes[::-1])
        pairs = [PreferencePair("", "a" * up, "b" * down) for up, down in zip(chosen, rejected, strict=True)]
        return judge_length(pairs, margins, np.ones(n), np.arange(n)).verdict in wrong

    return run


FIRST, SECOND = ("ba", "ke", "li", "mo", "nu"), ("ra", "ne", "ti", "lo")
WORDS = [f"{first}{second}" for first in FIRST for second in SECOND]


def _copies(same_prompt: bool):
    """Whether the interval of the held-out accuracy lies around a half: 40 pairs, ten times each under another id (or prompt), and nothing to learn."""

    def run(rng: np.random.Generator) -> bool | None:
        def text(words: int) -> str:
            return " ".join(rng.choice(WORDS, words))

        pairs = []
        for _ in range(40):
            prompt, chosen, rejected = f"please {text(8)}", text(40), text(40)
            pairs += [PreferencePair(f"{prompt if same_prompt else text(9)} order {rng.integers(10**6)}", chosen, rejected) for _ in range(10)]
        spec = FeatureSpec(bits=8)
        trained = train(Preferences(pairs), Recipe(spec=spec, negatives=()), name="x")
        found = evaluate([pairs[place] for place in trained.pairs.rows], trained.pairs.margins, np.zeros(len(trained.pairs.rows)), groups=trained.pairs.groups)
        accuracy = found.accuracy
        return None if accuracy.low is None or accuracy.high is None else accuracy.low <= 0.5 <= accuracy.high

    return run


LITTLE = ("mostly_length", "length_only", "nothing")

CELLS = [
    *(
        Cell("a corrected mean covers the truth", f"PPI++, rate {rate}, {n} labels, right of good {up}, of bad {down}", _ppi(n, rate, up, down), at_least=0.92)
        for rate, n, up, down in ((0.95, 100, 0.95, 0.9), (0.95, 20, 0.8, 0.8), (0.98, 200, 0.98, 0.5), (0.5, 50, 0.95, 0.9), (0.03, 60, 0.8, 0.9))
    ),
    *(
        Cell("a corrected mean covers the truth", f"PPI++, rate {rate}, {n} labels in conversations of 5", _ppi(n, rate, 0.9, 0.8, 5), at_least=0.92)
        for rate, n in ((0.95, 100), (0.98, 200), (0.5, 200))
    ),
    *(
        Cell("an AUROC covers the truth", f"{kind} scores, n = {n}, {share:.0%} positive", _area(kind, n, share), at_least=0.92, of="answered")
        for kind in AREAS
        for n, share in ((20, 0.5), (30, 0.3), (50, 0.2), (100, 0.1))
    ),
    *(
        Cell("a value of another policy covers the truth", f"{estimator.__name__}, {world}", _policy(estimator, *where), at_least=0.92, of="answered")
        for estimator in (ips, snips, doubly_robust)
        for world, where in (("all choices logged", (0.3, 0.3)), ("a fifth of them seldom", (0.2, 0.1)))
    ),
    *(
        Cell("IPS without support has no interval", f"{share:.0%} of choices never logged, n = {n}", _spoken(share, n), at_most=0.05)
        for share, n in ((0.3, 400), (0.15, 1000), (0.1, 2000))
    ),
    *(
        Cell("P(best) of 95 % and more is right", f"{one} against {other}, n = {n}", _best(one, other, n), at_least=0.92, of="answered", short=60)
        for one, other in (("lognormal 1.5", "normal"), ("Pareto 1.5", "normal"), ("normal", "normal"))
        for n in (20, 100)
    ),
    *(
        Cell(
            "held out, a model of nothing but copies is a coin",
            f"40 pairs ten times each, {'prompts differ by an id' if same else 'every prompt another'}",
            _copies(same),
            at_least=0.92,
            short=3,
            long=60,
        )
        for same in (True, False)
    ),
    *(
        Cell("a model that knows more is not said to know length", f"accuracy {right}, n = {n}", _length(*how, n, LITTLE), at_most=0.05, short=100)
        for right, how in (("0.83", (1.0, 0.0, 0.0)), ("0.70", (0.4, 0.0, 0.0)), ("0.77, longer wins 0.64", (0.5, 0.5, 0.6)))
        for n in (30, 60, 150)
    ),
    *(
        Cell("a model of length is not said to know more", f"with noise, n = {n}", _length(0.0, 1.0, 0.6, n, ("beyond_length",)), at_most=0.05, short=100)
        for n in (30, 60, 150, 500)
    ),
]
