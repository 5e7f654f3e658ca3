import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rouge_score.rouge_scorer import RougeScorer

from judgecli.scorers.reference.porter import stem
from judgecli.scorers.reference.rouge import rouge_1, rouge_2, rouge_l

DATA = Path(__file__).parents[2] / "../shared/data"
OURS = {"rouge1": rouge_1, "rouge2": rouge_2, "rougeL": rouge_l}


def rows(path, count):
    if not (DATA / path).exists():
        pytest.skip(f"{DATA / path} is not here")
    return [json.loads(line) for line in gzip.decompress((DATA / path).read_bytes()).decode().split("\n")[:count] if line]


def assert_equal_to_rouge_score(outputs, references, stemmer):
    theirs = RougeScorer(list(OURS), use_stemmer=stemmer)
    expected = [theirs.score(wanted, text) for text, wanted in zip(outputs, references, strict=True)]
    for name, ours in OURS.items():
        # rouge-score gives 0 where the reference has nothing to find; we give null.
        scores = [score or 0.0 for score in ours(outputs, references, stemmer=stemmer)]
        assert scores == pytest.approx([one[name].fmeasure for one in expected], abs=1e-12)


@pytest.mark.parametrize(
    ("output", "reference", "one", "two", "longest"),
    [
        ("the cat sat", "the cat sat", 1.0, 1.0, 1.0),
        ("the cat sat", "sat cat the", 1.0, 0.0, 1 / 3),
        ("a b c d", "a x c y", 0.5, 0.0, 0.5),
        ("a a a", "a", 0.5, None, 0.5),
        ("", "a b", 0.0, 0.0, 0.0),
        ("a b", "", None, None, None),
        ("你好", "你好", 1.0, 1.0, 1.0),
        ("2023年", "2023 год", 0.5, 0.0, 0.5),  # no letters of rouge-score's: the number alone would be 1
        ("мир и труд", "мир, труд", 0.8, 0.0, 0.8),
        ("कि की", "की", 2 / 3, None, 2 / 3),  # vowel signs belong to the word
        ("cafe\u0301", "caf\u00e9", 1.0, None, 1.0),
        ("x", "。", None, None, None),
    ],
)
def test_rouge_by_hand(output, reference, one, two, longest):
    assert [rouge([output], [reference])[0] for rouge in OURS.values()] == [
        pytest.approx(value) if value is not None else None for value in (one, two, longest)
    ]


@pytest.mark.parametrize(
    ("word", "root"),
    [
        ("ties", "tie"),
        ("running", "run"),
        ("falling", "fall"),
        ("filing", "file"),
        ("controlling", "control"),
        ("psychologies", "psycholog"),
        ("skies", "sky"),
        ("is", "is"),
        ("enjoy", "enjoy"),
    ],
)
def test_stems_by_hand(word, root):
    assert stem(word) == root


@given(st.text("aeioulstyzdnigrc", min_size=1, max_size=14))
def test_stems_are_those_of_nltk(word):
    from nltk.stem.porter import PorterStemmer

    assert stem(word) == PorterStemmer().stem(word)


@pytest.mark.parametrize("stemmer", [False, True])
def test_rouge_equals_rouge_score_on_summeval(stemmer):
    references = {row["doc_id"]: row["reference"] for row in rows("judge_alignment/summeval_docs.jsonl.gz", 100)}
    summaries = rows("judge_alignment/summeval_scores.jsonl.gz", 320)
    assert_equal_to_rouge_score([row["summary"] for row in summaries], [references[row["doc_id"]] for row in summaries], stemmer)


def test_rouge_equals_rouge_score_on_long_answers():
    pairs = rows("preferences/alpaca_gpt4_pairs.test.jsonl.gz", 60)
    assert_equal_to_rouge_score([row["chosen"] for row in pairs], [row["rejected"] for row in pairs], stemmer=True)


@given(st.lists(st.tuples(st.text(), st.text()), min_size=1, max_size=4), st.booleans())
def test_rouge_equals_rouge_score_on_any_text(pairs, stemmer):
    assert_equal_to_rouge_score([text for text, _ in pairs], [wanted for _, wanted in pairs], stemmer)


def test_a_pair_too_long_to_compare_is_unscored_not_zero():
    (item,) = rouge_l(["a " * 200_000], ["b " * 200_000])
    assert (item.value, item.reason) == (None, "metric_error")
