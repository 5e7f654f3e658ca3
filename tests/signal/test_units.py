"""Sessions, prompt groups, corpora and advantages, by hand."""

import sys
from pathlib import Path

import pytest
from opened import compute_signals

from judgecli.reward.advantage import group_advantages, session_return
from judgecli.signal import diversity
from judgecli.signal.groups import pass_all_k, pass_at_k
from judgecli.signal.sessions import SessionTurn, is_correction, is_repeat, measure_session

sys.path.insert(0, str(Path(__file__).parent))
from stores import NUMBER, RATE, at, make_store, settings_of


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        ("grpo", [0.5 / (0.5**0.5 + 1e-4), -0.5 / (0.5**0.5 + 1e-4)]),
        ("dr_grpo", [0.5, -0.5]),
        ("rloo", [1.0, -1.0]),
    ],
)
def test_group_advantages_by_hand(method, expected):
    made = group_advantages([1.0, 0.0, 0.7, 0.7, 0.3, None], ["p", "p", "q", "q", "r", "p"], method=method)
    assert made.advantages == [pytest.approx(expected[0], rel=1e-12), pytest.approx(expected[1], rel=1e-12), 0.0, 0.0, None, None]
    assert (made.groups, made.silent, made.signal_density) == (2, 1, 0.5)


def test_no_group_has_no_density():
    assert group_advantages([1.0], ["p"]).signal_density is None


def test_a_return_needs_every_later_reward():
    assert session_return([1.0, 2.0, 4.0], gamma=0.5) == [3.0, 4.0, 4.0]
    assert session_return([1.0, 2.0], gamma=0.0) == [1.0, 2.0]
    assert session_return([None, 2.0]) == [None, 2.0]


@pytest.mark.parametrize(
    ("outputs", "passed", "k", "at_least_one", "every"), [(4, 1, 2, 0.5, 0.0), (4, 4, 2, 1.0, 1.0), (3, 2, 2, 1.0, 1 / 3), (2, 1, 4, None, None)]
)
def test_pass_at_k_by_hand(outputs, passed, k, at_least_one, every):
    assert pass_at_k(outputs, passed, k) == pytest.approx(at_least_one)
    assert pass_all_k(outputs, passed, k) == pytest.approx(every)


def test_repeats_and_corrections():
    assert is_repeat("How long do eggs boil?", "how long do EGGS boil")
    assert not is_repeat("How long do eggs boil?", "How long does rice cook?")
    assert not is_repeat(None, None)
    assert is_correction("That's wrong, it needs yeast")
    assert not is_correction("Now for six people")
    assert not is_correction("No problem")


def test_a_session_by_hand():
    turns = [
        SessionTurn("How long do eggs boil?", "x", None, (1, 0)),
        SessionTurn("how long do eggs boil", "x", None, (0, 0)),
        SessionTurn("No, I meant soft eggs", None, None, (0, 2)),
    ]
    made = measure_session(turns)
    assert (made.turns, made.user_repeats, made.user_corrections, made.thumbs_up, made.thumbs_down, made.abandoned) == (3, 1, 1, 1, 2, True)
    happy = measure_session(turns[:1])
    assert (happy.abandoned, happy.thumbs_up) == (False, 1)
    assert measure_session([SessionTurn("a", "x", None, (0, 0))]).thumbs_up is None


def test_diversity_knows_alike_from_different():
    same = [[f"w{place}" for place in range(30)]] * 60
    unlike = [[f"w{number}_{place}" for place in range(30)] for number in range(60)]
    assert diversity.distinct_n(same, 1) == (30 / 1000, 34)
    assert diversity.distinct_n(unlike, 2) == (1.0, 34)
    assert diversity.self_bleu(same) == (pytest.approx(1.0), 40)
    different = diversity.self_bleu(unlike)
    assert different is not None
    assert different.value == 0.0
    assert diversity.opener_share(same) == (1.0, 60)
    assert diversity.opener_share(unlike) == (0.0, 60)
    assert diversity.novelty(unlike, same) == (1.0, 60)
    assert diversity.novelty(same, same) == (0.0, 60)
    prompts = [number // 2 for number in range(60)]
    pairs = [unlike[number // 2] for number in range(60)]
    assert diversity.spread(pairs, prompts, same_prompt=True) == (0.0, 60)
    assert diversity.spread(pairs, prompts, same_prompt=False) == (1.0, 60)


def test_more_or_longer_outputs_leave_the_sample_as_it_is():
    outputs = [[f"w{(number * 7 + place) % 90}" for place in range(30)] for number in range(60)]
    assert diversity.distinct_n(outputs + outputs, 2) == diversity.distinct_n(outputs, 2)
    assert diversity.cut_words("a " * 500) == ["a"] * 50
    assert diversity.distinct_n(outputs[:10], 2) is None  # fewer words than the sample has


def test_units_of_a_store_by_hand(tmp_path):
    def row(time, session, text, quality, right, prompt):
        return {"time": at(time), "session": session, "input": text, "output": "x", "model": "a", "cluster": hash_of(session), "prompt_hash": prompt} | {
            "quality": quality,
            "right": right,
        }

    rows = [
        row("2026-09-07 10:00", "s", "eggs", 0.5, 1.0, 1),
        row("2026-09-08 10:00", "s", "eggs", 1.0, 0.0, 1),  # of a session that began the day before
        row("2026-09-07 11:00", "t", "rice", "timeout", 1.0, 1),
        row("2026-09-07 12:00", None, "rice", 0.25, 0.0, 2),
    ]
    root = make_store(tmp_path / "s", rows, [NUMBER, RATE], cuts=[2])
    signals = compute_signals(settings_of(root), window="1d", units=["session", "prompt", "corpus"], metrics=["quality", "right"])
    made = {(one.metric, one.window_start): one for one in signals.rows}
    monday = at("2026-09-07 00:00")
    turns = made["session.turns", monday]
    assert (turns.n, turns.mean, turns.unit) == (2, 1.5, "session")
    assert ("session.turns", at("2026-09-08 00:00")) not in made
    returns = made["session.return.quality", monday]
    assert (returns.n, returns.mean, returns.unscored) == (1, 1.5, {"timeout": 1})
    assert returns.value == pytest.approx(1.5)  # V of a first turn at the window's end: all that is known
    assert returns.advantage is None
    assert "earlier window" in returns.reasons["advantage"]
    errors = made["session.td_error.quality", monday]
    assert (errors.n, errors.mean, errors.unscored, errors.unit) == (0, None, {"not_applicable": 2, "timeout": 1}, "turn")
    assert made["session.user_repeats", monday].mean == 0.5
    assert made["session.thumbs_up", monday].unscored == {"not_applicable": 2}
    sizes = made["prompt.group_size", monday]
    assert (sizes.n, sizes.mean) == (2, 1.5)
    density = made["prompt.signal_density.right", monday]
    assert (density.n, density.mean, density.unscored) == (1, 0.0, {"not_applicable": 1})
    passes = made["prompt.pass_at_1.right", monday]
    assert (passes.n, passes.mean) == (2, 0.5)
    corpus = made["corpus.distinct_1", monday]
    assert (corpus.n, corpus.mean, corpus.unscored) == (0, None, {"not_applicable": 3})
    assert "too few outputs" in corpus.reasons["mean"]


def hash_of(session):
    return {"s": 1, "t": 2, None: 3}[session]
