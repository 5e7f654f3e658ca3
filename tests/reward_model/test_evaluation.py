"""How good a reward model is: by hand, beside length, and with models that are known to know nothing else."""

import math

import numpy as np
import pytest
from harness import DATA
from sklearn.metrics import brier_score_loss

from judgecli.readers.preferences import read_preferences
from judgecli.reward_model.evaluation import available_tags, evaluate
from judgecli.reward_model.preferences import PreferencePair
from judgecli.stats.stratified import stratified_difference


def pairs(*lengths, prompt=None):
    """Pairs of answers of these lengths, no two answers alike."""
    letters = [chr(0x4E00 + place) for place in range(2 * len(lengths))]
    sides = zip(letters[::2], letters[1::2], lengths, strict=True)
    return [PreferencePair(prompt or f"p{number}", one * longer, other * shorter) for number, (one, other, (longer, shorter)) in enumerate(sides)]


def test_accuracy_by_hand():
    found = evaluate(pairs((1, 2), (2, 1), (3, 1), (1, 1)), np.array([1.0, 2, 3, 1]), np.array([0.0, 1, 4, 1]))
    assert (found.n, found.clusters, found.model_ties, found.label_ties) == (4, 4, 1, 0)
    assert found.accuracy.mean == 0.5  # two right, one wrong, one tie, which is not right
    assert (found.length.longer.mean, found.length.shorter.mean) == (0.5, 0.25)
    sure = [1 / (1 + math.exp(-margin)) for margin in (1, 1, -1, 0)]
    assert found.brier == pytest.approx(sum((1 - value) ** 2 for value in sure) / 4)
    assert found.brier == pytest.approx(brier_score_loss([1] * 4, sure, pos_label=1))


def test_ties_of_people_count_nowhere_else():
    made = [*pairs((1, 2), (2, 1)), PreferencePair("t", "x", "y", tie=True)]
    found = evaluate(made, np.array([1.0, 1, 9]), np.array([0.0, 0, 1]))
    assert (found.n, found.label_ties, found.accuracy.mean, found.margin, found.tied_margin) == (2, 1, 1.0, 1.0, 8.0)


def test_pairs_of_a_ranking_weigh_as_one():
    made = [PreferencePair("p", "a", "b", weight=0.25) for _ in range(4)] + [PreferencePair("q", "a", "b")]
    found = evaluate(made, np.array([1.0, 1, 1, 1, 0]), np.zeros(5))
    assert found.accuracy.mean == 0.5


def test_the_interval_goes_by_prompts_and_not_by_pairs():
    """A hundred copies of one pair are one piece of evidence."""
    few = evaluate(pairs((1, 2), (1, 2), (1, 2), (1, 2)), np.array([1.0, 1, 1, -1]), np.zeros(4))
    copied = evaluate([one for one in pairs((1, 2), (1, 2), (1, 2), (1, 2)) for _ in range(100)], np.repeat([1.0, 1, 1, -1], 100), np.zeros(400))
    assert copied.clusters == 4
    assert copied.accuracy.low == pytest.approx(few.accuracy.low, abs=0.02)


def test_pairs_without_prompt_are_clusters_of_their_own():
    made = [PreferencePair("", f"a{number}", f"b{number}", source=f"f:{number}") for number in range(5)]
    assert evaluate(made, np.ones(5), np.zeros(5)).clusters == 5
    assert evaluate([made[0]] * 5, np.ones(5), np.zeros(5)).clusters == 1  # the same two answers


def test_nothing_to_evaluate_has_no_figures():
    found = evaluate([], np.array([]), np.array([]))
    assert (found.n, found.accuracy.mean, found.ece, found.brier, found.margin, found.length.verdict) == (0, None, None, None, None, "undecided")
    assert (found.margins, found.reliability) == ([], [])


def test_lengths_that_differ_are_an_error():
    with pytest.raises(ValueError, match="2 pairs with 1"):
        evaluate(pairs((1, 2), (1, 2)), np.ones(1), np.ones(2))


def test_calibrated_margins_have_little_error_and_overconfident_ones_much():
    rng = np.random.default_rng(1)
    truth = rng.normal(size=5000)
    flips = np.where(rng.random(5000) < 1 / (1 + np.exp(-truth)), 1.0, -1.0)  # P(chosen) is what the margin says
    made = [PreferencePair(str(number), "a", "b") for number in range(5000)]
    good, bad = (evaluate(made, factor * truth * flips, np.zeros(5000)) for factor in (1.0, 5.0))
    assert good.ece < 0.02 < 0.15 < bad.ece
    assert good.brier < bad.brier
    assert all(abs(bar.mean - bar.right) < 0.06 for bar in good.reliability if bar.n > 200)


def test_a_model_that_knows_its_own_probabilities_is_asked_for_them():
    found = evaluate(pairs((1, 2), (2, 1)), np.array([1.0, -1]), np.zeros(2), better=lambda margins: np.where(margins > 0, 0.9, 0.1))
    assert found.brier == pytest.approx((0.1**2 + 0.9**2) / 2)


def test_histogram_and_reliability_hold_every_pair():
    margins = np.random.default_rng(2).standard_cauchy(size=999)
    found = evaluate([PreferencePair(str(number), "a", "b") for number in range(999)], margins, np.zeros(999))
    assert sum(bar.n for bar in found.margins) == sum(bar.n for bar in found.reliability) == 999
    assert found.margins[0].low == -found.margins[-1].high


def test_segments_by_tag():
    made = [PreferencePair(str(number), "a", "bb", tags={"set": "x" if number % 2 else "y"}) for number in range(40)] + [
        PreferencePair("z", "aa", "b", tags={"set": f"rare{number}"}) for number in range(3)
    ]
    margins = np.array([1.0 if number % 2 else -1.0 for number in range(40)] + [1.0] * 3)
    found = evaluate(made, margins, np.zeros(43), by=["set"])
    assert [(one.value, one.n, one.accuracy.mean, one.longer) for one in found.segments] == [("x", 20, 1.0, 0.0), ("y", 20, 0.0, 0.0), ("other", 3, 1.0, 1.0)]
    assert available_tags(made) == {"set": 5}


def test_a_tag_that_most_pairs_lack_is_not_offered():
    made = [PreferencePair("p", "a", "b", tags={"t": str(number)} if number < 3 else {}) for number in range(10)]
    assert available_tags(made) == {}


def test_stratified_difference_by_hand():
    """Two strata: 3/4 against 1/2 (n 4, 2), 1/2 against 0 (n 2, 2); weights 8/6 and 4/4."""
    values = np.array([1.0, 1, 1, 0, 1, 0, 1, 0, 0, 0])
    exposed = np.array([True] * 4 + [False] * 2 + [True] * 2 + [False] * 2)
    strata = np.array([0] * 6 + [1] * 4)
    found = stratified_difference(values, exposed, strata, np.arange(10))
    assert found.mean == pytest.approx((4 / 3 * 0.25 + 1 * 0.5) / (7 / 3))
    lone = stratified_difference(values[:4], exposed[:4], strata[:4], np.arange(4))
    assert (lone.mean, lone.low) == (None, None)


def test_stratified_interval_covers():
    rng = np.random.default_rng(3)
    hits = 0
    for _ in range(400):
        strata = rng.integers(0, 4, 300)
        exposed = rng.random(300) < (0.2 + 0.2 * strata)  # strata are unequal, and matter for the value
        values = (rng.random(300) < 0.1 + 0.15 * strata + 0.2 * exposed).astype(float)
        found = stratified_difference(values, exposed, strata, np.arange(300))
        hits += found.low <= 0.2 <= found.high
    assert 370 <= hits <= 392  # 380 +- 2.8 sd


def made_up(n, knows, *, seed):
    """Pairs whose better answer is longer in 80 %, and rewards: length and `knows` times the truth."""
    rng = np.random.default_rng(seed)
    longer = rng.random(n) < 0.8
    short, long = rng.integers(50, 400, n), 0
    long = short + rng.integers(1, 400, n)
    chosen, rejected = np.where(longer, long, short), np.where(longer, short, long)
    made = [PreferencePair(str(number), "a" * one, "b" * other) for number, (one, other) in enumerate(zip(chosen, rejected, strict=True))]
    noise = rng.normal(size=(2, n)) * 0.3
    return made, np.log(chosen) + knows + noise[0], np.log(rejected) + noise[1]


@pytest.mark.parametrize("seed", range(5))
def test_a_noisy_model_of_length_is_called_so_and_one_that_knows_is_not(seed):
    blind, seeing = (evaluate(*made_up(4000, knows, seed=seed)) for knows in (0.0, 1.0))
    assert blind.length.verdict == "length_only"
    assert "only length" in blind.length.told
    assert seeing.length.verdict == "beyond_length"
    assert blind.accuracy.low > 0.5


def test_a_little_knowledge_is_called_little():
    assert evaluate(*made_up(4000, 0.15, seed=1)).length.verdict == "mostly_length"


def test_few_pairs_accuse_nobody():
    assert evaluate(*made_up(29, 0.0, seed=1)).length.verdict == "undecided"
    made, chosen, rejected = made_up(60, 0.5, seed=4)
    assert evaluate(made, chosen, rejected).length.verdict != "length_only"


def test_a_coin_knows_nothing():
    made, _, _ = made_up(3000, 0.0, seed=1)
    coin = np.random.default_rng(0).normal(size=(2, 3000))
    assert evaluate(made, *coin).length.verdict == "nothing"


def test_with_equal_lengths_accuracy_is_knowledge():
    made = pairs(*[(50, 50)] * 200)
    found = evaluate(made, np.ones(200), np.zeros(200)).length
    assert (found.verdict, found.longer.mean, found.shorter.mean, found.matched_n, found.beyond.mean) == ("beyond_length", 0.0, 0.0, 200, None)


@pytest.fixture
def data():
    if not DATA.is_dir():
        pytest.skip("the real data is not here")
    return DATA / "preferences"


def test_length_alone_on_alpaca_is_told(data):
    made = read_preferences([str(data / "alpaca_gpt4_pairs.test.jsonl.gz")]).comparisons
    found = evaluate(made, *(np.log1p([len(getattr(one, side)) for one in made]) for side in ("chosen", "rejected")))
    assert found.accuracy.mean == found.length.longer.mean == pytest.approx(0.850, abs=0.001)
    assert (found.length.matched_n, found.length.verdict, found.length.beyond.mean, found.length.gain.mean) == (220, "length_only", 0.0, 0.0)
    assert 0.5 <= found.length.matched.mean <= 0.57
    assert (found.n, found.clusters) == (3408, 90)


def test_shorter_wins_on_hh(data):
    made = read_preferences([str(data / "hh_harmless.test.jsonl.gz")]).comparisons
    found = evaluate(made, *(-np.array([float(len(getattr(one, side))) for one in made]) for side in ("chosen", "rejected")))
    assert (round(found.length.shorter.mean, 3), found.length.verdict) == (0.551, "length_only")
