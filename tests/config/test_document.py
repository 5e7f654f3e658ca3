import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from judgecli.config.document import MAX_BYTES, MAX_DEPTH, MAX_NODES, parse_scalar, path_text, read_document
from judgecli.errors import ConfigError, UsageError


def read(text):
    return read_document(text.encode(), file="judge.yaml")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("yes", "yes"),
        ("on", "on"),
        ("off", "off"),
        ("n", "n"),
        ("True", True),
        ("false", False),
        ("1e3", 1000.0),
        ("1.", 1.0),
        (".5", 0.5),
        ("-1.5", -1.5),
        ("012", 12),
        ("0o17", 15),
        ("0x1F", 31),
        ("1_000", "1_000"),
        ("1:30", "1:30"),
        ("2026-10-01", "2026-10-01"),
        ("~", None),
        ("null", None),
        ("", None),
        ("'1'", "1"),
        ('"true"', "true"),
        ("!!str 1", "1"),
        ("[a, 1]", ["a", 1]),
        ("|\n  a\n  b\n", "a\nb\n"),
        ("${HOME}", "${HOME}"),
    ],
)
def test_core_schema_of_yaml_1_2(text, value):
    data = read(f"key: {text}").data
    assert data == {"key": value}
    assert type(data["key"]) is type(value)


@pytest.mark.parametrize(
    ("text", "where", "says"),
    [
        ("a: 1\na: 2", "judge.yaml:2:1", "the key 'a' stands here a second time"),
        ("a:\n  b: 1\n  c: 2\n  b: 3", "judge.yaml:4:3", "second time"),
        ("a: &x [*x]", "judge.yaml:1:8", "stands for nothing"),
        ("a: *nowhere", "judge.yaml:1:4", "stands for nothing"),
        ("a: .inf", "judge.yaml:1:4", "not a finite number"),
        ("a: .nan", "judge.yaml:1:4", "not a finite number"),
        ("a: 1e999", "judge.yaml:1:4", "cannot read the number"),
        ("a: " + "9" * 5000, "judge.yaml:1:4", "cannot read the number"),
        ("b: 1\n<<: {a: 1}", "judge.yaml:2:1", "merge keys"),
        ("? [a]\n: 1", "judge.yaml:1:3", "a key must be plain text"),
        ("---\na: 1\n---\nb: 1", "judge.yaml:3:1", "second document"),
        ("a: [1, 2\nb: 1", "judge.yaml:2:", "not valid YAML"),
        ("\ta: 1", "judge.yaml:1:1", "not valid YAML"),
        ("a: \x00", "judge.yaml:1:1", "not valid YAML"),
        ("[" * (MAX_DEPTH + 2), f"judge.yaml:1:{MAX_DEPTH + 2}", "nested deeper"),
        ("{a: " * (MAX_DEPTH + 2), "judge.yaml:1:", "nested deeper"),
        ("- " * (MAX_DEPTH + 2), "judge.yaml:1:", "nested deeper"),
    ],
)
def test_refused_with_line_and_column(text, where, says):
    with pytest.raises(ConfigError, match=says) as caught:
        read(text)
    assert str(caught.value).startswith(where)
    assert caught.value.hint


@pytest.mark.parametrize(
    "tag",
    [
        "!!python/object/apply:builtins.print ['JUDGE_MARK']",
        "!!python/name:builtins.print",
        "!!python/module:colorsys",
        "!!python/tuple [1]",
        "!include JUDGE_MARK",
        "!ENV x",
        "!!binary aGk=",
        "!!timestamp 2020-01-01",
        "!!set {a}",
        "!!omap []",
    ],
)
@pytest.mark.parametrize("place", ["a: {}", "- {}", "{}", "a: [1, {}]", "? {}\n: 1"])
def test_tags_are_refused_everywhere(tag, place):
    with pytest.raises(ConfigError, match=r"tag|key must be plain|not valid YAML"):
        read(place.format(tag))


def test_what_aliases_stand_for_is_bounded():
    """A list of 100 values, named as often as the limit allows, and once more than that."""
    fits = (MAX_NODES - 110) // 101

    def named(times):
        return f"a: &a [{', '.join('x' * 100)}]\nb: [{', '.join(['*a'] * times)}]"

    assert len(read(named(fits)).data["b"]) == fits
    with pytest.raises(ConfigError, match="aliases included"):
        read(named(fits + 3))


def test_an_alias_keeps_its_value():
    assert read("a: &x {b: [1]}\nc: *x").data == {"a": {"b": [1]}, "c": {"b": [1]}}


def test_too_many_bytes_and_wrong_encoding():
    with pytest.raises(ConfigError, match="more than a configuration may have"):
        read_document(b"#" * (MAX_BYTES + 1), file="judge.yaml")
    with pytest.raises(ConfigError, match=r"judge\.yaml:2:4: byte 0xff is not UTF-8"):
        read_document(b"a: 1\nb: \xff", file="judge.yaml")


def test_places_of_keys_and_items():
    document = read("logs:\n  - path: a\n    map: {input: q}\npolicy: [m,\n  n]")
    assert document.place(("logs", 0, "map", "input")) == (3, 11)
    assert document.place(("logs", 0)) == (2, 5)
    assert document.place(("policy", 1)) == (5, 3)
    assert document.place(("logs", 0, "gone", "deeper")) == (2, 5)
    assert path_text(("logs", 0, "map")) == "logs[0].map"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3),
        ("0.5", 0.5),
        ("true", True),
        ("no", "no"),
        ("'[$€]'", "[$€]"),
        ("[a, b]", ["a", "b"]),
        ("a: b", "a: b"),
        ("*x", "*x"),
        ("%", "%"),
        ("# x", "# x"),
        ("a #b", "a #b"),
        ("", ""),
        ("null", None),
        ("\\d+", "\\d+"),
        ("!x", "!x"),
    ],
)
def test_option_values(text, value):
    assert parse_scalar(text, where="x=regex:pattern") == value


@pytest.mark.parametrize("text", [".inf", "-.inf", ".nan", "1e999"])
def test_option_values_are_finite(text):
    with pytest.raises(UsageError, match="not a finite number"):
        parse_scalar(text, where="x")


@given(
    st.binary(max_size=200)
    | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass"))
    | st.text("{}[]:,-?!&*#|>'\"\\ \n\tab1.~", max_size=80).map(str.encode)
)
def test_any_bytes_give_data_or_a_config_error(raw):
    with contextlib.suppress(ConfigError):
        read_document(raw, file="judge.yaml")
