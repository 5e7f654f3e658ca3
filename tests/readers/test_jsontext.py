"""The line parser: every trap of JSON in Python closed, every value kept."""

import base64
import gzip
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from judgecli.readers.adapter import RefusedLine
from judgecli.readers.jsontext import parse_object


def reason(raw: bytes, max_depth: int = 200) -> str:
    with pytest.raises(RefusedLine) as caught:
        parse_object(raw, max_depth)
    return caught.value.reason


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"{", "not_json"),
        (b"{'a': 1}", "not_json"),
        (b'{"a": 01}', "not_json"),
        (b'{"a": 1,}', "not_json"),
        (b'{"a": 1} x', "not_json"),
        (b'{"a": "\t"}', "not_json"),
        (b'{"a": "\\ud800", }', "not_json"),
        (b"[1]", "not_an_object"),
        (b"1", "not_an_object"),
        (b'"x"', "not_an_object"),
        (b"null", "not_an_object"),
        (b'{"a": NaN}', "non_finite"),
        (b'{"a": Infinity}', "non_finite"),
        (b'{"a": [{"b": -Infinity}]}', "non_finite"),
        (b'{"a": 1e999}', "non_finite"),
        (b'{"a": {"b": [-1e999]}}', "non_finite"),
        (b'{"a": "\xff"}', "bad_encoding"),
        (b'{"a": "\xed\xa0\x80"}', "bad_encoding"),
        (b'{"a": "\xc0\xaf"}', "bad_encoding"),
        (b'{"a":' * 201, "too_deep"),
        (b"[" * 1_025 + b"]" * 1_025, "too_deep"),
        (b'{"a":' * 201 + b"1" + b"}" * 201, "too_deep"),
    ],
)
def test_refused_with_its_reason(raw, why):
    assert reason(raw) == why


def test_depth_is_counted_to_the_last_level():
    fits = b'{"a":' * 200 + b"1" + b"}" * 200
    assert parse_object(fits, 200)
    assert reason(fits, 199) == "too_deep"
    assert reason(b'{"a": ' + b"[" * 50 + b"]" * 50 + b"}", 50) == "too_deep"


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (b'{"a": 1, "a": 2}', {"a": 2}),
        (b'{"a": "\\u0000x"}', {"a": "\0x"}),
        (b'{"a": "\\ud83d\\ude00"}', {"a": "\U0001f600"}),
        (b'{"a": "\\ud800"}', {"a": "\\ud800"}),
        (b'{"a": "\\uDC00x\\uD83D\\uDE00"}', {"a": "\\uDC00x\U0001f600"}),
        (b'{"a": "\\\\ud800 \\ud801"}', {"a": "\\ud800 \\ud801"}),
        (b'{"\\udfff": "\\n"}', {"\\udfff": "\n"}),
        (b'{"a": 9223372036854775807}', {"a": 9223372036854775807}),
        (b'{"a": "\xe2\x80\xa8"}', {"a": "\u2028"}),
        (b'{"a": 1e-999}', {"a": 0.0}),
    ],
)
def test_accepted_with_its_value(raw, value):
    assert parse_object(raw, 200) == value


def test_integers_beyond_64_bit_are_floats_and_beyond_floats_text():
    assert parse_object(b'{"a": 123456789012345678901234567890}', 200)["a"] == 1.2345678901234568e29
    digits = b"7" * 5000
    assert parse_object(b'{"a": [' + digits + b'], "b": 1.5}', 200) == {"a": [digits.decode()], "b": 1.5}
    assert parse_object(b'{"a": "\\ud800", "b": ' + digits + b"}", 200)["b"] == digits.decode()


def suite(data, expect):
    with gzip.open(data / "hostile/json_parsing.jsonl.gz") as file:
        cases = [json.loads(line) for line in file]
    return [(case["name"], base64.b64decode(case["base64"])) for case in cases if case["expect"] == expect]


def test_json_suite_rejects(data):
    cases = suite(data, "reject")
    assert len(cases) == 186
    for name, raw in cases:
        with pytest.raises(RefusedLine):  # noqa: PT012
            parse_object(raw, 200)
            pytest.fail(name)


def test_json_suite_accepts(data):
    cases = suite(data, "accept")
    assert len(cases) == 95
    for name, raw in cases:
        expected = json.loads(raw)
        if isinstance(expected, dict):
            assert parse_object(raw, 200) == expected, name
        else:
            assert reason(raw) == "not_an_object", name


def test_json_suite_free_cases_never_raise_anything_else(data):
    for _, raw in suite(data, "either"):
        try:
            parse_object(raw, 200)
        except RefusedLine as refused:
            assert refused.reason in ("not_json", "not_an_object", "too_deep", "non_finite", "bad_encoding")  # noqa: PT017


@given(st.binary(max_size=80))
def test_any_bytes_parse_or_are_refused(raw):
    try:
        assert isinstance(parse_object(raw, 50), dict)
    except RefusedLine as refused:
        assert str(refused)  # noqa: PT017


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), VALUES), st.booleans())
def test_any_object_comes_back(value, escaped):
    assert parse_object(json.dumps(value, ensure_ascii=escaped).encode(), 200) == value
