"""The quick features against plain ones: hostile texts, texts made of what guards look for, and real answers."""

from pathlib import Path

import numpy as np
import plain_features
import pytest

from judgecli.readers.preferences import read_preferences
from judgecli.reward_model import guards, ngrams
from judgecli.reward_model.features import FeatureSpec, extract, question
from judgecli.reward_model.negatives import KINDS, make_negative

DATA = Path(__file__).parents[2].parent / "shared/data/preferences"
PARTS = [
    ". ", "! ", "? ", "\n", "\n\n", "# ", "### ", "- ", "* ", "1. ", "10) ", " ", "  ", "\t", "\xa0", "\r\n", "This is ", " I am ", "I'm ", " This answer ",
    " This response ", " correct", " answer", "the ", "of ", "To sum up, all of the above is correct.", "Straße", "ſ", "İ", "ΣΑΣ ", "。", "！", "？", "**", "*",
    "•", "٣. ", "1٣. ", "#tag", "a", "b.", "?", ":", ",", "’", "it’s ", "_", "\x1c", "\u2003", "\x0b", "...", "–", "don't ", "sorry ", "\0", "😀", "漢字", "é",
    "\ud800", "No. ", "K", "x" * 70 + " ", "Yes. ", "yes. ", "0123456789 ",
]  # fmt: skip


def drawn(count, seed=0):
    chance = np.random.default_rng(seed)
    return ["".join(PARTS[place] for place in chance.integers(len(PARTS), size=chance.integers(0, 30))) for _ in range(count)]


def spoilt(answers, seed=0):
    chance = np.random.default_rng(seed)
    return [text for place, answer in enumerate(answers) if (text := make_negative(KINDS[place % len(KINDS)], answer, chance)) is not None]


def real(name, count):
    path = DATA / f"{name}.jsonl.gz"
    if not path.is_file():
        pytest.skip(f"the shared data is not here ({path})")
    return [(one.prompt, answer) for one in read_preferences([str(path)]).comparisons[:count] for answer in (one.chosen, one.rejected)]


def check_guards(texts):
    cores, rows = guards.read(texts)
    plain = [plain_features.read(text) for text in texts]
    assert cores == [left for left, _ in plain]
    assert rows.tolist() == [[float(value) for value in found] for _, found in plain]


def check_features(spec, inputs, outputs):
    row, weights = 0, np.random.default_rng(1).normal(size=spec.buckets)
    for part in extract(spec, inputs, outputs):
        matrix, sums, squares = part.hashed.matrix(), part.hashed.sums(weights), part.hashed.squares(weights**2)
        for place in range(len(part.dense)):
            dense, buckets, found = plain_features.features(spec, inputs[row], outputs[row])
            assert part.dense[place].tolist() == pytest.approx([float(value) for value in dense], abs=1e-12), outputs[row]
            own = matrix[place]
            assert dict(zip(own.indices.tolist(), own.data.tolist(), strict=True)) == pytest.approx(buckets, abs=1e-12)
            columns, values = np.array(list(buckets), np.int64), np.array(list(buckets.values()))
            assert sums[place] == pytest.approx(weights[columns] @ values, rel=1e-12, abs=1e-12)
            assert squares[place] == pytest.approx(weights[columns] ** 2 @ values**2, rel=1e-12, abs=1e-12)
            assert part.guards[place].tolist() == [float(value) for value in found]
            row += 1
    assert row == len(outputs)


def test_guards_of_drawn_texts_are_the_plain_ones():
    check_guards(drawn(4_000))
    assert guards.read([])[1].shape == (0, len(guards.NAMES))


def test_a_lone_surrogate_ends_no_sentence():
    """As a question mark it would cut praise into parts that are too short to name nothing."""
    praise = "This answer is correct\ud800 and complete\ud800 in every detail."
    check_guards([f"It is Paris. {praise}", f"\ud800 {praise}", "Paris\ud800 Paris\ud800 Paris"])


def test_guards_of_spoilt_texts_are_the_plain_ones():
    honest = "Boil the water first. Then add the pasta and stir it, since it sticks!\n\nDrain it. It’s ready after nine minutes – or ten."
    check_guards(spoilt([honest] * 600))


@pytest.mark.parametrize("name", ["hh_harmless.train", "alpaca_gpt4_pairs.train", "llamafactory_dpo_en_demo"])
def test_guards_of_real_answers_are_the_plain_ones(name):
    answers = [answer for _, answer in real(name, 300)]
    check_guards(answers + spoilt(answers))


@pytest.mark.parametrize("spec", [FeatureSpec(), FeatureSpec(bits=8, character_sizes=(3, 5), word_sizes=(1, 2, 3)), FeatureSpec(guarded=False)])
def test_features_of_drawn_texts_are_the_plain_ones(spec):
    outputs = [*(text.replace("\ud800", "") for text in drawn(250)), "word " * 5_000 + "end. ", "日本語。" * 6_000, "", ""]
    inputs = [None if place % 5 == 0 else outputs[place][: len(outputs[place]) // 2] if place % 3 else drawn(1, place)[0] for place in range(len(outputs))]
    check_features(spec, inputs, outputs)


@pytest.mark.parametrize("name", ["hh_harmless.train", "alpaca_gpt4_pairs.train"])
def test_features_of_real_answers_are_the_plain_ones(name):
    pairs = real(name, 60)
    check_features(FeatureSpec(), [prompt for prompt, _ in pairs], [answer for _, answer in pairs])


def test_keys_that_are_equal_have_one_place():
    chance = np.random.default_rng(0)
    for size, different in ((0, 1), (1, 1), (50, 5), (20_000, 15_000), (20_000, 3)):
        keys = chance.integers(0, different, size).astype(np.uint64)
        found = ngrams.alike(keys)
        assert (keys[found] == keys).all()
        assert len(np.unique(found)) == len(np.unique(keys))


def test_keys_chosen_to_meet_in_one_slot_are_told_apart():
    """Whoever knows the factor can write n-grams that all fall into slot 0: they cost a sort, not a step of recursion each."""
    keys = np.tile(np.arange(3_000, dtype=np.uint64) * np.uint64(pow(int(ngrams._ODD), -1, 2**64)), 2)
    found = ngrams.alike(keys)
    assert (keys[found] == keys).all()
    assert len(np.unique(found)) == 3_000


@pytest.mark.parametrize(
    ("prompt", "last"),
    [
        ("User: a", "a"),
        ("Say User: a", "Say User: a"),
        ("System: s\n\nUser: a\n\nAssistant: b\n\nUser: c", "c"),
        ("User: a\n\nTool: t\n\nAssistant: b", "a"),
        ("x\nUser: a", "x\nUser: a"),
    ],
)
def test_the_question_is_the_last_turn_of_the_user(prompt, last):
    assert question(prompt) == last
