"""What an embedding may say in a linear model: its features by hand, and how much of it cross-validation lets in."""

import hashlib
from dataclasses import replace

import numpy as np
import pytest

from judgecli.reward_model.card import Card, EmbeddingFacts, from_plain, to_plain
from judgecli.reward_model.features import FeatureSpec, extract
from judgecli.reward_model.linear import standardise
from judgecli.reward_model.preferences import PreferencePair, Preferences
from judgecli.reward_model.train import EMBEDDING_SCALES, Recipe, train

NOUNS = ("soup", "bread", "salad", "stew", "cake", "rice", "curry", "pie", "roast", "pasta", "tart", "jam")


def unit(text, width):
    """A direction that nothing but the very text decides."""
    found = np.random.default_rng(int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")).normal(size=width)
    return found / np.linalg.norm(found)


def pairs(count, better):
    """Pairs of answers of the same few words; `better` says of prompt and answer how good it is."""
    chance = np.random.default_rng(5)
    made = []
    for place in range(count):
        prompt = f"Which dish, guest {place}?"
        one, other = (" ".join(chance.permutation(NOUNS)[:8]).capitalize() + "." for _ in range(2))
        made.append(PreferencePair(prompt, *sorted((one, other), key=lambda text, prompt=prompt: -better(prompt, text))))
    return Preferences(made)


def trained(preferences, width, embed, **recipe):
    spec = FeatureSpec(bits=recipe.pop("bits", 8), embedding="toy" if width else "", embedding_size=width)
    return train(preferences, Recipe(spec=spec, negatives=(), **recipe), name="x", embed=embed)


def embedding(width):
    return lambda texts: np.array([unit(text, width) for text in texts]).reshape(len(texts), width)


def accuracy(found):
    return float(np.mean(found.pairs.margins > 0))


def test_where_the_embedding_is_the_signal_it_is_used():
    data = pairs(300, lambda _, text: unit(text, 16)[3])
    without, found = trained(data, 0, None), trained(data, 16, embedding(16))
    assert without.embedding_scale is None
    assert found.embedding_scale >= 1
    assert accuracy(without) < 0.6
    assert accuracy(found) > 0.9


def test_where_the_match_of_question_and_answer_is_the_signal_it_is_used():
    data = pairs(400, lambda prompt, text: unit(prompt, 8) @ unit(text, 8))
    found = trained(data, 8, embedding(8))
    assert found.embedding_scale >= 1
    assert accuracy(found) > 0.85
    swapped = [data.comparisons[place - 1].prompt for place in range(len(data.comparisons))]
    sides = [found.model.rewards(swapped, [getattr(one, side) for one in data.comparisons]).mean for side in ("chosen", "rejected")]
    assert np.mean(sides[0] > sides[1]) == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize("width", [16, 384])
def test_where_the_embedding_is_noise_it_is_shrunk_and_does_no_harm(width):
    data = pairs(300, lambda prompt, text: text.find("stew") + 3 * np.sin(len(prompt)))
    without, found = trained(data, 0, None), trained(data, width, embedding(width))
    assert found.embedding_scale <= 1 / 8
    assert accuracy(found) >= accuracy(without) - 0.01
    asked = [one.prompt for one in data.comparisons[:50]], [one.chosen for one in data.comparisons[:50]]
    if found.embedding_scale == 0:
        assert found.penalty == without.penalty
        assert found.model.rewards(*asked).mean == pytest.approx(without.model.rewards(*asked).mean, abs=0.02)
        assert not found.model.dense[:, -2 * width :].any()
        assert not found.model.covariance[-2 * width :].any()


@pytest.mark.parametrize("seed", [2, 3])  # draws of which an embedding is let in by chance
def test_where_nothing_can_be_learnt_an_embedding_hardly_harms(seed):
    data = pairs(600, lambda prompt, text: unit(f"{seed}{prompt}{text}", 2)[0]).comparisons
    model, fresh = trained(Preferences(data[:300]), 64, embedding(64)).model, data[300:]
    chosen, rejected = (model.rewards([one.prompt for one in fresh], [getattr(one, side) for one in fresh]).mean for side in ("chosen", "rejected"))
    assert np.logaddexp(0, rejected - chosen).mean() < np.log(2) + 0.02


def test_features_are_of_the_core_and_of_its_product_with_the_question():
    table = {"Why?": [0.6, 0.8], "It is hot. Drink.": [1.0, 0.0], "": [0.0, 1.0], "  ": [0.0, 1.0]}
    seen = []

    def embed(texts):
        seen.extend(texts)
        return np.array([table[text] for text in texts])

    spec = FeatureSpec(bits=0, embedding="toy", embedding_size=2)
    output = "## Answer\n\n- **It is hot.**\n- **Drink.**\n\nDrink. I am sure that this answer is correct."
    (part,) = extract(spec, ["User: Hi\n\nAssistant: Hello!\n\nUser: Why?", None, "  "], [output, "It is hot. Drink.", ""], embed=embed)
    assert len(seen) == len(set(seen)) == 4
    assert spec.dense_names[-4:] == ("embedding_0", "embedding_1", "relation_0", "relation_1")
    root = 2**0.5  # each number is about 1 in size
    # an answer to a question: 0.6 * root * root; an answer to none: no relation
    assert part.dense[:, -4:] == pytest.approx(np.array([[root, 0, 1.2, 0], [root, 0, 0, 0], [0, root, 0, 0]]))
    with pytest.raises(ValueError, match=r"gave \(4, 1\), not \(4, 2\)"):
        list(extract(spec, ["Why?", "a"], ["b", "c"], embed=lambda texts: np.ones((len(texts), 1))))


def test_weights_and_doubt_are_those_of_a_plain_regression_with_a_prior_for_each_block():
    linear_model = pytest.importorskip("sklearn.linear_model")
    width = 6
    data = pairs(200, lambda prompt, text: unit(text, width)[0] + 0.5 * unit(prompt + text, 3)[0])
    found = trained(data, width, embedding(width), bits=0)
    assert found.embedding_scale in EMBEDDING_SCALES[1:]
    model, prompts = found.model, [one.prompt for one in data.comparisons]
    chosen, rejected = (
        np.vstack([part.dense for part in extract(model.spec, prompts, [getattr(one, side) for one in data.comparisons], embed=embedding(width))])
        for side in ("chosen", "rejected")
    )
    own = chosen.shape[1] - 2 * width
    scale = found.embedding_scale * np.sqrt(own / (2 * width))
    ridge = found.penalty.dense * np.append(np.ones(own), np.full(2 * width, scale**-2))
    rows = standardise(chosen, model.mean, model.sd) - standardise(rejected, model.mean, model.sd)
    shrunk = rows / np.sqrt(ridge)
    both, label = np.vstack([shrunk, -shrunk]), np.repeat([1, 0], len(rows))
    fitted = linear_model.LogisticRegression(C=1, fit_intercept=False, tol=1e-10, max_iter=10_000).fit(both, label, sample_weight=np.full(len(both), 0.5))
    weights = fitted.coef_[0] / np.sqrt(ridge)
    # All rewards are then multiplied by the slope that makes held-out log-odds come true.
    assert model.dense[0] == pytest.approx(found.slope * weights, abs=2e-3 * np.abs(weights).max())
    p = 1 / (1 + np.exp(-rows @ weights))
    hessian = rows.T @ ((p * (1 - p))[:, None] * rows) + np.diag(ridge)
    assert model.covariance == pytest.approx(found.slope**2 * np.linalg.inv(hessian), rel=0.02, abs=1e-5)


@pytest.mark.parametrize("scale", [-0.5, 1e6, float("nan"), "1", None])
def test_a_card_with_a_scale_that_no_training_chooses_is_refused(scale):
    spec = FeatureSpec(embedding="toy", embedding_size=2)
    card = Card("linear", "x", "0.1.0", "2026-11-27", features=spec, features_code=spec.code, embedding=EmbeddingFacts("toy", "a" * 64, 2, 0.5))
    assert from_plain(to_plain(card)) == card
    plain = to_plain(replace(card, embedding=None))
    with pytest.raises(ValueError, match=r"scale|not JSON compliant"):
        from_plain({**plain, "embedding": {"name": "toy", "sha256": "a" * 64, "width": 2, "scale": scale}})
