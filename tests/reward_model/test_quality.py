"""How good a model is on what was held out: by hand, and against the same numbers of scikit-learn."""

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss

from judgecli.reward_model.preferences import GoodOrBad, PreferencePair
from judgecli.reward_model.quality import held_out_pairs, opposed, scaled, sureness
from judgecli.reward_model.train import HeldOut


def pair(number, chosen="good", rejected="bad"):
    return PreferencePair(f"p{number}", chosen, rejected)


def test_pairs_are_those_that_were_held_out_and_keep_their_calibrated_probabilities():
    pairs = [pair(0), pair(1, "longer", "x"), pair(2)]
    held = HeldOut(np.array([1, 2]), np.array([2.0, -1.0]), np.array([0.7, 0.4]))
    found, before = held_out_pairs(pairs, held)
    assert (found.n, found.accuracy.mean, found.length.longer.mean) == (2, 0.5, 1.0)
    assert found.brier == pytest.approx((0.3**2 + 0.6**2) / 2)
    plain = 1 / (1 + np.exp(-held.margins))
    assert before.brier == pytest.approx(brier_score_loss([1, 1], plain))


def test_without_a_pair_there_is_no_number():
    found, before = held_out_pairs([], HeldOut(np.zeros(0, int), np.zeros(0), np.zeros(0)))
    assert (found.n, found.accuracy.mean, before) == (0, None, None)


def test_sureness_of_answers_judged_alone():
    verdicts = [GoodOrBad("p", "a", 1.0), GoodOrBad("p", "b", 0.0), GoodOrBad("p", "c", 1.0)]
    sure = np.array([0.9, 0.2, 0.6])
    assert sureness(sure, verdicts).brier == pytest.approx(brier_score_loss([1, 0, 1], sure))


def thumbs(size=60):
    return [GoodOrBad(f"p{number}", "word " * (3 + number % 7 + 20 * (number % 2)), float(number % 2)) for number in range(size)]


def test_opposed_pairs_use_each_answer_once_and_see_a_model_of_length():
    verdicts = thumbs(200)
    found = opposed(verdicts, np.array([float(len(one.output)) for one in verdicts]))
    assert (found.n, found.accuracy.mean, found.length.longer.mean) == (100, 1.0, 1.0)
    assert found.length.verdict not in ("beyond_length", "mostly_length")


def test_opposed_pairs_do_not_follow_the_order_of_the_answers():
    verdicts = [GoodOrBad(f"p{number}", f"answer {number}", float(number % 3 == 0)) for number in range(50)]
    rewards = np.random.default_rng(0).normal(size=50)
    backwards = opposed(verdicts[::-1], rewards[::-1])
    assert opposed(verdicts, rewards).accuracy == backwards.accuracy
    assert backwards.n == 17


def test_the_scale_of_margins_brings_them_to_log_odds():
    """Margins ten times too steep come back to a slope near 1/10."""
    chance = np.random.default_rng(5)
    truth = chance.normal(0, 1.5, 4000)
    right = chance.random(4000) < 1 / (1 + np.exp(-truth))
    margins = 10 * np.where(right, truth, -truth)
    found, slope = scaled([pair(number) for number in range(4000)], margins, np.arange(4000))
    assert slope == pytest.approx(0.1, rel=0.08)
    assert found.probabilities == pytest.approx(1 / (1 + np.exp(-slope * margins)), abs=0.02)
