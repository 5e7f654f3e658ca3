import gzip
import json
import random
from pathlib import Path

import pytest
import sacrebleu
from hypothesis import example, given
from hypothesis import strategies as st

from judgecli.scorers.reference.bleu import bleu, tokenised
from judgecli.scorers.reference.chrf import chrf
from judgecli.scorers.reference.shared_ngrams import shared_counts

DATA = Path(__file__).parents[2] / "../shared/data"
PUNCTUATED = st.text(st.sampled_from("ab1 2.,,-\n\t&;qutlg<>/'\"%()éя\u00a0\x1c\x85"), max_size=40)


def rows(path, count):
    if not (DATA / path).exists():
        pytest.skip(f"{DATA / path} is not here")
    return [json.loads(line) for line in gzip.decompress((DATA / path).read_bytes()).decode().split("\n")[:count] if line]


def assert_equal_to_sacrebleu(outputs, references):
    pairs = list(zip(outputs, references, strict=True))  # sacrebleu gives 0 where the reference is empty; we give null
    expected_bleu = [sacrebleu.sentence_bleu(text, [wanted]).score for text, wanted in pairs]
    expected_chrf = [sacrebleu.sentence_chrf(text, [wanted]).score for text, wanted in pairs]
    assert [score or 0.0 for score in bleu(outputs, references)] == pytest.approx(expected_bleu, abs=1e-9)
    assert [score or 0.0 for score in chrf(outputs, references)] == pytest.approx(expected_chrf, abs=1e-9)


@pytest.mark.parametrize(
    ("output", "reference", "bleu_value", "chrf_value"),
    [
        ("a b c d e", "a b c d e", 100.0, 100.0),
        ("", "a b", 0.0, 0.0),
        ("x", "y", 0.0, 0.0),
        ("a", "", None, None),
        ("a", " \n", None, None),
        ("ab", "ab", 100.0, 100.0),
        ("a b", "b a", 100 * 0.5**0.5, 50.0),  # 2 of 2 words, 0 of 1 pairs smoothed to 1 / (2 * 1); characters 2 of 2 and 0 of 1
        ("thecat", "the hat", 0.0, 100 * (5 / 6 + 3 / 5 + 1 / 4) / 6),
    ],
)
def test_by_hand(output, reference, bleu_value, chrf_value):
    expected = [pytest.approx(value) if value is not None else None for value in (bleu_value, chrf_value)]
    assert [bleu([output], [reference])[0], chrf([output], [reference])[0]] == expected


def test_shared_counts_by_hand():
    pairs = [(b"\1\2\3", b"\1\2\3"), (b"", b"\1"), (b"\1\1\1", b"\1\1"), (b"\1\2", b"\2\1")]
    assert shared_counts(pairs, order=3, width=1).tolist() == [[3, 2, 1], [0, 0, 0], [2, 1, 0], [2, 0, 0]]
    assert shared_counts([], order=3, width=1).shape == (0, 3)


def test_shared_counts_of_many_pairs_do_not_mix():
    pairs = [(bytes([1 + index % 7, 2]), bytes([1 + index % 5, 2])) for index in range(9000)]
    assert shared_counts(pairs, order=2, width=1).tolist() == [shared_counts([pair], order=2, width=1)[0].tolist() for pair in pairs]


@given(PUNCTUATED)
@example("1.b 2,c 3.4 .d")
@example("a..5 ,.5. -\n1-2--3 &amp;lt; .")
def test_tokens_are_those_of_sacrebleu(text):
    theirs = sacrebleu.BLEU(effective_order=True)
    assert tokenised([text, f"x\0{text}", ""])[::2] == [theirs._preprocess_segment(text).split(), []]
    assert tokenised([text, "b."]) == [theirs._preprocess_segment(text).split(), ["b", "."]]


@given(st.lists(st.tuples(PUNCTUATED, PUNCTUATED), min_size=1, max_size=5))
def test_equal_to_sacrebleu_on_odd_punctuation(pairs):
    assert_equal_to_sacrebleu([text for text, _ in pairs], [wanted for _, wanted in pairs])


@given(st.lists(st.tuples(st.text(), st.text()), min_size=1, max_size=3))
def test_equal_to_sacrebleu_on_any_text(pairs):
    assert_equal_to_sacrebleu([text for text, _ in pairs], [wanted for _, wanted in pairs])


def test_equal_to_sacrebleu_on_many_characters_and_words():
    rng = random.Random(7)  # noqa: S311  a seeded sample, no secret
    korean = ["".join(chr(0xAC00 + rng.randrange(600)) for _ in range(2000)) for _ in range(2)]
    vocabulary = [" ".join(f"w{rng.randrange(6000)}" for _ in range(9000)) for _ in range(2)]
    assert_equal_to_sacrebleu([korean[0], vocabulary[0]], [korean[1], vocabulary[1]])


def test_equal_to_sacrebleu_on_summeval():
    references = {row["doc_id"]: row["reference"] for row in rows("judge_alignment/summeval_docs.jsonl.gz", 100)}
    summaries = rows("judge_alignment/summeval_scores.jsonl.gz", 400)
    assert_equal_to_sacrebleu([row["summary"] for row in summaries], [references[row["doc_id"]] for row in summaries])


def test_equal_to_sacrebleu_on_long_answers():
    pairs = rows("preferences/alpaca_gpt4_pairs.test.jsonl.gz", 150)
    assert_equal_to_sacrebleu([row["chosen"] for row in pairs], [row["rejected"] for row in pairs])


def test_equal_to_sacrebleu_on_translations():
    pairs = rows("preferences/wmt19_darr_gu-en.jsonl.gz", 400)
    assert_equal_to_sacrebleu([row["chosen"] for row in pairs], [row["reference"] for row in pairs])


CHINESE = [
    "先把水烧开，然后把茶叶放进杯子里泡三分钟。",
    "先把水烧开，然后把茶叶放进杯子里泡四分钟。",
    "明天北京会下大雨，请带伞。",
    "价格是 3.5 元（含税），GPT-4 除外。",
]


@pytest.mark.parametrize("wanted", CHINESE)
def test_chinese_is_cut_as_sacrebleu_cuts_it_when_told(wanted):
    theirs = sacrebleu.BLEU(effective_order=True, tokenize="zh")
    assert bleu(CHINESE, [wanted] * 4) == pytest.approx([theirs.sentence_score(text, [wanted]).score for text in CHINESE], abs=1e-9)


@pytest.mark.parametrize(
    ("copy", "wanted", "other"),
    [
        ("先把水烧开，然后泡三分钟。", "先把水烧开，然后泡四分钟。", "明天北京会下大雨，请带伞。"),
        ("まず水を沸かし、三分待ちます。", "まず水を沸かし、四分待ちます。", "彼女は犬を飼っている。"),
        ("ต้มน้ำก่อนแล้วรอสามนาที", "ต้มน้ำก่อนแล้วรอสี่นาที", "พรุ่งนี้ฝนจะตกหนัก"),
    ],
)
def test_scripts_without_spaces_are_told_apart(copy, wanted, other):
    near, far = bleu([copy, other], [wanted] * 2)
    assert near > 50 > 10 > far


def test_composed_and_decomposed_letters_are_the_same():
    assert bleu(["Cafe\u0301 cre\u0300me"], ["Caf\u00e9 cr\u00e8me"]) == chrf(["Cafe\u0301 cre\u0300me"], ["Caf\u00e9 cr\u00e8me"]) == [100.0]
