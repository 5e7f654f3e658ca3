"""Text drift: planted words are named, the same texts are not told apart, a null holds its level; diversity by blocks."""

from dataclasses import replace

import numpy as np
import pytest

from judgecli.signal.drift.corpus import corpus_drift
from judgecli.signal.drift.report import text_row
from judgecli.signal.drift.texts import text_drift
from judgecli.stats.auc import Auc

WORDS = [f"word{number}" for number in range(200)]


def texts(chance: np.random.Generator, count: int, *, planted: str = "", share: float = 0.0) -> list[str]:
    weights = 1 / np.arange(1, 201)
    made = [" ".join(chance.choice(WORDS, 30, p=weights / weights.sum())) for _ in range(count)]
    return [f"{planted} {text}" if chance.random() < share else text for text in made]


def sides(old: list[str], new: list[str]) -> tuple[list[str], np.ndarray, np.ndarray]:
    return [*old, *new], np.repeat([False, True], [len(old), len(new)]), np.arange(len(old) + len(new))


def test_planted_words_and_openings_are_named():
    chance = np.random.default_rng(1)
    found = text_drift(*sides(texts(chance, 300), texts(chance, 300, planted="As an assistant", share=0.5)))
    assert found.auc.low > 0.6
    assert found.p < 0.01
    assert {shift.text for shift in found.words} == {"as", "an", "assistant"}
    assert found.words[0].reference == 0.0
    assert found.words[0].current == pytest.approx(0.5, abs=0.1)
    assert [shift.text for shift in found.openings] == ["as an assistant"]


def test_the_same_texts_cannot_be_told_apart():
    own = texts(np.random.default_rng(2), 60)
    found = text_drift([*own, *own], np.repeat([False, True], 60), np.tile(np.arange(60), 2))
    assert (found.auc.auc, found.p) == (0.5, 1.0)
    assert (found.words, found.openings) == ([], [])


def test_too_few_texts_say_nothing():
    found = text_drift(["a b c"] * 6, np.array([True] * 3 + [False] * 3), np.arange(6))
    assert (found.auc, found.p, found.words) == (None, None, [])


def test_hostile_texts_are_words():
    hostile = ["\ud800 \x00 <b>", "", "é" * 10_000, "💥💥", "\u202e abc"] * 20
    found = text_drift(*sides(hostile, hostile))
    assert found.auc.low <= 0.55


@pytest.mark.long
def test_a_null_holds_its_level():
    """Conversations of five with a favourite word each, nothing changed: p is below 5 % in at most 5 % of draws."""
    chance = np.random.default_rng(3)
    draws, alarms, named = 120, 0, 0
    for _ in range(draws):
        made, clusters = [], np.repeat(np.arange(80), 5)
        for _ in range(80):
            made += texts(chance, 5, planted=" ".join(chance.choice(WORDS, 2)), share=0.9)
        found = text_drift(made, clusters >= 40, clusters)
        alarms += found.p <= 0.05
        named += bool(found.words) + bool(found.openings)
    tolerance = 3 * np.sqrt(draws * 0.05 * 0.95)
    assert alarms <= 0.05 * draws + tolerance
    assert named <= 2 * (0.05 * draws + tolerance)


def test_echoes_are_seen():
    chance = np.random.default_rng(4)
    old = [(place, text.split()) for place, text in enumerate(texts(chance, 400))]
    new = [(place, text.split()) for place, text in enumerate(texts(chance, 400, planted="thank you for that great question my friend", share=0.7))]
    found = {shift.name: shift for shift in corpus_drift(old, new)}
    assert found["opener_share"].current > 0.5 > 0.1 > found["opener_share"].reference
    assert found["opener_share"].contrast.low > 0.4
    assert found["self_bleu"].contrast.low > 0
    assert found["distinct_2"].contrast.high < 0


def test_blocks_that_are_all_alike_have_an_interval_with_a_width_or_none():
    alike = [(place, [f"w{word}" for word in range(60)]) for place in range(400)]
    found = {shift.name: shift.contrast for shift in corpus_drift(alike, alike)}
    assert found["compression_ratio"] is None
    for name in ("self_bleu", "opener_share", "distinct_1"):
        assert (found[name].difference, found[name].p) == (0.0, 1.0)
        assert found[name].low < -0.05 < 0.05 < found[name].high
    spread = [(place, [f"o{place}", *words]) for place, words in alike]
    moved = {shift.name: shift.contrast for shift in corpus_drift(spread, alike)}["opener_share"]
    assert (moved.difference, moved.high) == (1.0, 1.0)
    assert 0.3 < moved.low < moved.difference
    assert moved.p == pytest.approx(2 / 184_756)  # the rarest of the splits of 20 blocks


def test_too_short_a_corpus_has_a_reason():
    found = corpus_drift([(0, ["a"])], [(1, ["b"])])
    assert all(shift.contrast is None and "too few outputs" in shift.why for shift in found)


def test_an_interval_of_texts_has_a_width():
    """Halves that rank every text wrongly, or rightly, are no proof of no difference."""
    made_up = [f"alpha beta {n}" for n in range(40)] + [f"gamma delta {n}" for n in range(40)]
    current = np.repeat([False, True], 40)
    made = text_drift(made_up, current, np.arange(80)).auc
    assert made is not None
    assert made.auc == 1.0
    assert made.low < 0.99
    row = text_row("output", replace(text_drift(made_up, current, np.arange(80)), auc=Auc(0.2, 0.05, 0.1, 0.35)))
    assert (row.change, row.low, row.high) == (0.0, 0.0, pytest.approx(0.15))
