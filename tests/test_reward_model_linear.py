"""The linear reward model: features against scikit-learn, the posterior against the exact one, a fit of known truth."""

import numpy as np
import pytest
from scipy import sparse, special
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression

from judgecli.reward_model import ngrams
from judgecli.reward_model.features import FeatureSpec, extract
from judgecli.reward_model.linear import Penalty, RewardRows, exact_variance, fit, posterior, variance
from judgecli.reward_model.spacing import single_spaced

TEXTS = ["A cat sat.", "", "the the the cat", "x", "Über 3,5 kg — naïve? don't!", "line\n\nline  two\t"]


def test_character_grams_are_as_many_as_scikit_learns():
    texts = [text for text in TEXTS if text.isascii()]
    wanted = CountVectorizer(analyzer="char_wb", ngram_range=(3, 5)).fit_transform(texts).sum(axis=1)
    spaced = ngrams.space([single_spaced(text) for text in texts])
    assert sum(ngrams.character_grams(spaced, size).total for size in (3, 4, 5)).tolist() == np.asarray(wanted).ravel().tolist()


def test_shared_words_by_hand():
    ours, theirs = (ngrams.word_hashes(ngrams.space(side)) for side in (["a b a c", "x"], ["a a d b", "y"]))
    assert ngrams.shared(ours, theirs).tolist() == [3, 0]
    assert ngrams.held_by(ours, theirs).tolist() == [True, True, True, False, False]
    assert ngrams.distinct(ours).tolist() == [3, 1]


def test_rows_of_features_are_independent():
    spec, inputs = FeatureSpec(bits=10), ["a cat?", None, "", "the cat", "kg", "two", None, None]
    texts = [*TEXTS, "", "#tag"]  # nothing, then what begins with a mark
    whole = next(extract(spec, inputs, texts))
    for row, (asked, text) in enumerate(zip(inputs, texts, strict=True)):
        alone = next(extract(spec, [asked], [text]))
        assert (alone.dense[0] == whole.dense[row]).all()
        assert abs(alone.hashed.matrix() - whole.hashed.matrix()[row]).max() == 0
    assert whole.dense.shape[1] == len(spec.dense_names)


def drawn(n=400, d=3, p=40):
    chance = np.random.default_rng(0)
    dense, hashed = chance.normal(size=(n, d)), sparse.random(n, p, 0.2, "csr", rng=chance)
    truth = special.expit(dense @ np.array([1.0, -0.5, 0.0]) + hashed @ chance.normal(size=p))
    return RewardRows(dense, hashed, (chance.random(n) < truth).astype(float), np.ones(n), np.zeros(n))


def test_the_fit_is_scikit_learns():
    rows = drawn()
    oracle = LogisticRegression(C=0.5, fit_intercept=False, tol=1e-8, max_iter=5000).fit(np.hstack([rows.dense, rows.hashed.toarray()]), rows.target)
    found = fit(rows, Penalty(2.0, 2.0))
    assert np.concatenate([found.dense, found.hashed]) == pytest.approx(oracle.coef_[0], abs=1e-3)


def test_the_posterior_is_near_the_exact_one():
    rows = drawn()
    penalty = Penalty(2.0, 2.0)
    weights = fit(rows, penalty)
    exact = exact_variance(rows, weights, penalty, rows)
    full = np.hstack([rows.dense, rows.hashed.toarray()])
    p = special.expit(weights.margins(rows))
    hessian = full.T @ ((p * (1 - p))[:, None] * full) + 2 * np.eye(full.shape[1])
    assert exact == pytest.approx(np.einsum("ij,jk,ik->i", full, np.linalg.inv(hessian), full), rel=1e-6)
    ours = variance(posterior(rows, weights, penalty), rows.dense, rows.hashed)
    assert ours.mean() == pytest.approx(exact.mean(), rel=0.15)
    assert np.corrcoef(ours, exact)[0, 1] > 0.8
