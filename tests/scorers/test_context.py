import pytest

from judgecli.scorer import Score
from judgecli.scorers.context.overlap import context_overlap, context_use, copied_share
from judgecli.scorers.context.passages import words_of


def value(item):
    return item.value if isinstance(item, Score) else item


@pytest.mark.parametrize(
    ("text", "words"),
    [("It's 5€", ["it", "s", "5"]), ("你好 world", ["你", "好", "world"]), ("naïve ÜBER", ["naïve", "über"]), ("สวย", ["ส", "ว", "ย"]), ("", [])],
)
def test_words_of_by_hand(text, words):
    assert words_of(text) == words


@pytest.mark.parametrize(
    ("output", "contexts", "n", "share"),
    [
        ("the cat sat down", ["the cat sat"], 2, 2 / 3),
        ("the cat sat", ["the cat", "cat sat"], 2, 1.0),
        ("The CAT.", ["the cat"], 2, 1.0),
        ("sat the", ["the sat"], 2, 0.0),
        ("sat the", ["the sat"], 1, 1.0),
        ("the the the", ["the the"], 2, 1.0),
        ("cat", ["cat"], 2, None),
        ("the cat", [], 2, None),
        ("the cat", [""], 2, 0.0),
    ],
)
def test_context_overlap_by_hand(output, contexts, n, share):
    assert context_overlap([output], [contexts], n=n) == [pytest.approx(share) if share is not None else None]


@pytest.mark.parametrize(
    ("output", "contexts", "share", "said"),
    [
        ("x a b c d y", ["a b c d", "e f g h"], 0.5, "draws on 1 of 2: 1"),
        ("x a b c y", ["a b c d"], 0.0, "draws on 0 of 1: none"),
        ("a b c d", ["a b c", "a b c d"], 1.0, "draws on 1 of 1: 2"),  # three words are too few to tell
        ("a b c d", ["a b c"], None, None),
        ("a b c d", [], None, None),
    ],
)
def test_context_use_by_hand(output, contexts, share, said):
    (item,) = context_use([output], [contexts])
    assert value(item) == share
    assert said is None or item.explanation == said


@pytest.mark.parametrize(
    ("output", "contexts", "share"),
    [
        ("well a b c d", ["a b c d"], 0.8),
        ("a b c x b c d", ["a b c d"], 6 / 7),
        ("a b", ["a b"], 0.0),
        ("", ["a b c"], None),
        ("a b c", [], None),
    ],
)
def test_copied_share_by_hand(output, contexts, share):
    assert copied_share([output], [contexts], n=3) == [pytest.approx(share) if share is not None else None]


@pytest.mark.parametrize("scorer", [context_overlap, context_use, copied_share])
def test_n_below_one_is_refused(scorer):
    with pytest.raises(ValueError, match="n must be at least 1, got 0"):
        scorer(["a"], [["a"]], n=0)
