import math

import pytest

from judgecli.scorer import Score
from judgecli.scorers.numerals import numbers_in
from judgecli.scorers.reference.answers import choice, set_f1, tf_cosine
from judgecli.scorers.reference.edit import edit_similarity, jaro_winkler
from judgecli.scorers.reference.number_match import number_match


def value(item):
    return item.value if isinstance(item, Score) else item


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("1,234.50", ["1234.50"]),
        ("1,2,3", ["1", "2", "3"]),
        ("1,234,56", ["1", "234", "56"]),
        ("10-20", ["10", "20"]),
        ("-5 and −6 and +7", ["-5", "-6", "7"]),
        ("v2 B2B 3rd", ["3"]),
        ("1.2.3", []),
        ("2.5e3", ["2.5E+3"]),
        ("$5.", ["5"]),
        ("50%", ["50"]),
        ("red,5", ["5"]),
        ("1" * 50, []),
        ("", []),
    ],
)
def test_numbers_in_by_hand(text, numbers):
    assert [str(number) for number in numbers_in(text)] == numbers


@pytest.mark.parametrize(
    ("output", "reference", "similarity"),
    [("kitten", "sitting", 1 - 3 / 7), ("", "", 1.0), ("", "abc", 0.0), ("abc", "abc", 1.0), ("é", "e", 0.0)],
)
def test_edit_similarity_by_hand(output, reference, similarity):
    assert edit_similarity([output], [reference]) == [pytest.approx(similarity)]


@pytest.mark.parametrize(
    ("output", "reference", "similarity"),
    [("MARTHA", "MARHTA", 0.9611), ("DWAYNE", "DUANE", 0.84), ("DIXON", "DICKSONX", 0.8133), ("", "", 1.0), ("a", "", 0.0)],
)
def test_jaro_winkler_by_the_table_of_winkler(output, reference, similarity):
    assert jaro_winkler([output], [reference]) == [pytest.approx(similarity, abs=1e-4)]


@pytest.mark.parametrize("scorer", [edit_similarity, jaro_winkler])
def test_pairs_too_long_to_compare_are_unscored(scorer):
    items = scorer(["a" * 200_000, "a"], ["b" * 200_000, "a"])
    assert (items[0].reason, items[1]) == ("metric_error", 1.0)


@pytest.mark.parametrize(
    ("output", "reference", "tolerance", "rate"),
    [
        ("1,000 or so", "1000.0", 0.0, 1.0),
        ("5 and 7", "7, 5", 0.0, 1.0),
        ("5", "7 5", 0.0, 0.0),
        ("five", "5", 0.0, 0.0),
        ("15", "5", 0.0, 0.0),
        ("-5", "5", 0.0, 0.0),
        ("99", "100", 0.01, 1.0),
        ("98", "100", 0.01, 0.0),
        ("5", "none", 0.0, None),
    ],
)
def test_number_match_by_hand(output, reference, tolerance, rate):
    assert [value(item) for item in number_match([output], [reference], tolerance=tolerance)] == [rate]


@pytest.mark.parametrize(
    ("output", "reference", "f1"),
    [
        ("red, green", "Green; RED.", 1.0),
        ("1. red\n2) blue", "red, green", 0.5),
        ('["red", "green"]', "red, green", 1.0),
        ("red, red", "red", 1.0),
        ("", "red", 0.0),
        ("red", " , ", None),
    ],
)
def test_set_f1_by_hand(output, reference, f1):
    assert set_f1([output], [reference]) == [f1]


@pytest.mark.parametrize(
    ("output", "letter"),
    [
        ("B", "B"),
        ("b.", "B"),
        ("(B) Paris", "B"),
        ("B. Paris", "B"),
        ("**B**", "B"),
        ("The answer is C. Not A.", "C"),
        ("Answer: (d)", "D"),
        ("answer: b", "B"),
        ("The answer is b.", "B"),
        ("the answer is **c**", "C"),
        ("Answer: D", "D"),
        ("I first thought the answer is A, but the answer is B.", "B"),
        ("so \\boxed{C}", "C"),
        ("\\boxed{\\text{C}}", "C"),
        ("It must be (A) here", "A"),
        ("(A) or (B)", None),
        ("A) Paris\nB) Rome", None),
        ("A good question", None),
        ("The answer is a bit unclear", None),
        ("", None),
    ],
)
def test_choice_by_hand(output, letter):
    (item,) = choice([output], ["B"])
    if letter is None:  # what could not be read is no wrong answer
        assert (item.label, item.value, item.reason) == (None, None, "metric_error")
    else:
        assert (item.label, item.value) == (letter, float(letter == "B"))


def test_choice_is_null_without_a_letter_in_the_reference():
    assert choice(["B"], ["Paris"]) == [None]


@pytest.mark.parametrize(
    ("output", "reference", "cosine"),
    [
        ("a b", "A B", 1.0),
        ("a b", "b c", 0.5),
        ("a a", "a b", 1 / math.sqrt(2)),
        ("a a b", "a b", (1 + math.log(2) + 1) / math.sqrt(((1 + math.log(2)) ** 2 + 1) * 2)),
        ("", "a", 0.0),
        ("a", "", None),
    ],
)
def test_tf_cosine_by_hand(output, reference, cosine):
    assert tf_cosine([output], [reference]) == [pytest.approx(cosine) if cosine is not None else None]
