import pytest

from judgecli.scorers.reference.exact_match import exact_match, token_f1


@pytest.mark.parametrize(
    ("output", "reference", "rate", "raw"),
    [
        ("Paris", "Paris", 1.0, 1.0),
        ("paris.", "Paris", 1.0, 0.0),
        ("The  Eiffel Tower!", "eiffel tower", 1.0, 0.0),
        ("Rome", "Paris", 0.0, 0.0),
        ("", "Paris", 0.0, 0.0),
        ("The", "A", 0.0, 0.0),  # the SQuAD script would say 1: both normalise to nothing
        ("a.", "A", 1.0, 0.0),
        ("!", "?", 0.0, 0.0),
        (" ? ", "?", 1.0, 0.0),
        ("", "", 1.0, 1.0),
        ("北京", "北京", 1.0, 1.0),
    ],
)
def test_exact_match_by_hand(output, reference, rate, raw):
    assert exact_match([output], [reference]) == [rate]
    assert exact_match([output], [reference], raw=True) == [raw]


@pytest.mark.parametrize(
    ("output", "reference", "f1"),
    [
        ("the black cat", "A cat", 2 / 3),  # 1 shared of 2 and 1
        ("cat cat", "cat", 2 / 3),
        ("dog", "cat", 0.0),
        ("", "cat", 0.0),
        ("cat", "", None),
        ("cat", "?!", None),
        ("The", "A", 0.0),
        ("an a", "A", 2 / 3),
    ],
)
def test_token_f1_by_hand(output, reference, f1):
    assert token_f1([output], [reference]) == [pytest.approx(f1) if f1 is not None else None]


def test_a_missing_reference_is_no_score():
    assert exact_match(["a", "b"], [None, "b"]) == [None, 1.0]
