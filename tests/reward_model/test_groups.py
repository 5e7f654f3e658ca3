"""What must stay on one side of a split: found by hand, at real size, and never everything at once."""

import time

import numpy as np
import pytest

from judgecli.reward_model.evaluation import evaluate
from judgecli.reward_model.features import FeatureSpec
from judgecli.reward_model.groups import fold_of, group_rows
from judgecli.reward_model.near_equal import near_pairs, plain, without_ids, without_numbers
from judgecli.reward_model.preferences import GoodOrBad, PreferencePair, Preferences
from judgecli.reward_model.train import LEAST_GROUPS, Recipe, train

SMALL = FeatureSpec(bits=8)
WORDS = [
    f"{first}{second}{third}" for first in ("ba", "ke", "li", "mo") for second in ("ra", "ne", "ti", "lo", "su") for third in ("da", "ge", "ki", "po", "vu")
]


def text(chance, words):
    return " ".join(chance.choice(WORDS, words))


def pairs_of(prompts, answers):
    return [PreferencePair(prompt, *sides) for prompt, sides in zip(prompts, answers, strict=True)]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Please look at order 4711", "please  look at order AB-99", True),
        ("What is 2 + 2?", "What is 3 + 9?", False),  # nothing is left but the numbers
        ("How do I use soup3 rice4 bread5?", "How do I use cake7 milk8 eggs9?", False),  # half of it is names with numbers
    ],
)
def test_numbers_and_ids_are_no_difference(one, other, same):
    assert (without_numbers(plain(one)) == without_numbers(plain(other))) is same


def test_an_answer_keeps_its_short_numbers():
    assert without_ids("the answer to this is 42") == "the answer to this is 42"
    assert without_ids("your order 1234567 has left us") == "your order # has left us"


def test_near_texts_are_found_and_others_are_not():
    chance = np.random.default_rng(1)
    base = [text(chance, 30) for _ in range(50)]
    changed = [" ".join([*one.split()[:-1], "quite"]) for one in base[:10]]
    assert sorted(map(tuple, near_pairs([*base, *changed]).tolist())) == [(place, 50 + place) for place in range(10)]


def test_a_template_around_every_question_is_no_likeness():
    chance = np.random.default_rng(2)
    template = text(chance, 200)
    assert len(near_pairs([f"{template} {text(chance, 12)}" for _ in range(40)])) == 0


def test_prompts_and_answers_join_by_hand():
    said = pairs_of(
        ["Please look at order 1", "Please look at order 2", "what of the sea", "who was the king", *(f"{word} alone" for word in WORDS[:16])],
        [("a b", "c d"), ("e f", "g h"), ("i j", "k l"), ("K  L", "m n"), *((f"{word} x", f"{word} y") for word in WORDS[:16])],
    )
    found = group_rows(said)
    assert found.numbers[0] == found.numbers[1]  # but for a number
    assert found.numbers[2] == found.numbers[3]  # one's rejected is the other's chosen answer
    assert (found.count, found.prompts, found.by_prompt, found.by_answer, found.loose.any()) == (18, 20, 1, 1, False)
    backwards = group_rows(said[::-1])
    assert (backwards.numbers[::-1] == found.numbers).all()
    assert [fold_of(group) for group in found.numbers.tolist()] == [fold_of(group) for group in backwards.numbers[::-1].tolist()]


def test_answers_judged_alone_are_joined_too():
    said = [GoodOrBad(f"{word} alone", word if place > 1 else "the same", 1.0) for place, word in enumerate(WORDS[:12])]
    assert group_rows(said).count == 11


def test_one_refusal_under_a_third_of_the_prompts_joins_nothing_and_is_not_measured():
    chance = np.random.default_rng(3)
    said = [PreferencePair(text(chance, 9), text(chance, 20), "I cannot help with that." if place % 3 == 0 else text(chance, 20)) for place in range(300)]
    found = group_rows(said)
    assert (found.count, int(found.loose.sum())) == (300, 100)
    assert len(np.unique(found.clusters)) == 201  # an interval counts what they share once
    held = train(Preferences(said), Recipe(spec=SMALL, negatives=()), name="x")
    assert (held.unmeasured, len(held.pairs.rows)) == (None, 200)
    assert not found.loose[held.pairs.rows].any()


def test_answers_that_hold_all_prompts_together_leave_nothing_to_measure():
    chance = np.random.default_rng(4)
    sides = [(text(chance, 20), text(chance, 20)) for _ in range(2)]
    said = [PreferencePair(text(chance, 9), *sides[place % 2]) for place in range(100)]
    found = train(Preferences(said), Recipe(spec=SMALL, negatives=()), name="x")
    assert len(found.pairs.rows) == 0
    assert f"{LEAST_GROUPS} are needed; 100 rows share" in found.unmeasured


def test_copies_under_other_ids_are_no_evidence():
    chance = np.random.default_rng(5)
    rows = [(f"please {text(chance, 8)}", text(chance, 40), text(chance, 40)) for _ in range(40)]
    said = [PreferencePair(f"{prompt} order {chance.integers(10**6)}", up, down) for prompt, up, down in rows for _ in range(10)]
    found = train(Preferences(said), Recipe(spec=SMALL, negatives=()), name="x")
    told = evaluate(said, found.pairs.margins, np.zeros(400), groups=found.pairs.groups)
    assert (found.groups.count, told.clusters) == (40, 40)
    assert told.accuracy.low <= 0.5 <= told.accuracy.high
    assert told.length.verdict != "beyond_length"


def test_twenty_thousand_pairs_take_seconds():
    chance = np.random.default_rng(6)
    said = [PreferencePair(text(chance, 40), f"up {place} x", f"down {place} y") for place in range(20_000)]
    start = time.process_time()
    found = group_rows(said)
    assert time.process_time() - start < 60
    assert found.count >= 19_900
