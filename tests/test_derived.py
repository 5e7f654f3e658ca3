"""The derived columns: words, hashes and sentences of a batch, from lists and from Arrow."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from judgecli import derived
from judgecli.errors import UsageError
from judgecli.unspaced import mostly_unspaced, tokens

texts = st.lists(st.text(st.characters(exclude_categories=("Cs",)), max_size=40), max_size=8)
MIXED = st.text(st.sampled_from("ab 。，你好世カなไทยក é\n\u3000\U00020000x."), max_size=20)


def test_words_of_a_block_by_hand():
    block = derived.derive("output_block", ["a bc", "", "d\u3000e", " "])
    assert block.offsets.tolist() == [0, 4, 4, 9, 10]
    assert block.starts.tolist() == [0, 2, 4, 8]
    assert block.ends.tolist() == [1, 4, 5, 9]
    assert block.word_offsets.tolist() == [0, 2, 2, 4, 4]
    assert block.words.tolist() == [2, 0, 2, 0]
    assert block.ascii.tolist() == [True, True, False, True]
    assert block.text(2) == "d\u3000e"


@settings(deadline=None)
@given(texts)
def test_a_block_splits_as_python_does(batch):
    block = derived.derive("output_block", batch)
    for index, text in enumerate(batch):
        inside = slice(block.word_offsets[index], block.word_offsets[index + 1])
        words = [block.data[first:last].tobytes().decode() for first, last in zip(block.starts[inside], block.ends[inside], strict=True)]
        assert words == text.split()


@settings(deadline=None)
@given(texts)
def test_equal_words_have_equal_hashes_and_different_ones_do_not(batch):
    words = [word for text in batch for word in (tokens(text) if mostly_unspaced(text) else text.split())]
    hashes = derived.derive("output_hashes", batch).values.tolist()
    assert len(set(hashes)) == len(set(words)) == len(set(zip(words, hashes, strict=True)))


@settings(deadline=None)
@given(st.lists(MIXED, max_size=8), st.sampled_from([1, 2]))
def test_scripts_without_spaces_are_cut_into_letters(batch, n):
    block, hashes = derived.derive("output_block", batch), derived.derive("output_hashes", batch)
    assert block.mostly_unspaced.tolist() == list(map(mostly_unspaced, batch))
    for text, distinct, total in zip(batch, *hashes.distinct(n), strict=True):
        pieces, size = (tokens(text), 3 * n) if mostly_unspaced(text) else (text.split(), n)
        grams = list(zip(*(pieces[start:] for start in range(size)), strict=False))
        assert (distinct, total) == (len(set(grams)), len(grams))


@pytest.mark.parametrize(
    ("text", "mostly"), [("", False), ("你", True), ("ten letters 你", False), ("nine let 你", True), ("한국어 조선말", False), ("ไทย", True)]
)
def test_a_tenth_in_a_script_without_spaces(text, mostly):
    assert mostly_unspaced(text) == mostly


def test_words_of_every_length_around_the_loads_are_told_apart():
    words = ["x" * length + end for length in range(1, 140) for end in ("", "y", "\x00")]
    hashes = derived.derive("output_hashes", [" ".join(words)])
    assert len(set(hashes.values.tolist())) == len(set(words))


def test_a_hash_depends_on_the_word_alone():
    first = derived.derive("output_hashes", ["needle"]).values[0]
    assert derived.derive("output_hashes", ["hay needle", "x", "needle"]).values[[1, 3]].tolist() == [first, first]


def test_every_single_character_is_whitespace_where_python_says_so():
    batch = [f"a{chr(code)}b" for code in range(0x3100) if not 0xD800 <= code < 0xE000]
    assert derived.derive("output_block", batch).words.tolist() == [len(text.split()) for text in batch]


def test_the_cache_makes_each_kind_once():
    cache = {}
    block = derived.derive("output_block", ["a"], cache)
    derived.derive("output_hashes", None, cache)  # the texts are not asked for again
    assert derived.derive("output_block", None, cache) is block


def test_arrow_data_is_taken_without_making_another_array():
    array = pa.array(["a", "b"])
    assert derived.to_arrow(array) is array
    assert derived.to_arrow(pa.chunked_array([], pa.string())).to_pylist() == []
    assert derived.to_arrow(pa.array(["a", "b", "a"]).dictionary_encode()).to_pylist() == ["a", "b", "a"]


@pytest.mark.parametrize(("given_texts", "said"), [(["\ud800"], "UTF-8"), ([1], "not texts"), (["a", None], "1 of 2 texts are null")])
def test_texts_that_cannot_be(given_texts, said):
    with pytest.raises(UsageError, match=said):
        derived.to_arrow(given_texts)


def test_share_is_null_where_there_is_nothing():
    assert derived.share(np.array([1, 0]), np.array([2, 0])).to_pylist() == [0.5, None]


@pytest.mark.parametrize(
    ("name", "source"), [("output_block", "output"), ("output", "output"), ("tags_words", "tags_words"), ("reference_hashes", "reference")]
)
def test_source_of(name, source):
    assert derived.source_of(name) == source
