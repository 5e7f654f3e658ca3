"""Steps of an answer: cut, aggregated, labelled, and the first wrong one found."""

import re

import numpy as np
import pytest
from harness import DATA, write_lines
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score
from toys import Toy

from judgecli.errors import UnknownName
from judgecli.readers.steps import read_steps
from judgecli.reward_model.groups import fold_of, group_rows, prompt_number
from judgecli.reward_model.preferences import Preferences
from judgecli.reward_model.process import (
    AGGREGATES,
    Solution,
    aggregate,
    cross_fitted_score,
    find_threshold,
    first_wrong,
    process_score,
    split_steps,
    step_rewards,
    step_verdicts,
)
from judgecli.reward_model.train import Recipe, train


@pytest.mark.parametrize(
    ("text", "by", "steps"),
    [
        ("a\nb\n\nc", "lines", ["a", "b", "c"]),
        ("a\nb\n\nc", "paragraphs", ["a\nb", "c"]),
        ("a\n \t\nb", "paragraphs", ["a", "b"]),
        ("Intro\n1. x\n2) y\nmore\nStep 3: z", "numbered", ["Intro", "1. x", "2) y\nmore", "Step 3: z"]),
        ("1.5 is a number\n2.5 too", "numbered", ["1.5 is a number\n2.5 too"]),
        ("1. x\n2. y", "auto", ["1. x", "2. y"]),
        ("one\n\ntwo", "auto", ["one", "two"]),
        ("one\ntwo", "auto", ["one", "two"]),
        ("1. only\nthen\n\nlast", "auto", ["1. only\nthen", "last"]),
        ("", "auto", []),
        (" \n\n ", "auto", []),
        ("```\na\n\nb\n```\n\nc", "paragraphs", ["```\na\n\nb\n```", "c"]),
        ("x\n```\na\nb", "lines", ["x", "```\na\nb"]),
    ],
)
def test_steps_by_hand(text, by, steps):
    assert split_steps(text, by=by) == steps


@given(st.text(alphabet="a1.)\n `S#", max_size=60), st.sampled_from(["auto", "lines", "paragraphs", "numbered"]))
def test_no_character_is_lost(text, by):
    steps = split_steps(text, by=by)
    assert re.sub(r"\s", "", "".join(steps)) == re.sub(r"\s", "", text)
    assert all(step.strip() for step in steps)


def test_aggregates_by_hand():
    assert [aggregate([0.9, 0.5, 0.8], how) for how in AGGREGATES] == pytest.approx([0.5, 0.36, 0.8, 2.2 / 3])
    for rewards, how in (([], "min"), ([2.0], "product"), ([1.0], "max")):
        with pytest.raises(ValueError, match=r"step|product"):
            aggregate(rewards, how)
    with pytest.raises(ValueError, match="split by"):
        split_steps("a", by="words")


def test_first_wrong_step():
    assert [first_wrong(values) for values in ([0.5, 0.49, 0.1], [0.5], [])] == [1, -1, -1]
    assert first_wrong([0.9, 0.7], threshold=0.8) == 1


def test_process_score_by_hand():
    """Erroneous: hits 1 of 4; correct: hits 1 of 2. Harmonic mean 2 * 1/4 * 1/2 / (3/4) = 1/3."""
    labels, predictions = [0, 2, 3, 5, -1, -1], [0, 1, -1, 9, -1, 0]
    found = process_score(labels, predictions)
    assert (found.erroneous_n, found.correct_n, found.score) == (4, 2, pytest.approx(1 / 3))
    assert found.erroneous.mean == accuracy_score(labels[:4], predictions[:4])
    assert found.within_one == 0.5
    assert process_score([1], [0]).score is None
    assert process_score([1, -1], [0, 2]).score == 0.0
    with pytest.raises(ValueError, match="2 labels"):
        process_score([1, 2], [1])


def test_clusters_widen_the_interval():
    apart = process_score([1] * 20, [1, 2] * 10)
    together = process_score([1] * 20, [1, 2] * 10, ["p", "q"] * 10)
    assert together.erroneous.high - together.erroneous.low > apart.erroneous.high - apart.erroneous.low


MISTAKE = {"input": "q", "steps": ["a", "b", "c"], "answer": "X ", "target": "x", "mistake_index": 1}


def read(tmp_path, *rows, **options):
    return read_steps([str(write_lines(tmp_path / "s.jsonl", rows))], **options)


def test_shapes_by_hand(tmp_path):
    bench = {"id": "g-0", "generator": "m", "problem": "q", "steps": ["a", "b"], "final_answer_correct": False, "label": 0}
    whole = {**bench, "label": -1, "final_answer_correct": True}
    stepwise = {"prompt": "q", "completions": ["a", "b"], "labels": [True, False]}
    found = read(tmp_path, MISTAKE, bench, whole, stepwise).items
    assert [(one.prompt, list(one.steps), list(one.good), one.first_wrong, one.answer_correct) for one in found] == [
        ("q", ["a", "b", "c"], [True, False, None], 1, True),
        ("q", ["a", "b"], [False, None], 0, False),
        ("q", ["a", "b"], [True, True], -1, True),
        ("q", ["a", "b"], [True, False], 1, None),
    ]
    assert found[1].tags == {"generator": "m"}


def test_prm800k_is_the_chosen_way_and_what_was_rated_beside_it(tmp_path):
    def step(*texts, chosen=0, human=None):
        return {"completions": [{"text": text, "rating": rating} for text, rating in texts], "chosen_completion": chosen, "human_completion": human}

    row = {
        "labeler": "l",
        "question": {"problem": "q"},
        "label": {"finish_reason": "solution", "steps": [step(("a", 1), ("x", -1)), step(("y", -1), chosen=None, human={"text": "h"}), step(("z", 0))]},
    }
    found = read(tmp_path, row).items
    assert [(list(one.steps), list(one.good), one.first_wrong) for one in found] == [
        (["a", "h", "z"], [True, True, True], -1),
        (["x"], [False], 0),
        (["a", "y"], [True, False], 1),
    ]


def test_phase_two_of_prm800k_stops_at_the_first_error(tmp_path):
    row = {"question": {"problem": "q"}, "label": {"steps": [{"completions": [{"text": "a", "rating": -1}], "chosen_completion": None}, {"completions": []}]}}
    assert [(list(one.steps), one.first_wrong) for one in read(tmp_path, row).items] == [(["a"], 0)]


def test_what_is_no_steps_is_counted(tmp_path):
    rows = [
        "{",
        {"steps": ["a"]},
        {**MISTAKE, "mistake_index": 3},
        {**MISTAKE, "steps": []},
        {"prompt": "q", "completions": ["a"], "labels": [True, True]},
        MISTAKE,
    ]
    found = read(tmp_path, *rows)
    assert dict(found.dropped) == {"not_json": 1, "unknown_shape": 1, "no_label": 2, "empty_text": 1}
    assert found.read == 6
    with pytest.raises(UnknownName):
        read(tmp_path, MISTAKE, shape="prm")


def test_step_verdicts_share_a_weight_of_one():
    found = step_verdicts([Solution("q", ["a", "b", "c"], [True, False, None], 1)])
    assert [(one.prompt, one.output, one.value, one.weight) for one in found] == [("q", "a", 1.0, 0.5), ("q\na", "b", 0.0, 0.5)]
    assert len(set(group_rows(found).numbers.tolist())) == 1  # no step is learnt from to be asked of its own answer


def flawed(count=40):
    """Answers of four steps, every second with a wrong third step, which a toy can see."""
    steps = ["one", "two", "three", "four"]
    made = []
    for number in range(count):
        wrong = number % 2 == 0
        good = [True, True, False, None] if wrong else [True] * 4
        made.append(Solution(f"q{number}", [*steps[:2], "WRONG" if wrong else "three", "four"], good, 2 if wrong else -1))
    return made


def test_step_rewards_see_the_steps_before():
    asked = []
    toy = Toy(lambda prompt, step: asked.append((prompt, step)) or float(len(step)))
    assert step_rewards(toy, [Solution("q", ["a", "bb"], [None, None], None), Solution("", ["c"], [True], -1)]) == [[1.0, 2.0], [1.0]]
    assert asked == [("q", "a"), ("q\na", "bb"), ("", "c")]


def test_a_scorer_that_sees_the_flaw_scores_one_wherever_its_zero_lies():
    for zero in (-100.0, 0.0, 3.5):
        toy = Toy(lambda _, step, zero=zero: zero - 5 * ("WRONG" in step) + 0.1 * len(step))
        found = cross_fitted_score(flawed(), step_rewards(toy, flawed()))
        assert (found.score, found.n, found.erroneous_n) == (1.0, 40, 20)


def test_a_blind_scorer_gets_what_chance_gives():
    toy = Toy(lambda prompt, step: float(hash((len(prompt), step[:2])) % 7))
    assert (cross_fitted_score(flawed(), step_rewards(toy, flawed())).score or 0) < 1


def test_a_threshold_is_the_lowest_of_the_best():
    labels, rewards = [1, -1], [[5.0, 1.0], [5.0, 4.0]]
    threshold = find_threshold(labels, rewards)
    assert 1.0 < threshold <= 1.1
    with pytest.raises(ValueError, match="no step"):
        find_threshold([], [])


def test_answers_without_a_known_first_flaw_are_left_out():
    unknown = Solution("q", ["a"], [None], None)
    assert cross_fitted_score([unknown], [[1.0]]).n == 0


@pytest.mark.parametrize(("name", "right"), [("word_sorting", 34), ("tracking_shuffled_objects", 40), ("logical_deduction", 6), ("multistep_arithmetic", 62)])
def test_bigbench_mistake_counts(name, right):
    if not DATA.is_dir():
        pytest.skip("the real data is not here")
    found = read_steps([str(DATA / f"process_reward/bigbench_mistake_{name}.jsonl.gz")])
    assert (len(found.items), sum(one.first_wrong == -1 for one in found.items), sum(bool(one.answer_correct) for one in found.items)) == (
        300,
        right,
        45,
    )
    never = process_score([one.first_wrong for one in found.items], [-1] * 300)
    assert (never.score, never.correct.mean) == (0.0, 1.0)


@pytest.mark.parametrize("name", ["multistep_arithmetic", "tracking_shuffled_objects"])
def test_real_steps_train_a_model_that_tells_them_apart(name):
    if not DATA.is_dir():
        pytest.skip("the real data is not here")
    solutions = read_steps([str(DATA / f"process_reward/bigbench_mistake_{name}.jsonl.gz")]).items
    known, asked = ([one for one in solutions if (fold_of(prompt_number(step_verdicts([one])[0]), 3) == 0) == side] for side in (False, True))
    training = train(Preferences(verdicts=step_verdicts(known)), Recipe(), name="steps")
    assert 1 < len(set(training.groups.numbers.tolist())) <= len({one.prompt for one in known})
    rewards = step_rewards(training.model, asked)
    labelled = [(reward, good) for one, own in zip(asked, rewards, strict=True) for reward, good in zip(own, one.good, strict=True) if good is not None]
    right, wrong = ([reward for reward, good in labelled if good is side] for side in (True, False))
    assert np.mean([a > b for a in right for b in wrong]) > 0.7
    assert cross_fitted_score(asked, rewards).erroneous.mean > 0.15
