"""Slices: a planted fault is found, chance is not, and unscored rows never count."""

import numpy as np
import pytest

from judgecli.signal.gathering import Gatherer
from judgecli.signal.report.slices import SliceMetric, find_slices
from judgecli.signal.traits import TraitIndex, content_words, first_words, language_guess, length_bucket, session_positions, traits_of


def members_of(rng, rows, slices=40, share=0.15):
    return {("trait", f"value {number}"): np.flatnonzero(rng.random(rows) < share) for number in range(slices)}


def vars_of(item):
    return {name: value for name, value in vars(item).items() if not isinstance(value, str)}


def test_a_planted_slice_is_first():
    rng = np.random.default_rng(1)
    clusters = np.repeat(np.arange(300), 3)
    values = rng.normal(0.7, 0.2, 900) + np.repeat(rng.normal(0, 0.1, 300), 3)
    members = members_of(rng, 900)
    bad = ("input mentions", "wine")
    members[bad] = np.flatnonzero(rng.random(900) < 0.1)
    values[members[bad]] -= 0.25
    found = find_slices([SliceMetric("reward", values, "number", True)], members, clusters)
    assert (found[0].trait, found[0].value) == bad
    assert found[0].worse
    assert found[0].p_holm < 1e-6
    assert found[0].low < -0.25 < found[0].high
    assert found[0].n == len(members[bad])


def test_lower_is_better_turns_the_sign():
    rng = np.random.default_rng(2)
    values = np.zeros(400)
    values[:100] = 1.0
    subject = SliceMetric("refusal", values, "rate", False)
    found = find_slices([subject], {("t", "bad"): np.arange(100), ("t", "fair"): np.sort(rng.permutation(400)[:100])}, np.arange(400))
    assert [(item.value, item.worse, item.mean, item.rest) for item in found] == [("bad", True, 1.0, 0.0)]


def test_chance_is_not_told():
    """200 stores without any difference, 40 slices each: a headline claim (Holm) in about 5 % of them."""
    rng = np.random.default_rng(3)
    claims = 0
    for _ in range(200):
        clusters = np.repeat(np.arange(100), 4)
        values = rng.normal(size=400) + np.repeat(rng.normal(size=100), 4)
        found = find_slices([SliceMetric("reward", values, "number", True)], members_of(rng, 400), clusters)
        claims += any(item.p_holm < 0.05 for item in found)
    assert claims <= 20


def test_rare_faults_by_chance_are_not_told():
    """A rate of 2 %: slices without a single fault are common, and no news."""
    rng = np.random.default_rng(4)
    claims = 0
    for _ in range(200):
        values = (rng.random(600) < 0.02).astype(float)
        found = find_slices([SliceMetric("pii", values, "rate", False)], members_of(rng, 600, share=0.06), np.arange(600))
        claims += any(item.p_holm < 0.05 for item in found)
    assert claims <= 20


def test_unscored_rows_are_no_rows():
    rng = np.random.default_rng(5)
    values = rng.normal(size=400)
    values[:80] -= 2
    rows = {("t", "v"): np.arange(80)}
    whole = find_slices([SliceMetric("m", values, "number", True)], rows, np.arange(400))[0]
    padded = np.r_[values, np.full(100, np.nan)]
    more = {("t", "v"): np.r_[np.arange(80), np.arange(400, 450)]}
    again = find_slices([SliceMetric("m", padded, "number", True)], more, np.arange(500))[0]
    assert vars_of(again) == pytest.approx(vars_of(whole), rel=1e-9)


def test_fewer_than_twenty_clusters_say_nothing():
    values = np.r_[np.zeros(190), np.ones(200)]
    assert find_slices([SliceMetric("m", values, "number", True)], {("t", "v"): np.arange(190)}, np.r_[np.arange(190) // 10, np.arange(20, 220)]) == []


@pytest.mark.parametrize("subject", [SliceMetric("m", np.arange(100.0), "number", None), SliceMetric("m", np.ones(100), "number", True)])
def test_nothing_to_tell_without_direction_or_spread(subject):
    assert find_slices([subject], {("t", "v"): np.arange(50)}, np.arange(100)) == []


def test_equal_slices_are_told_once():
    values = np.r_[np.zeros(50), np.ones(50)]
    rows = {("a", "x"): np.arange(50), ("b", "y"): np.arange(50)}
    assert [item.trait for item in find_slices([SliceMetric("m", values, "number", True)], rows, np.arange(100))] == ["a"]


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("How do I cook the rice?", "English"),
        ("Wie koche ich eine Suppe für zwei?", "German"),
        ("¿Cómo hago una paella para dos?", "Spanish"),
        ("Comment faire une soupe pour deux ?", "French"),
        ("Привет, как дела?", "Cyrillic script"),
        ("こんにちは世界", "Japanese"),
        ("今天天气很好", "Chinese"),
        ("안녕하세요", "Korean"),
        ("pasta carbonara", "Latin script, language unsure"),
        ("12", None),
        ("", None),
        ("😀😀😀", None),
        ("\u0301\u0301", None),
    ],
)
def test_language_guess(text, language):
    assert language_guess(text) == language


@pytest.mark.parametrize(
    ("words", "bucket"), [(0, "0 to 2 words"), (2, "0 to 2 words"), (3, "3 to 5 words"), (100, "51 to 100 words"), (1001, "more than 1,000 words")]
)
def test_length_bucket(words, bucket):
    assert length_bucket("a " * words) == bucket


def test_words():
    assert first_words("¿Qué puedo... hacer?") == "qué puedo"
    assert first_words("one") is None
    assert content_words("Please cook RED wine, wine and this onion!") == ["cook", "onion", "wine"]


def test_session_positions():
    assert session_positions(["a", "b", "a", None, "a", "a", "a"], [2, 1, 1, 0, None, 3, 4]) == [
        "turn 2",
        "turn 1",
        "turn 1",
        None,
        None,
        "turn 3",
        "turn 4 or later",
    ]


def test_traits_of_a_record():
    found = traits_of({"model": "m", "tags": [("country", "de"), ("x", None)], "input": "How do I boil water?"})
    assert found == {
        "model": ("m",),
        "tags.country": ("de",),
        "input length": ("3 to 5 words",),
        "input language": ("English",),
        "input starts with": ("how do",),
        "input mentions": ["boil", "water"],
    }


def test_an_index_that_is_full_keeps_what_it_has_complete():
    index = TraitIndex(most=1)
    for value in ("a", "b", "a"):
        index.add({"model": value})
    assert index.members(least=1) == {("model", "a"): [0, 2]}


def test_gathering_batches():
    gatherer = Gatherer(["model", "tags.t"], ["x", "y"])
    row = {"key": b"k", "prompt_hash": 7, "cluster_hash": 5, "time": 1, "session": "s", "model": "a", "tags": [("t", "1")], "input": None}
    gatherer.add([row, {**row, "cluster_hash": 6, "tags": None}], {"x": np.array([1.0, np.nan])})
    gatherer.add([{**row, "model": None}], {"x": np.array([3.0]), "y": np.array([4.0])})
    found = gatherer.finish()
    assert found.clusters.tolist() == [0, 1, 0]
    assert (found.keys, found.prompts) == ([b"k"] * 3, [7] * 3)
    assert found.columns == {"model": ["a", "a", None], "tags.t": ["1", None, "1"]}
    assert [None if np.isnan(value) else value for value in found.values["y"]] == [None, None, 4.0]
