import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from judgecli.scorer import Score
from judgecli.scorers.format.contains import contains_all, contains_any, contains_none
from judgecli.scorers.format.fenced import unfenced
from judgecli.scorers.format.json_schema import json_schema, json_schema_coverage
from judgecli.scorers.format.regex import regex, regex_count

ORDER = {
    "type": "object",
    "required": ["id", "lines"],
    "properties": {"id": {"type": "integer"}, "lines": {"type": "array", "items": {"type": "object", "required": ["sku"]}}},
}


def value(item):
    return item.value if isinstance(item, Score) else item


@pytest.mark.parametrize(
    ("text", "pattern", "match", "rate"),
    [
        ("a1", r"\d", "any", 1.0),
        ("a", r"\d", "any", 0.0),
        ("a", r"\d", "none", 1.0),
        ("a1", r"\d", "none", 0.0),
        ("12", r"\d+", "full", 1.0),
        ("12\n", r"\d+", "full", 0.0),
        ("ab", "a|b", "full", 0.0),  # the alternatives are taken together
        ("", "", "full", 1.0),
        ("Straße", "(?i)STRASSE", "any", 0.0),
    ],
)
def test_regex_by_hand(text, pattern, match, rate):
    assert regex([text], pattern=pattern, match=match) == [rate]


def test_regex_ignores_case_where_asked():
    assert regex(["Yes"], pattern="yes", ignore_case=True) == [1.0]
    assert regex(["Yes"], pattern="yes") == [0.0]


@pytest.mark.parametrize("pattern", ["(", "a)|(b", "(?=a)", r"(a)\1", "[", "a{1,1001}"])
@pytest.mark.parametrize("match", ["any", "full"])
def test_regex_refuses_what_re2_cannot_read(pattern, match):
    with pytest.raises(ValueError, match="patterns are RE2"):
        regex(["a"], pattern=pattern, match=match)


def test_regex_refuses_an_unknown_match():
    with pytest.raises(ValueError, match="any, none or full, got 'some'"):
        regex(["a"], pattern="a", match="some")


@pytest.mark.parametrize(("text", "count"), [("1 22 333", 3.0), ("", 0.0), ("é1é", 1.0)])
def test_regex_count_by_hand(text, count):
    assert regex_count([text], pattern=r"\d+") == [count]


def test_regex_count_refuses_a_pattern_of_nothing():
    with pytest.raises(ValueError, match="empty text"):
        regex_count(["aab"], pattern="a*")


@pytest.mark.parametrize(
    ("text", "values", "all_of", "any_of", "none_of"),
    [
        ("red green", ["red", "green"], 1.0, 1.0, 0.0),
        ("red", ["red", "green"], 0.0, 1.0, 0.0),
        ("blue", ["red", "green"], 0.0, 0.0, 1.0),
        ("Red", ["red"], 0.0, 0.0, 1.0),
        ("", ["red"], 0.0, 0.0, 1.0),
        ("sacred", "red", 1.0, 1.0, 0.0),
        ("in 2024", [2024], 1.0, 1.0, 0.0),  # the command line reads 2024 as a number
    ],
)
def test_contains_by_hand(text, values, all_of, any_of, none_of):
    assert (contains_all([text], values=values), contains_any([text], values=values), contains_none([text], values=values)) == ([all_of], [any_of], [none_of])


def test_contains_ignores_case_where_asked():
    assert contains_all(["STRASSE"], values="straße", ignore_case=True) == [1.0]


@pytest.mark.parametrize("values", [[], [""], ["a", ""], ""])
def test_contains_refuses_empty_values(values):
    with pytest.raises(ValueError, match="at least one"):
        contains_none(["a"], values=values)


@pytest.mark.parametrize(
    ("text", "body"),
    [
        ("```json\n{}\n```", "{}"),
        ("```\r\na\r\n```", "a"),
        ("  x ", "x"),
        ("```json\n{}", "```json\n{}"),
        ("a\n```json\n{}\n```", "a\n```json\n{}\n```"),
        ("```\na\n```\nb\n```\nc\n```", "```\na\n```\nb\n```\nc\n```"),
        ("```", "```"),
    ],
)
def test_unfenced_by_hand(text, body):
    assert unfenced(text) == body


@pytest.mark.parametrize(
    ("text", "rate", "explanation"),
    [
        ('{"id": 1, "lines": []}', 1.0, None),
        ('```json\n{"id": 1, "lines": []}\n```', 1.0, None),
        ('{"id": "1", "lines": []}', 0.0, '$.id: "1" is not of type "integer"'),
        ('{"id": 1, "lines": [{"sku": 1}, {}]}', 0.0, '$.lines[1]: "sku" is a required property'),
        ('{"id": NaN, "lines": []}', 0.0, "not JSON"),
        ("I cannot do that", 0.0, "not JSON"),
        ("", 0.0, "not JSON"),
        ("[" * 1_025, 0.0, "not JSON"),
    ],
)
def test_json_schema_by_hand(text, rate, explanation):
    (item,) = json_schema([text], schema=ORDER)
    assert value(item) == rate
    assert explanation is None or item.explanation.startswith(explanation)
    assert json_schema([text], schema=json.dumps(ORDER)) == [item]


def test_json_schema_without_fences():
    assert value(json_schema(["```\n{}\n```"], schema={}, fenced=False)[0]) == 0.0


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ({"type": "objekt"}, "cannot be used"),
        ({"$ref": "https://example.org/schema.json"}, "cannot be used"),
        ({"$ref": "file:///x/JUDGE_MARK"}, "cannot be used"),
        ({"pattern": "(?=a)b"}, "cannot be used"),
        ("order.json", "not a path"),
        ("[1]", "must be a JSON object"),
    ],
)
def test_json_schema_refuses_a_schema_it_cannot_use(schema, said):
    with pytest.raises(ValueError, match=said):
        json_schema(["{}"], schema=schema)
    with pytest.raises(ValueError, match=said):
        json_schema_coverage(["{}"], schema=schema)


@pytest.mark.parametrize(
    ("text", "share"),
    [
        ('{"id": 1, "lines": [{"sku": 1}]}', 1.0),
        ('{"id": 1, "lines": [{"sku": 1}, {}]}', 2 / 3),  # id, lines, lines[].sku
        ('{"id": "wrong type", "lines": []}', 1.0),
        ('{"lines": 5}', 1 / 3),
        ("{}", 0.0),
        ("[]", 0.0),
        ("no", 0.0),
    ],
)
def test_json_schema_coverage_by_hand(text, share):
    assert [value(item) for item in json_schema_coverage([text], schema=ORDER)] == [pytest.approx(share)]


def test_json_schema_coverage_is_null_where_nothing_is_required():
    assert json_schema_coverage(["{}"], schema={"type": "object"}) == [None]


@given(st.recursive(st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_json_schema_takes_any_json_where_the_schema_allows_all(data):
    assert json_schema([json.dumps(data)], schema="true") == [1.0]
