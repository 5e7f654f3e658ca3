"""Word n-grams trained with scikit-learn on the real sets: what `judge rm eval` says of a model that is known to be mostly length, and of one that is not."""

import numpy as np
import pytest
import scipy.sparse as sp
from harness import DATA
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.linear_model import LogisticRegression

from judgecli.readers.preferences import read_preferences
from judgecli.reward_model.evaluation import evaluate

pytestmark = pytest.mark.long


def rewards_of(train, texts):
    """Bradley-Terry on the logarithms of 1- and 2-gram counts."""
    hashing = HashingVectorizer(ngram_range=(1, 2), n_features=2**16, alternate_sign=False, norm=None)

    def features(side):
        table = hashing.transform(side)
        table.data = np.log1p(table.data)
        return table

    gaps = features([one.chosen for one in train]) - features([one.rejected for one in train])
    both, labels = sp.vstack([gaps, -gaps]), np.repeat([1, 0], len(train))
    weights = LogisticRegression(C=0.01, fit_intercept=False, max_iter=300).fit(both, labels).coef_[0]
    return [features(side) @ weights for side in texts]


@pytest.fixture
def data():
    if not DATA.is_dir():
        pytest.skip("the real data is not here")
    return DATA / "preferences"


KNOWN = [("alpaca_gpt4_pairs", (0.82, 0.86), 0.850, "mostly_length"), ("hh_harmless", (0.57, 0.65), 0.447, "beyond_length")]


@pytest.mark.parametrize(("name", "accuracy", "longer", "verdict"), KNOWN)
def test_what_is_said_of_word_ngrams(data, name, accuracy, longer, verdict):
    train, test = (read_preferences([str(data / f"{name}.{part}.jsonl.gz")]).comparisons for part in ("train", "test"))
    found = evaluate(test, *rewards_of(train, [[one.chosen for one in test], [one.rejected for one in test]]))
    assert accuracy[0] <= found.accuracy.mean <= accuracy[1]
    assert found.length.longer.mean == pytest.approx(longer, abs=0.001)
    assert found.length.verdict == verdict
    if name == "alpaca_gpt4_pairs":
        assert found.length.matched_n == 220
        assert 0.5 <= found.length.matched.mean <= 0.57
