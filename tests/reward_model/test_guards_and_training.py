"""What an output may not be paid for, and whole trainings: pairs with negatives, thumbs alone, ensembles, margins."""

import numpy as np
import pytest

from judgecli.reward_model.features import FeatureSpec
from judgecli.reward_model.guards import NAMES, core, read
from judgecli.reward_model.linear import LEAST_TAKEN, fit_guards
from judgecli.reward_model.negatives import FILLER, PRAISE
from judgecli.reward_model.preferences import GoodOrBad, PreferencePair, Preferences
from judgecli.reward_model.train import Recipe, train
from judgecli.reward_model.tricks import TRICKS, Case

ANSWER = "Boil the water first. Then add the pasta and stir it, since it sticks. Drain it after nine minutes."
SMALL = FeatureSpec(bits=8)


@pytest.mark.parametrize("name", ["padded_2", "padded_5", "paragraph_twice", "markdown", "confident", "praise"])
@pytest.mark.parametrize("answer", [ANSWER, "Nein, das geht nicht. Man muss es erst kochen, danach salzen", "水を沸かす。次に塩を入れる。"])
def test_padding_and_dressing_leave_the_core_as_it_was(name, answer):
    trick = next(one for one in TRICKS if one.name == name)
    made = trick.make(0, [Case("How?", answer)])
    assert core(made) == core(answer)
    assert read([made])[1].sum() > read([answer])[1].sum()


def test_an_honest_answer_is_its_own_core_without_guards():
    assert core(ANSWER) == ANSWER
    assert read([ANSWER])[1].tolist() == [[0.0] * len(NAMES)]


@pytest.mark.parametrize(
    "text",
    [
        "That's right.",
        "I'm not sure what you are asking, can you say it in other words?",
        "I am not sure that this answer is right.",
        "No.",
        "if x:\n    return 1",
    ],
)
def test_short_answers_questions_and_denials_are_kept(text):
    assert core(text) == " ".join(text.split())


def test_guards_by_hand():
    # nothing; an announcement of two words; one of three lines left; cut in a word
    texts = ["", "Here is the list:", "Go home.\nGo home.\nGo home.", "Take the first road and th"]
    found = read(texts)[1]
    assert found[0].tolist() == [1, 0, 1, 0, 0, 0]
    assert found[1].tolist() == [0, 1, 0, 0, 0, 0]
    assert found[2] == pytest.approx([0, 0, 0.5, 1 - 8 / 26, 0, 0])
    assert found[3].tolist() == [0, 0, 0, 0, 0, 1]


@pytest.mark.parametrize("text", ["\x00", "‮" * 50, "**" * 1000, "# " * 1000, "\ud800 x", "-\n" * 1000, "1." * 500, " \t\r\n", "?" * 3000])
def test_hostile_text_has_guards_within_their_range(text):
    found = read([text])[1]
    assert ((found >= 0) & (found <= 1)).all()


def test_most_filler_and_praise_of_the_negatives_says_nothing():
    # sentences of which the lists were not made for one by one: how far they reach is told, not wished
    assert sum(core(one) == "" for one in PRAISE) >= len(PRAISE) - 2
    assert sum(core(one) == "" for one in FILLER) >= len(FILLER) // 2


def test_guards_take_off_only_what_pairs_allow():
    chance = np.random.default_rng(0)
    guards = np.zeros((600, 2))
    guards[:300, 0] = chance.choice([-1.0, 1.0], 300)  # people: half of the preferred ones have the first guard
    guards[300:, chance.integers(2, size=300)] = 0
    guards[300:450, 0], guards[450:, 1] = -1, -1  # worthless: they have the first, or the second
    weight = np.r_[np.ones(300), np.full(300, 0.01)]
    found = fit_guards(np.zeros(600), guards, np.ones(600), weight, np.r_[np.zeros(300), np.full(300, 3.0)])
    assert LEAST_TAKEN <= found[0] < 0.5 < 2 < found[1]


def drawn(n=240, seed=0):
    chance = np.random.default_rng(seed)
    kinds = ["the red", "a small", "my old", "this blue", "her new", "our long"]
    things = [f"{kind} {noun}" for noun in ("door", "boat", "car", "hat", "dog", "road", "window", "garden") for kind in kinds]  # a group each
    pairs = []
    for place in range(n):
        thing, other = things[place % len(things)], int(chance.integers(1000))
        good, bad = f"Please look at {thing} with care, it has number {other}.", f"Whatever, {thing} is stupid and it has number {other}."
        if chance.random() < 0.1:
            good, bad = bad, good
        pairs.append(PreferencePair(f"What of {thing}, {place}?", good, bad))
    return pairs


def test_a_training_on_pairs_learns_them_and_ranks_worthless_answers_below():
    found = train(Preferences(drawn()), Recipe(spec=SMALL), name="x")
    assert found.negatives > 200
    assert (found.model.guards >= 0).all()
    assert np.mean(found.pairs.margins > 0) == pytest.approx(0.9, abs=0.05)
    assert found.pairs.probabilities.mean() == pytest.approx(0.82, abs=0.06)  # 0.9 of 0.9 and 0.1 of 0.1
    rewards = found.model.rewards(["What of it?"] * 4, ["Please look at the red door with care, it has number 7.", "", ":", "Here is the answer:"])
    assert (rewards.mean[0] > rewards.mean[1:]).all()
    assert np.isfinite(rewards.sd).all()


def test_a_training_is_the_same_twice_and_without_negatives_has_no_guards():
    first, second = (train(Preferences(drawn()), Recipe(spec=SMALL), name="x").model for _ in range(2))
    assert (first.dense == second.dense).all()
    assert (first.guards == second.guards).all()
    assert not train(Preferences(drawn()), Recipe(spec=SMALL, negatives=()), name="x").model.guards.any()


def test_thumbs_alone_make_a_model_that_says_how_likely_good():
    thumbs = [GoodOrBad(one.prompt, text, value) for one in drawn() for text, value in ((one.chosen, 1.0), (one.rejected, 0.0))]
    found = train(Preferences(verdicts=thumbs), Recipe(spec=SMALL), name="x")
    asked = ["What of my old car, 8?"] * 2, ["Please look at my old car with care, it has number 512.", "Whatever, my old car is stupid and it has number 512."]
    good = found.model.good(found.model.rewards(*asked).mean)
    assert good is not None
    assert good[0] == pytest.approx(0.9, abs=0.08)
    assert good[1] == pytest.approx(0.1, abs=0.08)
    assert not len(found.pairs.rows)


def test_members_of_an_ensemble_differ_and_widen_the_sd():
    one, three = (train(Preferences(drawn()), Recipe(spec=SMALL, members=count), name="x").model for count in (1, 3))
    asked = ["What of it?"], ["A cat sat on the mat."]
    assert three.members(*asked).shape == (3, 1)
    assert np.ptp(three.members(*asked)) > 0
    assert three.rewards(*asked).sd[0] > one.rewards(*asked).sd[0]
    assert three.members(*asked)[0] == pytest.approx(one.members(*asked)[0])


def test_too_few_are_refused():
    with pytest.raises(ValueError, match="19 pairs and verdicts of 19 prompts"):
        train(Preferences(drawn(19)), Recipe(spec=SMALL), name="x")
