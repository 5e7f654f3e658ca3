"""Paths: what they read, what they refuse."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from judgecli.errors import UnknownName, UsageError
from judgecli.readers.mapping import check_fields, getter, parse_path, quoted

ONE = {"a": {"b": [10, {"c": None}, "last"]}, "x.y": 1, "n": None, "0": "zero", "e": "", "a b": 2, "f": False, "l": [[1, 2], [3]], 'q"': 9}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("a.b.0", 10),
        ("a.b.-1", "last"),
        ("a.b.2", "last"),
        ("a.b.3", None),
        ("a.b.-4", None),
        ("a.b.c", None),
        ("a.b.1.c", None),
        ('"x.y"', 1),
        ("x.y", None),
        ("n|x", None),
        ('n|"x.y"|a', 1),
        ("a.b.1.c|a.b.0", 10),
        ("e|f", ""),
        ("f|e", False),
        ("0", "zero"),
        ('"0"', "zero"),
        ("a b", 2),
        ("l.1.0", 3),
        ('a."b".0', 10),
        ('a.b."0"', None),
        ('"q\\""', 9),
        ("a.b", ONE["a"]["b"]),
    ],
)
def test_paths(path, value):
    assert getter(path)([ONE]) == [value]


@pytest.mark.parametrize("path", ["", ".", "a.", ".a", "a..b", "a|", "|a", '"a', 'a"b"', '"a"b', "a. "])
def test_paths_that_do_not_read(path):
    with pytest.raises(UsageError, match="path"):
        parse_path(path)


@given(st.text(min_size=1), st.text(max_size=3))
def test_a_quoted_key_is_that_key(key, other):
    assert getter(quoted(key))([{key: 1, other + "x" + key: 2}]) == [1]


def test_columns_of_a_flat_table_are_read_as_they_stand():
    assert getter("answer.text", ("answer.text",))([{"answer.text": 1}]) == [1]


def test_fields_must_exist():
    check_fields({"output": "a", "tags.country": "b", "score.x": "c", "label.thumbs": "d"})
    for name in ("outptu", "tags.", "tag.x", "key", "source"):
        with pytest.raises(UnknownName):
            check_fields({name: "a"})
