"""RewardBench 1 and 2 by hand on made rows, and best of n by enumeration and on the real responses."""

import itertools
import math

import numpy as np
import pytest
from harness import DATA, write_lines
from hypothesis import given
from hypothesis import strategies as st

from judgecli.readers.choices import kinds_of, read_choices
from judgecli.reward_model.benchmarks import EXAMPLES, LENGTH_BIAS, SECTIONS, TIES, reward_bench, reward_bench_2, top_share
from judgecli.reward_model.best_of_n import BestChoice, best_of, curve, kl_of_best, majority_of, passed_of
from judgecli.reward_model.preferences import PreferencePair


def subset(name, *margins):
    return [(PreferencePair("p", "a", "b", tags={"subset": name}), margin) for margin in margins]


def test_constants_are_those_of_the_benchmark():
    assert {name for names in SECTIONS.values() for name in names} == set(EXAMPLES)
    assert sum(EXAMPLES.values()) - 984 + 447 == 2985  # the size of the filtered set
    assert EXAMPLES["math-prm"] == sum(EXAMPLES[name] for name in SECTIONS["Reasoning"] if name != "math-prm")
    assert [sum(EXAMPLES[name] for name in names) for names in SECTIONS.values()] == [358, 456, 740, 1968]
    assert {name for names in LENGTH_BIAS.values() for name in names} <= set(EXAMPLES)


def test_reward_bench_weighs_subsets_by_their_full_size_and_sections_alike():
    rows = [*subset("alpacaeval-easy", 1, 1), *subset("mt-bench-med", 1, -1), *subset("math-prm", -1), *subset("hep-go", 1, 1, 1)]
    found = reward_bench(*zip(*rows, strict=True))
    chat, reasoning = (1.0 * 100 + 0.5 * 40) / 140, (0.0 * 984 + 1.0 * 164) / 1148
    assert found.sections == pytest.approx({"Chat": chat, "Reasoning": reasoning})
    assert found.score == pytest.approx((chat + reasoning) / 2)
    assert (found.subsets["mt-bench-med"], len(found.missing)) == ((2, 0.5), len(EXAMPLES) - 4)
    assert found.by_length == {"longer": (2, 1.0), "neutral": (6, pytest.approx(4 / 6))}


def test_reward_bench_counts_a_tie_of_the_model_as_wrong():
    found = reward_bench(*zip(*subset("hep-go", 0.0, 1.0), strict=True))
    assert found.score == 0.5


def test_other_pairs_are_no_reward_bench():
    assert reward_bench([PreferencePair("p", "a", "b", tags={"subset": "mine"})], [1.0]) is None
    assert reward_bench([], []) is None


@pytest.mark.parametrize(("rewards", "share"), [([3, 1, 2, 0], 1), ([3, 3, 0, 0], 0.5), ([3, 3, 3, 3], 0.25), ([2, 3, 0, 0], 0), ([1], 1)])
def test_an_n_way_tie_at_the_top_is_worth_1_over_n(rewards, share):
    assert top_share(rewards) == share


def four(domain, number=0):
    return BestChoice("p", ["r", "w", "w", "w"], [1, 0, 0, 0], id=str(number), tags={"subset": domain})


def ties(kind, number, right, wrong):
    return BestChoice("p", ["x"] * (right + wrong), [1] * right + [0] * wrong, id=f"{kind}:{number}", tags={"subset": "Ties"})


def test_reward_bench_2_is_the_mean_of_its_domains():
    found = reward_bench_2([four("Math"), four("Math"), four("Safety")], [[1, 0, 0, 0], [0, 1, 0, 0], [1, 1, 0, 0]])
    assert found.domains == {"Math": (2, 0.5), "Safety": (1, 0.5)}
    assert (found.score, found.missing) == (0.5, ["Factuality", "Precise IF", "Focus", "Ties"])


def test_the_ties_score_by_hand():
    """Prompt 0: tied right 5 and 4, wrong 1 (gap 3 > spread 1), ref 2 over 1 (gap 1, not > 1).

    Prompt 1: tied right 5 and 1, wrong 2 (gap -1), ref 0 under 3 (gap -3).
    """
    choices = [ties("tied", 0, 2, 1), ties("ref", 0, 1, 1), ties("tied", 1, 2, 1), ties("ref", 1, 1, 1)]
    rewards = [[5, 4, 1], [2, 1], [5, 1, 2], [0, 3]]
    found = reward_bench_2(choices, rewards)
    margin = (math.tanh(1 / 1 - 1) + math.tanh(-3 / 4 - 1)) / 2
    assert found.ties == pytest.approx(
        {
            "tied_accuracy": 0.5,
            "ref_accuracy": 0.5,
            "correctness_preferred": 0.5,
            "correctness_preferred_hard": 0.0,
            "correctness_margin_score": margin,
        }
    )
    assert found.score == pytest.approx(0.3 * 0.5 + 0.3 * 0.5 + 0.2 * 0.5 + 0.01 * margin)
    assert sum(TIES.values()) == pytest.approx(1.01)


def upstream(rows):
    """The formula of process_single_model on (id, right rewards, wrong rewards), written down once more from its source."""
    stats = {"ref": {}, "tied": {}}
    for name, right, wrong in rows:
        kind, number = name.split(":")
        spread = max(right) - min(right) if len(right) > 1 else None
        stats[kind][int(number)] = (min(right) - max(wrong) > 0, spread, min(right) - max(wrong))
    both = sorted(set(stats["ref"]) & set(stats["tied"]))
    spread = np.array([stats["tied"][one][1] for one in both], float)
    gap, ref = (np.array([stats[kind][one][2] for one in both], float) for kind in ("tied", "ref"))
    with np.errstate(all="ignore"):
        margin = np.nan_to_num(np.tanh(np.minimum(ref, gap) / spread - 1), nan=0.0)
    accuracy = {kind: np.mean([one[0] for one in stats[kind].values()]) for kind in stats}
    return 0.3 * accuracy["tied"] + 0.3 * accuracy["ref"] + 0.2 * np.mean(gap > spread) + 0.2 * np.mean(np.minimum(ref, gap) > spread) + 0.01 * margin.mean()


REWARDS = st.integers(-3, 3).map(float)


@given(st.lists(st.tuples(st.lists(REWARDS, min_size=2, max_size=4), st.lists(REWARDS, min_size=1, max_size=3), REWARDS, REWARDS), min_size=1, max_size=5))
def test_the_ties_score_is_upstreams_also_where_rewards_are_equal(drawn):
    rows = [(f"tied:{number}", right, wrong) for number, (right, wrong, _, _) in enumerate(drawn)]
    rows += [(f"ref:{number}", [right], [wrong]) for number, (_, _, right, wrong) in enumerate(drawn)]
    choices = [ties(*name.split(":"), len(right), len(wrong)) for name, right, wrong in rows]
    assert reward_bench_2(choices, [[*right, *wrong] for _, right, wrong in rows]).score == pytest.approx(upstream(rows))


GOLDS = st.lists(st.tuples(st.integers(0, 3).map(float), st.sampled_from([0.0, 0.5, 1.0]), st.sampled_from("abc")), min_size=2, max_size=6)


@given(GOLDS, st.data())
def test_best_of_n_is_the_mean_over_all_subsets(rows, data):
    rewards, gold, answers = (list(column) for column in zip(*rows, strict=True))
    n = data.draw(st.integers(1, len(rows)))
    best, passed, voted = [], [], []
    for subset in itertools.combinations(range(len(rows)), n):
        top = max(rewards[row] for row in subset)
        best.append(np.mean([gold[row] for row in subset if rewards[row] == top]))
        passed.append(max(gold[row] for row in subset))
        said = [answers[row] for row in subset]
        winner = max(said, key=lambda answer: (said.count(answer), -said.index(answer)))
        voted.append(gold[subset[said.index(winner)]])
    assert best_of(np.array(gold), np.array(rewards), n) == pytest.approx(np.mean(best))
    assert passed_of(np.array(gold), n) == pytest.approx(np.mean(passed))
    assert majority_of(np.array(gold), answers, n) == pytest.approx(np.mean(voted))


def test_pass_at_n_is_chens():
    assert passed_of(np.array([1.0] * 3 + [0.0] * 7), 4) == pytest.approx(1 - math.comb(7, 4) / math.comb(10, 4))


def test_kl_of_best_of_n():
    assert kl_of_best(1) == 0
    assert kl_of_best(16) == pytest.approx(math.log(16) - 15 / 16)


def test_a_curve_goes_as_far_as_every_prompt():
    choices = [BestChoice("p", list("abcd"), [1, 0, 0, 0]), BestChoice("q", list("abcde"), [0, 1, 0, 0, 0]), BestChoice("r", ["a"], [1])]
    points = curve(choices, [[4, 3, 2, 1], [5, 4, 3, 2, 1], [0]])
    assert [(point.n, point.prompts, point.majority) for point in points] == [(1, 2, None), (2, 2, None), (4, 2, None)]
    assert points[0].best.mean == pytest.approx((1 / 4 + 1 / 5) / 2) == points[2].first.mean
    assert curve([BestChoice("r", ["a"], [1])], [[0]]) == []


ROWS = [
    {"prompt": "2+2?", "outputs": ["4", "5"], "gold": [1, 0], "answers": ["4", "5"], "scores": [0.9, 0.1]},
    {"question": "2+2?", "code": ["4", "5"], "pred": ["4", "5"], "score": [True, False], "pred_score": [[3.1, 0.9], [0.1]]},
]


@pytest.mark.parametrize("row", ROWS)
def test_rows_of_samples(tmp_path, row):
    path = str(write_lines(tmp_path / "c.jsonl", [row]))
    (found,) = read_choices([path]).items
    assert (found.prompt, found.outputs, found.gold, found.answers, found.scores) == ("2+2?", ["4", "5"], [1.0, 0.0], ["4", "5"], [0.9, 0.1])
    assert kinds_of(path) == (False, True)


def test_rows_of_reward_bench_2(tmp_path):
    row = {"id": "tied:3", "prompt": "2+2?", "chosen": ["4", "4"], "rejected": ["5"], "subset": "Ties", "num_correct": 2}
    path = str(write_lines(tmp_path / "c.jsonl", [row]))
    (found,) = read_choices([path]).items
    assert (found.outputs, found.gold, found.id, found.tags) == (["4", "4", "5"], [1.0, 1.0, 0.0], "tied:3", {"subset": "Ties"})
    assert kinds_of(path) == (True, True)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"prompt": "p", "outputs": ["a", "b"], "gold": [2, 0]}, "off_scale"),
        ({"prompt": "p", "outputs": ["a", "b"], "gold": ["x", 0]}, "no_label"),
        ({"prompt": "p", "outputs": ["a", "b"], "gold": [1]}, "unknown_shape"),
        ({"prompt": "p", "outputs": ["a", "b"], "gold": [1, 0], "scores": [1]}, "unknown_shape"),
        ({"prompt": "p"}, "unknown_shape"),
    ],
)
def test_rows_that_are_no_choices_are_counted(tmp_path, row, reason):
    found = read_choices([str(write_lines(tmp_path / "c.jsonl", [ROWS[0], row, "{"]))])
    assert (len(found.items), dict(found.dropped), found.read) == (1, {reason: 1, "not_json": 1}, 3)


def test_math_responses_give_their_known_figures():
    """maj@8 93, pass@8 96 of 100 as the data says; the stored rewards pick right 94 times."""
    if not DATA.is_dir():
        pytest.skip("the real data is not here")
    found = read_choices([str(DATA / "math/math_100x8_responses.jsonl.gz")])
    points = {point.n: point for point in curve(found.items, [choice.scores for choice in found.items])}
    assert (len(found.items), sorted(points)) == (100, [1, 2, 4, 8])
    eight = points[8]
    assert [round(100 * one.mean, 9) for one in (eight.best, eight.majority, eight.passed, eight.first)] == [94, 93, 96, 91]
