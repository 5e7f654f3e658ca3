"""Choosing pairs and examples: by hand, and laws that hold for any records."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from judgecli.labels.pairs import DROPPED, TrainingCandidate, choose_examples, choose_pairs, in_validation, settle


def one(key, text=None, *, state="p", up=None, reward=None, source="user"):
    return TrainingCandidate(key.encode(), state.encode(), (text or key).encode(), state.encode(), up, source if up is not None else "", reward)


def pairs_of(candidates, **options):
    """(chosen, rejected, margin, source) of each pair, and what was dropped."""
    pairs, dropped = choose_pairs(candidates, **{"min_margin": 0.2, **options})
    return [(pair.chosen.key.decode(), pair.rejected.key.decode(), pair.margin, pair.source) for pair in pairs], dict(dropped)


@pytest.mark.parametrize(
    ("candidates", "pairs", "dropped"),
    [
        ([one("a", reward=0.9), one("b", reward=0.4), one("c", reward=0.6)], [("a", "b", 0.5, "reward")], {"not_chosen": 1}),
        ([one("a", reward=0.7), one("b", reward=0.5)], [("a", "b", 0.2, "reward")], {}),  # 0.7 - 0.5 is 0.19999999999999996 in floats
        ([one("a", reward=0.7), one("b", reward=0.501)], [], {"small_margin": 2}),
        ([one("a", "same", reward=0.9), one("b", "same", reward=0.1)], [], {"equal_texts": 2}),
        ([one("a", reward=0.9), one("b", reward=0.1, state="q")], [], {"no_opposite": 2}),
        ([one("a", reward=0.9)], [], {"no_opposite": 1}),
        ([one("b", reward=0.9), one("a", reward=0.9), one("c", reward=0.1)], [("a", "c", 0.8, "reward")], {"not_chosen": 1}),  # ties by key
        ([one("a", up=True), one("b", up=False)], [("a", "b", 1.0, "user")], {}),
        ([one("a", up=True), one("b", up=True)], [], {"no_opposite": 2}),
        ([one("a", up=True), one("b", up=False), one("c", up=False)], [("a", "b", 1.0, "user")], {"not_chosen": 1}),
        ([one("a", up=True, source="human"), one("b", up=False)], [("a", "b", 1.0, "human+user")], {}),
        ([one("a", "t", up=True), one("b", "t", up=False), one("c", up=False)], [], {"raters_disagree": 2, "no_opposite": 1}),
        # a label wins over rewards, and rewards never turn a label round
        ([one("a", up=True, reward=0.1), one("b", up=False, reward=0.9)], [("a", "b", 1.0, "user")], {}),
        ([one("a", up=False, reward=0.9), one("b", reward=0.1)], [], {"label_disagrees": 2}),
        ([one("a", up=True, reward=0.1), one("b", reward=0.9)], [], {"label_disagrees": 2}),
        ([one("a", up=True, reward=0.9), one("b", reward=0.1)], [("a", "b", 0.8, "reward")], {}),
        ([one("a", up=True), one("b", reward=0.9), one("c", reward=0.1)], [("b", "c", 0.8, "reward")], {"not_chosen": 1}),
        ([], [], {}),
    ],
)
def test_pairs_by_hand(candidates, pairs, dropped):
    assert pairs_of(candidates) == (pairs, dropped)
    assert pairs_of(candidates[::-1]) == (pairs, dropped)


def test_a_gap_of_nothing_is_no_pair():
    assert pairs_of([one("a", reward=0.5), one("b", reward=0.5)], min_margin=0.0) == ([], {"small_margin": 2})


def test_all_pairs():
    found, dropped = pairs_of([one("a", reward=0.9), one("b", reward=0.6), one("c", reward=0.3), one("d", "c", reward=0.3)], all_pairs=True)
    assert found == [("a", "c", 0.6, "reward"), ("a", "b", 0.3, "reward"), ("b", "c", 0.3, "reward")]
    assert dropped == {"not_chosen": 1}
    found, _ = pairs_of([one("a", up=True), one("b", up=False), one("c", up=False)], all_pairs=True)
    assert found == [("a", "b", 1.0, "user"), ("a", "c", 1.0, "user")]


@pytest.mark.parametrize(
    ("candidates", "good", "bad", "examples", "dropped"),
    [
        ([one("a", up=True), one("b", up=False)], None, None, [("a", True, "user"), ("b", False, "user")], {}),
        (
            [one("a", reward=0.8), one("b", reward=0.5), one("c", reward=0.4)],
            0.8,
            0.4,
            [("a", True, "reward"), ("c", False, "reward")],
            {"between_thresholds": 1},
        ),
        ([one("a", reward=0.8), one("b", reward=0.1)], 0.8, None, [("a", True, "reward")], {"between_thresholds": 1}),
        ([one("a", up=False, reward=0.9)], 0.8, 0.4, [("a", False, "user")], {}),
        ([one("a", "t", up=True), one("b", "t", up=True)], None, None, [("a", True, "user")], {"not_chosen": 1}),
        ([one("a", "t", up=True), one("b", "t", up=False)], None, None, [], {"raters_disagree": 2}),
        ([one("a", "t", up=True), one("b", "t", reward=0.1)], 0.8, 0.4, [], {"raters_disagree": 2}),
        ([one("a", "t", up=True), one("b", "t", up=False, state="q")], None, None, [("a", True, "user"), ("b", False, "user")], {}),
    ],
)
def test_examples_by_hand(candidates, good, bad, examples, dropped):
    found, left = choose_examples(candidates, good=good, bad=bad)
    assert ([(each.record.key.decode(), each.good, each.source) for each in found], dict(left)) == (examples, dropped)


@pytest.mark.parametrize(
    ("verdicts", "settled"),
    [
        ([("user", True)], (True, "user")),
        ([("user", False), ("human", False), ("user", False)], (False, "human+user")),
        ([("user", True), ("human", False)], (None, "")),
        ([], (None, "")),
    ],
)
def test_settle(verdicts, settled):
    assert settle(verdicts) == settled


REWARD = st.none() | st.sampled_from([0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0]) | st.floats(0, 1)
SHAPES = st.lists(st.tuples(st.sampled_from("pqr"), st.sampled_from("stuvw"), st.none() | st.booleans(), REWARD), max_size=25)


def candidates_of(shapes):
    return [one(f"{place:03d}", text, state=state, up=up, reward=reward) for place, (state, text, up, reward) in enumerate(shapes)]


@given(SHAPES, st.sampled_from([0.0, 0.2, 0.5]), st.booleans())
def test_laws_of_pairs(shapes, min_margin, all_pairs):
    candidates = candidates_of(shapes)
    pairs, dropped = choose_pairs(candidates, min_margin=min_margin, all_pairs=all_pairs)
    for pair in pairs:
        chosen, rejected = pair.chosen, pair.rejected
        assert chosen.state == rejected.state
        assert chosen.text != rejected.text
        assert chosen.verdict is not False
        assert rejected.verdict is not True
        if pair.basis == "label":
            assert (chosen.verdict, rejected.verdict, pair.margin) == (True, False, 1.0)
        else:
            assert chosen.reward > rejected.reward
            assert pair.margin == pytest.approx(chosen.reward - rejected.reward, abs=1e-12)
            assert pair.margin >= min_margin
    used = {record.key for pair in pairs for record in (pair.chosen, pair.rejected)}
    assert len(candidates) == len(used) + sum(dropped.values())
    assert set(dropped) <= set(DROPPED)
    if not all_pairs:
        assert len({pair.chosen.state for pair in pairs}) == len(pairs)
    assert len({(pair.chosen.state, pair.chosen.text, pair.rejected.text) for pair in pairs}) == len(pairs)
    assert choose_pairs(candidates[::-1], min_margin=min_margin, all_pairs=all_pairs) == (pairs, dropped)


@given(SHAPES, st.sampled_from([(0.7, 0.3), (0.7, None), (None, 0.3), (None, None)]))
def test_laws_of_examples(shapes, limits):
    good, bad = limits
    candidates = candidates_of(shapes)
    examples, dropped = choose_examples(candidates, good=good, bad=bad)
    for each in examples:
        record = each.record
        if record.verdict is None:
            assert (record.reward >= good) if each.good else (record.reward <= bad)
        else:
            assert record.verdict is each.good
    assert len(candidates) == len(examples) + sum(dropped.values())
    assert len({(each.record.state, each.record.text) for each in examples}) == len(examples)


def test_split_is_stable_and_near_its_share():
    prompts = [f"question {number}".encode() for number in range(4000)]
    tenth = {prompt for prompt in prompts if in_validation(prompt, 0.1)}
    assert tenth <= {prompt for prompt in prompts if in_validation(prompt, 0.2)}  # a larger share keeps what was there
    assert 340 <= len(tenth) <= 460  # 400 expected, sd 19
    assert not any(in_validation(prompt, 0.0) for prompt in prompts)
