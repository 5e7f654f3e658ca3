import pytest

from judgecli.errors import EnvironmentFailure
from judgecli.scorer import Score
from judgecli.scorers.format.affixes import ends_with, equals_any, starts_with
from judgecli.scorers.format.code_valid import python_valid, sql_valid, yaml_valid
from judgecli.scorers.format.json_match import json_match
from judgecli.scorers.format.limits import cost_at_most, latency_at_most
from judgecli.scorers.format.markup import html_valid, xml_valid
from judgecli.scorers.format.tags import answer_tag, think_format
from judgecli.scorers.format.word_limit import word_limit


def value(item):
    return item.value if isinstance(item, Score) else item


def fault(item):
    return item.explanation if isinstance(item, Score) else None


@pytest.mark.parametrize(
    ("text", "starts", "ends", "equals"),
    [("no", 1.0, 1.0, 1.0), (" no\n", 1.0, 1.0, 1.0), ("not so", 1.0, 0.0, 0.0), ("so no", 0.0, 1.0, 0.0), ("No", 0.0, 0.0, 0.0), ("", 0.0, 0.0, 0.0)],
)
def test_affixes_by_hand(text, starts, ends, equals):
    assert (starts_with([text], values=["no", "x"]), ends_with([text], values=["no", "x"]), equals_any([text], values=["no", "x"])) == (
        [starts],
        [ends],
        [equals],
    )


def test_affixes_ignore_case_where_asked():
    assert (starts_with(["NO"], values="no", ignore_case=True), equals_any(["NO"], values="no", ignore_case=True)) == ([1.0], [1.0])


@pytest.mark.parametrize(("text", "rate"), [("", 0.0), ("one", 0.0), ("one two", 1.0), ("a b c", 1.0), ("a b c d", 0.0)])
def test_word_limit_by_hand(text, rate):
    assert [value(item) for item in word_limit([text], min=2, max=3)] == [rate]


@pytest.mark.parametrize("limits", [{"min": 3, "max": 2}, {"min": -1}])
def test_word_limit_refuses_impossible_limits(limits):
    with pytest.raises(ValueError, match="0 <= min <= max"):
        word_limit(["a"], **limits)


def test_limits_by_hand():
    assert latency_at_most([999.0, 1000.0, 1000.1], ms=1000) == [1.0, 1.0, 0.0]
    assert cost_at_most([0.1, 0.11], usd=0.1) == [1.0, 0.0]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("<think>a</think>b", None),
        (" <think>\na\n</think>\nb\n", None),
        ("<think>a</think>", "nothing after </think>"),
        ("<think> </think>b", "nothing inside <think>"),
        ("x<think>a</think>b", "text before <think>"),
        ("<think>a<think>b</think>c", "not exactly one <think>"),
        ("</think>a<think>b", "</think> before <think>"),
        ("b", "not exactly one <think>"),
    ],
)
def test_think_format_by_hand(text, said):
    (item,) = think_format([text])
    assert (value(item), fault(item)) == (float(said is None), said)


@pytest.mark.parametrize(
    ("rest", "rate"),
    [("<answer>4</answer>", 1.0), ("so <answer>4</answer>", 0.0), ("<answer></answer>", 0.0), ("4", 0.0), ("<answer>4</answer>.", 0.0)],
)
def test_think_format_with_an_answer_tag(rest, rate):
    assert [value(item) for item in think_format([f"<think>a</think>\n{rest}"], answer="answer")] == [rate]


@pytest.mark.parametrize(("text", "rate"), [("x <a>1</a> y", 1.0), ("<a>1</a><a>2</a>", 0.0), ("</a><a>", 0.0), ("<a> </a>", 0.0), ("", 0.0)])
def test_answer_tag_by_hand(text, rate):
    assert [value(item) for item in answer_tag([text], tag="a")] == [rate]


INSIDE = '<!DOCTYPE l [<!ENTITY a "JUDGE_MARK">]><l>&a;</l>'
OUTSIDE = '<!DOCTYPE l [<!ENTITY a SYSTEM "file:///x/JUDGE_MARK">]><l>&a;</l>'
PARAMETER = '<!DOCTYPE l [<!ENTITY % a "<!ELEMENT l ANY>"> %a;]><l/>'


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("<a/>", 1.0),
        ('<?xml version="1.0" encoding="utf-16"?><a>é</a>', 1.0),
        ("```xml\n<a>&lt;</a>\n```", 1.0),
        ("<!DOCTYPE a><a/>", 1.0),
        ("<a><b></a>", 0.0),
        ("<a/><b/>", 0.0),
        ("text", 0.0),
        ("", 0.0),
        ("<a>&undefined;</a>", 0.0),
        (INSIDE, 0.0),
        (OUTSIDE, 0.0),
        (PARAMETER, 0.0),
    ],
)
def test_xml_valid_by_hand(text, rate):
    assert [value(item) for item in xml_valid([text])] == [rate]


@pytest.mark.parametrize("text", [INSIDE, OUTSIDE, PARAMETER])
def test_xml_entities_are_refused(text):
    assert fault(xml_valid([text])[0]) == "declares an entity, which is refused"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("<p>a<br>b", None),
        ("<ul><li>a<li>b</ul>", None),
        ("<table><tr><td>1<td>2</table>", None),
        ("<!doctype html><html><body><div>x</div>", None),
        ("<script>if (a < b) { c = '</div>' }</script>", None),
        ("<div>", "<div> is never closed"),
        ("<b><i>x</b></i>", "</b> where </i> is open"),
        ("</p>", "</p> where nothing is open"),
        ("<!-- <b> --><p>a", None),
        ("<p>a<!-- b <!-- c --> d", None),
        ("<p>a<!-- b", "a comment is never closed"),
        ("<?" * 100, "holds no tag"),
        ("<p>a <b", None),
        ("<!--" * 100, "a comment is never closed"),
        ("no tags, 1 < 2", "holds no tag"),
        ("", "holds no tag"),
    ],
)
def test_html_valid_by_hand(text, said):
    (item,) = html_valid([text])
    assert (value(item), fault(item)) == (float(said is None), said)


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("a: 1\nb: [2]", 1.0),
        ("- a\n- b", 1.0),
        ("```yaml\na: 1\n```", 1.0),
        ("a: &a [x, *a]", 1.0),  # read as events: an alias is never followed, not even into itself
        ("!!python/object/apply:builtins.print {a: b}", 1.0),  # a tag does nothing
        ("prose", 0.0),
        ("", 0.0),
        ("a: [1", 0.0),
        ("a: b: c", 0.0),
        ("a: \t- x\x00", 0.0),
    ],
)
def test_yaml_valid_by_hand(text, rate):
    assert [value(item) for item in yaml_valid([text])] == [rate]


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("def f():\n    return 1", 1.0),
        ("```python\nx = 1\n```", 1.0),
        ("yes", 1.0),
        ("return return", 0.0),
        ("# only a comment", 0.0),
        ("", 0.0),
        ("a\0b", 0.0),
        (f"x = {'1' * 5000}", 0.0),
        ('"\\d"', 1.0),
    ],
)
def test_python_valid_by_hand(text, rate):
    assert [value(item) for item in python_valid([text])] == [rate]


@pytest.mark.parametrize("gives_up", [RecursionError, MemoryError])
def test_python_too_deep_for_the_parser_is_no_score(monkeypatch, gives_up):
    """The parser of Python says so by one of these: played here, since a text that deep is no text to keep."""
    monkeypatch.setattr("ast.parse", lambda _: (_ for _ in ()).throw(gives_up))
    assert [item.reason for item in python_valid(["x = 1"])] == ["metric_error"]


@pytest.mark.parametrize("scorer", [python_valid, yaml_valid])
def test_a_text_of_too_many_characters_is_no_score(scorer):
    fits, beyond = "a: 1\n" * 40_000, "a: 1\n" * 40_001
    assert len(fits) == 200_000
    assert value(scorer([fits])[0]) in (0.0, 1.0)
    assert [item.reason for item in scorer([beyond])] == ["metric_error"]


@pytest.mark.parametrize(("opens", "closes"), [("[", "]"), ("- ", ""), ("{a: ", "}")])
def test_yaml_nested_deeper_than_a_hundred_is_no_score(opens, closes):
    assert value(yaml_valid([f"{opens * 100}x{closes * 100}"])[0]) == 1.0
    assert [item.reason for item in yaml_valid([f"{opens * 101}x{closes * 101}"])] == ["metric_error"]


def test_sql_valid_by_hand():
    try:
        import sqlglot  # noqa: F401
    except ImportError:
        with pytest.raises(EnvironmentFailure, match="needs sqlglot"):
            sql_valid(["select 1"])
        pytest.skip("the extra sql is not installed")
    texts = ["select a from t where b = 1", "select from where", "", "hello", "create table t (a int)", "insert into t values (1)", "```sql\nselect 1;\n```"]
    assert [value(item) for item in sql_valid(texts)] == [1.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0]
    with pytest.raises(ValueError, match="dialect 'klingon'"):
        sql_valid(["select 1"], dialect="klingon")


@pytest.mark.parametrize(
    ("output", "reference", "any_order", "rate"),
    [
        ('{"a": 1, "b": [1, 2]}', '{"b": [1, 2], "a": 1.0}', False, 1.0),
        ("[1, 2]", "[2, 1]", False, 0.0),
        ("[1, 2]", "[2, 1]", True, 1.0),
        ('[{"a": [1, 2]}, 3]', '[3, {"a": [2, 1]}]', True, 1.0),
        ("[1, 1, 2]", "[1, 2, 2]", True, 0.0),
        ("true", "1", False, 0.0),
        ("null", '"null"', False, 0.0),
        ('"1"', "1", False, 0.0),
        ("```json\n[]\n```", "[]", False, 1.0),
        ("12345678901234567890123", "12345678901234567890124", False, 0.0),
        ("[1e400]", "[1e400]", False, 1.0),
        ('{"a": 1}', '{"a": 1, "b": null}', False, 0.0),
        ("no", "{}", False, 0.0),
        ("NaN", "1", False, 0.0),
        ("{}", "no json", False, None),
        ("{}", "NaN", False, None),
        ('"a\\u0062"', '"ab"', False, 1.0),
    ],
)
def test_json_match_by_hand(output, reference, any_order, rate):
    assert [value(item) for item in json_match([output], [reference], any_order=any_order)] == [rate]


def test_json_match_too_deep_is_no_score():
    deep = "[" * 1_025 + "]" * 1_025
    assert [item.reason for item in json_match([deep, "1"], ["1", deep])] == ["metric_error", "metric_error"]
